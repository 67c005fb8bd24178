//! Protobuf and frames, byte by byte.

use super::super::message::{Error, Said, descriptor, frame, read, request};

fn status(bytes: &[u8]) -> Vec<u8> {
    [&[8, 1, 18, bytes.len() as u8][..], bytes].concat()
}

#[test]
fn requests_are_written_as_protobuf_does() {
    let descriptor = descriptor([("policy", "all"), ("consumer", "x")]);
    assert_eq!(descriptor, b"\x0a\x0d\x0a\x06policy\x12\x03all\x0a\x0d\x0a\x08consumer\x12\x01x");
    let message = request("d", &descriptor, 300);
    assert_eq!(message, [&b"\x0a\x01d\x12\x1e"[..], &descriptor, b"\x18\xac\x02"].concat());
    assert_eq!(frame(b"abc"), b"\0\0\0\0\x03abc");
}

#[test]
fn answers_are_read_strictly() {
    let granted = |remaining, reset_ms| Ok(Said::Granted { remaining, reset_ms });
    // `x-ratelimit-remaining: 9`, `X-RateLimit-Reset: 58`
    let headers = [
        &b"\x08\x01\x1a\x1a\x0a\x15x-ratelimit-remaining\x12\x019"[..],
        b"\x1a\x17\x0a\x11X-RateLimit-Reset\x1a\x0258",
    ]
    .concat();
    let rows: [(&str, &[u8], Result<Said, Error>); 26] = [
        ("granted, and no word more", &[8, 1], granted(None, None)),
        ("refused", &[8, 2], Ok(Said::Refused { reset_ms: None })),
        ("nothing", &[], Err(Error::Unknown)),
        ("unknown", &[8, 0], Err(Error::Unknown)),
        ("another code", &[8, 3], Err(Error::Unknown)),
        ("a limit, nothing left", &status(&[8, 1, 18, 2, 8, 5]), granted(Some(0), None)),
        ("a limit, some left", &status(&[8, 1, 18, 2, 8, 5, 24, 4, 34, 2, 8, 60]), granted(Some(4), Some(60_000))),
        ("parts of a second", &status(&[8, 1, 18, 0, 34, 5, 16, 0x80, 0xe1, 0xeb, 0x17]), granted(Some(0), Some(50))),
        (
            "a time that is past",
            &status(&[8, 1, 18, 0, 34, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            granted(Some(0), None),
        ),
        ("no limit, and much left", &status(&[8, 1, 24, 255, 255, 255, 255, 15]), granted(Some(u32::MAX), None)),
        ("no limit", &status(&[8, 1]), Err(Error::NoLimit)),
        ("it contradicts itself", &status(&[8, 2]), Err(Error::Unknown)),
        ("a status that does not say", &status(&[18, 0]), Err(Error::Unknown)),
        ("two statuses", &[8, 1, 18, 2, 8, 1, 18, 2, 8, 1], Err(Error::Statuses)),
        ("Limitador's headers", &headers, granted(Some(9), Some(58_000))),
        ("a header that is no number", b"\x08\x01\x1a\x1a\x0a\x15x-ratelimit-remaining\x12\x01x", granted(None, None)),
        ("unknown fields", &[8, 1, 42, 1, 0, 57, 0, 0, 0, 0, 0, 0, 0, 0, 61, 0, 0, 0, 0, 64, 7], granted(None, None)),
        ("a field of another type", &[10, 1, 0], Err(Error::Wire)),
        ("a number as a status", &[16, 1], Err(Error::Wire)),
        ("a group", &[8, 1, 43, 44], Err(Error::Wire)),
        ("field 0", &[8, 1, 0, 0], Err(Error::Wire)),
        ("cut in a number", &[8, 0x81], Err(Error::Wire)),
        ("cut in bytes", &[8, 1, 18, 3, 8, 1], Err(Error::Wire)),
        ("cut in eight bytes", &[57, 0, 0, 0], Err(Error::Wire)),
        ("a number of eleven bytes", &[8, 0x81, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0], Err(Error::Wire)),
        ("a number over 64 bits", &[8, 0x81, 128, 128, 128, 128, 128, 128, 128, 128, 2], Err(Error::Wire)),
    ];
    for (name, message, want) in rows {
        assert_eq!(read(&frame(message)), want, "{name}");
    }
}

#[test]
fn frames_are_whole_and_not_compressed() {
    for (name, body) in [
        ("nothing", &b""[..]),
        ("cut in the head", b"\0\0\0\0"),
        ("compressed", b"\x01\0\0\0\x02\x08\x01"),
        ("too short", b"\0\0\0\0\x03\x08\x01"),
        ("more than one", b"\0\0\0\0\x02\x08\x01\0\0\0\0\x02\x08\x01"),
        ("a length over all memory", b"\0\xff\xff\xff\xff\x08\x01"),
    ] {
        assert_eq!(read(body), Err(Error::Frame), "{name}");
    }
}

#[test]
fn no_bytes_are_too_odd() {
    // Every answer of up to three bytes, and a good one with each of its bytes changed.
    for bytes in 0..=0xff_ffff_u32 / 61 {
        let _ = read(&frame(&(bytes * 61).to_le_bytes()[..3]));
    }
    let good = super::response(false, Some((100, 99, 60)));
    for place in 0..good.len() {
        for byte in 0..=255 {
            let mut bytes = good.clone();
            bytes[place] = byte;
            let _ = read(&bytes);
        }
        assert!(read(&good[..place]).is_err(), "cut at {place}");
    }
}

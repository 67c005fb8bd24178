//! Packed bodies: unpacked before our filter, packed again after it, refused where they stay packed.

mod damaged;
mod pair;
mod reference;

use lockgate_envoy_tests::{Answer, End, Request, Response, Setup, Signal, Upstream, cases, h2};

use self::pair::{Codec, between, gunzip, gzip, unpacks};
use super::{PART, PART_STRIPPED, assert_body, assert_no_secret, assert_refused, lexemes};

const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

/// What a client accepts, and the coding that it gets.
const ACCEPTED: [(Option<&str>, Option<&str>); 7] = [
    (None, None),
    (Some("gzip"), Some("gzip")),
    (Some("br"), Some("br")),
    (Some("gzip;q=0.9, br;q=0.1"), Some("gzip")),
    (Some("br, gzip;q=0.5"), Some("br")),
    (Some("identity"), None),
    (Some("zstd, deflate"), None),
];

fn accepting(path: &str, accepted: Option<&str>) -> Request {
    let request = Request::get(path);
    if let Some(accepted) = accepted { request.header("accept-encoding", accepted) } else { request }
}

#[test]
fn clients_get_the_coding_they_ask_for_whatever_the_portal_packs() {
    let upstream = Upstream::start();
    let codec = Codec::new();
    let gate = between(Setup::new(&upstream)).start();
    let packed = gzip(PART);
    let whole = |body: &[u8], head: &[(&str, &str)]| Answer::with("200 OK", head, body);
    let chunked = |body: &[u8], size: usize, head: &[(&str, &str)]| {
        let head = [head, &[("transfer-encoding", "chunked")]].concat();
        Answer::head("200 OK", &head).chunks(body.chunks(size)).send("0\r\n\r\n")
    };
    let (plain_head, gzip_head) = ([JSON], [JSON, GZIP]);
    let answers = [
        ("plain", whole(PART.as_bytes(), &plain_head)),
        ("plain in chunks", chunked(PART.as_bytes(), 50, &plain_head)),
        ("gzip", whole(&packed, &gzip_head)),
        ("gzip by 1", chunked(&packed, 1, &gzip_head)),
        ("gzip by 7", chunked(&packed, 7, &gzip_head)),
        ("gzip by 100", chunked(&packed, 100, &gzip_head)),
        ("gzip in one chunk", chunked(&packed, 10_000, &gzip_head)),
        ("gzip until the end", {
            Answer::head("200 OK", &[JSON, GZIP, ("connection", "close")]).pieces(&packed, 60).close()
        }),
    ];
    cases::each(answers, |_, answer| {
        upstream.on("/api/part", answer);
        for (accepted, coding) in ACCEPTED {
            let response = gate.ask(&accepting("/api/part", accepted));
            assert_eq!((response.status, response.end), (200, End::Complete), "{accepted:?}: {response}");
            assert_no_secret(&response);
            assert_eq!(response.header("content-encoding").as_deref(), coding, "{accepted:?}: {response}");
            assert_eq!(response.header("content-length"), None, "{response}");
            assert!(response.header("vary").unwrap().to_ascii_lowercase().contains("accept-encoding"), "{response}");
            assert_eq!(lexemes(codec.unpack(coding, &response.body)), lexemes(PART_STRIPPED), "{accepted:?}");

            let admin = gate.ask(&accepting("/api/part", accepted).admin());
            assert_eq!((admin.status, admin.end), (200, End::Complete), "{admin}");
            assert_eq!(admin.header("content-encoding").as_deref(), coding, "{accepted:?}: {admin}");
            assert!(codec.unpack(coding, &admin.body) == PART.as_bytes(), "the admin's body is changed: {admin}");
        }
    });
    assert!(!gate.envoy.log().contains("[critical]"), "{}", gate.envoy.log());
}

#[test]
fn over_http_2_nothing_tells_how_long_the_answer_was() {
    let upstream = Upstream::start();
    let codec = Codec::new();
    let gate = between(Setup::new(&upstream)).start();
    let head = [JSON, GZIP, ("transfer-encoding", "chunked")];
    let answer = Answer::head("200 OK", &head).chunks([gzip(PART).as_slice()]);
    for (answer, trailer) in
        [(answer.clone().send("0\r\n\r\n"), None), (answer.trailers(&[("x-kept", "yes")]), Some("yes"))]
    {
        upstream.on("/api/part", answer);
        for (accepted, coding) in ACCEPTED {
            let mut request = http::Request::get(format!("http://{}/api/part", gate.address()));
            if let Some(accepted) = accepted {
                request = request.header("accept-encoding", accepted);
            }
            let response = h2::ask(gate.address(), request.body(()).unwrap(), None);
            assert_eq!((response.status.map(|status| status.as_u16()), &response.reset), (Some(200), &None));
            assert_eq!(response.header("content-encoding"), coding, "{accepted:?}");
            assert_eq!(lexemes(codec.unpack(coding, &response.body)), lexemes(PART_STRIPPED), "{accepted:?}");
            assert_eq!(response.trailers.len(), usize::from(trailer.is_some()), "{:?}", response.trailers);
            assert_eq!(response.trailers.get("x-kept").and_then(|value| value.to_str().ok()), trailer);
        }
    }
}

#[test]
fn a_megabyte_streams_through_both() {
    let upstream = Upstream::start();
    let codec = Codec::new();
    let gate = between(Setup::new(&upstream)).start();
    let (body, stripped) = (long(4000), lexemes(long(4000).replace(PART, PART_STRIPPED)));
    assert!(body.len() > 1_000_000, "{}", body.len());
    let packed = gzip(&body);
    for size in [1460, 16_384, 1 << 20] {
        let head = [JSON, GZIP, ("transfer-encoding", "chunked")];
        upstream.on("/api/long", Answer::head("200 OK", &head).chunks(packed.chunks(size)).send("0\r\n\r\n"));
        for (accepted, coding) in [(None, None), (Some("gzip"), Some("gzip")), (Some("br"), Some("br"))] {
            let response = gate.ask(&accepting("/api/long", accepted));
            assert_eq!((response.status, response.end), (200, End::Complete), "{response}");
            assert_eq!(response.header("content-encoding").as_deref(), coding);
            assert!(lexemes(codec.unpack(coding, &response.body)) == stripped, "by {size}, {accepted:?}");
            let admin = gate.ask(&accepting("/api/long", accepted).admin());
            assert!(codec.unpack(coding, &admin.body) == body.as_bytes(), "by {size}, {accepted:?}: {admin}");
        }
    }
}

#[test]
fn portals_are_asked_for_plain_text() {
    let upstream = Upstream::start();
    let gate = between(Setup::new(&upstream)).start();
    upstream.on("/api/part", Answer::json(PART));
    upstream.on("/elsewhere", Answer::json(PART));
    for (accepted, _) in ACCEPTED {
        for path in ["/api/part", "/elsewhere"] {
            for request in [accepting(path, accepted), accepting(path, accepted).admin()] {
                gate.ask(&request);
                assert_eq!(upstream.last(path).header("accept-encoding").as_deref(), Some("identity"), "{accepted:?}");
            }
        }
    }
}

#[test]
fn what_stays_packed_is_refused() {
    let upstream = Upstream::start();
    let codec = Codec::new();
    let gate = between(Setup::new(&upstream)).start();
    let (zip, brotli) = (gzip(PART), codec.brotli(PART));
    let rows: [(&str, &[&str], Vec<u8>); 12] = [
        ("brotli", &["br"], brotli.clone()),
        ("deflate", &["deflate"], zip.clone()),
        ("zstd", &["zstd"], PART.into()),
        ("the old name of gzip", &["x-gzip"], zip.clone()),
        ("an unknown one", &["nonsense"], PART.into()),
        ("gzip, then brotli", &["gzip, br"], codec.brotli(zip.as_slice())),
        ("brotli, then gzip", &["br, gzip"], gzip(brotli)),
        ("gzip twice", &["gzip, gzip"], gzip(&zip)),
        ("an unknown one, then gzip", &["nonsense, gzip"], zip.clone()),
        ("two lines", &["gzip", "br"], codec.brotli(zip.as_slice())),
        ("gzip on two lines", &["gzip", "gzip"], gzip(&zip)),
        ("no label", &[], zip),
    ];
    cases::each(rows.map(|(name, codings, body)| (name, (codings, body))), |_, (codings, body)| {
        let mut head = vec![JSON];
        head.extend(codings.iter().map(|coding| ("content-encoding", *coding)));
        upstream.on("/api/coded", Answer::with("200 OK", &head, body));
        for (accepted, _) in ACCEPTED {
            assert_refused(&gate.ask(&accepting("/api/coded", accepted)));
        }
    });
}

#[test]
fn no_transform_does_not_keep_a_body_packed() {
    let upstream = Upstream::start();
    let gate = between(Setup::new(&upstream)).start();
    let head = [JSON, GZIP, ("cache-control", "no-transform")];
    upstream.on("/api/part", Answer::with("200 OK", &head, gzip(PART)));
    assert_body(&gate.ask(&accepting("/api/part", Some("gzip"))), PART_STRIPPED);
}

#[test]
fn packing_holds_no_event_and_no_record_back() {
    let upstream = Upstream::start();
    let codec = Codec::new();
    let gate = between(Setup::new(&upstream)).start();
    // More than our filter looks at before it lets a head go.
    let (first, second) = (format!("[{}", format!("{PART},").repeat(40)), format!("{PART}]"));
    let rows = [
        ("application/json", false, "gzip", Some("gzip")),
        ("application/json", false, "br", Some("br")),
        ("application/x-ndjson", true, "gzip", Some("gzip")),
        ("application/x-ndjson", true, "br", Some("br")),
        ("text/event-stream", true, "gzip, br", None),
    ];
    cases::each(rows.map(|row| (format!("{row:?}"), row)), |_, (content_type, admin, accepted, coding)| {
        let taken = Signal::new();
        let head = [("content-type", content_type), ("transfer-encoding", "chunked")];
        let answer = Answer::head("200 OK", &head).chunks([first.as_bytes()]).wait(&taken);
        upstream.on("/api/slow", answer.chunks([second.as_bytes()]).send("0\r\n\r\n"));
        let mut client = gate.connect();
        let request = accepting("/api/slow", Some(accepted));
        client.send(&if admin { request.admin() } else { request });
        let (status, headers) = client.head().unwrap();
        let seen = headers.iter().find(|(name, _)| name == b"content-encoding").map(|(_, value)| value.as_slice());
        assert_eq!((status, seen), (200, coding.map(str::as_bytes)));
        // The second half is not sent before the first has been read here.
        let want = lexemes(if admin { first.clone() } else { first.replace(PART, PART_STRIPPED) });
        let mut body = Vec::new();
        loop {
            let size = chunk_size(&mut client);
            body.extend_from_slice(&client.raw_bytes(size));
            client.raw_bytes(2);
            let text = codec.unpack(coding, &body);
            if lexemes(&text).starts_with(&want) {
                break;
            }
        }
        taken.give();
    });
}

#[test]
fn validators_and_parts_stay_true() {
    let upstream = Upstream::start();
    let gate = between(Setup::new(&upstream)).start();
    upstream.on("/api/part", Answer::with("200 OK", &[JSON, ("etag", "\"1\"")], PART));
    let etag = |request: Request| gate.ask(&request).header("etag");
    assert_eq!(etag(accepting("/api/part", None).admin()).as_deref(), Some("\"1\""));
    assert_eq!(etag(accepting("/api/part", Some("gzip")).admin()), None, "not of these bytes");
    assert_eq!(etag(accepting("/api/part", Some("gzip"))), None);

    let head = [("content-type", "text/plain"), ("content-range", "bytes 0-299/9000")];
    upstream.on("/api/file", Answer::with("206 Partial Content", &head, &PART.as_bytes()[..300]));
    let part = gate.ask(&accepting("/api/file", Some("gzip")).admin());
    assert_eq!((part.status, part.header("content-encoding")), (206, None), "{part}");
    assert!(part.body == PART.as_bytes()[..300], "{part}");
    assert_refused(&gate.ask(&accepting("/api/file", Some("gzip"))));

    for request in [Request::new("HEAD", "/api/part"), Request::new("HEAD", "/api/part").admin()] {
        upstream.on("/api/part", Answer::head("200 OK", &[JSON, GZIP, ("content-length", "99")]));
        let response = gate.ask(&request.header("accept-encoding", "gzip"));
        assert_eq!((response.status, response.end, response.body.len()), (200, End::Complete, 0), "{response}");
    }
}

#[test]
fn a_filter_that_keeps_no_heads_works_with_the_pair() {
    let upstream = Upstream::start();
    let gate = between(Setup::new(&upstream).streaming_heads()).start();
    for body in [PART.to_owned(), long(300)] {
        upstream.on("/api/part", Answer::with("200 OK", &[JSON, GZIP], gzip(&body)));
        for _ in 0..3 {
            let response = gate.ask(&accepting("/api/part", Some("gzip")));
            assert_eq!((response.status, response.end), (200, End::Complete), "{response}");
            assert_eq!(lexemes(gunzip(&response.body)), lexemes(body.replace(PART, PART_STRIPPED)));
        }
    }
}

/// Parts, none of them like another to a packer.
fn long(parts: usize) -> String {
    let parts: Vec<String> =
        (0..parts).map(|n: usize| format!("{{\"n\":{}}},{PART}", n.wrapping_mul(0x9e37_79b9))).collect();
    format!("[{}]", parts.join(","))
}

/// The size line of a chunk.
fn chunk_size(client: &mut lockgate_envoy_tests::Client) -> usize {
    let mut line = String::new();
    while !line.ends_with("\r\n") {
        let byte = client.raw_bytes(1);
        assert!(!byte.is_empty(), "nothing comes any more");
        line.push(char::from(byte[0]));
    }
    usize::from_str_radix(line.trim(), 16).unwrap()
}

fn gate_with_brotli(upstream: &Upstream) -> Setup {
    between(Setup::new(upstream)).filter(unpacks("brotli"))
}

#[test]
fn a_second_decompressor_lets_brotli_portals_work() {
    let upstream = Upstream::start();
    let codec = Codec::new();
    let gate = gate_with_brotli(&upstream).start();
    for (coding, body) in [("br", codec.brotli(PART)), ("gzip", gzip(PART))] {
        upstream.on("/api/part", Answer::with("200 OK", &[JSON, ("content-encoding", coding)], body));
        assert_body(&gate.get("/api/part"), PART_STRIPPED);
        assert_eq!(gate.ask(&Request::get("/api/part").admin()).text(), PART);
    }
    // The price: what was packed by both is unpacked in the wrong order, and nothing is left of it.
    upstream
        .on("/api/both", Answer::with("200 OK", &[JSON, ("content-encoding", "br, gzip")], gzip(codec.brotli(PART))));
    let both: Response = gate.get("/api/both");
    assert_no_secret(&both);
    assert!(both.body.is_empty() || both.status == 502, "{both}");
}

//! The messages of `envoy.service.ratelimit.v3` as far as they are used, in protobuf's wire form, and gRPC's frame around them.
//!
//! Reading is strict and bounded: a message ends where its bytes do, numbers fit, nothing nests deeper than the three levels
//! that are read, unknown fields are passed over, and groups, which proto3 does not have, are refused.

/// Longest answer of the service, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 16_384;

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum Error {
    /// It is not one whole, uncompressed message.
    Frame,
    /// It is no protobuf, or not of the fields' types.
    Wire,
    /// It is about something else than the one descriptor that was asked about.
    Statuses,
    /// The service does not know, or contradicts itself.
    Unknown,
    /// The service has no limit for the descriptor: to lease of that would be to have none here either.
    NoLimit,
}

/// What the service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Granted { remaining: Option<u32>, reset_ms: Option<u64> },
    Refused { reset_ms: Option<u64> },
}

/// A `RateLimitRequest`.
pub(super) fn request(domain: &str, descriptor: &[u8], hits: u32) -> Vec<u8> {
    let mut message = Vec::new();
    put_bytes(&mut message, 1, domain.as_bytes());
    put_bytes(&mut message, 2, descriptor);
    put_number(&mut message, 3, u64::from(hits));
    message
}

/// A `RateLimitDescriptor`.
pub(super) fn descriptor<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut message = Vec::new();
    for (key, value) in entries {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, key.as_bytes());
        put_bytes(&mut entry, 2, value.as_bytes());
        put_bytes(&mut message, 1, &entry);
    }
    message
}

/// One message as gRPC sends it: not compressed, with its length.
pub(super) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn unframe(body: &[u8]) -> Result<&[u8], Error> {
    let (head, message) = body.split_first_chunk::<5>().ok_or(Error::Frame)?;
    let [0, length @ ..] = *head else { return Err(Error::Frame) };
    let whole = usize::try_from(u32::from_be_bytes(length)).is_ok_and(|length| length == message.len());
    whole.then_some(message).ok_or(Error::Frame)
}

/// Reads the body of an answer: a framed `RateLimitResponse` about one descriptor.
pub(super) fn read(body: &[u8]) -> Result<Said, Error> {
    let mut overall = 0;
    let mut status = None;
    let mut headers = Headers::default();
    each(unframe(body)?, |field, value| {
        match (field, value) {
            (1, Value::Number(code)) => overall = code,
            (2, Value::Bytes(bytes)) => {
                status = match status {
                    None => Some(Status::read(bytes)?),
                    Some(_) => return Err(Error::Statuses),
                };
            }
            (3, Value::Bytes(bytes)) => headers.read(bytes)?,
            (1..=3, _) => return Err(Error::Wire),
            _ => {}
        }
        Ok(())
    })?;
    let Status { code, limited, remaining, reset_ms } = status.unwrap_or(Status {
        // Limitador has none, and says the rest in headers if it is told to.
        code: overall,
        limited: true,
        remaining: headers.remaining,
        reset_ms: headers.reset_ms,
    });
    match (overall, code) {
        (OVER_LIMIT, OVER_LIMIT) => Ok(Said::Refused { reset_ms }),
        (OK, OK) if limited || remaining.is_some() || reset_ms.is_some() => Ok(Said::Granted { remaining, reset_ms }),
        (OK, OK) => Err(Error::NoLimit),
        _ => Err(Error::Unknown),
    }
}

const OK: u64 = 1;
const OVER_LIMIT: u64 = 2;

/// A `DescriptorStatus`.
struct Status {
    code: u64,
    /// Whether it names a limit.
    limited: bool,
    remaining: Option<u32>,
    reset_ms: Option<u64>,
}

impl Status {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (mut status, mut remaining) = (Self { code: 0, limited: false, remaining: None, reset_ms: None }, 0);
        each(bytes, |field, value| {
            match (field, value) {
                (1, Value::Number(code)) => status.code = code,
                (2, Value::Bytes(_)) => status.limited = true,
                (3, Value::Number(number)) => remaining = u32::try_from(number).unwrap_or(u32::MAX),
                (4, Value::Bytes(bytes)) => status.reset_ms = duration_ms(bytes)?,
                (1..=4, _) => return Err(Error::Wire),
                _ => {}
            }
            Ok(())
        })?;
        // proto3 leaves zeros out: where there is a limit, no number is a zero.
        status.remaining = (status.limited || remaining > 0).then_some(remaining);
        Ok(status)
    }
}

/// A `google.protobuf.Duration`, rounded down; `None` when it is negative.
fn duration_ms(bytes: &[u8]) -> Result<Option<u64>, Error> {
    let (mut seconds, mut nanos) = (0_u64, 0_u64);
    each(bytes, |field, value| {
        match (field, value) {
            (1, Value::Number(number)) => seconds = number,
            (2, Value::Number(number)) => nanos = number,
            (1 | 2, _) => return Err(Error::Wire),
            _ => {}
        }
        Ok(())
    })?;
    let negative = i64::try_from(seconds).is_err() || nanos >= 1_000_000_000;
    Ok((!negative).then_some(seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)))
}

/// What headers for the client say (draft-polli-ratelimit-headers-03).
#[derive(Default)]
struct Headers {
    remaining: Option<u32>,
    reset_ms: Option<u64>,
}

impl Headers {
    /// A `HeaderValue`.
    fn read(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (mut name, mut text) = (&[][..], &[][..]);
        each(bytes, |field, value| {
            match (field, value) {
                (1, Value::Bytes(bytes)) => name = bytes,
                (2 | 3, Value::Bytes(bytes)) => text = bytes,
                (1..=3, _) => return Err(Error::Wire),
                _ => {}
            }
            Ok(())
        })?;
        let number = || std::str::from_utf8(text).ok()?.parse::<u32>().ok();
        if name.eq_ignore_ascii_case(b"x-ratelimit-remaining") {
            self.remaining = number();
        } else if name.eq_ignore_ascii_case(b"x-ratelimit-reset") {
            self.reset_ms = number().map(|seconds| u64::from(seconds).saturating_mul(1_000));
        }
        Ok(())
    }
}

/// A field's value.
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Gives each field of a message with its number.
pub(super) fn each<'a>(
    mut rest: &'a [u8],
    mut take: impl FnMut(u64, Value<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    while !rest.is_empty() {
        let tag = number(&mut rest)?;
        let field = tag >> 3;
        if field == 0 {
            return Err(Error::Wire);
        }
        let value = match tag & 7 {
            0 => Value::Number(number(&mut rest)?),
            1 => fixed(&mut rest, 8)?,
            2 => {
                let length = usize::try_from(number(&mut rest)?).map_err(|_| Error::Wire)?;
                let (bytes, after) = rest.split_at_checked(length).ok_or(Error::Wire)?;
                rest = after;
                Value::Bytes(bytes)
            }
            5 => fixed(&mut rest, 4)?,
            _ => return Err(Error::Wire),
        };
        take(field, value)?;
    }
    Ok(())
}

fn fixed<'a>(rest: &mut &'a [u8], length: usize) -> Result<Value<'a>, Error> {
    let (_, after) = rest.split_at_checked(length).ok_or(Error::Wire)?;
    *rest = after;
    Ok(Value::Fixed)
}

/// A base-128 number of at most ten bytes that fits 64 bits.
fn number(rest: &mut &[u8]) -> Result<u64, Error> {
    let mut number = 0_u64;
    for place in 0..10 {
        let (&byte, after) = rest.split_first().ok_or(Error::Wire)?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if place == 9 && bits > 1 {
            return Err(Error::Wire);
        }
        number |= bits << (7 * place);
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Error::Wire)
}

fn put_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put(message, field << 3 | 2);
    put(message, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    message.extend_from_slice(bytes);
}

fn put_number(message: &mut Vec<u8>, field: u64, number: u64) {
    put(message, field << 3);
    put(message, number);
}

fn put(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

//! What a rate-limit service may answer: any bytes. A request passes only when a reader that is not ours finds the grant in them,
//! and no more requests pass than were granted.

use lockgate::exchange::Policy as _;
use lockgate::host::CallResult;
use lockgate::rate_limit::{MAX_RESPONSE_BYTES, Policy};
use lockgate::replay::{self, Answer, Content, Heads, MemoryHost, Request};

const NOW: u64 = 1_750_000_000_000;
const METHOD: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
const CONFIGURATION: &str = r#"{
    "policies": [{"name": "all", "match": {"paths": ["/**"]}, "key": [{"constant": "all"}], "limit": 100, "window_s": 60}],
    "shared": {"cluster": "limits", "domain": "d", "on_error": "deny"}}"#;

pub(super) fn check(input: &[u8]) {
    let policy = Policy::from_json(CONFIGURATION.as_bytes()).expect("a good configuration");
    let mut host = MemoryHost { now_ms: Some(NOW), ..MemoryHost::default() };
    policy.start(&mut host);
    let result = CallResult::Answered { status: 200, body: input.to_vec() };
    host.answers.insert(("limits".to_owned(), METHOD.to_owned()), result);
    let request = Request { method: "GET".to_owned(), path: "/x".to_owned(), content: Content::default() };
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    let mut ask = || {
        let outcome = replay::run(&policy, &mut host, &request, &answer, Heads::GoOn);
        (outcome.status, host.calls.len())
    };
    let want = verdict(input).map_or(503, |granted| if granted { 200 } else { 429 });
    let (status, calls) = ask();
    assert_eq!((status, calls), (want, 1));
    for _ in 0..4 {
        let (status, calls) = ask();
        // Where nothing was left, the next one is refused.
        assert!(status == want || (want, status) == (200, 429), "{status}, not {want}, after {calls} calls");
        assert!(calls <= 10);
    }
}

/// Whether the answer grants; `None`: it is none.
fn verdict(body: &[u8]) -> Option<bool> {
    let (head, message) = body.split_at_checked(5).filter(|_| body.len() <= MAX_RESPONSE_BYTES)?;
    let length = u32::from_be_bytes(head[1..].try_into().ok()?);
    let fields = fields(message).filter(|_| head[0] == 0 && length as usize == message.len())?;
    let (mut overall, mut statuses, mut says) = (0, Vec::new(), true);
    for (field, value) in fields {
        match (field, value) {
            (1, Value::Number(code)) => overall = code,
            (2, Value::Bytes(bytes)) => statuses.push(status(bytes)?),
            (3, Value::Bytes(bytes)) => header(bytes)?,
            (1..=3, _) => return None,
            _ => {}
        }
    }
    let code = match statuses[..] {
        [] => overall,
        [(code, its)] => {
            says = its;
            code
        }
        _ => return None,
    };
    match (overall, code) {
        (1, 1) if says => Some(true),
        (2, 2) => Some(false),
        _ => None,
    }
}

/// The code of a descriptor, and whether there is a word of a limit.
fn status(bytes: &[u8]) -> Option<(u64, bool)> {
    let (mut code, mut limit, mut left, mut reset) = (0, false, 0, false);
    for (field, value) in fields(bytes)? {
        match (field, value) {
            (1, Value::Number(number)) => code = number,
            (2, Value::Bytes(_)) => limit = true,
            (3, Value::Number(number)) => left = number,
            (4, Value::Bytes(bytes)) => {
                let (mut seconds, mut nanos) = (0, 0);
                for (field, value) in fields(bytes)? {
                    match (field, value) {
                        (1, Value::Number(number)) => seconds = number,
                        (2, Value::Number(number)) => nanos = number,
                        (1 | 2, _) => return None,
                        _ => {}
                    }
                }
                reset = seconds >> 63 == 0 && nanos < 1_000_000_000;
            }
            (1..=4, _) => return None,
            _ => {}
        }
    }
    Some((code, limit || left > 0 || reset))
}

/// Headers have to be ones.
fn header(bytes: &[u8]) -> Option<()> {
    let is_text = |(field, value): &(u64, Value<'_>)| *field > 3 || matches!(value, Value::Bytes(_));
    fields(bytes)?.iter().all(is_text).then_some(())
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of a protobuf message.
fn fields(bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    fn number(bytes: &[u8], at: &mut usize) -> Option<u64> {
        let rest = bytes.get(*at..)?;
        let length = rest.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
        let wide = rest[..length].iter().rev().fold(0_u128, |number, byte| number << 7 | u128::from(byte & 0x7f));
        *at += length;
        u64::try_from(wide).ok()
    }
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let tag = number(bytes, &mut at)?;
        let value = match tag % 8 {
            0 => Value::Number(number(bytes, &mut at)?),
            kind @ (1 | 5) => {
                at += if kind == 1 { 8 } else { 4 };
                bytes.get(..at)?;
                Value::Fixed
            }
            2 => {
                let length = usize::try_from(number(bytes, &mut at)?).ok()?;
                let end = at.checked_add(length)?;
                let value = Value::Bytes(bytes.get(at..end)?);
                at = end;
                value
            }
            _ => return None,
        };
        if tag < 8 {
            return None;
        }
        found.push((tag / 8, value));
    }
    Some(found)
}

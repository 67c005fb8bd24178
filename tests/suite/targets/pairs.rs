//! Values that stand beside their name, against a simple reader. Options: the media type, how much may be held, whether values
//! are replaced, the width of chunks.

use lockgate::csv::Spellings;
use lockgate::exchange::Policy as _;
use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Outcome, Request};
use lockgate::revenue_strip::Policy;

use super::names::is_taken;
use super::{Options, SECRET, has_secret};
use crate::oracle::{Form, texts};

const PAIRS: [(&str, &str); 4] = [("name", "value"), ("k", "v"), ("name", "alt"), ("label", "v")];
const MEDIA: [(&str, Form); 3] =
    [("application/json", Form::One), ("application/x-ndjson", Form::Lines), ("application/json-seq", Form::Records)];
/// The least that may be held, and more than any input needs.
const HELD: [usize; 2] = [1024, 1 << 20];
const REPLACEMENT: &str = r#""gone""#;

thread_local! {
    /// For each of [`HELD`], removing and replacing, without and with the guard.
    static POLICIES: Vec<[[Policy; 2]; 2]> = HELD
        .iter()
        .map(|&held| [false, true].map(|replace| [false, true].map(|guard| policy(held, replace, guard))))
        .collect();
}

fn policy(max_pair_bytes: usize, replace: bool, guard: bool) -> Policy {
    let pairs: Vec<_> = PAIRS.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect();
    let action = if replace { serde_json::json!({"redact": "gone"}) } else { "remove".into() };
    let config = serde_json::json!({
        "guard": guard,
        "limits": {"hold_bytes": 0, "max_pair_bytes": max_pair_bytes},
        "rules": [{"name": "r", "match": {"paths": ["/api/**"]}, "action": action, "pairs": pairs}],
    });
    Policy::from_json(config.to_string().as_bytes()).expect("a good configuration")
}

fn ask(policy: &Policy, media: &str, body: &[u8], chunk: usize) -> Outcome {
    let request = Request { method: "GET".to_owned(), path: "/api/x".to_owned(), content: Content::default() };
    let content = Content {
        headers: vec![("content-type".to_owned(), media.as_bytes().to_vec())],
        body: body.to_vec(),
        chunk,
        ..Content::default()
    };
    let answer = Answer::Response { status: 200, content, cut: false };
    replay::run(policy, &mut MemoryHost::default(), &request, &answer, Heads::GoOn)
}

/// The reason of an answer that is no pass.
fn refusal(outcome: &Outcome) -> Option<&'static str> {
    match outcome.ending {
        Ending::Pass => None,
        Ending::Reply(reason) => Some(reason),
        Ending::Abort(reason) => Some(reason.expect("a reason")),
    }
}

pub(super) fn check(input: &[u8]) {
    let (mut options, body) = Options::split(input);
    let (media, form) = MEDIA[options.number() % MEDIA.len()];
    let held = options.number() % HELD.len();
    let replace = options.flag();
    let chunk = options.number();
    let replacement = replace.then_some(REPLACEMENT);

    POLICIES.with(|policies| {
        let [bare, guarded] = &policies[held][usize::from(replace)];
        let whole = ask(bare, media, body, 0);
        for (policy, chunk) in [(bare, chunk), (bare, 1), (guarded, 0), (guarded, chunk)] {
            let other = ask(policy, media, body, chunk);
            assert_ne!(refusal(&other), Some("guard"), "the guard takes offence");
            match refusal(&whole) {
                None => assert!(other == whole, "another outcome: {:?}", other.ending),
                Some(_) => assert!(refusal(&other).is_some(), "refused in one chunk alone"),
            }
        }
        let strict = texts(body, form, |_| false, None);
        match refusal(&whole) {
            None => {
                let strict = strict.expect("what passes is JSON");
                let want: Vec<String> = strict.iter().map(|text| stripped(text, replacement)).collect();
                assert_eq!(texts(&whole.body, form, |_| false, None), Some(want), "other members are left");
            }
            Some(reason) => {
                let too_long = reason == "pair_length" && held == 0;
                assert!(strict.is_none() || too_long, "refused: {reason}");
            }
        }
        if form == Form::One && refusal(&whole).is_none() {
            as_an_event(bare, body, &whole.body);
            no_secret_leaves(bare, body, held == 0);
        }
    });
}

/// The data of an event is read as a body is.
fn as_an_event(policy: &Policy, body: &[u8], left: &[u8]) {
    let blank = body.iter().all(|byte| b" \t\r\n".contains(byte));
    if blank || body.starts_with(b"\xef\xbb\xbf") || body.iter().any(|byte| b"\r\n".contains(byte)) {
        return;
    }
    let event = |data: &[u8]| [b"data: ", data, b"\n\n"].concat();
    let outcome = ask(policy, "text/event-stream", &event(body), 0);
    assert!(outcome.ending == Ending::Pass && outcome.body == event(left), "another event");
}

/// A value whose name is taken never comes out, whatever stands around it.
fn no_secret_leaves(policy: &Policy, body: &[u8], lets_go: bool) {
    let value = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if value.iter().all(|byte| b" \t\r\n".contains(byte)) || has_secret(value) {
        return;
    }
    for (before, after) in [
        ("\"name\":\"unit_cost\",", ""),
        ("", ",\"name\":\"unit_cost\""),
        ("\"name\":\"x\",", ",\"name\":\"Gross Margin\""),
    ] {
        // What is too long to be held until a second name comes is let go by the first.
        if lets_go && before.contains("\"x\"") {
            continue;
        }
        let member = format!("{{{before}\"value\":[\"{SECRET}\",");
        let text = [b"[", value, b",", member.as_bytes(), value, b"]", after.as_bytes(), b"}]"].concat();
        for chunk in [0, 1] {
            assert!(!has_secret(&ask(policy, "application/json", &text, chunk).body), "a secret left");
        }
    }
}

/// What must be left of a text without white space: values of pairs first, then members.
fn stripped(text: &str, replacement: Option<&str>) -> String {
    let mut rest = text;
    let paired = value(&mut rest, replacement);
    assert!(rest.is_empty(), "one text");
    let left = texts(paired.as_bytes(), Form::One, is_taken, replacement);
    left.expect("it is JSON still").concat()
}

/// Reads a value of checked JSON; gives it without the values of pairs.
fn value(rest: &mut &str, replacement: Option<&str>) -> String {
    let mut out = String::new();
    match rest.as_bytes()[0] {
        b'[' => {
            out.push_str(take(rest, 1));
            while !rest.starts_with(']') {
                if rest.starts_with(',') {
                    out.push_str(take(rest, 1));
                }
                out.push_str(&value(rest, replacement));
            }
            out.push_str(take(rest, 1));
        }
        b'{' => {
            take(rest, 1);
            let mut members: Vec<(&str, String)> = Vec::new();
            while !rest.starts_with('}') {
                if rest.starts_with(',') {
                    take(rest, 1);
                }
                let name = scalar(rest);
                take(rest, 1);
                members.push((name, value(rest, replacement)));
            }
            take(rest, 1);
            let names = |pair: &str| {
                members.iter().any(|(name, value)| {
                    decoded(name) == pair
                        && value.starts_with('"')
                        && Spellings::of(&decoded(value)).iter().any(is_taken)
                })
            };
            let goes = |member: &str| PAIRS.iter().any(|(name, value)| *value == member && names(name));
            let left: Vec<String> = members
                .iter()
                .filter_map(|(name, value)| match (goes(&decoded(name)), replacement) {
                    (true, None) => None,
                    (true, Some(replacement)) => Some(format!("{name}:{replacement}")),
                    (false, _) => Some(format!("{name}:{value}")),
                })
                .collect();
            out = format!("{{{}}}", left.join(","));
        }
        _ => out.push_str(scalar(rest)),
    }
    out
}

fn take<'a>(rest: &mut &'a str, bytes: usize) -> &'a str {
    let (taken, left) = rest.split_at(bytes);
    *rest = left;
    taken
}

fn scalar<'a>(rest: &mut &'a str) -> &'a str {
    if !rest.starts_with('"') {
        let end = rest.find([',', ']', '}']).unwrap_or(rest.len());
        return take(rest, end);
    }
    let mut escaped = false;
    let end = rest[1..].bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    take(rest, end.expect("a closing mark") + 2)
}

/// The text of a string; lone surrogates are U+FFFD.
fn decoded(string: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut letters = string[1..string.len() - 1].chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next().expect("an escape") {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = letters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
                    continue;
                }
                sign => sign,
            },
            letter => letter,
        };
        units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

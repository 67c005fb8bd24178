//! Bodies of all formats through the whole filter, against simple readers. Options: the media type, whether heads wait, how
//! much is held, the width of chunks, whether values are replaced.

use lockgate::exchange::Policy as _;
use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Outcome, Request};
use lockgate::revenue_strip::Policy;

use super::Options;
use super::names::is_taken;
use crate::oracle::{Form, texts};

const MEDIA: [&str; 8] = [
    "application/json",
    "application/x-ndjson",
    "application/json-seq",
    "text/event-stream",
    "text/plain",
    "application/vnd.x+json; charset=utf-8",
    "text/csv",
    "text/tab-separated-values",
];
const HOLD: [usize; 3] = [0, 64, 8192];
const PREFIXES: [&str; 3] = [")]}',\n", "while(1);", "cb("];

thread_local! {
    /// For each of [`HOLD`], removing and replacing, without and with the guard.
    static POLICIES: Vec<[[Policy; 2]; 2]> = HOLD
        .iter()
        .map(|&hold| [false, true].map(|replace| [false, true].map(|guard| policy(hold, replace, guard))))
        .collect();
}

/// What stands for values that are replaced.
const REPLACEMENT: &str = r#"{"gone":[1,"x"]}"#;

fn policy(hold_bytes: usize, replace: bool, guard: bool) -> Policy {
    let literal: serde_json::Value = serde_json::from_str(REPLACEMENT).expect("JSON");
    let action = if replace { serde_json::json!({"redact": literal}) } else { "remove".into() };
    let config = serde_json::json!({
        "guard": guard,
        "limits": {"hold_bytes": hold_bytes},
        "prefixes": PREFIXES,
        "rules": [{"name": "r", "match": {"paths": ["/api/**"]}, "action": action}],
    });
    Policy::from_json(config.to_string().as_bytes()).expect("a good configuration")
}

fn ask(policy: &Policy, media: &str, body: &[u8], chunk: usize, heads: Heads) -> Outcome {
    let request = Request { method: "GET".to_owned(), path: "/api/x".to_owned(), content: Content::default() };
    let content = Content {
        headers: vec![("content-type".to_owned(), media.as_bytes().to_vec())],
        body: body.to_vec(),
        chunk,
        ..Content::default()
    };
    let answer = Answer::Response { status: 200, content, cut: false };
    replay::run(policy, &mut MemoryHost::default(), &request, &answer, heads)
}

pub(super) fn check(input: &[u8]) {
    let (mut options, body) = Options::split(input);
    let media = MEDIA[options.number() % MEDIA.len()];
    let heads = if options.flag() { Heads::Wait } else { Heads::GoOn };
    let hold = options.number() % HOLD.len();
    let chunk = options.number();
    let replace = options.flag();
    let reader = Reader { replacement: replace.then_some(REPLACEMENT) };

    let outcome = POLICIES.with(|policies| {
        let [bare, guarded] = &policies[hold][usize::from(replace)];
        let whole = ask(bare, media, body, 0, heads);
        for (policy, chunk) in [(bare, chunk), (bare, 1), (guarded, 0), (guarded, chunk)] {
            let other = ask(policy, media, body, chunk, heads);
            match &whole.ending {
                // Not one chunk, not the guard changes anything.
                Ending::Pass => assert!(other == whole, "another outcome: {:?}, {:?}", other.ending, whole.ending),
                Ending::Reply(_) | Ending::Abort(_) => {
                    assert_ne!(other.ending, Ending::Pass, "{:?}", whole.ending);
                    assert!(!matches!(other.ending, Ending::Reply("guard") | Ending::Abort(Some("guard"))));
                }
            }
        }
        whole
    });
    assert!(!outcome.headers.iter().any(|(name, _)| name == "content-length") || outcome.ending != Ending::Pass);

    // An answer without a body has none to read.
    let got = (outcome.ending == Ending::Pass).then_some(outcome.body.as_slice());
    let same = match media {
        "application/x-ndjson" => reader.same(body, got, Form::Lines),
        "application/json-seq" => reader.same(body, got, Form::Records),
        "text/event-stream" => {
            let out = got.expect("events never end a stream");
            assert_eq!(
                events(out, |data| Some(squeezed(data))),
                events(body, |data| reader.stripped(data)),
                "other events"
            );
            true
        }
        // Nothing is sniffed of what is not there.
        "text/plain" if body.is_empty() => got == Some(b""),
        "text/plain" => {
            let sniffed = without_mark(body).iter().find(|byte| !b" \t\r\n".contains(byte));
            let named = prefix_of(body).is_some();
            let telling = sniffed.is_none_or(|first| b"{[".contains(first));
            if named {
                // What comes after a prefix is sniffed as well; the rest is as for JSON.
                got.is_none_or(|_| reader.same_text(body, got))
            } else if telling {
                reader.same_text(body, got)
            } else {
                got.is_none()
            }
        }
        // The target `csv` has a reader for those.
        "text/csv" | "text/tab-separated-values" => true,
        _ => reader.same_text(body, got),
    };
    assert!(same, "the simple reader differs: {:?}", outcome.ending);
}

/// What the filter must accept and leave.
struct Reader {
    replacement: Option<&'static str>,
}

impl Reader {
    /// Whether the filter's verdict is that of the simple reader, and what is left, too.
    fn same(&self, body: &[u8], got: Option<&[u8]>, form: Form) -> bool {
        let left = texts(body, form, is_taken, self.replacement);
        match got {
            Some(out) => left.is_some() && texts(out, form, |_| false, None) == left,
            None => left.is_none(),
        }
    }

    /// One text, perhaps with a prefix before it.
    fn same_text(&self, body: &[u8], got: Option<&[u8]>) -> bool {
        let Some(prefix) = prefix_of(body) else { return self.same(body, got, Form::One) };
        let after = |bytes: &[u8]| bytes.strip_prefix(prefix.as_bytes()).map(<[u8]>::to_vec);
        let body = after(body).unwrap_or_default();
        let out = match got.map(after) {
            Some(None) => return false,
            Some(Some(out)) => Some(out),
            None => None,
        };
        if !prefix.ends_with('(') {
            return self.same(&body, out.as_deref(), Form::One);
        }
        // The call ends where the text can.
        let end = (0..body.len())
            .find(|&at| body[at] == b')' && texts(&body[..at], Form::One, is_taken, self.replacement).is_some());
        let Some(end) = end else { return self.same(&body, out.as_deref(), Form::One) };
        let (text, tail) = body.split_at(end);
        let rest: Vec<u8> = tail[1..].iter().copied().filter(|byte| !b" \t\r\n".contains(byte)).collect();
        if !matches!(rest.as_slice(), b"" | b";") {
            return out.is_none();
        }
        let text_out = out.as_deref().and_then(|out| out.strip_suffix(tail));
        text_out.is_some() && self.same(text, text_out, Form::One)
    }

    /// What must be left of an event's data; `None`: the event is left out.
    fn stripped(&self, data: &[u8]) -> Option<String> {
        if data == b"[DONE]" {
            return Some("[DONE]".to_owned());
        }
        Some(texts(data, Form::One, is_taken, self.replacement)?.concat())
    }
}

fn prefix_of(body: &[u8]) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| body.starts_with(prefix.as_bytes()))
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn squeezed(data: &[u8]) -> String {
    let text = texts(data, Form::One, |_| false, None);
    text.map_or_else(|| String::from_utf8_lossy(data).into_owned(), |texts| texts.concat())
}

/// One event: the fields that clients know, and what its data is read as.
type Event = (Vec<Vec<u8>>, String);

/// An event stream read as the standard says, in the simplest way.
fn events(stream: &[u8], read: impl Fn(&[u8]) -> Option<String>) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut fields, mut data): (Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), None);
    let (mut begun, mut is_text) = (false, true);
    let mut rest = without_mark(stream);
    // What has no line end is no line.
    while let Some(end) = rest.iter().position(|byte| b"\r\n".contains(byte)) {
        let line = &rest[..end];
        rest = &rest[end + 1 + usize::from(rest[end..].starts_with(b"\r\n"))..];
        if line.is_empty() {
            let text = data.take().filter(|_| is_text).and_then(|data| read(&data));
            if let Some(text) = text {
                events.push((std::mem::take(&mut fields), text));
            }
            fields.clear();
            (begun, is_text) = (false, true);
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = colon.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => match &mut data {
                None => data = Some(value.to_vec()),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            // Between two events a comment stands for itself.
            b"" if !begun => continue,
            b"event" | b"id" | b"retry" => {
                fields.push(line.to_vec());
                is_text &= std::str::from_utf8(line).is_ok();
            }
            _ => is_text &= std::str::from_utf8(line).is_ok(),
        }
        begun = true;
    }
    events
}

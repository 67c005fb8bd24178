//! Bodies of many texts and event streams through the whole filter, against independent readers.

use std::fmt::Write;

use lockgate::exchange::Policy as _;
use lockgate::json::{Edit, Editor, Judge, Limits, RawKey, Texts, Verdict};
use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Outcome, Request};
use lockgate::revenue_strip::Policy;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::bodies::{SECRET, damaged, text};

fn ask(policy: &Policy, media: &str, body: &[u8], chunk: usize, heads: Heads) -> Outcome {
    let request = Request { method: "GET".to_owned(), path: "/api/x".to_owned(), content: Content::default() };
    let content = Content {
        headers: vec![("content-type".to_owned(), media.as_bytes().to_vec())],
        body: body.to_vec(),
        chunk,
        ..Content::default()
    };
    replay::run(
        policy,
        &mut MemoryHost::default(),
        &request,
        &Answer::Response { status: 200, content, cut: false },
        heads,
    )
}

fn policy(guard: bool, hold_bytes: usize) -> Policy {
    let config = format!(
        r#"{{"guard": {guard}, "limits": {{"hold_bytes": {hold_bytes}}}, "prefixes": [")]}}',\n", "cb("],
             "rules": [{{"name": "r", "match": {{"paths": ["/api/**"]}}, "action": "remove"}}]}}"#
    );
    Policy::from_json(config.as_bytes()).expect("a good configuration")
}

/// What the filter makes of one text.
fn stripped(text: &str) -> String {
    let outcome = ask(&policy(false, 0), "application/json", text.as_bytes(), 0, Heads::GoOn);
    assert_eq!(outcome.ending, Ending::Pass);
    String::from_utf8(outcome.body).unwrap()
}

/// Texts without order marks, which stand at the start of a body alone.
fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text().prop_map(|text| text.trim_start_matches('\u{feff}').to_owned()), 0..5)
}

/// Texts on one line each, as most writers of NDJSON and events have them.
fn on_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// An event stream read as the standard says, in the simplest way: each event's fields and data.
fn events(stream: &str) -> Vec<(Vec<String>, Option<String>)> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream).replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut fields, mut data): (Vec<String>, Option<String>) = (Vec::new(), None);
    for line in stream.split_inclusive('\n') {
        let Some(line) = line.strip_suffix('\n') else { break };
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => {
                if data.is_some() {
                    events.push((std::mem::take(&mut fields), data.take()));
                }
                fields.clear();
            }
            "data" => match &mut data {
                None => data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "event" | "id" | "retry" => fields.push(format!("{name}={value}")),
            _ => {}
        }
    }
    events
}

/// One event as some server writes it, and its data.
fn event() -> impl Strategy<Value = (String, String)> {
    let end = proptest::sample::select(&["\n", "\r", "\r\n"][..]);
    let extra = proptest::sample::select(&["", "id: 1", "event:x", ": unit_cost", "retry: 5", "id"][..]);
    let body = prop_oneof![
        6 => text().prop_map(|text| text.replace('\r', " ")),
        1 => Just("[DONE]".to_owned()),
        1 => Just("hello".to_owned()),
        1 => Just(r#"{"unit_cost":"TopSecret""#.to_owned()),
        1 => Just("{\"a\":1} {\"unit_cost\":\"TopSecret\"}".to_owned()),
    ];
    (body, end, extra, any::<bool>(), any::<bool>()).prop_map(|(data, end, extra, space, late)| {
        let mut event = String::new();
        if !extra.is_empty() && !late {
            let _ = write!(event, "{extra}{end}");
        }
        for line in data.split('\n') {
            let _ = write!(event, "data:{}{line}{end}", if space || line.starts_with(' ') { " " } else { "" });
        }
        if !extra.is_empty() && late {
            let _ = write!(event, "{extra}{end}");
        }
        (event + end, data)
    })
}

/// What the filter must make of an event's data; `None`: the event is left out.
fn expected(data: &str) -> Option<String> {
    let bare = data.strip_prefix('\u{feff}').unwrap_or(data);
    let blank = bare.bytes().all(|byte| b" \t\r\n".contains(&byte));
    let json = blank || serde_json::from_str::<serde::de::IgnoredAny>(bare).is_ok();
    match (data, json) {
        ("[DONE]", _) => Some(data.to_owned()),
        (_, true) => Some(stripped(data)),
        (_, false) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn lines_equal_their_texts_one_by_one(texts in texts(), chunk in 0..60_usize, last: bool, guard: bool, wait: bool) {
        let lines: Vec<String> = texts.iter().map(|text| on_one_line(text)).collect();
        let end = if last || lines.is_empty() { "" } else { "\n" };
        let body = lines.join("\n") + end;
        let want = lines.iter().map(|line| stripped(line)).collect::<Vec<_>>().join("\n") + end;
        let heads = if wait { Heads::Wait } else { Heads::GoOn };
        let outcome = ask(&policy(guard, 64), "application/x-ndjson", body.as_bytes(), chunk, heads);
        prop_assert_eq!(outcome.ending, Ending::Pass);
        prop_assert_eq!(String::from_utf8(outcome.body).unwrap(), want);
    }

    #[test]
    fn records_equal_their_texts_one_by_one(texts in texts(), chunk in 0..60_usize, guard: bool) {
        let join = |texts: &[String]| texts.iter().map(|text| format!("\x1e{text}\n")).collect::<String>();
        let want: Vec<String> = texts.iter().map(|text| stripped(text)).collect();
        let outcome = ask(&policy(guard, 64), "application/json-seq", join(&texts).as_bytes(), chunk, Heads::Wait);
        prop_assert_eq!(outcome.ending, Ending::Pass);
        prop_assert_eq!(String::from_utf8(outcome.body).unwrap(), join(&want));
    }

    #[test]
    fn a_client_gets_each_event_stripped_or_not_at_all(parts in vec(event(), 0..6), chunk in 0..60_usize, guard: bool, mark: bool, tail: bool) {
        let mut stream = if mark { "\u{feff}".to_owned() } else { String::new() };
        parts.iter().for_each(|(event, _)| stream.push_str(event));
        if tail {
            stream.push_str("data: {\"unit_cost\":\"TopSecret\"}\n");
        }
        let whole = ask(&policy(guard, 64), "text/event-stream", stream.as_bytes(), 0, Heads::Wait);
        let outcome = ask(&policy(guard, 64), "text/event-stream", stream.as_bytes(), chunk, Heads::Wait);
        prop_assert_eq!(&outcome, &whole);
        prop_assert_eq!(outcome.ending, Ending::Pass);
        let out = String::from_utf8(outcome.body).unwrap();
        prop_assert!(!out.contains(SECRET), "{}", out);
        // Fields and data, event by event; white space around removed members may have moved between lines.
        let squeezed = |text: String| text.split_ascii_whitespace().collect::<String>();
        let want: Vec<_> = events(&stream)
            .into_iter()
            .filter_map(|(fields, data)| Some((fields, expected(&data?).map(squeezed)?)))
            .collect();
        let got: Vec<_> = events(&out).into_iter().map(|(fields, data)| (fields, squeezed(data.unwrap()))).collect();
        prop_assert_eq!(got, want);
        // What is untouched is untouched byte for byte.
        // An order mark alone is an incomplete line.
        if !parts.is_empty() && parts.iter().all(|(_, data)| expected(data).as_ref() == Some(data)) && !tail {
            prop_assert_eq!(out, stream);
        }
    }

    #[test]
    fn damaged_streams_let_no_secret_out(body in damaged(), chunk in 1..40_usize, media in 0..3_usize) {
        let media = ["application/x-ndjson", "application/json-seq", "text/event-stream"][media];
        let framed = match media {
            "application/json-seq" => [b"\x1e", &body[..], b"\n"].concat(),
            "text/event-stream" => [b"data: ", &body[..], b"\n\n"].concat(),
            _ => body,
        };
        let outcome = ask(&policy(false, 0), media, &framed, chunk, Heads::GoOn);
        // Damage can make an ordinary name of a taken one, and a value of a name.
        let text = String::from_utf8_lossy(&framed).into_owned();
        let whole = ask(&policy(false, 0), media, &framed, 0, Heads::GoOn);
        if whole.ending == Ending::Pass {
            prop_assert_eq!(&outcome, &whole, "{}", text);
        } else {
            prop_assert!(matches!(outcome.ending, Ending::Abort(_)), "{}", text);
        }
    }

    #[test]
    fn prefixes_change_nothing_behind_them(text in text(), chunk in 0..60_usize, guard: bool) {
        let text = text.trim_start_matches('\u{feff}');
        let want = stripped(text);
        for (before, after) in [("", ""), (")]}',\n", ""), ("cb(", ")"), ("cb(", ") ; \n")] {
            let body = format!("{before}{text}{after}");
            let outcome = ask(&policy(guard, 64), "application/json", body.as_bytes(), chunk, Heads::Wait);
            prop_assert_eq!(outcome.ending, Ending::Pass);
            prop_assert_eq!(String::from_utf8(outcome.body).unwrap(), format!("{before}{want}{after}"));
        }
    }

    #[test]
    fn the_guard_refuses_just_what_an_editor_would_change(text in text(), chunk in 1..40_usize) {
        // A filter for whose editor every member is fine is a filter of somebody else's names, guarded with ours.
        struct Count(bool);
        impl Judge for Count {
            fn judge(&mut self, key: RawKey<'_>) -> Verdict {
                let name = key.text(&mut String::new()).to_lowercase();
                self.0 |= ["unit_cost", "totalcost", "margin", "markup", "revenue", "cost of an internal"].iter().any(|word| name.contains(word))
                    && name != "unit_costs2";
                Verdict::Keep
            }
            fn replacement(&self, _: u32) -> &[u8] {
                b""
            }
        }
        let mut taken = Count(false);
        let mut editor = Editor::of(Texts::One, Limits::default());
        prop_assert_eq!(editor.push(text.as_bytes(), &mut taken, &mut Vec::new()), Ok(Edit::Unchanged));
        let hit = lockgate::revenue_strip::fuzz_guard(&policy(true, 0), text.as_bytes(), chunk);
        prop_assert_eq!(hit, taken.0, "{}", text);
    }
}

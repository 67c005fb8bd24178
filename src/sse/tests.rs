//! Streams whole and in pieces.

use std::rc::Rc;

use super::{Error, EventEditor, NotJson, Settings};
use crate::json::{Edit, Judge, Limits, RawKey, Verdict};

/// Removes `s`, replaces `r`.
struct Letters(&'static str);

impl Judge for Letters {
    fn judge(&mut self, key: RawKey<'_>) -> Verdict {
        match key.text(&mut String::new()) {
            "s" => Verdict::Remove,
            "r" => Verdict::Replace(0),
            _ => Verdict::Keep,
        }
    }

    fn replacement(&self, _: u32) -> &[u8] {
        self.0.as_bytes()
    }
}

fn settings(not_json: NotJson, max_event_bytes: usize) -> Rc<Settings> {
    let sentinels = vec!["[DONE]".to_owned(), "ping pong".to_owned()];
    Rc::new(Settings { sentinels, not_json, max_event_bytes, json: Limits::default() })
}

/// What goes on, how many things were dropped, and how it ended.
fn edit<'a>(settings: &Rc<Settings>, chunks: impl Iterator<Item = &'a [u8]>) -> (String, u64, Result<(), Error>) {
    let mut editor = EventEditor::new(Rc::clone(settings));
    let (mut written, mut out) = (Vec::new(), Vec::new());
    let mut end = Ok(());
    for chunk in chunks {
        out.clear();
        match editor.push(chunk, &mut Letters("\"x\""), &mut out) {
            Ok(Edit::Unchanged) => {
                assert!(out.is_empty(), "unchanged, and yet something was written");
                written.extend_from_slice(chunk);
            }
            Ok(Edit::Replaced) => written.extend_from_slice(&out),
            Err(error) => {
                end = Err(error);
                break;
            }
        }
        assert!(editor.held_bytes() <= settings.max_event_bytes);
    }
    (String::from_utf8_lossy(&written).into_owned(), editor.dropped(), end)
}

/// All splits into two, and into pieces of each width.
#[track_caller]
fn assert_stream(name: &str, settings: &Rc<Settings>, stream: &str, want: &str, dropped: u64) {
    let bytes = stream.as_bytes();
    let want = (want.to_owned(), dropped, Ok(()));
    assert_eq!(edit(settings, std::iter::once(bytes)), want, "{name}");
    for width in 1..=bytes.len().max(1) {
        assert_eq!(edit(settings, bytes.chunks(width)), want, "{name}, width {width}");
    }
    for place in 0..=bytes.len() {
        let (one, other) = bytes.split_at(place);
        let empty: &[u8] = b"";
        assert_eq!(edit(settings, [one, empty, other].into_iter()), want, "{name}, cut at {place}");
    }
}

#[test]
fn what_is_taken_goes_and_the_rest_stays_byte_for_byte() {
    let same = |name, stream| (name, stream, stream, 0);
    let cases = [
        same("no event", ""),
        same("only blank lines", "\n\r\n\r\r\n"),
        same("nothing to take", "data: {\"a\":1}\n\ndata:{\"a\" : 2 }\r\n\r\n"),
        same("every other field", "event: x\nid:7\nretry: 10\n: note\ndata: [1]\n\n"),
        same("a field without a colon", "id\ndata: 1\n\n"),
        same("no data", "event: x\nid: 3\n\n"),
        same("empty data", "data\n\ndata:\n\ndata: \n\n"),
        same("a sentinel", "data: [DONE]\n\n"),
        ("a line between two kinds of ends", "data: 1\rx: y\n\ndata: 2\n\n", "data: 1\r\n\ndata: 2\n\n", 1),
        ("a data line between two kinds of ends", "data: {\rdata: \"s\":\rdata: 5}\n\n", "data: {}\r\n\n", 0),
        same("a sentinel with a blank", "data:ping pong\n\n"),
        same("a scalar", "data: \"s\"\n\ndata: 1e400\n\n"),
        same("a text over several lines", "data: {\ndata:   \"a\": [\ndata\ndata: ]}\n\n"),
        same("an order mark", "\u{feff}data: {\"a\":1}\n\n"),
        same("an order mark alone on its line", "\u{feff}\ndata: 1\n\n"),
        same("an order mark before a comment", "\u{feff}: x\ndata: 1\n\n"),
        same("comments between events", ": ping\n\n:\n\n: é\r\n"),
        ("one member", "data: {\"a\":1,\"s\":2}\n\n", "data: {\"a\":1}\n\n", 0),
        ("no space after the colon", "data:{\"s\":2,\"a\":1}\n\n", "data:{\"a\":1}\n\n", 0),
        ("an escaped name", "data: {\"\\u0073\":2}\n\n", "data: {}\n\n", 0),
        ("a replaced value", "data: {\"r\":[1,2]}\n\n", "data: {\"r\":\"x\"}\n\n", 0),
        ("CRLF", "id: 1\r\ndata: {\"s\":2}\r\n\r\n", "id: 1\r\ndata: {}\r\n\r\n", 0),
        ("CR", "data: {\"s\":2}\r\rdata: 1\r\r", "data: {}\r\rdata: 1\r\r", 0),
        ("each line with its own end", "data: [{\"s\":2},\rdata: 1]\r\n\n", "data: [{},\rdata: 1]\r\n\n", 0),
        (
            "lines stay as they were",
            "data: {\ndata:  \"a\": 1,\nid: 4\ndata:  \"s\": 2,\ndata:  \"b\": 3\ndata: }\n\n",
            "data: {\ndata:  \"a\": 1,\nid: 4\ndata:  \"b\": 3\ndata: }\n\n",
            0,
        ),
        ("a member over lines", "data: {\"s\":\ndata:2\ndata\ndata:}\n\n", "data: {\ndata:\ndata:}\n\n", 0),
        ("an order mark and a member", "\u{feff}data: {\"s\":2}\n\n", "\u{feff}data: {}\n\n", 0),
        ("a field that is none", "data: {\"a\":1}\ns: 5\n{\"s\":5}\n\n", "data: {\"a\":1}\n\n", 2),
        ("an order mark later", "data: 1\n\n\u{feff}data: {\"s\":1}\n\n", "data: 1\n\n\n", 1),
        ("other cases", "DATA: {\"s\":1}\ndata : 1\n data: 1\n\n", "\n", 3),
        ("no JSON", "data: 1\n\ndata: hello\n\ndata: 2\n\n", "data: 1\n\ndata: 2\n\n", 1),
        ("no JSON at all ends of lines", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "", 3),
        ("two texts", "data: {\"a\":1}\ndata: {\"a\":2}\n\n", "", 1),
        ("half a text", "id: 1\ndata: {\"a\":1\n\ndata: }\n\n", "", 2),
        ("nearly a sentinel", "data: [DONE] \n\ndata: [DONE]\ndata\n\n", "", 2),
        ("a line end inside a string", "data: {\"a\ndata: b\":1}\n\n", "", 1),
        ("incomplete at the end", "data: 1\n\ndata: {\"a\":1}\n", "data: 1\n\n", 0),
        ("incomplete at the end, no line end", "data: 1", "", 0),
        ("an incomplete comment", "data: 1\n\n: pi", "data: 1\n\n", 0),
    ];
    for (name, stream, want, dropped) in cases {
        assert_stream(name, &settings(NotJson::Drop, 4096), stream, want, dropped);
    }
}

#[test]
fn what_is_no_text_is_dropped() {
    let settings = settings(NotJson::Drop, 4096);
    for stream in [&b"data: \"\xff\"\n\n"[..], b"id: \xc0\x8a\ndata: 1\n\n", b": \xed\xa0\x80\n"] {
        for width in 1..=stream.len() {
            assert_eq!(edit(&settings, stream.chunks(width)).0.trim(), "", "{stream:x?}, width {width}");
        }
    }
}

#[test]
fn an_event_goes_on_with_its_last_byte_and_a_comment_with_its_line() {
    let mut editor = EventEditor::new(settings(NotJson::Drop, 4096));
    let steps = [
        ("data: {\"s\":1}\n", ""),
        ("\n", "data: {}\n\n"),
        (": ping", ""),
        ("\n", ": ping\n"),
        ("data: 1\r\n\r", "data: 1\r\n\r"),
        ("\ndata: 2\r", "\n"),
        ("\r", "data: 2\r\r"),
    ];
    for (chunk, want) in steps {
        let mut out = Vec::new();
        if editor.push(chunk.as_bytes(), &mut Letters("0"), &mut out) == Ok(Edit::Unchanged) {
            out.extend_from_slice(chunk.as_bytes());
        }
        assert_eq!(String::from_utf8_lossy(&out), want, "{chunk:?}");
    }
}

#[test]
fn a_stream_can_be_refused_for_one_event() {
    let settings = settings(NotJson::Refuse, 4096);
    let stream = b"data: 1\n\ndata: no\n\ndata: 2\n\n";
    for width in 1..=stream.len() {
        let (written, _, end) = edit(&settings, stream.chunks(width));
        assert_eq!(end, Err(Error::NotJson), "width {width}");
        assert!(written.is_empty() || written == "data: 1\n\n", "{written}");
    }
}

#[test]
fn an_event_has_a_longest_length_whatever_the_split() {
    let settings = settings(NotJson::Drop, 20);
    for (length, ends, fine) in
        [(20, "\n\n", true), (21, "\n\n", false), (20, "\r\r", true), (21, "\r\n\r\n", true), (22, "\r\n\r\n", false)]
    {
        let mut stream = format!("data: \"{}\"", "x".repeat(length - 8 - ends.len()));
        stream.push_str(ends);
        assert_eq!(stream.len(), length);
        for width in 1..=stream.len() {
            let end = edit(&settings, stream.as_bytes().chunks(width)).2;
            assert_eq!(end, if fine { Ok(()) } else { Err(Error::TooLong) }, "{stream:?}, width {width}");
        }
    }
}

#[test]
fn a_stream_that_failed_stays_closed() {
    let mut editor = EventEditor::new(settings(NotJson::Refuse, 4096));
    let mut push = |chunk: &[u8]| editor.push(chunk, &mut Letters("0"), &mut Vec::new());
    assert_eq!(push(b"data: no\n\n"), Err(Error::NotJson));
    assert_eq!(push(b"data: 1\n\n"), Err(Error::Failed));
}

#[test]
fn a_replacement_with_line_ends_stays_inside_the_data() {
    let mut editor = EventEditor::new(settings(NotJson::Drop, 4096));
    let mut out = Vec::new();
    let stream = b"id: 1\ndata: {\"r\":1}\n\n";
    let edit = editor.push(stream, &mut Letters("[\n\"s\":1\r\n\n]"), &mut out);
    assert_eq!(edit, Ok(Edit::Replaced));
    assert_eq!(String::from_utf8_lossy(&out), "id: 1\ndata: {\"r\":[\ndata:\"s\":1\ndata:\ndata:]}\n\n");
}

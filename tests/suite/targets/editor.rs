//! The JSON editor against a simple reader. Options: whether values are replaced, then widths of chunks.

use lockgate::json::{Edit, Editor, Error, Joints, Judge, Limits, RawKey, Verdict, fuzz_scan};

use super::{Options, SECRET, has_secret};
use crate::oracle::{Form, is_json, texts};

const WORDS: [&str; 6] = ["unit_cost", "totalcost", "margin", "markup", "revenue", "cost of an internal"];

fn is_taken(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name != "unit_costs2" && WORDS.iter().any(|word| name.contains(word))
}

#[derive(Default)]
struct ByWords {
    replace: bool,
    space: String,
    joints: Joints,
}

const REPLACEMENT: &str = r#"["gone"]"#;

impl Judge for ByWords {
    fn judge(&mut self, key: RawKey<'_>) -> Verdict {
        match (is_taken(key.text(&mut self.space)), self.replace) {
            (false, _) => Verdict::Keep,
            (true, false) => Verdict::Remove,
            (true, true) => Verdict::Replace(0),
        }
    }

    fn mark(&mut self, key: RawKey<'_>) -> (Verdict, Option<u64>) {
        let verdict = self.judge(key);
        (verdict, Some(u64::from(verdict != Verdict::Keep)))
    }

    fn recall(&self, _: u64) -> Option<Verdict> {
        (!self.replace).then_some(Verdict::Remove)
    }

    fn joints(&mut self) -> Option<&mut Joints> {
        Some(&mut self.joints)
    }

    fn replacement(&self, _: u32) -> &[u8] {
        REPLACEMENT.as_bytes()
    }
}

/// What was sent, what the failed call would have sent after it, and how it ended.
struct Edited {
    sent: Vec<u8>,
    unsent: Vec<u8>,
    end: Result<(), Error>,
}

fn edit<'a>(chunks: impl Iterator<Item = &'a [u8]>, replace: bool) -> Edited {
    edit_by(&mut ByWords { replace, ..ByWords::default() }, chunks)
}

fn edit_by<'a>(judge: &mut ByWords, chunks: impl Iterator<Item = &'a [u8]>) -> Edited {
    let mut editor = Editor::new(Limits::default());
    let mut sent = Vec::new();
    for chunk in chunks {
        let mut out = Vec::new();
        match editor.push(chunk, judge, &mut out) {
            Ok(Edit::Unchanged) => {
                assert!(out.is_empty(), "unchanged, and yet something was written");
                sent.extend_from_slice(chunk);
            }
            Ok(Edit::Replaced) => sent.append(&mut out),
            Err(error) => {
                assert!(editor.push(b" ", judge, &mut Vec::new()).is_err(), "errors are final");
                return Edited { sent, unsent: out, end: Err(error) };
            }
        }
        assert!(editor.held_bytes() <= Limits::default().max_key_bytes + chunk.len(), "held");
    }
    let end = editor.finish();
    Edited { sent, unsent: Vec::new(), end }
}

fn whole(body: &[u8], replace: bool) -> Edited {
    edit(std::iter::once(body), replace)
}

pub(super) fn check(input: &[u8]) {
    let (mut options, body) = Options::split(input);
    fuzz_scan(body);
    let replace = options.flag();
    let want = whole(body, replace);

    for other in [edit(options.cut(body).into_iter(), replace), edit(body.chunks(1), replace)] {
        assert_eq!(other.end, want.end, "another verdict in chunks");
        match want.end {
            Ok(()) => assert!(other.sent == want.sent, "other bytes in chunks"),
            // Nothing but a beginning of what one chunk would have given.
            Err(_) => {
                let all = [want.sent.as_slice(), &want.unsent].concat();
                assert!(all.starts_with(&other.sent) || other.sent.starts_with(&all), "another beginning in chunks");
            }
        }
    }

    learnt_changes_nothing(body, replace);

    let left = texts(body, Form::One, is_taken, replace.then_some(REPLACEMENT));
    assert_eq!(want.end.is_ok(), left.is_some(), "the simple reader differs: {:?}", want.end);
    let Some(left) = left else { return };
    assert!(is_json(&want.sent), "no JSON is left");
    assert!(replace || want.sent.len() <= body.len(), "longer than before");
    assert_eq!(texts(&want.sent, Form::One, |_| false, None), Some(left), "other members are left");
    if !replace {
        let twice = whole(&want.sent, false);
        assert!(twice.end.is_ok() && twice.sent == want.sent, "twice is not once");
    }
    no_secret_leaves(body, replace);
}

/// The same verdict and bytes from a judge that has seen such records before, and the text itself.
fn learnt_changes_nothing(body: &[u8], replace: bool) {
    let value = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let list = [b"[{\"a\":1,\"b\":", value, b"},{\"a\":1,\"b\":", value, b"},\"", &[b' '; 100], b"\"]"].concat();
    let mut judge = ByWords { replace, joints: Joints::new(), ..ByWords::default() };
    for text in [body, &list, body, &list] {
        let (want, got) = (whole(text, replace), edit_by(&mut judge, std::iter::once(text)));
        assert_eq!(got.end, want.end, "another verdict after learning");
        assert!(got.sent == want.sent, "other bytes after learning");
    }
}

/// Nothing that comes after a taken name brings its value out.
fn no_secret_leaves(body: &[u8], replace: bool) {
    let value = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if is_blank(value) || has_secret(value) {
        return;
    }
    for (open, close) in [("\"x", ""), ("[{\"id\":\"x", "\"},"), ("{\"unit_cost\":\"", "\"}"), ("", "")] {
        let start = format!(",{{\"a\":1,\"unit_cost\": {open}{SECRET}{close}");
        let text = [b"[", value, start.as_bytes(), value, b"]"].concat();
        for edited in [whole(&text, replace), edit(text.chunks(1), replace)] {
            assert!(!has_secret(&edited.sent) && !has_secret(&edited.unsent), "a secret left");
        }
    }
}

fn is_blank(body: &[u8]) -> bool {
    body.iter().all(|byte| b" \t\r\n".contains(byte))
}

//! One value of a JSON body that is not kept: found while the body goes by.
//!
//! The body is signed, so this is no check of its grammar. What it must not do is to find a value where another reader
//! finds another one: names on the way that stand twice, and brackets that do not match, are no value.

use std::rc::Rc;

use crate::claims::ClaimPath;
use crate::json::scan::text_run;

/// Longest value, and longest name on the way, in bytes as they are written.
pub const MAX_PICKED_BYTES: usize = 512;
/// Most objects and arrays inside each other.
pub const MAX_PICK_DEPTH: u32 = 128;

/// The way to a value, and the value, if there is one.
pub(super) type Picked = (Rc<ClaimPath>, Option<String>);

/// Room for most names and values, in bytes.
const MOST_TEXTS_BYTES: usize = 64;

/// The way to a value, and how far it was found.
#[derive(Debug)]
pub(super) struct Pick {
    path: Rc<ClaimPath>,
    /// How many steps of the way the open objects are.
    on_path: usize,
    /// Which steps were taken, one bit each: the way is taken once.
    taken: u64,
    /// Whether each open level is an object, the innermost in the lowest bit.
    objects: u128,
    depth: u32,
    lex: Lex,
    expects: Expects,
    /// The text that is being read, or was last: a name, or the value.
    text: Vec<u8>,
    found: Found,
}

/// Where in the text the last byte left us (RFC 8259).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lex {
    Between,
    InString,
    AfterBackslash,
    /// In a number or a word.
    InWord,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    /// A member's name.
    Name,
    /// A value that nobody asks for.
    Other,
    /// The value of a step before the last.
    Step,
    /// The value.
    Target,
    /// A colon or comma.
    Mark { target: bool, step: bool },
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Value(String),
    /// Not one value.
    Fault,
}

impl Pick {
    pub(super) fn new(path: Rc<ClaimPath>) -> Self {
        let found = if path.steps().len() > 64 { Found::Fault } else { Found::Nothing };
        Self {
            path,
            on_path: 0,
            taken: 0,
            objects: 0,
            depth: 0,
            lex: Lex::Between,
            expects: Expects::Other,
            text: Vec::with_capacity(MOST_TEXTS_BYTES),
            found,
        }
    }

    /// The way and the value; `None` when it is not there, there twice, no text, number or truth value, or longer than
    /// [`MAX_PICKED_BYTES`].
    pub(super) fn finish(mut self) -> Picked {
        if self.depth != 0 || !matches!(self.lex, Lex::Between) {
            self.found = Found::Fault;
        }
        let value = match self.found {
            Found::Value(value) => Some(value),
            Found::Nothing | Found::Fault => None,
        };
        (self.path, value)
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while let Some((&byte, after)) = rest.split_first() {
            if self.found == Found::Fault {
                return;
            }
            // Most of a body is inside strings: they are taken in one go.
            if self.lex == Lex::InString {
                let length = text_run(rest, 0).end;
                let (inner, more) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                if !inner.is_empty() {
                    self.keep(inner);
                    rest = more;
                    continue;
                }
            }
            rest = after;
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (self.lex, byte) {
            (Lex::InString, b'"') => {
                self.lex = Lex::Between;
                self.string_ends();
            }
            (Lex::InString, b'\\') => {
                self.lex = Lex::AfterBackslash;
                self.keep(b"\\");
            }
            (Lex::InString | Lex::AfterBackslash, _) => {
                self.lex = Lex::InString;
                self.keep(&[byte]);
            }
            (Lex::InWord, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => self.keep(&[byte]),
            (Lex::InWord, _) => {
                self.lex = Lex::Between;
                self.word_ends();
                self.between(byte);
            }
            (Lex::Between, _) => self.between(byte),
        }
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => {
                self.text.clear();
                self.lex = Lex::InString;
            }
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'}' => self.close(true),
            b']' => self.close(false),
            b':' => {
                self.expects = match self.expects {
                    Expects::Mark { target: true, .. } => Expects::Target,
                    Expects::Mark { step: true, .. } => Expects::Step,
                    Expects::Mark { .. } | Expects::Name | Expects::Other | Expects::Step | Expects::Target => {
                        Expects::Other
                    }
                };
            }
            b',' => self.expects = if self.objects & 1 == 1 { Expects::Name } else { Expects::Other },
            _ => {
                self.text.clear();
                self.lex = Lex::InWord;
                self.keep(&[byte]);
            }
        }
    }

    fn open(&mut self, object: bool) {
        if self.depth >= MAX_PICK_DEPTH || self.expects == Expects::Target {
            self.found = Found::Fault;
            return;
        }
        if self.expects == Expects::Step && object {
            self.on_path = usize::try_from(self.depth).unwrap_or(usize::MAX);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.expects = if object { Expects::Name } else { Expects::Other };
    }

    fn close(&mut self, object: bool) {
        if self.depth == 0 || (self.objects & 1 == 1) != object {
            self.found = Found::Fault;
            return;
        }
        self.depth -= 1;
        self.objects >>= 1;
        let level = usize::try_from(self.depth).unwrap_or(usize::MAX);
        self.on_path = self.on_path.min(level.saturating_sub(1));
        self.expects = Expects::Other;
    }

    /// Whether the innermost level is an object on the way: the first one is, and what its steps lead to.
    fn is_on_path(&self) -> bool {
        let level = usize::try_from(self.depth).unwrap_or(usize::MAX);
        level > 0 && self.objects & 1 == 1 && self.on_path == level - 1 && level <= self.path.steps().len()
    }

    fn string_ends(&mut self) {
        match self.expects {
            Expects::Name => {
                let (mut target, mut step) = (false, false);
                if self.is_on_path() {
                    let place = self.on_path;
                    if self.path.steps().get(place).is_some_and(|step| self.says(step)) {
                        let bit = 1_u64 << place;
                        if self.taken & bit != 0 {
                            self.found = Found::Fault;
                        }
                        self.taken |= bit;
                        target = place + 1 == self.path.steps().len();
                        step = !target;
                    }
                }
                self.expects = Expects::Mark { target, step };
            }
            Expects::Target => {
                self.found = self.decoded().map_or(Found::Fault, Found::Value);
                self.expects = Expects::Other;
            }
            Expects::Other | Expects::Step | Expects::Mark { .. } => self.expects = Expects::Other,
        }
    }

    fn word_ends(&mut self) {
        if self.expects == Expects::Target {
            let word = String::from_utf8_lossy(&self.text).into_owned();
            self.found = match word.as_str() {
                "null" => Found::Nothing,
                _ if self.text.len() > MAX_PICKED_BYTES => Found::Fault,
                _ => Found::Value(word),
            };
        }
        self.expects = Expects::Other;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let matters = match self.expects {
            Expects::Name => self.is_on_path(),
            Expects::Target => true,
            Expects::Other | Expects::Step | Expects::Mark { .. } => false,
        };
        if matters {
            // One byte more than may be: then it shows.
            let room = (MAX_PICKED_BYTES + 1).saturating_sub(self.text.len());
            self.text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// Whether the text is this one.
    fn says(&self, wanted: &str) -> bool {
        if self.text.contains(&b'\\') {
            return self.decoded().is_some_and(|text| text == wanted);
        }
        self.text.len() <= MAX_PICKED_BYTES && self.text == wanted.as_bytes()
    }

    /// The text without its escapes.
    fn decoded(&self) -> Option<String> {
        if self.text.len() > MAX_PICKED_BYTES {
            return None;
        }
        if self.text.contains(&b'\\') {
            return serde_json::from_slice(&[b"\"", self.text.as_slice(), b"\""].concat()).ok();
        }
        String::from_utf8(self.text.clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PICKED_BYTES, Pick};
    use crate::claims::ClaimPath;

    fn pick(path: &str, body: &[u8], width: usize) -> Option<String> {
        let mut pick = Pick::new(ClaimPath::parse(path).unwrap().into());
        body.chunks(width).for_each(|chunk| pick.push(chunk));
        pick.finish().1
    }

    #[test]
    fn one_value_is_found_however_the_body_is_cut() {
        let long = format!(r#"{{"event":"{}"}}"#, "x".repeat(MAX_PICKED_BYTES));
        let longer = format!(r#"{{"event":"{}"}}"#, "x".repeat(MAX_PICKED_BYTES + 1));
        let longest = "x".repeat(MAX_PICKED_BYTES);
        let deep = format!("{{\"a\":{}{},\"event\":\"x\"}}", "[".repeat(127), "]".repeat(127));
        let deeper = format!("{{\"a\":{}{},\"event\":\"x\"}}", "[".repeat(128), "]".repeat(128));
        for (path, body, want) in [
            ("/event", r#"{"event":"a.b"}"#, Some("a.b")),
            ("/event", r#" { "id" : [1,{"event":"no"}] , "event" : "a\u0062" } "#, Some("ab")),
            ("/event", r#"{"\u0065vent":"x"}"#, Some("x")),
            ("/event", r#"{"event":12}"#, Some("12")),
            ("/event", r#"{"event":true,"b":1}"#, Some("true")),
            ("/event", r#"{"event":null}"#, None),
            ("/event", r#"{"event":{"event":"x"}}"#, None),
            ("/event", r#"{"event":["x"]}"#, None),
            ("/event", r#"{"event":"a","event":"b"}"#, None),
            ("/event", r#"{"event":"a","\u0065vent":"b"}"#, None),
            ("/event", r#"{"a":{"event":"x"}}"#, None),
            ("/event", r#"{"a":"event","b":"x"}"#, None),
            ("/event", r#"{"a":"\"event\":\"x\""}"#, None),
            ("/event", r#"["event","x"]"#, None),
            ("/event", r#"{"event":"x""#, None),
            ("/event", r#"{"event":"x"]"#, None),
            ("/event", r#"{"event":"x"}}"#, None),
            ("/event", "", None),
            ("/event", "no JSON", None),
            ("/a/b", r#"{"a":{"b":"x"}}"#, Some("x")),
            ("/a/b", r#"{"b":"no","a":{"c":{"b":"no"},"b":"x"},"c":{"b":"no"}}"#, Some("x")),
            ("/a/b", r#"{"a":{"b":"x"},"a":{}}"#, None),
            ("/a/b", r#"{"a":1,"b":"x"}"#, None),
            ("/a/b", r#"{"a":[{"b":"x"}]}"#, None),
            ("/a/b", r#"{"c":{"a":{"b":"x"}}}"#, None),
            ("/event", &long, Some(longest.as_str())),
            ("/event", &longer, None),
            ("/event", &deep, Some("x")),
            ("/event", &deeper, None),
        ] {
            for width in 1..=body.len().clamp(1, 40) {
                assert_eq!(pick(path, body.as_bytes(), width).as_deref(), want, "{path} in {body}, width {width}");
            }
            assert_eq!(pick(path, body.as_bytes(), body.len().max(1)).as_deref(), want, "{path} in {body}, whole");
        }
        assert_eq!(pick("/event", b"{\"event\":\"\xff\"}", 3), None);
    }
}

//! Tables over the editor: each case at every chunk width.

mod foreseen;

use super::{Edit, Editor, Error, Fault, Joints, Judge, Limits, RawKey, Texts, Verdict};

/// Removes `s…`, replaces `r…` by `"X"`, keeps the rest.
#[derive(Default)]
struct ByFirstLetter {
    space: String,
    joints: Joints,
    /// Names judged, and members met by marks.
    judged: usize,
    met: u64,
}

impl ByFirstLetter {
    /// One that remembers what stands between values.
    fn learning() -> Self {
        Self { joints: Joints::new(), ..Self::default() }
    }
}

impl Judge for ByFirstLetter {
    fn judge(&mut self, key: RawKey<'_>) -> Verdict {
        self.judged += 1;
        match key.text(&mut self.space).chars().next() {
            Some('s') => Verdict::Remove,
            Some('r') => Verdict::Replace(7),
            Some(_) | None => Verdict::Keep,
        }
    }

    /// 1 for `s…`, 2 for `r…`, 3 for `w…`, which is kept and counted.
    fn mark(&mut self, key: RawKey<'_>) -> (Verdict, Option<u64>) {
        let verdict = self.judge(key);
        let watched = key.bytes().first() == Some(&b'w');
        let mark = match verdict {
            Verdict::Keep => u64::from(watched) * 3,
            Verdict::Remove => 1,
            Verdict::Replace(_) => 2,
        };
        (verdict, Some(mark))
    }

    fn recall(&self, mark: u64) -> Option<Verdict> {
        match mark {
            1 => Some(Verdict::Remove),
            3 => Some(Verdict::Keep),
            _ => None,
        }
    }

    fn meet(&mut self, mark: u64, times: u64) {
        assert!(mark == 1 || mark == 3, "only what was recalled is met");
        self.met += times;
    }

    fn joints(&mut self) -> Option<&mut Joints> {
        Some(&mut self.joints)
    }

    fn replacement(&self, number: u32) -> &[u8] {
        assert_eq!(number, 7);
        br#""X""#
    }
}

fn edit_with(body: &[u8], width: usize, limits: Limits) -> Result<Vec<u8>, Error> {
    edit_through(Editor::new(limits), body, width)
}

fn edit_through(editor: Editor, body: &[u8], width: usize) -> Result<Vec<u8>, Error> {
    edit_by(&mut ByFirstLetter::default(), editor, body, width)
}

fn edit_by(judge: &mut ByFirstLetter, mut editor: Editor, body: &[u8], width: usize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    for chunk in body.chunks(width.max(1)) {
        let before = out.len();
        match editor.push(chunk, judge, &mut out)? {
            Edit::Unchanged => {
                assert_eq!(out.len(), before, "unchanged, and yet something was written");
                out.extend_from_slice(chunk);
            }
            Edit::Replaced => {}
        }
    }
    editor.finish()?;
    Ok(out)
}

fn assert_every_width(name: &str, body: &[u8], want: &Result<Vec<u8>, Error>) {
    for width in 1..=body.len().clamp(1, 200) {
        let got = edit_with(body, width, Limits::default());
        assert_eq!(&got, want, "{name}, width {width}: {}", String::from_utf8_lossy(got.as_deref().unwrap_or(b"")));
    }
}

#[test]
fn members_go_with_one_comma() {
    let cases = [
        ("nothing to do", r#"{"a":1,"b":[true,false,null,"s"]}"#, r#"{"a":1,"b":[true,false,null,"s"]}"#),
        ("the only member", r#"{"s":1}"#, "{}"),
        ("the only member, spaced", r#"{ "s" : 1 }"#, "{ }"),
        ("first", r#"{"s":1,"b":2}"#, r#"{"b":2}"#),
        ("last", r#"{"a":1,"s":2}"#, r#"{"a":1}"#),
        ("middle", r#"{"a":1 , "s":2 , "b":3}"#, r#"{"a":1  , "b":3}"#),
        ("first two", r#"{"s":1,"s2":2,"b":3}"#, r#"{"b":3}"#),
        ("first and third", r#"{"s":1,"b":2,"s":3,"c":4}"#, r#"{"b":2,"c":4}"#),
        ("all", r#"{"s":1,"s":2,"s":3}"#, "{}"),
        ("space before the comma", r#"{"s":1 ,"b":2}"#, r#"{ "b":2}"#),
        ("an array keeps its elements", r#"[{"s":1},{"s":2}]"#, "[{},{}]"),
        ("nested in a kept one", r#"{"a":{"s":1,"b":{"s":[]}}}"#, r#"{"a":{"b":{}}}"#),
        ("a removed tree", r#"{"s":{"a":[1,{"b":"]}\""}],"s":2},"b":1}"#, r#"{"b":1}"#),
        ("a removed tree of loose tokens", r#"{"s":{"a" 01 "b",,:[tru]},"b":1}"#, r#"{"b":1}"#),
        ("a replaced tree of loose tokens", r#"{"r":[1 2,{"s"}],"b":1}"#, r#"{"r":"X","b":1}"#),
        (
            "a long removed tree",
            r#"{"s":[{"a":"text with \\ and \"quotes\", longer than any block of sixty-four bytes } ] { ["},"é漢","x"],"b":1}"#,
            r#"{"b":1}"#,
        ),
        ("a removed tree last", r#"{"b":1,"s":[[[{"x":[]}]]]}"#, r#"{"b":1}"#),
        ("pretty", "{\n  \"a\": 1,\n  \"s\": 2,\n  \"b\": 3\n}", "{\n  \"a\": 1,\n  \"b\": 3\n}"),
        ("pretty, first", "{\n  \"s\": 1,\n  \"b\": 2\n}", "{\n  \"b\": 2\n}"),
        ("empty names and containers", r#"{"":{},"a":[],"s":{}}"#, r#"{"":{},"a":[]}"#),
        ("duplicates, each for itself", r#"{"a":1,"s":1,"a":2,"s":2}"#, r#"{"a":1,"a":2}"#),
        ("values are no names", r#"["s",{"a":"s"},"s"]"#, r#"["s",{"a":"s"},"s"]"#),
        ("an escaped name", r#"{"\u0073ecret":1,"b":2}"#, r#"{"b":2}"#),
        ("a name that ends in a lone surrogate", r#"{"s\ud800":1,"b":2}"#, r#"{"b":2}"#),
        ("a quote in a name", r#"{"s\"":1,"a\"\\":2}"#, r#"{"a\"\\":2}"#),
        ("replaced", r#"{"r":{"s":[1]},"b":2}"#, r#"{"r":"X","b":2}"#),
        ("replaced, spaced", r#"{ "a":1, "r" : -1.5e+3 , "r":[] }"#, r#"{ "a":1, "r" : "X" , "r":"X" }"#),
        ("removed, replaced, kept", r#"{"s":0,"r":0,"s":0,"c":0}"#, r#"{"r":"X","c":0}"#),
    ];
    for (name, body, want) in cases {
        assert_every_width(name, body.as_bytes(), &Ok(want.as_bytes().to_vec()));
        let once = edit_with(body.as_bytes(), usize::MAX, Limits::default()).unwrap();
        assert_eq!(edit_with(&once, 3, Limits::default()).unwrap(), once, "{name}: twice");
    }
}

#[test]
fn what_is_kept_stays_byte_for_byte() {
    let cases: [(&str, &[u8]); 18] = [
        ("empty", b""),
        ("white space", b" \r\n\t "),
        ("scalar string", b"\"unit_cost\""),
        ("scalar number", b"-0.10e-07"),
        ("zero", b"0"),
        ("scalar name", b" true "),
        ("big numbers", b"[1e400,-0,0.1000,123456789012345678901234567890,1E+2]"),
        ("order mark", b"\xef\xbb\xbf{\"a\":1}"),
        ("only an order mark", b"\xef\xbb\xbf"),
        ("lone surrogates in values", br#"["\ud800","\udc00\ud800"]"#),
        ("every escape", br#"["\"\\\/\b\f\n\r\t\u00fF"]"#),
        ("DEL and NUL escape", b"[\"\x7f\\u0000\"]"),
        ("not ASCII", "{\"ключ\":\"漢字😀\",\"é\":\"a\u{10ffff}\"}".as_bytes()),
        ("long plain text", b"{\"a\":\"0123456789abcdef0123456789abcdef\",\"b\":\"x\"}"),
        ("nested arrays", b"[[[[],[1]],2],{}]"),
        ("white space everywhere", b" { \"a\" : [ 1 , { } , [ ] ] , \"b\" : null } \n"),
        ("long white space", b"{                                  \"a\"                          :  1}"),
        ("line separators are text", "[\"\u{2028}\"]".as_bytes()),
    ];
    for (name, body) in cases {
        assert_every_width(name, body, &Ok(body.to_vec()));
        let mut out = Vec::new();
        let mut editor = Editor::new(Limits::default());
        let edit = editor.push(body, &mut ByFirstLetter::default(), &mut out);
        assert_eq!(edit, Ok(Edit::Unchanged), "{name}: nothing is copied");
    }
}

#[test]
fn nothing_but_rfc_8259_passes() {
    use Fault::{BadEscape, ControlCharacter, NotUtf8, Truncated, Unexpected};
    let cases: [(&str, &[u8], u64, Fault); 75] = [
        ("cut in a string", b"{\"a", 3, Truncated),
        ("cut after a name", b"{\"a\"", 4, Truncated),
        ("cut in an object", b"{\"a\":1", 6, Truncated),
        ("cut in an array", b"[1,", 3, Truncated),
        ("cut in a name", b"[tru", 4, Truncated),
        ("cut after a minus", b"-", 1, Truncated),
        ("cut after a point", b"1.", 2, Truncated),
        ("cut after an exponent", b"1e+", 3, Truncated),
        ("cut in a removed value", b"{\"s\":[1", 7, Truncated),
        ("cut in an order mark", b"\xef\xbb", 2, Truncated),
        ("two texts", b"{} {}", 3, Unexpected),
        ("two numbers", b"1 2", 2, Unexpected),
        ("trailing comma, object", b"{\"a\":1,}", 7, Unexpected),
        ("trailing comma, array", b"[1,]", 3, Unexpected),
        ("leading comma", b"[,1]", 1, Unexpected),
        ("double comma", b"{\"a\":1,,\"b\":2}", 7, Unexpected),
        ("double comma after a removed one", b"{\"s\":1,,\"b\":2}", 7, Unexpected),
        ("trailing comma after a removed one", b"{\"s\":1,}", 7, Unexpected),
        ("only a comma", b"{,}", 1, Unexpected),
        ("no colon", b"{\"a\" 1}", 5, Unexpected),
        ("two colons", b"{\"a\"::1}", 5, Unexpected),
        ("no value", b"{\"a\":}", 5, Unexpected),
        ("a replaced value that is none", b"{\"r\":}", 5, Unexpected),
        ("bare name", b"{a:1}", 1, Unexpected),
        ("single quotes", b"{'a':1}", 1, Unexpected),
        ("number as a name", b"{1:1}", 1, Unexpected),
        ("wrong bracket", b"[1}", 2, Unexpected),
        ("wrong brace", b"{\"a\":1]", 6, Unexpected),
        ("bracket after a comma", b"{\"a\":1,]", 7, Unexpected),
        ("brace in an empty array", b"[}", 1, Unexpected),
        ("closing alone", b"}", 0, Unexpected),
        ("closing too much", b"{}}", 2, Unexpected),
        ("NaN", b"[NaN]", 1, Unexpected),
        ("Infinity", b"-Infinity", 1, Unexpected),
        ("undefined", b"undefined", 0, Unexpected),
        ("True", b"True", 0, Unexpected),
        ("truf", b"[truf]", 4, Unexpected),
        ("nulll", b"[nulll]", 5, Unexpected),
        ("line comment", b"//x\n1", 0, Unexpected),
        ("comment", b"[/**/1]", 1, Unexpected),
        ("hash comment", b"#\n1", 0, Unexpected),
        ("leading zero", b"01", 1, Unexpected),
        ("minus and leading zero", b"-01", 2, Unexpected),
        ("plus", b"+1", 0, Unexpected),
        ("hex", b"0x1", 1, Unexpected),
        ("point first", b".5", 0, Unexpected),
        ("point last", b"[1.]", 3, Unexpected),
        ("two points", b"1.1.1", 3, Unexpected),
        ("empty exponent", b"[1e]", 3, Unexpected),
        ("a bad number in a removed value", b"{\"s\":01}", 6, Unexpected),
        ("a comment in a removed tree", b"{\"s\":[/*]*/]}", 6, Unexpected),
        ("another quotation mark in a removed tree", b"{\"s\":[']']}", 6, Unexpected),
        ("a backslash in a removed tree", b"{\"s\":[\\\"]}", 6, Unexpected),
        ("not ASCII in a removed tree", b"{\"s\":[1,\xc2\xa0]}", 8, Unexpected),
        ("a form feed in a removed tree", b"{\"s\":[\x0c]}", 6, Unexpected),
        ("NaN in a removed tree", b"{\"s\":[NaN]}", 6, Unexpected),
        ("wrong bracket in a removed tree", b"{\"s\":[[{]}]}", 8, Unexpected),
        ("raw tab in a string of a removed tree", b"{\"s\":[\"a\t\"]}", 8, ControlCharacter),
        ("overlong in a string of a removed tree", b"{\"s\":[\"\xc1\xad\"]}", 7, NotUtf8),
        ("bad escape in a string of a removed tree", br#"{"s":["\x"]}"#, 8, BadEscape),
        ("no-break space", b"\xc2\xa0{}", 0, Unexpected),
        ("form feed", b"\x0c{}", 0, Unexpected),
        ("NUL before the text", b"\0{}", 0, Unexpected),
        ("UTF-16", b"{\0}\0", 1, Unexpected),
        ("UTF-16 order mark", b"\xff\xfe{\0", 0, Unexpected),
        ("second order mark", b"\xef\xbb\xbf\xef\xbb\xbf1", 3, Unexpected),
        ("anti-hijacking prefix", b")]}',\n{}", 0, Unexpected),
        ("JSONP", b"cb({})", 0, Unexpected),
        ("raw line feed in a string", b"[\"a\n\"]", 3, ControlCharacter),
        ("raw NUL in a name", b"{\"s\0\":1}", 3, ControlCharacter),
        ("bad escape", br#"["\x41"]"#, 3, BadEscape),
        ("bad hex digit", br#"["\u00g0"]"#, 6, BadEscape),
        ("short hex", br#"["\u00"]"#, 6, BadEscape),
        ("overlong markup", b"{\"\xc1\xadarkup\":1}", 2, NotUtf8),
        ("sequence cut by a quote", b"[\"ab\xe6\xbc\"]", 4, NotUtf8),
    ];
    for (name, body, at, fault) in cases {
        assert_every_width(name, body, &Err(Error { at, fault }));
    }
}

#[test]
fn more_bytes_that_are_not_utf8() {
    let cases: [(&[u8], u64); 6] = [
        (b"[\"\xff\"]", 2),
        (b"[\"a\x80\"]", 3),
        (b"[\"\xed\xa0\x80\"]", 2),
        (b"[\"\xf4\x90\x80\x80\"]", 2),
        (b"{\"s\":\"\xc0\xaf\"}", 6),
        (b"[\"\xc3\\u0041\"]", 2),
    ];
    for (body, at) in cases {
        assert_every_width("not UTF-8", body, &Err(Error { at, fault: Fault::NotUtf8 }));
    }
}

#[test]
fn depth_is_bounded_and_needs_no_stack() {
    let limits = Limits { max_depth: 1000, ..Limits::default() };
    for (depth, fits) in [(1000, true), (1001, false)] {
        let body = [vec![b'['; depth], vec![b']'; depth]].concat();
        let want = if fits { Ok(body.clone()) } else { Err(Error { at: 1000, fault: Fault::TooDeep }) };
        for width in [1, 7, body.len()] {
            assert_eq!(edit_with(&body, width, limits), want, "depth {depth}, width {width}");
        }
    }
    let deep = 100_000;
    let body = [br#"{"a":"#.repeat(deep), b"{\"s\":1}".to_vec(), b"}".repeat(deep)].concat();
    assert_eq!(edit_with(&body, 4096, Limits::default()).map_err(|error| error.fault), Err(Fault::TooDeep));
    let body = [br#"{"a":"#.repeat(deep - 1), b"{\"s\":1}".to_vec(), b"}".repeat(deep - 1)].concat();
    let out = edit_with(&body, 4096, Limits::default()).unwrap();
    assert_eq!(out.len(), body.len() - br#""s":1"#.len());
}

#[test]
fn held_bytes_are_bounded() {
    let limits = Limits { max_key_bytes: 100, ..Limits::default() };
    let shapes: [(&str, &str, &str, &str); 4] = [
        ("a long name", "{\"a\":1,\"", "k", "\":1}"),
        ("white space before a name", "{\"a\":1,", " ", "\"k\":1}"),
        ("white space before the first name", "{", " ", "\"k\":1}"),
        ("white space in an empty object", "{", "\n", "}"),
    ];
    for (name, head, fill, tail) in shapes {
        for (length, fits) in [(90, true), (101, false), (5000, false)] {
            let body = format!("{head}{}{tail}", fill.repeat(length)).into_bytes();
            for width in [1, 3, 64, body.len()] {
                let got = edit_with(&body, width, limits);
                match &got {
                    Ok(out) => assert!(fits && *out == body, "{name}, {length}, width {width}"),
                    Err(error) => {
                        assert!(!fits, "{name}, {length}, width {width}: {error}");
                        assert_eq!(error.fault, Fault::KeyTooLong);
                    }
                }
            }
        }
    }
    // Names and white space in removed values are not held.
    let body = format!("{{\"s\":{{{}\"{}\":1}}}}", " ".repeat(5000), "k".repeat(5000)).into_bytes();
    assert_eq!(edit_with(&body, 64, limits), Ok(b"{}".to_vec()));
}

#[test]
fn nothing_undecided_is_written() {
    // The comma and the name wait for the name's end, the rest of a removed member never comes.
    let mut editor = Editor::new(Limits::default());
    let mut judge = ByFirstLetter::default();
    let mut out = Vec::new();
    assert_eq!(editor.push(br#"{"a":1,"se"#, &mut judge, &mut out), Ok(Edit::Replaced));
    assert_eq!(out, br#"{"a":1"#);
    assert_eq!(editor.push(br#"cret":"no"#, &mut judge, &mut out), Ok(Edit::Replaced));
    assert_eq!(editor.push(b" matter\"", &mut judge, &mut out), Ok(Edit::Replaced));
    assert_eq!(editor.push(b"}", &mut judge, &mut out), Ok(Edit::Unchanged));
    assert_eq!(out, br#"{"a":1"#);
    assert_eq!(editor.held_bytes(), 0);
    assert_eq!(editor.finish(), Ok(()));
}

#[test]
fn an_error_is_final() {
    let mut editor = Editor::new(Limits::default());
    let mut judge = ByFirstLetter::default();
    let mut out = Vec::new();
    assert!(editor.push(b"{x", &mut judge, &mut out).is_err());
    let again = editor.push(b"{}", &mut judge, &mut out);
    assert_eq!(again.map_err(|error| error.fault), Err(Fault::Failed));
    assert_eq!(editor.finish().map_err(|error| error.fault), Err(Fault::Failed));
    assert_eq!(out, b"");
}

#[test]
fn many_texts_are_edited_one_after_another() {
    let unexpected = |at| Err(Error { at, fault: Fault::Unexpected });
    let cases = [
        (Texts::Lines, "lines", "{\"s\":1}\n{\"a\":{\"s\":[]}}\n", Ok("{}\n{\"a\":{}}\n")),
        (Texts::Lines, "no line feed after the last", "{\"s\":1}\r\n[{\"s\":1}]", Ok("{}\r\n[{}]")),
        (Texts::Lines, "empty lines", "\n \n{\"s\":1}\n\r\n\n1\n\n", Ok("\n \n{}\n\r\n\n1\n\n")),
        (Texts::Lines, "an order mark first", "\u{feff}{\"s\":1}\n2", Ok("\u{feff}{}\n2")),
        (Texts::Lines, "an order mark later", "1\n\u{feff}2", unexpected(2)),
        (Texts::Lines, "scalars", "1\n\"s\"\ntrue\n-0.5e3", Ok("1\n\"s\"\ntrue\n-0.5e3")),
        (Texts::Lines, "a text over two lines", "{\"s\":\n1,\n\"a\":2}\n{}", Ok("{\n\"a\":2}\n{}")),
        (Texts::Lines, "two texts in a line", "{} {}", unexpected(3)),
        (Texts::Lines, "two texts without a gap", "{}{}", unexpected(2)),
        (Texts::Lines, "a carriage return ends no line", "{}\r{}", unexpected(3)),
        (Texts::Lines, "a cut record", "{\"a\":1\n{\"s\":2}", unexpected(7)),
        (Texts::Lines, "a record separator", "\u{1e}{}", unexpected(0)),
        (Texts::Lines, "cut", "{}\n{", Err(Error { at: 4, fault: Fault::Truncated })),
        (
            Texts::Records,
            "records",
            "\u{1e}{\"s\":1}\n\u{1e}[{\"s\":2,\"a\":1}]\n",
            Ok("\u{1e}{}\n\u{1e}[{\"a\":1}]\n"),
        ),
        (Texts::Records, "spaced and empty", " \n\u{1e} \u{1e}\u{1e}1\n", Ok(" \n\u{1e} \u{1e}\u{1e}1\n")),
        (Texts::Records, "none", "", Ok("")),
        (Texts::Records, "a text over lines", "\u{1e}{\n\"s\":\n1}\n", Ok("\u{1e}{}\n")),
        (Texts::Records, "no separator first", "{\"s\":1}", unexpected(0)),
        (Texts::Records, "an order mark", "\u{feff}\u{1e}{}", unexpected(0)),
        (Texts::Records, "two texts in a record", "\u{1e}{}\n{}", unexpected(4)),
        (Texts::Records, "a separator in a text", "\u{1e}{\"a\":\u{1e}1}", unexpected(6)),
        (Texts::Records, "in a string", "\u{1e}\"\u{1e}\"", Err(Error { at: 2, fault: Fault::ControlCharacter })),
        (Texts::One, "a second text", "{}\n{}", unexpected(3)),
        (Texts::One, "a record separator", "\u{1e}{}", unexpected(0)),
    ];
    for (texts, name, body, want) in cases {
        let want = want.map(|want| want.as_bytes().to_vec());
        for width in 1..=body.len().max(1) {
            let got = edit_through(Editor::of(texts, Limits::default()), body.as_bytes(), width);
            assert_eq!(got, want, "{texts:?}, {name}, width {width}");
        }
    }
}

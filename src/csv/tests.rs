//! Tables over the editor: each case at every chunk width.

use super::{Dialect, Edit, Editor, Error, Fault, Judge, Limits, Spellings, Verdict};

/// Removes `s…`, replaces `r…` by `X`, `n…` by nothing, `j…` by an object, keeps the rest.
struct ByFirstLetter;

impl Judge for ByFirstLetter {
    fn judge(&mut self, name: &Spellings) -> Verdict {
        name.strictest(|spelling| match spelling.chars().next() {
            Some('s') => Verdict::Remove,
            Some('r') => Verdict::Replace(7),
            Some('n') => Verdict::Replace(8),
            Some('j') => Verdict::Replace(9),
            Some(_) | None => Verdict::Keep,
        })
    }

    fn replacement(&self, number: u32) -> &[u8] {
        match number {
            7 => br#""X""#,
            8 => b"null",
            9 => br#"{"a":1}"#,
            _ => panic!("nobody asked for {number}"),
        }
    }
}

fn edit_with(body: &[u8], width: usize, dialect: Dialect, limits: Limits) -> Result<Vec<u8>, Error> {
    let mut editor = Editor::new(dialect, limits);
    let mut out = Vec::new();
    let mut last = Edit::Replaced;
    for chunk in body.chunks(width.max(1)) {
        let before = out.len();
        last = editor.push(chunk, &mut ByFirstLetter, &mut out)?;
        if last == Edit::Unchanged {
            assert_eq!(out.len(), before, "unchanged, and yet something was written");
            out.extend_from_slice(chunk);
        }
    }
    let before = out.len();
    let end = editor.finish(&mut ByFirstLetter, &mut out)?;
    assert_eq!(end == Edit::Replaced, out.len() > before);
    assert!(end == Edit::Unchanged || last == Edit::Replaced, "the end belongs to a replaced chunk");
    Ok(out)
}

fn edit(body: &[u8], width: usize) -> Result<Vec<u8>, Error> {
    edit_with(body, width, Dialect::Detect, Limits::default())
}

fn assert_every_width(name: &str, body: &[u8], want: &Result<Vec<u8>, Error>) {
    for width in 1..=body.len().clamp(1, 200) {
        let got = edit(body, width);
        assert_eq!(&got, want, "{name}, width {width}: {}", String::from_utf8_lossy(got.as_deref().unwrap_or(b"")));
    }
}

#[test]
fn columns_go_with_one_separator() {
    let cases = [
        ("nothing to do", "a,b\n1,2\n", "a,b\n1,2\n"),
        ("first", "s,b,c\n1,2,3\n", "b,c\n2,3\n"),
        ("middle", "a,s,c\n1,2,3\n", "a,c\n1,3\n"),
        ("last", "a,b,s\n1,2,3\n", "a,b\n1,2\n"),
        ("first two", "s,s,c,d\n1,2,3,4\n", "c,d\n3,4\n"),
        ("last two", "a,b,s,s\n1,2,3,4\n", "a,b\n1,2\n"),
        ("every second", "a,s,c,s,e\n1,2,3,4,5\n", "a,c,e\n1,3,5\n"),
        ("first and third", "s,b,s,d\n1,2,3,4\n", "b,d\n2,4\n"),
        ("no line end at the end", "a,s,c\n1,2,3", "a,c\n1,3"),
        ("no line end, last removed", "a,b,s\n1,2,3", "a,b\n1,2"),
        ("CR LF", "a,s,c\r\n1,2,3\r\n4,5,6\r\n", "a,c\r\n1,3\r\n4,6\r\n"),
        ("CR", "a,s,c\r1,2,3\r4,5,6\r", "a,c\r1,3\r4,6\r"),
        ("semicolons", "a;s;c\n1,5;2,5;3,5\n", "a;c\n1,5;3,5\n"),
        ("tabs", "a\ts\tc\n1,5\t\t3|5\n", "a\tc\n1,5\t3|5\n"),
        ("bars", "a|s|c\n1\t5|2|3\n", "a|c\n1\t5|3\n"),
        ("quoted as it came", "a,\"s\",\"c\"\n\"1\",\"2\",\"3\"\n", "a,\"c\"\n\"1\",\"3\"\n"),
        ("doubled quotes", "a,s,c\n\"1 \"\"x\"\"\",\"2,\"\"\",\"\"\"\"\n", "a,c\n\"1 \"\"x\"\"\",\"\"\"\"\n"),
        ("separators and breaks in quotes", "a,s,c\n\"1,\r\n,\",\"\n2,\n\",\"\r3\"\n", "a,c\n\"1,\r\n,\",\"\r3\"\n"),
        ("a break in the header row", "\"a\nb\",\"s\n\",c\n1,2,3\n", "\"a\nb\",c\n1,3\n"),
        ("spaces stay", " a , s , c \n 1 , 2 , 3 \n", " a , c \n 1 , 3 \n"),
        ("names with spaces", "a, secret thing,c\n1,2,3\n", "a,c\n1,3\n"),
        ("a quoted name with doubled quotes", "a,\"s\"\"x\"\"\",c\n1,2,3\n", "a,c\n1,3\n"),
        ("values are no names", "a,b\ns,s\n", "a,b\ns,s\n"),
        ("empty cells", "a,s,c\n,,\n1,,3\n", "a,c\n,\n1,3\n"),
        ("duplicates, each for itself", "a,s,a,s\n1,2,3,4\n", "a,a\n1,3\n"),
        ("only a header row", "a,s,c", "a,c"),
        ("only a header row and its end", "a,s,c\r\n", "a,c\r\n"),
        ("a mark", "\u{feff}s,b,c\n1,2,3\n", "\u{feff}b,c\n2,3\n"),
        ("a mark before a quoted name", "\u{feff}\"s\",\"b\",c\n1,2,3\n", "\u{feff}\"b\",c\n2,3\n"),
        ("a mark, nothing to do", "\u{feff}a,b\n", "\u{feff}a,b\n"),
        ("empty lines stay", "a,s,c\n\n1,2,3\n\n\n4,5,6\n\n", "a,c\n\n1,3\n\n\n4,6\n\n"),
        ("empty lines with CR LF", "a,s,c\r\n\r\n1,2,3\r\n\r\n", "a,c\r\n\r\n1,3\r\n\r\n"),
        ("not ASCII", "größe,s,漢字\né,é,😀\n\"é\",\"é\",\"😀\"\n", "größe,漢字\né,😀\n\"é\",\"😀\"\n"),
        ("backslashes", "a,s,c\n\\1\\,\\,C:\\x\n\"\\n\",\"\\\\x\",\\N\n", "a,c\n\\1\\,C:\\x\n\"\\n\",\\N\n"),
        ("a lone column", "a\n1\n\n2\n", "a\n1\n\n2\n"),
        ("a lone quoted column", "a\n\"1,2;3\"\n\"\n\"\n", "a\n\"1,2;3\"\n\"\n\"\n"),
    ];
    for (name, body, want) in cases {
        assert_every_width(name, body.as_bytes(), &Ok(want.as_bytes().to_vec()));
        assert_eq!(edit(want.as_bytes(), 3).unwrap(), want.as_bytes(), "{name}: twice");
    }
}

#[test]
fn replaced_columns_keep_their_place_and_name() {
    let cases = [
        ("first", "r,b\n1,2\n,\n", "r,b\nX,2\nX,\n"),
        ("last", "a,r\n1,2\n1,\"2\"", "a,r\n1,X\n1,X"),
        ("all", "r,\"r\"\n1,2\n", "r,\"r\"\nX,X\n"),
        ("beside removed ones", "s,r,s,d\n1,2,3,4\n", "r,d\nX,4\n"),
        ("removed, replaced", "s,b,r\n1,2,3\n", "b,r\n2,X\n"),
        ("by nothing", "a,n,c\n1,2,3\n", "a,n,c\n1,,3\n"),
        ("by an object", "a,j,c\n1,2,3\n", "a,j,c\n1,\"{\"\"a\"\":1}\",3\n"),
        ("a lone column", "r\n1\n\n2", "r\nX\n\nX"),
        ("the only one left, by nothing", "s,n\n1,2\n", "n\n\"\"\n"),
        ("a lone column, by nothing", "n\n1\n", "n\n\"\"\n"),
    ];
    for (name, body, want) in cases {
        assert_every_width(name, body.as_bytes(), &Ok(want.as_bytes().to_vec()));
        assert_eq!(edit(want.as_bytes(), 3).unwrap(), want.as_bytes(), "{name}: twice");
    }
}

#[test]
fn no_row_vanishes_and_no_row_is_told() {
    let cases = [
        ("one left, empty cells", "a,s\n,1\n2,3\n,\"\"\n", "a\n\"\"\n2\n\"\"\n"),
        ("one left, the last", "s,a\r\n1,\r\n1,2\r\n1,", "a\r\n\"\"\r\n2\r\n\"\""),
        ("one left, quoted empty", "a,s\n\"\",1\n", "a\n\"\"\n"),
        ("a table of one column stays as it is", "a\n\n1\n\n", "a\n\n1\n\n"),
        ("nothing left", "s,s\n1,2\n\n3,4", ""),
        ("nothing left of a marked one", "\u{feff}s\r\n1\r\n", ""),
        ("empty", "", ""),
        ("only a mark", "\u{feff}", "\u{feff}"),
        ("only line ends", "\r\n\n\r", "\r\n\n\r"),
    ];
    for (name, body, want) in cases {
        assert_every_width(name, body.as_bytes(), &Ok(want.as_bytes().to_vec()));
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let cases: [(&str, &[u8], u64, Fault); 45] = [
        ("an empty line first", b"\na,b\n", 1, Fault::NoHeader),
        ("a mark and an empty line first", b"\xef\xbb\xbf\na,b\n", 3, Fault::NoHeader),
        ("a title line", b"Report\n\na,b\n1,2\n", 9, Fault::FieldCount),
        ("a title line over other separators", b"Report\n\na;b\n1;2\n", 9, Fault::FieldCount),
        ("a title line over tabs", b"Report\na\tb\n", 8, Fault::FieldCount),
        ("numbers for names", b"1,2\n3,4\n", 0, Fault::NoHeader),
        ("an empty name", b"a,,c\n1,2,3\n", 2, Fault::NoHeader),
        ("sep=", b"sep=;\na;b\n", 0, Fault::NoHeader),
        ("a second mark", b"\xef\xbb\xbf\xef\xbb\xbfa,b\n", 3, Fault::NoHeader),
        ("half a mark", b"\xef\xbb", 0, Fault::NotUtf8),
        ("two kinds of separators", b"a,b;c\n", 3, Fault::AmbiguousSeparator),
        ("a field more", b"a,s\n1,2,3\n", 7, Fault::FieldCount),
        ("a field more at the end", b"a,s\n1,2,", 7, Fault::FieldCount),
        ("a field less", b"a,s\n1\n", 5, Fault::FieldCount),
        ("a field less at the end", b"a,s\n1", 5, Fault::FieldCount),
        ("a space for a record", b"a,s\n \n", 5, Fault::FieldCount),
        ("a bare quote", b"a,s\n1\"2,3\n", 5, Fault::BareQuote),
        ("a quote after a space", b"a,s\n1, \"3\"\n", 7, Fault::BareQuote),
        ("text after a quote", b"a,s\n\"1\"2,3\n", 7, Fault::TextAfterQuote),
        ("a space after a quote", b"a,s\n\"1\" ,3\n", 7, Fault::TextAfterQuote),
        ("another separator after a quote", b"a,s\n\"1\";3\n", 7, Fault::TextAfterQuote),
        ("a backslash before a quote", b"a,s\n\"1\\\"\",3\n", 7, Fault::BackslashQuote),
        ("a backslash before the last quote", b"a,s\n\"1\\\\\",3\n", 8, Fault::BackslashQuote),
        ("a backslash before a separator", b"a,s\n1\\,2,3\n", 8, Fault::FieldCount),
        ("single quotes", b"a,s\n'1,2',3\n", 9, Fault::FieldCount),
        ("no quoting with tabs", b"a\ts\n\"x\tS\nz\"\tS\n", 6, Fault::QuotedBreak),
        ("a break in quotes with tabs", b"a\ts\n\"x\nz\"\tS\n", 6, Fault::QuotedBreak),
        ("NUL", b"a,s\n1\0,2\n", 5, Fault::ControlCharacter),
        ("NUL in quotes", b"a,s\n\"1\0\",2\n", 6, Fault::ControlCharacter),
        ("a control character", b"a,s\n1\x1f2,3\n", 5, Fault::ControlCharacter),
        ("UTF-16", b"\xff\xfea\0,\0b\0\n\0", 0, Fault::NotUtf8),
        ("UTF-16 without mark", b"a\0,\0b\0\n\0", 1, Fault::ControlCharacter),
        ("overlong", b"a,s\n\xc0\xaf,2\n", 4, Fault::NotUtf8),
        ("a cut sequence before a separator", b"a,s\n\xe6\xbc,2\n", 4, Fault::NotUtf8),
        ("a cut sequence before a line end", b"a,s\n1,\xe6\xbc\n", 6, Fault::NotUtf8),
        ("a cut sequence in quotes", b"a,s\n\"\xe6\xbc\",2\n", 5, Fault::NotUtf8),
        ("a cut sequence at the end", b"a,s\n1,\xe6\xbc", 8, Fault::NotUtf8),
        ("LF after CR LF", b"a,s\r\n1,2\n", 8, Fault::LineEnd),
        ("CR after LF", b"a,s\n1,2\r\n", 7, Fault::LineEnd),
        ("CR in CR LF", b"a,s\r\n1,2\r3,4\r\n", 9, Fault::LineEnd),
        ("LF after CR", b"a,s\r1,2\r\n", 8, Fault::LineEnd),
        ("an open quote", b"a,s\n1,\"2\n", 9, Fault::Truncated),
        ("an open quote in the header row", b"a,\"s\n1,2\n", 9, Fault::Truncated),
        ("a cut CR LF", b"a,s\r\n1,2\r", 9, Fault::Truncated),
        ("a bad cell of a removed column", b"a,s\n1,\"2\"3\n", 9, Fault::TextAfterQuote),
    ];
    for (name, body, at, fault) in cases {
        assert_every_width(name, body, &Err(Error { at, fault }));
    }
}

#[test]
fn every_refusal_in_a_lone_column() {
    for separator in [",", ";", "\t", "|"] {
        let body = format!("a\n1{separator}2\n");
        assert_every_width("unquoted", body.as_bytes(), &Err(Error { at: 3, fault: Fault::FieldCount }));
    }
    let body = "id unit_cost secret\n1 2 3\n";
    assert_every_width("a separator that nobody knows", body.as_bytes(), &Ok(Vec::new()));
}

#[test]
fn the_media_type_may_say_tabs() {
    let tabs = |body: &[u8]| edit_with(body, 1, Dialect::Tabs, Limits::default());
    assert_eq!(tabs(b"a\ts\n1\t2\n").unwrap(), b"a\n1\n");
    assert_eq!(tabs(b"a\n1\n").unwrap(), b"a\n1\n");
    assert_eq!(tabs(b"a,s\n1,2\n"), Err(Error { at: 1, fault: Fault::AmbiguousSeparator }));
}

#[test]
fn limits_hold_at_every_width() {
    let limits = Limits { max_header_bytes: 8, max_columns: 3, max_record_bytes: 6 };
    let cases: [(&str, &[u8], Result<&[u8], (u64, Fault)>); 10] = [
        ("as long as may be", b"a,s,abcd\n1,2,3\n", Ok(b"a,abcd\n1,3\n")),
        ("too long", b"a,s,abcde\n1,2,3\n", Err((8, Fault::HeaderTooLong))),
        ("too long without end", b"aaaaaaaaaaaaaaaaaaaaaaaa", Err((8, Fault::HeaderTooLong))),
        ("too long in quotes", b"\"\n\n\n\n\n\n\n\n", Err((8, Fault::HeaderTooLong))),
        ("the mark counts", b"\xef\xbb\xbfaaaaaa\n", Err((8, Fault::HeaderTooLong))),
        ("a column too many", b"a,b,c,d\n", Err((6, Fault::TooManyColumns))),
        ("where all stays records are not held", b"a,b\n0123456789,0123456789\n", Ok(b"a,b\n0123456789,0123456789\n")),
        ("what goes does not count", b"a,s\n01234,0123456789\n", Ok(b"a\n01234\n")),
        ("what is left of a record", b"a,s\n1,2\n012345,0123456789\n", Err((8, Fault::RecordTooLong))),
        ("in its only cell", b"s,a\n0123456789,0123456", Err((4, Fault::RecordTooLong))),
    ];
    for (name, body, want) in cases {
        let want = want.map(<[u8]>::to_vec).map_err(|(at, fault)| Error { at, fault });
        for width in 1..=body.len() {
            assert_eq!(edit_with(body, width, Dialect::Detect, limits), want, "{name}, width {width}");
        }
    }
}

#[test]
fn no_more_is_held_than_the_limits_say() {
    let limits = Limits { max_header_bytes: 4096, max_columns: 64, max_record_bytes: 100 };
    let mut editor = Editor::new(Dialect::Detect, limits);
    let mut out = Vec::new();
    let header = (0..64).map(|n| format!("r{n}")).collect::<Vec<_>>().join(",");
    for byte in header.as_bytes() {
        assert_eq!(editor.push(&[*byte], &mut ByFirstLetter, &mut out), Ok(Edit::Replaced));
        assert!(editor.held_bytes() <= header.len());
    }
    assert_eq!(editor.held_bytes(), header.len());
    let _ = editor.push(b"\n", &mut ByFirstLetter, &mut out).unwrap();
    let after = editor.held_bytes();
    assert!(after <= 64 * 8 + 1, "{after}");
    for _ in 0..1000 {
        let _ = editor.push(b"\"never ending", &mut ByFirstLetter, &mut out).err();
        assert!(editor.held_bytes() <= after + 100);
    }
}

#[test]
fn no_part_of_a_record_leaves_before_the_rest() {
    let table = b"s,a,b\n1,2,3\n\"x\",4,\"5\"\n";
    for bad in [
        "Secret,Secret,Secret,Secret\n",
        "x,Secret\n",
        "\"x\",\"Secret\n\"\n",
        "x,Secret,Secret\r\n",
        "x,Secret,\"a\"Secret",
    ] {
        let body = [table, bad.as_bytes()].concat();
        for width in 1..=body.len() {
            let mut editor = Editor::new(Dialect::Detect, Limits::default());
            let (mut sent, mut failed) = (Vec::new(), false);
            for chunk in body.chunks(width) {
                let mut out = Vec::new();
                match editor.push(chunk, &mut ByFirstLetter, &mut out) {
                    Ok(Edit::Unchanged) => sent.extend_from_slice(chunk),
                    Ok(Edit::Replaced) => sent.append(&mut out),
                    Err(_) => failed = true,
                }
            }
            assert!(failed, "{bad}, width {width}");
            let sent = String::from_utf8(sent).unwrap();
            assert!("a,b\n2,3\n4,\"5\"\n".starts_with(&sent) || sent.ends_with("Secret,Secret\r"), "{sent}");
            assert!(sent.is_empty() || sent.ends_with(['\n', '\r']), "{sent}");
        }
    }
}

#[test]
fn nothing_is_held_back_where_all_columns_stay() {
    let body = b"a,b\r\n1,\"2\"\r\n\"3\",4\r\n";
    let mut editor = Editor::new(Dialect::Detect, Limits::default());
    let mut out = Vec::new();
    assert_eq!(editor.push(&body[..5], &mut ByFirstLetter, &mut out), Ok(Edit::Unchanged));
    for byte in &body[5..] {
        assert_eq!(editor.push(&[*byte], &mut ByFirstLetter, &mut out), Ok(Edit::Unchanged));
    }
    assert_eq!(editor.finish(&mut ByFirstLetter, &mut out), Ok(Edit::Unchanged));
    assert!(out.is_empty());
}

#[test]
fn after_an_error_everything_fails() {
    let mut editor = Editor::new(Dialect::Detect, Limits::default());
    let mut out = Vec::new();
    assert!(editor.push(b"a,s\n1,2,3\n", &mut ByFirstLetter, &mut out).is_err());
    for chunk in [&b""[..], b"\n", b"1,2\n", b"a,b\n"] {
        let error = editor.push(chunk, &mut ByFirstLetter, &mut out).unwrap_err();
        assert_eq!(error.fault, Fault::Failed);
    }
    assert_eq!(editor.finish(&mut ByFirstLetter, &mut out).unwrap_err().fault, Fault::Failed);
}

#[test]
fn errors_have_words_for_people_and_for_metrics() {
    let error = Error { at: 3, fault: Fault::FieldCount };
    assert_eq!(error.to_string(), "byte 3: not as many fields as the header row");
    assert_eq!(error.fault.code(), "csv_field_count");
}

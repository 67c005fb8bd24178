//! What was learnt of texts makes reading faster, and changes nothing.

use super::{ByFirstLetter, edit_by, edit_with};
use crate::json::{Editor, Limits, Texts};

/// So many records of this kind, in an array and in such a text that joints are foreseen to its end.
fn records(record: &str, count: usize) -> String {
    let records = vec![record; count].join(",");
    format!(r#"{{"data":[{records}],"end":"{}"}}"#, "x".repeat(200))
}

const RECORD: &str = r#"{"id":"PO-1","name":"a longer name, of many bytes, with a sign","s1":12.5,"s2":[{"x":[1,"]}"]},{}],"n":17,"t":true,"u":null,"lines":[{"line":1,"s":"secret","port":"x"},{"line":2,"s":"secret","port":"y"}],"f":false,"s9":"last"}"#;

#[test]
fn names_that_come_again_are_not_judged_again() {
    let judged = |record: &str, count| {
        let mut judge = ByFirstLetter::learning();
        let body = records(record, count);
        let out = edit_by(&mut judge, Editor::new(Limits::default()), body.as_bytes(), usize::MAX).unwrap();
        assert_eq!(Ok(out), edit_with(body.as_bytes(), usize::MAX, Limits::default()));
        (judge.judged, judge.met)
    };
    let pretty = RECORD.replace(",\"", ",\n    \"").replace("\":", "\": ").replace("{\"", "{\n    \"");
    for record in [RECORD, &pretty] {
        let (few, _) = judged(record, 3);
        let (many, met) = judged(record, 103);
        assert_eq!(few, many, "{record}");
        assert!(met >= 5 * 100, "{met} of 515 removed members were foreseen: {record}");
    }
    // Members that stay and are counted.
    assert!(judged(r#"{"a":1,"w":2,"b":3}"#, 100).1 >= 97);
    // Names that a replacement follows are judged each time.
    assert!(judged(r#"{"a":1,"r":2,"b":3}"#, 100).0 >= 100);
}

#[test]
fn order_is_found_again_after_a_text_without() {
    let mut judge = ByFirstLetter::learning();
    let mut judged = |body: &str| {
        let before = judge.judged;
        let out = edit_by(&mut judge, Editor::new(Limits::default()), body.as_bytes(), usize::MAX).unwrap();
        assert_eq!(Ok(out), edit_with(body.as_bytes(), usize::MAX, Limits::default()));
        judge.judged - before
    };
    let names: Vec<_> = (0..5000).map(|n| format!("\"n{n}\":{n}")).collect();
    assert_eq!(judged(&format!("{{{}}}", names.join(","))), 5000);
    // At most a thousand members later.
    assert!(judged(&records(RECORD, 300)) < 1500);
    assert!(judged(&records(RECORD, 300)) < 30);
}

#[test]
fn what_was_learnt_changes_nothing() {
    let learnt = records(RECORD, 4);
    // What differs from the records in one place: the first text comes for the second.
    let cases = [
        ("the same", "", ""),
        ("an exponent", "12.5,", "12.5e3,"),
        ("an exponent without a point", "17,", "17E+2,"),
        ("a long number", "17,", "12345678901234567890.25,"),
        ("a long fraction", "12.5,", "1.234567890123456789,"),
        ("zero", "17,", "0,"),
        ("a fraction of zero", "12.5,", "0.5,"),
        ("a negative number", "17,", "-17,"),
        ("a leading zero", "17,", "017,"),
        ("a point last", "12.5,", "12.,"),
        ("two points", "12.5,", "1.2.5,"),
        ("a quotation mark after a number", "17,", "17\","),
        ("a quotation mark after a name", "true,", "true\","),
        ("a quotation mark after a container", "{}],", "{}]\","),
        ("a quotation mark after a removed number", "12.5,", "12.5\","),
        ("a text for a number", "17,", "\"17\","),
        ("a number for a text", "\"PO-1\",", "5,"),
        ("a container for a number", "17,", "[17,{\"s\":1}],"),
        ("a container for a removed number", "12.5,", "[1,{\"a\":\"]\"}],"),
        ("a number for a removed container", "[{\"x\":[1,\"]}\"]},{}]", "5"),
        ("an escape", "PO-1", "PO\\\"\\u00e9"),
        ("an escape at the end", "PO-1", "PO-1\\\\"),
        ("beyond ASCII", "PO-1", "Größe 漢字"),
        ("no UTF-8", "PO-1", "PO\u{7}"),
        ("a control character", "of many bytes", "of many\u{1}bytes"),
        ("another literal name", "true", "truE"),
        ("null for true", "true", "null"),
        ("white space after a number", "17,", "17 ,"),
        ("white space after a name", "\"n\":", "\"n\" :"),
        ("another name", "\"n\":", "\"s\":"),
        ("a name in escapes", "\"n\":", "\"\\u0073\":"),
        ("a longer name", "\"n\":", "\"nn\":"),
        ("no comma", "17,", "17 "),
        ("two commas", "17,", "17,,"),
        ("a bracket too many", "17,", "17},"),
        ("another bracket", "\"y\"}]", "\"y\"]}"),
        ("the record ends early", "17,\"t\":true", "17},{\"t\":true"),
        ("nothing kept before", "\"id\":\"PO-1\",\"name\":", "\"s\":\"PO-1\",\"s\":"),
        ("the first of a line goes", "\"line\":1", "\"s\":1"),
        ("an array of arrays", "\"lines\":[", "\"lines\":[["),
        ("an object for an array", "\"lines\":[{\"line\":1,", "\"lines\":{\"line\":{\"line\":1,"),
    ];
    for (name, old, new) in cases {
        // In the third record of four; the bodies are cut in every kind of place.
        let place = learnt.match_indices(old).map(|(at, _)| at).find(|at| *at > 2 * RECORD.len()).unwrap_or(0);
        let body = format!("{}{}{}", &learnt[..place], new, &learnt[place + old.len()..]);
        for width in [body.len(), 700, 333, 101, 100, 64, 1] {
            let want = edit_with(body.as_bytes(), width, Limits::default());
            let mut judge = ByFirstLetter::learning();
            edit_by(&mut judge, Editor::new(Limits::default()), learnt.as_bytes(), usize::MAX).unwrap();
            for round in 0..2 {
                let got = edit_by(&mut judge, Editor::new(Limits::default()), body.as_bytes(), width);
                assert_eq!(got, want, "{name}, width {width}, round {round}");
            }
        }
    }
}

#[test]
fn limits_hold_where_all_is_foreseen() {
    let body = records(r#"{"a":1,"b":[{"c":[{"d":1,"e":2}]}],"f":1}"#, 20);
    for (max_depth, max_key_bytes) in [(7, 100), (6, 100), (3, 100), (100, 64), (100, 63), (100, 10), (100, 1)] {
        let limits = Limits { max_depth, max_key_bytes };
        let want = edit_with(body.as_bytes(), usize::MAX, limits);
        let mut judge = ByFirstLetter::learning();
        edit_by(&mut judge, Editor::new(Limits::default()), body.as_bytes(), usize::MAX).unwrap();
        assert_eq!(edit_by(&mut judge, Editor::new(limits), body.as_bytes(), usize::MAX), want, "{limits:?}");
    }
    // Where a word of levels ends.
    for depth in [27, 28, 29, 30, 31, 32, 33, 60, 64] {
        let body = format!("{}{body}{}", "[".repeat(depth), "]".repeat(depth));
        let want = edit_with(body.as_bytes(), 1, Limits::default());
        assert_eq!(want.as_deref(), Ok(body.as_bytes()));
        let mut judge = ByFirstLetter::learning();
        for round in 0..2 {
            let got = edit_by(&mut judge, Editor::new(Limits::default()), body.as_bytes(), usize::MAX);
            assert_eq!(got, want, "depth {depth}, round {round}");
        }
    }
}

#[test]
fn what_stands_between_texts_is_foreseen_where_there_may_be_many() {
    let kinds = [(Texts::Lines, "", "\n"), (Texts::Records, "\u{1e}", "\n"), (Texts::One, "", ",")];
    let body = |begin: &str, end: &str, records: usize| {
        (0..records).map(|n| format!("{begin}{}{end}", RECORD.replace("PO-1", &format!("PO-{n}")))).collect::<String>()
    };
    let limits = Limits::default();
    for (learnt, begin, end) in [kinds[0], kinds[1]] {
        let few = body(begin, end, 4);
        let taught = || {
            let mut judge = ByFirstLetter::learning();
            edit_by(&mut judge, Editor::of(learnt, limits), few.as_bytes(), usize::MAX).unwrap();
            judge
        };
        let mut judge = taught();
        let judged = judge.judged;
        let many = body(begin, end, 104);
        let got = edit_by(&mut judge, Editor::of(learnt, limits), many.as_bytes(), usize::MAX);
        let want = edit_by(&mut ByFirstLetter::default(), Editor::of(learnt, limits), many.as_bytes(), usize::MAX);
        assert_eq!(got, want, "{learnt:?}");
        assert!(judge.judged - judged < 60, "{} of {learnt:?} were not foreseen", judge.judged - judged);

        // The same joints in a body of other texts are faults there, or no joints.
        for (texts, ..) in kinds {
            for (_, begin, end) in kinds {
                for (old, new) in
                    [("", ""), ("}\n", "}\n\n"), ("}\n", "}\r\n"), ("}\n", "}]\n"), ("{\"id\"", "{ \"id\"")]
                {
                    let body = body(begin, end, 6).replace(old, if old.is_empty() { old } else { new });
                    for (width, max_depth) in [(usize::MAX, 100), (400, 100), (1, 100), (usize::MAX, 2)] {
                        let limits = Limits { max_depth, ..limits };
                        let plain = &mut ByFirstLetter::default();
                        let want = edit_by(plain, Editor::of(texts, limits), body.as_bytes(), width);
                        let got = edit_by(&mut taught(), Editor::of(texts, limits), body.as_bytes(), width);
                        assert_eq!(got, want, "{learnt:?} learnt, {texts:?} read, {new:?}, width {width}");
                    }
                }
            }
        }
    }
}

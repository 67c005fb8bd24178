//! What is read, and what is said of what is not.

use super::MAX_DEPTH;
use crate::config::{Named, Raw, read, read_secret};

#[derive(serde::Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its reading is tested")]
struct Wire {
    inner: Option<Inner>,
    list: Option<Vec<Inner>>,
    named: Option<Named<Inner>>,
    mode: Option<Mode>,
    raw: Option<Raw>,
}

#[derive(serde::Deserialize, Debug)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its reading is tested")]
struct Inner {
    one: u8,
    two: Option<u8>,
}

#[derive(serde::Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its reading is tested")]
enum Mode {
    Plain,
    With(Inner),
}

#[test]
fn an_object_is_an_object_and_a_word_is_one() {
    const OBJECT: &str = "must be an object with `one`, `two` at line 1 column";
    const WORD: &str = "must be one of `plain`, `with` at line 1 column";
    for (json, path, want) in [
        (r#"{"inner":[1,2]}"#, "inner", OBJECT),
        (r#"{"inner":"hush"}"#, "inner", OBJECT),
        (r#"{"inner":7}"#, "inner", OBJECT),
        (r#"{"list":{}}"#, "list", "invalid type"),
        (r#"{"list":[{"one":1},[1]]}"#, "list[1]", OBJECT),
        (r#"{"list":[null]}"#, "list[0]", OBJECT),
        (r#"{"named":{"a":[1]}}"#, "named.a", OBJECT),
        (r#"{"named":[]}"#, "named", "must be an object at line 1 column"),
        (r#"{"mode":true}"#, "mode", WORD),
        (r#"{"mode":["plain"]}"#, "mode", WORD),
        (r#"{"mode":1}"#, "mode", WORD),
        (r#"{"mode":{"with":[1]}}"#, "mode.with", OBJECT),
        (
            r#"{"mode":{"with":{"one":1},"plain":null}}"#,
            "mode.with",
            "must be one of `plain`, `with`, with nothing beside it at line 1 column",
        ),
        (r#"{"mode":"hush, expected an object"}"#, "mode", "unknown variant"),
        (r#"{"inner":{"one":"hush, expected an object with nothing at line 1"}}"#, "inner.one", "invalid type"),
    ] {
        for message in [
            read::<Wire>(json.as_bytes()).expect_err(json).to_string(),
            read_secret::<Wire>(json.as_bytes()).expect_err(json).to_string(),
        ] {
            assert!(message.starts_with(&format!("{path}: {want}")), "{json}: {message}");
            assert!(!message.contains("struct ") && !message.contains("enum "), "{message}");
        }
        let message = read_secret::<Wire>(json.as_bytes()).expect_err(json).to_string();
        assert!(!message.contains("hush"), "{message}");
    }
    for json in [
        r#"{"inner":{"one":1},"list":[{"one":1,"two":null}],"named":{"a":{"one":2}},"mode":"plain"}"#,
        r#"{"inner":null,"mode":{"with":{"one":1}},"raw":{"a":[1,{"b":2}]}}"#,
        r#"{"raw":[1,2]}"#,
    ] {
        assert!(read::<Wire>(json.as_bytes()).is_ok(), "{json}");
    }
    let wire: Wire = read(br#"{"raw":[1, {"b": 2}]}"#).unwrap();
    assert_eq!(wire.raw.unwrap().get(), r#"[1, {"b": 2}]"#);
}

#[derive(serde::Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Any {
    any: serde_json::Value,
}

#[test]
fn values_are_what_serde_json_has_of_them() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "18446744073709551615",
        "-9223372036854775808",
        "123456789012345678901234",
        "1.5E-3",
        "1e5",
        r#""""#,
        r#""a""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""a\\""#,
        r#""\u00e9\ud83d\ude00é😀{[,:]}""#,
        "[]",
        "{}",
        " [ 1 , [ ] , { } , \"]\" ] ",
        "{ \"a\" : { \"b\\\"}\" : [ { } , null ] } , \"c\" : \"\" }",
        "\n\t\r {\"a\"\n:\t1\r, \"b\":2 }",
    ] {
        let want: Result<serde_json::Value, _> = serde_json::from_str(text);
        let got = read::<Any>(format!("{{\"any\":{text}}}").as_bytes());
        assert_eq!(got.ok().map(|read| read.any), want.ok(), "{text}");
    }
}

#[test]
fn what_is_read_is_bounded_and_sound() {
    let nested = |depth: usize| format!("{{\"any\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(read::<Any>(nested(MAX_DEPTH).as_bytes()).is_ok());
    for (text, want) in [
        (nested(MAX_DEPTH + 1), "recursion limit exceeded at line 1 column 133"),
        (r#"{"any":["\ud800"]}"#.to_owned(), "any[0]: invalid unicode code point at line 1 column"),
        (r#"{"any":1e999}"#.to_owned(), "any: number out of range at line 1 column 12"),
        (r#"{"any":1,}"#.to_owned(), "(configuration): trailing comma at line 1 column 10"),
        (r#"{"any":[1, ]}"#.to_owned(), "any: trailing comma at line 1 column 12"),
        (r#"{"any":"#.to_owned(), "any: EOF while parsing a value at line 1 column 7"),
    ] {
        let message = read::<Any>(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(want), "{text}: {message}");
        let message = read_secret::<Any>(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains("at line 1 column") && !message.contains("ud800"), "{message}");
    }
    let message = read::<Any>(b"{\"any\":\"\xff\"}").unwrap_err().to_string();
    assert_eq!(message, "any: is not UTF-8 at line 1 column 8");
    // A part that stays as it is has no such bound.
    let deep = format!("{{\"raw\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let wire: Wire = read(deep.as_bytes()).unwrap();
    assert_eq!(wire.raw.unwrap().get().len(), 20_000);
}

#[test]
fn a_list_of_so_many_has_so_many() {
    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Pair {
        pair: (u8, u8),
    }
    assert!(read::<Pair>(br#"{"pair":[1, 2 ]}"#).is_ok());
    for (text, want) in [
        (r#"{"pair":[1]}"#, "pair: invalid length 1, expected a tuple of size 2 at line 1 column 11"),
        (r#"{"pair":[1,2,3]}"#, "pair[1]: has more elements than belong there at line 1 column 12"),
    ] {
        assert_eq!(read::<Pair>(text.as_bytes()).unwrap_err().to_string(), want);
    }
}

#[test]
fn a_text_that_is_no_json_is_refused() {
    use serde::Deserialize as _;
    for text in ["", "[", "[1", "[1,", "[\"", "[\"\\", "{\"a\":[1", "{\"a", "{\"a\"", "]", "nul", "\u{e9}"] {
        let list = Vec::<serde::de::IgnoredAny>::deserialize(&mut super::Reader::new(text));
        assert!(list.is_err(), "{text}");
        let map = std::collections::BTreeMap::<String, u8>::deserialize(&mut super::Reader::new(text));
        assert!(map.is_err(), "{text}");
    }
}

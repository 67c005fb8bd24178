use super::{Value, read};

#[test]
fn every_value_knows_its_line() {
    let source = "a: 1\nb:\n  - x\n  - {c: true,\n     d: null}\n---\ne: &q [1]\nf: *q\n";
    let documents = read(source).unwrap();
    assert_eq!(documents.len(), 2);
    let b = documents[0].entry("b").unwrap();
    assert_eq!((b.line, b.value.line), (2, 3));
    let map = &b.value.items()[1];
    assert_eq!((map.line, map.entry("d").unwrap().line), (4, 5));
    assert_eq!(documents[1].field("f").unwrap().line, 8, "an alias stands where it is used");
    assert_eq!(documents[0].to_json(), r#"{"a":1,"b":["x",{"c":true,"d":null}]}"#);
}

#[test]
fn scalars_follow_the_core_schema() {
    for (yaml, want) in [
        ("12.50", "12.50"),
        ("-0.5e3", "-0.5e3"),
        ("+12", "12"),
        ("0x1f", "31"),
        ("0o17", "15"),
        (".5", "0.5"),
        ("007", "7"),
        ("~", "null"),
        ("", "null"),
        ("TRUE", "true"),
        ("yes", "\"yes\""),
        ("1_000", "\"1_000\""),
        (".inf", "\".inf\""),
        ("1.2.3", "\"1.2.3\""),
        ("2026-11-21", "\"2026-11-21\""),
        ("\"5\"", "\"5\""),
        ("!!str 5", "\"5\""),
        ("'it''s'", "\"it's\""),
        ("|-\n  a\n  b", "\"a\\nb\""),
    ] {
        let documents = read(&format!("v: {yaml}\n")).unwrap();
        assert_eq!(documents[0].to_json(), format!("{{\"v\":{want}}}"), "{yaml:?}");
    }
}

#[test]
fn a_text_knows_the_lines_of_its_letters() {
    for (name, source, wanted, want) in [
        ("literal", "v: |\n  {\n    \"a\": 1,\n\n    \"X\": 2\n  }\n", "X", 5),
        ("literal after empty lines", "v: |+2\n\n\n    {\n  X }\n", "X", 5),
        ("literal with letters of several bytes", "u: ééé\nv: |\n  é€\n  X\n", "X", 4),
        ("folded", "v: >-\n  {\"a\": 1,\n  \"b\": 2,\n  \"X\": 3}\n", "X", 4),
        ("double-quoted in one line", "\n\nv: \"{\\n\\n\\\"X\\\": 1}\"\n", "X", 3),
        ("double-quoted, folded", "v: \"{ \\\"a\\\": \\u0041\\\n   1,\n  X}\"\n", "X", 3),
        ("single-quoted", "v: '{ ''a'':\n   ''b'',\n   X}'\n", "X", 3),
        ("plain", "v: a\n  b\n  X\n", "X", 3),
        ("JSON", "{\"v\":\n\"{ X }\"}", "X", 2),
    ] {
        let documents = read(source).unwrap();
        let Value::Text(text) = &documents[0].field("v").unwrap().value else { panic!("{name}") };
        let offset = text.as_str().find(wanted).unwrap();
        assert_eq!(text.line_of(offset, source), want, "{name}");
    }
}

#[test]
fn fields_are_found_in_both_of_protobufs_spellings() {
    let documents = read("vmConfig: {vm_id: x}\n").unwrap();
    assert_eq!(documents[0].at(&["vm_config", "vm_id"]).unwrap().text(), Some("x"));
}

#[test]
fn what_is_no_yaml_is_named_with_its_line() {
    let deep = "[".repeat(200);
    let nodes = format!("a: &a [{}]\nb: &b [{}]\nc: [{}]\n", "x,".repeat(1000), "*a,".repeat(1000), "*b,".repeat(2));
    let tower = format!("a: &a {}{}\nb: {}*a{}\n", "[".repeat(100), "]".repeat(100), "[".repeat(100), "]".repeat(100));
    let anchors: String =
        (0..100).map(|n| format!("&a{n} [")).collect::<String>() + &"x,".repeat(20_000) + &"]".repeat(100);
    for (source, line, want) in [
        (anchors.as_str(), 1, "aliases counted"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, ""),
        ("a: 1\n\nb: \"x\n", 3, "unexpected end"),
        ("a: 1\nb: *nobody\n", 2, "unknown anchor"),
        ("a: 1\nb: 2\na: 3\n", 3, "`a` stands twice in one map, first in line 1"),
        ("? [1]\n: 2\n", 1, "cannot be a key"),
        ("a: &x [*x]\n", 1, ""),
        (&deep, 1, "nested deeper"),
        (&nodes, 2, "aliases counted"),
        (&tower, 2, "nested deeper"),
    ] {
        let fault = read(source).unwrap_err();
        assert!(fault.line == line && fault.message.contains(want), "{:.40}: {fault}", source);
    }
}

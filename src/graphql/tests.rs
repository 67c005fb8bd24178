//! Tables over documents and requests.

use super::{Error, Fault, Found, Limits, in_document, in_document_body, in_form, in_json, in_target};

fn taken(name: &str) -> bool {
    matches!(name, "unitCost" | "margin")
}

fn look(text: &str) -> Result<Found, Error> {
    in_document(text, &Limits::default(), &mut taken)
}

#[test]
fn examples_of_the_specification_are_read() {
    // GraphQL specification, October 2021, section 2 and 3.
    let cases = [
        r#"mutation { likeStory(storyID: 12345) { story { likeCount } } }"#,
        "{ field }",
        "{ id firstName lastName }",
        "{ me { id firstName lastName birthday { month day } friends { name } } }",
        "{ user(id: 4) { name } }",
        "{ user(id: 4) { id name profilePic(width: 100, height: 50) } }",
        "{ user(id: 4) { id name smallPic: profilePic(size: 64) bigPic: profilePic(size: 1024) } }",
        "{ zuck: user(id: 4) { id name } }",
        "query withFragments { user(id: 4) { friends(first: 10) { ...friendFields } mutualFriends(first: 10) { ...friendFields } } }
         fragment friendFields on User { id name profilePic(size: 50) }",
        "query FragmentTyping { profiles(handles: [\"zuck\", \"coca-cola\"]) { handle ...userFragment ...pageFragment } }
         fragment userFragment on User { friends { count } }
         fragment pageFragment on Page { likers { count } }",
        "query inlineFragmentTyping { profiles(handles: [\"zuck\"]) { handle ... on User { friends { count } } ... on Page { likers { count } } } }",
        "query inlineFragmentNoType($expandedInfo: Boolean) { user(handle: \"zuck\") { id ... @include(if: $expandedInfo) { firstName lastName } } }",
        "mutation { sendEmail(message: \"\"\"\n    Hello,\n      World! \\\"\"\" { a: b }\n  \"\"\") }",
        "{ field(arg: null) field }",
        "{ nearestThing(location: { lon: 12.43, lat: -53.211 }) }",
        "{ nearestThing(location: { lat: -53.211, lon: 12.43 }) }",
        "query getZuckProfile($devicePicSize: Int) { user(id: 4) { id name profilePic(size: $devicePicSize) } }",
        "query Q($a: [Int!]! = [1, 2], $b: Point = {x: 1, y: [-2e-5]} @d(a: {b: c})) @live { a(b: $a) @skip(if: true) @c { d } }",
        "subscription NewMessages { newMessage(roomId: 123) { sender text } }",
        "{ a, b,,, c }\n# a comment: { x: unitCost }\n{ d }",
        "\u{feff}{ a\u{feff}b }",
        "\"a description\" query Q { a }",
        "{ query mutation fragment on: onto ... on on { on } ...fragment }",
        r#"{ a(b: "", c: "\"{}\u00e9\u{1F600}\\", d: """""", e: "漢 # no comment") }"#,
        "{ a(n: 0, m: -0.5E+10, l: 12) }",
    ];
    for text in cases {
        assert_eq!(look(text), Ok(Found::Nothing), "{text}");
    }
    for text in ["", " \n,", "# nothing\n", "\u{feff}"] {
        assert_eq!(look(text), Ok(Found::NoText), "{text:?}");
    }
}

#[test]
fn a_taken_field_under_another_name_is_found() {
    let cases = [
        ("plain", "{ x: unitCost }", Found::Alias),
        ("without spaces", "{x:unitCost}", Found::Alias),
        ("with everything between", "{ x #unitCost\n , \u{feff}: \r #\n unitCost }", Found::Alias),
        (
            "deep",
            "{ parts(first: 10) { edges { node { pricing { x: margin(in: \"%\") @include(if: true) } } } } }",
            Found::Alias,
        ),
        ("in a mutation", "mutation { save(part: {a: 1}) { x: unitCost } }", Found::Alias),
        ("in an operation that is not chosen", "query A { a } query B { x: unitCost }", Found::Alias),
        ("in a fragment", "{ part { ...F } } fragment F on Part { x: unitCost }", Found::Alias),
        ("in an inline fragment", "{ ... on Part @d(a: 1) { ... { x: unitCost } } }", Found::Alias),
        ("after arguments", "{ a(b: c) x: unitCost }", Found::Alias),
        ("after a set", "{ a { b } x: unitCost }", Found::Alias),
        ("after a spread", "{ ...F x: unitCost }", Found::Alias),
        ("after a directive", "{ a @b x: unitCost }", Found::Alias),
        ("after an alias", "{ a: b x: unitCost }", Found::Alias),
        ("with a set", "{ x: margin { y } }", Found::Alias),
        ("under a word of the language", "{ on: unitCost }", Found::Alias),
        ("under a taken name", "{ margin: unitCost }", Found::Alias),
        ("an alias among others", "{ a: b x: unitCost c: d }", Found::Alias),
        ("under its own name", "{ unitCost: unitCost }", Found::Nothing),
        ("without alias", "{ unitCost margin { x } }", Found::Nothing),
        ("the alias is the taken name", "{ unitCost: x }", Found::Nothing),
        ("an argument", "{ a(x: unitCost) }", Found::Nothing),
        ("an argument's field", "{ a(b: [{ x: unitCost }]) @d(x: margin, y: {x: margin}) }", Found::Nothing),
        ("a variable", "query ($x: unitCost = { x: margin }) { a(x: $margin) }", Found::Nothing),
        ("in a string", "{ a(b: \"{ x: unitCost }\", c: \"\\\" x: unitCost\") }", Found::Nothing),
        ("in a block string", "{ a(b: \"\"\"\" x: unitCost \\\"\"\" x: unitCost \\\"\"\"\"\"\") }", Found::Nothing),
        ("in a comment", "{ a # x: unitCost\n }", Found::Nothing),
        ("after a comment that CR ends", "{ a # b \r x: unitCost }", Found::Alias),
        ("after an escaped backslash", r#"{ a(b: "\\") x: unitCost c(b: "") }"#, Found::Alias),
        ("after a block string", "{ a(b: \"\"\"\\\\ \"\"\") x: unitCost }", Found::Alias),
        ("a longer name", "{ x: unitCosts }", Found::Nothing),
    ];
    for (name, text, want) in cases {
        assert_eq!(look(text), Ok(want), "{name}");
    }
}

#[test]
fn what_is_no_executable_document_is_refused() {
    let cases = [
        ("{", 1, Fault::Truncated),
        ("{ a ", 4, Fault::Truncated),
        ("query Q", 7, Fault::Truncated),
        ("{ a } query", 11, Fault::Truncated),
        ("{ a(b: 1 }", 9, Fault::Unexpected),
        ("{ a(b: [1) }", 9, Fault::Unexpected),
        ("{ a(b: {c: 1]) }", 12, Fault::Unexpected),
        ("{ }", 2, Fault::Unexpected),
        ("{ a } }", 6, Fault::Unexpected),
        ("{ a: b: c }", 6, Fault::Unexpected),
        ("{ a: }", 5, Fault::Unexpected),
        ("{ a: ...F }", 5, Fault::Unexpected),
        ("{ : a }", 2, Fault::Unexpected),
        ("{ ...F: a }", 6, Fault::Unexpected),
        ("{ ... }", 6, Fault::Unexpected),
        ("{ ... on { a } }", 9, Fault::Unexpected),
        ("{ a @ { b } }", 6, Fault::Unexpected),
        ("{ a(b: 1)(c: 2) }", 9, Fault::Unexpected),
        ("{ a { b } { c } }", 10, Fault::Unexpected),
        ("{ a { b } @c }", 10, Fault::Unexpected),
        ("{ { a } }", 2, Fault::Unexpected),
        ("{ a \"b\" }", 4, Fault::Unexpected),
        ("{ 1 }", 2, Fault::Unexpected),
        ("{ $a }", 2, Fault::Unexpected),
        ("{ a(b: ...) }", 7, Fault::Unexpected),
        ("a: b", 1, Fault::Unexpected),
        ("] { a }", 0, Fault::Unexpected),
        ("{ a\0 }", 3, Fault::Token),
        ("{ a \u{b} b }", 4, Fault::Token),
        ("{ a # \u{2028} x: unitCost }", 6, Fault::Token),
        ("{ a \u{a0} b }", 4, Fault::Token),
        ("{ größe }", 4, Fault::Token),
        ("{ a ; b }", 4, Fault::Token),
        ("{ a .. b }", 4, Fault::Token),
        ("{ a(b: 01) }", 9, Fault::Token),
        ("{ a(b: 1x) }", 8, Fault::Token),
        ("{ a(b: 1.) }", 9, Fault::Token),
        ("{ a(b: -) }", 8, Fault::Token),
        ("{ a(b: 1e) }", 9, Fault::Token),
        ("{ a(b: \"c) }", 12, Fault::Text),
        ("{ a(b: \"c\n\") }", 9, Fault::Text),
        ("{ a(b: \"\\x\") }", 10, Fault::Text),
        ("{ a(b: \"\\u12\") }", 12, Fault::Text),
        ("{ a(b: \"\\u{}\") }", 11, Fault::Text),
        ("{ a(b: \"\"\"c\"\") }", 16, Fault::Text),
        ("{ a(b: \"\"\"c\0\"\"\") }", 11, Fault::Text),
        ("{ a(b: \"\\", 9, Fault::Text),
    ];
    for (text, at, fault) in cases {
        assert_eq!(look(text), Err(Error { at, fault }), "{text:?}");
    }
}

#[test]
fn every_beginning_of_a_document_is_read_without_panic() {
    let text = "query Q($a: [Int!] = [1]) @d { é: x(b: \"\\u00e9漢\", c: \"\"\"\\\"\"\" é\"\"\") { ...F ... on T { a: b } } } # é";
    for (at, _) in text.char_indices() {
        let _ = look(&text[..at]);
        let _ = look(&text[at..]);
    }
}

#[test]
fn limits_hold() {
    let limits = Limits { max_bytes: 40, max_depth: 3, max_texts: 2 };
    let look = |text: &str| in_document(text, &limits, &mut taken);
    assert_eq!(look("{ a { b(c: 1) } }"), Ok(Found::Nothing));
    assert_eq!(look("{ a { b(c: [1]) } }"), Err(Error { at: 11, fault: Fault::TooDeep }));
    assert_eq!(look("{{{{{{{"), Err(Error { at: 1, fault: Fault::Unexpected }));
    let long = format!("{{ {} }}", "a".repeat(36));
    assert_eq!(look(&long), Ok(Found::Nothing));
    assert_eq!(look(&format!("{long} ")), Err(Error { at: 40, fault: Fault::TooLong }));
    let json = |body: &str| in_json(body.as_bytes(), &limits, &mut taken).map_err(|error| error.fault);
    assert_eq!(json(r#"{"query":"{a}","query":"{a}"}"#), Ok(Found::Nothing));
    assert_eq!(json(r#"[{"query":"{a}"}, {"query":"{a}"}       ]"#), Err(Fault::TooLong));
    let many = in_form(b"query={a}&query={a}&query={a}", &limits, &mut taken);
    assert_eq!(many.unwrap_err().fault, Fault::TooMany);
    assert_eq!(in_form(&[b'a'; 41], &limits, &mut taken).unwrap_err().fault, Fault::TooLong);
    let deep = "{a".repeat(100_000);
    assert_eq!(super::in_document(&deep, &Limits::default(), &mut taken).unwrap_err().fault, Fault::TooDeep);
}

#[test]
fn texts_are_found_in_json() {
    let cases = [
        ("a request", r#"{"query":"{ x: unitCost }","variables":{"query":1}}"#, Ok(Found::Alias)),
        ("a good one", r#"{"operationName":null,"query":"{ unitCost }"}"#, Ok(Found::Nothing)),
        ("escapes", r#"{"\u0071uery":"{ x\u003a \u0075nitCost }"}"#, Ok(Found::Alias)),
        ("two, the first", r#"{"query":"{ x: unitCost }","query":"{ a }"}"#, Ok(Found::Alias)),
        ("two, the second", r#"{"query":"{ a }","query":"{ x: unitCost }"}"#, Ok(Found::Alias)),
        ("two, one is null", r#"{"query":"{ x: unitCost }","query":null}"#, Ok(Found::Alias)),
        ("another case of letters", r#"{"query":"{ a }","Query":"{ x: unitCost }"}"#, Ok(Found::Alias)),
        ("a batch", r#" [ {"query":"{ a }"} , {"query":"{ x: unitCost }"} ] "#, Ok(Found::Alias)),
        ("a good batch", r#"[{"query":"{ a }"},{"query":"{ b }"}]"#, Ok(Found::Nothing)),
        ("an alias beats what is stored", r#"[{"id":1},{"query":"{ x: unitCost }"}]"#, Ok(Found::Alias)),
        ("a batch with a stored one", r#"[{"query":"{ a }"},{"extensions":{}}]"#, Ok(Found::NoText)),
        ("stored", r#"{"extensions":{"persistedQuery":{"sha256Hash":"x"}}}"#, Ok(Found::NoText)),
        ("stored, and a text for show", r#"{"query":"{ a }","documentId":"x"}"#, Ok(Found::NoText)),
        ("no stored one after all", r#"{"query":"{ a }","id":null}"#, Ok(Found::Nothing)),
        ("a null", r#"{"query":null}"#, Ok(Found::NoText)),
        ("an empty text", r#"{"query":""}"#, Ok(Found::NoText)),
        ("an empty object", "{}", Ok(Found::NoText)),
        ("an empty batch", "[]", Ok(Found::NoText)),
        ("a member within", r#"{"a":{"query":"{ x: unitCost }"}}"#, Ok(Found::NoText)),
        ("a number", r#"{"query":1}"#, Err(Fault::Json)),
        ("a list", r#"{"query":["{ a }"]}"#, Err(Fault::Json)),
        ("a batch in a batch", r#"[[{"query":"{ a }"}]]"#, Err(Fault::Json)),
        ("a batch of texts", r#"["{ a }"]"#, Err(Fault::Json)),
        ("a text", r#""{ a }""#, Err(Fault::Json)),
        ("nothing", "", Err(Fault::Json)),
        ("two bodies", r#"{"query":"{ a }"}{"query":"{ x: unitCost }"}"#, Err(Fault::Json)),
        ("a lone surrogate", r#"{"query":"{ a }\ud800"}"#, Err(Fault::Json)),
        ("a comment", r#"{"query":"{ a }"/**/}"#, Err(Fault::Json)),
        ("a bad document", r#"{"query":"{ a"}"#, Err(Fault::Truncated)),
    ];
    for (name, body, want) in cases {
        let got = in_json(body.as_bytes(), &Limits::default(), &mut taken).map_err(|error| error.fault);
        assert_eq!(got, want, "{name}");
    }
    let at = in_json(b"{\n\"query\":1}", &Limits::default(), &mut taken).unwrap_err();
    assert!((3..=12).contains(&at.at), "{at}");
}

#[test]
fn texts_are_found_in_targets_and_forms() {
    let cases = [
        ("/graphql?query={x:unitCost}", Ok(Found::Alias)),
        ("/graphql?query=%7B+x%3a%20unit%43ost%7d", Ok(Found::Alias)),
        ("/graphql?a=b&query=%7Ba%7D&variables=%7B%7D", Ok(Found::Nothing)),
        ("/graphql?%71uery={x:unitCost}", Ok(Found::Alias)),
        ("/graphql?QUERY={x:unitCost}", Ok(Found::Alias)),
        ("/graphql?query[]={x:unitCost}", Ok(Found::Alias)),
        ("/graphql?query%5B0%5D={x:unitCost}", Ok(Found::Alias)),
        ("/graphql?+query={x:unitCost}", Ok(Found::Alias)),
        ("/graphql?query={a}&query={x:unitCost}", Ok(Found::Alias)),
        ("/graphql?query={x:unitCost}&query={a}", Ok(Found::Alias)),
        ("/graphql?query={a?query={x:unitCost}}", Err(Fault::Token)),
        ("/graphql?query={a}&documentId=1", Ok(Found::NoText)),
        ("/graphql?query", Ok(Found::NoText)),
        ("/graphql?query=", Ok(Found::NoText)),
        ("/graphql?extensions={}", Ok(Found::NoText)),
        ("/graphql?", Ok(Found::NoText)),
        ("/graphql", Ok(Found::NoText)),
        ("/graphql?myquery={x:unitCost}", Ok(Found::NoText)),
        ("/graphql?a=1;query={x:unitCost}", Err(Fault::Semicolon)),
        ("/graphql?query={a%3}", Err(Fault::Percent)),
        ("/graphql?query={a}%", Err(Fault::Percent)),
        ("/graphql?query={a%ff}", Err(Fault::NotUtf8)),
    ];
    for (target, want) in cases {
        let got = in_target(target.as_bytes(), &Limits::default(), &mut taken).map_err(|error| error.fault);
        assert_eq!(got, want, "{target}");
    }
    assert_eq!(in_form(b"query=%7Bx:unitCost%7D", &Limits::default(), &mut taken), Ok(Found::Alias));
}

#[test]
fn a_body_may_be_a_document() {
    let look = |body: &[u8]| in_document_body(body, &Limits::default(), &mut taken);
    assert_eq!(look(b"{ x: unitCost }"), Ok(Found::Alias));
    assert_eq!(look(b"{ unitCost }"), Ok(Found::Nothing));
    assert_eq!(look(b"{ a } \xff"), Err(Error { at: 6, fault: Fault::NotUtf8 }));
    assert_eq!(look(b""), Ok(Found::NoText));
}

#[test]
fn errors_have_words_for_people_and_for_metrics() {
    let error = look("{ a").unwrap_err();
    assert_eq!(error.to_string(), "byte 3: document ends inside a definition");
    assert_eq!(error.fault.code(), "graphql_syntax");
}

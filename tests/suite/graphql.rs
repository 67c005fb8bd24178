//! GraphQL documents of any shape.

use lockgate::graphql::{Found, Limits, in_document, in_form, in_json};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const TOKENS: [&str; 22] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "@",
    "$",
    "!",
    "=",
    "...",
    "on",
    "a",
    "unitCost",
    "query",
    "1",
    "-2.5e3",
    "\"text {\"",
    "\"\"\"block \\\"\"\" }\"\"\"",
    "{ x: unitCost }",
    "(a: {b: [1]})",
];

fn taken(name: &str) -> bool {
    name == "unitCost"
}

/// Selections as they may be, and whether a taken field has an alias in them.
fn selections() -> impl Strategy<Value = (String, bool)> {
    let field = prop_oneof![
        Just(("a".to_owned(), false)),
        Just(("unitCost".to_owned(), false)),
        Just(("unitCost: unitCost".to_owned(), false)),
        Just(("b: a(x: unitCost, y: \"{ x: unitCost }\")".to_owned(), false)),
        Just(("x: unitCost @include(if: $y)".to_owned(), true)),
        Just(("...F @d(x: unitCost)".to_owned(), false)),
    ];
    let set = vec(field, 1..4).prop_map(join);
    set.prop_recursive(4, 20, 3, |inner| {
        let item = (select(&["a", "a: b", "a(x: {y: unitCost})", "...", "... on T", "... @d"][..]), inner)
            .prop_map(|(before, (set, found))| (format!("{before} {set}"), found));
        vec(item, 1..4).prop_map(join)
    })
}

fn join(items: Vec<(String, bool)>) -> (String, bool) {
    let found = items.iter().any(|&(_, found)| found);
    let items: Vec<String> = items.into_iter().map(|(item, _)| item).collect();
    (format!("{{ {} }}", items.join(" ")), found)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn aliases_are_found_wherever_they_stand((text, alias) in selections()) {
        let want = if alias { Found::Alias } else { Found::Nothing };
        let limits = Limits::default();
        prop_assert_eq!(in_document(&text, &limits, &mut taken), Ok(want), "{}", text);
        let fragment = format!("query Q($y: T = {{x: unitCost}}) {{ ...F }} fragment F on T {text}");
        prop_assert_eq!(in_document(&fragment, &limits, &mut taken), Ok(want));
        let json = serde_json::json!([{"query": "{ a }"}, {"query": text}]).to_string();
        prop_assert_eq!(in_json(json.as_bytes(), &limits, &mut taken), Ok(want));
        let form: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        prop_assert_eq!(in_form(format!("a=b&query={form}").as_bytes(), &limits, &mut taken), Ok(want));
    }

    #[test]
    fn what_stands_between_tokens_changes_nothing(tokens in vec(select(&TOKENS[..]), 0..20)) {
        let limits = Limits::default();
        let want = in_document(&tokens.join(" "), &limits, &mut taken).map_err(|error| error.fault);
        let other = in_document(&tokens.join(" # }{ x: unitCost \r,\u{feff}\t"), &limits, &mut taken);
        prop_assert_eq!(other.map_err(|error| error.fault), want);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200), text in "\\PC*") {
        let limits = Limits::default();
        let _ = in_document(&text, &limits, &mut taken);
        let _ = in_form(&bytes, &limits, &mut taken);
        let _ = in_json(&bytes, &limits, &mut taken);
    }
}

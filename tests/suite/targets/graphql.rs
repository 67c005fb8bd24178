//! GraphQL requests: any bytes are read without harm, and an alias is found wherever it is put.

use lockgate::graphql::{Error, Found, Limits, in_document, in_document_body, in_form, in_json, in_target};

fn taken(name: &str) -> bool {
    name == "unitCost"
}

fn read(text: &str) -> Result<Found, Error> {
    in_document(text, &Limits::default(), &mut taken)
}

pub(super) fn check(input: &[u8]) {
    let limits = Limits::default();
    for result in [
        in_form(input, &limits, &mut taken),
        in_json(input, &limits, &mut taken),
        in_target(input, &limits, &mut taken),
        in_document_body(input, &limits, &mut taken),
    ] {
        if let Err(error) = result {
            assert!(error.at <= input.len(), "a fault beyond the end");
        }
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let verdict = read(text);

    // The same document in the other places.
    let wanted = verdict.map_err(|error| error.fault);
    let json = serde_json::json!({"query": text, "variables": {"query": 1}}).to_string();
    assert_eq!(in_json(json.as_bytes(), &limits, &mut taken).map_err(|error| error.fault), wanted, "in JSON");
    let form: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let target = format!("/graphql?a=b&query={form}");
    assert_eq!(in_target(target.as_bytes(), &limits, &mut taken).map_err(|error| error.fault), wanted, "in a target");

    // After what is a document, a definition is one more; within its selections, a field.
    if verdict.is_ok() {
        assert_eq!(read(&format!("{text}\n query Z {{ a {{ x: unitCost }} }}")), Ok(Found::Alias), "after it");
        assert_eq!(read(&format!("fragment Z on T {{ x: unitCost }} {text}")), Ok(Found::Alias), "before it");
        for (at, _) in text.match_indices('{').take(32) {
            let (before, after) = text.split_at(at + 1);
            // There the brace may open an input object, a string or a comment: then the text is no document or the same.
            let with = read(&format!("{before} zz: unitCost {after}"));
            let without = read(&format!("{before} zz {after}"));
            let plain = read(&format!("{before} zz: 1, {after}"));
            // A lone name stands in selections alone, `zz: 1` in input objects alone, both in texts.
            if without.is_ok() && plain.is_err() {
                assert_eq!(with, Ok(Found::Alias), "within it");
            }
        }
    }
    // What says nothing hides nothing.
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let comment = read(&format!("{{ a #{line}\n x: unitCost }}"));
    assert!(comment.is_err() || comment == Ok(Found::Alias), "behind a comment");
    if !text.contains(['"', '\\']) {
        let block = read(&format!("{{ a(b: \"\"\"{text}\"\"\") x: unitCost }}"));
        assert!(block.is_err() || block == Ok(Found::Alias), "behind a block string");
        let string = read(&format!("{{ a(b: \"{text}\") x: unitCost }}"));
        assert!(string.is_err() || string == Ok(Found::Alias), "behind a string");
    }
    // Arguments and directives that read as such do not, either.
    for wrapped in [format!("{{ a({text}) {{ x: unitCost }} }}"), format!("{{ a @d({text}) x: unitCost }}")] {
        if !text.contains(['#', '"', ')']) {
            let found = read(&wrapped);
            assert!(found.is_err() || found == Ok(Found::Alias), "behind arguments");
        }
    }
}

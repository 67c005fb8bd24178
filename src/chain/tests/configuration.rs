//! What is refused when Envoy starts, and with which place.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::chain::{Policy, parts};
use crate::exchange::Policy as _;

/// A secret that no message may show.
const SECRET: &str = "TopSecret-0123456789-0123456789-0123456789";

fn refusal(text: &str) -> String {
    let variables = BTreeMap::from([("SECRET".to_owned(), SECRET.to_owned())]);
    let error = Policy::read(text.as_bytes(), &variables).expect_err(text);
    let message = error.to_string();
    assert!(!message.contains("TopSecret"), "{message}");
    message
}

pub(super) fn jwt(rules: &Value) -> Value {
    json!({"jwt-auth": {
        "providers": [{
            "name": "main", "issuer": "https://issuer.example", "audiences": ["portals"], "algorithms": ["HS256"],
            "hmac_secret": {"env": "SECRET"},
        }],
        "access": {"rules": rules},
    }})
}

pub(super) fn strip(identity: bool) -> Value {
    let mut strip = json!({"rules": [
        {"name": "revenue", "match": {"paths": ["/api/**"]}, "names": ["cost"], "action": "remove", "unless": {"roles": ["ADMIN"]}}
    ]});
    if !identity {
        strip["identity"] = json!({"trusted_header": {"roles": "x-roles"}});
    }
    json!({"revenue-strip": strip})
}

pub(super) fn limit(key: &str, phase: &str) -> Value {
    json!({"rate-limit": {"policies": [
        {"name": "all", "match": {"paths": ["/**"]}, "key": [key], "limit": 3, "window_s": 60, "phase": phase}
    ]}})
}

fn any() -> Value {
    json!([{"match": {"paths": ["/api/**"]}, "require": {}}])
}

#[test]
fn a_refusal_names_block_and_field() {
    let chain = |blocks: &[Value]| json!({ "chain": blocks }).to_string();
    let with = |mut block: Value, pointer: &str, value: Value| {
        *block.pointer_mut(pointer).expect("a field") = value;
        block
    };
    let jwt = jwt(&any());
    let rows = [
        ("", "(configuration): is missing"),
        ("{}", "(configuration): missing field `chain`"),
        (r#"{"chain": []}"#, "chain: is empty: the filter would do nothing"),
        (r#"{"chain": {}}"#, "chain: invalid type, expected a sequence"),
        (r#"{"chain": ["TopSecret"]}"#, "chain[0]: must be an object"),
        (r#"{"chain": [], "chains": 1}"#, "chains: unknown field `chains`, expected `chain`"),
        (
            r#"{"chain": [{}]}"#,
            "chain[0]: must have one member, the block's name: one of rate-limit, webhook-verify, jwt-auth, ",
        ),
        (r#"{"chain": [{"jwt-auth": {}, "rate-limit": {}}]}"#, "chain[0]: must have one member"),
        (r#"{"chain": [{"jwt-auth": {}, "jwt-auth": {}}]}"#, "chain[0].jwt-auth: stands twice"),
        (
            r#"{"chain": [{"jwt_auth": {}}]}"#,
            "chain[0]: `jwt_auth` is no block; it must be one of rate-limit, webhook-verify, jwt-auth, ",
        ),
        (r#"{"chain": [{"rate-limit": 5}]}"#, "chain[0].rate-limit: is not JSON text that starts with `{`"),
        (r#"{"chain": [{"rate-limit": {}}]}"#, "chain[0].rate-limit.policies: and penalties are both empty"),
        (
            "{\"chain\": [{\"rate-limit\":\n {\"policiez\": []}}]}",
            "chain[0].rate-limit.policiez: unknown field `policiez`",
        ),
        (
            r#"{"chain": [{"jwt-auth": {"providers": TopSecret}}]}"#,
            "chain[0].jwt-auth.providers: expected value at line 1",
        ),
    ];
    for (text, want) in rows {
        let message = refusal(text);
        assert!(message.starts_with(want), "{text}\n{message}\n{want}");
    }
    let rows = [
        (
            chain(&[with(jwt.clone(), "/jwt-auth/providers/0/algorithms", json!(["none"]))]),
            "chain[0].jwt-auth.providers[0].algorithms[0]: ",
        ),
        (
            chain(&[
                limit("address", "post-auth"),
                with(jwt.clone(), "/jwt-auth/access/rules/0/match", json!({"paths": ["x"]})),
            ]),
            "chain[1].jwt-auth.access.rules[0].match.paths[0]: ",
        ),
        (
            chain(&[jwt.clone(), jwt.clone()]),
            "chain[1].jwt-auth: stands in chain[0] already; put the rules of both into one",
        ),
        (
            chain(&[limit("consumer", "post-auth"), jwt.clone()]),
            "chain[0].rate-limit.policies[0]: asks for `lockgate.identity`, which chain[1].jwt-auth leaves, and that runs later; put it before this block",
        ),
        (
            chain(&[strip(true), jwt.clone()]),
            "chain[0].revenue-strip.identity: asks for `lockgate.identity`, which chain[1].jwt-auth leaves",
        ),
        (chain(&[limit("consumer", "pre-auth")]), "chain[0].rate-limit.policies[0].key[0]: is never known here"),
    ];
    for (text, want) in rows {
        let message = refusal(&text);
        assert!(message.starts_with(want), "{text}\n{message}\n{want}");
    }
}

#[test]
fn lines_are_those_of_the_whole_text() {
    let text = "{\"chain\": [\n{\"rate-limit\": {\n  \"policies\": [\n  5]}}]}";
    let message = refusal(text);
    assert!(message.starts_with("chain[0].rate-limit.policies[0]: must be an object"), "{message}");
    assert!(message.ends_with("at line 4 column 3"), "{message}");
}

#[test]
fn orders_that_can_work_are_taken() {
    let variables = BTreeMap::from([("SECRET".to_owned(), SECRET.to_owned())]);
    let jwt = jwt(&any());
    for blocks in [
        vec![jwt.clone()],
        vec![strip(true)],
        vec![limit("consumer", "post-auth")],
        vec![jwt.clone(), limit("consumer", "post-auth"), strip(true)],
        vec![strip(true), limit("consumer", "post-auth")],
        // Before it is known who calls.
        vec![limit("address", "post-auth"), jwt.clone(), strip(true)],
        vec![jwt.clone(), strip(true), limit("address", "pre-auth")],
        // Another source says who is calling.
        vec![strip(false), jwt.clone()],
    ] {
        let text = json!({ "chain": blocks }).to_string();
        let policy = Policy::read(text.as_bytes(), &variables).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(
            policy
                .counters()
                .iter()
                .all(|name| name.starts_with("lockgate.") && !name.starts_with("lockgate.lockgate"))
        );
        let names: Vec<String> = parts(text.as_bytes()).expect("a chain").into_iter().map(|(name, _)| name).collect();
        let want: Vec<&String> = blocks.iter().flat_map(|block| block.as_object().expect("a block").keys()).collect();
        assert_eq!(names.iter().collect::<Vec<_>>(), want);
    }
}

#[test]
fn a_blocks_text_comes_out_as_it_is_written() {
    let text = r#"{"chain": [ {"rate-limit" : { "policies":[ ] } } ]}"#;
    let got = parts(text.as_bytes()).expect("a chain");
    assert_eq!(got, [("rate-limit".to_owned(), r#"{ "policies":[ ] }"#.to_owned())]);
}

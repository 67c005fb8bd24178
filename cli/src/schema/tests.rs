//! What the schemas accept is what the commands accept, as far as a schema can tell.

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{Of, of};
use crate::configuration::{documents, find, verify};
use crate::filter::Filter;
use crate::yaml;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn validator(of_what: Of) -> Validator {
    let schema = of(of_what);
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn assert_accepts(validator: &Validator, value: &Value, name: &str) {
    let faults: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{name}: {faults:?}");
}

/// The files of a folder and of those in it that end so.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, endings, found);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|&one| one == ending)) {
            found.push(path);
        }
    }
}

#[test]
fn every_example_configuration_fits_its_schema() {
    let validators = [
        (Filter::JwtAuth, validator(Of::JwtAuth)),
        (Filter::RateLimit, validator(Of::RateLimit)),
        (Filter::RevenueStrip, validator(Of::RevenueStrip)),
        (Filter::WebhookVerify, validator(Of::WebhookVerify)),
        (Filter::Lockgate, validator(Of::Lockgate)),
    ];
    let validator = |filter: Filter| &validators.iter().find(|(of, _)| *of == filter).unwrap().1;
    let mut paths = vec![repository().join("envoy.yaml")];
    files(&repository().join("examples"), &["yaml", "yml"], &mut paths);
    let mut seen = 0;
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        for document in documents(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display())) {
            for plugin in find(&document.root).plugins {
                let json = verify(&plugin, &document).unwrap_or_else(|wrong| panic!("{}: {wrong:?}", path.display()));
                let json = serde_json::from_str(&json).unwrap();
                assert_accepts(validator(plugin.filter), &json, &path.display().to_string());
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
    // The rules that README.md shows.
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    for block in readme.split("```json\n").skip(1) {
        let json = block.split("```").next().unwrap();
        Filter::RevenueStrip.check(json.as_bytes()).unwrap();
        assert_accepts(validator(Filter::RevenueStrip), &serde_json::from_str(json).unwrap(), "README.md");
    }
}

#[test]
fn every_file_of_policy_tests_fits_its_schema() {
    let validator = validator(Of::Test);
    let mut paths = Vec::new();
    files(&repository().join("tests/cases/revenue_strip"), &["yaml", "json"], &mut paths);
    files(&repository().join("tests/cases/jwt_auth"), &["yaml"], &mut paths);
    files(&repository().join("tests/cases/rate_limit"), &["yaml"], &mut paths);
    assert!(paths.len() >= 10);
    for path in paths {
        for document in yaml::read(&fs::read_to_string(&path).unwrap()).unwrap() {
            let value = serde_json::from_str(&document.to_json()).unwrap();
            assert_accepts(&validator, &value, &path.display().to_string());
        }
    }
}

/// A configuration with one field set to something else; `place` is a JSON Pointer to what has the field.
fn with(place: &str, field: &str, value: Value) -> Value {
    let mut config = json!({
        "rules": [{
            "name": "revenue", "match": {"paths": ["/api/**"], "methods": ["GET"]}, "names": ["a"], "patterns": ["b"],
            "headers": false, "keep": ["c"], "action": {"redact": "any"}, "unless": {"roles": ["X"], "permissions": ["y"]},
            "texts": ["t"], "pairs": [{"name": "n", "value": "v"}], "direction": "request", "mode": "shadow"
        }],
        "protected": [{"name": "p", "match": {"paths": ["/p"]}, "unless": {"roles": ["X"]}, "detail": "d", "mode": "enforce"}],
        "on_uninspectable": "empty",
        "pass_types": ["image/*"],
        "identity": {"jwt_authn": {"payload": "p", "roles": "r", "permissions": "s", "subject": "t"}},
        "unnormalized": "rewrite",
        "vary": ["authorization"],
        "limits": {"max_depth": 1_000_000, "max_key_bytes": 64, "hold_bytes": 32768, "max_held_bytes": 16_777_216}
    });
    let object = config.pointer_mut(place).unwrap().as_object_mut().unwrap();
    if value == json!("(gone)") {
        object.remove(field);
    } else {
        object.insert(field.to_owned(), value);
    }
    config
}

#[test]
fn schema_and_filter_accept_the_same_fields() {
    let validator = validator(Of::RevenueStrip);
    let text = "x".repeat(65);
    for (place, field, value) in [
        ("", "limits", json!({"max_depth": 1, "max_key_bytes": 1_048_576, "hold_bytes": 0, "max_held_bytes": 65_536})),
        ("", "identity", json!({"filter_state": "x"})),
        ("", "identity", json!({"trusted_header": {"subject": "a", "roles": "b", "permissions": "c", "tenant": "d"}})),
        ("", "identity", Value::Null),
        ("/rules/0", "action", json!("remove")),
        ("/rules/0", "unless", Value::Null),
        ("/rules/0", "names", json!([])),
        ("/rules/0", "names", json!([""])),
        ("/rules/0", "direction", json!("response")),
        ("/rules/0", "name", json!(&text[1..])),
        ("", "limits", json!({"max_event_bytes": 1024, "max_pair_bytes": 1024})),
        ("", "limits", json!({"max_event_bytes": 4_194_304, "max_pair_bytes": 1_048_576})),
        ("/rules/0", "action", json!({"redact": 0})),
    ] {
        let config = with(place, field, value);
        Filter::RevenueStrip.check(config.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {config}"));
        assert_accepts(&validator, &config, &config.to_string());
    }
    let gone = json!("(gone)");
    for (place, field, value) in [
        ("", "rulez", json!([])),
        ("", "rules", json!({})),
        ("", "on_uninspectable", json!("pass")),
        ("", "unnormalized", json!("ignore")),
        ("", "pass_types", json!("image/*")),
        ("", "vary", json!([])),
        ("", "vary", json!([1])),
        ("", "identity", json!({})),
        ("", "identity", json!({"cookie": "x"})),
        ("", "identity", json!({"filter_state": 1})),
        ("", "identity", json!({"trusted_header": {}})),
        ("", "identity", json!({"jwt_authn": {"roles": "x"}})),
        ("", "identity", json!({"jwt_authn": {"payload": "", "roles": "x"}})),
        ("", "limits", json!({"max_depth": 0})),
        ("", "limits", json!({"max_depth": 1_000_001})),
        ("", "limits", json!({"max_key_bytes": 63})),
        ("", "limits", json!({"max_key_bytes": 1_048_577})),
        ("", "limits", json!({"hold_bytes": 32_769})),
        ("", "limits", json!({"hold_bytes": -1})),
        ("", "limits", json!({"hold_bytes": 0.5})),
        ("", "limits", json!({"max_held_bytes": 65_535})),
        ("", "limits", json!({"max_held_bytes": 16_777_217})),
        ("", "limits", json!({"max_event_bytes": 1023})),
        ("", "limits", json!({"max_event_bytes": 4_194_305})),
        ("", "limits", json!({"max_pair_bytes": 1023})),
        ("", "limits", json!({"max_pair_bytes": 1_048_577})),
        ("", "limits", json!({"depth": 5})),
        ("/rules/0", "name", gone.clone()),
        ("/rules/0", "name", json!("")),
        ("/rules/0", "name", json!(text)),
        ("/rules/0", "match", gone.clone()),
        ("/rules/0", "action", gone.clone()),
        ("/rules/0", "action", json!("mask")),
        ("/rules/0", "action", json!({"redact": 1, "remove": 1})),
        ("/rules/0", "action", json!({})),
        ("/rules/0", "names", json!("a")),
        ("/rules/0", "names", json!([1])),
        ("/rules/0", "names", json!(vec!["a"; 1001])),
        ("/rules/0", "patterns", json!([""])),
        ("/rules/0", "headers", json!("yes")),
        ("/rules/0", "unless", json!({})),
        ("/rules/0", "unless", json!({"roles": ["*"]})),
        ("/rules/0", "unless", json!({"roles": [""]})),
        ("/rules/0", "unless", json!({"role": ["X"]})),
        ("/rules/0", "direction", json!("both")),
        ("/rules/0", "mode", json!("Shadow")),
        ("/rules/0", "colour", json!(1)),
        ("/rules/0", "pairs", json!([])),
        ("/rules/0", "pairs", json!([{"name": "n"}])),
        ("/rules/0", "pairs", json!([{"name": "", "value": "v"}])),
        ("/rules/0", "pairs", json!([{"name": "n", "value": &text}])),
        ("/rules/0", "pairs", json!([{"name": "n", "value": "v", "case": "any"}])),
        ("/rules/0", "pairs", json!({"name": "n", "value": "v"})),
        (
            "/rules/0",
            "pairs",
            json!((0..9).map(|n| json!({"name": "n", "value": format!("v{n}")})).collect::<Vec<_>>()),
        ),
        ("/rules/0/match", "paths", json!([])),
        ("/rules/0/match", "paths", json!(["api"])),
        ("/rules/0/match", "paths", gone.clone()),
        ("/rules/0/match", "methods", json!([])),
        ("/rules/0/match", "methods", json!(["get"])),
        ("/protected/0", "unless", gone),
        ("/protected/0", "detail", json!("x".repeat(4097))),
        ("/protected/0", "action", json!("remove")),
    ] {
        let config = with(place, field, value);
        assert!(Filter::RevenueStrip.check(config.to_string().as_bytes()).is_err(), "the filter takes {config}");
        assert!(!validator.is_valid(&config), "the schema takes {config}");
    }
}

#[test]
fn the_schema_of_policy_tests_refuses_what_the_command_refuses() {
    let validator = validator(Of::Test);
    let good = json!({"filter": "revenue-strip", "config_file": "x", "cases": [
        {"name": "a", "request": {"path": "/"}, "response": "reset", "expect": {"json": null, "forwarded": null}}]});
    assert_accepts(&validator, &good, "good");
    for (place, field, value) in [
        ("", "filter", json!("revenue_strip")),
        ("", "case", json!([])),
        ("/cases/0", "now", json!("noon")),
        ("/cases/0", "expects", json!({})),
        ("/cases/0", "response", json!("later")),
        ("/cases/0", "identity", json!({"role": "x"})),
        ("/cases/0/request", "headers", json!({"a": true})),
        ("/cases/0/request", "headers", json!([["a"]])),
        ("/cases/0/request", "colour", json!(1)),
        ("/cases/0/expect", "outcome", json!("passed")),
        ("/cases/0/expect", "status", json!("200")),
        ("/cases/0/expect", "forwarded", json!({"paths": "/"})),
        ("/cases/0/expect", "absent", json!("unit_cost")),
    ] {
        let mut file = good.clone();
        file.pointer_mut(place).unwrap().as_object_mut().unwrap().insert(field.to_owned(), value);
        assert!(!validator.is_valid(&file), "the schema takes {file}");
        let read: Result<crate::test_cases::FileWire, _> = serde_json::from_str(&file.to_string());
        assert!(read.is_err(), "the command takes {file}");
    }
}

/// The example of the filter's page is good; what the schema refuses, the filter refuses.
#[test]
fn limits_fit_their_schema() {
    let validator = validator(Of::RateLimit);
    let page = fs::read_to_string(repository().join("filters/rate-limit/README.md")).unwrap();
    let (_, rest) = page.split_once("```json\n").unwrap();
    let example: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    assert_accepts(&validator, &example, "the page");
    for (place, value) in [
        ("/policies/0/limit", json!(0)),
        ("/policies/0/limit", json!(4_000_000_001_u64)),
        ("/policies/0/window_s", json!(86_401)),
        ("/policies/0/key", json!([])),
        ("/policies/0/key/0", json!("ip")),
        ("/policies/0/key/0", json!({"header": 1})),
        ("/policies/0/name", json!("")),
        ("/policies/3/tiers", json!([])),
        ("/policies/3/tiers/0/when", json!({})),
        ("/policies/3/tiers/0/limit", json!(0)),
        ("/penalties/0/block_s", json!(0)),
        ("/penalties/0/failures", json!({"limit": 1})),
        ("/penalties/1/flood", json!({"per_second": 0})),
    ] {
        let mut config = example.clone();
        *config.pointer_mut(place).unwrap() = value;
        assert!(!validator.is_valid(&config), "the schema takes {place}: {config}");
        assert!(Filter::RateLimit.check(config.to_string().as_bytes()).is_err(), "the filter takes {place}: {config}");
    }
}

/// The example of the filter's page is good; what the schema refuses, the filter refuses.
#[test]
fn webhooks_fit_their_schema() {
    let validator = validator(Of::WebhookVerify);
    let page = fs::read_to_string(repository().join("filters/webhook-verify/README.md")).unwrap();
    let (_, rest) = page.split_once("```json\n").unwrap();
    let example: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    assert_accepts(&validator, &example, "the page");
    assert!(Filter::WebhookVerify.check(example.to_string().as_bytes()).is_ok());
    for (place, value) in [
        ("/endpoints", json!([])),
        ("/endpoints/0/name", json!("")),
        ("/endpoints/0/name", json!("a b")),
        ("/endpoints/0/scheme", json!("no-such-preset")),
        ("/endpoints/0/secrets", json!([])),
        ("/endpoints/0/secrets/0", json!("text")),
        ("/endpoints/0/secrets/0/env", json!("a b")),
        ("/endpoints/0/events", json!([])),
        ("/endpoints/0/replay", json!({})),
        ("/endpoints/0/replay/window_s", json!(864_001)),
        ("/endpoints/0/max_body_bytes", json!(0)),
        ("/endpoints/2/scheme/algorithm", json!("md5")),
        ("/endpoints/2/scheme/signed/0", json!("bodies")),
        ("/endpoints/2/scheme/timestamp/format", json!("seconds")),
        ("/endpoints/2/secrets/0/format", json!("rot13")),
    ] {
        let mut config = example.clone();
        *config.pointer_mut(place).unwrap() = value;
        assert!(!validator.is_valid(&config), "the schema takes {place}: {config}");
        assert!(Filter::WebhookVerify.check(config.to_string().as_bytes()).is_err(), "the filter takes {place}");
    }
}

/// A configuration of jwt-auth with one field set to something else, as [`with`].
fn with_token(place: &str, field: &str, value: Value) -> Value {
    let remote = json!({"cluster": "c", "authority": "a", "path": "/k", "refresh_s": 60, "retry_s": 5, "timeout_ms": 500,
        "max_age_s": 600, "max_bytes": 4096});
    let mut config = json!({
        "providers": [{
            "name": "main", "issuer": "i", "audiences": ["a"], "algorithms": ["HS256"],
            "hmac_secret": {"env": "SECRET", "format": "hex", "kid": "k"}, "leeway_s": 0, "max_lifetime_s": 900,
            "typ": ["at+jwt"], "required": ["jti"], "require": {"type": ["access", 1, null, true]}
        }, {"name": "keys", "issuer": null, "audiences": [], "algorithms": ["RS256", "EdDSA"], "jwks": {"remote": remote}}],
        "sources": [{"header": "authorization"}, {"cookie": "s"}, {"query": "t"}],
        "systems": {"s": {"paths": ["/api/**"], "roles": {"a": "A"}}},
        "access": {"roles": {"A": {"systems": ["s"], "permissions": ["p:*"], "revenue": true}},
            "rules": [{"match": {"paths": ["/h"]}, "public": true}, {"match": {"paths": ["/w"]}, "webhook": "w"},
                {"match": {"paths": ["/api/**"], "methods": ["GET"]}, "require": {"roles": ["A"], "permissions": ["p:x"]}}]},
        "forward": {"headers": {"x-user-id": "sub", "x-role": {"identity": "roles"}}, "remove": ["x-a"], "token": "remove",
            "service_token": {"key": {"env": "KEY", "format": "pem"}, "algorithm": "EdDSA", "issuer": "g", "audience": "a",
                "lifetime_s": 30, "header": "x-service-token", "kid": "k", "public_key_path": "/k"}},
        "revocation": {"jti": ["a"], "not_before": {"i": 1.5}, "remote": remote},
        "fingerprint": {"claim": "f", "cookie": "f"},
        "cache": {"entries": 0},
        "limits": {"max_token_bytes": 256, "wait_ms": 0, "max_waiting": 0,
            "failed_signatures": {"limit": 0, "window_s": 1, "block_s": 1, "addresses": 16}},
        "unnormalized": "rewrite", "preflight": "pass", "realm": "r"
    });
    let object = config.pointer_mut(place).unwrap().as_object_mut().unwrap();
    if value == json!("(gone)") {
        object.remove(field);
    } else {
        object.insert(field.to_owned(), value);
    }
    config
}

#[test]
fn schema_and_jwt_auth_accept_the_same_fields() {
    let validator = validator(Of::JwtAuth);
    let gone = json!("(gone)");
    for (place, field, value) in [
        ("", "cache", json!({"entries": 65_536})),
        ("", "limits", Value::Null),
        ("", "sources", Value::Null),
        ("", "fingerprint", json!({"header": "x-f"})),
        ("/providers/0", "issuer", Value::Null),
        ("/providers/0", "audiences", json!([])),
        ("/providers/0", "leeway_s", json!(60)),
        ("/providers/0", "require", json!({})),
        ("/forward", "headers", json!({})),
        ("/forward/service_token", "lifetime_s", json!(300)),
    ] {
        let config = with_token(place, field, value);
        Filter::JwtAuth.check(config.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {config}"));
        assert_accepts(&validator, &config, &config.to_string());
    }
    for (place, field, value) in [
        ("", "provider", json!([])),
        ("", "providers", json!([])),
        ("", "access", gone.clone()),
        ("", "sources", json!([])),
        ("", "sources", json!([{}])),
        ("", "fingerprint", json!({})),
        ("", "revocation", json!({})),
        ("", "cache", json!({"entries": 65_537})),
        ("", "unnormalized", json!("pass")),
        ("", "preflight", json!("allow")),
        ("", "realm", json!("")),
        ("/providers/0", "issuer", gone.clone()),
        ("/providers/0", "audiences", gone.clone()),
        ("/providers/0", "audiences", Value::Null),
        ("/providers/0", "algorithms", gone.clone()),
        ("/providers/0", "algorithms", json!([])),
        ("/providers/0", "algorithms", json!(["none"])),
        ("/providers/0", "leeway_s", json!(61)),
        ("/providers/0", "max_lifetime_s", json!(0)),
        ("/providers/0", "require", json!([])),
        ("/providers/0", "colour", json!(1)),
        ("/providers/0/hmac_secret", "env", gone.clone()),
        ("/providers/0/hmac_secret", "format", json!("base32")),
        ("/providers/1", "jwks", json!({})),
        ("/providers/1/jwks/remote", "path", gone.clone()),
        ("/providers/1/jwks/remote", "timeout_ms", json!(0)),
        ("/providers/1/jwks/remote", "refresh_s", json!(0)),
        ("/providers/1/jwks/remote", "max_bytes", json!(1_048_577)),
        ("/forward", "token", json!("hide")),
        ("/forward", "headers", json!([])),
        ("/forward/service_token", "algorithm", json!("RS256")),
        ("/forward/service_token", "lifetime_s", json!(4)),
        ("/revocation", "not_before", json!([])),
        ("/limits", "max_token_bytes", json!(255)),
        ("/limits", "wait_ms", json!(10_001)),
        ("/limits/failed_signatures", "block_s", json!(0)),
        ("/access", "rules", gone),
        ("/access/rules/0", "mode", json!("watch")),
    ] {
        let config = with_token(place, field, value);
        assert!(Filter::JwtAuth.check(config.to_string().as_bytes()).is_err(), "the filter takes {config}");
        assert!(!validator.is_valid(&config), "the schema takes {config}");
    }
}

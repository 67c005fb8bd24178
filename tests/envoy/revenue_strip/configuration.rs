//! Wrong configurations are refused by name, and the counters of right ones exist.

use lockgate_envoy_tests::gate::{COUNTERS, revenue_rule, rules, trusted_headers};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases};
use lockgate_harness::Error;
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body};

#[track_caller]
fn assert_refuses(setup: &Setup, wanted: &[&str]) {
    match setup.try_start() {
        Ok(gate) => panic!("Envoy started: {}", gate.envoy.log()),
        Err(Error::EnvoyRefused { status, why }) => {
            assert!(!status.success(), "{why}");
            for part in wanted {
                assert!(why.contains(part), "{part:?} is not in: {why}");
            }
        }
        Err(other) => panic!("{other}"),
    }
}

/// The policy of one rule, with a field of the rule set to something else or taken out.
fn with(field: &str, value: Option<Value>) -> Value {
    let mut rule = revenue_rule();
    match value {
        Some(value) => rule[field] = value,
        None => drop(rule.as_object_mut().unwrap().remove(field)),
    }
    rules(&[rule])
}

#[test]
fn faults_in_rules_name_their_field() {
    let upstream = Upstream::start();
    let rows = [
        ("unknown field", with("colour", Some(json!(1))), &["rules[0]", "colour"][..]),
        ("bad pattern", with("patterns", Some(json!(["ok", "("]))), &["rules[0].patterns[1]"]),
        ("look-around", with("patterns", Some(json!(["(?=x)"]))), &["rules[0].patterns[0]"]),
        ("wrong type", with("names", Some(json!("unit_cost"))), &["rules[0].names"]),
        ("wrong type in a list", with("names", Some(json!(["a", 1]))), &["rules[0].names[1]"]),
        ("no name", with("name", None), &["rules[0]", "name"]),
        ("no match", with("match", None), &["rules[0]", "match"]),
        ("no action", with("action", None), &["rules[0]", "action"]),
        ("unknown action", with("action", Some(json!("mask"))), &["rules[0].action"]),
        ("unknown mode", with("mode", Some(json!("shadw"))), &["rules[0].mode"]),
        ("unknown direction", with("direction", Some(json!("both"))), &["rules[0].direction"]),
        ("no paths", with("match", Some(json!({"paths": []}))), &["rules[0].match"]),
        (
            "a path without a slash",
            with("match", Some(json!({"paths": ["/a", "api/**"]}))),
            &["rules[0].match.paths[1]"],
        ),
        ("a path that is not normal", with("match", Some(json!({"paths": ["/a/../b"]}))), &["rules[0].match.paths[0]"]),
        (
            "unknown field in match",
            with("match", Some(json!({"paths": ["/a"], "method": "GET"}))),
            &["rules[0].match", "method"],
        ),
    ];
    cases::each(rows.map(|(name, policy, wanted)| (name, (policy, wanted))), |_, (policy, wanted)| {
        assert_refuses(&Setup::new(&upstream).strip(&policy), wanted);
    });
    let mut neither = revenue_rule();
    neither["names"] = json!([]);
    neither["patterns"] = json!([]);
    assert_refuses(&Setup::new(&upstream).strip(&rules(&[neither])), &["rules[0]"]);
}

#[test]
fn faults_in_the_whole_name_themselves() {
    let upstream = Upstream::start();
    let changed = |field: &str, value: Value| {
        let mut policy = rules(&[revenue_rule()]);
        policy[field] = value;
        policy.to_string()
    };
    let protected = json!([{"name": "p", "match": {"paths": ["/p"]}, "unless": {"roles": "SMS_ADMIN"}}]);
    let rows = [
        ("unknown field", changed("rule", json!([])), &["rule"][..]),
        ("unknown choice", changed("on_uninspectable", json!("pass")), &["on_uninspectable"]),
        ("unknown path policy", changed("unnormalized", json!("ignore")), &["unnormalized"]),
        ("unknown identity", changed("identity", json!({"cookie": "x"})), &["identity"]),
        (
            "bad header name",
            changed("identity", json!({"trusted_header": {"roles": "x roles"}})),
            &["identity.trusted_header"],
        ),
        ("protected", changed("protected", protected), &["protected[0].unless.roles"]),
        ("two rules of one name", rules(&[revenue_rule(), revenue_rule()]).to_string(), &["rules[1]"]),
        ("nothing to do", json!({"identity": trusted_headers()}).to_string(), &[]),
        ("text after the end", rules(&[revenue_rule()]).to_string() + " {}", &[]),
        ("YAML", "rules: []".to_owned(), &["JSON"]),
        ("a list", "[]".to_owned(), &[]),
        ("nothing", String::new(), &[]),
    ];
    cases::each(rows.map(|(name, policy, wanted)| (name, (policy, wanted))), |_, (policy, wanted)| {
        assert_refuses(&Setup::new(&upstream).strip_text(&policy), wanted);
    });
    let mut as_struct = json!({"@type": "type.googleapis.com/google.protobuf.Struct"});
    as_struct["value"] = rules(&[revenue_rule()]);
    assert_refuses(&Setup::new(&upstream).strip_any(Some(&as_struct)), &["StringValue"]);
    assert_refuses(&Setup::new(&upstream).strip_any(None), &["configuration"]);
}

#[test]
fn counters_exist_from_the_start_and_count() {
    let upstream = Upstream::start();
    let mut policy = rules(&[revenue_rule()]);
    policy["protected"] =
        json!([{"name": "pricing", "match": {"paths": ["/api/pricing/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}]);
    let gate = Setup::new(&upstream).strip(&policy).start();
    let stats = gate.envoy.stats(COUNTERS).unwrap();
    for rule in ["revenue.", "pricing."] {
        assert!(stats.keys().any(|name| name[COUNTERS.len()..].starts_with(rule)), "{rule}: {stats:?}");
    }
    assert!(stats.values().all(|value| *value == 0), "{stats:?}");
    let memory = gate.envoy.counter("wasmcustom.lockgate.vm.memory_bytes").unwrap();
    assert!((1 << 16..=64 << 20).contains(&memory), "the VMs say that they use {memory} bytes");
    let names: Vec<_> = stats.keys().cloned().collect();

    let grew = |what: &str, act: &dyn Fn()| {
        let before = gate.envoy.stats(COUNTERS).unwrap();
        act();
        let after = gate.envoy.stats(COUNTERS).unwrap();
        let grown: Vec<_> =
            after.iter().filter(|(name, value)| before.get(*name).copied().unwrap_or(0) < **value).collect();
        assert!(!grown.is_empty(), "{what} is not counted: {after:?}");
        grown.iter().map(|(name, _)| name[COUNTERS.len()..].to_owned()).collect::<Vec<_>>()
    };
    upstream.on("/api/part", Answer::json(PART));
    let grown = grew("fields", &|| assert_body(&gate.get("/api/part"), PART_STRIPPED));
    assert!(grown.iter().all(|name| name.starts_with("revenue.")), "{grown:?}");
    upstream.on("/api/csv", Answer::ok("application/pdf", "x"));
    let types = grew("a blocked type", &|| drop(gate.get("/api/csv").problem(502)));
    upstream.on("/api/bad", Answer::json("{"));
    let texts = grew("a blocked body", &|| drop(gate.get("/api/bad").problem(502)));
    assert_ne!(types, texts, "reasons are counted apart");
    let grown = grew("a protected endpoint", &|| drop(gate.get("/api/pricing/1").problem(403)));
    assert!(grown.iter().all(|name| name.starts_with("pricing.")), "{grown:?}");
    grew("somebody with the right", &|| drop(gate.ask(&Request::get("/api/part").admin())));

    let after: Vec<_> = gate.envoy.stats(COUNTERS).unwrap().into_keys().collect();
    assert_eq!(after, names, "no counter is made while requests run");
}

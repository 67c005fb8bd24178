//! `shared` in the configuration.

use serde_json::{Value, json};

use super::{Policy, config};
use crate::exchange::Policy as _;

fn error(config: &Value) -> String {
    Policy::from_json(config.to_string().as_bytes()).expect_err("it is wrong").to_string()
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let long = "x".repeat(257);
    for (member, value, want) in [
        ("cluster", json!(""), "shared.cluster: must be 1..=256 visible ASCII"),
        ("cluster", json!(long), "shared.cluster: must be"),
        ("domain", json!("a b"), "shared.domain: must be"),
        ("authority", json!("a\nb"), "shared.authority: must be"),
        ("timeout_ms", json!(0), "shared.timeout_ms: is 0 and must be 1..=5000"),
        ("timeout_ms", json!(5_001), "shared.timeout_ms: is 5001"),
        ("on_error", json!("open"), "shared.on_error: unknown variant"),
        ("lease", json!({"max": 0}), "shared.lease.max: is 0 and must be 1..=524288"),
        ("lease", json!({"max": 524_289}), "shared.lease.max: is 524289"),
        ("lease", json!({"period_ms": 600_001}), "shared.lease.period_ms: is 600001"),
        ("circuit", json!({"failures": 101}), "shared.circuit.failures: is 101"),
        ("circuit", json!({"open_ms": 60_001}), "shared.circuit.open_ms: is 60001"),
        ("address", json!("x"), "shared.address: unknown field"),
    ] {
        let got = error(&config(10, 60, &json!({member: value})));
        assert!(got.starts_with(want), "{got}\n{want}");
    }
    for (member, value, want) in [
        (
            "algorithm",
            json!("sliding"),
            "policies[0].algorithm: means nothing here: the window of the rate-limit service",
        ),
        ("algorithm", json!("gcra"), "policies[0].algorithm: means nothing here"),
        ("burst", json!(5), "policies[0].burst: means nothing here"),
        ("shared", json!(false), "shared: is used by no policy"),
    ] {
        let mut config = config(10, 60, &json!({}));
        config["policies"][0][member] = value;
        let got = error(&config);
        assert!(got.starts_with(want), "{got}\n{want}");
    }
    let mut dear = config(1_000_000, 60, &json!({}));
    dear["policies"][0]["cost"] = json!(524_289);
    assert!(error(&dear).starts_with("policies[0].cost: is 524289, and at most 524288"), "{}", error(&dear));
    let mut alone = config(10, 60, &json!({}));
    alone.as_object_mut().unwrap().remove("shared");
    alone["policies"][0]["shared"] = json!(true);
    assert!(error(&alone).starts_with("policies[0].shared: is true, and there is no service"), "{}", error(&alone));
}

#[test]
fn a_shared_policy_counts_twice_among_those_of_a_key() {
    let policy = |n: usize| json!({"name": n.to_string(), "match": {"paths": [format!("/{n}")]}, "key": ["address"], "limit": 5, "window_s": 60});
    let with = |policies: usize| {
        let mut config = config(10, 60, &json!({}));
        config["policies"] = (0..policies).map(policy).collect();
        config
    };
    assert!(Policy::from_json(with(4).to_string().as_bytes()).is_ok());
    assert!(error(&with(5)).contains("a shared policy counts twice"), "{}", error(&with(5)));
}

#[test]
fn leases_are_a_tenth_of_the_limit_unless_said_otherwise() {
    for (limit, max, want) in [
        (1, None, 1),
        (19, None, 1),
        (20, None, 2),
        (100, None, 8),
        (60_000, None, 4_096),
        (4_000_000_000, None, 1 << 19),
        (1_000, Some(100), 64),
        (10, Some(100), 8),
    ] {
        let shared = max.map_or(json!({}), |max| json!({"lease": {"max": max}}));
        let policy = Policy::from_json(config(limit, 60, &shared).to_string().as_bytes()).unwrap();
        let terms = policy.0.config.policies[0].base.leased.as_ref().unwrap().terms;
        assert_eq!(terms.most_left(), want + want / 4, "{limit}, {max:?}");
    }
}

//! Wrong configurations: Envoy does not start, and the message names the field.

use lockgate_envoy_tests::{Setup, Upstream, cases};
use lockgate_harness::Error;
use serde_json::{Value, json};

use super::{one, policy};

#[track_caller]
fn assert_refuses(setup: &Setup, wanted: &[&str]) {
    match setup.try_start() {
        Ok(gate) => panic!("Envoy started: {}", gate.envoy.log()),
        Err(Error::EnvoyRefused { status, why }) => {
            assert!(!status.success(), "{why}");
            for part in wanted {
                assert!(why.contains(part), "{part:?} is not in: {why}");
            }
            assert!(!why.contains("panicked"), "{why}");
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn contradictions_name_their_field() {
    let upstream = Upstream::start();
    let penalty = |more: Value| {
        let mut penalty = json!({"name": "p", "block_s": 60, "failures": {"limit": 5, "window_s": 60}});
        for (name, value) in more.as_object().unwrap() {
            penalty[name] = value.clone();
        }
        json!({"penalties": [penalty]})
    };
    let two = |other: Value| json!({"policies": [policy(json!({})), policy(other)]});
    let rows = [
        ("nothing to do", json!({}), "policies: and penalties are both empty"),
        ("an unknown field", one(json!({"limits": 5})), "policies[0].limits: unknown field"),
        ("a limit of nothing", one(json!({"limit": 0})), "policies[0].limit: is 0 and must be 1..=4000000000"),
        (
            "a window over a day",
            one(json!({"window_s": 86_401})),
            "policies[0].window_s: is 86401 and must be 1..=86400",
        ),
        (
            "a burst of a sliding window",
            one(json!({"burst": 5})),
            "policies[0].burst: means nothing to a sliding window",
        ),
        (
            "a burst that takes more than a day",
            one(json!({"algorithm": "gcra", "limit": 1, "window_s": 3600, "burst": 25})),
            "policies[0].burst: of 25 would take more than a day",
        ),
        ("a cost that nobody could pay", one(json!({"cost": 4})), "policies[0].limit: is 3, below the cost"),
        ("a key of nothing", one(json!({"key": []})), "policies[0].key: is empty"),
        (
            "a caller before it is known",
            one(json!({"phase": "pre-auth", "key": ["consumer"]})),
            "policies[0].key[0]: is never known here",
        ),
        (
            "a tier before it is known",
            one(json!({"phase": "pre-auth", "tiers": [{"name": "t", "when": {"roles": ["A"]}, "limit": 9}]})),
            "policies[0].tiers: could never apply",
        ),
        (
            "a tier that nobody is in",
            one(json!({"unless": {"roles": ["A"]}, "tiers": [{"name": "t", "when": {"roles": ["A"]}, "limit": 9}]})),
            "policies[0].tiers[0].when: could never be asked",
        ),
        ("two of one name", two(json!({"limit": 9})), "policies[1].name: `all` is already the name of policies[0]"),
        (
            "a policy out of reach",
            two(json!({"name": "b", "limit": 2, "window_s": 86_400})),
            "policies[0].limit: can never be reached: policies[1] (`b`)",
        ),
        ("a path that is not normal", one(json!({"match": {"paths": ["/a/../b"]}})), "policies[0].match.paths[0]"),
        ("a penalty without a cause", penalty(json!({"failures": null})), "penalties[0]: must have one cause"),
        ("a penalty of two causes", penalty(json!({"flood": {}})), "penalties[0]: must have one cause"),
        ("a block of nothing", penalty(json!({"block_s": 0})), "penalties[0].block_s: is 0 and must be 1..=86400"),
        (
            "a good answer as a failure",
            penalty(json!({"failures": {"statuses": [200], "limit": 5, "window_s": 60}})),
            "penalties[0].failures.statuses[0]: is 200 and must be 400..=599",
        ),
        (
            "more keys than fit",
            {
                let mut config = one(json!({}));
                config["table"] = json!({"keys": 600_000});
                config
            },
            "table.keys: 600000 is not in 1..=524288",
        ),
    ];
    cases::each(rows.map(|(name, config, wanted)| (name, (config, wanted))), |_, (config, wanted)| {
        assert_refuses(&Setup::new(&upstream).limits(&config), &[wanted]);
    });
    for text in ["", "[]", "policies: []"] {
        assert_refuses(&Setup::new(&upstream).limits_text(text), &[": configuration refused: (configuration): is "]);
    }
}

#[test]
fn counters_exist_from_the_start() {
    let portal = super::portal();
    let gate = super::gate(&portal, &one(json!({})));
    let names =
        || gate.envoy.stats(lockgate_envoy_tests::gate::LIMIT_COUNTERS).unwrap().into_keys().collect::<Vec<_>>();
    let before = names();
    for wanted in ["all.allowed", "all.refused", "request.refused_quota", "table.evicted"] {
        assert!(before.iter().any(|name| name.ends_with(wanted)), "{wanted}: {before:?}");
    }
    for _ in 0..5 {
        gate.get("/x");
    }
    assert_eq!(names(), before);
}

//! Configurations that are refused: each names the field and the way out.

use serde_json::{Value, json};

use super::{one, policy};
use crate::exchange::Policy as _;
use crate::rate_limit::Policy;

fn refusal(config: &Value) -> String {
    match Policy::from_json(config.to_string().as_bytes()) {
        Ok(_) => "good".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_policy_that_cannot_be_meant_is_refused() {
    let gold = json!({"name": "gold", "when": {"roles": ["GOLD"]}, "limit": 5});
    for (more, want) in [
        (json!({"limit": 0}), "policies[0].limit: is 0 and must be 1..=4000000000"),
        (json!({"limit": 4_000_000_001_u64}), "policies[0].limit: is 4000000001 and must be 1..=4000000000"),
        (json!({"limit": 5_000_000_000_u64}), "policies[0].limit: is 5000000000 and must be"),
        (json!({"limit": -1}), "policies[0].limit: invalid value"),
        (json!({"limit": 1.5}), "policies[0].limit: invalid type"),
        (json!({"window_s": 0}), "policies[0].window_s: is 0 and must be 1..=86400"),
        (json!({"window_s": 86_401}), "policies[0].window_s: is 86401 and must be 1..=86400"),
        (json!({"burst": 2}), "policies[0].burst: means nothing to a sliding window"),
        (json!({"burst": 0, "algorithm": "gcra"}), "policies[0].burst: is 0 and must be"),
        (json!({"burst": 3_000, "algorithm": "gcra"}), "policies[0].burst: of 3000 would take more than a day"),
        (json!({"algorithm": "fixed"}), "policies[0].algorithm: unknown variant `fixed`, expected `sliding` or `gcra`"),
        (json!({"cost": 0}), "policies[0].cost: is 0 and must be"),
        (json!({"cost": 3}), "policies[0].limit: is 2, below the cost of one request (3)"),
        (json!({"cost": 2, "algorithm": "gcra", "burst": 1}), "policies[0].burst: is 1, below the cost"),
        (json!({"key": []}), "policies[0].key: is empty"),
        (json!({"key": ["address", "address"]}), "policies[0].key[1]: stands there twice"),
        (json!({"key": ["ip"]}), "policies[0].key[0]: unknown variant `ip`"),
        (json!({"key": [{"header": ""}]}), "policies[0].key[0]: is no header name"),
        (json!({"key": [{"header": ":path"}]}), "policies[0].key[0]: is no header name"),
        (json!({"key": [{"constant": ""}]}), "policies[0].key[0]: must be a text of 1..=64 bytes"),
        (json!({"key": [{"constant": "x".repeat(65)}]}), "policies[0].key[0]: must be a text"),
        (json!({"key": ["consumer"], "phase": "pre-auth"}), "policies[0].key[0]: is never known here"),
        (json!({"key": ["tenant"], "phase": "pre-auth"}), "policies[0].key[0]: is never known here"),
        (json!({"unless": {"roles": ["A"]}, "phase": "pre-auth"}), "policies[0].unless: could never apply"),
        (json!({"tiers": [gold], "phase": "pre-auth"}), "policies[0].tiers: could never apply"),
        (json!({"phase": "late"}), "policies[0].phase: unknown variant `late`"),
        (json!({"tiers": []}), "policies[0].tiers: is empty"),
        (
            json!({"tiers": [gold, gold]}),
            "policies[0].tiers[1].name: `gold` is already the name of policies[0].tiers[0]",
        ),
        (
            json!({"tiers": [gold, {"name": "more", "when": {"roles": ["GOLD"]}, "limit": 9}]}),
            "policies[0].tiers[1].when: could never be asked",
        ),
        (json!({"unless": {"roles": ["GOLD"]}, "tiers": [gold]}), "policies[0].tiers[0].when: could never be asked"),
        (json!({"tiers": [{"name": "g", "when": {}, "limit": 5}]}), "policies[0].tiers[0].when: names neither"),
        (
            json!({"tiers": [{"name": "g", "when": {"roles": ["*"]}, "limit": 5}]}),
            "policies[0].tiers[0].when.roles[0]: is empty or has",
        ),
        (json!({"tiers": [{"name": "g", "when": {"roles": ["G"]}, "limit": 0}]}), "policies[0].tiers[0].limit: is 0"),
        (
            json!({"tiers": [{"name": "g", "when": {"roles": ["G"]}, "limit": 1, "window_s": 90_000}]}),
            "policies[0].tiers[0].window_s: is 90000",
        ),
        (
            json!({"tiers": [{"name": "g", "when": {"roles": ["G"]}, "limit": 1, "burst": 1}]}),
            "policies[0].tiers[0].burst: means nothing",
        ),
        (json!({"tiers": ["gold"]}), "policies[0].tiers[0]: must be an object with `name`"),
        (json!({"match": {"paths": []}}), "policies[0].match.paths: is empty"),
        (json!({"match": {"paths": ["x"]}}), "policies[0].match.paths[0]: `x` can never match"),
        (json!({"name": ""}), "policies[0].name: must be 1..=64 visible ASCII characters"),
        (json!({"name": "a\"b"}), "policies[0].name: must be"),
        (json!({"name": "é"}), "policies[0].name: must be"),
        (json!({"name": "x".repeat(65)}), "policies[0].name: must be"),
        (json!({"mode": "off"}), "policies[0].mode: unknown variant `off`"),
        (json!({"sharing": {}}), "policies[0].sharing: unknown field `sharing`"),
    ] {
        let message = refusal(&one(&more));
        assert!(message.starts_with(want), "{more}: {message}");
    }
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    let with = |name: &str, value: Value| {
        let mut config = one(&json!({}));
        config[name] = value;
        config
    };
    let penalty = |more: Value| {
        let mut penalty = json!({"name": "p", "block_s": 60, "flood": {}});
        super::merge(&mut penalty, &more);
        json!({"penalties": [penalty]})
    };
    let two = |one: Value, other: Value| json!({"policies": [policy(&one), policy(&other)]});
    let identified = |identity: Value, more: Value| {
        let mut config = one(&more);
        config["identity"] = identity;
        config
    };
    let nine: Vec<Value> =
        (0..9).map(|n| policy(&json!({"name": format!("p{n}"), "match": {"paths": [format!("/{n}/**")]}}))).collect();
    let jwt_authn = json!({"jwt_authn": {"payload": "p", "roles": "r"}});
    let cases = [
        (json!({}), "policies: and penalties are both empty"),
        (json!({"policies": []}), "policies: and penalties are both empty"),
        (with("sharing", json!({})), "sharing: unknown field `sharing`"),
        (with("table", json!({"keys": 0})), "table.keys: 0 is not in 1..=524288"),
        (with("table", json!({"keys": 600_000})), "table.keys: 600000 is not in 1..=524288"),
        (with("address", json!({"ipv6_prefix": 0})), "address.ipv6_prefix: is 0 and must be 1..=128"),
        (with("address", json!({"ipv6_prefix": 129})), "address.ipv6_prefix: is 129 and must be 1..=128"),
        (with("address", json!({"ipv4_prefix": 33})), "address.ipv4_prefix: is 33 and must be 1..=32"),
        (with("on_error", json!("open")), "on_error: unknown variant `open`"),
        (with("on_contention", json!("open")), "on_contention: unknown variant `open`"),
        (with("options", json!("skip")), "options: unknown variant `skip`"),
        (with("headers", json!({"draft": true})), "headers.draft: unknown field `draft`"),
        (with("identity", json!({})), "identity: must name one source"),
        (two(json!({}), json!({})), "policies[1].name: `all` is already the name of policies[0]"),
        (
            two(json!({"limit": 100}), json!({"name": "hour", "limit": 50, "window_s": 3600})),
            "policies[0].limit: can never be reached: policies[1] (`hour`)",
        ),
        (two(json!({"limit": 5}), json!({"name": "same", "limit": 5})), "policies[0].limit: can never be reached"),
        (two(json!({"limit": 5}), json!({"name": "hour", "limit": 50, "window_s": 3600})), "good"),
        (two(json!({"limit": 50}), json!({"name": "hour", "limit": 5, "window_s": 3600, "mode": "shadow"})), "good"),
        (json!({"policies": nine}), "policies[8].key: is the key of more than 8 policies and penalties"),
        (
            identified(json!({"trusted_header": {"roles": "x-roles"}}), json!({"key": ["consumer"]})),
            "policies[0].key[0]: is never known",
        ),
        (
            identified(json!({"trusted_header": {"subject": "x-user"}}), json!({"key": ["tenant"]})),
            "policies[0].key[0]: is never known",
        ),
        (identified(jwt_authn.clone(), json!({"key": ["tenant"]})), "policies[0].key[0]: is never known"),
        (identified(jwt_authn.clone(), json!({"key": ["consumer"]})), "good"),
        (identified(jwt_authn, json!({"unless": {"permissions": ["x"]}})), "policies[0].unless: can never hold"),
        (penalty(json!({})), "good"),
        (penalty(json!({"name": "all"})), "good"),
        (penalty(json!({"flood": null})), "penalties[0]: must have one cause"),
        (penalty(json!({"failures": {"limit": 1, "window_s": 1}})), "penalties[0]: must have one cause"),
        (penalty(json!({"block_s": 0})), "penalties[0].block_s: is 0 and must be 1..=86400"),
        (penalty(json!({"block_s": 86_401})), "penalties[0].block_s: is 86401"),
        (penalty(json!({"key": ["consumer"]})), "penalties[0].key[0]: is never known here"),
        (penalty(json!({"key": ["path"]})), "penalties[0].key: has \"path\""),
        (penalty(json!({"flood": {"per_second": 0}})), "penalties[0].flood.per_second: is 0 and must be 1..=1000000"),
        (
            penalty(json!({"flood": {"sustained_s": 3_601}})),
            "penalties[0].flood.sustained_s: is 3601 and must be 1..=3600",
        ),
        (penalty(json!({"flood": null, "failures": {"limit": 0, "window_s": 1}})), "penalties[0].failures.limit: is 0"),
        (
            penalty(json!({"flood": null, "failures": {"limit": 1, "window_s": 0}})),
            "penalties[0].failures.window_s: is 0",
        ),
        (
            penalty(json!({"flood": null, "failures": {"limit": 1, "window_s": 1, "statuses": []}})),
            "penalties[0].failures.statuses: is empty",
        ),
        (
            penalty(json!({"flood": null, "failures": {"limit": 1, "window_s": 1, "statuses": [200]}})),
            "penalties[0].failures.statuses[0]: is 200",
        ),
        (
            penalty(json!({"flood": null, "failures": {"limit": 1, "window_s": 1, "statuses": [401, 401]}})),
            "penalties[0].failures.statuses[1]: stands there twice",
        ),
    ];
    for (config, want) in cases {
        let message = refusal(&config);
        assert!(message.starts_with(want), "{config}: {message}");
    }
    let mut both = one(&json!({}));
    both["penalties"] = json!([{"name": "all", "block_s": 60, "flood": {}}]);
    assert!(refusal(&both).starts_with("penalties[0].name: `all` is already the name of policies[0]"));
}

#[test]
fn there_are_only_so_many() {
    let policies = |count: usize| {
        let policy = |n| policy(&json!({"name": format!("p{n}"), "key": ["address", {"constant": format!("c{n}")}]}));
        json!({"policies": (0..count).map(policy).collect::<Vec<_>>()})
    };
    assert_eq!(refusal(&policies(64)), "good");
    assert_eq!(refusal(&policies(65)), "policies: has 65 entries, at most 64 are allowed");
    let penalties = |count: usize| {
        let penalty = |n| json!({"name": format!("p{n}"), "block_s": 1, "flood": {}, "key": ["address", {"constant": format!("c{n}")}]});
        json!({"penalties": (0..count).map(penalty).collect::<Vec<_>>()})
    };
    assert_eq!(refusal(&penalties(16)), "good");
    assert_eq!(refusal(&penalties(17)), "penalties: has 17 entries, at most 16 are allowed");
    let tiers = |count: usize| {
        let tier = |n| json!({"name": format!("t{n}"), "when": {"roles": [format!("R{n}")]}, "limit": 1});
        one(&json!({"tiers": (0..count).map(tier).collect::<Vec<_>>()}))
    };
    assert_eq!(refusal(&tiers(16)), "good");
    assert_eq!(refusal(&tiers(17)), "policies[0].tiers: has 17 entries, at most 16 are allowed");
    let parts: Vec<Value> = (0..9).map(|n| json!({"header": format!("x-{n}")})).collect();
    assert_eq!(refusal(&one(&json!({"key": parts}))), "policies[0].key: has 9 entries, at most 8 are allowed");
}

/// The example of the filter's page is good, and says what it is meant to say.
#[test]
fn the_example_of_the_page_is_good() {
    let page = include_str!("../../../filters/rate-limit/README.md");
    let (_, rest) = page.split_once("```json\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let policy = Policy::from_json(example.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let lines = policy.simulate(None);
    let line = |name: &str, tier: Option<&str>| {
        let line = lines.iter().find(|line| line.policy == name && line.tier.as_deref() == tier).expect(name);
        (line.limit, line.window_s, line.refused.map(|refused| refused.nth), line.sent)
    };
    assert_eq!(line("onboarding", None), (100, 60, Some(101), 600));
    assert_eq!(line("maintenance", None), (200, 60, Some(201), 1_200));
    assert_eq!(line("reports", None), (10, 3_600, Some(11), 60));
    assert_eq!(line("plan", Some("premium")), (10_000, 3_600, Some(10_001), 60_000));
    assert_eq!(lines.len(), 7);
}

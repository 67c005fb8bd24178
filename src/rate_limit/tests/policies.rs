//! Who is counted with whom, and how often.

use serde_json::{Value, json};

use super::{Gate, NOW, one, policy, reason};
use crate::exchange::{Exchange as _, Policy as _};
use crate::rate_limit::Policy;

#[test]
fn the_first_window_has_exactly_the_limit() {
    for (limit, algorithm) in [(1, "sliding"), (2, "gcra"), (100, "sliding"), (100, "gcra")] {
        let mut gate = Gate::new(&one(&json!({"limit": limit, "algorithm": algorithm})));
        assert_eq!(gate.passes(300, "/x"), limit, "{algorithm}");
        assert_eq!(gate.counter("all.allowed"), u64::try_from(limit).unwrap());
        assert_eq!(gate.counter("all.refused"), 300 - u64::try_from(limit).unwrap());
    }
}

#[test]
fn a_window_slides_and_a_bucket_fills() {
    let mut sliding = Gate::new(&one(&json!({"limit": 10})));
    assert_eq!(sliding.passes(20, "/x"), 10);
    // Half of the next window: five of the ten still weigh.
    assert_eq!(sliding.at(90_000).passes(20, "/x"), 5);
    assert_eq!(sliding.at(240_000).passes(20, "/x"), 10);
    let mut paced = Gate::new(&one(&json!({"limit": 60, "algorithm": "gcra", "burst": 3})));
    assert_eq!(paced.passes(20, "/x"), 3);
    assert_eq!(paced.at(999).passes(20, "/x"), 0);
    assert_eq!(paced.at(1_000).passes(20, "/x"), 1);
    assert_eq!(paced.at(3_500).passes(20, "/x"), 2);
    assert_eq!(paced.at(60_000).passes(20, "/x"), 3);
}

/// Two requests after each other under a limit of one: the second passes if and only if it is counted apart.
#[test]
fn keys_tell_apart_who_is_to_be_told_apart() {
    type Do<'a> = &'a dyn Fn(&mut Gate) -> u16;
    let get = |path: &'static str| move |gate: &mut Gate| gate.get(path);
    let user = |subject: &'static str, address: &'static str| {
        move |gate: &mut Gate| gate.by(json!({"subject": subject, "tenant": subject})).from(address).get("/a")
    };
    let with = |name: &'static str, value: &'static str| {
        move |gate: &mut Gate| gate.send("GET", "/a", &[(name, value)]).status
    };
    let method = |method: &'static str| move |gate: &mut Gate| gate.send(method, "/a", &[]).status;
    let from = |address: &'static str| move |gate: &mut Gate| gate.from(address).get("/a");
    let twice = |gate: &mut Gate| gate.send("GET", "/a", &[("x-key", "1"), ("x-key", "2")]).status;
    let cases: [(&str, Value, Do<'_>, Do<'_>, bool); 33] = [
        ("two addresses", json!(["address"]), &from("192.0.2.1:1"), &from("192.0.2.2:1"), true),
        ("two ports", json!(["address"]), &from("192.0.2.1:1"), &from("192.0.2.1:2"), false),
        ("one IPv6 network", json!(["address"]), &from("[2001:db8::1]:1"), &from("[2001:db8::2]:1"), false),
        ("two IPv6 networks", json!(["address"]), &from("[2001:db8::1]:1"), &from("[2001:db8:0:1::1]:1"), true),
        ("IPv4 in IPv6", json!(["address"]), &from("192.0.2.1:1"), &from("[::ffff:192.0.2.1]:1"), false),
        ("no address", json!(["address"]), &from(""), &from("@/run/socket"), false),
        ("an address and none", json!(["address"]), &from("192.0.2.1:1"), &from(""), true),
        (
            "a forged forwarding",
            json!(["address"]),
            &with("x-forwarded-for", "1.1.1.1"),
            &with("x-forwarded-for", "2.2.2.2"),
            false,
        ),
        ("two consumers", json!(["consumer"]), &user("a", "192.0.2.1:1"), &user("b", "192.0.2.1:1"), true),
        ("one consumer", json!(["consumer"]), &user("a", "192.0.2.1:1"), &user("a", "192.0.2.2:1"), false),
        ("a consumer and nobody", json!(["consumer"]), &from("192.0.2.1:1"), &user("192.0.2.1", "192.0.2.1:1"), true),
        ("nobody at two addresses", json!(["consumer"]), &from("192.0.2.1:1"), &from("192.0.2.2:1"), true),
        ("nobody at one address", json!(["consumer"]), &from("192.0.2.1:1"), &from("192.0.2.1:2"), false),
        ("nobody nowhere", json!(["consumer"]), &from(""), &from("?"), false),
        ("an empty subject", json!(["consumer"]), &user("", "192.0.2.1:1"), &from("192.0.2.1:1"), false),
        ("a subject that looks like a fallback", json!(["consumer"]), &from(""), &user("?", ""), true),
        ("two tenants", json!(["tenant"]), &user("a", "192.0.2.1:1"), &user("b", "192.0.2.1:1"), true),
        ("one tenant", json!(["tenant"]), &user("a", "192.0.2.1:1"), &user("a", "192.0.2.2:1"), false),
        ("nobody's tenant", json!(["tenant"]), &from("192.0.2.1:1"), &from("192.0.2.1:1"), false),
        ("two methods", json!(["address", "method"]), &method("GET"), &method("POST"), true),
        ("GET and HEAD", json!(["address", "method"]), &method("GET"), &method("HEAD"), false),
        ("either case", json!(["address", "method"]), &method("GET"), &method("get"), false),
        ("two methods that nobody knows", json!(["address", "method"]), &method("BREW"), &method("STEEP"), false),
        ("two paths of one pattern", json!(["path", "address"]), &get("/a"), &get("/b"), false),
        ("two patterns", json!(["path", "address"]), &get("/a"), &get("/own/a"), true),
        ("two paths", json!(["address"]), &get("/a"), &get("/own/a"), false),
        ("two values", json!([{"header": "X-Key"}]), &with("x-key", "1"), &with("x-key", "2"), true),
        ("one value", json!([{"header": "X-Key"}]), &with("x-key", "1"), &with("x-key", "1"), false),
        ("no value", json!([{"header": "X-Key"}]), &get("/a"), &with("x-key", ""), false),
        ("two values at once", json!([{"header": "X-Key"}]), &get("/a"), &twice, false),
        ("a value like an address", json!([{"header": "X-Key"}]), &get("/a"), &with("x-key", "192.0.2.1"), true),
        ("a constant", json!([{"constant": "all"}]), &from("192.0.2.1:1"), &user("b", "192.0.2.2:1"), false),
        ("two parts", json!(["address", {"header": "x-key"}]), &with("x-key", "1"), &with("x-key", "2"), true),
    ];
    for (name, key, first, second, apart) in cases {
        let config = one(&json!({"limit": 1, "key": key, "match": {"paths": ["/own/**", "/**"]}}));
        let mut gate = Gate::new(&config);
        assert_eq!(first(&mut gate), 200, "{name}");
        assert_eq!(second(&mut gate), if apart { 200 } else { 429 }, "{name}");
    }
}

#[test]
fn prefixes_are_as_wide_as_they_are_set() {
    let mut config = one(&json!({"limit": 1}));
    config["address"] = json!({"ipv4_prefix": 24, "ipv6_prefix": 48});
    let mut gate = Gate::new(&config);
    for (address, status) in [
        ("192.0.2.1:1", 200),
        ("192.0.2.200:1", 429),
        ("192.0.3.1:1", 200),
        ("[2001:db8::1]:1", 200),
        ("[2001:db8:0:ffff::1]:1", 429),
        ("[2001:db8:1::1]:1", 200),
    ] {
        assert_eq!(gate.from(address).get("/"), status, "{address}");
    }
}

#[test]
fn all_policies_are_charged_or_none() {
    let mut gate = Gate::new(&json!({"policies": [
        policy(&json!({"name": "wide", "limit": 10})),
        policy(&json!({"name": "narrow", "limit": 3, "match": {"paths": ["/narrow/**"]}})),
        policy(&json!({"name": "everybody", "limit": 12, "key": [{"constant": "all"}]})),
    ]}));
    assert_eq!(gate.passes(50, "/narrow/x"), 3);
    // Those that were refused by the narrow one have spent nothing of the others.
    assert_eq!(gate.passes(50, "/x"), 7);
    assert_eq!(gate.from("192.0.2.9:1").passes(50, "/x"), 2, "of everybody's twelve");
    assert_eq!(
        gate.from("192.0.2.1:1").at(90_000).passes(50, "/narrow/x"),
        1,
        "1.5 of the narrow one's three still weigh"
    );
}

#[test]
fn a_key_has_one_slot_whatever_the_policies() {
    let policies: Vec<Value> = (0..5)
        .map(|n| {
            policy(&json!({"name": format!("p{n}"), "limit": 100 + n, "window_s": 60 * (n + 1), "key": ["consumer"]}))
        })
        .collect();
    let mut gate = Gate::new(&json!({"policies": policies}));
    gate.by(json!({"subject": "a"}));
    assert_eq!(gate.get("/"), 200);
    let slots: Vec<_> = gate.host.slots.keys().filter(|name| !name.starts_with("seed")).cloned().collect();
    assert_eq!(slots.len(), 1, "{slots:?}");
    assert_eq!(gate.host.slots[&slots[0]].bytes.len(), 24 + 5 * 32);
    assert_eq!(gate.host.slots[&slots[0]].stamp, 2, "written once, after the seed");
}

#[test]
fn a_request_costs_what_it_says() {
    for algorithm in ["sliding", "gcra"] {
        let mut gate = Gate::new(&json!({"policies": [
            policy(&json!({"name": "report", "limit": 100, "cost": 30, "match": {"paths": ["/reports/**"]}, "algorithm": algorithm})),
        ]}));
        assert_eq!(gate.passes(50, "/reports/1"), 3, "{algorithm}");
    }
}

fn tiered(more: &Value) -> Value {
    let mut tiered = policy(&json!({"key": ["consumer"], "limit": 1, "tiers": [
        {"name": "gold", "when": {"roles": ["GOLD"]}, "limit": 5},
        {"name": "silver", "when": {"roles": ["SILVER"], "permissions": ["plan:silver"]}, "limit": 3},
    ]}));
    super::merge(&mut tiered, more);
    json!({"policies": [tiered]})
}

#[test]
fn tiers_come_from_verified_rights_alone() {
    let config = tiered(&json!({}));
    for (name, identity, passes) in [
        ("none", json!({"subject": "a"}), 1),
        ("gold", json!({"subject": "a", "roles": ["GOLD"]}), 5),
        ("both, the first counts", json!({"subject": "a", "roles": ["SILVER", "GOLD"]}), 5),
        ("by permission", json!({"subject": "a", "permissions": ["plan:silver"]}), 3),
        ("by wildcard", json!({"subject": "a", "permissions": ["plan:*"]}), 3),
        ("a role that nobody knows", json!({"subject": "a", "roles": ["gold"]}), 1),
    ] {
        assert_eq!(Gate::new(&config).by(identity).passes(9, "/"), passes, "{name}");
    }
    let mut gate = Gate::new(&config);
    let headers = [("x-roles", "GOLD"), ("x-tier", "gold"), ("authorization", "Bearer GOLD")];
    let statuses: Vec<u16> = (0..3).map(|_| gate.send("GET", "/", &headers).status).collect();
    assert_eq!(statuses, [200, 429, 429], "what a client says of itself");
}

#[test]
fn who_changes_the_tier_keeps_what_was_spent() {
    let mut gate = Gate::new(&tiered(&json!({})));
    assert_eq!(gate.by(json!({"subject": "a"})).passes(9, "/"), 1);
    assert_eq!(gate.by(json!({"subject": "a", "roles": ["GOLD"]})).passes(9, "/"), 4);
    assert_eq!(gate.by(json!({"subject": "a", "roles": ["SILVER"]})).passes(9, "/"), 0);
}

#[test]
fn a_new_configuration_keeps_what_was_spent() {
    let mut gate = Gate::new(&one(&json!({"limit": 10})));
    assert_eq!(gate.passes(7, "/"), 7);
    for (change, left) in
        [(json!({"limit": 10}), 3), (json!({"limit": 12}), 2), (json!({"name": "other", "limit": 4}), 4)]
    {
        gate.policy = Policy::from_json(one(&change).to_string().as_bytes()).unwrap();
        assert_eq!(gate.passes(20, "/"), left, "{change}");
    }
}

#[test]
fn a_method_that_is_exempt_is_exempt() {
    let mut gate = Gate::new(&one(&json!({})));
    let options = |gate: &mut Gate| (0..5).filter(|_| gate.send("OPTIONS", "/", &[]).status == 200).count();
    assert_eq!(options(&mut gate), 5);
    assert_eq!(gate.counter("all.exempt"), 5);
    assert_eq!(gate.passes(5, "/"), 2);
    let mut config = one(&json!({}));
    config["options"] = json!("count");
    assert_eq!(options(&mut Gate::new(&config)), 2);
    let named = one(&json!({"match": {"paths": ["/**"], "methods": ["OPTIONS"]}}));
    assert_eq!(options(&mut Gate::new(&named)), 2, "a policy about OPTIONS");
    assert_eq!(Gate::new(&named).passes(5, "/"), 5);
    // About the server as a whole, and a tunnel without a path.
    config["policies"][0]["match"] = json!({"paths": ["/"]});
    let mut gate = Gate::new(&config);
    let statuses: Vec<u16> = [("OPTIONS", "*"), ("CONNECT", ""), ("GET", "/")]
        .map(|(method, path)| gate.send(method, path, &[]).status)
        .into();
    assert_eq!(statuses, [200, 200, 429]);
}

#[test]
fn who_is_exempt_is_not_counted() {
    let mut gate = Gate::new(&one(&json!({"unless": {"roles": ["OPS"], "permissions": ["unlimited"]}})));
    assert_eq!(gate.by(json!({"subject": "a", "roles": ["OPS"]})).passes(9, "/"), 9);
    assert_eq!(gate.by(json!({"subject": "a", "permissions": ["unlimited"]})).passes(9, "/"), 9);
    assert_eq!(gate.host.slots.len(), 0);
    assert_eq!(gate.by(json!({"subject": "a", "roles": ["ops"]})).passes(9, "/"), 2);
}

#[test]
fn what_no_policy_is_about_costs_nothing() {
    let mut gate = Gate::new(&one(&json!({"match": {"paths": ["/api/**"], "methods": ["POST"]}})));
    assert_eq!(gate.passes(9, "/other"), 9);
    assert_eq!(gate.passes(9, "/api/x"), 9, "by GET");
    assert_eq!(gate.host.slots.len(), 0);
    // A limit takes away: it matches in either case and with a slash.
    let mut gate = Gate::new(&one(&json!({"match": {"paths": ["/api/x"]}})));
    let statuses: Vec<u16> = ["/API/x", "/api/X/", "/api/x"].map(|path| gate.get(path)).into();
    assert_eq!(statuses, [200, 200, 429]);
}

#[test]
fn shadow_decides_and_changes_nothing() {
    let mut gate = Gate::new(&json!({"policies": [
        policy(&json!({"name": "watch", "limit": 1, "mode": "shadow"})),
        policy(&json!({"name": "act", "limit": 3})),
    ]}));
    assert_eq!(gate.passes(9, "/"), 3);
    let shadows: Vec<_> = gate.host.audits.iter().filter(|audit| audit.shadow).collect();
    assert_eq!(shadows.len(), 8);
    assert!(shadows.iter().all(|audit| audit.rule.as_deref() == Some("watch") && audit.reason == Some("quota")));
    assert_eq!((gate.counter("watch.shadow_allowed"), gate.counter("watch.shadow_refused")), (1, 8));
    assert_eq!(gate.counter("watch.refused"), 0);
    // Alone it leaves no trace in what the client gets.
    let mut gate = Gate::new(&one(&json!({"mode": "shadow"})));
    for _ in 0..5 {
        let outcome = gate.send("GET", "/", &[]);
        assert_eq!((outcome.status, outcome.headers.len()), (200, 0));
    }
}

#[test]
fn a_path_with_two_readings_is_refused_or_rewritten() {
    let mut config = one(&json!({"limit": 1, "match": {"paths": ["/api/x"]}}));
    let mut gate = Gate::new(&config);
    for path in ["/api//x", "/api/./x", "/api/%78", "/api/x;a", "api/x", "/api\\x"] {
        let outcome = gate.send("GET", path, &[]);
        assert_eq!((outcome.status, reason(&outcome)), (400, "unsafe_path"), "{path}");
    }
    assert_eq!(gate.counter("request.refused_unsafe_path"), 6);
    config["unnormalized"] = json!("rewrite");
    let mut gate = Gate::new(&config);
    let outcome = gate.send("GET", "/api//%78?q", &[]);
    assert_eq!(outcome.forwarded.map(|forwarded| forwarded.path).as_deref(), Some("/api/x?q"));
    assert_eq!(gate.get("/api/./x"), 429);
}

#[test]
fn a_clock_that_steps_back_frees_nobody() {
    for algorithm in ["sliding", "gcra"] {
        let mut gate = Gate::new(&one(&json!({"algorithm": algorithm})));
        gate.host.now_ms = Some(NOW + 10_000_000);
        assert_eq!(gate.passes(5, "/"), 2, "{algorithm}");
        assert_eq!(gate.at(0).passes(5, "/"), 0, "{algorithm}");
        assert_eq!(gate.at(300_000).passes(5, "/"), 2, "and blocks nobody for ever, {algorithm}");
    }
}

#[test]
fn phases_run_where_a_chain_wants_them() {
    let gate = Gate::new(&json!({"policies": [
        policy(&json!({"name": "early", "limit": 3, "phase": "pre-auth"})),
        policy(&json!({"name": "late", "limit": 2, "key": ["consumer"]})),
    ]}));
    assert!(gate.policy.has_pre_auth());
    assert!(!Gate::new(&one(&json!({}))).policy.has_pre_auth());
    let head = || {
        let fields = [(":method", "GET"), (":path", "/")].map(|(name, value)| (name.to_owned(), value.into()));
        crate::head::Head::new(fields.to_vec(), true)
    };
    let mut host = gate.host;
    let mut passed = [0, 0];
    for _ in 0..6 {
        let (mut exchange, mut head) = (gate.policy.open(), head());
        if exchange.pre_auth(&mut head, &mut host) != crate::exchange::Step::Continue {
            continue;
        }
        passed[0] += 1;
        if exchange.post_auth(&mut head, &mut host) == crate::exchange::Step::Continue {
            passed[1] += 1;
        }
    }
    assert_eq!(passed, [3, 2], "the early one counts what the late one refuses");
    // Alone, both run at once, and nothing is charged for what is refused.
    let mut gate = Gate { host: crate::replay::MemoryHost { now_ms: Some(NOW), ..Default::default() }, ..gate };
    gate.from("192.0.2.1:1");
    assert_eq!(gate.by(json!({"subject": "a"})).passes(6, "/"), 2);
    assert_eq!(gate.by(json!({"subject": "b"})).passes(6, "/"), 1);
}

//! What clients are told.

use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, cases, h2};
use serde_json::{Value, json};

use super::{assert_well, from, gate, left, one, policy, portal, retry_after};

/// The fields that say how a client stands.
const FIELDS: [&str; 5] =
    ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

#[test]
fn good_answers_and_refusals_say_how_the_client_stands() {
    let portal = portal();
    let gate = gate(&portal, &one(json!({"limit": 3, "window_s": 60})));
    for used in 1..=3 {
        let response = gate.ask(&from("203.0.113.1", "/x"));
        assert_eq!((response.status, response.text().as_str()), (200, "portal"), "{response}");
        assert_eq!(response.header("ratelimit-policy").as_deref(), Some("\"all\";q=3;w=60"), "{response}");
        let (left, seconds) = left(&response, "all").expect("RateLimit");
        assert_eq!(left, 3 - used, "{response}");
        assert!((58..=60).contains(&seconds), "{response}");
        assert_eq!(response.header("retry-after"), None, "{response}");
        assert_eq!(response.header("x-ratelimit-limit"), None, "legacy is off: {response}");
    }
    let refused = gate.ask(&from("203.0.113.1", "/x"));
    let problem = refused.problem(429);
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(problem["violated-policies"], json!(["all"]));
    assert!(problem["instance"].as_str().is_some_and(|id| refused.header("x-request-id").as_deref() == Some(id)));
    assert_eq!(refused.header("ratelimit-policy").as_deref(), Some("\"all\";q=3;w=60"));
    let (left, seconds) = left(&refused, "all").expect("RateLimit");
    assert_eq!((left, seconds), (0, retry_after(&refused)));
    assert_eq!(refused.end, End::Complete);
    // Another client is told of itself.
    assert_eq!(super::left(&gate.ask(&from("203.0.113.2", "/x")), "all").map(|(left, _)| left), Some(2));
    assert_well(&gate);
}

#[test]
fn what_the_portal_says_of_limits_is_replaced_and_not_doubled() {
    let portal = Upstream::start();
    let its: Vec<(&str, &str)> = FIELDS
        .iter()
        .map(|&name| (name, "9999"))
        .chain([("RateLimit", "second"), ("ratelimit-limit", "8888"), ("x-kept", "yes"), ("content-length", "0")])
        .collect();
    portal.on("/x", Answer::head("200 OK", &its));
    let rows = [
        ("both", json!({"legacy": true}), &FIELDS[..], true),
        ("the draft's", json!({}), &FIELDS[..2], true),
        ("legacy alone", json!({"rate_limit": false, "legacy": true}), &FIELDS[2..], true),
        ("none", json!({"rate_limit": false}), &[], true),
        ("both, others go", json!({"legacy": true, "others": "remove"}), &FIELDS[..], false),
        ("the draft's, others go", json!({"others": "remove"}), &FIELDS[..2], false),
        (
            "legacy alone, others go",
            json!({"rate_limit": false, "legacy": true, "others": "remove"}),
            &FIELDS[2..],
            false,
        ),
    ];
    cases::each(rows.map(|(name, headers, ours, kept)| (name, (headers, ours, kept))), |_, (headers, ours, kept)| {
        let mut config = one(json!({"limit": 7, "window_s": 60}));
        config["headers"] = headers;
        let response = gate(&portal, &config).ask(&from("203.0.113.1", "/x"));
        assert_eq!(response.header("x-kept").as_deref(), Some("yes"), "{response}");
        for name in FIELDS {
            let values: Vec<&[u8]> = response
                .headers
                .iter()
                .filter(|(given, _)| given == name.as_bytes())
                .map(|(_, value)| &**value)
                .collect();
            if ours.contains(&name) {
                assert_eq!(values.len(), 1, "{name}: {response}");
                assert!(!values[0].starts_with(b"9999"), "{name}: {response}");
            } else if kept {
                assert!(values.contains(&&b"9999"[..]), "{name} is the portal's: {response}");
            } else {
                assert!(values.is_empty(), "{name}: {response}");
            }
        }
        assert_eq!(response.header("ratelimit-limit").is_some(), kept, "{response}");
        if ours.contains(&"x-ratelimit-limit") {
            assert_eq!(response.header("x-ratelimit-limit").as_deref(), Some("7"));
            assert_eq!(response.header("x-ratelimit-remaining").as_deref(), Some("6"));
            let reset: u64 = response.header("x-ratelimit-reset").unwrap().parse().unwrap();
            assert!((58..=60).contains(&reset), "{response}");
        }
    });
}

#[test]
fn every_kind_of_answer_has_the_fields() {
    let portal = portal();
    portal.on("/none", Answer::head("204 No Content", &[]));
    portal.on("/same", Answer::head("304 Not Modified", &[("etag", "\"1\"")]));
    portal.on("/fault", Answer::with("500 Internal Server Error", &[], "x"));
    let route = json!({"match": {"path": "/direct"}, "direct_response": {"status": 418}});
    let all = json!({"match": {"prefix": "/"}, "route": {"cluster": "portal", "timeout": "0s"}});
    let setup = Setup::new(&portal).routes(vec![route, all]);
    let gate = setup.limits(&one(json!({"limit": 100}))).start();
    let rows = [
        ("GET", "/x", 200),
        ("HEAD", "/x", 200),
        ("GET", "/none", 204),
        ("GET", "/same", 304),
        ("GET", "/fault", 500),
        ("GET", "/direct", 418),
        ("GET", "/nowhere", 404),
    ];
    for (n, (method, path, status)) in rows.into_iter().enumerate() {
        let response = gate.ask(&Request::new(method, path));
        assert_eq!((response.status, response.end), (status, End::Complete), "{response}");
        assert_eq!(left(&response, "all").map(|(left, _)| left), Some(99 - n as u64), "{method} {path}: {response}");
    }
    assert_well(&gate);
}

#[test]
fn several_policies_are_named_and_the_violated_ones_said() {
    let portal = portal();
    let config = json!({"policies": [
        policy(json!({"name": "burst", "limit": 2, "window_s": 60})),
        policy(json!({"name": "day", "limit": 50, "window_s": 86_400})),
        policy(json!({"name": "y", "match": {"paths": ["/y"]}, "key": ["path"], "limit": 1, "window_s": 60})),
    ], "headers": {"legacy": true}});
    let gate = gate(&portal, &config);
    let first = gate.ask(&from("203.0.113.1", "/y"));
    assert_eq!(
        first.header("ratelimit-policy").as_deref(),
        Some("\"burst\";q=2;w=60, \"day\";q=50;w=86400, \"y\";q=1;w=60")
    );
    assert_eq!(first.header("x-ratelimit-remaining").as_deref(), Some("0"), "that of which least is left");
    let second = gate.ask(&from("203.0.113.1", "/y"));
    assert_eq!(second.problem(429)["violated-policies"], json!(["y"]));
    // Refused by one of them, it has cost none of the others.
    let third = gate.ask(&from("203.0.113.1", "/x"));
    assert_eq!((left(&third, "burst").map(|it| it.0), left(&third, "day").map(|it| it.0)), (Some(0), Some(48)));
    assert_eq!(gate.ask(&from("203.0.113.1", "/x")).problem(429)["violated-policies"], json!(["burst"]));
}

#[test]
fn shadow_counts_and_changes_nothing() {
    let portal = Upstream::start();
    portal.on("/x", Answer::with("200 OK", &[("ratelimit", "the portal's")], "portal"));
    let gate = gate(&portal, &one(json!({"mode": "shadow", "limit": 2})));
    for _ in 0..5 {
        let response = gate.ask(&from("203.0.113.1", "/x"));
        assert_eq!((response.status, response.text().as_str()), (200, "portal"), "{response}");
        assert_eq!(response.header("ratelimit").as_deref(), Some("the portal's"), "{response}");
        assert_eq!(response.header("ratelimit-policy"), None, "{response}");
    }
    assert_eq!(gate.count_limits(|name| name == "all.shadow_allowed"), 2);
    assert_eq!(gate.count_limits(|name| name == "all.shadow_refused"), 3);
    assert_eq!(gate.count_limits(|name| name == "all.refused" || name == "all.allowed"), 0);
    let audit = |line: &str| serde_json::from_str::<Value>(line).ok()?["audit"].as_str().map(str::to_owned);
    let mut audits = Vec::new();
    let third = gate.envoy.wait_for_line(HANGS_AFTER, |line| {
        audits.extend(audit(line).map(|audit| serde_json::from_str::<Value>(&audit).unwrap()));
        audits.len() == 3
    });
    assert!(third.is_ok(), "{audits:?}");
    assert!(audits.iter().all(|audit| audit["shadow"] == true && audit["reason"] == "quota"), "{audits:?}");
    assert_well(&gate);
}

#[test]
fn options_are_exempt_unless_they_are_named() {
    let portal = portal();
    let config = json!({"policies": [
        policy(json!({"limit": 2})),
        policy(json!({"name": "named", "match": {"paths": ["/y"], "methods": ["OPTIONS"]}, "limit": 1})),
    ]});
    let gate = gate(&portal, &config);
    let options = |path: &str| gate.ask(&Request::new("OPTIONS", path).header("x-forwarded-for", "203.0.113.1"));
    for _ in 0..5 {
        let response = options("/x");
        assert_eq!((response.status, response.header("ratelimit")), (200, None), "{response}");
    }
    assert_eq!([options("/y").status, options("/y").status], [200, 429]);
    assert_eq!([gate.ask(&from("203.0.113.1", "/x")).status, gate.ask(&from("203.0.113.1", "/x")).status], [200, 200]);
    assert_eq!(gate.ask(&from("203.0.113.1", "/x")).status, 429);
    assert_eq!(options("/x").status, 200);

    let mut counted = config;
    counted["options"] = json!("count");
    let gate = super::gate(&portal, &counted);
    let status = |method: &str| gate.ask(&Request::new(method, "/x").header("x-forwarded-for", "203.0.113.1")).status;
    assert_eq!([status("OPTIONS"), status("OPTIONS"), status("OPTIONS"), status("GET")], [200, 200, 429, 429]);
}

#[test]
fn both_protocols_count_as_one_and_are_told_the_same() {
    let portal = portal();
    let gate = gate(&portal, &one(json!({"limit": 4, "window_s": 60})));
    assert_eq!(left(&gate.ask(&from("203.0.113.1", "/x")), "all").map(|it| it.0), Some(3));
    h2::run(async {
        let mut connection = h2::Connection::open(gate.address()).await;
        let ask =
            |connection: &h2::Connection| connection.request("GET", "/x").header("x-forwarded-for", "203.0.113.1");
        for want in [2, 1, 0] {
            let request = ask(&connection);
            let response = connection.ask(request).await;
            assert_eq!((response.code(), response.reset.as_deref()), (200, None), "{response:?}");
            let field = response.header("ratelimit").unwrap();
            assert!(field.starts_with(&format!("\"all\";r={want};t=")), "{response:?}");
            assert_eq!(response.header("ratelimit-policy"), Some("\"all\";q=4;w=60"));
        }
        // Refused over a stream with a body: the answer is whole and the connection goes on.
        for _ in 0..3 {
            let post = connection.request("POST", "/x").header("x-forwarded-for", "203.0.113.1").body(()).unwrap();
            let mut exchange = connection.send(post, false).await.unwrap();
            exchange.send(vec![b'x'; 1000], true).await;
            let response = exchange.response().await;
            assert_eq!((response.code(), response.header("content-type")), (429, Some("application/problem+json")));
            assert!(response.header("retry-after").is_some(), "{response:?}");
        }
        let other = connection.request("GET", "/x").header("x-forwarded-for", "203.0.113.2");
        assert_eq!(connection.ask(other).await.code(), 200);
    });
    let refused = gate.ask(&Request::new("POST", "/x").header("x-forwarded-for", "203.0.113.1").body("body"));
    refused.problem(429);
    assert_eq!(portal.received("/x").len(), 5);
    assert_well(&gate);
}

//! Filter and portal read the same path, or there is no request.

use lockgate_envoy_tests::gate::{revenue_rule, trusted_headers};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body, assert_no_secret};

fn policy(unnormalized: Option<&str>) -> Value {
    let mut policy = json!({
        "identity": trusted_headers(),
        "rules": [revenue_rule()],
        "protected": [{"name": "pricing", "match": {"paths": ["/api/pricing/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}],
    });
    if let Some(unnormalized) = unnormalized {
        policy["unnormalized"] = json!(unnormalized);
    }
    policy
}

/// Spellings that some portal reads as another path; `Some`: the normal form.
const ODD: [(&str, Option<&str>); 16] = [
    ("/elsewhere/../api/part", Some("/api/part")),
    ("/api/x/../part", Some("/api/part")),
    ("/api/./part", Some("/api/part")),
    ("/api//part", Some("/api/part")),
    ("//api/part", Some("/api/part")),
    ("/a%70i/part", Some("/api/part")),
    ("/api/%70art", Some("/api/part")),
    ("/api/x/%2e%2e/part", Some("/api/part")),
    ("/api/%2E/part", Some("/api/part")),
    ("/api/part;v=1", None),
    ("/api;x/part", None),
    ("/api/x%2fpart", None),
    ("/api/x%5Cpart", None),
    ("/api/part%00", None),
    ("/api\\part", None),
    ("/api/%2e%2e/api/part/..", None),
];

#[test]
fn paths_that_are_not_normal_are_refused() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).raw_paths().strip(&policy(None)).start();
    cases::each(ODD, |path, _| {
        upstream.on(path, Answer::json(PART));
        for request in [Request::get(path), Request::get(path).admin()] {
            let response = gate.ask(&request);
            assert_no_secret(&response);
            response.problem(400);
        }
        assert!(upstream.received(path).is_empty(), "the portal was asked");
    });
    let fine = [
        "/api/a%20b",
        "/api/%C3%A9",
        "/api/a.b",
        "/api/..a",
        "/api/a+b",
        "/api/a:b@c",
        "/api/part/",
        "/api/x=1&y=2",
        "/api/%3A",
    ];
    cases::each(fine.map(|path| (path, path)), |_, path| {
        upstream.on(path, Answer::json(PART));
        assert_body(&gate.get(path), PART_STRIPPED);
        assert_eq!(upstream.last(path).target, path);
    });
    // The form that proxies are asked in, and the one that asks for nothing.
    upstream.on("/api/part", Answer::json(PART));
    assert_body(&gate.get("http://gate/api/part"), PART_STRIPPED);
    let response = gate.get("http://gate/api/x/../part");
    assert_no_secret(&response);
    response.problem(400);
    let response = gate.ask(&Request::new("OPTIONS", "*"));
    assert!((400..500).contains(&response.status), "{response}");
    // The query is no path.
    upstream.on("/api/part", Answer::json(PART));
    let target = "/api/part?to=../x//y;z&w=%70%2f";
    assert_body(&gate.get(target), PART_STRIPPED);
    assert_eq!(upstream.last("/api/part").target, target);
}

#[test]
fn rewriting_hands_the_normal_form_on() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).raw_paths().strip(&policy(Some("rewrite"))).start();
    upstream.on("/api/part", Answer::json(PART));
    cases::each(ODD, |path, normal| {
        upstream.on(path, Answer::json(PART));
        let response = gate.ask(&Request::get(format!("{path}?q=%70")));
        assert_no_secret(&response);
        if let Some(normal) = normal {
            assert_body(&response, PART_STRIPPED);
            assert_eq!(upstream.last(normal).target, format!("{normal}?q=%70"));
        }
        assert!(upstream.received(path).is_empty(), "the portal got the odd spelling");
    });
    for path in ["/api/x/../pricing", "/api/%70ricing", "/api//pricing/", "/elsewhere/../API/Pricing"] {
        assert_eq!(gate.get(path).status, 403, "{path}");
    }
}

#[test]
fn with_envoys_own_normalisation_the_same_paths_lead_nowhere_new() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&policy(None)).start();
    for path in ["/api/part", "/api/"] {
        upstream.on(path, Answer::json(PART));
    }
    cases::each(ODD, |path, _| {
        upstream.on(path, Answer::json(PART));
        let response = gate.ask(&Request::get(path));
        assert_no_secret(&response);
        assert!(matches!(response.status, 200 | 307 | 400), "{response}");
    });
    for path in ["/api/x/../pricing", "/api//pricing", "/api/%70ricing", "/api/pricing/."] {
        let response = gate.get(path);
        assert!(matches!(response.status, 400 | 403), "{path}: {response}");
    }
}

#[test]
fn long_paths_and_many_wildcards_take_no_time() {
    let upstream = Upstream::start();
    let pattern = format!("/api/{}/end", ["**/a/*"; 12].join("/"));
    let rule = json!({"name": "wild", "match": {"paths": [pattern, "/**/b/**/c/**/d/**/e"]}, "action": "remove"});
    let gate = Setup::new(&upstream).strip(&json!({"identity": trusted_headers(), "rules": [rule]})).start();
    for path in [format!("/api{}", "/a/a/b/c/d".repeat(2000)), format!("/api/{}", "a".repeat(20_000))] {
        upstream.on(&path, Answer::json(PART));
        let began = std::time::Instant::now();
        assert_body(&gate.get(&path), PART);
        assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
    }
}

#[test]
fn rules_match_by_pattern_and_method() {
    let upstream = Upstream::start();
    let rule = |name: &str, paths: &[&str], methods: Option<&[&str]>| {
        let mut matched = json!({"paths": paths});
        if let Some(methods) = methods {
            matched["methods"] = json!(methods);
        }
        json!({"name": name, "match": matched, "action": "remove"})
    };
    let rules = json!({"identity": trusted_headers(), "rules": [
        rule("one", &["/one/*/part"], None),
        rule("any", &["/any/**/part"], None),
        rule("exact", &["/exact"], None),
        rule("posts", &["/posts/**"], Some(&["POST", "PUT"])),
    ]});
    let gate = Setup::new(&upstream).strip(&rules).start();
    let rows = [
        ("GET", "/one/a/part", true),
        ("GET", "/one/part", false),
        ("GET", "/one/a/b/part", false),
        ("GET", "/any/part", true),
        ("GET", "/any/a/b/part", true),
        ("GET", "/any/a/b/parts", false),
        ("GET", "/exact", true),
        ("GET", "/exact/", true),
        ("GET", "/EXACT", true),
        ("GET", "/exact/below", false),
        ("POST", "/posts/a", true),
        ("PUT", "/posts", true),
        ("GET", "/posts/a", false),
    ];
    cases::each(rows.map(|row| (format!("{} {}", row.0, row.1), row)), |_, (method, path, stripped)| {
        upstream.on(path, Answer::json(PART));
        let response = gate.ask(&Request::new(method, path).body(""));
        assert_body(&response, if stripped { PART_STRIPPED } else { PART });
    });
}

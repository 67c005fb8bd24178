//! The matrix, the strip rules, Envoy's routing and the portal read one path, or there is no request.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{assert_well, claims, inline, policy, portal, provider};

const SECRET: &str = r#"{"id":1,"unit_cost":7}"#;

/// Each spelling leads to the closed endpoint, or would for somebody.
const TRICKS: [&str; 34] = [
    "/api/closed",
    "/api/closed/",
    "/api/closed?x=1",
    "//api/closed",
    "/api//closed",
    "/api/closed//",
    "/api/./closed",
    "/api/closed/.",
    "/api/open/../closed",
    "/api/open/%2e%2e/closed",
    "/api/open/%2E./closed",
    "/api/open/..%2fclosed",
    "/api/open%2f..%2fclosed",
    "/api/open%2F..%2Fclosed",
    "/api/open%5c..%5cclosed",
    "/api/open\\..\\closed",
    "/api/open/..;/closed",
    "/api/open/..;x=1/closed",
    "/api/open;x/../closed",
    "/api/closed;x",
    "/api/closed;x=1",
    "/api;x/closed",
    "/api/closed%3bx",
    "/api/closed%00",
    "/api/closed%00.open",
    "/api/closed%20",
    "/api/%63losed",
    "/api/closed%2f",
    "/API/closed",
    "/api/Closed",
    "/api/CLOSED/",
    "/api/clo%73ed",
    "/api/closed#x",
    "/api/open/../../api/closed",
];

fn chain(upstream: &Upstream, key: &Key, unnormalized: &str, setup: impl Fn(Setup) -> Setup) -> Setup {
    let mut matrix = policy(&provider(&inline([key])));
    matrix["unnormalized"] = json!(unnormalized);
    matrix["systems"]["onboarding"]["paths"] = json!(["/api/**", "/closed/**"]);
    matrix["systems"].as_object_mut().unwrap().remove("maintenance");
    matrix["access"]["roles"] = json!({
        "MANAGER": {"systems": ["onboarding"], "permissions": []}, "TECHNICIAN": {"systems": ["onboarding"], "permissions": []},
    });
    matrix["access"]["rules"] = json!([
        {"name": "closed", "match": {"paths": ["/api/closed", "/api/closed/**"]}, "require": {"roles": ["TECHNICIAN"]}},
        {"name": "open", "match": {"paths": ["/api/**"]}, "require": {"roles": ["MANAGER", "TECHNICIAN"]}},
    ]);
    let strip = json!({
        "unnormalized": unnormalized,
        "rules": [{"name": "revenue", "match": {"paths": ["/api/closed", "/api/closed/**"]}, "action": "remove"}],
    });
    let routes =
        vec![json!({"match": {"path_separated_prefix": "/api"}, "route": {"cluster": "portal", "timeout": "0s"}})];
    setup(Setup::new(upstream)).routes(routes).jwt(&matrix).strip(&strip)
}

/// What a portal would serve at a path it was asked for: some decode, some fold case, some cut at `;`. If any reading is the
/// closed endpoint, the caller must have had the right, and the answer must have been stripped.
fn may_be_closed(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let mut decoded = path.clone();
    for (code, byte) in [
        ("%2e", "."),
        ("%2f", "/"),
        ("%5c", "/"),
        ("%63", "c"),
        ("%73", "s"),
        ("%3b", ";"),
        ("%00", "\0"),
        ("%20", " "),
    ] {
        decoded = decoded.replace(code, byte);
    }
    let decoded = decoded.replace('\\', "/");
    let plain: Vec<&str> =
        decoded.split('/').map(|part| part.split([';', '\0', ' ']).next().unwrap_or_default()).collect();
    let mut parts: Vec<&str> = Vec::new();
    for part in plain {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.starts_with(&["api", "closed"])
}

#[test]
fn no_spelling_reaches_a_closed_endpoint() {
    let (upstream, key) = (portal(), Key::es256(1));
    let manager = key.sign(&claims("m"));
    let mut technician = claims("t");
    technician["systems"]["onboarding"]["role"] = json!("TECHNICIAN");
    let technician = key.sign(&technician);
    let gates = [
        ("Envoy normalises", chain(&upstream, &key, "reject", |setup| setup)),
        ("nobody normalises", chain(&upstream, &key, "reject", Setup::raw_paths)),
        ("Lockgate normalises", chain(&upstream, &key, "rewrite", Setup::raw_paths)),
        ("both do", chain(&upstream, &key, "rewrite", |setup| setup)),
    ]
    .map(|(name, setup)| (name, setup.start()));
    let rows = gates.iter().flat_map(|(name, gate)| TRICKS.map(|path| (format!("{name}: {path}"), (gate, path))));
    cases::each(rows, |_, (gate, path)| {
        // Whatever path the portal sees, it answers with a secret.
        let spellings = TRICKS.iter().copied().chain(["/api/open", "/api/closed/.open", "/api/closed/x", "/closed"]);
        for spelling in spellings {
            upstream.on(spelling.split('?').next().unwrap(), Answer::json(SECRET));
        }
        for (caller, token) in [("manager", &manager), ("technician", &technician)] {
            upstream.forget();
            let response = gate.ask(&Request::get(path).header("authorization", format!("Bearer {token}")));
            let seen = upstream.all();
            assert!(seen.len() <= 1, "{seen:?}");
            match seen.first() {
                Some(received) if may_be_closed(&received.target) => {
                    assert_eq!(caller, "technician", "the portal was asked for {}", received.target);
                    assert_eq!(response.json(), json!({"id": 1}), "{}: not stripped: {response}", received.target);
                }
                Some(_) => assert_eq!(response.status, 200, "{response}"),
                None => assert!(matches!(response.status, 307 | 400 | 401 | 403 | 404), "{response}"),
            }
        }
        // Without a token nothing passes at all.
        upstream.forget();
        let response = gate.get(path);
        assert!(matches!(response.status, 307 | 400 | 401 | 404), "{response}");
        assert!(upstream.all().is_empty());
    });
    for (_, gate) in &gates {
        // The plain path works for who may.
        let response = gate.ask(&Request::get("/api/closed").header("authorization", format!("Bearer {technician}")));
        assert_eq!((response.status, response.json()), (200, json!({"id": 1})), "{response}");
        assert_well(gate);
    }
}

#[test]
fn methods_are_what_they_say() {
    let (portal, key) = (portal(), Key::es256(1));
    let gate = Setup::new(&portal).jwt(&policy(&provider(&inline([&key])))).start();
    let mut technician = claims("t");
    technician["systems"]["maintenance"] = json!({"role": "technician", "permissions": Value::Null});
    technician["systems"]["maintenance"].as_object_mut().unwrap().remove("permissions");
    let authorization = format!("Bearer {}", key.sign(&technician));
    let fault = "/api/maintenance/faults/1";
    let ask = |method: &str| Request::new(method, fault).header("authorization", &authorization);
    for header in ["x-http-method-override", "x-method-override", "x-http-method", "x_http_method_override"] {
        portal.forget();
        let response = gate.ask(&ask("POST").header(header, "DELETE").body("_method=DELETE"));
        assert_eq!(response.status, 200, "{response}");
        let received = portal.last(fault);
        assert_eq!(received.method, "POST");
        assert!(received.headers.iter().all(|(_, value)| value != b"DELETE"), "{header}: {received:?}");
    }
    portal.forget();
    for method in ["DELETE", "delete", "Delete"] {
        let response = gate.ask(&ask(method));
        assert!(portal.all().iter().all(|received| received.method != "DELETE"), "{method}: {response}");
    }
    gate.ask(&ask("DELETE")).problem(403);
    assert_well(&gate);
}

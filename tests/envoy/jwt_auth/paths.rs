//! The matrix, the strip rules, Envoy's routing and the portal read one path, or there is no request.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::{Answer, Gate, Request, Setup, Upstream, cases};
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

/// `open`: what a manager may ask for.
fn chain(upstream: &Upstream, key: &Key, open: &str, unnormalized: &str, setup: impl Fn(Setup) -> Setup) -> Setup {
    let mut matrix = policy(&provider(&inline([key])));
    matrix["unnormalized"] = json!(unnormalized);
    matrix["systems"]["onboarding"]["paths"] = json!(["/api/**", "/closed/**"]);
    matrix["systems"].as_object_mut().unwrap().remove("maintenance");
    matrix["access"]["roles"] = json!({
        "MANAGER": {"systems": ["onboarding"], "permissions": []}, "TECHNICIAN": {"systems": ["onboarding"], "permissions": []},
    });
    matrix["access"]["rules"] = json!([
        {"name": "closed", "match": {"paths": ["/api/closed/**"]}, "require": {"roles": ["TECHNICIAN"]}},
        {"name": "open", "match": {"paths": [open]}, "require": {"roles": ["MANAGER", "TECHNICIAN"]}},
    ]);
    let strip = json!({
        "unnormalized": unnormalized,
        "rules": [{"name": "revenue", "match": {"paths": ["/api/closed/**"]}, "action": "remove"}],
    });
    let routes =
        vec![json!({"match": {"path_separated_prefix": "/api"}, "route": {"cluster": "portal", "timeout": "0s"}})];
    setup(Setup::new(upstream)).routes(routes).jwt(&matrix).strip(&strip)
}

/// Whether a path that reached the portal is the closed endpoint for one that folds case, drops empty and dot segments and
/// parameters, and decodes what nobody needs to encode.
fn is_closed(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let mut decoded = path.replace('\\', "/");
    for (code, byte) in [("%2e", "."), ("%2f", "/"), ("%5c", "/"), ("%63", "c"), ("%73", "s"), ("%00", "\0")] {
        decoded = decoded.replace(code, byte);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in decoded.split('/').map(|part| part.split([';', '\0']).next().unwrap_or_default()) {
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
    let (upstream, key) = (Upstream::start(), Key::es256(1));
    let manager = key.sign(&claims("m"));
    let mut technician = claims("t");
    technician["systems"]["onboarding"]["role"] = json!("TECHNICIAN");
    let technician = key.sign(&technician);
    // Whatever path the portal is asked for, it answers with a secret.
    for spelling in TRICKS.into_iter().chain(["/api/open", "/api/closed/.open", "/closed", "/api/closed%3bx"]) {
        upstream.on(spelling.split(['?', '#']).next().unwrap(), Answer::json(SECRET));
    }
    let gates = [
        ("Envoy normalises", "reject", false),
        ("nobody normalises", "reject", true),
        ("Lockgate normalises", "rewrite", true),
        ("both do", "rewrite", false),
    ]
    .map(|(name, unnormalized, raw)| {
        let setup =
            |open| chain(&upstream, &key, open, unnormalized, |setup| if raw { setup.raw_paths() } else { setup });
        (name, setup("/api/open").start(), setup("/api/**").start())
    });
    let rows = gates
        .iter()
        .flat_map(|(name, exact, broad)| TRICKS.map(|path| (format!("{name}: {path}"), (exact, broad, path))));
    cases::each(rows, |_, (exact, broad, path)| {
        let ask = |gate: &Gate, token: &str| {
            upstream.forget();
            let response = gate.ask(&Request::get(path).header("authorization", format!("Bearer {token}")));
            let seen: Vec<String> = upstream.all().into_iter().map(|received| received.target).collect();
            assert!(seen.len() <= 1, "{seen:?}");
            if seen.is_empty() {
                assert!(matches!(response.status, 307 | 400 | 401 | 403 | 404), "{response}");
            }
            (response, seen.into_iter().next())
        };
        // Where each rule names what it is about, a manager gets none of these.
        let (response, seen) = ask(exact, &manager);
        assert_eq!(seen, None, "{response}");
        // Who may ask for the endpoint, or for all of the portal, gets it stripped, however it is spelt.
        for (gate, token) in [(exact, &technician), (broad, &manager), (broad, &technician)] {
            if let (response, Some(target)) = ask(gate, token)
                && is_closed(&target)
            {
                assert_eq!(response.json(), json!({"id": 1}), "{target}: not stripped: {response}");
            }
        }
        // Without a token nothing passes at all.
        for gate in [exact, broad] {
            let (response, seen) = ask(gate, "x");
            assert_eq!(seen, None, "{response}");
        }
    });
    for (_, exact, broad) in &gates {
        let ask =
            |path: &str, token: &str| exact.ask(&Request::get(path).header("authorization", format!("Bearer {token}")));
        let response = ask("/api/closed", &technician);
        assert_eq!((response.status, response.json()), (200, json!({"id": 1})), "{response}");
        let response = ask("/api/open", &manager);
        assert_eq!((response.status, response.text().as_str()), (200, SECRET), "{response}");
        assert_well(exact);
        assert_well(broad);
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

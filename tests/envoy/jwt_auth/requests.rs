//! Who passes, who does not, and what both sides are told.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::{Request, Setup, cases, h2};
use serde_json::{Value, json};

use super::{
    PARTS, assert_forbidden, assert_passes, assert_unauthorized, assert_well, bearer, claims, claims_with, inline,
    policy, portal, provider, reason,
};

#[test]
fn tokens_are_judged_and_the_portal_is_told() {
    let (portal, key) = (portal(), Key::es256(1));
    let gate = Setup::new(&portal).workers(2).jwt(&policy(&provider(&inline([&key])))).start();
    let token = key.sign(&claims("a"));
    for _ in 0..4 {
        assert_passes(&gate.ask(&bearer(PARTS, &token)));
    }
    let told = portal.last(PARTS);
    for (header, want) in [
        ("x-user-id", Some("usr-1")),
        ("x-tenant-id", Some("t-1")),
        ("x-role", Some("MANAGER")),
        ("x-permissions", Some("parts.*,fault.create")),
        ("authorization", None),
    ] {
        assert_eq!(told.header(header).as_deref(), want, "{header}");
    }
    // On the other portal with its own role and permissions.
    assert_passes(&gate.ask(&bearer("/api/onboarding/me", &token)));
    assert_eq!(portal.last("/api/onboarding/me").header("x-permissions").as_deref(), Some("parts.*,equipment.review"));
    // Without a token.
    assert_unauthorized(&gate.get("/api/maintenance/faults/1"), false);
    assert_eq!(reason(&gate, "/api/maintenance/faults/1"), "no_token");
    // Nobody is asked, and nobody is told, on a public path; not even a bad token matters.
    assert_passes(&gate.ask(&bearer("/api/public/x", "no.to.ken")));
    assert_eq!(portal.last("/api/public/x").header("x-user-id"), None);
    // A path without a rule.
    assert_forbidden(&gate.ask(&bearer("/api/maintenance/elsewhere", &token)));
    assert_unauthorized(&gate.get("/elsewhere"), false);

    let mut technician = claims("t");
    technician["systems"]["maintenance"] = json!({"role": "technician", "permissions": []});
    technician["systems"]["onboarding"]["role"] = json!("TECHNICIAN");
    let technician = key.sign(&technician);
    let fault = "/api/maintenance/faults/1";
    assert_passes(&gate.ask(&bearer(fault, &technician)));
    let delete = |token: &str| Request::new("DELETE", fault).header("authorization", format!("Bearer {token}"));
    assert_forbidden(&gate.ask(&delete(&technician)));
    assert_passes(&gate.ask(&delete(&token)));
    assert_forbidden(&gate.ask(&bearer(PARTS, &technician)));
    // Any valid token will do.
    assert_passes(&gate.ask(&bearer("/api/onboarding/me", &technician)));
    // HTTP/2.
    let uri = format!("http://{}{PARTS}", gate.address());
    let request =
        |token: &str| http::Request::get(&uri).header("authorization", format!("bearer {token}")).body(()).unwrap();
    assert_eq!(h2::ask(gate.address(), request(&token), None).code(), 200);
    assert_eq!(h2::ask(gate.address(), request(&technician), None).code(), 403);
    assert_eq!(h2::ask(gate.address(), request("x"), None).code(), 401);
    assert_well(&gate);
}

#[test]
fn a_bad_token_is_refused_each_time_it_comes() {
    let (portal, key) = (portal(), Key::es256(1));
    let mut policy = policy(&provider(&inline([&key])));
    policy["limits"]["failed_signatures"] = json!({"limit": 0});
    let gate = Setup::new(&portal).jwt(&policy).start();
    let now = super::now_s();
    let rows: [(&str, String, &str); 16] = [
        ("another key", Key::es256(2).sign(&claims("1")), "signature"),
        ("no signature", key.sign(&claims("2")).rsplit_once('.').unwrap().0.to_owned() + ".", "signature"),
        ("none", key.sign_with(&json!({"alg": "none"}), &claims("3")), "algorithm"),
        ("HS256 of the public key", hs_by_public_key(&key), "algorithm"),
        ("expired", key.sign(&claims_with("5", "exp", json!(now - 60))), "expired"),
        ("no end", key.sign(&claims_with("6", "exp", Value::Null)), "no_expiry"),
        ("ahead", key.sign(&claims_with("7", "nbf", json!(now + 300))), "not_yet"),
        ("too long", key.sign(&claims_with("8", "exp", json!(now + 3600))), "lifetime"),
        ("for others", key.sign(&claims_with("9", "aud", json!("others"))), "audience"),
        ("by others", key.sign(&claims_with("10", "iss", json!("https://issuer.example/"))), "issuer"),
        ("critical", key.sign_with(&json!({"alg": "ES256", "crit": ["exp"], "exp": 1}), &claims("11")), "critical"),
        ("padded", key.sign(&claims("12")) + "=", "token_format"),
        ("two tokens in one", format!("{0},{0}", key.sign(&claims("13"))), "bad_credentials"),
        ("nothing", String::new(), "bad_credentials"),
        ("long", "a".repeat(17_000) + ".b.c", "token_length"),
        ("subject is a number", key.sign(&claims_with("16", "sub", json!(7))), "claim_type"),
    ];
    let rows = rows.into_iter().enumerate().map(|(n, (name, token, want))| (name, (n, token, want)));
    cases::each(rows, |_, (n, token, want)| {
        for time in 0..2 {
            let path = format!("{PARTS}/{n}-{time}");
            assert_unauthorized(&gate.ask(&bearer(&path, &token)), true);
            assert_eq!(reason(&gate, &path), want);
            assert!(portal.received(&path).is_empty());
        }
    });
    // One that is good, with the leeway.
    let token = key.sign(&claims_with("17", "exp", json!(now - 20)));
    assert_passes(&gate.ask(&bearer(PARTS, &token)));
    assert_well(&gate);
}

/// Signed with what everybody knows, in the hope that the gate takes it for a secret.
fn hs_by_public_key(key: &Key) -> String {
    Key::hs256(key.jwk().to_string()).sign(&claims("4"))
}

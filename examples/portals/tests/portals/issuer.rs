//! Tokens verify against the published key and say who their holder is.

use jwt_compact::alg::Es256;
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{AlgorithmExt as _, UntrustedToken};
use p256::ecdsa::VerifyingKey;
use serde_json::{Map, Value, json};

use crate::client::{Answer, Portals, SHARED};

/// Verifies the token against the key set; all claims, the time claims included.
fn verified(compact: &str) -> Value {
    let keys = SHARED.json("issuer", "/.well-known/jwks.json");
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "the one that signs, and the next");
    verified_by(&keys["keys"][0], compact)
}

fn verified_by(published: &Value, compact: &str) -> Value {
    let token = UntrustedToken::new(compact).unwrap();
    assert_eq!(token.algorithm(), "ES256");
    assert_eq!(token.header().key_id.as_deref(), published["kid"].as_str());
    assert_eq!((&published["use"], &published["alg"]), (&json!("sig"), &json!("ES256")));
    assert!(published.get("d").is_none(), "the private key stays in");
    let key: JsonWebKey<'_> = serde_json::from_value(published.clone()).unwrap();
    let key = VerifyingKey::try_from(&key).unwrap();
    let token = Es256.validator::<Map<String, Value>>(&key).validate(&token).unwrap();
    serde_json::to_value(token.claims()).unwrap()
}

fn token(query: &str, headers: &[&str]) -> Answer {
    SHARED.send("issuer", "GET", &format!("/token?{query}"), headers, "")
}

#[test]
fn a_token_verifies_and_carries_the_unified_claims() {
    let answer = token("role=MANAGER", &[]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let claims = verified(answer.text());
    for (claim, want) in [
        ("/iss", json!("https://issuer.lockgate.example")),
        ("/aud", json!("lockgate")),
        ("/sub", json!("usr-2002")),
        ("/type", json!("access")),
        ("/roles", json!(["MANAGER"])),
        ("/permissions", json!(["equipment.review", "equipment.approve", "fault.create", "maintenance.approve"])),
        ("/systems/onboarding/role", json!("MANAGER")),
        ("/systems/onboarding/companyId", json!("c0000000-0000-4000-8000-000000000001")),
        ("/systems/maintenance/role", json!("manager")),
        ("/systems/maintenance/companyId", json!(1)),
        ("/systems/maintenance/specialization", json!("engine")),
        ("/federation/primarySystem", json!("onboarding")),
    ] {
        assert_eq!(claims.pointer(claim), Some(&want), "{claim}");
    }
    assert!(claims["tenantId"].is_string());
    assert_ne!(claims["jti"], verified(token("role=MANAGER", &[]).text())["jti"]);
}

#[test]
fn only_the_admin_may_see_sensitive_data() {
    for (role, sees) in [
        ("SMS_ADMIN", true),
        ("COMPANY_ADMIN", false),
        ("MANAGER", false),
        ("TECHNICIAN", false),
        ("INTEGRATION_SERVICE", false),
    ] {
        let claims = verified(token(&format!("role={role}"), &[]).text());
        assert_eq!(claims["roles"], json!([role]));
        let rights = claims["permissions"].as_array().unwrap();
        assert_eq!(rights.contains(&json!("view_sensitive_data")), sees, "{role}");
    }
}

#[test]
fn lifetimes_are_short_and_asked_for() {
    for (query, life_s) in [("", 900), ("&ttl_s=1", 1), ("&ttl_s=900&age_s=7200", 900)] {
        let claims = verified(token(&format!("role=TECHNICIAN{query}"), &[]).text());
        let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert_eq!(life, life_s, "{query}");
    }
    let now_s = verified(token("role=MANAGER", &[]).text())["iat"].as_u64().unwrap();
    let old = verified(token("role=MANAGER&age_s=7200", &[]).text());
    assert!(old["exp"].as_u64().unwrap() < now_s, "an aged token has expired");
    for bad in ["ttl_s=0", "ttl_s=901", "ttl_s=x", "age_s=86401"] {
        let detail = token(&format!("role=MANAGER&{bad}"), &[]).problem(400);
        assert_eq!(detail, "ttl_s must be 1 to 900, age_s 0 to 86400", "{bad}");
    }
}

#[test]
fn json_is_for_who_accepts_it() {
    for method in ["GET", "POST"] {
        let accept = ["accept: application/json"];
        let answer = SHARED.send("issuer", method, "/token?role=MANAGER&ttl_s=60", &accept, "");
        let answer = answer.json();
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 60);
        verified(answer["access_token"].as_str().unwrap());
    }
}

#[test]
fn an_unknown_role_gets_the_list_of_roles() {
    for query in ["", "role=", "role=manager", "role=ROOT"] {
        let detail = token(query, &[]).problem(400);
        let want = "role must be one of SMS_ADMIN, COMPANY_ADMIN, MANAGER, TECHNICIAN, INTEGRATION_SERVICE";
        assert_eq!(detail, want, "{query:?}");
    }
}

#[test]
fn a_new_key_signs_and_the_last_one_stays_good() {
    let own = Portals::start();
    let keys = |portals: &Portals| portals.json("issuer", "/.well-known/jwks.json")["keys"].clone();
    let sign = || own.fetch("issuer", "/token?role=MANAGER").text().to_owned();
    let first = sign();
    let before = keys(&own);
    let rotated = own.send("issuer", "POST", "/rotate", &[], "");
    assert_eq!((rotated.status, rotated.json()["keys"].clone()), (200, keys(&own)));
    let now = keys(&own);
    assert_eq!((&now[0], &now[2]), (&before[1], &before[0]), "the next key signs, the last one stays");
    verified_by(&before[1], &sign());
    verified_by(&now[2], &first);
    // Three are kept.
    own.send("issuer", "POST", "/rotate", &[], "");
    assert_eq!((&keys(&own)[0], &keys(&own)[2], keys(&own).as_array().unwrap().len()), (&now[1], &now[0], 3));
    own.fetch("issuer", "/rotate").problem(405);
}

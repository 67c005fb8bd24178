//! Tokens verify against the published key and say who their holder is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::{Answer, Portals, SHARED};

/// Verifies the token against the key set; all claims, the time claims included.
fn verified(compact: &str) -> Value {
    let keys = SHARED.json("issuer", "/.well-known/jwks.json");
    assert_eq!(
        keys["keys"].as_array().unwrap().len(),
        4,
        "the one that signs, the next, and one of RS256 and EdDSA each"
    );
    verified_by(&keys["keys"][0], compact)
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn verified_by(published: &Value, compact: &str) -> Value {
    let (signed, signature) = compact.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    assert_eq!(header, json!({"alg": published["alg"], "kid": published["kid"], "typ": "JWT"}));
    assert_eq!(published["use"], "sig");
    for secret in ["d", "p", "q", "k"] {
        assert!(published.get(secret).is_none(), "the private key stays in");
    }
    let (signed, signature) = (signed.as_bytes(), decoded(signature));
    let part = |name: &str| decoded(published[name].as_str().unwrap());
    match published["alg"].as_str().unwrap() {
        "ES256" => {
            let point = [&[4], part("x").as_slice(), part("y").as_slice()].concat();
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
            key.verify(signed, &p256::ecdsa::Signature::from_slice(&signature).unwrap()).unwrap();
        }
        "RS256" => {
            let number = |name: &str| rsa::BoxedUint::from_be_slice_vartime(&part(name));
            let key = rsa::PublicKey::new(number("n"), number("e")).unwrap();
            key.verify(rsa::Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed), &signature).unwrap();
        }
        "EdDSA" => {
            let key = ed25519_dalek::VerifyingKey::try_from(part("x").as_slice()).unwrap();
            key.verify_strict(signed, &ed25519_dalek::Signature::from_slice(&signature).unwrap()).unwrap();
        }
        other => panic!("{other}"),
    }
    serde_json::from_slice(&decoded(claims)).unwrap()
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
    // All stay that may have signed a token that is still good.
    own.send("issuer", "POST", "/rotate", &[], "");
    let third = keys(&own);
    assert_eq!((&third[0], &third[2], &third[3]), (&now[1], &now[0], &before[0]));
    // One that nobody has seen.
    let unseen = own.send("issuer", "POST", "/rotate?unseen=true", &[], "").json()["keys"].clone();
    assert!(!third.as_array().unwrap().contains(&unseen[0]), "{unseen}");
    assert_eq!((&unseen[1], &unseen[2]), (&third[1], &third[0]));
    verified_by(&unseen[0], &sign());
    for _ in 0..20 {
        own.send("issuer", "POST", "/rotate", &[], "");
    }
    assert_eq!(keys(&own).as_array().unwrap().len(), 2 + 8 + 2);
    own.send("issuer", "POST", "/rotate?unseen=x", &[], "").problem(400);
    own.fetch("issuer", "/rotate").problem(405);
}

#[test]
fn each_algorithm_has_its_key() {
    let keys = SHARED.json("issuer", "/.well-known/jwks.json")["keys"].clone();
    for alg in ["ES256", "RS256", "EdDSA"] {
        let claims = |query: &str| {
            let compact = token(&format!("role=MANAGER&alg={alg}{query}"), &[]).text().to_owned();
            let key = keys.as_array().unwrap().iter().find(|key| key["alg"] == alg).unwrap();
            verified_by(key, &compact)
        };
        assert_eq!((&claims("")["type"], &claims("")["aud"]), (&json!("access"), &json!("lockgate")));
        let refresh = claims("&type=refresh&aud=other");
        assert_eq!((&refresh["type"], &refresh["aud"]), (&json!("refresh"), &json!("other")));
        assert_eq!(refresh["exp"].as_u64().unwrap() - refresh["iat"].as_u64().unwrap(), 7 * 24 * 3600);
    }
    assert_eq!(token("role=MANAGER&alg=none", &[]).problem(400), "alg must be ES256, RS256 or EdDSA");
    assert_eq!(token("role=MANAGER&type=id", &[]).problem(400), "type must be access or refresh");
}

#[test]
fn a_revoked_token_is_on_the_list() {
    let own = Portals::start();
    assert_eq!(own.json("issuer", "/revoked"), json!({"revoked": []}));
    let compact = own.fetch("issuer", "/token?role=MANAGER").text().to_owned();
    let claims: Value = serde_json::from_slice(&decoded(compact.split('.').nth(1).unwrap())).unwrap();
    for _ in 0..2 {
        assert_eq!(own.send("issuer", "POST", "/revoke", &[], &format!("token={compact}")).status, 200);
    }
    let entry = json!({"iss": claims["iss"], "jti": claims["jti"], "exp": claims["exp"]});
    assert_eq!(own.json("issuer", "/revoked"), json!({"revoked": [entry]}));
    for form in ["", "token=", "token=a.b.c", "other=1"] {
        let detail = own.send("issuer", "POST", "/revoke", &[], form).problem(400);
        assert_eq!(detail, "the body must be token=TOKEN, with a token of this issuer", "{form}");
    }
}

#[test]
fn portals_say_what_they_were_told() {
    for (portal, path) in [("onboarding", "/api/onboarding/whoami"), ("maintenance", "/api/maintenance/whoami")] {
        let told =
            SHARED.send(portal, "GET", path, &["x-user-id: usr-1", "x-role: A", "x-role: B", "authorization: x"], "");
        let told = told.json();
        assert_eq!(told["x-user-id"], "usr-1");
        assert_eq!(told["x-role"], json!(["A", "B"]));
        assert_eq!(told["authorization"], true);
        assert_eq!((&told["x-permissions"], &told["x-service-token"]), (&Value::Null, &Value::Null));
        let payload = URL_SAFE_NO_PAD.encode(r#"{"aud":"here"}"#);
        let told = SHARED.send(portal, "GET", path, &[&format!("x-service-token: a.{payload}.s")], "").json();
        assert_eq!(told["x-service-token"], json!({"aud": "here"}));
    }
}

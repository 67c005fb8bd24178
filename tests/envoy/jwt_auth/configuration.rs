//! Wrong configurations are refused by name, and no secret gets into the log.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::{Setup, Upstream, cases};
use lockgate_harness::Error;
use serde_json::{Value, json};

use super::{PARTS, assert_passes, bearer, claims, inline, policy, portal, provider, remote};

const SECRET: &str = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t";

#[track_caller]
fn assert_refuses(setup: &Setup, wanted: &[&str]) {
    match setup.try_start() {
        Ok(gate) => panic!("Envoy started: {}", gate.envoy.log()),
        Err(Error::EnvoyRefused { status, why }) => {
            assert!(!status.success(), "{why}");
            for part in wanted {
                assert!(why.contains(part), "{part:?} is not in: {why}");
            }
            assert!(!why.contains("s3cr3t"), "a secret in the log: {why}");
            assert!(!why.contains("panicked"), "{why}");
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn faults_name_their_field_and_no_secret() {
    let upstream = Upstream::start();
    let key = Key::es256(1);
    let good = policy(&provider(&inline([&key])));
    let set = |pointer: &str, value: Value| {
        let mut policy = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[name] = value;
        policy
    };
    let without = |pointer: &str| {
        let mut policy = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        policy
    };
    let secret_jwk = json!({"inline": {"keys": [{"kty": "oct", "k": SECRET}]}});
    let rows = [
        ("unknown field", set("/provider", json!([])), &["provider"][..]),
        ("no providers", without("/providers"), &["providers"]),
        ("no issuer", without("/providers/0/issuer"), &["providers[0].issuer", "null"]),
        ("no audiences", without("/providers/0/audiences"), &["providers[0].audiences"]),
        ("no algorithms", set("/providers/0/algorithms", json!([])), &["providers[0].algorithms"]),
        ("alg none", set("/providers/0/algorithms", json!(["none"])), &["providers[0].algorithms[0]"]),
        ("no keys", without("/providers/0/jwks"), &["providers[0]"]),
        ("a secret among public keys", set("/providers/0/jwks", secret_jwk), &["providers[0].jwks"]),
        ("a secret in the text", set("/providers/0/hmac_secret", json!(SECRET)), &["providers[0].hmac_secret"]),
        (
            "an unset variable",
            {
                let mut policy = set("/providers/0/hmac_secret", json!({"env": "LOCKGATE_TEST_UNSET"}));
                policy["providers"][0]["algorithms"] = json!(["HS256"]);
                policy["providers"][0].as_object_mut().unwrap().remove("jwks");
                policy
            },
            &["providers[0].hmac_secret.env", "LOCKGATE_TEST_UNSET", "environment_variables"],
        ),
        (
            "a short secret",
            {
                let mut policy = set("/providers/0/hmac_secret", json!({"env": "LOCKGATE_TEST_SHORT"}));
                policy["providers"][0]["algorithms"] = json!(["HS256"]);
                policy["providers"][0].as_object_mut().unwrap().remove("jwks");
                policy
            },
            &["providers[0].hmac_secret"],
        ),
        ("leeway", set("/providers/0/leeway_s", json!(61)), &["providers[0].leeway_s"]),
        ("no access", without("/access"), &["access"]),
        ("an unknown role", set("/access/rules/2/require", json!({"roles": ["ROOT"]})), &["access.rules[2]", "ROOT"]),
        (
            "a rule that can never match",
            set("/access/rules/0/match", json!({"paths": ["/api/**"]})),
            &["access.rules[1]"],
        ),
        (
            "a path that is not normal",
            set("/access/rules/0/match", json!({"paths": ["/a/../b"]})),
            &["access.rules[0].match.paths[0]"],
        ),
        (
            "an unknown header value",
            set("/forward/headers/x-role", json!({"identity": "shoe"})),
            &["forward.headers.x-role"],
        ),
        (
            "a remote set without a path",
            set("/providers/0/jwks", json!({"remote": {"cluster": "c", "authority": "a"}})),
            &["providers[0].jwks", "path"],
        ),
    ];
    cases::each(rows.map(|(name, policy, wanted)| (name, (policy, wanted))), |_, (policy, wanted)| {
        let setup = Setup::new(&upstream).variable("LOCKGATE_TEST_SHORT", "s3cr3t").jwt(&policy);
        assert_refuses(&setup, wanted);
    });
    for (text, wanted) in
        [("", "configuration"), ("[]", "JSON"), ("providers: []", "JSON"), (&*(good.to_string() + "{}"), "")]
    {
        assert_refuses(&Setup::new(&upstream).jwt_text(text), &[wanted]);
    }
}

#[test]
fn secrets_come_from_the_environment_and_stay_there() {
    let (portal, key) = (portal(), Key::hs256(SECRET));
    let mut policy = policy(&json!({
        "name": "hs", "issuer": null, "audiences": [], "algorithms": ["HS256"],
        "hmac_secret": {"env": "LOCKGATE_TEST_SECRET"},
    }));
    policy["forward"]["service_token"] = json!({"key": {"env": "LOCKGATE_TEST_SERVICE"}, "algorithm": "HS256"});
    let setup = Setup::new(&portal).variable("LOCKGATE_TEST_SECRET", SECRET).variable("LOCKGATE_TEST_SERVICE", SECRET);
    let gate = setup.log_level("trace").jwt(&policy).start();
    let token = key.sign(&claims("a"));
    assert_passes(&gate.ask(&bearer(PARTS, &token)));
    let service = portal.last(PARTS).header("x-service-token").expect("a service token");
    assert_eq!(service.split('.').count(), 3);
    assert!(gate.envoy.get("/config_dump").unwrap().contains("LOCKGATE_TEST_SECRET"));
    for page in ["/config_dump", "/stats", "/clusters"] {
        assert!(!gate.envoy.get(page).unwrap().contains("s3cr3t"), "{page}");
    }
    // Trace shows Envoy's own view of the request; what is ours says nothing of it.
    let ours = |line: &&str| line.contains("wasm log") || line.starts_with('{');
    let log = gate.envoy.log();
    let told: Vec<&str> = log.lines().filter(ours).collect();
    assert!(told.iter().all(|line| !line.contains("s3cr3t") && !line.contains("eyJ")), "{told:#?}");
}

#[test]
fn counters_exist_from_the_start() {
    let (portal, key) = (portal(), Key::es256(1));
    let keys = Upstream::start();
    let gate = Setup::new(&portal).cluster("keys", Some(keys.address())).jwt(&policy(&provider(&remote()))).start();
    let names = || gate.envoy.stats(lockgate_envoy_tests::gate::JWT_COUNTERS).unwrap().into_keys().collect::<Vec<_>>();
    let before = names();
    for wanted in ["provider-issuer.fetched", "parts.allowed", "request.refused_no_token"] {
        assert!(before.iter().any(|name| name.ends_with(wanted)), "{wanted}: {before:?}");
    }
    gate.ask(&bearer(PARTS, &key.sign(&claims("a"))));
    gate.get("/elsewhere");
    assert_eq!(names(), before);
}

//! What portals and later filters are told, what nobody else may say, and what rules in shadow mode leave alone.

use super::*;
use crate::jwt_auth::{REMOVED_HEADERS, REMOVED_PREFIXES};

const NOBODY: &str = r#"{"roles":[],"permissions":[]}"#;

fn with_forward(forward: Json) -> Json {
    let mut config = config();
    config["forward"] = forward;
    config
}

/// The good claims with more of them.
fn claims_with(more: Json) -> Json {
    let mut claims = claims();
    for (name, value) in more.as_object().unwrap() {
        claims[name.as_str()] = value.clone();
    }
    claims
}

fn ask(gate: &mut Gate, path: &str, token: &str, more: &[(&str, &str)]) -> Outcome {
    let bearer = format!("Bearer {token}");
    let mut headers: Vec<(&str, &[u8])> = vec![("authorization", bearer.as_bytes())];
    headers.extend(more.iter().map(|(name, value)| (*name, value.as_bytes())));
    gate.ask("GET", path, &headers)
}

#[test]
fn the_nobody_of_this_filter_is_everybodys() {
    assert_eq!(crate::identity::Identity::default().to_record(), NOBODY.as_bytes());
}

#[test]
fn only_the_gate_speaks_of_the_caller() {
    let mut gate =
        Gate::new(&with_forward(json!({"headers": {"X-User-Id": "sub", "x-own": "own"}, "remove": ["X-Extra"]})));
    let token = good();
    let mut names: Vec<String> = REMOVED_HEADERS.map(str::to_owned).to_vec();
    names.extend(REMOVED_PREFIXES.map(|prefix| format!("{prefix}claim-role")));
    names.extend(["x-own", "x-extra"].map(str::to_owned));
    for name in &names {
        for spelling in [name.clone(), name.to_ascii_uppercase(), name.replace('-', "_"), name.replacen('-', "_", 1)] {
            for path in ["/api/x", "/public/x"] {
                let outcome =
                    ask(&mut gate, path, &token, &[(&spelling, "evil"), (&spelling, "evil"), ("x-kept", "1")]);
                let forwarded = outcome.forwarded.as_ref().unwrap_or_else(|| panic!("{spelling} on {path}"));
                let evil = forwarded.headers.iter().any(|(_, value)| value == b"evil");
                assert!(!evil, "{spelling} on {path}");
                assert_eq!(Gate::forwarded(&outcome, "x-kept").as_deref(), Some("1"));
                let subject = (path == "/api/x").then_some("u-1");
                assert_eq!(Gate::forwarded(&outcome, "x-user-id").as_deref(), subject, "{spelling} on {path}");
            }
        }
    }
    for kept in ["x-user-agent", "x-role-model", "xjwt-a", "x-original-urls", "user-id", "x-jwt"] {
        let outcome = ask(&mut gate, "/api/x", &token, &[(kept, "1")]);
        assert_eq!(Gate::forwarded(&outcome, kept).as_deref(), Some("1"), "{kept}");
    }
}

#[test]
fn a_prefix_is_kept_where_the_configuration_says_so() {
    let name = "x-forwarded-prefix";
    for (keep, prefix) in [(json!([]), None), (json!(["X-Forwarded-Prefix"]), Some("/portal"))] {
        let mut gate = Gate::new(&with_forward(json!({"keep": keep})));
        for (path, token) in [("/api/x", good()), ("/public/x", good())] {
            let outcome = ask(&mut gate, path, &token, &[(name, "/portal"), ("x-user-id", "evil")]);
            assert_eq!(Gate::forwarded(&outcome, name).as_deref(), prefix, "{path}");
            assert_eq!(Gate::forwarded(&outcome, "x-user-id"), None, "{path}");
            // No hop before the gate spells it so.
            let outcome = ask(&mut gate, path, &token, &[("x_forwarded-prefix", "/portal")]);
            assert_eq!(Gate::forwarded(&outcome, "x_forwarded-prefix"), None, "{path}");
        }
    }
}

#[test]
fn claims_become_headers_as_they_are() {
    let mut gate = Gate::new(&with_forward(json!({"headers": {"x-own": "own.claim"}})));
    let refused = Verdict::Bad("not_forwardable");
    let passed = |text: &str| (Verdict::Passed, Some(text.to_owned()));
    let absent = (Verdict::Passed, None);
    let refused = (refused, None);
    for (claim, (verdict, value)) in [
        (json!("text"), passed("text")),
        (json!("a, b"), passed("a, b")),
        (json!("é"), passed("é")),
        (json!(""), passed("")),
        (json!(42), passed("42")),
        (json!(4.50), passed("4.5")),
        (json!(true), passed("true")),
        (json!(false), passed("false")),
        (json!(["a", "b"]), passed("a,b")),
        (json!(["a", 1, true]), passed("a,1,true")),
        (json!([]), absent.clone()),
        (Json::Null, absent.clone()),
        (json!({"a": 1}), refused.clone()),
        (json!(["a", null]), refused.clone()),
        (json!(["a", ["b"]]), refused.clone()),
        (json!(["a", "b,c"]), refused.clone()),
        (json!(["a", ""]), refused.clone()),
        (json!("a\r\nx-user-id: evil"), refused.clone()),
        (json!("a\0"), refused.clone()),
        (json!("a\tb"), refused.clone()),
        (json!("a\u{7f}"), refused.clone()),
        (json!("a\u{85}"), refused.clone()),
        (json!([" a"]), refused.clone()),
        (json!(" ADMIN"), refused.clone()),
        (json!("ADMIN "), refused.clone()),
        (json!("x".repeat(8192)), passed(&"x".repeat(8192))),
        (json!("x".repeat(8193)), refused.clone()),
        (json!(["x".repeat(5000), "y".repeat(5000)]), refused.clone()),
    ] {
        let token = token(&claims_with(json!({"own": {"claim": claim}})));
        let outcome = ask(&mut gate, "/api/x", &token, &[("x-own", "evil")]);
        assert_eq!(Verdict::of(&outcome), verdict, "{claim}");
        assert_eq!(Gate::forwarded(&outcome, "x-own"), value, "{claim}");
    }
    let outcome = ask(&mut gate, "/api/x", &good(), &[("x-own", "evil")]);
    assert_eq!(Gate::forwarded(&outcome, "x-own"), None, "the claim is missing");
}

#[test]
fn who_may_not_reads_what_the_operator_wrote() {
    let mut config = config();
    config["access"]["roles"] = json!({"A": {"systems": ["*"], "permissions": ["x"]}});
    config["access"]["rules"][1] =
        json!({"match": {"paths": ["/api/**"]}, "require": {"roles": ["A"]}, "detail": "Ask us"});
    let mut gate = Gate::new(&config);
    let body = |outcome: &Outcome| serde_json::from_slice::<Json>(&outcome.body).unwrap();
    let outcome = ask(&mut gate, "/api/x", &good(), &[]);
    assert_eq!((outcome.status, &body(&outcome)["detail"]), (403, &json!("Ask us")));
    let outcome = ask(&mut gate, "/api/x", "x", &[]);
    assert_eq!((outcome.status, &body(&outcome)["detail"]), (401, &Json::Null));
}

/// Two systems, roles that are spelt differently, and a rule that only watches.
fn systems() -> Json {
    let mut config = with_forward(json!({"headers": {
        "x-user-id": {"identity": "subject"}, "x-role": {"identity": "roles"},
        "x-permissions": {"identity": "permissions"}, "x-tenant-id": {"identity": "tenant"},
        "x-system": {"identity": "system"}
    }}));
    config["systems"] = json!({
        "onboarding": {"paths": ["/api/onboarding/**"], "roles": {"MANAGER": "MANAGER"}},
        "maintenance": {"paths": ["/api/maintenance/**"], "roles": {"technician": "TECHNICIAN"}}
    });
    config["access"] = json!({
        "roles": {"MANAGER": {"systems": ["onboarding"], "permissions": ["read:*"]},
                  "TECHNICIAN": {"systems": ["maintenance"], "permissions": ["fault.update"]}},
        "rules": [
            {"name": "open", "match": {"paths": ["/public/**"]}, "public": true},
            {"name": "watched", "match": {"paths": ["/api/*/watched"]}, "require": {"roles": ["MANAGER"]}, "mode": "shadow"},
            {"name": "managers", "match": {"paths": ["/api/*/reviews"]}, "require": {"roles": ["MANAGER"]}},
            {"name": "hook", "match": {"paths": ["/hooks/a"], "methods": ["POST"]}, "webhook": "partner"},
            {"name": "deletions", "match": {"paths": ["/api/**"], "methods": ["DELETE"]},
             "require": {"step_up": {"acr": ["gold"], "max_age_s": 300}}},
            {"name": "all", "match": {"paths": ["/api/**"], "methods": ["GET"]}, "require": {}}
        ]
    });
    config
}

fn unified() -> String {
    token(&claims_with(json!({"systems": {
        "onboarding": {"companyId": "c-1", "role": "MANAGER", "permissions": ["equipment.review", "*"]},
        "maintenance": {"companyId": 1, "role": "technician", "permissions": ["fault.create"]}
    }})))
}

#[test]
fn what_is_decided_is_handed_on_by_system() {
    let mut gate = Gate::new(&systems());
    let token = unified();
    // The second time from what is remembered.
    for _ in 0..2 {
        for (path, want, record) in [
            (
                "/api/onboarding/x",
                [Some("u-1"), Some("MANAGER"), Some("read:*,equipment.review"), Some("c-1"), Some("onboarding")],
                r#"{"subject":"u-1","roles":["MANAGER"],"permissions":["read:*","equipment.review"],"tenant":"c-1","system":"onboarding"}"#,
            ),
            (
                "/api/maintenance/x",
                [Some("u-1"), Some("TECHNICIAN"), Some("fault.update,fault.create"), Some("1"), Some("maintenance")],
                r#"{"subject":"u-1","roles":["TECHNICIAN"],"permissions":["fault.update","fault.create"],"tenant":"1","system":"maintenance"}"#,
            ),
            ("/api/other/x", [Some("u-1"), None, None, None, None], r#"{"subject":"u-1","roles":[],"permissions":[]}"#),
        ] {
            let outcome = ask(&mut gate, path, &token, &[]);
            assert_eq!(Verdict::of(&outcome), Verdict::Passed, "{path}");
            let got = ["x-user-id", "x-role", "x-permissions", "x-tenant-id", "x-system"]
                .map(|name| Gate::forwarded(&outcome, name));
            assert_eq!(got.each_ref().map(|value| value.as_deref()), want, "{path}");
            assert_eq!(gate.identity(), record, "{path}");
        }
    }
}

#[test]
fn every_request_leaves_a_record() {
    let mut gate = Gate::new(&systems());
    let token = unified();
    for (path, token, want) in [
        ("/public/x", token.as_str(), Verdict::Passed),
        ("/api/maintenance/reviews", &token, Verdict::Forbidden("missing_role")),
        ("/api/onboarding/x", "x", Verdict::Bad("token_format")),
        ("/nowhere", &token, Verdict::Forbidden("no_rule")),
        ("/nowhere", "x", Verdict::Bad("token_format")),
        ("/api/../x", &token, Verdict::Other(400, "unsafe_path")),
    ] {
        gate.host.set_attribute(&[crate::identity::FILTER_STATE], b"{\"roles\":[\"SMS_ADMIN\"]}");
        let outcome = ask(&mut gate, path, token, &[]);
        assert_eq!(Verdict::of(&outcome), want, "{path}");
        assert_eq!(gate.identity(), NOBODY, "{path}");
    }
}

#[test]
fn a_watching_rule_changes_nothing() {
    let mut config = systems();
    config["forward"]["token"] = json!("remove");
    let mut gate = Gate::new(&config);
    let good = unified();
    for (path, token, outcome, reason) in [
        ("/api/onboarding/watched", good.as_str(), "passed", None),
        ("/api/maintenance/watched", &good, "denied", Some("missing_role")),
        ("/api/maintenance/watched", "x", "refused", Some("token_format")),
    ] {
        gate.host.audits.clear();
        let got = ask(&mut gate, path, token, &[("x-user-id", "evil"), ("x_role", "evil")]);
        assert_eq!(Verdict::of(&got), Verdict::Passed, "{path}");
        assert_eq!(gate.identity(), NOBODY);
        let headers = &got.forwarded.unwrap().headers;
        assert_eq!(*headers, [("authorization".to_owned(), format!("Bearer {token}").into_bytes())], "{path}");
        let [audit] = gate.host.audits.as_slice() else { panic!("{:?}", gate.host.audits) };
        assert_eq!((audit.rule.as_deref(), audit.shadow), (Some("watched"), true));
        assert_eq!((audit.outcome, audit.reason), (outcome, reason), "{path}");
    }
}

#[test]
fn a_webhook_needs_its_record() {
    let mut gate = Gate::new(&systems());
    let state = [crate::jwt_auth::WEBHOOK_STATE];
    let token = unified();
    let post = |gate: &mut Gate| {
        let bearer = format!("Bearer {token}");
        let headers: [(&str, &[u8]); 2] = [("authorization", bearer.as_bytes()), ("x-user-id", b"evil")];
        gate.ask("POST", "/hooks/a", &headers)
    };
    // A token is no webhook.
    assert_eq!(Verdict::of(&post(&mut gate)), Verdict::NoToken("no_webhook"));
    for record in ["other", "", "partner2", "Partner"] {
        gate.host.set_attribute(&state, record.as_bytes());
        assert_eq!(Verdict::of(&post(&mut gate)), Verdict::NoToken("no_webhook"), "{record}");
    }
    gate.host.set_attribute(&state, b"partner");
    let outcome = post(&mut gate);
    assert_eq!(Verdict::of(&outcome), Verdict::Passed);
    assert_eq!(Gate::forwarded(&outcome, "x-user-id"), None);
    assert_eq!(gate.identity(), NOBODY);
}

#[test]
fn a_stronger_proof_is_asked_for_as_rfc_9470_says() {
    let mut gate = Gate::new(&systems());
    let delete = |gate: &mut Gate, token: &str| {
        gate.ask("DELETE", "/api/onboarding/x", &[("authorization", format!("Bearer {token}").as_bytes())])
    };
    let outcome = delete(&mut gate, &unified());
    assert_eq!((outcome.status, &outcome.ending), (403, &Ending::Reply("step_up_needed")));
    let challenge = outcome.headers.iter().find(|(name, _)| name == "www-authenticate").unwrap();
    assert_eq!(
        std::str::from_utf8(&challenge.1).unwrap(),
        r#"Bearer realm="lockgate", error="insufficient_user_authentication", acr_values="gold", max_age="300""#
    );
    let strong = token(&claims_with(json!({"acr": "gold", "auth_time": NOW_S - 10})));
    assert_eq!(Verdict::of(&delete(&mut gate, &strong)), Verdict::Passed);
    // Remembered, and old by then.
    gate.set_time(NOW_S + 300);
    assert_eq!(delete(&mut gate, &strong).ending, Ending::Reply("step_up_needed"));
}

#[test]
fn a_preflight_passes_only_when_asked_for() {
    let preflight: [(&str, &[u8]); 3] =
        [("origin", b"https://app.example"), ("access-control-request-method", b"PUT"), ("x-user-id", b"evil")];
    let mut gate = Gate::new(&systems());
    assert_eq!(Verdict::of(&gate.ask("OPTIONS", "/api/onboarding/x", &preflight)), Verdict::NoToken("no_token"));
    let mut config = systems();
    config["preflight"] = json!("pass");
    let mut gate = Gate::new(&config);
    let outcome = gate.ask("OPTIONS", "/api/onboarding/x", &preflight);
    assert_eq!(Verdict::of(&outcome), Verdict::Passed);
    assert_eq!(Gate::forwarded(&outcome, "x-user-id"), None);
    for (method, headers) in [("OPTIONS", &preflight[..1]), ("OPTIONS", &preflight[1..]), ("PUT", &preflight[..])] {
        let verdict = Verdict::of(&gate.ask(method, "/api/onboarding/x", headers));
        assert_eq!(verdict, Verdict::NoToken("no_token"), "{method} {headers:?}");
    }
}

#[test]
fn paths_have_one_reading() {
    let bearer = format!("Bearer {}", good());
    let mut config = config();
    for (rewrite, target, want, path) in [
        (false, "/api/x?y=/../", Verdict::Passed, "/api/x?y=/../"),
        (false, "/api//x", Verdict::Other(400, "unsafe_path"), ""),
        (false, "/public/..;/api/x", Verdict::Other(400, "unsafe_path"), ""),
        (false, "/public/%2e%2e/api/x", Verdict::Other(400, "unsafe_path"), ""),
        (false, "/api%2fx", Verdict::Other(400, "unsafe_path"), ""),
        (false, "api/x", Verdict::Other(400, "unsafe_path"), ""),
        (false, "/api/x\u{1}", Verdict::Other(400, "unsafe_path"), ""),
        (false, "/API/x", Verdict::Forbidden("no_rule"), ""),
        (true, "/public/../api//x;a=b?c", Verdict::Passed, "/api/x?c"),
        (true, "/api/../nowhere", Verdict::Forbidden("no_rule"), ""),
        (true, "/api%2fx", Verdict::Other(400, "unsafe_path"), ""),
    ] {
        config["unnormalized"] = json!(if rewrite { "rewrite" } else { "reject" });
        let outcome = Gate::new(&config).ask("GET", target, &[("authorization", bearer.as_bytes())]);
        assert_eq!(Verdict::of(&outcome), want, "{target}");
        assert_eq!(outcome.forwarded.map_or(String::new(), |forwarded| forwarded.path), path, "{target}");
    }
}

#[test]
fn the_gate_vouches_for_the_caller() {
    let seed = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let mut config = systems();
    config["forward"]["service_token"] =
        json!({"key": {"env": "SEED", "format": "base64url"}, "algorithm": "EdDSA", "issuer": "gate", "kid": "g-1"});
    let mut variables = variables();
    variables.insert("SEED".to_owned(), seed.to_owned());
    let read = |config: &Json| Policy::read(config.to_string().as_bytes(), &variables).unwrap();
    let host = MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() };
    let mut gate = Gate { policy: read(&config), host };
    let token_of = |gate: &mut Gate, path: &str| {
        let outcome = ask(gate, path, &unified(), &[("x-service-token", "evil"), ("X_Service_Token", "evil")]);
        assert_eq!(Verdict::of(&outcome), Verdict::Passed);
        Gate::forwarded(&outcome, "x-service-token")
    };
    let first = token_of(&mut gate, "/api/onboarding/x").unwrap();
    let parts: Vec<Vec<u8>> = first.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let [header, claims, signature] = parts.as_slice() else { panic!("{first}") };
    let json = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).unwrap();
    assert_eq!(json(header), json!({"alg": "EdDSA", "kid": "g-1", "typ": "JWT"}));
    assert_eq!(
        json(claims),
        json!({"iss": "gate", "sub": "u-1", "aud": "onboarding", "iat": NOW_S, "exp": NOW_S + 30, "tenant": "c-1",
               "roles": ["MANAGER"], "permissions": ["read:*", "equipment.review"]})
    );
    // With the key that is served, it verifies.
    let served = gate.ask("GET", "/.well-known/lockgate/jwks.json", &[]);
    assert_eq!((served.status, &served.ending), (200, &Ending::Reply("public_key")));
    let key = json(&served.body)["keys"][0].clone();
    assert_eq!(
        (&key["kty"], &key["crv"], &key["kid"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("g-1"), &json!("sig"))
    );
    assert!(key.get("d").is_none());
    let x = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let verifying = crate::signature::VerifyingKey::ed25519(&x).unwrap();
    let message = first.rsplit_once('.').unwrap().0;
    assert!(verifying.verify(crate::signature::Algorithm::EdDsa, message.as_bytes(), signature));
    assert_eq!(Verdict::of(&gate.ask("POST", "/.well-known/lockgate/jwks.json", &[])), Verdict::NoToken("no_token"));
    // One for each system; the same one while half of its time is left, also when the clock goes back.
    assert_ne!(token_of(&mut gate, "/api/maintenance/x").unwrap(), first);
    for (at, same) in [(NOW_S + 14, true), (NOW_S + 15, false)] {
        gate.set_time(at);
        assert_eq!(token_of(&mut gate, "/api/onboarding/x").as_ref() == Some(&first), same, "{at}");
    }
    gate.set_time(NOW_S - 10);
    let back = token_of(&mut gate, "/api/onboarding/x").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(back.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(json(&claims)["exp"], json!(NOW_S + 20));
    // No system, nobody to name.
    gate.set_time(NOW_S);
    assert_eq!(token_of(&mut gate, "/api/other/x"), None);
    config["forward"]["service_token"]["audience"] = json!("portals");
    gate.policy = read(&config);
    let token = token_of(&mut gate, "/api/other/x").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(json(&claims)["aud"], "portals");
}

#[test]
fn a_service_token_may_be_signed_with_a_secret() {
    let mut config = config();
    config["forward"] = json!({"service_token": {"key": {"env": "SECRET"}, "algorithm": "HS256", "audience": "portal", "header": "X-Gate"}});
    let mut gate = Gate::new(&config);
    let outcome = ask(&mut gate, "/api/x", &good(), &[("x_gate", "evil")]);
    let token = Gate::forwarded(&outcome, "x-gate").unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(secret().sign(message.as_bytes()), URL_SAFE_NO_PAD.decode(signature).unwrap());
    assert_eq!(Gate::forwarded(&outcome, "x_gate"), None);
    // A secret has no public half.
    let verdict = Verdict::of(&gate.ask("GET", crate::jwt_auth::DEFAULT_PUBLIC_KEY_PATH, &[]));
    assert_eq!(verdict, Verdict::NoToken("no_token"));
}

#[test]
fn decisions_are_counted_and_recorded() {
    let mut gate = Gate::new(&systems());
    let good = unified();
    let id = ("x-request-id", "id-1");
    for (path, token) in [
        ("/api/onboarding/reviews", good.as_str()),
        ("/api/maintenance/reviews", &good),
        ("/api/onboarding/reviews", "x"),
        ("/public/a", "x"),
        ("/nowhere", &good),
    ] {
        let _ = ask(&mut gate, path, token, &[id]);
    }
    let lines: Vec<_> = gate
        .host
        .audits
        .iter()
        .map(|audit| {
            (audit.rule.as_deref(), audit.outcome, audit.reason, audit.path.as_deref(), audit.system.as_deref())
        })
        .collect();
    assert_eq!(
        lines,
        [
            (Some("managers"), "allowed", None, Some("/api/*/reviews"), Some("onboarding")),
            (Some("managers"), "denied", Some("missing_role"), Some("/api/*/reviews"), Some("maintenance")),
            (Some("managers"), "refused", Some("token_format"), Some("/api/*/reviews"), None),
            (Some("open"), "public", None, Some("/public/**"), None),
            (None, "denied", Some("no_rule"), None, None),
        ]
    );
    let first = &gate.host.audits[0];
    assert_eq!((first.id.as_deref(), first.filter, first.shadow), (Some("id-1"), "jwt_auth", false));
    assert_eq!(first.subject, Some(crate::audit::subject_hash("u-1")));
    assert_eq!(first.time_ms, Some(NOW_S * 1000));
    let names = gate.policy.counters();
    let counted: BTreeMap<&str, u64> =
        gate.host.counters.iter().map(|(place, count)| (names[*place].as_str(), *count)).collect();
    assert_eq!(
        counted,
        BTreeMap::from([
            ("lockgate.jwt_auth.managers.allowed", 1),
            ("lockgate.jwt_auth.managers.denied", 1),
            ("lockgate.jwt_auth.managers.refused", 1),
            ("lockgate.jwt_auth.open.allowed", 1),
            ("lockgate.jwt_auth.provider-main.verified", 1),
            ("lockgate.jwt_auth.request.refused_no_rule", 1),
            ("lockgate.jwt_auth.request.refused_token_format", 1),
        ])
    );
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "two counters of one name");
}

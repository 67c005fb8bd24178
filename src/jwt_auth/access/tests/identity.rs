//! Who a token's holder is.

use serde_json::{Value as Json, json};

use super::super::REVENUE;
use super::{access, matrix, payload};
use crate::identity::{Identity, MAX_RIGHTS};

/// Roles and permissions, as they stand in the record.
fn rights(identity: &Identity) -> (Vec<&str>, Vec<&str>) {
    (identity.roles.iter().map(String::as_str).collect(), identity.permissions.iter().map(String::as_str).collect())
}

#[test]
fn the_role_of_the_paths_system_counts() {
    let access = access(&matrix());
    let token = |onboarding: Json, maintenance: Json| {
        payload(&json!({"sub": "u", "role": "SMS_ADMIN", "roles": ["SMS_ADMIN"], "permissions": ["approve"],
            "systems": {"onboarding": onboarding, "maintenance": maintenance}}))
    };
    let role = |role: &str| json!({ "role": role });
    let manager: (&[&str], &[&str]) = (&["MANAGER"], &["read:*", "approve"]);
    let nothing: (&[&str], &[&str]) = (&[], &[]);
    let cases = [
        ("spelled as here", "/api/onboarding/x", token(role("MANAGER"), role("x")), manager),
        ("spelled as there", "/api/onboarding/x", token(role("manager"), role("x")), nothing),
        ("spelled as there, there", "/api/maintenance/x", token(role("x"), role("manager")), manager),
        ("another path of the system", "/api/reports/x", token(role("x"), role("manager")), manager),
        (
            "the unified spelling where there are spellings",
            "/api/maintenance/x",
            token(role("x"), role("MANAGER")),
            nothing,
        ),
        ("only in the other system", "/api/onboarding/x", token(role("x"), role("manager")), nothing),
        (
            "a role that does not count here",
            "/api/onboarding/x",
            token(role("TECHNICIAN"), role("technician")),
            nothing,
        ),
        (
            "a role that grants nothing",
            "/api/maintenance/x",
            token(role("x"), role("technician")),
            (&["TECHNICIAN"], &[]),
        ),
        ("no system", "/api/other", token(role("MANAGER"), role("manager")), nothing),
        ("a path in capitals", "/API/onboarding/x", token(role("MANAGER"), role("manager")), nothing),
        ("white space", "/api/onboarding/x", token(role("MANAGER "), role("x")), nothing),
        ("another case", "/api/onboarding/x", token(role("Manager"), role("x")), nothing),
        ("an empty role", "/api/onboarding/x", token(role(""), role("x")), nothing),
        ("null", "/api/onboarding/x", token(json!({"role": null}), role("x")), nothing),
        ("a number", "/api/onboarding/x", token(json!({"role": 1}), role("x")), nothing),
        ("an object", "/api/onboarding/x", token(json!({"role": {"MANAGER": true}}), role("x")), nothing),
        ("no role", "/api/onboarding/x", token(json!({}), role("manager")), nothing),
        ("a system that is no object", "/api/onboarding/x", token(json!("MANAGER"), role("x")), nothing),
        ("a list", "/api/onboarding/x", token(json!({"role": ["x", "MANAGER", "MANAGER"]}), role("x")), manager),
        ("a list with a number", "/api/onboarding/x", token(json!({"role": ["MANAGER", 1]}), role("x")), nothing),
        (
            "revenue is a permission",
            "/api/onboarding/x",
            token(role("ADMIN"), role("x")),
            (&["SMS_ADMIN"], &["*", REVENUE]),
        ),
    ];
    for (name, path, payload, (roles, permissions)) in cases {
        let identity = access.identity(path.as_bytes(), &payload);
        assert_eq!(rights(&identity), (roles.to_vec(), permissions.to_vec()), "{name}");
        assert_eq!(identity.subject.as_deref(), Some("u"), "{name}");
    }
}

#[test]
fn permissions_of_a_token_count_literally() {
    let access = access(&matrix());
    let of = |permissions: Json| {
        let systems = json!({"maintenance": {"role": "manager", "permissions": permissions}, "onboarding": {"permissions": ["o"]}});
        access.identity(b"/api/maintenance/x", &payload(&json!({ "systems": systems })))
    };
    let granted = ["read:*", "approve"];
    for (name, given, want) in [
        ("a list", json!(["a", "b"]), &["a", "b"][..]),
        ("a text", json!("a  b"), &["a", "b"]),
        ("what the role grants as well", json!(["approve"]), &["approve", "read:*"]),
        ("everything", json!(["*", "a"]), &["a"]),
        ("an area", json!(["read:*"]), &[]),
        ("a star inside", json!(["a*b"]), &[]),
        ("revenue", json!([REVENUE, "a"]), &["a"]),
        ("absent", Json::Null, &[]),
    ] {
        let identity = if given.is_null() {
            access.identity(b"/api/maintenance/x", &payload(&json!({"systems": {"maintenance": {"role": "manager"}}})))
        } else {
            of(given)
        };
        let want: Vec<&str> =
            want.iter().chain(granted.iter().filter(|granted| !want.contains(granted))).copied().collect();
        let mut got = rights(&identity).1;
        let mut sorted = want.clone();
        got.sort_unstable();
        sorted.sort_unstable();
        assert_eq!(got, sorted, "{name}");
    }
    for unreadable in [json!(1), json!({"a": true}), json!(["a", 1]), json!([""]), json!(true)] {
        let identity = of(unreadable.clone());
        assert_eq!(rights(&identity), (vec![], vec![]), "{unreadable}: neither the role counts");
        assert_eq!(identity.system.as_deref(), Some("maintenance"));
    }
    let too_many: Vec<String> = (0..=MAX_RIGHTS).map(|n| format!("p{n}")).collect();
    assert!(of(json!(too_many)) == Identity::default().granted(), "nobody");
    let just = of(json!(too_many[..MAX_RIGHTS - 2].to_vec()));
    assert_eq!(just.permissions.len(), MAX_RIGHTS);
}

#[test]
fn other_payloads_by_configuration() {
    let plain = |claims: Json| {
        let mut config = json!({"access": {
            "roles": {"A": {"permissions": ["x"]}, "B": {}, "A B": {}},
            "rules": [{"match": {"paths": ["/**"]}, "require": {}}],
        }});
        if !claims.is_null() {
            config["claims"] = claims;
        }
        access(&config)
    };
    let url = "https://x.example/roles";
    let cases = [
        (
            "the defaults",
            Json::Null,
            json!({"sub": "u", "tenantId": "t", "roles": ["A"], "permissions": ["p"]}),
            "u t A x,p",
        ),
        ("a role", Json::Null, json!({"role": "B"}), "- - B "),
        ("roles before role", Json::Null, json!({"roles": ["B"], "role": "A"}), "- - B "),
        ("scope", Json::Null, json!({"scope": "p q"}), "- -  p,q"),
        ("permissions before scope", Json::Null, json!({"permissions": ["p"], "scope": "q"}), "- -  p"),
        ("unreadable roles before a role", Json::Null, json!({"roles": 1, "role": "A"}), "- -  "),
        ("a role that is not declared", Json::Null, json!({"roles": ["C", "B"]}), "- - B "),
        ("a role with a blank", Json::Null, json!({"roles": "A B"}), "- - A B "),
        ("roles with blanks between", json!({"role_separator": "space"}), json!({"roles": "A B"}), "- - A,B x"),
        ("roles with commas", json!({"role_separator": "comma"}), json!({"roles": "A, B,,"}), "- - A,B x"),
        ("one permission", json!({"permission_separator": "none"}), json!({"scope": "p q"}), "- -  p q"),
        ("nested", json!({"roles": "realm_access.roles"}), json!({"realm_access": {"roles": ["A"]}}), "- - A x"),
        ("dots in the name", json!({"roles": "realm_access.roles"}), json!({"realm_access.roles": ["A"]}), "- -  "),
        ("a URL", json!({"roles": "/https:~1~1x.example~1roles"}), json!({ url: ["A"] }), "- - A x"),
        (
            "named by themselves",
            json!({"roles": "r", "permissions": "p"}),
            json!({"roles": ["A"], "scope": "p"}),
            "- -  ",
        ),
        (
            "subject and tenant",
            json!({"subject": "a.id", "tenant": "org"}),
            json!({"a": {"id": "u"}, "org": 7}),
            "u 7  ",
        ),
        ("a subject that is no text", Json::Null, json!({"sub": 7, "tenantId": true}), "- -  "),
    ];
    for (name, claims, token, want) in cases {
        let identity = plain(claims).identity(b"/x", &payload(&token));
        let text = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
        let (roles, permissions) = rights(&identity);
        let got = format!(
            "{} {} {} {}",
            text(&identity.subject),
            text(&identity.tenant),
            roles.join(","),
            permissions.join(",")
        );
        assert_eq!(got, want, "{name}");
        assert_eq!(identity.system, None, "{name}");
    }
}

#[test]
fn claims_of_a_system_stand_where_it_says() {
    let mut config = matrix();
    config["claims"] = json!({"roles": "resource_access.{system}.roles", "tenant": "org", "role_separator": "space"});
    config["systems"]["maintenance"]["claims"] = json!({"tenant": "/m~1{system}/id", "permissions": "{system}.scope"});
    let access = access(&config);
    let token = payload(&json!({
        "org": "o", "m/{system}": {"id": 7}, "maintenance": {"scope": "m"},
        "resource_access": {"onboarding": {"roles": "MANAGER x"}, "maintenance": {"roles": ["technician"]}},
        "systems": {"onboarding": {"permissions": ["p"]}, "maintenance": {"permissions": ["q"]}},
    }));
    let onboarding = access.identity(b"/api/onboarding/x", &token);
    assert_eq!(rights(&onboarding), (vec!["MANAGER"], vec!["read:*", "approve", "p"]));
    assert_eq!((onboarding.tenant.as_deref(), onboarding.system.as_deref()), (Some("o"), Some("onboarding")));
    let maintenance = access.identity(b"/api/reports/x", &token);
    assert_eq!(rights(&maintenance), (vec!["TECHNICIAN"], vec!["m"]));
    assert_eq!((maintenance.tenant.as_deref(), maintenance.system.as_deref()), (Some("7"), Some("maintenance")));
    let system = access.system(b"/api/reports/x");
    assert!(access.identity_in(system, &token) == maintenance, "the same for all paths of the system");
    assert_eq!(system.map(|system| access.system_name(system)), Some("maintenance"));
}

#[test]
fn the_record_says_what_counts() {
    let access = access(&matrix());
    let token = payload(&json!({"sub": "u", "systems": {"maintenance": {"role": "admin", "companyId": 42}}}));
    let identity = access.identity(b"/api/reports/x", &token);
    let record = identity.to_record();
    let want = r#"{"subject":"u","roles":["SMS_ADMIN"],"permissions":["*","lockgate.revenue"],"tenant":"42","system":"maintenance"}"#;
    assert_eq!(String::from_utf8(record.clone()).unwrap(), want);
    assert!(Identity::from_record(&record) == identity);
}

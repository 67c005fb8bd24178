//! What a request's endpoint asks for, and who may.

use serde_json::{Value as Json, json};

use super::super::{Asks, At, Denied, Entry, Mode, Rule};
use super::{Access, NOW_S, access, ask, matrix, payload};
use crate::claims::{Limits, Value};
use crate::head::Head;

fn token(onboarding: Json, maintenance: Json) -> Json {
    json!({"sub": "u", "systems": {"onboarding": onboarding, "maintenance": maintenance}})
}

#[test]
fn the_first_rule_that_fits_to_the_letter_speaks() {
    let access = access(&matrix());
    let cases = [
        ("GET", "/api/onboarding/health", "public 0 /api/*/health"),
        ("BREW", "/api/onboarding/health", "public 0 /api/*/health"),
        ("GET", "/api/onboarding/health/", "closed"),
        ("GET", "/api/onboarding/Health", "closed"),
        ("GET", "/api//health", "token 6 /api/**"),
        ("POST", "/api/x/webhooks/y", "webhook 1 /api/*/webhooks/* partner"),
        ("PUT", "/api/x/webhooks/y", "closed"),
        ("PUT", "/api/onboarding/items/1/approve", "token 2 /api/*/items/*/approve"),
        ("POST", "/api/onboarding/items/1/approve", "token 6 /api/**"),
        ("PUT", "/api/onboarding/items//approve", "closed"),
        ("put", "/api/onboarding/items/1/approve", "closed"),
        ("PATCH", "/api/x/companies/1", "token 3 /api/*/companies/*/**"),
        ("DELETE", "/api/x/companies/1/y/z", "token 3 /api/*/companies/*/**"),
        ("DELETE", "/api/x/companies/", "token 4 /api/**"),
        ("DELETE", "/api", "token 4 /api/**"),
        ("GET", "/api/reports", "token 5 /api/reports/**"),
        ("HEAD", "/api/x", "closed"),
        ("GET", "/apix", "closed"),
        ("GET", "/API/x", "closed"),
        ("GET", "/", "closed"),
        ("GET", "", "closed"),
        ("GET", "api/x", "closed"),
        ("", "/api/x", "closed"),
        ("GET", "/api/r%65ports", "token 5 /api/reports/**"),
        ("GET", "/api/caf%C3%A9/health", "public 0 /api/*/health"),
    ];
    for (method, path, want) in cases {
        let shown = |kind: &str, at| format!("{kind} {} {}", At::rule(at), access.pattern(at));
        let got = match access.entry(method.as_bytes(), path.as_bytes()) {
            Entry::Public(at) => shown("public", at),
            Entry::Webhook(at, endpoint) => shown("webhook", at) + " " + endpoint,
            Entry::Token(at) => shown("token", at),
            Entry::Closed => "closed".to_owned(),
        };
        assert_eq!(got, want, "{method} {path}");
    }
    let Entry::Token(at) = access.entry(b"PUT", b"/api/x/items/1/approve") else { panic!("a token") };
    let rule = access.rule(at).unwrap();
    assert_eq!((rule.name(), rule.mode()), ("approve", Mode::Enforce));
    assert_eq!(access.rules()[0].name(), "rule-0");
}

#[test]
fn no_other_spelling_goes_round_a_rule() {
    let access = access(&json!({"access": {"roles": {"ADMIN": {"permissions": ["*"]}}, "rules": [
        {"match": {"paths": ["/a/Mine"]}, "require": {}},
        {"match": {"paths": ["/a/*"], "methods": ["GET", "DELETE"]}, "require": {"roles": ["ADMIN"]}},
        {"match": {"paths": ["/b"], "methods": ["GET", "HEAD"]}, "require": {"roles": ["ADMIN"]}},
        {"match": {"paths": ["/**"]}, "require": {}}
    ]}}));
    for (method, path, want) in [
        ("GET", "/a/x", Some(1)),
        ("GET", "/A/x", None),
        ("GET", "/%41/x", None),
        ("GET", "/a/x/", None),
        ("get", "/a/x", None),
        ("Delete", "/A/x/", None),
        ("HEAD", "/a/x", None),
        ("POST", "/a/x", Some(3)),
        ("POST", "/A/x/", Some(3)),
        ("HEAD", "/b", Some(2)),
        ("head", "/b", None),
        ("HEAD", "/B", None),
        ("HEAD", "/c", Some(3)),
        // A rule before decides what it is about, whatever others say.
        ("GET", "/a/Mine", Some(0)),
        ("HEAD", "/a/Mine", Some(0)),
        ("GET", "/a/mine", None),
        ("POST", "/a/mine", None),
    ] {
        let place = match access.entry(method.as_bytes(), path.as_bytes()) {
            Entry::Token(at) => Some(at.rule()),
            Entry::Public(_) | Entry::Webhook(..) | Entry::Closed => None,
        };
        assert_eq!(place, want, "{method} {path}");
    }
}

#[test]
fn any_of_the_roles_and_all_of_the_permissions() {
    let access = access(&matrix());
    let path = "/api/maintenance/items/1/approve";
    for (name, maintenance, want) in [
        ("the role grants both", json!({"role": "manager"}), Ok(())),
        ("the other role", json!({"role": "admin"}), Ok(())),
        (
            "a role that is not named",
            json!({"role": "technician", "permissions": ["approve", "read:items"]}),
            Err(Denied::Role),
        ),
        ("no role", json!({"permissions": ["approve", "read:items"]}), Err(Denied::Role)),
        ("not here", json!({}), Err(Denied::Role)),
    ] {
        let payload = payload(&token(json!({"role": "MANAGER"}), maintenance));
        assert_eq!(ask(&access, "PUT", path, &payload, &Head::default()), want, "{name}");
    }
    // What the role does not grant, the token may say.
    let mut config = matrix();
    config["access"]["roles"]["MANAGER"]["permissions"] = json!(["approve"]);
    let access = self::access(&config);
    for (permissions, want) in [
        (json!(["read:items"]), Ok(())),
        (json!("x read:items"), Ok(())),
        (json!(["read:*"]), Err(Denied::Permission)),
        (json!(["*"]), Err(Denied::Permission)),
        (json!(["Read:items"]), Err(Denied::Permission)),
        (json!([]), Err(Denied::Permission)),
        (json!(7), Err(Denied::Role)),
    ] {
        let payload = payload(&token(json!({}), json!({"role": "manager", "permissions": permissions})));
        assert_eq!(ask(&access, "PUT", path, &payload, &Head::default()), want, "{permissions}");
    }
}

#[test]
fn an_empty_requirement_takes_any_token() {
    let access = access(&matrix());
    for (path, payload) in [("/api/onboarding/x", token(json!({}), json!({}))), ("/api/elsewhere", json!({}))] {
        assert_eq!(ask(&access, "GET", path, &super::payload(&payload), &Head::default()), Ok(()), "{path}");
    }
    assert_eq!(ask(&access, "PATCH", "/api/x", &payload(&json!({})), &Head::default()), Err(Denied::NoRule));
}

#[test]
fn revenue_comes_from_roles_alone() {
    let access = access(&matrix());
    for (maintenance, want) in [
        (json!({"role": "admin"}), Ok(())),
        (json!({"role": "manager"}), Err(Denied::Permission)),
        (json!({"role": "manager", "permissions": ["lockgate.revenue", "*", "lockgate.*"]}), Err(Denied::Permission)),
    ] {
        let payload = payload(&token(json!({"role": "ADMIN"}), maintenance));
        assert_eq!(ask(&access, "GET", "/api/reports/x", &payload, &Head::default()), want);
    }
}

#[test]
fn tenants_are_compared_with_their_type() {
    let of = |kind: &str| {
        let mut config = matrix();
        config["access"]["rules"][3]["require"]["tenant"]["type"] = json!(kind);
        access(&config)
    };
    let same = Ok(());
    let other = Err(Denied::Tenant);
    for (kind, claim, segment, want) in [
        ("integer", "42", "42", same),
        ("integer", "42", "43", other),
        ("integer", "42", "042", other),
        ("integer", "42", "42.0", other),
        ("integer", "42", "+42", other),
        ("integer", "42", "4%32", same),
        ("integer", "42", "%2042", other),
        ("integer", "42.0", "42", other),
        ("integer", "42.0", "42.0", other),
        ("integer", "4.2e1", "42", other),
        ("integer", "-7", "-7", same),
        ("integer", "-0", "-0", other),
        ("integer", "0", "0", same),
        ("integer", "\"42\"", "42", other),
        ("integer", "123456789012345678901234567890", "123456789012345678901234567890", same),
        ("integer", "[42]", "42", other),
        ("integer", "null", "null", other),
        ("integer", "true", "true", other),
        ("text", "\"42\"", "42", same),
        ("text", "42", "42", other),
        ("text", "\"c0-ffee\"", "c0-ffee", same),
        ("text", "\"c0-ffee\"", "C0-ffee", other),
        ("text", "\"a b\"", "a%20b", same),
        ("text", "\"\u{e9}\"", "%C3%A9", same),
        ("text", "\"\u{e9}\"", "e%CC%81", other),
        ("text", "\"a%20b\"", "a%20b", other),
        ("text", "\"*\"", "x", other),
    ] {
        // Numbers as they are written: serde_json would write some otherwise.
        let text = token(json!({}), json!({"companyId": "CLAIM"})).to_string().replace("\"CLAIM\"", claim);
        let payload = Value::read(text.as_bytes(), Limits { max_depth: 8, max_members: 8 }).unwrap();
        let path = format!("/api/maintenance/companies/{segment}/x");
        let got = ask(&of(kind), "GET", &path, &payload, &Head::default());
        assert_eq!(got, want, "{kind} {claim} {segment}");
    }
}

#[test]
fn a_tenant_is_that_of_the_paths_system() {
    let access = access(&matrix());
    let asked = |onboarding: Json, maintenance: Json, path: &str| {
        ask(&access, "GET", path, &payload(&token(onboarding, maintenance)), &Head::default())
    };
    let company = |id: u8| json!({"companyId": id, "role": "manager"});
    assert_eq!(asked(company(1), company(2), "/api/onboarding/companies/1"), Ok(()));
    assert_eq!(asked(company(1), company(2), "/api/onboarding/companies/2"), Err(Denied::Tenant));
    assert_eq!(asked(company(1), company(2), "/api/maintenance/companies/2"), Ok(()));
    assert_eq!(asked(json!({}), company(2), "/api/onboarding/companies/2"), Err(Denied::Tenant));
    assert_eq!(asked(company(1), company(2), "/api/elsewhere/companies/1"), Err(Denied::Tenant), "of no system");
    let admin = json!({"role": "admin"});
    assert_eq!(asked(company(1), admin.clone(), "/api/maintenance/companies/9"), Ok(()), "exempt");
    assert_eq!(asked(company(1), admin, "/api/onboarding/companies/9"), Err(Denied::Tenant), "exempt elsewhere");
}

#[test]
fn a_tenant_in_a_header_stands_there_once() {
    let mut config = matrix();
    config["access"]["rules"][3] = json!({
        "match": {"paths": ["/api/*/companies/*/**"]},
        "require": {"tenant": {"header": "X-Company", "claim": "org.{system}", "type": "text"}},
    });
    let access = access(&config);
    let payload = payload(&json!({"org": {"maintenance": "a"}, "systems": {}}));
    let head = |values: &[&str]| {
        Head::new(values.iter().map(|value| ("x-company".to_owned(), value.as_bytes().to_vec())).collect(), true)
    };
    for (values, path, want) in [
        (&["a"][..], "/api/maintenance/companies/1", Ok(())),
        (&["b"], "/api/maintenance/companies/1", Err(Denied::Tenant)),
        (&["A"], "/api/maintenance/companies/1", Err(Denied::Tenant)),
        (&["a,a"], "/api/maintenance/companies/1", Err(Denied::Tenant)),
        (&["a", "a"], "/api/maintenance/companies/1", Err(Denied::Tenant)),
        (&[], "/api/maintenance/companies/1", Err(Denied::Tenant)),
        (&["a"], "/api/onboarding/companies/1", Err(Denied::Tenant)),
    ] {
        assert_eq!(ask(&access, "GET", path, &payload, &head(values)), want, "{values:?} {path}");
    }
    // A portal may read `_` as `-`, and take the other one.
    for (twin, want) in [
        ("x_company", Err(Denied::Tenant)),
        ("X_COMPANY", Err(Denied::Tenant)),
        ("x.company", Ok(())),
        ("x-companies", Ok(())),
        ("xcompany", Ok(())),
    ] {
        let fields = ["x-company", twin].map(|name| (name.to_owned(), b"a".to_vec()));
        let head = Head::new(fields.to_vec(), true);
        assert_eq!(ask(&access, "GET", "/api/maintenance/companies/1", &payload, &head), want, "{twin}");
    }
}

#[test]
fn a_step_up_needs_all_that_is_named() {
    let of = |step_up: Json| {
        let mut config = matrix();
        config["access"]["rules"][4]["require"]["step_up"] = step_up;
        access(&config)
    };
    let both = of(json!({"amr": ["mfa", "hwk"], "max_age_s": 300}));
    let level = of(json!({"acr": ["gold", "silver"]}));
    let fresh = of(json!({"max_age_s": 300}));
    let (ok, no) = (Ok(()), Err(Denied::StepUp));
    for (name, access, claims, want) in [
        ("both", &both, json!({"amr": ["pwd", "mfa"], "auth_time": NOW_S - 300}), ok),
        ("too old", &both, json!({"amr": ["mfa"], "auth_time": NOW_S - 301}), no),
        ("no time", &both, json!({"amr": ["mfa"]}), no),
        ("another way", &both, json!({"amr": ["pwd"], "auth_time": NOW_S}), no),
        ("no way", &both, json!({"auth_time": NOW_S}), no),
        ("ways in a text", &both, json!({"amr": "mfa", "auth_time": NOW_S}), no),
        ("a way in other letters", &both, json!({"amr": ["MFA"], "auth_time": NOW_S}), no),
        ("a way of another type beside it", &both, json!({"amr": [1, "mfa"], "auth_time": NOW_S}), ok),
        ("a class", &level, json!({"acr": "silver"}), ok),
        ("another class", &level, json!({"acr": "bronze"}), no),
        ("a list of classes", &level, json!({"acr": ["gold"]}), no),
        ("no class", &level, json!({}), no),
        ("clocks differ", &fresh, json!({"auth_time": NOW_S + 60}), ok),
        ("from the future", &fresh, json!({"auth_time": NOW_S + 61}), no),
        ("by value", &fresh, json!({"auth_time": 1.8e9}), ok),
        ("a text", &fresh, json!({"auth_time": NOW_S.to_string()}), no),
        ("negative", &fresh, json!({"auth_time": -1}), no),
        ("beyond all dates", &fresh, json!({"auth_time": u64::MAX}), no),
        ("in milliseconds", &fresh, json!({"auth_time": NOW_S * 1000}), no),
    ] {
        let payload = payload(&claims);
        assert_eq!(ask(access, "DELETE", "/api/onboarding/x", &payload, &Head::default()), want, "{name}");
    }
    let challenge = |access: &Access| {
        let Asks::Token(requirement) = access.rules()[4].asks() else { panic!("a token") };
        requirement.step_up().unwrap().challenge()
    };
    assert_eq!(challenge(&both), "error=\"insufficient_user_authentication\", max_age=\"300\"");
    assert_eq!(challenge(&level), "error=\"insufficient_user_authentication\", acr_values=\"gold silver\"");
    let words = |access: &Access| {
        let Asks::Token(requirement) = access.rules()[4].asks() else { panic!("a token") };
        requirement.step_up().unwrap().to_string()
    };
    assert_eq!(words(&both), "amr with one of mfa, hwk; auth_time at most 300 s ago");
    assert_eq!(words(&level), "acr with one of gold, silver");
}

#[test]
fn a_rule_that_watches_says_so() {
    let mut config = matrix();
    config["access"]["rules"][2]["mode"] = json!("shadow");
    let access = access(&config);
    let path = b"/api/maintenance/items/1/approve";
    let Entry::Token(at) = access.entry(b"PUT", path) else { panic!("a token") };
    assert_eq!(access.rule(at).map(Rule::mode), Some(Mode::Shadow));
    let payload = payload(&json!({}));
    let denied = access.decide(at, &access.identity(path, &payload), &payload, &Head::default(), path, NOW_S);
    assert_eq!(denied, Err(Denied::Role), "it decides all the same");
}

#[test]
fn codes_are_words_of_their_own() {
    let codes = Denied::ALL.map(Denied::code);
    assert_eq!(codes, ["no_rule", "missing_role", "missing_permission", "other_tenant", "step_up_needed"]);
}

#[test]
fn what_is_no_token_rule_grants_nothing() {
    let access = access(&matrix());
    let payload = payload(&token(json!({"role": "ADMIN"}), json!({"role": "admin"})));
    for (method, path) in [("GET", "/api/onboarding/health"), ("POST", "/api/onboarding/webhooks/x")] {
        let (Entry::Public(at) | Entry::Webhook(at, _)) = access.entry(method.as_bytes(), path.as_bytes()) else {
            panic!("no token rule")
        };
        let path = path.as_bytes();
        let denied = access.decide(at, &access.identity(path, &payload), &payload, &Head::default(), path, NOW_S);
        assert_eq!(denied, Err(Denied::NoRule));
    }
}

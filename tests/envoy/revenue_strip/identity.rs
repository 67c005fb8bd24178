//! Who is calling, from each of the three sources: present, missing, malformed, repeated, of another type, and pretended.

use lockgate_envoy_tests::gate::{revenue_rule, trusted_headers};
use lockgate_envoy_tests::h2::{self as h2c, Connection};
use lockgate_envoy_tests::token::{Issuer, Repeated};
use lockgate_envoy_tests::{Answer, Gate, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body};

/// The rule is not for admins, nor for those who may see revenue.
fn policy(identity: Option<Value>) -> Value {
    let mut rule = revenue_rule();
    rule["unless"] = json!({"roles": ["SMS_ADMIN"], "permissions": ["see.revenue"]});
    let mut policy = json!({"rules": [rule]});
    if let Some(identity) = identity {
        policy["identity"] = identity;
    }
    policy
}

fn get() -> Request {
    Request::get("/api/part")
}

#[track_caller]
fn assert_sees(gate: &Gate, request: &Request, sees: bool) {
    assert_body(&gate.ask(request), if sees { PART } else { PART_STRIPPED });
}

/// What a client would send that knows how the gateway tells itself who is calling.
fn pretended() -> Vec<(&'static str, Request)> {
    let record = r#"{"subject":"x","roles":["SMS_ADMIN"],"permissions":["see.revenue"]}"#;
    vec![
        ("the filter state's name", get().header("lockgate.identity", record)),
        ("its name in Envoy", get().header("wasm.lockgate.identity", record)),
        ("as a header would be called", get().header("x-lockgate-identity", record)),
        ("jwt_authn's metadata", get().header("x-jwt-payload", "eyJyb2xlcyI6WyJTTVNfQURNSU4iXX0")),
        ("roles", get().header("x-roles", "SMS_ADMIN").header("roles", "SMS_ADMIN")),
        ("in the query", Request::get("/api/part?roles=SMS_ADMIN&lockgate.identity=SMS_ADMIN")),
        ("in a cookie", get().header("cookie", "roles=SMS_ADMIN; lockgate.identity=SMS_ADMIN")),
    ]
}

#[test]
fn the_filter_state_of_another_filter_says_who_is_calling() {
    let upstream = Upstream::start();
    upstream.on("/api/part", Answer::json(PART));
    let gate = Setup::new(&upstream).identity_writer("lockgate.identity").strip(&policy(None)).start();
    let record = |text: &str| get().header("x-test-record", text);
    let admin = r#"{"subject":"x","roles":["SMS_ADMIN"],"permissions":[]}"#;
    let long = format!(r#"{{"subject":"{}","roles":["SMS_ADMIN"]}}"#, "x".repeat(16 * 1024));
    let rows = [
        ("an admin", record(admin), true),
        ("one of several", record(r#"{"roles":["MANAGER","SMS_ADMIN"]}"#), true),
        ("a permission", record(r#"{"permissions":["see.revenue"]}"#), true),
        ("a wildcard that jwt-auth granted", record(r#"{"permissions":["see.*"]}"#), true),
        (
            "all members",
            record(r#"{"subject":"x","roles":["SMS_ADMIN"],"permissions":[],"tenant":"t","system":"s"}"#),
            true,
        ),
        ("missing", get(), false),
        ("empty", record(""), false),
        ("nobody", record("{}"), false),
        ("another role", record(r#"{"roles":["MANAGER"]}"#), false),
        ("a wildcard elsewhere", record(r#"{"permissions":["seen.*"]}"#), false),
        ("a role with a wildcard", record(r#"{"roles":["*"]}"#), false),
        ("a word", record("SMS_ADMIN"), false),
        ("cut", record(&admin[..admin.len() - 1]), false),
        ("text after it", record(&format!("{admin}{admin}")), false),
        ("a member twice", record(r#"{"roles":["MANAGER"],"roles":["SMS_ADMIN"]}"#), false),
        ("an unknown member", record(r#"{"roles":["SMS_ADMIN"],"admin":true}"#), false),
        ("roles as text", record(r#"{"roles":"SMS_ADMIN"}"#), false),
        ("roles as numbers", record(r#"{"roles":[1,"SMS_ADMIN"]}"#), false),
        ("roles as an object", record(r#"{"roles":{"SMS_ADMIN":true}}"#), false),
        ("roles are null", record(r#"{"roles":null,"permissions":["see.revenue"]}"#), false),
        ("a list", record(r#"["SMS_ADMIN"]"#), false),
        ("no UTF-8", get().header("x-test-record", b"{\"subject\":\"\xff\",\"roles\":[\"SMS_ADMIN\"]}"), false),
        ("too long", record(&long), false),
        ("written twice, the last is nobody", record(admin).header("x-test-record", "{}"), false),
        ("written twice, the last is an admin", record("{}").header("x-test-record", admin), true),
    ];
    cases::each(rows.map(|(name, request, sees)| (name, (request, sees))), |_, (request, sees)| {
        assert_sees(&gate, &request, sees);
    });
    cases::each(pretended(), |_, request| assert_sees(&gate, &request, false));
    // After each other on one connection: nobody inherits.
    let mut client = gate.connect();
    for (request, want) in
        [(record(admin), PART), (get(), PART_STRIPPED), (record(admin), PART), (record(""), PART_STRIPPED)]
    {
        assert_body(&client.ask(&request), want);
    }
    // Under another name, which the configuration gives.
    let source = json!({"filter_state": "caller"});
    let gate = Setup::new(&upstream).identity_writer("caller").strip(&policy(Some(source))).start();
    assert_sees(&gate, &record(admin), true);
    let gate = Setup::new(&upstream).identity_writer("caller").strip(&policy(None)).start();
    assert_sees(&gate, &record(admin), false);
    // Written by a filter that comes after ours: too late, nobody.
    let gate = Setup::new(&upstream).strip(&policy(None)).identity_writer("lockgate.identity").start();
    assert_sees(&gate, &record(admin), false);
}

#[test]
fn envoys_own_filter_state_objects_are_no_identity() {
    let upstream = Upstream::start();
    upstream.on("/api/part", Answer::json(PART));
    let admin = r#"{"subject":"x","roles":["SMS_ADMIN"],"permissions":[]}"#;
    // `set_filter_state` makes objects of Envoy's types, which Wasm filters do not read under this name.
    let filter = json!({
        "name": "envoy.filters.http.set_filter_state",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": "wasm.lockgate.identity",
                "factory_key": "envoy.string",
                "format_string": {"text_format_source": {"inline_string": admin}},
            }],
        },
    });
    let gate = Setup::new(&upstream).filter(filter).strip(&policy(None)).start();
    assert_sees(&gate, &get(), false);
}

#[test]
fn jwt_authn_metadata_says_who_is_calling() {
    let upstream = Upstream::start();
    upstream.on("/api/part", Answer::json(PART));
    let issuer = Issuer::new();
    let jwt_authn = |payload: &str| {
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"issuer": {
                    "issuer": "https://issuer.example",
                    "local_jwks": {"inline_string": issuer.jwks()},
                    "payload_in_metadata": payload,
                }},
                "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [
                    {"provider_name": "issuer"}, {"allow_missing": {}},
                ]}}}],
            },
        })
    };
    let source = json!({"jwt_authn": {"payload": "claims", "roles": "roles", "permissions": "realm.permissions"}});
    let gate = Setup::new(&upstream).filter(jwt_authn("claims")).strip(&policy(Some(source.clone()))).start();
    let token = |claims: Vec<(&'static str, Value)>| {
        let whole = vec![("iss", json!("https://issuer.example")), ("exp", json!(4_102_444_800_u64))];
        issuer.sign(&Repeated([whole, claims].concat()))
    };
    let bearer = |token: &str| get().header("authorization", format!("Bearer {token}"));
    let roles = |roles: Value| vec![("roles", roles)];
    let many: Vec<String> = (0..300).map(|n| format!("r{n}")).collect();
    let rows = [
        ("an admin", roles(json!(["SMS_ADMIN"])), true),
        ("a single text", roles(json!("SMS_ADMIN")), true),
        ("a permission below a claim", vec![("realm", json!({"permissions": ["see.revenue"]}))], true),
        ("permissions as text", vec![("realm", json!({"permissions": "a see.revenue b"}))], true),
        ("missing", vec![], false),
        ("null", roles(Value::Null), false),
        ("a number", roles(json!(7)), false),
        ("true", roles(json!(true)), false),
        ("an object", roles(json!({"SMS_ADMIN": true})), false),
        ("an object of texts", roles(json!({"SMS_ADMIN": "x", "y": ""})), false),
        // Envoy hands over the same bytes for both, and only the issuer can write them.
        ("an object of empty texts is as a list", roles(json!({"SMS_ADMIN": ""})), true),
        ("a list in a list", roles(json!([["SMS_ADMIN"]])), false),
        ("an empty list", roles(json!([])), false),
        ("a list with an empty text", roles(json!(["", "SMS_ADMIN"])), false),
        ("several roles in one text", roles(json!("MANAGER SMS_ADMIN")), false),
        ("a wildcard in a token is none", vec![("realm", json!({"permissions": ["*", "see.*"]}))], false),
        ("too many", roles(json!([&many[..], &["SMS_ADMIN".to_owned()]].concat())), false),
        ("the claim under another", vec![("realm", json!({"roles": ["SMS_ADMIN"]}))], false),
        ("a claim whose name has a dot", vec![("realm.permissions", json!(["see.revenue"]))], false),
    ];
    cases::each(rows.map(|(name, claims, sees)| (name, (claims, sees))), |_, (claims, sees)| {
        assert_sees(&gate, &bearer(&token(claims)), sees);
    });
    // A claim that stands twice: Envoy takes one of them or refuses the token, and nobody gets both.
    let twice = |first: &str, second: &str| token(vec![("roles", json!([first])), ("roles", json!([second]))]);
    let seen = [twice("SMS_ADMIN", "MANAGER"), twice("MANAGER", "SMS_ADMIN")].map(|token| {
        let response = gate.ask(&bearer(&token));
        assert!(response.status == 401 || response.text() == PART || response.text() == PART_STRIPPED, "{response}");
        response.status == 200 && response.text() == PART
    });
    assert_ne!(seen, [true, true]);
    // Broken, of another key, twice: Envoy refuses what it does not take for a token.
    let good = token(roles(json!(["SMS_ADMIN"])));
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    let refused = [
        ("no token at all", bearer("x")),
        ("without its signature", bearer(&format!("{unsigned}."))),
        ("with another's signature", bearer(&format!("{unsigned}.{}", token(vec![]).rsplit('.').next().unwrap()))),
        ("without an algorithm", bearer(&format!("eyJhbGciOiJub25lIn0.{}.", unsigned.split('.').nth(1).unwrap()))),
        (
            "of another issuer",
            bearer(&issuer.sign(&json!({"iss": "x", "exp": 4_102_444_800_u64, "roles": ["SMS_ADMIN"]}))),
        ),
        ("expired", bearer(&issuer.sign(&json!({"iss": "https://issuer.example", "exp": 1, "roles": ["SMS_ADMIN"]})))),
    ];
    cases::each(refused, |_, request| assert_eq!(gate.ask(&request).status, 401));
    let manager = token(roles(json!(["MANAGER"])));
    for (first, second) in [(&good, &manager), (&manager, &good)] {
        let both = bearer(first).header("authorization", format!("Bearer {second}"));
        let response = gate.ask(&both);
        assert!(matches!(response.status, 400 | 401) || response.text() == PART_STRIPPED, "{response}");
    }
    cases::each(pretended(), |_, request| assert_sees(&gate, &request, false));
    // The payload under another key than the one that we read.
    let gate = Setup::new(&upstream).filter(jwt_authn("elsewhere")).strip(&policy(Some(source))).start();
    assert_sees(&gate, &bearer(&good), false);
}

#[test]
fn trusted_headers_say_who_is_calling() {
    let upstream = Upstream::start();
    upstream.on("/api/part", Answer::json(PART));
    let gate = Setup::new(&upstream).strip(&policy(Some(trusted_headers()))).start();
    let rows = [
        ("an admin", get().admin(), true),
        ("in other letters", get().header("X-Test-ROLES", "SMS_ADMIN"), true),
        ("a permission", get().header("x-test-permissions", "see.revenue"), true),
        ("spaces and tabs around", get().roles("\t MANAGER ,\tSMS_ADMIN \t"), true),
        ("missing", get(), false),
        ("with underscores", get().header("x_test_roles", "SMS_ADMIN"), false),
        ("twice", get().admin().admin(), false),
        ("twice, once empty", get().admin().roles(""), false),
        (
            "roles twice, a permission once",
            get().roles("A").roles("B").header("x-test-permissions", "see.revenue"),
            false,
        ),
        ("no UTF-8", get().header("x-test-roles", b"SMS_ADMIN,\xff"), false),
        ("JSON", get().roles(r#"["SMS_ADMIN"]"#), false),
        ("semicolons", get().roles("MANAGER;SMS_ADMIN"), false),
        ("a wildcard", get().header("x-test-permissions", "*,see.*"), false),
        ("too long", get().roles(&format!("{},SMS_ADMIN", "x".repeat(16 * 1024))), false),
        ("too many", get().roles(&format!("{}SMS_ADMIN", "x,".repeat(300))), false),
    ];
    cases::each(rows.map(|(name, request, sees)| (name, (request, sees))), |_, (request, sees)| {
        assert_sees(&gate, &request, sees);
    });
    cases::each(pretended(), |_, request| assert_sees(&gate, &request, false));
    // In trailers, or in a second field over HTTP/2.
    h2c::run(async {
        let mut connection = Connection::open(gate.address()).await;
        let mut late = connection.send(connection.request("POST", "/api/part").body(()).unwrap(), false).await.unwrap();
        late.request.send_trailers(h2c::fields(&[("x-test-roles", "SMS_ADMIN")])).unwrap();
        let twice = connection
            .request("GET", "/api/part")
            .header("x-test-roles", "SMS_ADMIN")
            .header("x-test-roles", "SMS_ADMIN");
        for response in [late.response().await, connection.ask(twice).await] {
            assert_eq!((response.code(), response.body.as_slice()), (200, PART_STRIPPED.as_bytes()));
        }
    });
    // As it must be deployed: what clients say is removed, and a filter before ours says who is calling.
    let mutation = |name: &str, field: &str, mutations: Value| {
        json!({"name": name, "typed_config": {
            "@type": format!("type.googleapis.com/envoy.extensions.{field}.header_mutation.v3.HeaderMutation"),
            "mutations": mutations,
        }})
    };
    let removed = json!([{"remove": "x-test-roles"}, {"remove": "x-test-permissions"}]);
    let early = mutation("envoy.http.early_header_mutation.header_mutation", "http.early_header_mutation", removed);
    let setup = Setup::new(&upstream).manager(json!({"early_header_mutation_extensions": [early]}));
    let gate = setup.clone().strip(&policy(Some(trusted_headers()))).start();
    for request in [get().admin(), get().admin().admin(), get().header("X-Test-Roles", "SMS_ADMIN")] {
        assert_sees(&gate, &request, false);
    }
    let says = json!({"request_mutations": [{"append": {
        "header": {"key": "x-test-roles", "value": "SMS_ADMIN"}, "append_action": "APPEND_IF_EXISTS_OR_ADD",
    }}]});
    let filter = mutation("envoy.filters.http.header_mutation", "filters.http", says);
    let gate = setup.filter(filter.clone()).strip(&policy(Some(trusted_headers()))).start();
    for request in [get(), get().roles("MANAGER"), get().admin()] {
        assert_sees(&gate, &request, true);
    }
    // Without the removal, a client's header stands beside the true one: nobody.
    let gate = Setup::new(&upstream).filter(filter).strip(&policy(Some(trusted_headers()))).start();
    assert_sees(&gate, &get().roles("MANAGER"), false);
}

//! What only the gate may say, said by a client.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::{Request, Setup, cases};
use serde_json::{Value, json};

use super::{
    PARTS, assert_passes, assert_unauthorized, assert_well, bearer, claims, claims_with, inline, policy, portal,
    provider,
};

#[test]
fn identity_headers_of_clients_reach_nobody() {
    let (portal, key) = (portal(), Key::es256(1));
    let gate = Setup::new(&portal).jwt(&policy(&provider(&inline([&key])))).start();
    let token = key.sign(&claims_with("a", "tenantId", Value::Null));
    let names = [
        "x-user-id",
        "X-User-Id",
        "x_user_id",
        "X-USER_ID",
        "x-tenant-id",
        "x_tenant_id",
        "x-company-id",
        "x-role",
        "x_role",
        "x-permissions",
        "x-service-token",
        "x_service_token",
        "x-http-method-override",
        "x_http_method_override",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-user",
        "x_forwarded_user",
        "x-forwarded-groups",
        "Remote-User",
        "remote_user",
        "x-remote-user",
        "x-original-method",
        "x-forwarded-method",
        "x-forwarded-prefix",
        "x_rewrite_url",
        "x-jwt-sub",
        "x-lockgate-role",
    ];
    let paths = [PARTS, "/api/public/x"];
    cases::each(names.map(|name| (name, name)), |_, name| {
        for path in paths {
            portal.forget();
            let request = bearer(path, &token).header(name, "evil").header(name, "evil, too");
            assert_passes(&gate.ask(&request));
            let told = portal.last(path);
            let says = told.headers.iter().find(|(_, value)| String::from_utf8_lossy(value).contains("evil"));
            assert!(says.is_none(), "{path}: {says:?}");
        }
    });
    // Bytes that are no text, in what is removed and in what is not.
    let request = bearer(PARTS, &token).header("x-user-id", b"evil\xff\xfe").header("x-other", b"\xff\xfe");
    assert_passes(&gate.ask(&request));
    let told = portal.last(PARTS);
    assert_eq!(told.header("x-user-id").as_deref(), Some("usr-1"));
    assert!(told.headers.iter().any(|(name, value)| name == b"x-other" && value == b"\xff\xfe"));
    assert_eq!(told.header("x-tenant-id"), None, "a claim that the token has not");
    assert_well(&gate);
}

#[test]
fn a_tenant_in_a_header_has_one_reading() {
    let (portal, key) = (portal(), Key::es256(1));
    let mut policy = policy(&provider(&inline([&key])));
    policy["access"]["rules"][1]["require"] =
        json!({"tenant": {"header": "x-company", "type": "text", "claim": "tenantId"}});
    let gate = Setup::new(&portal).jwt(&policy).start();
    let token = key.sign(&claims("a"));
    let ask = |fields: &[(&str, &str)]| {
        fields.iter().fold(bearer(PARTS, &token), |request, (name, value)| request.header(name, value))
    };
    for fields in
        [&[("x-company", "t-1")][..], &[("X-Company", "t-1")], &[("x-company", "t-1"), ("x-companies", "t-2")]]
    {
        assert_passes(&gate.ask(&ask(fields)));
    }
    portal.forget();
    for fields in [
        &[][..],
        &[("x-company", "t-2")],
        &[("x_company", "t-1")],
        &[("x-company", "t-1"), ("x_company", "t-2")],
        &[("X_COMPANY", "t-2"), ("x-company", "t-1")],
        &[("x-company", "t-1"), ("X-Company", "t-1")],
    ] {
        gate.ask(&ask(fields)).problem(403);
    }
    assert!(portal.received(PARTS).is_empty());
    assert_well(&gate);
}

#[test]
fn one_request_has_one_token_in_one_place() {
    let (portal, key) = (portal(), Key::es256(1));
    let mut policy = policy(&provider(&inline([&key])));
    policy["limits"]["failed_signatures"] = json!({"limit": 0});
    let gate = Setup::new(&portal).jwt(&policy).start();
    let token = key.sign(&claims("a"));
    let other = key.sign(&claims("b"));
    let good = format!("Bearer {token}");
    let get = || Request::get(PARTS);
    let with = |value: &str| get().header("authorization", value);
    let passes = [
        ("as it is", with(&good)),
        ("lower case", with(&format!("bearer {token}"))),
        ("upper case", with(&format!("BEARER {token}"))),
        ("the name in upper case", get().header("AUTHORIZATION", &good)),
        ("two blanks", with(&format!("Bearer  {token}"))),
    ];
    cases::each(passes, |_, request| assert_passes(&gate.ask(&request)));
    let refused = [
        ("twice the same", with(&good).header("authorization", &good)),
        ("good and bad", with(&good).header("authorization", "Bearer x.y.z")),
        ("bad and good", with("Bearer x.y.z").header("authorization", &good)),
        ("two good ones", with(&good).header("Authorization", format!("Bearer {other}"))),
        ("basic and good", with("Basic eDp5").header("authorization", &good)),
        ("joined", with(&format!("{good}, {good}"))),
        ("joined without a blank", with(&format!("{good},{good}"))),
        ("quoted", with(&format!("Bearer \"{token}\""))),
        ("text after it", with(&format!("{good} x"))),
        ("a parameter after it", with(&format!("{good};x"))),
        ("a tab", with(&format!("Bearer\t{token}"))),
        ("a colon", with(&format!("Bearer: {token}"))),
        ("no scheme", with(&token)),
        ("another scheme", with(&format!("DPoP {token}"))),
        ("basic", with("Basic eDp5")),
        ("bytes that are no text", get().header("authorization", [good.as_bytes(), b"\xff"].concat())),
        ("bytes in the scheme", get().header("authorization", [b"B\xe9arer ", token.as_bytes()].concat())),
        ("percent", with(&good.replace('.', "%2E"))),
    ];
    cases::each(refused, |_, request| {
        portal.forget();
        let response = gate.ask(&request);
        response.problem(401);
        assert!(portal.received(PARTS).is_empty());
    });
    // Places that nobody has configured.
    portal.forget();
    for request in [
        Request::get(format!("{PARTS}?access_token={token}")),
        get().header("cookie", format!("token={token}")),
        get().header("x-jwt", &token),
        get().header("x-authorization", &good),
        get().header("proxy-authorization", &good),
        Request::new("POST", PARTS)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("access_token={token}")),
    ] {
        assert_unauthorized(&gate.ask(&request), false);
    }
    assert!(portal.received(PARTS).is_empty());
    assert_well(&gate);
}

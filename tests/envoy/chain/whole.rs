//! What all blocks together decide.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, End, Gate, Setup, Upstream, h2};
use serde_json::{Value, json};

use super::{assert_well, auth, auth_with, bearer, get, limits, strip};

const BODY: &str = r#"{"id":1,"cost":"s3cr3t","list":[{"cost":{"a":"s3cr3t"},"name":"x"}]}"#;
const STRIPPED: &str = r#"{"id":1,"list":[{"name":"x"}]}"#;

fn portal() -> Upstream {
    let portal = Upstream::start();
    portal.on("/api/x", Answer::json(BODY));
    portal.on("/api/admin/x", Answer::json(BODY));
    portal.on("/public/x", Answer::json(BODY));
    portal
}

/// The audit lines of the only request for `path` so far.
fn audits(gate: &Gate, path: &str) -> Vec<Value> {
    let record = gate.access_log(path);
    record["audit"].as_str().unwrap_or_default().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_context_does_what_all_filters_do() {
    let (portal, key) = (portal(), Key::es256(1));
    let gate = Setup::new(&portal).workers(2).chain(&[auth(&key), limits(4, 100), strip()]).start();
    let (user, admin) = (bearer(&key, "u", "USER"), bearer(&key, "a", "ADMIN"));

    let response = gate.ask(&get("/api/x", &user));
    assert_eq!((response.status, response.text().as_str(), response.end), (200, STRIPPED, End::Complete), "{response}");
    assert_eq!(response.header("ratelimit").as_deref(), Some(r#""address";r=99;t=60, "consumer";r=3;t=60"#));
    assert_eq!(response.header("vary").as_deref(), Some("authorization"));
    let told = portal.last("/api/x");
    assert_eq!((told.header("x-user-id").as_deref(), told.header("authorization")), (Some("u"), None));
    let lines = audits(&gate, "/api/x");
    let who: Vec<(&str, &str)> =
        lines.iter().map(|line| (line["filter"].as_str().unwrap(), line["outcome"].as_str().unwrap())).collect();
    assert!(who.contains(&("jwt_auth", "allowed")) && who.contains(&("revenue_strip", "stripped")), "{lines:?}");
    assert!(lines.iter().all(|line| line["subject"] == lines[0]["subject"] && line["id"] == lines[0]["id"]));

    assert_eq!(gate.ask(&get("/api/x", &admin)).text(), BODY, "who may see it does");
    assert_eq!(gate.ask(&get("/api/admin/x", &admin)).status, 200);
    // A reply passes those before it: how the client stands, and no field of the portal.
    let denied = gate.ask(&get("/api/admin/x", &user));
    denied.problem(403);
    assert!(denied.header("ratelimit").unwrap().contains("\"address\""), "{denied}");
    gate.get("/api/x").problem(401);
    gate.get("/other").problem(401);
    assert_eq!(gate.get("/public/x").text(), STRIPPED, "nobody is no administrator");

    // HTTP/2, on one connection and so on one worker.
    h2::run(async {
        let mut connection = h2::Connection::open(gate.address()).await;
        for want in [200, 200, 200, 429] {
            let request = connection.request("GET", "/api/x").header("authorization", &user);
            let response = connection.ask(request).await;
            assert_eq!(response.code(), want, "counted on all workers together: {response:?}");
            assert!(!response.shows("s3cr3t"));
            if want == 200 {
                assert_eq!(response.body, STRIPPED.as_bytes());
            }
        }
        let request = connection.request("GET", "/api/x");
        assert_eq!(connection.ask(request).await.code(), 401);
    });
    // Counted at the end of each exchange, as the log is written.
    gate.access_log("/public/x");
    assert_eq!(gate.count(|name| name == "out.exempt"), 2);
    assert!(gate.count_jwt(|name| name == "api.allowed") >= 5);
    assert_well(&gate);
}

#[test]
fn a_penalty_counts_what_authentication_refuses() {
    let (portal, key) = (portal(), Key::es256(1));
    let mut limits = limits(100, 100);
    limits["rate-limit"]["penalties"] =
        json!([{"name": "failures", "failures": {"limit": 3, "window_s": 60}, "block_s": 60}]);
    // Wherever the block stands: it runs before anybody is known.
    for blocks in [[limits.clone(), auth(&key)], [auth(&key), limits.clone()]] {
        let mut blocks = blocks.to_vec();
        if blocks[0].get("rate-limit").is_some() {
            // What asks who is calling stands behind jwt-auth.
            blocks[0]["rate-limit"]["policies"].as_array_mut().unwrap().remove(0);
        }
        let gate = Setup::new(&portal).workers(2).chain(&blocks).start();
        for _ in 0..4 {
            gate.get("/api/x").problem(401);
        }
        assert_eq!(gate.get("/api/x").status, 429);
        // Blocked is who comes from there, token or not; and nothing is verified any more.
        assert_eq!(gate.ask(&get("/api/x", &bearer(&key, "u", "USER"))).status, 429);
        assert_eq!(gate.count_jwt(|name| name.ends_with(".verified")), 0);
        assert_well(&gate);
    }
}

#[test]
fn a_filter_behind_the_chain_reads_who_is_calling() {
    let (portal, key) = (portal(), Key::es256(1));
    let config = strip()["revenue-strip"].clone();
    let gate = Setup::new(&portal).chain(&[auth(&key)]).strip(&config).start();
    assert_eq!(gate.ask(&get("/api/x", &bearer(&key, "a", "ADMIN"))).text(), BODY);
    assert_eq!(gate.ask(&get("/api/x", &bearer(&key, "u", "USER"))).text(), STRIPPED);
    assert_well(&gate);
}

#[test]
fn a_request_waits_for_keys_in_the_middle_of_the_chain() {
    let (portal, keys, key) = (portal(), Upstream::start(), Key::es256(1).kid("one"));
    let go_on = lockgate_envoy_tests::Signal::new();
    let set = lockgate_envoy_tests::token::key_set([&key]).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{set}", set.len());
    keys.on("/keys", Answer::default().wait(&go_on).send(head));
    let jwks = json!({"remote": {
        "cluster": "keys", "authority": "issuer.example", "path": "/keys",
        "refresh_s": 3600, "retry_s": 1, "timeout_ms": 1000, "max_age_s": 7200,
    }});
    let gate = Setup::new(&portal)
        .cluster("keys", Some(keys.address()))
        .chain(&[auth_with(&jwks), limits(100, 100), strip()])
        .start();
    let user = bearer(&key, "u", "USER");
    let mut client = gate.connect();
    let post = lockgate_envoy_tests::Request::post_json("/api/x", BODY).header("authorization", &user);
    client.send(&post);
    let active = || gate.envoy.counter("http.gate.downstream_rq_active").is_ok_and(|now| now == 1).then_some(());
    gate.envoy.process().wait_until("a request under way", HANGS_AFTER, active).unwrap();
    assert!(portal.received("/api/x").is_empty());
    go_on.give();
    let response = client.response("POST");
    assert_eq!((response.status, response.text().as_str()), (200, STRIPPED), "{response}");
    assert_eq!(portal.last("/api/x").body, STRIPPED.as_bytes(), "what came while it waited is stripped, too");
    assert_well(&gate);
}

#[test]
fn a_chain_that_cannot_work_does_not_start() {
    let (portal, key) = (portal(), Key::es256(1));
    for (blocks, want) in [
        (vec![strip(), auth(&key)], "chain[0].revenue-strip.identity: asks for `lockgate.identity`"),
        (vec![auth(&key), auth(&key)], "chain[1].jwt-auth: stands in chain[0] already"),
        (vec![auth(&key), json!({"revenue-strip": {"rulez": []}})], "chain[1].revenue-strip.rulez: unknown field"),
    ] {
        let Err(error) = Setup::new(&portal).chain(&blocks).try_start() else { panic!("{want}") };
        assert!(error.to_string().contains(want), "{error}");
    }
}

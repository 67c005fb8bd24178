//! A limit that gateways share, as a block: consumers are known by jwt-auth, and what is left is leased behind it.

use lockgate_envoy_tests::limits::{Limits, Mood};
use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::{Answer, Gate, Setup, Upstream};
use lockgate_harness::Redis;
use serde_json::{Value, json};

use super::{assert_well, auth, bearer, get, limits, strip};

const LIMIT: u32 = 40;

/// `limits` with the consumers' limit shared; the address's own limit stays each gateway's.
fn shared(on_error: &str) -> Value {
    let mut block = limits(LIMIT, 10_000);
    let policy = &mut block["rate-limit"]["policies"][0];
    policy["window_s"] = json!(3_600);
    block["rate-limit"]["policies"][1]["shared"] = json!(false);
    block["rate-limit"]["shared"] = json!({
        "cluster": "limits", "domain": "portals", "authority": "limits.example", "timeout_ms": 2_000, "on_error": on_error,
    });
    block
}

fn gate(portal: &Upstream, service: std::net::SocketAddr, key: &Key, on_error: &str) -> Gate {
    let blocks = [auth(key), shared(on_error), strip()];
    Setup::new(portal).workers(2).grpc_cluster("limits", service).chain(&blocks).start()
}

#[test]
fn two_gateways_admit_one_limit_of_a_consumer_together() {
    let portal = Upstream::start();
    portal.on("/api/x", Answer::json(r#"{"id":1,"cost":5}"#));
    let (key, redis) = (Key::es256(1), Redis::start().unwrap());
    let service = Limits::start(redis.address(), &[("consumer", LIMIT, 3_600)]);
    let gates = [(); 2].map(|()| gate(&portal, service.address(), &key, "deny"));
    let user = bearer(&key, "u", "USER");
    let mut admitted = 0;
    for n in 0..100 {
        let response = gates[n % 2].ask(&get("/api/x", &user));
        match response.status {
            200 => {
                assert_eq!(response.text(), r#"{"id":1}"#, "{response}");
                admitted += 1;
            }
            429 => assert_eq!(response.problem(429)["violated-policies"], json!(["consumer"])),
            status => panic!("{status}: {response}"),
        }
    }
    // What one of them has leased and does not need, the other one lacks: a few of a limit so small.
    assert!((LIMIT - 16..=LIMIT).contains(&admitted), "{admitted} of {LIMIT}");
    assert_eq!(gates[0].ask(&get("/api/x", &bearer(&key, "v", "USER"))).status, 200, "somebody else");
    gates[0].get("/api/x").problem(401);
    let asked = service.asked();
    assert!(asked.iter().all(|asked| asked.domain == "portals"), "{asked:?}");
    gates.iter().for_each(assert_well);
}

#[test]
fn a_service_that_does_not_answer_is_decided_by_on_error_in_a_chain_as_well() {
    let portal = Upstream::start();
    portal.on("/api/x", Answer::json(r#"{"id":1}"#));
    let (key, redis) = (Key::es256(1), Redis::start().unwrap());
    let user = bearer(&key, "u", "USER");
    for (on_error, want) in [("local", 200), ("allow", 200), ("deny", 503)] {
        let service = Limits::start(redis.address(), &[("consumer", LIMIT, 3_600)]);
        service.set(Mood::Unavailable);
        let gate = gate(&portal, service.address(), &key, on_error);
        assert_eq!([(); 3].map(|()| gate.ask(&get("/api/x", &user)).status), [want; 3], "{on_error}");
        assert_well(&gate);
    }
}

//! By what requests are told apart, and how many there can be.

use lockgate_envoy_tests::{Request, Setup, cases};
use serde_json::{Value, json};

use super::{assert_well, behind_a_proxy, from, gate, left, one, portal};

#[test]
fn many_callers_have_a_count_each() {
    const CALLERS: u32 = 1_000;
    let portal = portal();
    let gate = behind_a_proxy(Setup::new(&portal)).workers(2).limits(&one(json!({"limit": 2}))).start();
    let mut connections = [gate.connect(), gate.connect(), gate.connect(), gate.connect()];
    for (round, want) in [200, 200, 429].into_iter().enumerate() {
        for caller in 0..CALLERS {
            let address = format!("203.0.{}.{}", caller / 250, caller % 250);
            let connection = &mut connections[(caller as usize + round) % 4];
            let response = connection.ask(&from(&address, "/x"));
            assert_eq!(response.status, want, "caller {caller}, round {round}: {response}");
        }
    }
    assert_eq!(gate.count_limits(|name| name == "table.evicted"), 0);
    assert_well(&gate);
}

#[test]
fn a_steady_caller_outlives_a_flood_of_others() {
    const FLOOD: u32 = 4_000;
    let portal = portal();
    let mut config = one(json!({"limit": 1_000}));
    // Seven slots, 224 records.
    config["table"] = json!({"keys": 100});
    let gate = gate(&portal, &config);
    let mut connection = gate.connect();
    let mut spent = 0;
    for number in 0..FLOOD {
        let address = format!("2001:db8:{:x}:{:x}::1", number >> 8, number & 0xff);
        assert_eq!(connection.ask(&from(&address, "/x")).status, 200);
        if number % 10 == 0 {
            spent += 1;
            let (left, _) = left(&connection.ask(&from("203.0.113.1", "/x")), "all").unwrap();
            assert_eq!(left, 1_000 - spent, "forgotten after {number} others");
        }
    }
    assert!(gate.count_limits(|name| name == "table.evicted") > u64::from(FLOOD) / 2);
    assert_well(&gate);
}

/// The key `address` under a listener's settings: whether a second request with another `x-forwarded-for` is another caller's.
#[test]
fn nobody_chooses_an_address() {
    let portal = portal();
    let edge = json!({"use_remote_address": true});
    let behind = json!({"use_remote_address": true, "xff_num_trusted_hops": 1});
    // Envoy's default: it believes anybody. `lockgate check` warns of it.
    let believing = json!({});
    let rows: [(&str, &Value, &[&str], bool); 7] = [
        ("believing everybody", &believing, &["203.0.113.1", "203.0.113.2"], true),
        ("at the edge, other texts", &edge, &["203.0.113.1", "203.0.113.2"], false),
        ("at the edge, none and one", &edge, &["", "203.0.113.2"], false),
        ("at the edge, lists", &edge, &["203.0.113.1, 203.0.113.7", "203.0.113.2, 203.0.113.8"], false),
        ("behind a proxy, before its own", &behind, &["198.51.100.1, 203.0.113.7", "198.51.100.2, 203.0.113.7"], false),
        ("behind a proxy, its own", &behind, &["198.51.100.1, 203.0.113.7", "198.51.100.1, 203.0.113.8"], true),
        ("behind a proxy, no address", &behind, &["x", "y"], false),
    ];
    cases::each(
        rows.map(|(name, manager, texts, apart)| (name, (manager, texts, apart))),
        |_, (manager, texts, apart)| {
            let gate = Setup::new(&portal).manager(manager.clone()).limits(&one(json!({"limit": 1}))).start();
            let mut statuses = Vec::new();
            for text in texts {
                let mut request = Request::get("/x");
                if !text.is_empty() {
                    request = request.header("x-forwarded-for", text);
                }
                // What other proxies and some portals believe.
                for name in ["x-real-ip", "forwarded", "true-client-ip", "cf-connecting-ip", "x-envoy-external-address"]
                {
                    request = request.header(name, text);
                }
                statuses.push(gate.ask(&request).status);
            }
            assert_eq!(statuses, if apart { [200, 200] } else { [200, 429] });
        },
    );
}

#[test]
fn other_parts_tell_apart_what_they_say() {
    let portal = portal();
    let get =
        |path: &str, id: &[&str]| id.iter().fold(Request::get(path), |request, id| request.header("x-api-key", id));
    let rows = [
        ("a header", json!([{"header": "X-Api-Key"}]), [get("/x", &["a"]), get("/x", &["b"])], true),
        ("the same header", json!([{"header": "x-api-key"}]), [get("/x", &["a"]), get("/y", &["a"])], false),
        ("two headers are none", json!([{"header": "x-api-key"}]), [get("/x", &["a", "b"]), get("/x", &[])], false),
        ("a path's pattern", json!(["path"]), [get("/x", &[]), get("/y", &[])], false),
        ("a method", json!(["method"]), [get("/x", &[]), Request::new("POST", "/x")], true),
        ("HEAD is GET", json!(["method"]), [get("/x", &[]), Request::new("HEAD", "/x")], false),
        ("a constant", json!([{"constant": "all"}]), [get("/x", &["a"]), Request::new("POST", "/y")], false),
        ("case and query", json!(["path"]), [get("/x?a", &[]), get("/X?b", &[])], false),
        // Nobody has made an identity: both are counted by address.
        ("no consumer", json!(["consumer"]), [get("/x", &["a"]), get("/y", &["b"])], false),
    ];
    cases::each(
        rows.map(|(name, key, requests, apart)| (name, (key, requests, apart))),
        |_, (key, requests, apart)| {
            let gate = Setup::new(&portal).limits(&one(json!({"key": key, "limit": 1}))).start();
            let statuses = requests.map(|request| gate.ask(&request).status);
            assert_eq!(statuses[0], 200);
            assert_eq!(statuses[1] != 429, apart, "{statuses:?}");
        },
    );
}

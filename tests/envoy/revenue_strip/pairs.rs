//! Values that stand beside their name: `{"name": "unit_cost", "value": 5}`.

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, End, Gate, Request, Setup, Upstream, cases, h2};
use serde_json::{Value, json};

use super::{SECRET, assert_no_secret, assert_refused, assert_refused_or_broken};

const ROW: &str = concat!(
    r#"{"value":"s3cr3t","name":"unit_cost","n":1,"spec":{"label":"Profit Margin","amount":["s3cr3t"]},"#,
    r#""name":"color"},{"name":"color","value":{"a":"é","total_cost":"s3cr3t"}}"#,
);
const ROW_LEFT: &str = concat!(
    r#"{"name":"unit_cost","n":1,"spec":{"label":"Profit Margin"},"#,
    r#""name":"color"},{"name":"color","value":{"a":"é"}}"#,
);

fn policy(guard: bool) -> Value {
    let mut rule = revenue_rule();
    rule["pairs"] = json!([{"name": "name", "value": "value"}, {"name": "label", "value": "amount"}]);
    let mut incoming = rule.clone();
    incoming["name"] = json!("incoming");
    incoming["direction"] = json!("request");
    incoming["match"]["paths"] = json!(["/api/sync/**"]);
    let mut config = rules(&[rule, incoming]);
    config["guard"] = json!(guard);
    config
}

fn gates(setup: impl Fn() -> Setup) -> [Gate; 3] {
    [
        setup().workers(2).strip(&policy(false)).start(),
        setup().workers(2).strip(&policy(true)).start(),
        setup().streaming_heads().strip(&policy(true)).start(),
    ]
}

/// A body of each format of JSON, and what is left of it.
fn bodies() -> Vec<(&'static str, &'static str, String, String)> {
    let all = |before: &str, between: &str, after: &str| {
        [ROW, ROW_LEFT].map(|row| format!("{before}{}{after}", vec![row; 60].join(between)))
    };
    let rows = [
        ("JSON", "application/json", all("[", ",", "]")),
        ("NDJSON", "application/x-ndjson", all("[", "]\n[", "]\n")),
        ("records", "application/json-seq", all("\x1e[", "]\n\x1e[", "]\n")),
        ("events", "text/event-stream", all("data: [", "]\n\ndata: [", "]\n\n")),
        ("sniffed", "text/plain", all(" [", " ,\r\n", "]")),
    ];
    rows.map(|(name, media, [body, left])| (name, media, body, left)).to_vec()
}

#[test]
fn no_value_of_a_taken_name_leaves_over_either_version() {
    let upstream = Upstream::start();
    let portal = h2::Portal::start();
    let to_1 = gates(|| Setup::new(&upstream));
    let to_2 = gates(|| Setup::new(&upstream).http_2_portal(&portal));
    cases::each(bodies().into_iter().map(|(name, media, body, want)| (name, (media, body, want))), |_, case| {
        let (media, body, want) = case;
        let least = body.len() / 90;
        for size in [1, 7, 64, 1460, 16_384].map(|size: usize| size.max(least)) {
            let pieces = || body.as_bytes().chunks(size);
            upstream.on("/api/list", Answer::chunked(media, pieces()));
            let head = h2::Answer::head(200, &[("content-type", media)]);
            let answer = pieces().fold(head, |answer, piece| answer.data(piece.to_vec()));
            portal.on("/api/list", answer.trailers(&[("x-kept", "yes")]));
            for gate in to_1.iter().chain(&to_2) {
                let response = gate.get("/api/list");
                assert_no_secret(&response);
                assert_eq!((response.status, response.end, response.text()), (200, End::Complete, want.clone()));
                let uri = format!("http://{}/api/list", gate.address());
                let response = h2::ask(gate.address(), http::Request::get(uri).body(()).unwrap(), None);
                assert_eq!((response.code(), response.reset.as_deref()), (200, None));
                assert_eq!(String::from_utf8_lossy(&response.body), want);
            }
        }
        let admin = to_1[0].ask(&Request::get("/api/list").admin());
        assert_eq!((admin.end, admin.text()), (End::Complete, body));
    });
    for gate in to_1.iter().chain(&to_2) {
        assert_eq!(gate.count(|name| name.contains("guard")), 0);
        assert!(!gate.envoy.log().contains("[critical]"), "the VM lives");
    }
}

#[test]
fn requests_lose_them_too() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).workers(2).strip(&policy(true)).start();
    upstream.on("/api/sync/list", Answer::json("{}"));
    for (_, media, body, want) in bodies() {
        let response = gate.ask(&Request::new("POST", "/api/sync/list").header("content-type", media).body(&body));
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(String::from_utf8_lossy(&upstream.last("/api/sync/list").body), want);
    }
}

#[test]
fn more_than_may_be_held_is_refused() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&policy(true)).start();
    let long = "x".repeat(70_000);
    let value_first = format!(r#"[{{"value":"{SECRET}{long}","name":"unit_cost"}}]"#);
    for size in [1000, 200_000] {
        upstream.on("/api/long", Answer::chunked("application/json", value_first.as_bytes().chunks(size)));
        assert_refused_or_broken(&gate.get("/api/long"));
    }
    let small = format!(r#"[{{"value":"{SECRET}"]"#);
    upstream.on("/api/cut", Answer::json(&small));
    assert_refused(&gate.get("/api/cut"));
    // After its name a value may be of any length.
    let name_first = format!(r#"[{{"name":"unit_cost","value":"{SECRET}{long}"}}]"#);
    upstream.on("/api/taken", Answer::chunked("application/json", name_first.as_bytes().chunks(1000)));
    let response = gate.get("/api/taken");
    assert_eq!((response.end, response.text().as_str()), (End::Complete, r#"[{"name":"unit_cost"}]"#));
    let stays = format!(r#"[{{"name":"color","value":"{long}"}}]"#);
    upstream.on("/api/stays", Answer::chunked("application/json", stays.as_bytes().chunks(1000)));
    let response = gate.get("/api/stays");
    assert_eq!((response.end, response.text()), (End::Complete, stays));
    assert!(gate.count(|name| name == "revenue.blocked_pair_length") == 2);
}

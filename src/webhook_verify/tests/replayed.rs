//! What was delivered is not delivered again; what was not, may come again.

use super::delivery::{NOW_S, SECRET, portal, signed};
use super::*;
use crate::exchange::{Body, Chunk, Exchange as _, HeadState, Step};
use crate::head::Head;
use crate::webhook_verify::{Exchange, MAX_ENDPOINTS, MAX_REPLAY_BYTES, Outgoing};

fn gate(replay: &Value) -> Gate {
    let mut gate = Gate::new(&portal(&json!({"replay": replay})), &[SECRET]);
    gate.at(NOW_S);
    gate
}

/// A delivery whose head and body have come, and whose answer has not.
fn under_way(gate: &mut Gate, request: &Request) -> (Exchange, Body) {
    let mut exchange = gate.policy.open();
    let mut fields = vec![(":method".to_owned(), b"POST".to_vec()), (":path".to_owned(), b"/in".to_vec())];
    fields.extend(request.content.headers.clone());
    assert_eq!(exchange.request_head(&mut Head::new(fields, false), &mut gate.host), Step::Hold);
    let chunk = Chunk { bytes: &request.content.body, end: true, head: HeadState::Held };
    let body = exchange.request_body(chunk, &mut Vec::new(), &mut gate.host);
    (exchange, body)
}

fn answered(exchange: &mut Exchange, gate: &mut Gate, status: &str) {
    let mut head = Head::new(vec![(":status".to_owned(), status.as_bytes().to_vec())], true);
    assert_eq!(exchange.response_head(&mut head, &mut gate.host), Step::Continue);
}

#[test]
fn a_delivery_that_was_taken_is_answered_and_not_forwarded() {
    for (repeated, want) in [(json!("accept"), 200), (json!("refuse"), 409)] {
        let mut gate = gate(&json!({"window_s": 600, "repeated": repeated}));
        let request = signed(&gate, r#"{"event":"a"}"#);
        assert!(gate.send(&request).forwarded.is_some());
        for seconds in [0, 1, 599] {
            let outcome = gate.at(NOW_S + seconds).send(&request);
            let (status, word) = if seconds <= 300 { (want, "replayed") } else { (401, "stale") };
            assert_eq!((outcome.status, reason(&outcome), &outcome.forwarded), (status, word, &None), "{seconds}");
        }
        assert_eq!(gate.counter("replayed"), 2);
    }
}

/// By a head, and by the status alone, which is what a host reads of it.
#[test]
fn only_a_status_from_200_to_299_is_final() {
    for (status, want) in [
        (Some("200"), "settled"),
        (Some("204"), "settled"),
        (Some("299"), "settled"),
        (Some("199"), "released"),
        (Some("300"), "released"),
        (Some("404"), "released"),
        (Some("500"), "released"),
        (Some("2"), "released"),
        (Some("2000"), "released"),
        (Some(""), "released"),
        (None, "released"),
    ] {
        for alone in [true, false] {
            let mut gate = gate(&json!({"window_s": 600}));
            let request = signed(&gate, "{}");
            let (mut exchange, body) = under_way(&mut gate, &request);
            assert_eq!(body, Body::Unchanged);
            if alone {
                assert!(exchange.response_status(status.map(str::as_bytes), &mut gate.host));
            } else {
                let fields = status.map(|status| (":status".to_owned(), status.as_bytes().to_vec()));
                let mut head = Head::new(fields.into_iter().collect(), true);
                assert_eq!(exchange.response_head(&mut head, &mut gate.host), Step::Continue);
                assert_eq!(head.changes().count(), 0);
            }
            let counted = ["settled", "released", "unsettled"].map(|name| gate.counter(&format!("hook.{name}")));
            let want = ["settled", "released", "unsettled"].map(|name| u64::from(name == want));
            assert_eq!(counted, want, "{status:?}, alone: {alone}");
        }
    }
}

/// Id and time of this scheme are anybody's to change: they are no part of what is remembered.
#[test]
fn another_id_or_time_makes_no_other_delivery() {
    let mut gate = gate(&json!({"window_s": 86_400}));
    let request = signed(&gate, "{}");
    assert!(gate.send(&request).forwarded.is_some());
    for (name, value) in [("x-webhook-id", "wh_2"), ("x-webhook-timestamp", "2026-01-02T03:05:00Z")] {
        let mut again = request.clone();
        again
            .content
            .headers
            .iter_mut()
            .filter(|(given, _)| given == name)
            .for_each(|(_, given)| *given = value.into());
        assert_eq!(reason(&gate.send(&again)), "replayed", "{name}");
    }
    // Nor does a signature in other letters.
    let mut upper = request.clone();
    for (name, value) in &mut upper.content.headers {
        if name == "x-webhook-signature" {
            *value = String::from_utf8(value.clone()).unwrap().to_uppercase().replace("SHA256", "sha256").into_bytes();
        }
    }
    assert_eq!(reason(&gate.send(&upper)), "replayed");
    let other = signed(&gate, "{ }");
    assert!(gate.send(&other).forwarded.is_some());
}

#[test]
fn what_the_portal_did_not_take_may_come_again() {
    for status in [500, 503, 404, 302, 401] {
        let mut gate = gate(&json!({"window_s": 600}));
        let request = signed(&gate, "{}");
        assert_eq!(gate.answers(status).send(&request).status, status);
        assert_eq!(gate.counter("hook.released"), 1, "{status}");
        assert!(gate.answers(204).send(&request).forwarded.is_some(), "{status}");
        assert_eq!(reason(&gate.send(&request)), "replayed", "{status}");
    }
    let request = signed(&gate(&json!({"window_s": 600})), "{}");
    for (details, released) in [(&b"via_upstream"[..], 1), (b"downstream_remote_disconnect", 0)] {
        let mut gate = gate(&json!({"window_s": 600}));
        let (mut exchange, _) = under_way(&mut gate, &request);
        gate.host.set_attribute(&["response", "code_details"], details);
        answered(&mut exchange, &mut gate, "503");
        exchange.done(&mut gate.host);
        assert_eq!(gate.counter("hook.released"), released);
    }
}

/// Where the only attempt found no connection, the portal did nothing.
#[test]
fn what_never_went_to_the_portal_may_come_again() {
    let refused = &b"upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}"[..];
    let request = signed(&gate(&json!({"window_s": 600})), "{}");
    for (details, attempts, released) in [
        (refused, Some(1), 1),
        (b"upstream_reset_before_response_started{local_connection_failure}", Some(1), 1),
        (b"upstream_reset_before_response_started{connection_timeout}", Some(1), 1),
        (b"upstream_reset_before_response_started{overflow}", Some(1), 1),
        (b"no_healthy_upstream", Some(1), 1),
        (b"route_not_found", Some(0), 1),
        // An attempt before the last one may have got there.
        (refused, Some(2), 0),
        (b"no_healthy_upstream", Some(2), 0),
        (refused, None, 0),
        (b"upstream_reset_before_response_started{connection_termination}", Some(1), 0),
        (b"upstream_reset_after_response_started{remote_connection_failure}", Some(1), 0),
        (b"response_timeout", Some(1), 0),
    ] {
        let mut gate = gate(&json!({"window_s": 600}));
        let (mut exchange, _) = under_way(&mut gate, &request);
        gate.host.set_attribute(&["response", "code_details"], details);
        if let Some(attempts) = attempts {
            gate.host.set_attribute(&["upstream", "request_attempt_count"], &u64::to_le_bytes(attempts));
        }
        answered(&mut exchange, &mut gate, "503");
        exchange.done(&mut gate.host);
        let details = String::from_utf8_lossy(details);
        assert_eq!(gate.counter("hook.released"), released, "{details}, {attempts:?} attempts");
    }
}

/// Without the portal's own answer nobody knows what it did: a client that goes away early must not open the way for a second
/// delivery of the same.
#[test]
fn without_the_portals_answer_the_lease_runs_out() {
    for broken in [Answer::Reset, Answer::Timeout] {
        let mut gate = gate(&json!({"window_s": 600, "lease_s": 10}));
        let request = signed(&gate, "{}");
        gate.answer = broken;
        assert!(gate.send(&request).forwarded.is_some());
        assert_eq!(gate.counter("hook.released"), 0);
        assert_eq!(reason(&gate.answers(200).at(NOW_S + 9).send(&request)), "in_flight");
        assert!(gate.at(NOW_S + 10).send(&request).forwarded.is_some());
    }
}

#[test]
fn of_two_at_once_one_passes() {
    let mut one = gate(&json!({"window_s": 600}));
    let request = signed(&one, "{}");
    let (mut first, body) = under_way(&mut one, &request);
    assert_eq!(body, Body::Unchanged);
    // Another worker: another policy over the same shared slots.
    let mut two = gate(&json!({"window_s": 600}));
    two.host = std::mem::take(&mut one.host);
    two.at(NOW_S + 1);
    two.host.set_attribute(&["connection", "id"], &7_u64.to_le_bytes());
    let (second, body) = under_way(&mut two, &request);
    let Body::Refuse(reply) = body else { panic!("{body:?}") };
    assert_eq!((reply.status, reply.reason), (409, "in_flight"));
    assert!(reply.headers.contains(&("retry-after".into(), "59".to_owned())), "{reply:?}");
    drop(second);
    one.host = std::mem::take(&mut two.host);
    answered(&mut first, &mut one, "200");
    first.done(&mut one.host);
    assert_eq!(reason(&one.send(&request)), "replayed");
}

/// A VM that dies takes its claims with it, when their lease ends.
#[test]
fn a_lease_ends() {
    let mut gate = gate(&json!({"window_s": 600, "lease_s": 10}));
    let request = signed(&gate, "{}");
    let (lost, body) = under_way(&mut gate, &request);
    assert_eq!(body, Body::Unchanged);
    std::mem::forget(lost);
    assert_eq!(reason(&gate.at(NOW_S + 9).send(&request)), "in_flight");
    assert!(gate.at(NOW_S + 10).send(&request).forwarded.is_some());
}

/// An exchange that ends without an answer keeps its claim until the lease ends.
#[test]
fn a_broken_exchange_releases_nothing() {
    let mut gate = gate(&json!({"window_s": 600, "lease_s": 10}));
    let request = signed(&gate, "{}");
    let (mut broken, _) = under_way(&mut gate, &request);
    broken.done(&mut gate.host);
    assert_eq!(gate.counter("hook.released"), 0);
    assert_eq!(reason(&gate.send(&request)), "in_flight");
    assert!(gate.at(NOW_S + 10).send(&request).forwarded.is_some());
}

#[test]
fn a_forgery_claims_nothing() {
    let mut gate = gate(&json!({"window_s": 600}));
    let request = signed(&gate, "{}");
    let mut forged = request.clone();
    forged.content.headers.iter_mut().filter(|(name, _)| name == "x-webhook-signature").for_each(|(_, value)| {
        *value = format!("sha256={}", "0".repeat(64)).into_bytes();
    });
    assert_eq!(reason(&gate.send(&forged)), "mismatch");
    assert!(gate.send(&request).forwarded.is_some());
}

#[test]
fn a_full_table_refuses() {
    let mut config = portal(&json!({"replay": {"window_s": 600}}));
    config["table"] = json!({"keys": 1});
    let mut gate = Gate::new(&config, &[SECRET]);
    gate.at(NOW_S);
    let mut refused = 0;
    for n in 0..40 {
        let request = signed(&gate, &format!("{{\"n\":{n}}}"));
        let outcome = gate.send(&request);
        if outcome.status == 503 {
            assert_eq!(reason(&outcome), "table_full");
            refused += 1;
        }
    }
    // One slot has 32 places.
    assert_eq!(refused, 8);
    assert_eq!(gate.counter("table_full"), 8);
    // What was taken stays so.
    let request = signed(&gate, "{\"n\":0}");
    assert_eq!(reason(&gate.send(&request)), "replayed");
}

/// Each has its share: a sender that holds one secret and floods one endpoint with good deliveries closes no other one.
#[test]
fn a_full_endpoint_closes_no_other() {
    let endpoint = |name: &str, secret: &str, replay: Value| {
        json!({
            "name": name, "match": {"paths": [format!("/{name}")]}, "scheme": "portal", "secrets": [{"env": secret}],
            "replay": replay
        })
    };
    let config = |others: &[Value]| {
        let mut endpoints = vec![endpoint("in", "S0", json!({"window_s": 600, "keys": 1}))];
        endpoints.extend_from_slice(others);
        json!({"endpoints": endpoints, "table": {"keys": 1}})
    };
    let same = endpoint("same", "S0", json!({"window_s": 600}));
    let large = endpoint("same", "S0", json!({"window_s": 600, "keys": 1000}));
    let other = endpoint("other", "S1", json!({"window_s": 600}));
    let secrets = [SECRET, "another secret of the sender's", "a third secret of the sender's"];
    let delivery = |gate: &Gate, name: &str, body: &str| {
        let target = format!("/{name}");
        let (method, body, now_ms) = ("POST", body.as_bytes(), NOW_S * 1000);
        let outgoing = Outgoing { method, target: &target, headers: &[], body, id: "wh_1", now_ms };
        let headers = gate.policy.sign(name, &outgoing).unwrap();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        post(&target, &headers, body)
    };
    for (others, at_the_same, passed) in
        [(vec![same, other.clone()], "table_full", 32), (vec![large, other.clone()], "pass", 40)]
    {
        let mut gate = Gate::new(&config(&others), &secrets);
        gate.at(NOW_S);
        let mut flood = Vec::new();
        for n in 0..40 {
            let request = delivery(&gate, "in", &n.to_string());
            flood.push(reason(&gate.send(&request)));
        }
        let number = |word: &str| flood.iter().filter(|reason| **reason == word).count();
        assert_eq!((number("pass"), number("table_full")), (passed, 40 - passed));
        // Those with a secret in common share a memory, and so its room.
        let request = delivery(&gate, "same", "more");
        assert_eq!(reason(&gate.send(&request)), at_the_same);
        let request = delivery(&gate, "other", "more");
        assert_eq!(reason(&gate.send(&request)), "pass");
        assert_eq!(reason(&gate.send(&request)), "replayed");
        // An endpoint more, and what is known is known.
        let mut more = others;
        more.push(endpoint("more", "S2", json!({"window_s": 600})));
        more.reverse();
        let mut next = Gate::new(&config(&more), &secrets);
        next.host = std::mem::take(&mut gate.host);
        assert_eq!(reason(&next.at(NOW_S + 1).send(&request)), "replayed");
    }
}

#[test]
fn all_tables_together_are_bounded() {
    let config = |endpoints: usize, table: &Value| {
        let endpoint = |n| {
            json!({
                "name": n, "match": {"paths": [format!("/{n}")]}, "scheme": "portal", "secrets": [{"env": format!("S{n}")}]
            })
        };
        let endpoints: Vec<Value> = (0..endpoints).map(|n| n.to_string()).map(endpoint).collect();
        let mut config = json!({"endpoints": endpoints});
        if !table.is_null() {
            config["table"] = table.clone();
        }
        config
    };
    let secrets: Vec<String> = (0..MAX_ENDPOINTS).map(|n| format!("{SECRET} number {n}")).collect();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let all = Gate::new(&config(MAX_ENDPOINTS, &Value::Null), &secrets);
    assert_eq!(all.policy.sizes().len(), MAX_ENDPOINTS);
    assert!((MAX_REPLAY_BYTES / 2..=MAX_REPLAY_BYTES).contains(&all.policy.max_bytes()));
    let most = json!({"keys": 40_960});
    assert!(Gate::try_new(&config(15, &most), &secrets).is_ok());
    let error = Gate::try_new(&config(16, &most), &secrets).err().unwrap();
    assert!(
        error.starts_with("table.keys: is 40960: with it, what is remembered could take 68681728 bytes"),
        "{error}"
    );
}

/// One secret for two endpoints: a delivery passes at one of them, and `check` says so.
#[test]
fn endpoints_with_one_secret_remember_in_common() {
    let config = |secrets: [&str; 3], mode: &str| {
        json!({"endpoints": [
            {"name": "hook", "match": {"paths": ["/in"]}, "scheme": "portal", "secrets": [{"env": secrets[0]}]},
            {
                "name": "b", "match": {"paths": ["/b"]}, "scheme": "portal",
                "secrets": [{"env": secrets[1]}, {"env": secrets[2]}], "replay": {"window_s": 100}, "mode": mode
            },
            {"name": "c", "match": {"paths": ["/c"]}, "scheme": "portal", "secrets": [{"env": "S2"}]}
        ]})
    };
    let secrets = [SECRET, "another secret of the sender's", "a third secret of the sender's", "and one more of them"];
    let start = |names, mode| Gate::new(&config(names, mode), &secrets);
    let warned = |gate: &Gate| {
        let findings = gate.policy.findings();
        let its = findings.iter().filter(|finding| finding.message.contains("is also a secret of endpoint"));
        its.map(|finding| (finding.warning, finding.path.clone())).collect::<Vec<_>>()
    };
    assert_eq!(
        warned(&start(["S0", "S0", "S2"], "enforce")),
        [(true, "endpoints[1].secrets[0]".to_owned()), (true, "endpoints[2].secrets[0]".to_owned())]
    );
    assert_eq!(warned(&start(["S0", "S1", "S3"], "enforce")), []);
    let asked = |gate: &mut Gate, order: &[&str]| {
        let request = signed(gate, "{}");
        let ask = |path: &&str| reason(&gate.send(&Request { path: (*path).to_owned(), ..request.clone() }));
        order.iter().map(ask).collect::<Vec<_>>()
    };
    let paths = ["/in", "/b", "/in", "/b"];
    for (names, mode, want) in [
        (["S0", "S0", "S2"], "enforce", ["pass", "replayed", "replayed", "replayed"]),
        // Remembered as long as the longest of them says.
        (["S0", "S0", "S3"], "enforce", ["pass", "replayed", "replayed", "replayed"]),
        // Of its own secret alone.
        (["S0", "S1", "S3"], "enforce", ["pass", "mismatch", "replayed", "mismatch"]),
        // What only watches takes nothing away.
        (["S0", "S0", "S3"], "shadow", ["pass", "pass", "replayed", "pass"]),
    ] {
        let mut gate = start(names, mode);
        assert_eq!(asked(gate.at(NOW_S), &paths), want, "{names:?}, {mode}");
    }
    let mut gate = start(["S0", "S0", "S3"], "enforce");
    assert_eq!(asked(gate.at(NOW_S), &["/b"]), ["pass"]);
    assert_eq!(asked(gate.at(NOW_S + 200), &["/in"]), ["replayed"], "b alone would have forgotten it");
    // Through a third, and whatever their order is.
    let mut gate = start(["S0", "S0", "S2"], "enforce");
    assert_eq!(asked(gate.at(NOW_S), &["/in"]), ["pass"]);
    let mut turned = config(["S0", "S0", "S2"], "enforce");
    turned["endpoints"].as_array_mut().unwrap().reverse();
    let mut other = Gate::new(&turned, &secrets);
    other.host = std::mem::take(&mut gate.host);
    assert_eq!(asked(other.at(NOW_S + 1), &["/b"]), ["replayed"]);
}

//! What was delivered, and what is under way.

use std::thread;

use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, End, Gate, Response, Signal, Upstream};
use serde_json::json;

use super::{PATH, assert_taken, assert_well, delivery, event, setup};

const AT_ONCE: usize = 24;

#[test]
fn of_many_at_once_one_goes_on() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({})).workers(2).start();
    let signal = Signal::new();
    upstream.on(PATH, Answer::default().wait(&signal).send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntaken"));
    let body = event(1);
    let mut clients: Vec<_> = (0..AT_ONCE).map(|_| gate.connect()).collect();
    // On both workers.
    let busy = |worker: u32| {
        let stats = gate.envoy.stats("listener.").unwrap();
        let name = format!(".worker_{worker}.downstream_cx_active");
        stats.iter().any(|(counter, count)| counter.ends_with(&name) && *count > 0)
    };
    let both_are = || (busy(0) && busy(1)).then_some(());
    gate.envoy.process().wait_until("connections on both workers", HANGS_AFTER, both_are).unwrap();
    let answers: Vec<Response> = thread::scope(|scope| {
        let asking: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                let request = delivery(&body);
                scope.spawn(move || client.ask(&request))
            })
            .collect();
        // All but one are refused while that one is at the portal: whoever came after its answer would find it delivered.
        let all_refused = || (in_flight(&gate) >= AT_ONCE - 1).then_some(());
        gate.envoy.process().wait_until("refusals", HANGS_AFTER, all_refused).unwrap();
        signal.give();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    let (taken, refused): (Vec<&Response>, Vec<&Response>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((taken.len(), refused.len()), (1, AT_ONCE - 1));
    assert_taken(taken[0]);
    for answer in refused {
        answer.problem(409);
        let after_s: u64 = answer.header("retry-after").expect("retry-after").parse().unwrap();
        assert!((1..=60).contains(&after_s), "{answer}");
    }
    assert_eq!(upstream.received(PATH).len(), 1);
    assert_eq!(in_flight(&gate), AT_ONCE - 1);
    // And now it was delivered, whichever worker is asked.
    for _ in 0..8 {
        let again = gate.ask(&delivery(&body));
        assert_eq!((again.status, again.text().as_str(), again.end), (200, "", End::Complete), "{again}");
    }
    assert_eq!(upstream.received(PATH).len(), 1);
    assert_well(&gate);
}

/// How many were refused as under way so far.
fn in_flight(gate: &Gate) -> usize {
    usize::try_from(gate.count_webhooks(|name| name == "in_flight")).unwrap()
}

#[test]
fn what_the_portal_did_not_take_may_come_again() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({})).start();
    let failures = [
        ("500", Answer::with("500 Internal Server Error", &[], "no"), 500),
        ("404", Answer::with("404 Not Found", &[], "no"), 404),
        ("redirected", Answer::with("302 Found", &[("location", "/x")], ""), 302),
    ];
    for (number, (name, answer, status)) in failures.into_iter().enumerate() {
        let body = event(u32::try_from(number).unwrap());
        upstream.on(PATH, answer);
        assert_eq!(gate.ask(&delivery(&body)).status, status, "{name}");
        assert_eq!(gate.ask(&delivery(&body)).status, status, "{name}: asked again");
        upstream.on(PATH, Answer::ok("text/plain", "taken"));
        let before = upstream.received(PATH).len();
        assert_taken(&gate.ask(&delivery(&body)));
        assert_eq!(upstream.received(PATH).len(), before + 1, "{name}");
        // Delivered: no more of it.
        assert_eq!(gate.ask(&delivery(&body)).text(), "", "{name}");
        assert_eq!(upstream.received(PATH).len(), before + 1, "{name}");
    }
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.settled"), 3);
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.released"), 6);
    assert_eq!(gate.count_webhooks(|name| name == "replayed"), 3);
    assert_well(&gate);
}

/// The proxy answers in the portal's place: what the portal did nobody knows, and the lease runs out.
#[test]
fn an_answer_that_breaks_off_releases_nothing() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({})).start();
    for (number, answer) in (0..).zip([Answer::default().close(), Answer::default().reset()]) {
        upstream.on(PATH, answer);
        assert_eq!(gate.ask(&delivery(event(number))).status, 503);
        upstream.on(PATH, Answer::ok("text/plain", "taken"));
        gate.ask(&delivery(event(number))).problem(409);
    }
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.released"), 0);
    assert_well(&gate);
}

#[test]
fn a_client_that_leaves_does_not_end_its_claim() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({})).start();
    let signal = Signal::new();
    upstream.on(PATH, Answer::default().wait(&signal).send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntaken"));
    let body = event(1);
    let mut client = gate.connect();
    client.send(&delivery(&body));
    upstream.last(PATH);
    drop(client);
    gate.until_active(0);
    signal.give();
    upstream.on(PATH, Answer::ok("text/plain", "taken"));
    gate.ask(&delivery(&body)).problem(409);
    assert_eq!(upstream.received(PATH).len(), 1);
    assert_well(&gate);
}

#[test]
fn a_replay_is_409_where_that_is_wanted() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({"replay": {"window_s": 3600, "repeated": "refuse"}})).start();
    assert_taken(&gate.ask(&delivery(event(1))));
    gate.ask(&delivery(event(1))).problem(409);
    assert_taken(&gate.ask(&delivery(event(2))));
    assert_eq!(upstream.received(PATH).len(), 2);
    assert_well(&gate);
}

#[test]
fn a_portal_that_is_away_takes_nothing() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({})).dead_portal().start();
    for number in 0..3 {
        assert_eq!(gate.ask(&delivery(event(number))).status, 503);
    }
    // Nothing was sent, so nothing is under way.
    assert_eq!(gate.ask(&delivery(event(0))).status, 503);
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.released"), 4);
    assert!(upstream.all().is_empty());
    assert_well(&gate);
}

//! Several workers, many clients, large bodies, clients that leave.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Client, End, Request, Setup, Signal, Upstream};

use super::{PART, PART_STRIPPED, assert_body};

#[test]
fn two_workers_under_load_never_mix_anything_up() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 40;
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).workers(2).strip(&rules(&[revenue_rule()])).start();
    let long = format!("[{}{PART}]", format!("{PART},").repeat(300));
    let long_stripped = format!("[{}{PART_STRIPPED}]", format!("{PART_STRIPPED},").repeat(300));
    upstream.on("/api/part", Answer::json(PART));
    upstream.on("/api/chunked", Answer::chunked("application/json", PART.as_bytes().chunks(100)));
    upstream.on("/api/long", Answer::json(&long));
    upstream.on("/api/bad", Answer::json("{\"unit_cost\":\"s3cr3t\",}"));
    upstream.on("/elsewhere", Answer::ok("text/csv", "unit_cost"));
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (gate, done, long, long_stripped) = (&gate, &done, &long, &long_stripped);
            scope.spawn(move || {
                let mut client = gate.connect();
                for round in 0..ROUNDS {
                    match (number + round) % 7 {
                        0 => assert_body(&client.ask(&Request::get("/api/part")), PART_STRIPPED),
                        1 => assert_eq!(client.ask(&Request::get("/api/part").admin()).text(), PART),
                        2 => assert_body(&client.ask(&Request::get("/api/chunked")), PART_STRIPPED),
                        3 => assert!(client.ask(&Request::get("/api/long")).text() == *long_stripped),
                        4 => assert!(client.ask(&Request::get("/api/long").admin()).text() == *long),
                        5 => drop(client.ask(&Request::get("/api/bad")).problem(502)),
                        _ => assert_eq!(client.ask(&Request::get("/elsewhere")).text(), "unit_cost"),
                    }
                    if round % 10 == 9 {
                        client = gate.connect();
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), CLIENTS * ROUNDS);
    assert!(!gate.envoy.log().contains("[critical]"), "{}", gate.envoy.log());
}

#[test]
fn twenty_megabytes_pass_in_bounded_memory() {
    const GROWS_AT_MOST: u64 = 12 << 20;
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let body = |count: usize| format!("[{}{PART}]", format!("{PART},").repeat(count));
    let stripped = |count: usize| format!("[{}{PART_STRIPPED}]", format!("{PART_STRIPPED},").repeat(count));
    upstream.on("/api/warm", Answer::json(body(2_000)));
    assert!(gate.get("/api/warm").text() == stripped(2_000));
    let before = gate.envoy.process().peak_rss_bytes().unwrap();
    let count = (20 << 20) / PART.len() + 1;
    let large = body(count);
    upstream.on("/api/large", Answer::json(&large));
    let response = gate.get("/api/large");
    assert_eq!((response.status, response.end), (200, End::Complete));
    assert!(response.text() == stripped(count));
    let grown = gate.envoy.process().peak_rss_bytes().unwrap() - before;
    assert!(grown < GROWS_AT_MOST, "20 MB took {grown} bytes");
    // Also for one value of that length, kept or removed.
    let value = "x".repeat(20 << 20);
    upstream.on("/api/value", Answer::json(format!("{{\"markup\":\"{value}\",\"a\":\"{value}\"}}")));
    let response = gate.get("/api/value");
    assert_eq!((response.status, response.end), (200, End::Complete));
    assert_eq!(response.body.len(), value.len() + r#"{"a":""}"#.len());
    let grown = gate.envoy.process().peak_rss_bytes().unwrap() - before;
    assert!(grown < GROWS_AT_MOST, "values of 20 MB took {grown} bytes");
}

#[test]
fn a_stream_that_pauses_is_not_held_back() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let go_on = Signal::new();
    let first = "{\"id\":1,\"unit_cost\":2},".repeat(10_000);
    let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    let answer = Answer::head("200 OK", &head).chunks([b"[".as_slice(), first.as_bytes()]);
    upstream.on("/api/export", answer.wait(&go_on).chunks([b"{\"id\":2}]".as_slice()]).send("0\r\n\r\n"));
    let mut client = gate.connect();
    client.send(&Request::get("/api/export"));
    let (status, _) = client.head().expect("the head comes while the portal pauses");
    assert_eq!(status, 200);
    // What is whole is passed on while the portal pauses; the last member of a text may wait for what follows.
    assert_eq!(client.raw_bytes(50_000).len(), 50_000);
    go_on.give();
}

#[test]
fn clients_that_leave_harm_nobody() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let long = format!("[{}{PART}]", format!("{PART},").repeat(3000));
    upstream.on("/api/long", Answer::json(&long));
    upstream.on("/api/part", Answer::json(PART));
    let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    for round in 1..=20 {
        let go_on = Signal::new();
        let begun = Answer::head("200 OK", &head).chunks([&PART.as_bytes()[..round * 10]]);
        upstream.on("/api/held", begun.wait(&go_on).chunks([&PART.as_bytes()[round * 10..]]).send("0\r\n\r\n"));
        // Before the answer, in the held head, in the middle of a long body, in the middle of its own request.
        drop(asked(gate.connect(), "/api/long"));
        let leaves = asked(gate.connect(), "/api/held");
        upstream.last("/api/held");
        drop(leaves);
        let mut client = asked(gate.connect(), "/api/long");
        client.head().unwrap();
        client.raw_bytes(1000);
        drop(client);
        let mut client = gate.connect();
        client.send_raw(b"POST /api/part HTTP/1.1\r\nhost: gate\r\ncontent-length: 500\r\n\r\n{\"unit_cost\":");
        drop(client);
        go_on.give();
        assert_body(&gate.get("/api/part"), PART_STRIPPED);
    }
    assert!(!gate.envoy.log().contains("[critical]"), "{}", gate.envoy.log());
}

fn asked(mut client: Client, path: &str) -> Client {
    client.send(&Request::get(path));
    client
}

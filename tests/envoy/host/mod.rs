//! The adapter: exchanges that wait for background work, and calls that the plugin makes.

mod exports;

use lockgate::exchange::MAX_WAITING;
use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Answer, Client, End, Gate, Request, Response, Setup, Upstream, cases, h2};
use serde_json::json;

/// Longer than what Envoy holds of a connection in these tests.
const BUFFER_BYTES: u32 = 16_384;

fn waits(kind: &str) -> Request {
    Request::get("/x").header("x-wait", kind)
}

/// A waiter whose calls go to the cluster `keys`.
fn waiter(upstream: &Upstream, keys: &Upstream) -> Setup {
    upstream.on("/x", Answer::ok("text/plain", "hello"));
    Setup::new(upstream).cluster("keys", Some(keys.address())).waiter("keys /keys 5000 1000")
}

#[track_caller]
fn assert_hello(response: &Response) {
    assert_eq!((response.status, response.text().as_str(), response.end), (200, "hello", End::Complete), "{response}");
}

/// No VM was lost.
#[track_caller]
fn assert_well(gate: &Gate) {
    assert!(!gate.envoy.log().contains("[critical]"), "{}", gate.envoy.log());
}

#[test]
fn a_request_that_waits_goes_on_with_its_changes() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let setup = waiter(&upstream, &keys);
    for (name, gate) in [
        ("heads held", setup.start()),
        ("heads not held", {
            let setup = Setup::new(&upstream).streaming_heads();
            setup.cluster("keys", Some(keys.address())).waiter("keys /keys 5000 1000").start()
        }),
    ] {
        let response =
            gate.ask(&waits("tick").header("x-bytes", b"\xff\xfe").header("x-twice", "1").header("x-twice", "2"));
        assert_hello(&response);
        let received = upstream.last("/x");
        assert_eq!(received.header("x-waited").as_deref(), Some("yes"), "{name}");
        assert_eq!(received.header("x-wait"), None, "{name}");
        assert_eq!(received.header("x-twice").as_deref(), Some("1, 2"), "{name}");
        assert!(received.headers.iter().any(|(name, value)| name == b"x-bytes" && value == b"\xff\xfe"), "{name}");
        // The answer that is given instead.
        gate.ask(&waits("reply")).problem(418);
        assert_eq!(upstream.received("/x").len(), 1, "{name}: only the one");
        assert!(gate.access_log("/x")["audit"].as_str().unwrap().contains("waited"), "{name}");
        assert_well(&gate);
        upstream.forget();
    }
}

#[test]
fn a_body_that_comes_while_its_head_waits_is_whole() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    upstream.on("/x", Answer::ok("text/plain", "hello"));
    let gates = [true, false].map(|hold| {
        let setup = Setup::new(&upstream).buffer_bytes(BUFFER_BYTES, BUFFER_BYTES);
        let setup = if hold { setup } else { setup.streaming_heads() };
        setup.cluster("keys", Some(keys.address())).waiter("keys /keys 5000 1000").start()
    });
    let small = "body ".repeat(1000);
    let large = "body ".repeat(40_000);
    let kinds = ["tick", "signal"];
    for (gate, hold) in gates.iter().zip([true, false]) {
        for kind in kinds {
            let request = || Request::new("POST", "/x").header("x-wait", kind);
            let trailing = format!("{:x}\r\n{small}\r\n0\r\nx-end: 1\r\n\r\n", small.len());
            let bodies = [
                ("length", request().body(&small), small.clone()),
                ("chunks", request().chunked(&small, 999), small.clone()),
                ("upper", request().header("x-body", "1").body(&small), small.to_uppercase()),
                ("upper chunks", request().header("x-body", "1").chunked(&small, 999), small.to_uppercase()),
                ("trailers", request().header("transfer-encoding", "chunked").raw_body(&trailing), small.clone()),
                (
                    "upper, trailers",
                    request().header("x-body", "1").header("transfer-encoding", "chunked").raw_body(&trailing),
                    small.to_uppercase(),
                ),
                ("empty", request().body(""), String::new()),
            ];
            cases::each(
                bodies.map(|(name, request, want)| (format!("{name}, {kind}, held: {hold}"), (request, want))),
                |name, (request, want)| {
                    let response = wait_and_give(gate, &request, kind);
                    assert_hello(&response);
                    let received = upstream.last("/x");
                    let whole = received.body == want.as_bytes();
                    assert!(whole, "{} of {} bytes came", received.body.len(), want.len());
                    assert!(received.complete);
                    if name.contains("trailers") {
                        assert!(received.trailers.iter().any(|(name, _)| name == b"x-end"), "{:?}", received.trailers);
                        assert!(received.trailers.iter().any(|(name, _)| name == b"x-seen"), "{:?}", received.trailers);
                    }
                    upstream.forget();
                },
            );
        }
        // Envoy makes the sender wait, or holds what it may and refuses the rest.
        let request = Request::new("POST", "/x").header("x-wait", "signal").body(&large);
        if hold {
            assert_eq!(gate.ask(&request).status, 413);
        } else {
            assert_hello(&wait_and_give(gate, &request, "signal"));
            assert!(upstream.last("/x").body == large.as_bytes());
            upstream.forget();
        }
        assert_well(gate);
    }
}

#[test]
fn a_request_goes_on_with_a_piece_and_not_between_two() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    upstream.on("/x", Answer::ok("text/plain", "hello"));
    let gate = waiter(&upstream, &keys).start();
    for upper in [false, true] {
        let request = |request: Request| {
            let request = request.header("x-wait", "signal").header("transfer-encoding", "chunked");
            if upper { request.header("x-body", "1") } else { request }
        };
        let mut client = gate.connect();
        client.send(&request(Request::new("POST", "/x")).raw_body("5\r\nfirst\r\n"));
        gate.until_active(1);
        assert_eq!(gate.ask(&Request::get("/give").header("x-wait", "give")).status, 404);
        // So the policy has worked since, and asked who waits.
        assert_eq!(gate.ask(&waits("tick")).status, 200);
        client.send_raw(b"6\r\nsecond\r\n");
        client.send_raw(b"5\r\nthird\r\n0\r\n\r\n");
        assert_hello(&client.response("POST"));
        let received = upstream.last("/x");
        let want = if upper { "FIRSTSECONDTHIRD" } else { "firstsecondthird" };
        assert_eq!(String::from_utf8_lossy(&received.body), want);
        upstream.forget();
    }
    assert_well(&gate);
}

/// Requests one after another that take much longer than a tick, and much less time than who waits may.
const MOST_TRIES: usize = 2_000;

#[test]
fn a_slow_body_keeps_no_place_among_those_that_wait() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let gate = waiter(&upstream, &keys).start();
    h2::run(async {
        let mut connections = [h2::Connection::open(gate.address()).await, h2::Connection::open(gate.address()).await];
        let mut slow = Vec::new();
        for number in 0..MAX_WAITING {
            let connection = &mut connections[number % 2];
            let request = connection.request("POST", "/x").header("x-wait", "signal").body(()).unwrap();
            let mut exchange = connection.send(request, false).await.unwrap();
            h2::send(&mut exchange.request, "some".into(), false).await;
            slow.push(exchange);
        }
        // Their answers come after all that was sent before them on their connection.
        for connection in &mut connections {
            let plain = connection.request("GET", "/x");
            assert_eq!(connection.ask(plain).await.code(), 200);
        }
        let [connection, _] = &mut connections;
        let waits = |connection: &h2::Connection| connection.request("GET", "/x").header("x-wait", "tick");
        assert_eq!(connection.ask(waits(connection)).await.code(), 503, "all places are taken");
        // What they wait for comes, and more of their bodies does not.
        let give = connection.request("GET", "/give").header("x-wait", "give");
        assert_eq!(connection.ask(give).await.code(), 404);
        // The next tick decides them; after that nobody waits, and nobody works.
        let mut code = 503;
        for _ in 0..MOST_TRIES {
            code = connection.ask(waits(connection)).await.code();
            if code != 503 {
                break;
            }
        }
        assert_eq!(code, 200, "they are decided");
        for mut exchange in slow.drain(..20) {
            h2::send(&mut exchange.request, " body".into(), true).await;
            assert_eq!(exchange.response().await.code(), 200);
            assert_eq!(upstream.last("/x").body, b"some body");
            upstream.forget();
        }
    });
    gate.until_active(0);
    assert_well(&gate);
}

/// Sends a request that waits and, when it waits for that, another that gives the signal.
fn wait_and_give(gate: &Gate, request: &Request, kind: &str) -> Response {
    let mut client = gate.connect();
    client.send(request);
    if kind == "signal" {
        gate.until_active(1);
        assert_eq!(gate.ask(&Request::get("/give").header("x-wait", "give")).status, 404);
    }
    client.response(request.method())
}

#[test]
fn calls_end_in_every_way() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    upstream.on("/x", Answer::ok("text/plain", "hello"));
    let none = lockgate_harness::ports::free().unwrap();
    let never = lockgate_envoy_tests::Signal::new();
    keys.on("/keys", Answer::ok("application/json", "x".repeat(1000)));
    keys.on("/empty", Answer::ok("application/json", ""));
    keys.on("/long", Answer::ok("application/json", "x".repeat(1001)));
    keys.on("/none", Answer::head("204 No Content", &[]));
    keys.on("/bytes", Answer::head_bytes("200 OK", &[("x-odd", b"\xff\xfe"), ("content-length", b"1")]).send("x"));
    keys.on("/slow", Answer::default().wait(&never));
    keys.on("/reset", Answer::default().reset());
    keys.on("/cut", Answer::head("200 OK", &[("content-length", "9")]).send("x").close());
    let rows = [
        ("an answer", "keys /keys 5000 1000", "200:1000"),
        ("an empty one", "keys /empty 5000 1000", "200:0"),
        ("one byte too long", "keys /long 5000 1000", "too long"),
        ("no content", "keys /none 5000 1000", "204:0"),
        ("an unknown path", "keys /nowhere 5000 1000", "404:0"),
        ("bytes in its head", "keys /bytes 5000 1000", "200:1"),
        ("no answer in time", "keys /slow 50 1000", "504:24"),
        ("no time at all", "keys /slow 0 1000", "504:24"),
        ("nobody listens", "dead /keys 5000 1000", "503:"),
        ("no instance", "empty /keys 5000 1000", "refused"),
        ("an unknown cluster", "unknown /keys 5000 1000", "refused"),
        ("a reset", "keys /reset 5000 1000", "503:"),
        ("cut off", "keys /cut 5000 1000", "failed"),
    ];
    cases::each(rows.map(|(name, configuration, want)| (name, (configuration, want))), |_, (configuration, want)| {
        let gate = Setup::new(&upstream)
            .cluster("keys", Some(keys.address()))
            .cluster("dead", Some(none))
            .cluster("empty", None)
            .waiter(configuration)
            .start();
        upstream.forget();
        assert_hello(&gate.ask(&waits("call")));
        let result = upstream.last("/x").header("x-result").unwrap_or_default();
        assert!(if want.ends_with(':') { result.starts_with(want) } else { result == want }, "{result}");
        // And again, in the same VM.
        assert_hello(&gate.ask(&waits("call")));
        assert_well(&gate);
    });
    let received = keys.last("/keys");
    assert_eq!((received.method.as_str(), received.header("x-from").as_deref()), ("GET", Some("waiter")));
    assert_eq!(received.header("host").as_deref(), Some("waiter"));
    assert_eq!(received.header("x-forwarded-for"), None);
    never.give();
}

#[test]
fn every_vm_starts_once_and_exchanges_make_no_calls() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let gate = waiter(&upstream, &keys).start();
    // One worker, the main thread, and a trial.
    for workers in [1, 2] {
        let gate = if workers == 1 { &gate } else { &waiter(&upstream, &keys).workers(workers).start() };
        upstream.forget();
        assert_hello(&gate.get("/x"));
        let received = upstream.last("/x");
        assert_eq!(received.header("x-starts"), Some((workers + 2).to_string()));
        assert_eq!(received.header("x-alien").as_deref(), Some("refused"));
        // Each has done its first work before anybody asked, and does not go on at that pace.
        let works =
            || gate.envoy.counter("wasmcustom.lockgate.waiter.works").ok().filter(|&works| works > u64::from(workers));
        gate.envoy.process().wait_until("first work", HANGS_AFTER, works).unwrap();
        assert_well(gate);
    }
    assert!(upstream.received("/alien").is_empty());
}

#[test]
fn waiting_ends_with_the_client_or_with_envoys_patience() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let impatient = json!({"stream_idle_timeout": "0.3s"});
    for setup in [Setup::new(&upstream), Setup::new(&upstream).streaming_heads()] {
        upstream.on("/x", Answer::ok("text/plain", "hello"));
        let setup = setup.cluster("keys", Some(keys.address()));
        let gate = setup.clone().waiter("keys /keys 5000 1000").start();
        for _ in 0..20 {
            let mut client = gate.connect();
            client.send(&waits("signal"));
            let mut uploading = gate.connect();
            uploading.send(
                &Request::new("POST", "/x").header("x-wait", "signal").header("content-length", "9").raw_body("x"),
            );
            gate.until_active(2);
            drop((client, uploading));
            gate.until_active(0);
        }
        assert_hello(&gate.ask(&waits("tick")));
        assert_well(&gate);

        let gate = setup.manager(impatient.clone()).waiter("keys /keys 5000 1000").start();
        let response = gate.ask(&waits("never"));
        assert!(matches!(response.status, 408 | 504), "{response}");
        let posted = Request::new("POST", "/x").header("x-wait", "never").body("hello");
        assert!(matches!(gate.ask(&posted).status, 408 | 504));
        assert_hello(&gate.ask(&waits("tick")));
        assert_well(&gate);
    }
}

#[test]
fn who_waits_is_asked_only_when_there_is_news() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let gate = waiter(&upstream, &keys).start();
    let works = || gate.envoy.counter("wasmcustom.lockgate.waiter.works").unwrap_or(0);
    let mut client = gate.connect();
    client.send(&waits("signal"));
    gate.until_active(1);
    let begin = works();
    // The policy works for those who wait; the head is not looked at meanwhile.
    let worked = || (works() >= begin + 5).then_some(());
    gate.envoy.process().wait_until("work", HANGS_AFTER, worked).unwrap();
    assert_eq!(gate.ask(&Request::get("/give").header("x-wait", "give")).status, 404);
    assert_hello(&client.response("GET"));
    assert_eq!(upstream.last("/x").header("x-asked").as_deref(), Some("1"));
    assert_well(&gate);
}

#[test]
fn only_so_many_wait_and_others_are_not_concerned() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let gate = waiter(&upstream, &keys).start();
    h2::run(async {
        let mut connections = [h2::Connection::open(gate.address()).await, h2::Connection::open(gate.address()).await];
        let mut waiting = Vec::new();
        for number in 0..MAX_WAITING {
            let connection = &mut connections[number % 2];
            let request = connection.request("GET", "/x").header("x-wait", "signal").body(()).unwrap();
            waiting.push(connection.send(request, true).await.unwrap());
        }
        // Who need not wait does not. Their answers come after all that was asked before them on their connection.
        for connection in &mut connections {
            let plain = connection.request("GET", "/x");
            assert_eq!(connection.ask(plain).await.code(), 200);
        }
        let [connection, _] = &mut connections;
        let waits = |connection: &h2::Connection| connection.request("GET", "/x").header("x-wait", "tick");
        let refused = connection.ask(waits(connection)).await;
        assert_eq!(refused.code(), 503, "{refused:?}");
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        // One leaves: there is room for one.
        drop(waiting.swap_remove(0));
        let plain = connection.request("GET", "/x"); // a reset may go out after a head
        assert_eq!(connection.ask(plain).await.code(), 200);
        assert_eq!(connection.ask(waits(connection)).await.code(), 200);
    });
    gate.until_active(0);
    assert_hello(&gate.ask(&waits("tick")));
    let log = gate.envoy.log();
    assert!(log.contains("too_many_wait"), "{log}");
    assert_well(&gate);
}

#[test]
fn nobody_waits_for_ever() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let gate = waiter(&upstream, &keys).start();
    let begin = std::time::Instant::now();
    let mut client = Client::connect(gate.address());
    client.send(&waits("never"));
    // `MAX_WAIT_MS` of filters/host is 30 s, longer than this client waits for a byte.
    let over = || gate.envoy.counter("http.gate.downstream_rq_5xx").is_ok_and(|answers| answers == 1).then_some(());
    gate.envoy.process().wait_until("the deadline", 6 * HANGS_AFTER, over).unwrap();
    client.response("GET").problem(503);
    assert!(begin.elapsed().as_secs() >= 29, "{:?}", begin.elapsed());
    assert!(gate.access_log("/x")["audit"].as_str().unwrap().contains("waited_too_long"));
    assert_well(&gate);
}

#[test]
fn a_head_that_may_be_forged_is_held_however_long_its_body_takes() {
    let (upstream, keys) = (Upstream::start(), Upstream::start());
    let gate = waiter(&upstream, &keys).start();
    let begun = |kind: &str| {
        let request = Request::new("POST", "/x").header("x-hold", kind).header("x-released", "no");
        let mut client = gate.connect();
        client.send(&request.header("content-length", "9").raw_body(""));
        client
    };
    let mut fast = begun("fast");
    gate.until_active(1);
    // It has waited longer than this one, which goes on before its body comes.
    let mut soft = begun("soft");
    let sent = || gate.envoy.counter("cluster.portal.upstream_rq_active").is_ok_and(|sent| sent > 0).then_some(());
    gate.envoy.process().wait_until("a request on its way", HANGS_AFTER, sent).unwrap();
    assert_eq!(gate.envoy.counter("cluster.portal.upstream_rq_total").unwrap(), 1);
    soft.send_raw(b"some body");
    assert_hello(&soft.response("POST"));
    assert_eq!(gate.envoy.counter("cluster.portal.upstream_rq_total").unwrap(), 1, "the other one has not left");
    upstream.forget();
    fast.send_raw(b"some");
    fast.send_raw(b" body");
    assert_hello(&fast.response("POST"));
    let received = upstream.last("/x");
    assert_eq!(received.body, b"some body");
    let released: Vec<&[u8]> =
        received.headers.iter().filter(|(name, _)| name == b"x-released").map(|(_, value)| value.as_slice()).collect();
    assert_eq!(released, [b"yes"], "in place of the client's");
    assert_well(&gate);
}

//! Large bodies and slow peers: what they may cost, measured.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::Builder;
use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::h2::{self as h2c, Connection, Portal};
use lockgate_envoy_tests::{Answer, Bulk, Gate, Request, Setup, Signal, Upstream};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED};

const MB: usize = 1_000_000;
const AT_ONCE: usize = 16;
/// What 16 bodies may take more with the filter than without, in bytes.
const MORE_AT_MOST: u64 = 16 << 20;

/// How fast the clients of a measurement read.
#[derive(Clone, Copy, Debug)]
enum Pace {
    Fast,
    /// Nothing before all have got their heads.
    Stalled,
}

/// Bytes of a run above those when idle.
#[derive(Clone, Copy, Debug)]
struct Grown {
    /// The peak of the resident set. It hides what fits into memory that Envoy has freed and not given back.
    rss: u64,
    /// The most that Envoy had allocated whenever it was asked, plus the Wasm memory of a worker.
    allocated: u64,
}

fn allocated(gate: &Gate) -> u64 {
    let memory: Value = serde_json::from_str(&gate.envoy.get("/memory").unwrap()).unwrap();
    let host: u64 = memory["allocated"].as_str().unwrap().parse().unwrap();
    host + vm_bytes(gate)
}

/// The linear memory of a worker's VM; 0 without the filter.
fn vm_bytes(gate: &Gate) -> u64 {
    gate.envoy.counter("wasmcustom.lockgate.vm.memory_bytes").unwrap()
}

/// Bodies for all clients at once, from an Envoy that is idle but has answered before.
fn grown(gate: &Gate, want: &Bulk, pace: Pace) -> Grown {
    assert_eq!(gate.get("/api/part").status, 200);
    let process = gate.envoy.process();
    let (rss, idle) = (process.rss_bytes().unwrap(), allocated(gate));
    process.forget_peak().unwrap();
    let done = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(allocated(gate));
            }
            most
        });
        read_all(gate, want, pace);
        done.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    let peak = process.peak_rss_bytes().unwrap();
    Grown { rss: peak.saturating_sub(rss), allocated: most.saturating_sub(idle) }
}

fn read_all(gate: &Gate, want: &Bulk, pace: Pace) {
    let all_have_heads = Barrier::new(AT_ONCE);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut client = gate.connect();
                client.send(&Request::get("/api/bulk"));
                assert_eq!(client.head().unwrap().0, 200);
                match pace {
                    Pace::Fast => {}
                    Pace::Stalled => drop(all_have_heads.wait()),
                }
                let mut check = want.check();
                client.drain(&mut |bytes| check.take(bytes)).unwrap();
                check.end();
            });
        }
    });
}

#[test]
fn sixteen_bodies_at_once_take_little_more_memory_than_without_the_filter() {
    let upstream = Upstream::start();
    let bulk = Bulk::of(PART, 20 * MB);
    let stripped = bulk.with(PART, PART_STRIPPED);
    upstream.on("/api/bulk", bulk.chunked_answer());
    upstream.on("/api/part", Answer::json(PART));
    let setup = || Setup::new(&upstream).workers(2);
    for pace in [Pace::Fast, Pace::Stalled] {
        let without = grown(&setup().start(), &bulk, pace);
        let with = grown(&setup().strip(&rules(&[revenue_rule()])).start(), &stripped, pace);
        println!("{pace:?}: with the filter {with:?}, without {without:?}");
        assert!(with.rss <= without.rss + MORE_AT_MOST, "{pace:?}: {with:?} with the filter, {without:?} without");
        assert!(with.allocated <= without.allocated + MORE_AT_MOST, "{pace:?}: {with:?}, {without:?} without");
    }
}

#[test]
fn a_workers_memory_is_the_same_after_1_mb_and_after_200() {
    let portal = Portal::start();
    let upstream = Upstream::start();
    let gates = [Setup::new(&upstream), Setup::new(&upstream).http_2_portal(&portal)]
        .map(|setup| setup.strip(&rules(&[revenue_rule()])).start());
    for (gate, megabytes) in gates.into_iter().zip([200, 20]) {
        let ask = |megabytes: usize| {
            let bulk = Bulk::of(PART, megabytes * MB);
            let path = format!("/api/bulk/{megabytes}");
            upstream.on(&path, bulk.chunked_answer());
            portal.on(&path, bulk.h2_answer());
            let mut check = bulk.with(PART, PART_STRIPPED).check();
            let mut client = gate.connect();
            client.send(&Request::get(&path));
            assert_eq!(client.head().unwrap().0, 200);
            client.drain(&mut |bytes| check.take(bytes)).unwrap();
            check.end();
            gate.access_log(&path); // the gauge is set before that
            vm_bytes(&gate)
        };
        let small = ask(1);
        let large = ask(megabytes);
        println!("Wasm memory: {small} bytes after 1 MB, {large} after {megabytes}");
        assert!(small > 0 && small == large, "{small} bytes after 1 MB, {large} after {megabytes}");
    }
}

#[test]
fn the_first_stripped_byte_leaves_before_the_last_has_come() {
    let portal = Portal::start();
    let upstream = Upstream::start();
    let gates = [Setup::new(&upstream), Setup::new(&upstream).http_2_portal(&portal)]
        .map(|setup| setup.strip(&rules(&[revenue_rule()])).start());
    // 20 MB; and little more than is held until the beginning is known.
    for size in [20 * MB, 20_000] {
        let bulk = Bulk::of(PART, size);
        let stripped = bulk.with(PART, PART_STRIPPED);
        for gate in &gates {
            let go_on = Signal::new();
            let json = [("content-type", "application/json")];
            let (mut by_length, mut in_frames) =
                (Answer::head("200 OK", &[json[0], ("connection", "close")]), h2c::Answer::head(200, &json));
            let pieces: Vec<Bytes> = bulk.pieces().collect();
            let (last, front) = pieces.split_last().unwrap();
            let (most, bracket) = last.split_at(last.len() - 1);
            for piece in front.iter().map(|piece| &piece[..]).chain([most]) {
                by_length = by_length.send(piece);
                in_frames = in_frames.data(piece.to_vec());
            }
            upstream.on("/api/bulk", by_length.wait(&go_on).send(bracket).close());
            portal.on("/api/bulk", in_frames.wait(&go_on).data(bracket.to_vec()));
            let mut client = gate.connect();
            client.send(&Request::get("/api/bulk"));
            let head = client.head().unwrap();
            assert_eq!(head.0, 200, "{head:?} {}", gate.access_log("/api/bulk"));
            let mut check = stripped.check();
            let nearly_all = stripped.length() - 2 * PART_STRIPPED.len();
            client
                .drain(&mut |bytes| {
                    check.take(bytes);
                    // The portal sends its last byte only when nearly all of the others have arrived here.
                    if check.came() >= nearly_all {
                        go_on.give();
                    }
                })
                .unwrap();
            check.end();
        }
    }
}

/// Reads a stream to its end and compares.
async fn read(mut body: RecvStream, want: &Bulk) {
    let mut check = want.check();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        check.take(&data);
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    check.end();
}

#[test]
fn http_2_windows_that_stall_hold_the_portal_back() {
    /// Envoy's windows towards the portal and its buffers, with room to spare; a body has 5 MB.
    const SENT_AT_MOST: usize = 2 * MB;
    let portal = Portal::start();
    let upstream = Upstream::start();
    let bulk = Bulk::of(PART, 5 * MB);
    let stripped = bulk.with(PART, PART_STRIPPED);
    // Streams of the default size, as in envoy.yaml: 64 KB.
    let windows = json!({"initial_stream_window_size": 65_536, "initial_connection_window_size": 4_194_304});
    let setup = || {
        Setup::new(&upstream).http_2_portal_with(&portal, &windows).manager(json!({"http2_protocol_options": windows}))
    };
    let stall = |gate: &Gate, want: &Bulk| {
        for n in 0..AT_ONCE {
            portal.on(&format!("/api/stalled/{n}"), bulk.h2_answer());
        }
        portal.on("/api/bulk", bulk.h2_answer());
        let before: Vec<usize> = (0..AT_ONCE).map(|n| portal.sent_bytes(&format!("/api/stalled/{n}"))).collect();
        h2c::run(async {
            let mut busy = Connection::open(gate.address()).await;
            read(
                busy.send(busy.request("GET", "/api/bulk").body(()).unwrap(), true)
                    .await
                    .unwrap()
                    .head()
                    .await
                    .unwrap()
                    .1,
                want,
            )
            .await;
            let idle = allocated(gate);
            // Half of them on one connection, half on connections of their own; nobody reads.
            let mut shared =
                Connection::open_with(gate.address(), Builder::new().initial_connection_window_size(1 << 20)).await;
            let mut stalled = Vec::new();
            for n in 0..AT_ONCE {
                let request = shared.request("GET", &format!("/api/stalled/{n}")).body(()).unwrap();
                let exchange = match n % 2 {
                    0 => shared.send(request, true).await,
                    _ => Connection::open(gate.address()).await.send(request, true).await,
                };
                stalled.push(exchange.unwrap().head().await.unwrap().1);
            }
            // Others are not held up, and while they take twice as much, the portal gets no further.
            for _ in 0..2 {
                let request = busy.request("GET", "/api/bulk").body(()).unwrap();
                read(busy.send(request, true).await.unwrap().head().await.unwrap().1, want).await;
            }
            for (n, before) in before.into_iter().enumerate() {
                let sent = portal.sent_bytes(&format!("/api/stalled/{n}")) - before;
                assert!(sent < SENT_AT_MOST, "stream {n}: the portal has sent {sent} bytes that nobody reads");
            }
            let grown = allocated(gate).saturating_sub(idle);
            // All windows open again: every stream gives the whole.
            for body in stalled {
                read(body, want).await;
            }
            grown
        })
    };
    let without = stall(&setup().start(), &bulk);
    let with = stall(&setup().strip(&rules(&[revenue_rule()])).start(), &stripped);
    println!("16 stalled streams: {with} bytes with the filter, {without} without");
    assert!(with <= without + MORE_AT_MOST, "16 stalled streams: {with} bytes with the filter, {without} without");
}

#[test]
fn a_portal_that_does_not_read_holds_the_client_back() {
    const TAKEN_AT_MOST: usize = 2 * MB;
    let portal = Portal::start();
    let upstream = Upstream::start();
    let mut incoming = revenue_rule();
    incoming["direction"] = json!("request");
    let windows = json!({"initial_stream_window_size": 65_536, "initial_connection_window_size": 1_048_576});
    let gate = Setup::new(&upstream)
        .http_2_portal_with(&portal, &windows)
        .manager(json!({"http2_protocol_options": windows}))
        .strip(&rules(&[incoming]))
        .start();
    let bulk = Bulk::of(PART, 5 * MB);
    let go_on = Signal::new();
    portal.on("/api/slow", h2c::Answer::json("{}").reads_after(&go_on));
    portal.on("/api/part", h2c::Answer::json("{}"));
    let taken = AtomicUsize::new(0);
    let upload = async |connection: &mut Connection, path: &str, taken: &AtomicUsize| {
        let post = connection.request("POST", path).header("content-type", "application/json");
        let mut exchange = connection.send(post.body(()).unwrap(), false).await.unwrap();
        for piece in
            bulk.pieces().flat_map(|piece| piece.chunks(16_384).map(Bytes::copy_from_slice).collect::<Vec<_>>())
        {
            let length = piece.len();
            assert!(exchange.send(piece, false).await);
            taken.fetch_add(length, Ordering::Relaxed);
        }
        assert!(exchange.send("", true).await);
        exchange.response().await
    };
    h2c::run(async {
        let (mut slow, mut busy) = (Connection::open(gate.address()).await, Connection::open(gate.address()).await);
        let others = async {
            let aside = AtomicUsize::new(0);
            for _ in 0..2 {
                assert_eq!(upload(&mut busy, "/api/part", &aside).await.code(), 200);
            }
            let taken = taken.load(Ordering::Relaxed);
            assert!(0 < taken && taken < TAKEN_AT_MOST, "Envoy has taken {taken} bytes that nobody reads");
            go_on.give();
        };
        let (response, ()) = tokio::join!(upload(&mut slow, "/api/slow", &taken), others);
        assert_eq!(response.code(), 200);
    });
    for path in ["/api/slow", "/api/part"] {
        let seen = portal.last(path);
        let mut check = bulk.with(PART, PART_STRIPPED).check();
        check.take(&seen.body);
        check.end();
    }
}

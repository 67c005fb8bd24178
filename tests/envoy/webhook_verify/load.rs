//! Many large deliveries at once, and what they may cost.

use std::sync::Barrier;
use std::thread;

use lockgate_envoy_tests::wire::HANGS_AFTER;
use lockgate_envoy_tests::{Gate, Setup, Upstream};
use serde_json::{Value, json};

use super::{PATH, SECRET, assert_taken, assert_well, endpoint, endpoints, now_s, signed};

const AT_ONCE: usize = 64;
const MB: usize = 1_000_000;
/// What 64 deliveries of 1 MB may add to Envoy's memory, with all that it holds of them: see the filter's page.
const MORE_AT_MOST: u64 = 160 << 20;
/// The linear memory of a worker's VM meanwhile: nothing of the bodies stays in it.
const VM_AT_MOST: u64 = 4 << 20;

fn allocated(gate: &Gate) -> u64 {
    let memory: Value = serde_json::from_str(&gate.envoy.get("/memory").unwrap()).unwrap();
    memory["allocated"].as_str().unwrap().parse().unwrap()
}

#[test]
fn many_large_deliveries_at_once() {
    let upstream = Upstream::start();
    upstream.on(PATH, lockgate_envoy_tests::Answer::ok("text/plain", "taken"));
    let gate = Setup::new(&upstream)
        .variable("HOOK_SECRET", SECRET)
        .buffer_bytes(2 << 20, 32_768)
        .webhooks(&endpoints(&[endpoint(&json!({"max_body_bytes": 1 << 20}))]))
        .start();
    let before = allocated(&gate);
    let bodies: Vec<Vec<u8>> = (0..AT_ONCE).map(|n| format!("{n:08}").into_bytes().repeat(MB / 8)).collect();
    let (ready, held) = (Barrier::new(AT_ONCE), Barrier::new(AT_ONCE + 1));
    let most = thread::scope(|scope| {
        let sending: Vec<_> = bodies
            .iter()
            .map(|body| {
                let (ready, held, gate) = (&ready, &held, &gate);
                scope.spawn(move || {
                    let mut client = gate.connect();
                    let (last, first) = body.split_last().unwrap();
                    let head = signed(PATH, SECRET, body, now_s());
                    // All are held to their last byte at the same time.
                    client.send(&head.header("content-length", body.len().to_string()).raw_body(first));
                    ready.wait();
                    held.wait();
                    client.send_raw(&[*last]);
                    assert_taken(&client.response("POST"));
                })
            })
            .collect();
        // What is sent is in Envoy when it has read it.
        let all = before + u64::try_from(AT_ONCE * MB).unwrap();
        let held_all = || Some(allocated(&gate)).filter(|now| *now >= all);
        let most = gate.envoy.process().wait_until("bodies held", HANGS_AFTER, held_all);
        held.wait();
        sending.into_iter().for_each(|sending| sending.join().unwrap());
        most.unwrap()
    });
    let vm = gate.envoy.counter("wasmcustom.lockgate.vm.memory_bytes").unwrap();
    let more = most.saturating_sub(before);
    eprintln!("{AT_ONCE} deliveries of {MB} bytes: Envoy holds {more} bytes more, a VM has {vm}");
    assert!(more <= MORE_AT_MOST, "{more}");
    assert!(vm <= VM_AT_MOST, "{vm}");
    let received = upstream.received(PATH);
    assert_eq!(received.len(), AT_ONCE);
    assert!(bodies.iter().all(|body| received.iter().any(|request| request.complete && request.body == *body)));
    assert_well(&gate);
}

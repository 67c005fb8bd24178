//! In which order blocks see heads, and what replies pass.

use std::cell::RefCell;
use std::rc::Rc;

use super::probe::{Does, Probe};
use super::{empty, get};
use crate::chain::Policy;
use crate::exchange::{Exchange as _, Policy as _, Step};
use crate::head::Head;
use crate::host::{CallId, CallResult};
use crate::replay::{self, Ending, Heads, MemoryHost, Outcome};

type Log = Rc<RefCell<Vec<String>>>;

/// A chain of probes that write into one log.
fn chain(probes: &[Probe]) -> (Policy, Log) {
    let log = Log::default();
    let blocks = probes
        .iter()
        .map(|probe| Box::new(Probe { log: Rc::clone(&log), ..probe.clone() }) as Box<dyn crate::chain::block::Block>);
    (Policy::of(blocks.collect()), log)
}

fn named(name: &'static str) -> Probe {
    Probe { name, ..Probe::default() }
}

fn ask(policy: &Policy) -> Outcome {
    replay::run(policy, &mut MemoryHost::default(), &get("/", &[]), &empty(), Heads::Wait)
}

#[test]
fn requests_go_in_order_and_answers_in_reverse() {
    let early = |name| Probe { pre_auth: Some(Does::Continue), ..named(name) };
    let rows: [(&str, Vec<Probe>, &[&str]); 7] = [
        (
            "plain",
            vec![named("a"), named("b"), named("c")],
            &["a asked", "b asked", "c asked", "c answered", "b answered", "a answered", "a done", "b done", "c done"],
        ),
        (
            "what is before the caller is known comes first",
            vec![named("a"), early("b"), early("c")],
            &[
                "b asked early",
                "c asked early",
                "a asked",
                "b asked",
                "c asked",
                "c answered",
                "b answered",
                "a answered",
                "a done",
                "b done",
                "c done",
            ],
        ),
        (
            "the first block runs in one step",
            vec![early("a"), named("b")],
            &["a asked", "b asked", "b answered", "a answered", "a done", "b done"],
        ),
        (
            "a reply passes those before it",
            vec![named("a"), Probe { head: Does::Reply(401), ..named("b") }, named("c")],
            &["a asked", "b asked", "a answered", "a done", "b done"],
        ),
        (
            "and one whose early part has run",
            vec![Probe { head: Does::Reply(401), ..named("a") }, early("b")],
            &["b asked early", "a asked", "b answered", "a done", "b done"],
        ),
        (
            "an early reply",
            vec![named("a"), Probe { pre_auth: Some(Does::Reply(429)), ..named("b") }],
            &["b asked early", "b done"],
        ),
        (
            "a reply to an answer",
            vec![named("a"), Probe { answer: Does::Reply(502), ..named("b") }, named("c")],
            &["a asked", "b asked", "c asked", "c answered", "b answered", "a answered", "a done", "b done", "c done"],
        ),
    ];
    for (name, probes, want) in rows {
        let (policy, log) = chain(&probes);
        ask(&policy);
        assert_eq!(*log.borrow(), want, "{name}");
    }
}

#[test]
fn what_a_reply_passes_may_edit_its_head() {
    let (policy, _) = chain(&[named("a"), Probe { head: Does::Reply(401), ..named("b") }]);
    let outcome = ask(&policy);
    assert_eq!((&outcome.ending, outcome.status), (&Ending::Reply("probe"), 401));
    assert!(outcome.forwarded.is_none());
    let header =
        |name: &str| outcome.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_slice());
    assert_eq!(header("x-a"), Some(&b"answered"[..]));
    assert_eq!(header("content-type"), Some(&b"application/problem+json"[..]));
    assert_eq!(header(":status"), None);
    // A later reply takes its place.
    let (policy, _) =
        chain(&[Probe { answer: Does::Reply(503), ..named("a") }, Probe { head: Does::Reply(401), ..named("b") }]);
    assert_eq!(ask(&policy).status, 503);
}

#[test]
fn the_block_that_waited_goes_on() {
    let (policy, log) = chain(&[named("a"), Probe { waits: 2, ..named("b") }, Probe { waits: 1, ..named("c") }]);
    let forged = get("/", &[("x-forged", "1")]);
    let outcome = replay::run(&policy, &mut MemoryHost::default(), &forged, &empty(), Heads::Wait);
    assert_eq!(outcome.ending, Ending::Pass);
    let log: Vec<String> = log.borrow().iter().filter(|line| line.contains("asked")).cloned().collect();
    assert_eq!(log, ["a asked", "b asked", "b asked again", "b asked again", "c asked", "c asked again"]);
    let forwarded = &outcome.forwarded.as_ref().expect("it went on").headers;
    assert!(["x-a", "x-b", "x-c"].iter().all(|name| forwarded.iter().any(|(given, _)| given == name)));
    let header = |name: &str| {
        outcome.forwarded.as_ref().and_then(|sent| sent.headers.iter().find(|(given, _)| given == name).cloned())
    };
    assert_eq!(header("x-forged"), None, "what a block took out before another one waited does not come back");
    // Nobody else is asked again.
    let mut exchange = policy.open();
    let mut head = Head::new(Vec::new(), true);
    assert!(
        matches!(exchange.resume(&mut head, &mut MemoryHost::default()), Step::Reply(reply) if reply.status == 503)
    );
}

#[test]
fn counters_slots_and_calls_are_the_blocks_own() {
    let ticking = |name, tick_ms| Probe { tick_ms, ..named(name) };
    let (policy, log) = chain(&[ticking("a", Some(70)), named("b"), Probe { grpc: true, ..ticking("c", Some(50)) }]);
    let names = policy.counters();
    assert_eq!(names.len(), 6);
    let mut host = MemoryHost::default();
    replay::run(&policy, &mut host, &get("/", &[]), &empty(), Heads::Wait);
    let counted: Vec<&str> = host.counters.keys().map(|&at| names[at].as_str()).collect();
    assert_eq!(counted, names.iter().map(String::as_str).collect::<Vec<_>>());
    policy.start(&mut host);
    assert_eq!(host.slots.keys().collect::<Vec<_>>(), ["probe/slot"], "of one filter's name: the last one's");
    assert_eq!(policy.tick_ms(), Some(50));
    log.borrow_mut().clear();
    policy.tick(&mut host);
    assert_eq!(policy.0.calls.open(), 2);
    assert_eq!(host.notes, ["a", "c"]);
    policy.call_result(CallId(1), CallResult::Failed, &mut host);
    policy.call_result(CallId(0), CallResult::Failed, &mut host);
    policy.call_result(CallId(0), CallResult::Failed, &mut host);
    policy.call_result(CallId(7), CallResult::Failed, &mut host);
    let (zero, one) = (CallId(0), CallId(1));
    let want = [
        format!("a calls {:?}", Some(zero)),
        format!("c calls {:?}", Some(one)),
        format!("c hears of {one:?}"),
        format!("a hears of {zero:?}"),
    ];
    assert_eq!(*log.borrow(), want, "each hears of its own, once");
    assert_eq!(policy.0.calls.open(), 0);
}

#[test]
fn nobody_behind_a_block_that_decides_by_the_body_sees_an_undecided_head() {
    let decides = Probe { head: Does::Hold, decides: true, ..named("a") };
    // A request without a body.
    let (policy, log) = chain(&[decides, named("b")]);
    let outcome = ask(&policy);
    assert_eq!((&outcome.ending, outcome.status), (&Ending::Reply("head_not_held"), 503));
    assert_eq!(*log.borrow(), ["a asked", "a done"]);
}

#[test]
fn what_takes_an_answers_place_passes_what_ran_before_the_caller_was_known() {
    let early = Probe { pre_auth: Some(Does::Continue), ..named("b") };
    let (policy, log) = chain(&[Probe { answer: Does::Reply(502), ..named("a") }, early, named("c")]);
    let outcome = ask(&policy);
    assert_eq!((outcome.status, outcome.headers.iter().any(|(name, _)| name == "x-b")), (502, true));
    let answered: Vec<String> = log.borrow().iter().filter(|line| line.ends_with("answered")).cloned().collect();
    assert_eq!(answered, ["c answered", "b answered", "a answered", "b answered"]);
}

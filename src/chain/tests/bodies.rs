//! Bodies through several blocks: as through filters that stand one after another, however they are cut.

use super::probe::{Bytes, Does, Edit, Probe};
use super::{fields, sorted};
use crate::chain::{MAX_KEPT_BYTES, Policy, SMALL_KEPT_BYTES};
use crate::exchange::{Body, Chunk, Exchange as _, HeadState, Policy as _, Step};
use crate::head::Head;
use crate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Outcome, Piped, Request};

const TEXT: &[u8] = b"the quick brown fox jumps over the lazy dog";

fn chain(probes: &[Probe]) -> Policy {
    Policy::of(probes.iter().map(|probe| Box::new(probe.clone()) as Box<dyn crate::chain::block::Block>).collect())
}

fn content(chunk: usize, trailers: bool) -> Content {
    let trailers = if trailers { fields(&[("x-end", "1")]) } else { Vec::new() };
    Content { headers: Vec::new(), body: TEXT.to_vec(), chunk, trailers }
}

fn run(probes: &[Probe], chunk: usize, trailers: bool, heads: Heads) -> Outcome {
    let request = Request { method: "POST".to_owned(), path: "/".to_owned(), content: content(chunk, trailers) };
    let answer = Answer::Response { status: 200, content: content(chunk, trailers), cut: false };
    replay::run(&chain(probes), &mut MemoryHost::default(), &request, &answer, heads)
}

fn piped(probes: &[Probe]) -> Outcome {
    let request = Request { method: "POST".to_owned(), path: "/".to_owned(), content: content(0, false) };
    let answer = Answer::Response { status: 200, content: content(0, false), cut: false };
    let runs: Vec<_> = probes
        .iter()
        .map(|probe| {
            move |host: &mut MemoryHost, request: &Request, answer: &Answer| {
                replay::run(probe, host, request, answer, Heads::Wait)
            }
        })
        .collect();
    let mut filters: Vec<Piped<'_>> = runs.iter().map(|run| Piped { run, host: MemoryHost::default() }).collect();
    replay::pipe(&mut filters, &request, &answer)
}

fn probes() -> Vec<Vec<Probe>> {
    let edits = [Edit::None, Edit::Keep, Edit::Upper, Edit::Drop(b'o'), Edit::Double];
    let ways = [(Does::Continue, 0), (Does::Hold, 0), (Does::Hold, 7), (Does::Hold, 1000)];
    let mut all = Vec::new();
    for first in edits {
        for second in edits {
            for (m, n, decides) in [
                (0, 0, false),
                (1, 2, false),
                (2, 1, false),
                (2, 3, false),
                (3, 2, false),
                (3, 3, true),
                (3, 0, true),
                (2, 2, true),
            ] {
                let probe = |name, edit, (head, hold): (Does, usize), decides| Probe {
                    name,
                    head,
                    answer: head,
                    body: Bytes { edit, hold, refuse: None },
                    decides: decides && edit != Edit::None,
                    ..Probe::default()
                };
                all.push(vec![
                    probe("a", first, ways[m], decides),
                    probe("b", second, ways[n], false),
                    probe("c", Edit::None, ways[0], false),
                ]);
            }
        }
    }
    all
}

#[test]
fn every_split_gives_what_filters_one_after_another_give() {
    for probes in probes() {
        let want = sorted(piped(&probes));
        assert_eq!(want.ending, Ending::Pass);
        for chunk in [0, 1, 2, 5, 6, 7, 8, 13, 42, 43] {
            let got = sorted(run(&probes, chunk, false, Heads::Wait));
            assert_eq!(got, want, "chunk {chunk}, {probes:?}");
            let got = run(&probes, chunk, true, Heads::Wait);
            assert_eq!((&got.ending, &got.body), (&want.ending, &want.body), "chunk {chunk}, trailers, {probes:?}");
            let forwarded = got.forwarded.expect("it went on");
            assert_eq!(Some(&forwarded.body), want.forwarded.as_ref().map(|want| &want.body));
            for probe in probes.iter().filter(|probe| probe.body.edit != Edit::None) {
                let name = format!("x-{}", probe.name);
                assert!(
                    forwarded.trailers.iter().chain(&got.trailers).filter(|(given, _)| *given == name).count() == 2
                );
            }
        }
    }
}

#[test]
fn a_host_that_holds_no_heads_changes_nothing_but_for_those_who_decide_by_the_body() {
    for probes in probes() {
        let want = piped(&probes);
        for chunk in [0, 1, 7] {
            let got = run(&probes, chunk, false, Heads::GoOn);
            if probes[0].decides {
                assert_eq!((&got.ending, got.status), (&Ending::Reply("not_held"), 503), "{probes:?}");
                continue;
            }
            let bodies = |outcome: &Outcome| outcome.forwarded.as_ref().map(|forwarded| forwarded.body.clone());
            assert_eq!((&got.body, bodies(&got)), (&want.body, bodies(&want)), "chunk {chunk}, {probes:?}");
        }
    }
}

#[test]
fn a_refusal_ends_it_for_all() {
    for refuse in [0, 3, 20, 42] {
        for at in [0, 1] {
            for hold in [0, 1000] {
                for chunk in [0, 1, 4] {
                    let mut probes = ["a", "b"].map(|name| Probe {
                        name,
                        head: Does::Hold,
                        answer: Does::Hold,
                        body: Bytes { edit: Edit::Upper, hold, refuse: None },
                        ..Probe::default()
                    });
                    probes[at].body.refuse = Some(refuse);
                    let got = run(&probes, chunk, false, Heads::Wait);
                    assert_eq!((&got.ending, got.status), (&Ending::Reply("probe"), 415));
                    let sent = got.forwarded.map_or(0, |forwarded| forwarded.body.len());
                    assert!(sent <= refuse, "{sent} bytes went on of {refuse}");
                    assert!(hold == 0 || sent == 0, "what is held does not go on");
                    assert_eq!(got.headers.iter().any(|(name, _)| name == "x-a"), at == 1, "a reply passes the others");
                }
            }
        }
    }
}

/// A probe that holds all that it is shown.
fn holds(name: &'static str, decides: bool) -> Probe {
    let body = Bytes { edit: Edit::Keep, hold: usize::MAX, refuse: None };
    Probe { name, head: Does::Hold, decides, body, ..Probe::default() }
}

/// Shows an exchange so many bytes in small pieces; how many it took, and the reply if it did not take all.
fn fill(policy: &Policy, bytes: usize) -> (crate::chain::Exchange, usize, Option<crate::reply::Reply>) {
    const PIECE: [u8; 4_096] = [b'x'; 4_096];
    let host = &mut MemoryHost::default();
    let mut exchange = policy.open();
    assert_eq!(exchange.request_head(&mut Head::new(Vec::new(), false), host), Step::Hold);
    let mut taken = 0;
    while taken < bytes {
        let chunk = Chunk { bytes: &PIECE, end: false, head: HeadState::Held };
        match exchange.request_body(chunk, &mut Vec::new(), host) {
            Body::Hold => taken += PIECE.len(),
            Body::Refuse(reply) => return (exchange, taken, Some(reply)),
            other => panic!("{other:?}"),
        }
    }
    (exchange, taken, None)
}

#[test]
fn what_is_held_between_blocks_is_bounded_and_few_cannot_take_it() {
    for probes in [[holds("a", false), holds("b", false)], [holds("a", true), holds("b", false)]] {
        let policy = chain(&probes);
        let (mut exchanges, mut taken, mut kept) = (Vec::new(), Vec::new(), 0);
        let busy = loop {
            let (exchange, its, refused) = fill(&policy, usize::MAX);
            kept += its;
            assert_eq!(policy.0.kept_bytes.get(), kept);
            assert!(kept <= MAX_KEPT_BYTES);
            exchanges.push(exchange);
            match refused {
                Some(reply) if its == 0 => break reply,
                _ => taken.push(its),
            }
        };
        assert_eq!((busy.status, busy.reason, kept), (503, "busy", MAX_KEPT_BYTES));
        let shares = [MAX_KEPT_BYTES / 2, MAX_KEPT_BYTES / 8, MAX_KEPT_BYTES / 8];
        assert_eq!(taken[..3], shares, "as long as there is much room");
        assert_eq!(taken[3..], vec![SMALL_KEPT_BYTES; MAX_KEPT_BYTES / 4 / SMALL_KEPT_BYTES], "that many have to come");
        // What ends gives its room back.
        exchanges.clear();
        assert_eq!(policy.0.kept_bytes.get(), 0);
    }
}

#[test]
fn nothing_is_kept_of_a_body_that_one_block_takes() {
    let last = |name| Probe { name, ..Probe::default() };
    for probes in [
        vec![holds("a", false)],
        vec![holds("a", true)],
        vec![holds("a", true), last("b"), last("c")],
        vec![last("b"), holds("a", true), last("c")],
    ] {
        let policy = chain(&probes);
        let (_exchange, taken, refused) = fill(&policy, 2 * MAX_KEPT_BYTES);
        assert_eq!((taken, refused, policy.0.kept_bytes.get()), (2 * MAX_KEPT_BYTES, None, 0), "{probes:?}");
    }
    // One behind it may want it.
    let policy = chain(&[holds("a", true), last("b"), holds("c", false)]);
    let (_exchange, taken, _) = fill(&policy, 8_192);
    assert_eq!(policy.0.kept_bytes.get(), taken);
}

#[test]
fn a_block_that_waits_when_the_body_has_come_is_refused() {
    let decides = Probe {
        name: "a",
        head: Does::Hold,
        decides: true,
        body: Bytes { edit: Edit::Keep, hold: 5, refuse: None },
        ..Probe::default()
    };
    let got = run(&[decides, Probe { name: "b", waits: 1, ..Probe::default() }], 3, false, Heads::Wait);
    assert_eq!((&got.ending, got.status), (&Ending::Reply("cannot_wait"), 503));
    assert!(got.forwarded.is_none());
}

#[test]
fn two_blocks_may_decide_by_the_body_one_after_the_other() {
    let decides = |name| Probe {
        name,
        head: Does::Hold,
        decides: true,
        body: Bytes { edit: Edit::Keep, hold: 5, refuse: None },
        ..Probe::default()
    };
    for chunk in [0, 1, 3, 7] {
        let got =
            run(&[decides("a"), decides("b"), Probe { name: "c", ..Probe::default() }], chunk, false, Heads::Wait);
        let sent = got.forwarded.expect("it went on");
        assert_eq!(sent.body, TEXT);
        for name in ["x-a", "x-a-released", "x-b", "x-b-released", "x-c"] {
            assert!(sent.headers.iter().any(|(given, _)| given == name), "{name}, chunk {chunk}");
        }
    }
}

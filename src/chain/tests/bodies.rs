//! Bodies through several blocks: as through filters that stand one after another, however they are cut.

use super::probe::{Bytes, Does, Edit, Probe};
use super::{fields, sorted};
use crate::chain::{MAX_KEPT_BYTES, Policy};
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

#[test]
fn what_is_held_between_blocks_is_bounded() {
    let holds = |name| Probe {
        name,
        head: Does::Hold,
        body: Bytes { edit: Edit::Upper, hold: usize::MAX, refuse: None },
        ..Probe::default()
    };
    let policy = chain(&[holds("a"), holds("b")]);
    let host = &mut MemoryHost::default();
    let piece = vec![b'x'; 64 * 1024];
    let mut exchanges = Vec::new();
    let mut kept = 0;
    let refused = 'filled: loop {
        let mut exchange = policy.open();
        let mut head = Head::new(Vec::new(), false);
        assert_eq!(exchange.request_head(&mut head, host), Step::Hold);
        exchanges.push(exchange);
        let exchange = exchanges.last_mut().expect("the one");
        for _ in 0..16 {
            let chunk = Chunk { bytes: &piece, end: false, head: HeadState::Held };
            match exchange.request_body(chunk, &mut Vec::new(), host) {
                Body::Hold => kept += piece.len(),
                Body::Refuse(reply) => break 'filled reply,
                other => panic!("{other:?}"),
            }
            assert!(kept <= MAX_KEPT_BYTES);
        }
    };
    assert_eq!((refused.status, refused.reason, kept), (503, "busy", MAX_KEPT_BYTES));
    // What ends gives its room back.
    exchanges.clear();
    assert_eq!(policy.0.kept_bytes.get(), 0);
    // One block alone keeps nothing: the host does.
    let policy = chain(&[holds("a")]);
    let mut exchange = policy.open();
    assert_eq!(exchange.request_head(&mut Head::new(Vec::new(), false), host), Step::Hold);
    let chunk = Chunk { bytes: &piece, end: false, head: HeadState::Held };
    assert_eq!(exchange.request_body(chunk, &mut Vec::new(), host), Body::Hold);
    assert_eq!(policy.0.kept_bytes.get(), 0);
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

//! Chains: any configuration is refused with a place, or works; and a filter as the only block of a chain is that filter.
//!
//! The first line is options: what the rest is (0: a chain; else the configuration of rate-limit, jwt-auth or revenue-strip), and
//! widths of chunks.

use lockgate::chain;
use lockgate::config::{Assumed, ConfigError};
use lockgate::exchange::Policy;
use lockgate::replay::{self, Answer, Content, Heads, MemoryHost, Outcome, Request};
use lockgate::{jwt_auth, rate_limit, revenue_strip};

use super::Options;

const BODY: &str = r#"{"unit_cost":5,"a":[{"margin":{"b":"x"}},"text"]}"#;

pub(super) fn check(input: &[u8]) {
    let (mut options, text) = Options::split(input);
    // As JSON reads it: white space around a block is not the block's.
    let text = text.trim_ascii();
    let (what, chunk) = (options.number() % 4, options.number());
    match what {
        0 => match read::<chain::Policy>(text) {
            Err(error) => assert_has_place(&error),
            Ok(policy) => {
                let counters = policy.counters();
                let (_, host) = run(&policy, chunk);
                assert!(host.counters.keys().all(|&counter| counter < counters.len()), "a counter without a name");
            }
        },
        1 => as_block::<rate_limit::Policy>("rate-limit", text, chunk),
        2 => as_block::<jwt_auth::Policy>("jwt-auth", text, chunk),
        _ => as_block::<revenue_strip::Policy>("revenue-strip", text, chunk),
    }
}

fn as_block<P: Policy>(name: &str, text: &[u8], chunk: usize) {
    let whole = [format!("{{\"chain\": [{{\"{name}\": ").as_bytes(), text, b"}]}"].concat();
    match (read::<P>(text), read::<chain::Policy>(&whole)) {
        (Err(alone), Err(block)) => {
            assert_has_place(&alone);
            assert_has_place(&block);
        }
        (Ok(alone), Ok(block)) => {
            assert_eq!(Policy::counters(&alone), Policy::counters(&block));
            let ((want, mut host), (got, mut other)) = (run(&alone, chunk), run(&block, chunk));
            assert_eq!(got, want, "a block decides otherwise");
            assert_eq!((&other.counters, &other.audits), (&host.counters, &host.audits));
            let slots = |host: &mut MemoryHost| std::mem::take(&mut host.slots).into_values().collect::<Vec<_>>();
            assert_eq!(slots(&mut other), slots(&mut host));
        }
        (Err(alone), Ok(_)) => unreachable!("refused alone ({alone}), and taken as a block"),
        // What closes the block early, and what follows it, is a chain, and no configuration of one filter.
        (Ok(_), Err(block)) => unreachable!("taken alone, and refused as a block: {block}"),
    }
}

fn read<P: Policy>(text: &[u8]) -> Result<P, ConfigError> {
    P::read(text, &Assumed)
}

fn assert_has_place(error: &ConfigError) {
    assert!(!error.path().is_empty(), "no place: {error}");
    assert!(error.to_string().len() > error.path().len() + 2, "no reason: {error}");
}

/// What a few exchanges come to, and what they leave.
fn run<P: Policy>(policy: &P, chunk: usize) -> (Vec<Outcome>, MemoryHost) {
    let mut host = MemoryHost { now_ms: Some(1_800_000_000_000), ..MemoryHost::default() };
    host.set_attribute(&["source", "address"], b"192.0.2.1:1");
    policy.start(&mut host);
    let content = || Content {
        headers: vec![
            ("content-type".to_owned(), b"application/json".to_vec()),
            ("authorization".to_owned(), b"Bearer x.y.z".to_vec()),
            ("x-roles".to_owned(), b"ADMIN".to_vec()),
        ],
        body: BODY.as_bytes().to_vec(),
        chunk,
        trailers: if chunk.is_multiple_of(2) { Vec::new() } else { vec![("x-margin".to_owned(), b"5".to_vec())] },
    };
    let mut outcomes = Vec::new();
    for (method, path) in [("GET", "/api/x"), ("POST", "/"), ("PUT", "/api/%2e/x"), ("POST", "/api/x")] {
        let request = Request { method: method.to_owned(), path: path.to_owned(), content: content() };
        let answer = Answer::Response { status: 200, content: content(), cut: false };
        outcomes.push(replay::run(policy, &mut host, &request, &answer, Heads::Wait));
    }
    (outcomes, host)
}

//! Configurations of rate-limit: any bytes are refused with a place, or work.

use lockgate::exchange::Policy as _;
use lockgate::rate_limit::{MAX_POLICIES, Policy};
use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Request};

pub(super) fn check(input: &[u8]) {
    let policy = match Policy::from_json(input) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.path().is_empty(), "no place: {error}");
            assert!(error.to_string().len() > error.path().len() + 2, "no reason: {error}");
            return;
        }
    };
    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(input).is_ok(), "no JSON, and accepted");
    let counters = policy.counters();
    assert!(policy.sizes().len() >= 2, "a table and the sum");
    let mut host = MemoryHost { now_ms: Some(1_800_000_000_000), ..MemoryHost::default() };
    host.set_attribute(&["source", "address"], b"192.0.2.1:1");
    policy.start(&mut host);
    for (n, (method, path, status)) in [
        ("GET", "/api/x", 200),
        ("get", "/API/x/", 401),
        ("OPTIONS", "*", 200),
        ("CONNECT", "", 403),
        ("PUT", "/api/%2e/x", 500),
        ("GET", "/api/x?y", 401),
    ]
    .into_iter()
    .cycle()
    .take(30)
    .enumerate()
    {
        let headers = vec![("x-key".to_owned(), vec![b'a'; n % 3]), ("ratelimit".to_owned(), b"theirs".to_vec())];
        let content = Content { headers, ..Content::default() };
        let request = Request { method: method.to_owned(), path: path.to_owned(), content: content.clone() };
        let answer = Answer::Response { status, content, cut: false };
        let outcome = replay::run(&policy, &mut host, &request, &answer, Heads::GoOn);
        match outcome.ending {
            Ending::Pass => assert_eq!(outcome.status, status),
            Ending::Reply("unsafe_path") => assert_eq!(outcome.status, 400),
            Ending::Reply("quota" | "blocked") => {
                assert_eq!(outcome.status, 429);
                let wait = outcome.headers.iter().find(|(name, _)| name == "retry-after").expect("Retry-After");
                let wait: u64 = std::str::from_utf8(&wait.1).unwrap().parse().expect("seconds");
                assert!((1..=2 * 86_400).contains(&wait), "{wait} s");
            }
            ending => unreachable!("{ending:?}"),
        }
        for (_, value) in outcome.headers.iter().filter(|(name, _)| name == "ratelimit") {
            let items = String::from_utf8(value.clone()).expect("text");
            // A portal's own where nothing is said; a name may have a comma in it.
            assert!(items == "theirs" || items.matches("\";r=").count() <= MAX_POLICIES, "{items}");
        }
    }
    assert!(host.counters.keys().all(|&counter| counter < counters.len()), "a counter without a name");
    let tables: usize =
        host.slots.iter().filter(|(key, _)| key.starts_with("limits")).map(|(_, slot)| slot.bytes.len()).sum();
    assert!(tables <= policy.max_bytes(), "{tables} bytes are more than were said");
}

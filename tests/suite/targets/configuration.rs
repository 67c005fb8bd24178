//! Configurations: any bytes are refused with a place, or work.

use lockgate::exchange::Policy as _;
use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Request};
use lockgate::revenue_strip::Policy;

use crate::oracle::is_json;

const BODIES: [(&str, &str); 4] = [
    ("application/json", r#"{"unit_cost":5,"a":[{"margin":{"b":"x"}},"text"],"text":"{\"unit_cost\":1}"}"#),
    ("application/x-ndjson", "{\"unit_cost\":5}\n[1]\n"),
    ("text/event-stream", "id: 1\ndata: {\"unit_cost\":5}\n\ndata: [DONE]\n\n"),
    ("text/csv", "id,unit_cost\r\n1,5\r\n"),
];

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
    assert!(!counters.is_empty());
    for (path, method) in
        [("/api/x", "GET"), ("/", "POST"), ("/api/%2e/x", "PUT"), ("/graphql?query={a:unitCost}", "GET")]
    {
        for (media, body) in BODIES {
            for chunk in [0, 3] {
                let content = || Content {
                    headers: vec![
                        ("content-type".to_owned(), media.as_bytes().to_vec()),
                        ("x-unit-cost".to_owned(), b"5".to_vec()),
                        ("x-roles".to_owned(), b"ADMIN".to_vec()),
                    ],
                    body: body.as_bytes().to_vec(),
                    chunk,
                    trailers: if chunk == 0 { Vec::new() } else { vec![("x-margin".to_owned(), b"5".to_vec())] },
                };
                let request = Request { method: method.to_owned(), path: path.to_owned(), content: content() };
                let answer = Answer::Response { status: 200, content: content(), cut: false };
                let mut host = MemoryHost::default();
                let outcome = replay::run(&policy, &mut host, &request, &answer, Heads::Wait);
                assert!(host.counters.keys().all(|&counter| counter < counters.len()), "a counter without a name");
                if outcome.ending == Ending::Pass && media == "application/json" {
                    assert!(is_json(&outcome.body), "no JSON is left");
                }
            }
        }
    }
}

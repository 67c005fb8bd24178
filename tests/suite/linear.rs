//! Hostile bodies take no more time a byte when they grow: four times the size, about four times the time.

use std::time::{Duration, Instant};

use lockgate::exchange::Policy as _;
use lockgate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Request};
use lockgate::revenue_strip::Policy;

/// How much longer a byte may take in a body of four times the size; a quadratic step shows as 4.
const AIM: f64 = 1.3;
/// What fails, well above what was seen while other programs used the machine (2.2).
const AT_MOST: f64 = 3.0;
/// The best of so many, taken in turns; of more when that is above the aim, since others can only make it worse.
const ROUNDS: usize = 5;
const MORE_ROUNDS: usize = 40;
/// How long a kind that would fail is tried again: others may have taken the machine for all of those rounds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of the smaller body, about.
const SMALL: usize = 64 * 1024;

/// A kind of body by its size in bytes, and the size of the chunks in which it comes.
type Kind = (&'static str, usize, fn(usize) -> String);

const WHOLE: usize = 16 * 1024;

const KINDS: [Kind; 18] = [
    // At most 100,000 levels are allowed: the larger body has 79,872.
    ("deep lists", WHOLE, |size| nested(size / 1024 * 312, "[", "]")),
    ("deep objects", WHOLE, |size| nested(size / 1024 * 312, "{\"a\":", "}")),
    ("deep in what is removed", WHOLE, |size| format!("{{\"markup\":{}}}", nested(size / 1024 * 312, "[", "]"))),
    ("up and down", WHOLE, |size| format!("[{}0]", format!("{},", nested(500, "[", "]")).repeat(size / 1001))),
    // A name has at most 64 KiB.
    ("a long name", WHOLE, |size| format!("{{\"{}\":1}}", "k".repeat(size / 5))),
    ("a long name with escapes", WHOLE, |size| format!("{{\"{}\":1}}", "\\u0041".repeat(size / 30))),
    ("a long name that nearly matches", WHOLE, |size| format!("{{\"{}\":1}}", "cost".repeat(size / 20))),
    ("a long string", WHOLE, |size| format!("[\"{}\"]", "x".repeat(size))),
    ("a long string of escapes", WHOLE, |size| format!("[\"{}\"]", "\\\\\\\"".repeat(size / 4))),
    ("a long string of letters beyond ASCII", WHOLE, |size| format!("[\"{}\"]", "\u{10ffff}é".repeat(size / 6))),
    ("white space", WHOLE, |size| format!("[{}1]", " \t\r\n".repeat(size / 4))),
    ("a long number", WHOLE, |size| format!("[1{}]", "0".repeat(size))),
    ("many members", WHOLE, |size| members(size / 12, |n| format!("\"m{n:06}\":1"))),
    ("many members that are removed", WHOLE, |size| members(size / 16, |n| format!("\"markup{n:06}\":1"))),
    ("one name, too long for the cache", WHOLE, |size| members(size / 44, |_| format!("\"{}\":1", "n".repeat(40)))),
    ("two names that take turns", WHOLE, |size| members(size / 44, |n| format!("\"{}{}\":1", "n".repeat(39), n % 2))),
    ("single bytes", 1, |size| members(size / 60, |n| format!("\"m{n:06}\":[\"x\",{{\"unit_cost\":5}}]"))),
    ("a long name in single bytes", 1, |size| format!("{{\"{}\":1}}", "k".repeat(size / 5))),
];

fn nested(levels: usize, open: &str, close: &str) -> String {
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

fn members(count: usize, member: impl Fn(usize) -> String) -> String {
    format!("{{{}}}", (0..count).map(member).collect::<Vec<_>>().join(","))
}

/// A body that is inspected again and again, and the least that it took.
struct Timed {
    answer: Answer,
    bytes: usize,
    best: Duration,
}

impl Timed {
    fn new((_, chunk, body): &Kind, size: usize) -> Self {
        let body = body(size).into_bytes();
        let bytes = body.len();
        let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        let content = Content { headers, body, chunk: *chunk, ..Content::default() };
        Self { answer: Answer::Response { status: 200, content, cut: false }, bytes, best: Duration::MAX }
    }

    fn run(&mut self, policy: &Policy) {
        let request = Request { method: "GET".to_owned(), path: "/api/x".to_owned(), content: Content::default() };
        let begin = Instant::now();
        let outcome = replay::run(policy, &mut MemoryHost::default(), &request, &self.answer, Heads::Wait);
        self.best = self.best.min(begin.elapsed());
        assert_eq!(outcome.ending, Ending::Pass);
    }

    fn ns_per_byte(&self) -> f64 {
        self.best.as_nanos() as f64 / self.bytes as f64
    }
}

#[test]
fn time_a_byte_does_not_grow_with_the_body() {
    let config = r#"{"rules": [{"name": "r", "match": {"paths": ["/api/**"]}, "action": "remove"}]}"#;
    let policy = Policy::from_json(config.as_bytes()).expect("a good configuration");
    let mut slow = Vec::new();
    for kind in &KINDS {
        let (mut small, mut large) = (Timed::new(kind, SMALL), Timed::new(kind, 4 * SMALL));
        let begin = Instant::now();
        let mut round = 0;
        let ratio = loop {
            // As many bytes of each in a round.
            (0..4).for_each(|_| small.run(&policy));
            large.run(&policy);
            round += 1;
            let ratio = large.ns_per_byte() / small.ns_per_byte();
            let good = if round < MORE_ROUNDS { AIM } else { AT_MOST };
            if round >= ROUNDS && ratio <= good || begin.elapsed() > PATIENCE {
                break ratio;
            }
        };
        println!("{}: {:.2} ns a byte, {ratio:.2} times that in four times the size", kind.0, small.ns_per_byte());
        if ratio > AT_MOST {
            slow.push(format!("{}: {ratio:.2}", kind.0));
        }
    }
    assert!(slow.is_empty(), "a byte takes longer in a larger body: {slow:#?}");
}

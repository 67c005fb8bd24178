//! Decisions of rate-limit, one after another, against a limiter as plain as can be. The first line has the figures of two
//! policies, the rest is a series of requests, three signs each: how far the clock goes, who comes, what is asked.
//!
//! One policy is by address, the other one for all together, so they stand in two tables, and each is asked for some paths.

use std::collections::BTreeMap;

use lockgate::exchange::Policy as _;
use lockgate::rate_limit::Policy;
use lockgate::replay::{self, Answer, Content, Heads, MemoryHost, Request};
use serde_json::{Value, json};

use super::Options;

/// Some time in 2025, in milliseconds.
const BEGIN: u64 = 1_750_000_000_000;
/// Up to so much the clock of a table may be behind and count as the same time.
const SKEW_MS: u64 = 1_000;
/// Most requests of an input: so few that hundreds of inputs are tried a second. Series of thousands are those of
/// `tests/suite/limits.rs`.
const MAX_STEPS: usize = 300;

/// The figures of one policy.
#[derive(Clone, Copy, Debug)]
struct Figures {
    limit: u64,
    window_ms: u64,
    /// `None`: a sliding window.
    burst: Option<u64>,
    cost: u64,
}

/// What one caller has spent.
#[derive(Clone, Copy, Debug)]
enum Spent {
    /// Since when the window runs, what was spent in it and in the one before.
    Window { since: u64, current: u64, previous: u64 },
    /// When the bucket is full again, in parts of `1 / limit` of a millisecond.
    Bucket { full_at: u128 },
}

/// The callers of one policy, and when something was written last: a clock that steps back takes all of them with it.
#[derive(Debug)]
struct Plain {
    figures: Figures,
    callers: BTreeMap<u8, Spent>,
    last_ms: u64,
}

impl Figures {
    fn read(options: &mut Options<'_>) -> Self {
        let limit = [1, 2, 3, 5, 10, 100, 1_000, 4_000_000_000][options.number() % 8];
        let window_ms = [1, 2, 3, 7, 60, 3_600][options.number() % 6] * 1_000;
        let burst = options.flag().then(|| limit.min([1, 2, 5, 1_000][options.number() % 4]));
        let cost = [1, 1, 2, 3][options.number() % 4].min(burst.unwrap_or(limit));
        Self { limit, window_ms, burst, cost }
    }

    fn config(self, name: &str, key: Value, path: &str) -> Value {
        let Self { limit, window_ms, burst, cost } = self;
        let mut policy = json!({
            "name": name, "match": {"paths": [path]}, "key": [key], "limit": limit, "window_s": window_ms / 1_000, "cost": cost,
        });
        if let Some(burst) = burst {
            policy["algorithm"] = json!("gcra");
            policy["burst"] = json!(burst);
        }
        policy
    }

    /// What is left to a caller, of what may be spent at once.
    fn left(self, spent: Option<Spent>, now: u64) -> u64 {
        let Self { limit, window_ms, burst, .. } = self;
        match spent {
            None => burst.unwrap_or(limit),
            Some(Spent::Window { since, current, previous }) => {
                let rest = since + window_ms - now;
                limit.saturating_sub(current + (previous * rest).div_ceil(window_ms))
            }
            Some(Spent::Bucket { full_at }) => {
                let debt = full_at.saturating_sub(u128::from(now) * u128::from(limit));
                let size = u128::from(burst.unwrap_or(limit)) * u128::from(window_ms);
                u64::try_from((size - debt) / u128::from(window_ms)).unwrap()
            }
        }
    }

    fn charged(self, spent: Option<Spent>, now: u64) -> Spent {
        let Self { limit, window_ms, burst, cost } = self;
        match (spent, burst) {
            (Some(Spent::Window { since, current, previous }), _) => {
                Spent::Window { since, current: current + cost, previous }
            }
            (None, None) => Spent::Window { since: now, current: cost, previous: 0 },
            (Some(Spent::Bucket { .. }) | None, _) => {
                let full_now = u128::from(now) * u128::from(limit);
                let full_at = match spent {
                    Some(Spent::Bucket { full_at }) => full_at.max(full_now),
                    _ => full_now,
                };
                Spent::Bucket { full_at: full_at + u128::from(cost) * u128::from(window_ms) }
            }
        }
    }
}

impl Plain {
    fn new(figures: Figures) -> Self {
        Self { figures, callers: BTreeMap::new(), last_ms: 0 }
    }

    /// The time in the table, after it has followed a clock that stepped back.
    fn tell(&mut self, now: u64) -> u64 {
        let back = self.last_ms.saturating_sub(now);
        if back <= SKEW_MS {
            return now.max(self.last_ms);
        }
        for spent in self.callers.values_mut() {
            match spent {
                Spent::Window { since, .. } => *since -= back,
                Spent::Bucket { full_at } => *full_at -= u128::from(back) * u128::from(self.figures.limit),
            }
        }
        self.last_ms = now;
        now
    }

    /// What a caller has spent, as far as it counts.
    fn spent(&self, caller: u8, now: u64) -> Option<Spent> {
        let Figures { window_ms, limit, .. } = self.figures;
        match *self.callers.get(&caller)? {
            Spent::Window { since, current, previous } if now < since + window_ms => {
                Some(Spent::Window { since, current, previous })
            }
            Spent::Window { since, current, .. } if now < since + 2 * window_ms => {
                Some(Spent::Window { since: since + window_ms, current: 0, previous: current })
            }
            Spent::Window { .. } => None,
            Spent::Bucket { full_at } => {
                (u128::from(now) * u128::from(limit) < full_at).then_some(Spent::Bucket { full_at })
            }
        }
    }

    fn left(&self, caller: u8, now: u64) -> u64 {
        self.figures.left(self.spent(caller, now), now)
    }
}

pub(super) fn check(input: &[u8]) {
    let (mut options, steps) = Options::split(input);
    let figures = [Figures::read(&mut options), Figures::read(&mut options)];
    let config = json!({
        "policies": [
            figures[0].config("address", json!("address"), "/a/**"),
            figures[1].config("all", json!({"constant": "all"}), "/*/b"),
        ],
        // One slot each: then the clock of a table is one.
        "table": {"keys": 1},
    });
    let policy = match Policy::from_json(config.to_string().as_bytes()) {
        Ok(policy) => policy,
        // A bucket that takes more than a day.
        Err(error) => return assert!(error.path().ends_with(".burst") || error.path().ends_with(".limit"), "{error}"),
    };
    let mut plain = figures.map(Plain::new);
    let mut host = MemoryHost::default();
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    let mut now = BEGIN;
    let window_ms = figures[0].window_ms;
    for step in steps.chunks_exact(3).take(MAX_STEPS) {
        let mut step = Options(step.iter());
        let moves = [
            0,
            1,
            10,
            333,
            1_000,
            2_500,
            window_ms / 2,
            window_ms - 1,
            window_ms,
            window_ms + 1,
            2 * window_ms,
            5 * window_ms,
        ];
        now = match step.number() % 16 {
            back @ 12..=15 => now.saturating_sub([1, 999, 1_001, 3 * window_ms][back - 12]),
            on => now + moves[on],
        };
        let caller = u8::try_from(step.number() % 5).unwrap();
        let (path, asked) = [("/a/b", &[0, 1][..]), ("/a/c", &[0]), ("/c/b", &[1]), ("/c/d", &[])][step.number() % 4];

        let at: Vec<(usize, u8, u64)> =
            asked.iter().map(|&n| (n, if n == 0 { caller } else { 0 }, plain[n].tell(now))).collect();
        let before: Vec<u64> = at.iter().map(|&(n, who, now)| plain[n].left(who, now)).collect();
        let passes = at.iter().zip(&before).all(|(&(n, ..), &left)| left >= figures[n].cost);
        if passes {
            for &(n, who, now) in &at {
                let spent = figures[n].charged(plain[n].spent(who, now), now);
                plain[n].callers.insert(who, spent);
                plain[n].last_ms = now;
            }
        }
        let want: Vec<u64> = at.iter().map(|&(n, who, now)| plain[n].left(who, now)).collect();

        host.now_ms = Some(now);
        host.set_attribute(&["source", "address"], format!("192.0.2.{caller}:1").as_bytes());
        let request = Request { method: "GET".to_owned(), path: path.to_owned(), content: Content::default() };
        let outcome = replay::run(&policy, &mut host, &request, &answer, Heads::GoOn);
        assert_eq!(outcome.status, if passes { 200 } else { 429 }, "{figures:?}, {caller} at {now}: {before:?} left");
        let text = |name: &str| {
            let field = outcome.headers.iter().find(|(given, _)| given == name);
            field.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
        };
        let told: Vec<u64> = text("ratelimit")
            .iter()
            .flat_map(|field| field.split(", "))
            .map(|item| item.split(";r=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(told, want, "{figures:?}, {caller} at {now}");
        if !passes {
            // Whoever waits as long as that is let in.
            let wait_ms = text("retry-after").unwrap().parse::<u64>().unwrap() * 1_000;
            for &(n, who, now) in &at {
                assert!(
                    plain[n].left(who, now + wait_ms) >= figures[n].cost,
                    "{wait_ms} ms are too short: {figures:?}"
                );
            }
        }
    }
}

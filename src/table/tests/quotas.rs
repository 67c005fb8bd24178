//! Quotas against plain references, over thousands of requests.

use super::{NOW, key};
use crate::replay::MemoryHost;
use crate::table::record::{Record, State};
use crate::table::{Account, Acts, Balance, Charge, Counters, Found, MAX_SPAN_MS, Measure, Quota, Verdict, charge};

/// Numbers that are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// One below `most`.
    pub(super) fn roll(&mut self, most: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % most
    }
}

/// A quota with its slot.
struct Metered {
    table: Counters,
    host: MemoryHost,
    quota: Quota,
}

impl Metered {
    fn new(quota: Quota) -> Self {
        Self { table: Counters::grouped("q", 1, 1).expect("good"), host: MemoryHost::default(), quota }
    }

    fn spend(&mut self, now_ms: u64, cost: u32) -> (Verdict, Balance) {
        let by = Measure::Quota { quota: self.quota, cost };
        let charges = vec![Charge { key: key(1), by, acts: Acts::Refuses }];
        let account = Account { table: &self.table, place: key(1), charges };
        let charged = charge(&mut self.host, now_ms, &[account]).expect("charged");
        match charged.found().next().copied().expect("found") {
            Found::Within(balance) => (charged.verdict, balance),
            Found::Over(balance) => (charged.verdict, balance),
            other => panic!("{other:?}"),
        }
    }
}

/// The clock of a slot: it stands still for a second when it is behind, and takes all records back with it when it is further.
#[derive(Default)]
struct Clock {
    last_ms: u64,
}

impl Clock {
    /// The time in the slot, and by how much records step back.
    fn tell(&mut self, now_ms: u64) -> (u64, u64) {
        match self.last_ms.saturating_sub(now_ms) {
            0..=1_000 => (now_ms.max(self.last_ms), 0),
            back_ms => {
                self.last_ms = now_ms;
                (now_ms, back_ms)
            }
        }
    }
}

/// The estimate of a sliding window, in fractions.
struct Windows {
    limit: i128,
    window_ms: i128,
    clock: Clock,
    /// When the running window began; what was spent in it, and in the one before.
    running: Option<(i128, i128, i128)>,
}

impl Windows {
    fn spend(&mut self, now_ms: u64, cost: u32) -> bool {
        let (now_ms, back_ms) = self.clock.tell(now_ms);
        let (now, cost) = (i128::from(now_ms), i128::from(cost));
        if let Some((start, current, previous)) = &mut self.running {
            *start -= i128::from(back_ms);
            if now - *start >= self.window_ms {
                (*start, *current, *previous) = (*start + self.window_ms, 0, *current);
            }
            if now - *start >= self.window_ms || (*current, *previous) == (0, 0) {
                self.running = None;
            }
        }
        let (start, current, previous) = self.running.unwrap_or((now, 0, 0));
        // current + (1 − x) · previous + cost ≤ limit, times the window's length.
        let rest = self.window_ms - (now - start);
        let fits = (current + cost) * self.window_ms + previous * rest <= self.limit * self.window_ms;
        if fits {
            self.running = Some((start, current + cost, previous));
            self.clock.last_ms = now_ms;
        }
        fits
    }
}

/// A bucket, in fractions.
struct Tokens {
    limit: i128,
    window_ms: i128,
    burst: i128,
    clock: Clock,
    /// Tokens times the window's length, and when.
    level: Option<(i128, i128)>,
}

impl Tokens {
    fn spend(&mut self, now_ms: u64, cost: u32) -> bool {
        let (now_ms, back_ms) = self.clock.tell(now_ms);
        let now = i128::from(now_ms);
        let full = self.burst * self.window_ms;
        let (level, at) = self.level.unwrap_or((full, now));
        let level = (level + (now - (at - i128::from(back_ms))) * self.limit).min(full);
        let left = level - i128::from(cost) * self.window_ms;
        // A refusal leaves the slot as it is, but for a step back.
        if left >= 0 || back_ms > 0 {
            self.level = Some((if left >= 0 { left } else { level }, now));
            self.clock.last_ms = now_ms;
        }
        left >= 0
    }
}

/// How time goes on between two requests.
#[derive(Clone, Copy, Debug)]
enum Steps {
    /// Evenly, on the average.
    Even,
    /// In crowds at the edges of windows.
    Edges,
    /// Evenly, with steps of the clock to and fro.
    Clock,
}

fn next(now_ms: u64, window_ms: u64, limit: u32, steps: Steps, dice: &mut Dice) -> u64 {
    let even = now_ms + dice.roll(window_ms / u64::from(limit) + 2);
    match steps {
        Steps::Even => even,
        Steps::Edges => match dice.roll(20) {
            0 => {
                let edge = NOW + ((now_ms - NOW) / window_ms + 1) * window_ms;
                edge - dice.roll(3).min(edge - now_ms)
            }
            _ => now_ms + dice.roll(2),
        },
        Steps::Clock => match dice.roll(50) {
            0 => now_ms - dice.roll(5 * window_ms + 5_000),
            1 => now_ms + dice.roll(2 * window_ms),
            2 => now_ms - dice.roll(1_000),
            _ => even,
        },
    }
}

const QUOTAS: [(u32, u64, u32); 7] = [
    (1, 1_000, 1),
    (5, 1_000, 5),
    (100, 60_000, 20),
    (100, 60_000, 300),
    (7, 10_007, 3),
    (1_000, 3_000, 40),
    (3, 7_000, 9),
];

#[test]
fn a_sliding_window_decides_as_the_reference() {
    let mut admitted = 0_u32;
    for (limit, window_ms, _) in QUOTAS {
        for steps in [Steps::Even, Steps::Edges, Steps::Clock] {
            let mut dice = Dice(7 + u64::from(limit));
            let mut metered = Metered::new(Quota::Sliding { limit, window_ms });
            let mut reference =
                Windows { limit: limit.into(), window_ms: window_ms.into(), clock: Clock::default(), running: None };
            let mut now_ms = NOW;
            for n in 0..3_000 {
                let cost = if n % 7 == 0 { 1 + u32::try_from(dice.roll(u64::from(limit))).unwrap() } else { 1 };
                let (verdict, _) = metered.spend(now_ms, cost);
                let want = if reference.spend(now_ms, cost) { Verdict::Admitted } else { Verdict::Refused };
                assert_eq!(verdict, want, "{limit} in {window_ms}, {steps:?}, request {n} at {}", now_ms - NOW);
                admitted += u32::from(verdict == Verdict::Admitted);
                now_ms = next(now_ms, window_ms, limit, steps, &mut dice);
            }
        }
    }
    assert!((10_000..60_000).contains(&admitted), "{admitted}");
}

#[test]
fn gcra_decides_as_the_reference() {
    let mut admitted = 0_u32;
    for (limit, window_ms, burst) in QUOTAS {
        for steps in [Steps::Even, Steps::Edges, Steps::Clock] {
            let mut dice = Dice(11 + u64::from(limit));
            let mut metered = Metered::new(Quota::Paced { limit, window_ms, burst });
            let mut reference = Tokens {
                limit: limit.into(),
                window_ms: window_ms.into(),
                burst: burst.into(),
                clock: Clock::default(),
                level: None,
            };
            let mut now_ms = NOW;
            for n in 0..3_000 {
                let cost = if n % 7 == 0 { 1 + u32::try_from(dice.roll(u64::from(burst))).unwrap() } else { 1 };
                let (verdict, _) = metered.spend(now_ms, cost);
                let want = if reference.spend(now_ms, cost) { Verdict::Admitted } else { Verdict::Refused };
                assert_eq!(verdict, want, "{limit} in {window_ms}, {burst}, {steps:?}, {n} at {}", now_ms - NOW);
                admitted += u32::from(verdict == Verdict::Admitted);
                now_ms = next(now_ms, window_ms, limit, steps, &mut dice);
            }
        }
    }
    assert!((10_000..60_000).contains(&admitted), "{admitted}");
}

/// The bounds that the module's documentation gives, for callers who come evenly and for those who wait for an edge.
#[test]
fn a_sliding_window_errs_as_little_as_it_says() {
    for (limit, window_ms) in [(10, 1_000), (100, 60_000), (1_000, 3_000)] {
        for steps in [Steps::Even, Steps::Edges] {
            let mut dice = Dice(3);
            let mut metered = Metered::new(Quota::Sliding { limit, window_ms });
            let (mut now_ms, mut log, mut tried_first) = (NOW, Vec::new(), 0);
            for _ in 0..6_000 {
                // More than the limit.
                for _ in 0..3 {
                    tried_first += usize::from(now_ms < NOW + window_ms);
                    if metered.spend(now_ms, 1).0 == Verdict::Admitted {
                        log.push(now_ms);
                    }
                }
                now_ms = next(now_ms, window_ms, limit, steps, &mut dice);
            }
            let since = |ms: u64| log.partition_point(|&at| at < ms);
            let in_window = |n: u64| since(NOW + (n + 1) * window_ms) - since(NOW + n * window_ms);
            // No window is idle: one follows the other from the first request on.
            let windows = (log[log.len() - 1] - NOW) / window_ms;
            assert!(log[0] == NOW && windows >= 3 && (0..=windows).all(|n| in_window(n) > 0), "{steps:?}");
            assert_eq!(in_window(0), tried_first.min(usize::try_from(limit).unwrap()), "the first window, {steps:?}");
            let mut worst = 0.0_f64;
            for &at in &log {
                let window = (at - NOW) / window_ms;
                let spent = since(at + 1) - since((at + 1).saturating_sub(window_ms));
                let (x, previous) = (
                    f64::from(u32::try_from((at - NOW) % window_ms).unwrap())
                        / f64::from(u32::try_from(window_ms).unwrap()),
                    if window == 0 { 0 } else { in_window(window - 1) },
                );
                assert!(in_window(window) <= usize::try_from(limit).unwrap(), "window {window}, {steps:?}");
                let (spent, previous) = (u32::try_from(spent).unwrap(), u32::try_from(previous).unwrap());
                assert!(f64::from(spent) <= f64::from(limit) + x * f64::from(previous), "{spent} at {x}, {steps:?}");
                worst = worst.max(f64::from(spent) / f64::from(limit));
            }
            println!("{limit} in {window_ms} ms, {steps:?}: at most {worst:.3} of the limit in any window");
            assert!(worst < 2.0);
        }
    }
}

/// Whoever takes all there is gets exactly burst and pace.
#[test]
fn gcra_admits_exactly_burst_and_pace() {
    for (limit, window_ms, burst) in QUOTAS.into_iter().chain([(4_000_000_000, 1_000, 1), (999_983, 86_400_000, 5)]) {
        let mut metered = Metered::new(Quota::Paced { limit, window_ms, burst });
        let mut admitted = 0_u64;
        for ms in 0..2_000_u64 {
            for _ in 0..400 {
                if metered.spend(NOW + ms, 1).0 == Verdict::Refused {
                    break;
                }
                admitted += 1;
                if limit > 1_000_000_000 {
                    break;
                }
            }
            let want = u64::from(burst) + ms * u64::from(limit) / window_ms;
            let want = if limit > 1_000_000_000 { ms + 1 } else { want };
            assert_eq!(admitted, want, "{limit} in {window_ms}, {burst}, after {ms} ms");
        }
    }
}

#[test]
fn the_wait_is_exact() {
    let quotas = QUOTAS.into_iter().flat_map(|(limit, window_ms, burst)| {
        [Quota::Sliding { limit, window_ms }, Quota::Paced { limit, window_ms, burst }]
    });
    let mut waits = 0;
    for quota in quotas {
        let (Quota::Sliding { limit: most, window_ms } | Quota::Paced { burst: most, window_ms, .. }) = quota;
        let (mut metered, mut dice, mut now_ms) = (Metered::new(quota), Dice(5), NOW);
        for _ in 0..400 {
            let cost = 1 + u32::try_from(dice.roll(u64::from(most))).unwrap();
            let (verdict, balance) = metered.spend(now_ms, cost);
            if verdict == Verdict::Refused {
                waits += 1;
                assert!(balance.wait_ms > 0 && balance.left < cost, "{quota:?}: {balance:?}");
                let host = metered.host.clone();
                let (early, _) = metered.spend(now_ms + balance.wait_ms - 1, cost);
                metered.host = host.clone();
                let (late, _) = metered.spend(now_ms + balance.wait_ms, cost);
                metered.host = host;
                assert_eq!((early, late), (Verdict::Refused, Verdict::Admitted), "{quota:?}: {balance:?} for {cost}");
            } else {
                assert_eq!(balance.wait_ms, 0);
                let host = metered.host.clone();
                // What is said to be left is there for as long as it is said.
                for ms in [0, balance.reset_ms.saturating_sub(1)] {
                    if balance.left > 0 {
                        assert_eq!(
                            metered.spend(now_ms + ms, balance.left).0,
                            Verdict::Admitted,
                            "{quota:?}: {balance:?}"
                        );
                    }
                    metered.host = host.clone();
                }
            }
            now_ms += dice.roll(window_ms / 3);
        }
    }
    assert!(waits > 1_000, "{waits}");
}

#[test]
fn the_largest_numbers_are_exact_too() {
    const MOST: u32 = 4_000_000_000;
    let day = MAX_SPAN_MS;
    let mut sliding = Metered::new(Quota::Sliding { limit: MOST, window_ms: day });
    assert_eq!(sliding.spend(NOW, MOST - 1).0, Verdict::Admitted);
    assert_eq!(sliding.spend(NOW + 1, 1), (Verdict::Admitted, Balance { left: 0, reset_ms: day - 1, wait_ms: 0 }));
    let (verdict, balance) = sliding.spend(NOW + 2, 1);
    // One of 4,000,000,000 is back a little after the day.
    assert_eq!((verdict, balance), (Verdict::Refused, Balance { left: 0, reset_ms: day - 2, wait_ms: day - 1 }));
    let mut paced = Metered::new(Quota::Paced { limit: MOST, window_ms: day, burst: MOST });
    assert_eq!(paced.spend(NOW, MOST).0, Verdict::Admitted);
    assert_eq!(paced.spend(NOW, 1), (Verdict::Refused, Balance { left: 0, reset_ms: day, wait_ms: 1 }));
    assert_eq!(paced.spend(NOW + 1, 46).0, Verdict::Admitted, "46.3 a millisecond");
    assert_eq!(paced.spend(NOW + 1, 1).0, Verdict::Refused);
    // What is out of range is taken for the nearer end, and a bucket never takes more than a day.
    let mut wild = Metered::new(Quota::Paced { limit: 0, window_ms: u64::MAX, burst: u32::MAX });
    assert_eq!(wild.spend(NOW, 1).0, Verdict::Admitted);
    assert_eq!(wild.spend(NOW, 1), (Verdict::Refused, Balance { left: 0, reset_ms: day, wait_ms: day }));
    let mut wild = Metered::new(Quota::Sliding { limit: u32::MAX, window_ms: 0 });
    assert_eq!(wild.spend(NOW, u32::MAX).0, Verdict::Admitted);
}

#[test]
fn records_of_all_states_are_read_as_they_were_written() {
    for state in [
        State::Paced { fraction: 0, hits: 0 },
        State::Paced { fraction: u32::MAX, hits: 1 },
        State::Window { current: 1, previous: u32::MAX },
        State::Blocked,
    ] {
        let record = Record { key: key(1), until_ms: NOW, state };
        assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
    }
}

//! The bounded tables against plain maps that forget nothing and are never full, over random histories with clocks that jump.

use std::collections::BTreeMap;

use lockgate::replay::MemoryHost;
use lockgate::table::{Claim, Claims, Counters, Error, Key, Longest, MAX_STEP_BACK_MS, Rule, Seed, Set, Standing};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: u64 = 1_750_000_000_000;

fn key(number: u8) -> Key {
    Seed::agree(&mut MemoryHost::default(), [7; 16]).expect("a seed").key(&[b"suite", &[number]])
}

/// How the clock moves between two operations, in milliseconds.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 0..400_i64,
        2 => 400..5_000_i64,
        // Another worker's reading, a little earlier.
        2 => -300..0_i64,
        // Steps back.
        1 => -50_000..-1_001_i64,
        1 => Just(-7_200_000_i64),
    ]
}

fn moved(now_ms: u64, by_ms: i64) -> u64 {
    now_ms.checked_add_signed(by_ms).expect("a time")
}

/// A counter that keeps every hit.
#[derive(Clone, Debug, Default)]
struct Log {
    hits: Vec<u64>,
    start: u64,
    blocked: Option<u64>,
}

impl Log {
    fn standing(&mut self, now: u64, rule: Rule) -> Standing {
        let window = rule.window_ms;
        if let Some(until) = self.blocked {
            if now < until {
                return Standing::Refused { wait_ms: until - now };
            }
            *self = Self::default();
        }
        if self.hits.is_empty() || now >= self.start + 2 * window {
            *self = Self { start: now, ..Self::default() };
        } else if now >= self.start + window {
            self.start += window;
        }
        let current = self.hits.iter().filter(|&&hit| hit >= self.start).count() as u64;
        let earlier = self.hits.iter().filter(|&&hit| hit < self.start && hit + window >= self.start).count() as u64;
        let rest = self.start + window - now;
        let hits = current + (earlier * rest).div_ceil(window);
        match u64::from(rule.limit).checked_sub(hits) {
            Some(left) => Standing::Free { left: left.try_into().expect("small") },
            None => Standing::Refused { wait_ms: rest },
        }
    }

    fn hit(&mut self, now: u64, rule: Rule, by: u32) -> Standing {
        let before = self.standing(now, rule);
        if self.blocked.is_some() {
            return before;
        }
        self.hits.extend((0..by).map(|_| now));
        match self.standing(now, rule) {
            Standing::Refused { .. } if rule.block_ms > 0 => {
                self.blocked = Some(now + rule.block_ms);
                Standing::Refused { wait_ms: rule.block_ms }
            }
            standing => standing,
        }
    }

    fn step_back(&mut self, by: u64) {
        self.start = self.start.saturating_sub(by);
        self.blocked = self.blocked.map(|until| until.saturating_sub(by));
        for hit in &mut self.hits {
            *hit = hit.saturating_sub(by);
        }
    }
}

/// A claim.
#[derive(Clone, Copy, Debug)]
struct Entry {
    until: u64,
    /// Nobody's when it is settled.
    owner: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Decided {
    Claim(Claim),
    Did(bool),
}

/// What a claim (0, 1), a settlement (2) or a release makes of an entry.
fn decide(entry: Option<Entry>, what: u8, owner: u64, now: u64) -> (Decided, Option<Entry>) {
    let ours = Some(Entry { until: now + 2_000, owner: Some(owner) });
    let spent = Some(Entry { until: now + 5_000, owner: None });
    match (what, entry) {
        (0 | 1, Some(Entry { owner: None, .. })) => (Decided::Claim(Claim::Spent), entry),
        (0 | 1, Some(Entry { owner: Some(other), until })) if other != owner => {
            (Decided::Claim(Claim::Held { wait_ms: until - now }), entry)
        }
        (0 | 1, _) => (Decided::Claim(Claim::Ours), ours),
        (2, None) => (Decided::Did(true), spent),
        (2, Some(held)) if held.owner == Some(owner) => (Decided::Did(true), spent),
        (_, Some(held)) if held.owner == Some(owner) => (Decided::Did(true), None),
        (_, _) => (Decided::Did(false), entry),
    }
}

proptest! {
    #[test]
    fn counters_count_as_a_log_of_all_hits(
        history in vec((step(), 0..12_u8, 0..4_u32), 1..120),
        limit in 0..12_u32,
        window_ms in prop_oneof![1..50_u64, 500..3_000_u64],
        block_ms in prop_oneof![Just(0), 1..4_000_u64],
    ) {
        let rule = Rule { limit, window_ms, block_ms };
        // One slot, and fewer keys than it has room for.
        let table = Counters::new("t", 16).expect("good");
        let mut host = MemoryHost::default();
        let mut logs: BTreeMap<u8, Log> = BTreeMap::new();
        let (mut wall, mut last) = (NOW, 0);
        for (by_ms, number, by) in history {
            wall = moved(wall, by_ms);
            let back = u64::saturating_sub(last, wall);
            if back > 1_000 {
                logs.values_mut().for_each(|log| log.step_back(back));
                last = wall;
            }
            let now = wall.max(last);
            let log = logs.entry(number).or_default();
            if by == 0 {
                let want = log.clone().standing(now, rule);
                prop_assert_eq!(table.peek(&mut host, wall, key(number), rule), Ok(want));
                continue;
            }
            let _ = log.standing(now, rule);
            let was_blocked = log.blocked.is_some();
            let want = log.hit(now, rule, by);
            let got = table.hit(&mut host, wall, key(number), rule, by).expect("one worker");
            prop_assert_eq!(got.standing, want);
            if !was_blocked {
                last = now;
            }
        }
    }

    #[test]
    fn claims_are_decided_as_by_a_map(history in vec((step(), 0..12_u8, 0..3_u64, 0..4_u8), 1..120)) {
        let longest = Longest { hold_ms: 2_000, keep_ms: 5_000 };
        let table = Claims::new("t", 10, longest).expect("good");
        let mut host = MemoryHost::default();
        let mut map: BTreeMap<u8, Entry> = BTreeMap::new();
        let (mut now, mut latest) = (NOW, NOW);
        for (by_ms, number, owner, what) in history {
            now = moved(now, by_ms);
            latest = latest.max(now);
            for entry in map.values_mut() {
                let (longest, spare) = if entry.owner.is_some() { (2_000, 1_000) } else { (5_000, MAX_STEP_BACK_MS) };
                if entry.until > now + longest + spare {
                    entry.until = now + longest;
                }
            }
            let entry = map.get(&number).copied().filter(|entry| now < entry.until);
            let (want, next) = decide(entry, what, owner, now);
            let host = &mut host;
            let got = match what {
                0 | 1 => Decided::Claim(table.claim(host, now, key(number), owner, 2_000).expect("room")),
                2 => Decided::Did(table.settle(host, now, key(number), owner, 5_000).expect("room")),
                _ => Decided::Did(table.release(host, now, key(number), owner).expect("room")),
            };
            // What had ended by a clock that has stepped back since may be gone.
            let (want, next) = match entry {
                Some(entry) if entry.until <= latest && got != want => decide(None, what, owner, now),
                Some(_) | None => (want, next),
            };
            prop_assert_eq!(got, want);
            match (entry, next) {
                (_, Some(next)) => drop(map.insert(number, next)),
                (Some(_), None) => drop(map.remove(&number)),
                // One that has ended may come back with the clock.
                (None, None) => {}
            }
        }
    }

    #[test]
    fn a_set_is_a_map_with_a_ceiling(
        history in vec((step(), vec((0..12_u8, -2_000..20_000_i64), 0..8), any::<bool>()), 1..40),
    ) {
        const KEYS: u32 = 5;
        let (mut set, mut reader) = (Set::new("t", KEYS).expect("good"), Set::new("t", KEYS).expect("good"));
        let mut host = MemoryHost::default();
        let mut map: BTreeMap<u8, u64> = BTreeMap::new();
        let mut now = NOW;
        for (by_ms, list, replace) in history {
            now = moved(now, by_ms);
            let list: Vec<_> = list.into_iter().map(|(number, end)| (number, moved(now, end))).collect();
            let mut next = if replace { BTreeMap::new() } else { map.clone() };
            // One insertion, or the whole list.
            for &(number, until) in if replace { &list[..] } else { &list[..list.len().min(1)] } {
                let end = next.entry(number).or_default();
                *end = until.max(*end);
            }
            if next.len() > KEYS as usize {
                next.retain(|_, until| now < *until);
            }
            let fits = next.len() <= KEYS as usize;
            let got = match (replace, list.first()) {
                (true, _) => {
                    let list: Vec<_> = list.iter().map(|&(number, until)| (key(number), until)).collect();
                    set.replace_all(&mut host, now, &list)
                }
                (false, Some(&(number, until))) => set.insert(&mut host, now, key(number), until),
                (false, None) => continue,
            };
            prop_assert_eq!(got, if fits { Ok(()) } else { Err(Error::Full) });
            if fits {
                map = next;
            }
            prop_assert!(reader.refresh(&mut host).is_ok());
            for number in 0..12 {
                let want = map.get(&number).is_some_and(|until| now < *until);
                if fits {
                    prop_assert_eq!(set.contains(key(number), now), Ok(want));
                }
                prop_assert_eq!(reader.contains(key(number), now), Ok(want));
            }
        }
    }
}

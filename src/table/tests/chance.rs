//! The chances that the module's documentation gives, by trying them; and floods.

use super::{MANY, NOW, hits, key};
use crate::replay::MemoryHost;
use crate::table::capacity::Capacity;
use crate::table::{Claim, Claims, Counters, Error, Longest, Note};

/// Within so much of the expectation, over all trials.
const TOLERANCE: f64 = 0.15;

#[test]
fn the_formula_gives_the_table_of_the_documentation() {
    // λ, share of displaced counters, share of claims that find their slot full.
    let cases = [
        (8, "5.2e-12", "1.3e-10"),
        (10, "1.0e-9", "2.5e-8"),
        (12, "5.6e-8", "1.2e-6"),
        (16, "1.5e-5", "2.8e-4"),
        (20, "5.3e-4", "8.1e-3"),
        (24, "5.5e-3", "6.8e-2"),
        (32, "7.0e-2", "5.2e-1"),
    ];
    for (mean, displaced, full) in cases {
        let capacity = Capacity { keys: mean, slots: 1, room: 32 };
        let got = (format!("{:.1e}", capacity.displaced()), format!("{:.1e}", capacity.full()));
        assert_eq!(got, (displaced.to_owned(), full.to_owned()), "λ = {mean}");
    }
}

/// Live keys whose counter is lost when a table for `64 · 16` keys is given more, in so many trials.
fn lost(mean: u64, trials: u64) -> f64 {
    let table = Counters::new("t", 1_024).expect("good");
    let keys = 64 * mean;
    let mut lost = 0;
    for trial in 0..trials {
        let mut host = MemoryHost::default();
        let keys = || (0..keys).map(|number| key((trial << 32) + number));
        for key in keys() {
            assert!(table.hit(&mut host, NOW, key, MANY, 2).is_ok());
        }
        lost += keys().filter(|&key| hits(table.peek(&mut host, NOW, key, MANY).expect("there")) == 0).count();
    }
    u32::try_from(lost).map_or(f64::NAN, f64::from) / u32::try_from(keys * trials).map_or(f64::NAN, f64::from)
}

#[test]
fn counters_are_evicted_as_seldom_as_the_formula_says() {
    for (mean, trials) in [(32, 4), (24, 20)] {
        let expected = Capacity { keys: mean, slots: 1, room: 32 }.displaced();
        let got = lost(u64::from(mean), trials);
        assert!((got / expected - 1.0).abs() < TOLERANCE, "λ = {mean}: {got:.2e} for {expected:.2e}");
    }
    // What it is made for: 1.5e-5 of 20,480 keys is a third of a key.
    assert!(lost(16, 20) * 20_480.0 <= 4.0);
}

#[test]
fn claims_find_a_full_slot_as_seldom_as_the_formula_says() {
    let longest = Longest { hold_ms: 1_000, keep_ms: 1_000 };
    // 100 slots; at λ = 24 a further key finds its slot full in 6.8 % of all cases.
    let table = Claims::new("t", 1_000, longest).expect("good");
    let (mut refused, mut tried) = (0_u32, 0_u32);
    for trial in 0..4_u64 {
        let mut host = MemoryHost::default();
        let first = trial << 32;
        for number in first..first + 2_400 {
            let claim = table.claim(&mut host, NOW, key(number), 1, 1_000);
            assert!(matches!(claim, Ok(Claim::Ours) | Err(Error::Full)));
        }
        for number in first + 2_400..first + 7_400 {
            let before = host.slots.clone();
            let claim = table.claim(&mut host, NOW, key(number), 1, 1_000);
            host.slots = before;
            tried += 1;
            refused += u32::from(claim == Err(Error::Full));
        }
    }
    let (got, expected) = (f64::from(refused) / f64::from(tried), Capacity { keys: 24, slots: 1, room: 32 }.full());
    assert!((got / expected - 1.0).abs() < 0.5, "{got:.2e} for {expected:.2e}");
}

/// Callers who come again and again keep their counters while a hundred times as many keys come once.
#[test]
fn a_flood_of_single_keys_evicts_no_steady_one() {
    let table = Counters::new("t", 1_024).expect("good");
    let mut host = MemoryHost::default();
    let (steady, rounds, flood) = (512_u64, 10_u32, 5_120_u64);
    let mut evicted = 0;
    for round in 0..rounds {
        let now_ms = NOW + u64::from(round) * 1_000;
        for number in 0..steady {
            // Twice in the first round: who came once is as good as the flood.
            let by = if round == 0 { 2 } else { 1 };
            assert!(table.hit(&mut host, now_ms, key(number), MANY, by).is_ok());
        }
        for number in 0..flood {
            let once = key((1 << 40) + u64::from(round) * flood + number);
            let hit = table.hit(&mut host, now_ms, once, MANY, 1).expect("counted");
            evicted += u32::from(hit.note == Note::Evicted);
        }
    }
    for number in 0..steady {
        let standing = table.peek(&mut host, NOW + 10_000, key(number), MANY).expect("there");
        assert_eq!(hits(standing), rounds + 1, "steady caller {number}");
    }
    assert!(evicted > 45_000, "the flood was larger than the table: {evicted}");
    let bytes: usize = host.slots.values().map(|slot| slot.bytes.len()).sum();
    assert_eq!((host.slots.len(), bytes), (64, table.max_bytes()), "and takes no more memory");
}

/// Real threads over one host: as many hits as were made.
#[cfg(not(target_family = "wasm"))]
#[test]
fn threads_lose_no_hit() {
    use std::sync::{Arc, Mutex};

    #[derive(Clone)]
    struct Shared(Arc<Mutex<MemoryHost>>);
    impl crate::host::Host for Shared {
        fn slot(&mut self, key: &str) -> Option<crate::host::Slot> {
            self.0.lock().expect("alive").slot(key)
        }
        fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> crate::host::Written {
            self.0.lock().expect("alive").set_slot(key, bytes, stamp)
        }
        nothing_but_slots!();
    }

    let (shared, table) = (Shared(Arc::default()), Counters::new("t", 16).expect("good"));
    let counted: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (mut host, table) = (shared.clone(), &table);
                scope.spawn(move || {
                    (0..5_000).map(|_| u32::from(table.hit(&mut host, NOW, key(1), MANY, 1).is_ok())).sum::<u32>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    let mut host = shared.clone();
    assert_eq!(hits(table.peek(&mut host, NOW, key(1), MANY).expect("there")), counted);
    assert!(counted > 10_000, "{counted} of 40,000 came through");
}

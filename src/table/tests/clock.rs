//! When the clock steps back, records neither live for ever nor vanish.

use super::{MANY, NOW, hits, key, neighbours};
use crate::replay::MemoryHost;
use crate::table::{Claim, Claims, Counters, Error, Lease, Longest, MAX_STEP_BACK_MS, Rule, Set, Standing, WAYS};

const HOUR: u64 = 3_600_000;
const YEAR: u64 = 365 * 24 * HOUR;

#[test]
fn counters_keep_the_time_that_they_had_left() {
    let blocks = Rule { limit: 0, window_ms: 60_000, block_ms: 30_000 };
    for back in [1_001, HOUR, YEAR, NOW] {
        let (table, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
        let host = &mut host;
        assert!(table.hit(host, NOW, key(1), blocks, 1).is_ok());
        assert!(table.hit(host, NOW, key(2), MANY, 7).is_ok());
        let then = NOW - back;
        // Looking is enough for the step to be noticed.
        assert_eq!(table.peek(host, then, key(1), blocks), Ok(Standing::Refused { wait_ms: 30_000 }), "{back}");
        assert_eq!(table.peek(host, then + 29_999, key(1), blocks), Ok(Standing::Refused { wait_ms: 1 }), "{back}");
        assert_eq!(table.peek(host, then + 30_000, key(1), blocks), Ok(Standing::Free { left: 0 }), "{back}");
        assert_eq!(hits(table.peek(host, then + 59_999, key(2), MANY).expect("there")), 7, "{back}");
        assert_eq!(hits(table.peek(host, then + 120_000, key(2), MANY).expect("there")), 0, "{back}");
    }
}

#[test]
fn a_little_behind_is_no_step() {
    let (table, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
    let blocks = Rule { limit: 0, window_ms: 60_000, block_ms: 30_000 };
    assert!(table.hit(&mut host, NOW, key(1), blocks, 1).is_ok());
    let before = host.slots.clone();
    // Another worker has read the clock earlier.
    let standing = table.peek(&mut host, NOW - 1_000, key(1), blocks);
    assert_eq!(standing, Ok(Standing::Refused { wait_ms: 30_000 }));
    assert_eq!(host.slots, before, "nothing to write");
    assert!(table.hit(&mut host, NOW - 1_000, key(2), MANY, 1).is_ok());
    assert_eq!(table.peek(&mut host, NOW, key(1), blocks), Ok(Standing::Refused { wait_ms: 30_000 }));
}

#[test]
fn a_clock_that_was_ahead_leaves_nothing_for_ever() {
    let blocks = Rule { limit: 0, window_ms: 60_000, block_ms: 30_000 };
    let (table, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
    for ahead in [HOUR, YEAR, u64::MAX - NOW] {
        assert!(table.hit(&mut host, NOW + ahead, key(ahead), blocks, 1).is_ok());
        let standing = table.peek(&mut host, NOW, key(ahead), blocks).expect("there");
        assert!(matches!(standing, Standing::Refused { wait_ms: ..=30_000 } | Standing::Free { .. }), "{standing:?}");
        assert_eq!(table.peek(&mut host, NOW + 30_000, key(ahead), blocks), Ok(Standing::Free { left: 0 }));
    }
}

#[test]
fn a_settled_claim_keeps_its_end_over_a_step_of_a_day() {
    let longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };
    let cases = [
        // Step back, then how long after it the claim ends.
        (0, 600_000),
        (HOUR, HOUR + 600_000),
        (MAX_STEP_BACK_MS, MAX_STEP_BACK_MS + 600_000),
        // The clock was wrong before: it ends as one that is new.
        (MAX_STEP_BACK_MS + 1, 600_000),
        (YEAR, 600_000),
    ];
    for (back, ends) in cases {
        let (table, mut host) = (Claims::new("t", 10, longest).expect("good"), MemoryHost::default());
        let host = &mut host;
        assert_eq!(table.settle(host, NOW, key(1), 1, 600_000), Ok(true));
        let then = NOW - back;
        assert_eq!(table.claim(host, then, key(1), 2, 10_000), Ok(Claim::Spent), "{back}");
        assert_eq!(table.claim(host, then + ends - 1, key(1), 2, 10_000), Ok(Claim::Spent), "{back}");
        assert_eq!(table.claim(host, then + ends, key(1), 2, 10_000), Ok(Claim::Ours), "{back}");
    }
}

#[test]
fn a_claim_that_is_held_ends_with_its_hold() {
    let longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };
    for back in [1_001, HOUR, YEAR] {
        let (table, mut host) = (Claims::new("t", 10, longest).expect("good"), MemoryHost::default());
        let host = &mut host;
        assert_eq!(table.claim(host, NOW, key(1), 1, 10_000), Ok(Claim::Ours));
        let then = NOW - back;
        assert_eq!(table.claim(host, then, key(1), 2, 10_000), Ok(Claim::Held { wait_ms: 10_000 }), "{back}");
        assert_eq!(table.claim(host, then + 9_999, key(1), 2, 10_000), Ok(Claim::Held { wait_ms: 1 }), "{back}");
        assert_eq!(table.claim(host, then + 10_000, key(1), 2, 10_000), Ok(Claim::Ours), "{back}");
    }
}

/// What is full of claims of a later time has room when claims of now would have ended, though nobody but new ones asks.
#[test]
fn a_full_slot_ends_with_the_step() {
    let longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };
    let (table, mut host) = (Claims::new("t", 10, longest).expect("good"), MemoryHost::default());
    let mut keys = neighbours(1, 0);
    for key in keys.by_ref().take(WAYS) {
        assert_eq!(table.settle(&mut host, NOW + YEAR, key, 1, 600_000), Ok(true));
    }
    let more = keys.next().expect("endless");
    assert_eq!(table.claim(&mut host, NOW, more, 1, 10_000), Err(Error::Full));
    assert_eq!(table.claim(&mut host, NOW + 599_999, more, 1, 10_000), Err(Error::Full));
    assert_eq!(table.claim(&mut host, NOW + 600_000, more, 1, 10_000), Ok(Claim::Ours));
}

#[test]
fn a_lease_runs_on_from_the_new_time() {
    for back in [1_001, HOUR, YEAR, NOW] {
        let (lease, mut host) = (Lease::new("t"), MemoryHost::default());
        assert!(lease.try_acquire(&mut host, NOW, 5_000, 1));
        let then = NOW - back;
        assert!(!lease.try_acquire(&mut host, then, 5_000, 2), "{back}");
        assert!(!lease.try_acquire(&mut host, then + 4_999, 5_000, 2), "{back}");
        assert!(lease.try_acquire(&mut host, then + 5_000, 5_000, 2), "{back}");
    }
}

#[test]
fn an_entry_of_a_set_ends_by_the_wall() {
    let (mut set, mut host) = (Set::new("t", 2).expect("good"), MemoryHost::default());
    assert_eq!(set.insert(&mut host, NOW, key(1), NOW + HOUR), Ok(()));
    assert_eq!(set.contains(key(1), NOW - YEAR), Ok(true));
    // What had ended comes back with the clock, while there was room for it.
    assert_eq!(set.insert(&mut host, NOW + HOUR, key(2), NOW + 2 * HOUR), Ok(()));
    assert_eq!(set.contains(key(1), NOW + HOUR), Ok(false));
    assert_eq!(set.contains(key(1), NOW), Ok(true));
}

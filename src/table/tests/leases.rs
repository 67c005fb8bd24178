//! Leases of hits that somebody else counts.

use super::explore::{Deaths, Script, explore};
use super::{NOW, key};
use crate::host::Host;
use crate::replay::MemoryHost;
use crate::table::leased::Leased;
use crate::table::{
    Account, Acts, Answer, Ask, Charge, Counters, Error, Found, MAX_LEASED, Measure, Supply, Terms, Verdict, charge,
};

const TERMS: Terms = Terms { cost: 1, limit: 1_000, most_log: 6, period_ms: 1_000 };
const HOLD_MS: u64 = 2_000;

fn table() -> Counters {
    Counters::grouped("t", 8, 2).expect("good")
}

fn supply() -> Supply {
    Supply { place: key(0), lease: key(1), asking: key(2) }
}

fn granted(remaining: u32, reset_ms: u64) -> Answer {
    Answer::Granted { remaining: Some(remaining), reset_ms: Some(reset_ms) }
}

fn ask(host: &mut dyn Host, now_ms: u64, terms: &Terms, need: u32, owner: u64) -> Ask {
    table().ask(host, now_ms, supply(), terms, need, owner, HOLD_MS).expect("asked")
}

fn answered(host: &mut dyn Host, now_ms: u64, terms: &Terms, owner: u64, hits: u32, answer: Answer) -> bool {
    table().answered(host, now_ms, supply(), terms, owner, (now_ms, hits), answer).expect("answered")
}

fn spend(host: &mut dyn Host, now_ms: u64, cost: u32) -> Result<Found, Error> {
    let charges = vec![Charge { key: supply().lease, by: Measure::Leased { cost, limit: 1_000 }, acts: Acts::Refuses }];
    let charged = charge(host, now_ms, &[Account { table: &table(), place: supply().place, charges }])?;
    assert_eq!(
        charged.verdict == Verdict::Admitted,
        matches!(charged.found().next().copied().expect("found"), Found::Leased { .. })
    );
    Ok(charged.found().next().copied().expect("found"))
}

/// How many requests of cost 1 pass.
fn passes(host: &mut dyn Host, now_ms: u64) -> u32 {
    (0..).take_while(|_| matches!(spend(host, now_ms, 1), Ok(Found::Leased { .. }))).count() as u32
}

/// A key with a lease of so many hits.
fn leased(hits: u32, remaining: u32) -> MemoryHost {
    let mut host = MemoryHost::default();
    assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::For { hits: 1 });
    assert!(answered(&mut host, NOW, &TERMS, 1, hits, granted(remaining, 60_000)));
    host
}

#[test]
fn a_record_holds_what_was_put_in() {
    for word in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef, 1 << 32, 1 << 36, 31 << 37, 1 << 42, 1 << 63] {
        assert_eq!(Leased::from_word(word).to_word(), word, "{word:x}");
    }
}

#[test]
fn sizes_follow_demand() {
    // Size, how much is spent, what the service has left, after how long, what waits; how much is asked for.
    let rows = [
        ("at once", 8, 8, 900, 0, 1, 16),
        ("within the period", 8, 8, 900, 999, 1, 16),
        ("in one period", 8, 8, 900, 1_100, 1, 8),
        ("in two", 8, 8, 900, 2_100, 1, 4),
        ("in five", 8, 8, 900, 5_100, 1, 2),
        ("in twenty", 8, 8, 900, 20_100, 1, 1),
        ("never more than the largest", 64, 64, 900, 0, 1, 64),
        ("many wait", 1, 1, 900, 0, 20, 32),
        ("more wait than may be leased", 1, 1, 900, 0, 5_000, 64),
        ("a quarter of what is left", 64, 64, 100, 0, 1, 16),
        ("also for those that wait", 64, 64, 33, 0, 500, 8),
        ("the last ones", 64, 64, 3, 0, 500, 1),
        ("when a quarter is left", 32, 24, 900, 0, 1, 64),
        ("seldom, and its window ended", 32, 4, 900, 59_500, 1, 1),
        ("long ago", 32, 32, 900, 70_000, 1, 1),
    ];
    for (name, size, spent, remaining, after_ms, need, want) in rows {
        let mut host = leased(size, remaining);
        for _ in 0..spent {
            assert!(matches!(spend(&mut host, NOW, 1), Ok(Found::Leased { .. })), "{name}");
        }
        assert_eq!(ask(&mut host, NOW + after_ms, &TERMS, need, 1), Ask::For { hits: want }, "{name}");
    }
}

#[test]
fn what_a_short_window_leaves_unspent_makes_the_next_lease_smaller() {
    for (spent, want) in [(32, 64), (16, 64), (15, 16), (0, 16)] {
        let mut host = MemoryHost::default();
        assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::For { hits: 1 });
        assert!(answered(&mut host, NOW, &TERMS, 1, 32, granted(900, 500)));
        for _ in 0..spent {
            assert!(matches!(spend(&mut host, NOW, 1), Ok(Found::Leased { .. })));
        }
        assert_eq!(ask(&mut host, NOW + 600, &TERMS, 1, 1), Ask::For { hits: want }, "{spent} of 32");
    }
}

#[test]
fn what_one_request_costs_is_always_asked_for() {
    let terms = Terms { cost: 100, ..TERMS };
    let mut host = MemoryHost::default();
    assert_eq!(ask(&mut host, NOW, &terms, 100, 1), Ask::For { hits: 100 });
    assert!(answered(&mut host, NOW, &terms, 1, 100, granted(3, 60_000)));
    assert!(matches!(spend(&mut host, NOW, 100), Ok(Found::Leased { .. })));
    assert_eq!(ask(&mut host, NOW, &terms, 100, 1), Ask::For { hits: 100 });
    assert_eq!(terms.most_left(), 199);
    assert_eq!(Terms { most_log: 99, ..TERMS }.most_left(), MAX_LEASED + MAX_LEASED / 4);
}

#[test]
fn the_next_lease_is_asked_for_before_the_last_is_spent() {
    for (size, from) in [(1, 0), (4, 0), (8, 2), (64, 16)] {
        let mut host = leased(size, 900);
        for left in (0..size).rev() {
            let Ok(Found::Leased { low, balance }) = spend(&mut host, NOW, 1) else { panic!("{size}, {left}") };
            assert_eq!(low, size >= 8 && left <= from, "{left} of {size}");
            // 2^9 of 900 is what is known to be left.
            assert_eq!((balance.left, balance.reset_ms), (left + 512, 59_000));
            let enough = left > 0 && !low;
            assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1) == Ask::Enough, enough, "{left} of {size}");
            let _ = answered(&mut host, NOW, &TERMS, 1, 1, Answer::Failed);
        }
    }
}

#[test]
fn one_asks_at_a_time_and_late_answers_count_for_nothing() {
    let mut host = MemoryHost::default();
    assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::For { hits: 1 });
    assert_eq!(ask(&mut host, NOW + HOLD_MS - 1, &TERMS, 1, 2), Ask::Asked);
    assert!(!answered(&mut host, NOW, &TERMS, 2, 64, granted(9, 60_000)), "it has not asked");
    assert_eq!(ask(&mut host, NOW + HOLD_MS, &TERMS, 1, 2), Ask::For { hits: 1 });
    assert!(!answered(&mut host, NOW + HOLD_MS, &TERMS, 1, 64, granted(9, 60_000)), "its time is over");
    assert_eq!(passes(&mut host, NOW + HOLD_MS), 0);
    assert!(answered(&mut host, NOW + HOLD_MS, &TERMS, 2, 3, granted(9, 60_000)));
    assert!(!answered(&mut host, NOW + HOLD_MS, &TERMS, 2, 3, granted(9, 60_000)), "once");
    assert_eq!(passes(&mut host, NOW + HOLD_MS), 3);
}

#[test]
fn what_is_left_never_exceeds_what_is_said() {
    let mut host = leased(64, 900);
    for _ in 0..5 {
        // Answers of the largest lease, whatever was asked for.
        let _ = spend(&mut host, NOW, 1);
        let _ = ask(&mut host, NOW, &TERMS, 1, 1);
        let _ = answered(&mut host, NOW, &TERMS, 1, 64, granted(900, 60_000));
    }
    assert!(passes(&mut host, NOW) <= TERMS.most_left());
}

#[test]
fn a_lease_ends_with_the_window_of_the_service() {
    // What the service says, how long the answer took, how long the lease lasts.
    for (reset_ms, took_ms, want_ms) in [
        (Some(60_000), 0, 59_000),
        (Some(60_000), 300, 58_700),
        (Some(2_000), 0, 1_000),
        (Some(1_000), 0, 1_000),
        (Some(1_999), 0, 1_000),
        (Some(400), 0, 400),
        (Some(400), 399, 100),
        (Some(0), 0, 100),
        (Some(u64::MAX), 0, 86_400_000),
        (None, 0, 1_000),
    ] {
        let mut host = MemoryHost::default();
        assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::For { hits: 1 });
        let end = NOW + took_ms;
        let answer = Answer::Granted { remaining: Some(9), reset_ms };
        assert_eq!(table().answered(&mut host, end, supply(), &TERMS, 1, (NOW, 5), answer), Ok(true));
        let name = format!("{reset_ms:?}, {took_ms}");
        assert!(matches!(spend(&mut host, end + want_ms - 1, 1), Ok(Found::Leased { .. })), "{name}");
        assert_eq!(spend(&mut host, end + want_ms, 1), Ok(Found::Empty), "{name}");
    }
}

#[test]
fn the_least_that_is_refused_makes_dry() {
    let refused = |reset_ms| Answer::Refused { reset_ms };
    let mut host = leased(8, 100);
    assert_eq!(passes(&mut host, NOW), 8);
    assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::For { hits: 16 });
    assert!(answered(&mut host, NOW, &TERMS, 1, 16, refused(Some(5_000))));
    assert_eq!(spend(&mut host, NOW, 1), Ok(Found::Empty), "less may be left");
    assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::For { hits: 1 });
    assert!(answered(&mut host, NOW, &TERMS, 1, 1, refused(Some(5_000))));
    let Ok(Found::Over(balance)) = spend(&mut host, NOW, 1) else { panic!("not refused") };
    assert_eq!((balance.left, balance.reset_ms, balance.wait_ms), (0, 5_000, 6_000));
    assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::Dry);
    assert!(matches!(spend(&mut host, NOW + 4_999, 1), Ok(Found::Over(_))));
    assert_eq!(spend(&mut host, NOW + 5_000, 1), Ok(Found::Empty));

    // What is left of a lease is spent first; and where nothing more is left, nobody asks.
    let mut host = leased(3, 0);
    assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::Enough);
    assert_eq!(passes(&mut host, NOW), 3);
    assert_eq!(ask(&mut host, NOW, &TERMS, 1, 1), Ask::Dry);
}

#[test]
fn a_step_back_of_the_clock_leaves_a_lease_the_time_that_it_had() {
    let mut host = leased(9, 900);
    assert!(matches!(spend(&mut host, NOW - 3_600_000, 1), Ok(Found::Leased { .. })));
    assert!(matches!(spend(&mut host, NOW - 3_600_000 + 58_999, 1), Ok(Found::Leased { .. })));
    assert_eq!(spend(&mut host, NOW - 3_600_000 + 59_000, 1), Ok(Found::Empty));
}

#[test]
fn what_is_refused_elsewhere_is_given_back() {
    let (one, two) = (table(), Counters::grouped("u", 8, 1).expect("good"));
    let mut host = leased(5, 900);
    let quota = crate::table::Quota::Sliding { limit: 2, window_ms: 60_000 };
    let lease = Measure::Leased { cost: 1, limit: 1_000 };
    for n in 0..6 {
        let account =
            |table, place, key, by| Account { table, place, charges: vec![Charge { key, by, acts: Acts::Refuses }] };
        let accounts = [
            account(&one, supply().place, supply().lease, lease),
            account(&two, key(9), key(9), Measure::Quota { quota, cost: 1 }),
        ];
        let charged = charge(&mut host, NOW, &accounts).expect("charged");
        assert_eq!(charged.verdict == Verdict::Admitted, n < 2);
    }
    assert_eq!(passes(&mut host, NOW), 3);
}

#[test]
fn whoever_comes_between_nothing_is_spent_that_was_not_granted() {
    // Asks, takes what it gets in, and spends two: how much it was granted, how much it has spent.
    let work = |owner: u64| {
        move |host: &mut dyn Host| -> Result<(u32, u32), Error> {
            let mut its = 0;
            if let Ask::For { .. } = table().ask(host, NOW, supply(), &TERMS, 1, owner, HOLD_MS)? {
                let answer = granted(500, 60_000);
                if table().answered(host, NOW, supply(), &TERMS, owner, (NOW, 3), answer)? {
                    its = 3;
                }
            }
            let mut spent = 0;
            for _ in 0..2 {
                spent += u32::from(matches!(spend(host, NOW, 1)?, Found::Leased { .. }));
            }
            Ok((its, spent))
        }
    };
    let (one, two) = (work(1), work(2));
    let spender = |host: &mut dyn Host| Ok((0, u32::from(matches!(spend(host, NOW, 1)?, Found::Leased { .. }))));
    let workers: [Script<'_, Result<(u32, u32), Error>>; 3] = [&one, &two, &spender];
    let explored = explore(&MemoryHost::default().slots, &workers, Deaths::None, &mut |mut host, results| {
        let results: Vec<(u32, u32)> = results.into_iter().flatten().map(|result| result.expect("done")).collect();
        let (granted, spent) = results.iter().fold((0, 0), |sum, its| (sum.0 + its.0, sum.1 + its.1));
        assert!(granted >= 3, "somebody asks");
        assert_eq!(spent + passes(&mut host, NOW), granted, "{results:?}");
    });
    assert!(explored.interleavings > 1_000, "{explored:?}");
}

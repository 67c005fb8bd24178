//! No update is lost or counted twice, whoever comes between.

use std::collections::BTreeMap;

use super::explore::{Deaths, Explored, Script, explore};
use super::{MANY, NOW, hits, key, neighbours, overwrite};
use crate::host::{Host, Slot};
use crate::replay::MemoryHost;
use crate::table::{Blob, Claim, Claims, Counters, Error, Lease, Longest, Newer, Note, Rule, Seed, Set, Standing};

type Slots = BTreeMap<String, Slot>;

const LONGEST: Longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };

fn counters() -> Counters {
    Counters::new("t", 16).expect("good")
}

fn claims() -> Claims {
    Claims::new("t", 10, LONGEST).expect("good")
}

/// What the slots hold after something was done there.
fn after(work: impl FnOnce(&mut MemoryHost)) -> Slots {
    let mut host = MemoryHost::default();
    work(&mut host);
    host.slots
}

fn foreign(slot: &str) -> Slots {
    after(|host| overwrite(host, slot, b"something else"))
}

/// Shown with `--nocapture`; the least is asserted, so that the model does not shrink unseen.
fn report(name: &str, explored: Explored, least: u128) {
    println!("{name}: {} interleavings, {} states", explored.interleavings, explored.states);
    assert!(explored.interleavings >= least, "{name}: {explored:?}");
}

#[test]
fn every_hit_counts_once() {
    let table = counters();
    let one = |host: &mut dyn Host| table.hit(host, NOW, key(1), MANY, 1).map(|hit| vec![hit.standing]);
    let two = |host: &mut dyn Host| {
        let first = table.hit(host, NOW, key(1), MANY, 1)?;
        Ok(vec![first.standing, table.hit(host, NOW + 1, key(1), MANY, 1)?.standing])
    };
    type Worker<'a> = Script<'a, Result<Vec<Standing>, Error>>;
    let starts = [
        ("nothing", Slots::new()),
        ("prepared", after(|host| table.prepare(host).expect("prepared"))),
        ("foreign", foreign("t/1.1/0")),
        ("another key", after(|host| assert!(table.hit(host, NOW, key(2), MANY, 1).is_ok()))),
        ("before a step back", after(|host| assert!(table.hit(host, NOW + 9_000_000, key(2), MANY, 1).is_ok()))),
    ];
    let groups: [(&str, &[Worker<'_>], u128); 3] = [
        ("three workers", &[&one, &one, &one], 400),
        ("two hits each", &[&two, &two], 100),
        ("two hits, and two workers", &[&two, &one, &one], 5_000),
    ];
    for (start, slots) in &starts {
        for (name, workers, least) in groups {
            let explored = explore(slots, workers, Deaths::None, &mut |mut host, results| {
                let mut counts: Vec<u32> =
                    results.into_iter().flatten().flat_map(|hits| hits.expect("counted")).map(hits).collect();
                counts.sort_unstable();
                // Each saw another count, from 1 on: a hit that was lost or counted twice leaves a gap or a pair.
                assert!(counts.iter().copied().eq(1..=u32::try_from(counts.len()).unwrap()), "{start}: {counts:?}");
                let standing = table.peek(&mut host, NOW + 1, key(1), MANY).expect("there");
                assert_eq!(hits(standing), u32::try_from(counts.len()).unwrap(), "{start}");
            });
            report(&format!("hits, {name}, {start}"), explored, least);
        }
    }
}

#[test]
fn hits_of_two_keys_in_one_slot_do_not_meet() {
    let table = counters();
    let by = |number, by| {
        let table = &table;
        move |host: &mut dyn Host| table.hit(host, NOW, key(number), MANY, by).map(|hit| hit.note)
    };
    let (first, second, again) = (by(1, 3), by(2, 5), by(1, 7));
    let explored = explore(&Slots::new(), &[&first, &second, &again], Deaths::Any, &mut |mut host, results| {
        let mut hits_of = |number| hits(table.peek(&mut host, NOW, key(number), MANY).expect("there"));
        let (ones, twos) = (hits_of(1), hits_of(2));
        // Who died may have written, or not.
        let sums = |parts: &[(usize, u32)]| {
            parts.iter().fold(vec![0], |sums, &(worker, by)| match results[worker] {
                Some(_) => sums.iter().map(|sum| sum + by).collect(),
                None => sums.iter().flat_map(|&sum| [sum, sum + by]).collect::<Vec<u32>>(),
            })
        };
        assert!(sums(&[(0, 3), (2, 7)]).contains(&ones), "{ones} of {results:?}");
        assert!(sums(&[(1, 5)]).contains(&twos), "{twos} of {results:?}");
        assert!(results.iter().flatten().all(|note| *note == Ok(Note::Plain)));
    });
    report("two keys, workers die", explored, 4_000);
}

#[test]
fn the_hit_over_the_limit_is_one() {
    let table = counters();
    let rule = Rule { limit: 2, window_ms: 60_000, block_ms: 5_000 };
    let hit = |host: &mut dyn Host| table.hit(host, NOW, key(1), rule, 1).map(|hit| hit.standing);
    let explored = explore(&Slots::new(), &[&hit, &hit, &hit], Deaths::None, &mut |mut host, results| {
        let mut standings: Vec<_> = results.into_iter().flatten().map(|hit| hit.expect("counted")).collect();
        standings.sort_unstable_by_key(|standing| match standing {
            Standing::Free { left } => u64::from(*left),
            Standing::Refused { wait_ms } => *wait_ms,
        });
        let want = [Standing::Free { left: 0 }, Standing::Free { left: 1 }, Standing::Refused { wait_ms: 5_000 }];
        assert_eq!(standings, want);
        assert_eq!(table.peek(&mut host, NOW + 1, key(1), rule), Ok(Standing::Refused { wait_ms: 4_999 }));
    });
    report("block", explored, 400);
}

#[test]
fn a_key_is_claimed_once() {
    let table = claims();
    let claim = |owner| {
        let table = &table;
        move |host: &mut dyn Host| table.claim(host, NOW, key(1), owner, 10_000)
    };
    let (a, b, c) = (claim(1), claim(2), claim(3));
    let starts = [("nothing", Slots::new()), ("prepared", after(|host| table.prepare(host).expect("prepared")))];
    for (start, slots) in &starts {
        let explored = explore(slots, &[&a, &b, &c], Deaths::Any, &mut |mut host, results| {
            let ours = results.iter().flatten().filter(|claim| **claim == Ok(Claim::Ours)).count();
            let held = results.iter().flatten().filter(|claim| **claim == Ok(Claim::Held { wait_ms: 10_000 })).count();
            let dead = results.iter().filter(|claim| claim.is_none()).count();
            assert_eq!(ours + held + dead, 3, "{start}: {results:?}");
            assert!(ours == 1 || (ours == 0 && dead > 0), "{start}: {results:?}");
            // A worker that died with the claim keeps it for so long and no longer.
            let late = table.claim(&mut host, NOW + 10_000, key(1), 4, 10_000);
            assert_eq!(late, Ok(Claim::Ours), "{start}");
        });
        report(&format!("claims, {start}"), explored, 500);
    }
}

#[test]
fn a_settled_claim_is_never_claimed_again() {
    let table = claims();
    let settles = |host: &mut dyn Host| {
        let claim = table.claim(host, NOW, key(1), 1, 10_000)?;
        let settled = claim == Claim::Ours && table.settle(host, NOW + 1, key(1), 1, 600_000)?;
        Ok::<_, Error>((claim == Claim::Ours, settled))
    };
    let releases = |host: &mut dyn Host| {
        let claim = table.claim(host, NOW, key(1), 2, 10_000)?;
        let released = claim == Claim::Ours && table.release(host, NOW + 1, key(1), 2)?;
        Ok::<_, Error>((claim == Claim::Ours, released))
    };
    let late = |host: &mut dyn Host| Ok((table.claim(host, NOW + 2, key(1), 3, 10_000)? == Claim::Ours, false));
    let explored = explore(&Slots::new(), &[&settles, &releases, &late], Deaths::Any, &mut |mut host, results| {
        let result = |worker: usize| results[worker].map(|result| result.expect("decided"));
        let settled = matches!(result(0), Some((_, true)));
        // What was claimed and not given back, was settled: nobody came between.
        assert!(!matches!(result(0), Some((true, false)) | None) || !settled);
        assert!(!(settled && matches!(result(2), Some((true, _)))), "settled, and claimed by another: {results:?}");
        assert!(!matches!(result(1), Some((true, false))), "released by another: {results:?}");
        if settled {
            assert_eq!(table.claim(&mut host, NOW + 3, key(1), 4, 1_000), Ok(Claim::Spent));
        }
    });
    report("claims, settled and released", explored, 30_000);
}

#[test]
fn the_last_place_is_given_once() {
    let table = claims();
    let mut keys = neighbours(1, 0);
    let full = after(|host| {
        for key in keys.by_ref().take(31) {
            assert_eq!(table.claim(host, NOW, key, 9, 10_000), Ok(Claim::Ours));
        }
    });
    let (first, second) = (keys.next().expect("endless"), keys.next().expect("endless"));
    let claim = |key| {
        let table = &table;
        move |host: &mut dyn Host| table.claim(host, NOW, key, 1, 10_000)
    };
    let (a, b) = (claim(first), claim(second));
    let explored = explore(&full, &[&a, &b], Deaths::None, &mut |mut host, results| {
        let mut results: Vec<_> = results.into_iter().flatten().collect();
        results.sort_unstable_by_key(|result| result.is_err());
        assert_eq!(results, [Ok(Claim::Ours), Err(Error::Full)]);
        for key in neighbours(1, 0).take(31) {
            let held = table.claim(&mut host, NOW, key, 8, 10_000);
            assert_eq!(held, Ok(Claim::Held { wait_ms: 10_000 }), "an older one stays");
        }
    });
    report("the last place", explored, 6);
}

#[test]
fn a_lease_has_one_holder() {
    let lease = Lease::new("t");
    let take = |owner, now_ms| {
        let lease = &lease;
        move |host: &mut dyn Host| lease.try_acquire(host, now_ms, 5_000, owner)
    };
    let starts = [
        ("nothing", Slots::new(), 1),
        ("foreign", foreign("t/1/0"), 1),
        (
            "released",
            after(|host| {
                assert!(take(9, NOW)(host));
                lease.release(host, 9);
            }),
            1,
        ),
        ("over", after(|host| assert!(take(9, NOW - 5_000)(host))), 1),
        ("held", after(|host| assert!(take(9, NOW - 4_999)(host))), 0),
        ("held, before a step back", after(|host| assert!(take(9, NOW + 3_600_000)(host))), 0),
    ];
    let (a, b, c) = (take(1, NOW), take(2, NOW), take(3, NOW));
    for (start, slots, holders) in &starts {
        let explored = explore(slots, &[&a, &b, &c], Deaths::None, &mut |mut host, results| {
            let taken = results.iter().flatten().filter(|taken| **taken).count();
            assert_eq!(taken, *holders, "{start}");
            assert!(lease.try_acquire(&mut host, NOW + 5_000, 5_000, 4), "{start}: it ends by itself");
        });
        report(&format!("lease, {start}"), explored, 6);
    }
}

#[test]
fn all_workers_agree_on_the_seed() {
    let agree = |proposal: u8| move |host: &mut dyn Host| Seed::agree(host, [proposal; 16]);
    let (a, b, c) = (agree(1), agree(2), agree(3));
    let explored = explore(&Slots::new(), &[&a, &b, &c], Deaths::Any, &mut |mut host, results| {
        let late = Seed::agree(&mut host, [4; 16]).expect("agreed");
        for seed in results.iter().flatten() {
            assert_eq!(*seed, Ok(late));
        }
    });
    report("seed", explored, 1_000);
}

#[test]
fn readers_of_a_document_get_the_latest_whole() {
    let blob = Blob::new("t", 64);
    type Seen = Vec<(u64, Vec<u8>)>;
    let publish = |text: &'static [u8]| {
        let blob = &blob;
        move |host: &mut dyn Host| blob.publish(host, NOW, text).map(|()| Seen::new())
    };
    let read = |host: &mut dyn Host| {
        let mut seen = Seen::new();
        for _ in 0..2 {
            let known = seen.last().map(|(generation, _)| *generation);
            if let Newer::Changed { generation, bytes } = blob.read_if_newer(host, known)? {
                seen.push((generation, bytes));
            }
        }
        Ok(seen)
    };
    let (a, b) = (publish(b"first"), publish(b"the second"));
    let starts = [
        ("nothing", Slots::new()),
        ("published", after(|host| blob.publish(host, NOW + 5, b"zero").expect("published"))),
        ("a foreign head", {
            let mut slots = after(|host| blob.publish(host, NOW, b"zero").expect("published"));
            slots.extend(foreign("t/1/1"));
            slots
        }),
    ];
    for (start, slots) in &starts {
        let explored = explore(slots, &[&a, &b, &read], Deaths::Any, &mut |mut host, results| {
            let published = results[..2].iter().flatten().all(|result| result.is_ok());
            assert!(published, "{start}: {results:?}");
            let seen = results.iter().flatten().flat_map(|result| result.as_ref().expect("readable"));
            let last = blob.read_if_newer(&mut host, None).expect("readable");
            for (known, text) in seen {
                assert!([&b"zero"[..], b"first", b"the second"].contains(&text.as_slice()), "torn: {text:?}");
                match blob.read_if_newer(&mut host, Some(*known)).expect("readable") {
                    // Also when a publisher died between its two writes.
                    Newer::Unchanged => {
                        assert_eq!(last, Newer::Changed { generation: *known, bytes: text.clone() }, "{start}: stale");
                    }
                    newer => {
                        assert_eq!(newer, last, "{start}");
                        assert!(matches!(newer, Newer::Changed { generation, .. } if generation > *known), "{start}");
                    }
                }
            }
        });
        report(&format!("document, {start}"), explored, 3_000_000);
    }
}

#[test]
fn no_entry_of_a_set_is_lost() {
    let fresh = || Set::new("t", 4).expect("good");
    let insert = |number| {
        move |host: &mut dyn Host| {
            let result = fresh().insert(host, NOW, key(number), NOW + 1_000);
            result.map(|()| number)
        }
    };
    let replace = |host: &mut dyn Host| {
        fresh().replace_all(host, NOW, &[(key(8), NOW + 1_000), (key(9), NOW + 1_000)]).map(|()| 0)
    };
    let has = |host: &mut MemoryHost, number| {
        let mut set = fresh();
        assert!(set.refresh(host).expect("readable"));
        set.contains(key(number), NOW).expect("known")
    };
    let (a, b) = (insert(1), insert(2));
    let explored = explore(&Slots::new(), &[&a, &b], Deaths::Any, &mut |mut host, results| {
        for (number, result) in (1..).zip(&results) {
            assert!(result.is_none_or(|result| result == Ok(number) && has(&mut host, number)), "{results:?}");
        }
    });
    report("set, two insert", explored, 40_000);
    let old = after(|host| fresh().insert(host, NOW, key(7), NOW + 1_000).expect("inserted"));
    let explored = explore(&old, &[&a, &replace], Deaths::None, &mut |mut host, results| {
        assert!(results.iter().flatten().all(Result::is_ok), "{results:?}");
        // The list is there as a whole, the old one as a whole is not; the entry came before or after it.
        assert!(has(&mut host, 8) && has(&mut host, 9) && !has(&mut host, 7));
    });
    report("set, one inserts, one replaces", explored, 4_000);
}

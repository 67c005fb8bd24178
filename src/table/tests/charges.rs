//! All or nothing, over several slots, whoever comes between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::explore::{Deaths, Explored, Script, explore};
use super::quotas::Dice;
use super::{NOW, key};
use crate::host::{Host, Slot, Written};
use crate::replay::MemoryHost;
use crate::table::{
    Account, Acts, Charge, Charged, Counters, Error, Found, Key, MAX_GIVE_BACK_TRIES, MAX_GROUP, MAX_TRIES, Measure,
    Note, Quota, Rule, Standing, Verdict, charge,
};

const WINDOW_MS: u64 = 60_000;

fn table(name: &str) -> Counters {
    Counters::grouped(name, 1, 1).expect("good")
}

fn sliding(limit: u32) -> Quota {
    Quota::Sliding { limit, window_ms: WINDOW_MS }
}

fn paced(limit: u32) -> Quota {
    Quota::Paced { limit, window_ms: WINDOW_MS, burst: limit }
}

fn spends(number: u64, quota: Quota) -> Charge {
    Charge { key: key(number), by: Measure::Quota { quota, cost: 1 }, acts: Acts::Refuses }
}

fn account<'a>(table: &'a Counters, charges: &[Charge]) -> Account<'a> {
    Account { table, place: key(0), charges: charges.to_vec() }
}

fn verdict(charged: Result<Charged, Error>) -> Verdict {
    charged.expect("charged").verdict
}

/// What a key has spent of a quota.
fn spent(host: &mut MemoryHost, table: &Counters, number: u64, limit: u32, quota: fn(u32) -> Quota) -> u32 {
    let look = Charge { acts: Acts::Watches, ..spends(number, quota(limit)) };
    let by = Measure::Quota { quota: quota(limit), cost: 0 };
    let charged = charge(host, NOW, &[account(table, &[Charge { by, ..look }])]).expect("charged");
    match charged.found().next().copied().expect("found") {
        Found::Within(balance) => limit - balance.left,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_refused_anywhere_is_spent_nowhere() {
    let (a, b, mut host) = (table("a"), table("b"), MemoryHost::default());
    let accounts = [account(&a, &[spends(1, sliding(10)), spends(2, paced(9))]), account(&b, &[spends(3, sliding(1))])];
    let first = charge(&mut host, NOW, &accounts).expect("charged");
    let left = |found: &Found| match found {
        Found::Within(balance) | Found::Over(balance) => balance.left,
        other => panic!("{other:?}"),
    };
    let lefts = |charged: &Charged| charged.found().map(left).collect::<Vec<_>>();
    assert_eq!((first.verdict, lefts(&first)), (Verdict::Admitted, vec![9, 8, 0]));
    let before = host.slots.clone();
    let second = charge(&mut host, NOW, &accounts).expect("charged");
    assert_eq!((second.verdict, lefts(&second)), (Verdict::Refused, vec![9, 8, 0]));
    assert!(matches!(second.found().nth(2).copied().expect("found"), Found::Over(_)));
    assert_eq!(host.slots, before, "and nothing is written");
    // In one slot, too.
    let one = [account(&a, &[spends(1, sliding(10)), spends(4, sliding(1))])];
    assert_eq!(verdict(charge(&mut host, NOW, &one)), Verdict::Admitted);
    assert_eq!(verdict(charge(&mut host, NOW, &one)), Verdict::Refused);
    assert_eq!(spent(&mut host, &a, 1, 10, sliding), 2);
}

#[test]
fn who_only_watches_refuses_nobody() {
    let (a, mut host) = (table("a"), MemoryHost::default());
    let watched = Charge { acts: Acts::Watches, ..spends(1, sliding(1)) };
    let accounts = [account(&a, &[watched, spends(2, sliding(3))])];
    let mut over = Vec::new();
    for _ in 0..5 {
        let charged = charge(&mut host, NOW, &accounts).expect("charged");
        over.push((charged.verdict, matches!(charged.found().next().copied().expect("found"), Found::Over(_))));
    }
    let (yes, no) = (Verdict::Admitted, Verdict::Refused);
    assert_eq!(over, [(yes, false), (yes, true), (yes, true), (no, true), (no, true)]);
    assert_eq!((spent(&mut host, &a, 1, 1, sliding), spent(&mut host, &a, 2, 3, sliding)), (1, 3));
}

#[test]
fn a_flood_counts_what_is_refused_and_blocks() {
    let (a, mut host) = (table("a"), MemoryHost::default());
    let rule = Rule { limit: 5, window_ms: 1_000, block_ms: 10_000 };
    let flood = Charge { key: key(9), by: Measure::Flood(rule), acts: Acts::Refuses };
    let accounts = [account(&a, &[flood, spends(1, sliding(2))])];
    let mut found = Vec::new();
    for ms in 0..8 {
        found.push(charge(&mut host, NOW + ms, &accounts).expect("charged").found().next().copied().expect("found"));
    }
    let blocked = |wait_ms, begins| Found::Blocked { wait_ms, begins };
    assert_eq!(found[..5], [Found::Free; 5], "three of them are over the quota");
    assert_eq!(found[5..], [blocked(10_000, true), blocked(9_999, false), blocked(9_998, false)]);
    let later = charge(&mut host, NOW + 10_004, &accounts).expect("charged");
    assert_eq!((later.verdict, later.found().next().copied().expect("found")), (Verdict::Refused, blocked(1, false)));
    assert_eq!(
        charge(&mut host, NOW + 10_005, &accounts).expect("charged").found().next().copied().expect("found"),
        Found::Free
    );
    assert_eq!(spent(&mut host, &a, 1, 2, sliding), 2);
}

#[test]
fn a_block_is_asked_for_and_not_made() {
    let (a, mut host) = (table("a"), MemoryHost::default());
    let rule = Rule { limit: 2, window_ms: 60_000, block_ms: 10_000 };
    let block = Charge { key: key(9), by: Measure::Block, acts: Acts::Refuses };
    let accounts = [account(&a, &[block])];
    for _ in 0..3 {
        let charged = charge(&mut host, NOW, &accounts).expect("charged");
        assert_eq!(
            (charged.verdict, charged.found().next().copied().expect("found")),
            (Verdict::Admitted, Found::Free)
        );
        assert!(a.hit_at(&mut host, NOW, key(0), key(9), rule, 1).is_ok());
    }
    let charged = charge(&mut host, NOW + 1, &accounts).expect("charged");
    let found = Found::Blocked { wait_ms: 9_999, begins: false };
    assert_eq!((charged.verdict, charged.found().next().copied().expect("found")), (Verdict::Refused, found));
    let watched = [account(&a, &[Charge { acts: Acts::Watches, ..block }])];
    let charged = charge(&mut host, NOW + 1, &watched).expect("charged");
    assert_eq!((charged.verdict, charged.found().next().copied().expect("found")), (Verdict::Admitted, found));
}

#[test]
fn the_records_of_one_place_do_not_evict_each_other() {
    let table = Counters::grouped("a", 1, MAX_GROUP).expect("good");
    let mut host = MemoryHost::default();
    for stranger in 1_000..1_100 {
        for _ in 0..3 {
            let _ = charge(&mut host, NOW, &[account(&table, &[spends(stranger, sliding(100))])]);
        }
    }
    // Each is less useful than all strangers.
    let charges: Vec<_> = (1..=8).map(|number| spends(number, sliding(100))).collect();
    let charged = charge(&mut host, NOW, &[account(&table, &charges)]).expect("charged");
    assert_eq!(charged.notes, [Note::Evicted; 8]);
    for number in 1..=8 {
        assert_eq!(spent(&mut host, &table, number, 100, sliding), 1, "{number}");
    }
}

/// A paced key is worth what it lacks: many requests keep it.
#[test]
fn a_busy_bucket_outlives_new_ones() {
    let (table, mut host) = (table("a"), MemoryHost::default());
    for _ in 0..40 {
        let _ = charge(&mut host, NOW, &[account(&table, &[spends(1, paced(100))])]);
    }
    for stranger in 1_000..2_000 {
        let _ = charge(&mut host, NOW, &[account(&table, &[spends(stranger, paced(100))])]);
    }
    assert_eq!(spent(&mut host, &table, 1, 100, paced), 40);
}

/// Shown with `--nocapture`; the least is asserted, so that the model does not shrink unseen.
fn report(name: &str, explored: Explored, least: u128) {
    println!("{name}: {} interleavings, {} states", explored.interleavings, explored.states);
    assert!(explored.interleavings >= least, "{name}: {explored:?}");
}

type Work<'a> = Script<'a, Option<Verdict>>;

fn admitted(results: &[Option<Option<Verdict>>]) -> u32 {
    let admitted = results.iter().filter(|result| **result == Some(Some(Verdict::Admitted))).count();
    u32::try_from(admitted).expect("few")
}

#[test]
fn of_three_workers_two_spend_what_is_there_for_two() {
    for (name, quota) in [("sliding", sliding as fn(u32) -> Quota), ("paced", paced)] {
        let a = table("a");
        let work = |host: &mut dyn Host| {
            charge(host, NOW, &[account(&a, &[spends(1, quota(2)), spends(2, sliding(9))])]).ok().map(|c| c.verdict)
        };
        for deaths in [Deaths::None, Deaths::Any] {
            let workers: [Work<'_>; 3] = [&work, &work, &work];
            let explored = explore(&BTreeMap::new(), &workers, deaths, &mut |mut host, results| {
                let (admitted, dead) = (admitted(&results), results.iter().flatten().count() < 3);
                assert!(admitted == 2 || dead && admitted < 2, "{name}: {results:?}");
                let (first, second) = (spent(&mut host, &a, 1, 2, quota), spent(&mut host, &a, 2, 9, sliding));
                assert_eq!(first, second, "{name}: both or none");
                assert!(first >= admitted && first <= 2, "{name}: {results:?}");
                assert!(dead || first == admitted, "{name}: {results:?}");
            });
            report(&format!("one slot, {name}, {deaths:?}"), explored, 100);
        }
    }
}

/// Three workers, each with its own slots; the quota of each slot is for two, but for the last one, which is for one.
#[test]
fn over_several_slots_nobody_spends_more_and_all_is_given_back() {
    let tables = [table("a"), table("b"), table("c")];
    let limits = [2, 2, 1];
    let groups: [(&str, [&[usize]; 3], u128); 4] = [
        ("the same two", [&[0, 2], &[0, 2], &[0, 2]], 1_000),
        ("a chain", [&[0, 1], &[1, 2], &[0, 2]], 1_000),
        ("one and many", [&[0, 1, 2], &[2], &[0, 2]], 1_000),
        ("pairs", [&[0, 2], &[0], &[2]], 100),
    ];
    for (quota_name, quota) in [("sliding", sliding as fn(u32) -> Quota), ("paced", paced)] {
        for (name, slots, least) in groups {
            for deaths in [Deaths::None, Deaths::Any] {
                if deaths == Deaths::Any && name != "the same two" {
                    continue;
                }
                let worker = |slots: &'static [usize]| {
                    let tables = &tables;
                    move |host: &mut dyn Host| {
                        let accounts: Vec<_> = slots
                            .iter()
                            .map(|&slot| account(&tables[slot], &[spends(1, quota(limits[slot]))]))
                            .collect();
                        charge(host, NOW, &accounts).ok().map(|charged| charged.verdict)
                    }
                };
                let scripts = slots.map(worker);
                let workers: [Work<'_>; 3] = [&scripts[0], &scripts[1], &scripts[2]];
                let mut fewest = u32::MAX;
                let explored = explore(&BTreeMap::new(), &workers, deaths, &mut |mut host, results| {
                    let dead = results.iter().flatten().count() < 3;
                    let total = admitted(&results);
                    for slot in 0..3 {
                        let its = |worker: usize| slots[worker].contains(&slot);
                        let mine: Vec<_> = (0..3).filter(|&n| its(n)).map(|n| results[n]).collect();
                        let spent = spent(&mut host, &tables[slot], 1, limits[slot], quota);
                        let admitted = admitted(&mine);
                        assert!(admitted <= limits[slot], "{name}: {results:?}");
                        assert!(spent >= admitted && spent <= limits[slot], "{name}: {results:?}");
                        assert!(dead || spent == admitted, "{name}, slot {slot}: {spent} spent, {results:?}");
                    }
                    if !dead {
                        fewest = fewest.min(total);
                    }
                });
                // In one order of slots, somebody always gets through.
                assert!(fewest >= 1, "{name}");
                report(&format!("{name}, {quota_name}, {deaths:?}"), explored, least);
            }
        }
    }
}

/// Workers of real threads, each call to the host by itself.
#[derive(Clone)]
struct Together {
    inner: Arc<Mutex<MemoryHost>>,
    reads: u32,
}

impl Host for Together {
    fn slot(&mut self, key: &str) -> Option<Slot> {
        let slot = self.inner.lock().expect("no worker panics").slot(key);
        // Often enough that somebody comes between, and not so often that tries run out: what then stays spent is another test.
        self.reads += 1;
        if self.reads.is_multiple_of(8) {
            std::thread::yield_now();
        }
        slot
    }
    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        self.inner.lock().expect("no worker panics").set_slot(key, bytes, stamp)
    }
    nothing_but_slots!();
}

// Wasm has no threads.
#[cfg(not(target_family = "wasm"))]
#[test]
fn eight_workers_spend_exactly_what_is_there() {
    const N: u32 = 400;
    for quota in [sliding(N), paced(N)] {
        let (a, b) = (table("a"), table("b"));
        let groups: [(&str, Vec<Account<'_>>); 2] = [
            ("one slot", vec![account(&a, &[spends(1, quota)])]),
            ("two slots", vec![account(&a, &[spends(1, quota)]), account(&b, &[spends(1, sliding(2 * N))])]),
        ];
        for (name, accounts) in groups {
            let host = Together { inner: Arc::default(), reads: 0 };
            let accounts = &accounts;
            let admitted: u32 = std::thread::scope(|scope| {
                let workers: Vec<_> = (0..8)
                    .map(|_| {
                        let mut host = host.clone();
                        scope.spawn(move || {
                            let tries = (0..10 * N / 8).map(|_| charge(&mut host, NOW, accounts));
                            let admitted = tries.filter(|charged| {
                                charged.as_ref().is_ok_and(|charged| charged.verdict == Verdict::Admitted)
                            });
                            u32::try_from(admitted.count()).expect("few")
                        })
                    })
                    .collect();
                workers.into_iter().map(|worker| worker.join().expect("no worker panics")).sum()
            });
            let mut host = host.inner.lock().expect("no worker panics").clone();
            // Who gives back what he has spent in the first slot may do so when all the others have been refused: it is there still.
            let late = (0..N).filter(|_| verdict(charge(&mut host, NOW, accounts)) == Verdict::Admitted).count();
            assert_eq!(admitted + u32::try_from(late).expect("few"), N, "{name}");
            if name == "one slot" {
                assert_eq!(late, 0);
            } else {
                assert_eq!(spent(&mut host, &b, 1, 2 * N, sliding), N, "what was given back is back");
            }
        }
    }
}

/// A host where somebody always comes between.
struct Busy {
    inner: MemoryHost,
    writes: usize,
    /// Writes of these slots are done.
    quiet: &'static str,
    /// As long as so many are left.
    left: usize,
}

impl Host for Busy {
    fn slot(&mut self, key: &str) -> Option<Slot> {
        self.inner.slot(key)
    }
    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        self.writes += 1;
        if !key.starts_with(self.quiet) || self.left == 0 {
            return Written::Changed;
        }
        self.left -= 1;
        self.inner.set_slot(key, bytes, stamp)
    }
    nothing_but_slots!();
}

#[test]
fn a_charge_that_never_gets_through_gives_back_and_ends() {
    let (a, b) = (table("a"), table("b"));
    let accounts = [account(&a, &[spends(1, sliding(5))]), account(&b, &[spends(1, sliding(5))])];
    let mut host = Busy { inner: MemoryHost::default(), writes: 0, quiet: "a/", left: usize::MAX };
    assert_eq!(charge(&mut host, NOW, &accounts), Err(Error::Contended));
    assert_eq!(host.writes, MAX_TRIES + 2, "one slot is written and given back");
    assert_eq!(spent(&mut host.inner, &a, 1, 5, sliding), 0);
    // It is tried for longer than anything else, and not for ever.
    let mut host = Busy { inner: MemoryHost::default(), writes: 0, quiet: "a/", left: 1 };
    assert_eq!(charge(&mut host, NOW, &accounts), Err(Error::Contended));
    assert_eq!(host.writes, 1 + MAX_TRIES + MAX_GIVE_BACK_TRIES);
    assert_eq!(spent(&mut host.inner, &a, 1, 5, sliding), 1);
    // A flood that cannot be counted does not let anybody pass.
    let mut full = Busy { inner: MemoryHost::default(), writes: 0, quiet: "", left: usize::MAX };
    assert_eq!(verdict(charge(&mut full, NOW, &[account(&b, &[spends(1, sliding(1))])])), Verdict::Admitted);
    full.quiet = "nothing";
    let rule = Rule { limit: 5, window_ms: 1_000, block_ms: 10_000 };
    let flood = Charge { key: key(9), by: Measure::Flood(rule), acts: Acts::Refuses };
    let charged = charge(&mut full, NOW, &[account(&b, &[flood, spends(1, sliding(1))])]);
    assert_eq!(verdict(charged), Verdict::Refused);
}

/// A caller who comes again and again is not evicted by those who come once, two hundred times as many as the table is made
/// for. `lockgate limits --flood` does the same with any number.
#[test]
fn a_flood_of_new_keys_evicts_no_steady_caller() {
    const FLOOD: u64 = 200_000;
    const STEADY: u64 = 20;
    let table = Counters::grouped("a", 1_000, 1).expect("good");
    let mut host = MemoryHost::default();
    let quota = Quota::Sliding { limit: 1_000_000, window_ms: MINUTE_MS };
    let one = |host: &mut MemoryHost, now_ms, key: Key| {
        let charges = vec![Charge { key, by: Measure::Quota { quota, cost: 1 }, acts: Acts::Refuses }];
        charge(host, now_ms, &[Account { table: &table, place: key, charges }]).expect("charged")
    };
    let mut dice = Dice(1);
    let (mut sent, mut evicted) = ([0_u32; STEADY as usize], 0_u64);
    let mut longest = 0;
    for n in 0..FLOOD {
        // The flood takes half a window; each of the others comes on the average every 200 of its requests.
        let now_ms = NOW + n * (MINUTE_MS / 2) / FLOOD;
        evicted += u64::from(one(&mut host, now_ms, key(1_000_000 + n)).notes.contains(&Note::Evicted));
        if n % 10 == 0 {
            let caller = dice.roll(STEADY);
            let place = usize::try_from(caller).expect("small");
            sent[place] += 1;
            let charged = one(&mut host, now_ms, key(caller));
            let Found::Within(balance) = charged.found().next().copied().expect("found") else { panic!("{charged:?}") };
            assert_eq!(1_000_000 - balance.left, sent[place], "caller {caller} after {n}");
        }
        if n % 10_000 == 9_999 {
            longest = longest.max(host.slots.values().map(|slot| slot.bytes.len()).sum());
        }
    }
    println!("{evicted} of {FLOOD} keys that came once were evicted, {longest} bytes in {} slots", host.slots.len());
    assert!(evicted > FLOOD / 2);
    assert!(host.slots.len() <= 63 && longest <= table.max_bytes());
}

const MINUTE_MS: u64 = 60_000;

#[test]
fn a_hit_at_a_place_is_a_hit() {
    let (table, mut host) = (Counters::grouped("a", 1_000, 1).expect("good"), MemoryHost::default());
    let rule = Rule { limit: 2, window_ms: 1_000, block_ms: 0 };
    let hit = |host: &mut MemoryHost, place| table.hit_at(host, NOW, place, key(1), rule, 1).map(|hit| hit.standing);
    assert_eq!(hit(&mut host, key(2)), Ok(Standing::Free { left: 1 }));
    assert_eq!(hit(&mut host, key(2)), Ok(Standing::Free { left: 0 }));
    assert_eq!(hit(&mut host, key(3)), Ok(Standing::Free { left: 1 }), "in another slot it is another one's");
}

#[test]
fn foreign_bytes_are_repaired_by_what_is_written() {
    let (a, mut host) = (table("a"), MemoryHost::default());
    let accounts = [account(&a, &[spends(1, sliding(1))])];
    super::overwrite(&mut host, "a/1.1/0", b"something else");
    assert_eq!(charge(&mut host, NOW, &accounts).expect("charged").notes, [Note::Repaired]);
    let again = charge(&mut host, NOW, &accounts).expect("charged");
    assert_eq!((again.verdict, again.notes), (Verdict::Refused, vec![]));
}

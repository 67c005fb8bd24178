//! What is remembered of slots is never taken for what stands there.

use std::collections::BTreeMap;

use super::explore::{Deaths, explore};
use super::{MANY, NOW, hits, key, overwrite};
use crate::host::{Host, Slot, Written};
use crate::replay::MemoryHost;
use crate::table::{
    Account, Acts, Charge, Claim, Claims, Counters, Longest, MAX_RECALLED, MAX_RECALLED_BYTES, MAX_REST, Measure,
    Quota, Recall, Rule, Verdict, WITNESS, charge,
};

/// A host for a worker that remembers what it wrote.
struct Recalling<'a> {
    host: &'a mut dyn Host,
    recall: &'a mut Recall,
    /// Slots read, the witness apart.
    read: usize,
}

impl<'a> Recalling<'a> {
    fn new(host: &'a mut dyn Host, recall: &'a mut Recall) -> Self {
        Self { host, recall, read: 0 }
    }
}

fn witness(host: &mut dyn Host) -> Option<u32> {
    match host.set_slot(WITNESS, b"", 0) {
        Written::Done => host.slot(WITNESS).map(|slot| slot.stamp),
        Written::Changed | Written::Unavailable => None,
    }
}

impl Host for Recalling<'_> {
    fn slot(&mut self, key: &str) -> Option<Slot> {
        self.read += 1;
        self.host.slot(key)
    }

    fn recall(&mut self, key: &str) -> Option<Slot> {
        self.recall.take(key, &mut || witness(self.host))
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        let written = self.host.set_slot(key, bytes, stamp);
        match written {
            Written::Done => self.recall.wrote(key, bytes),
            Written::Changed => self.recall.refused(),
            Written::Unavailable => {}
        }
        written
    }

    nothing_but_slots!();
}

#[test]
fn a_worker_that_is_alone_reads_a_slot_once() {
    let (table, mut host, mut recall) =
        (Counters::new("t", 16).expect("good"), MemoryHost::default(), Recall::default());
    let mut host = Recalling::new(&mut host, &mut recall);
    for n in 1..=20 {
        let hit = table.hit(&mut host, NOW, key(n % 3), MANY, 1).expect("counted");
        assert_eq!(u64::from(hits(hit.standing)), n.div_ceil(3));
    }
    assert_eq!(host.read, 4, "three to find out how the host counts");
    // A look is never by what is remembered.
    assert_eq!(hits(table.peek(&mut host, NOW, key(1), MANY).expect("there")), 7);
    assert_eq!(host.read, 5);
}

#[test]
fn a_claim_is_settled_without_another_look() {
    let longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };
    let (table, mut memory) = (Claims::new("t", 10, longest).expect("good"), MemoryHost::default());
    let mut recall = Recall::default();
    let mut host = Recalling::new(&mut memory, &mut recall);
    for number in 0..5 {
        assert_eq!(table.claim(&mut host, NOW, key(number), 1, 10_000), Ok(Claim::Ours));
        assert_eq!(table.settle(&mut host, NOW, key(number), 1, 600_000), Ok(true));
    }
    assert_eq!(host.read, 4);
    assert_eq!(table.claim(&mut host, NOW, key(3), 2, 10_000), Ok(Claim::Spent));
    assert_eq!(host.read, 5, "a refusal is by what stands there");
}

/// Two workers add one to slots, in every order of a few steps, also in the middle of each other's.
#[test]
fn nobody_wipes_out_what_another_wrote() {
    #[derive(Clone, Copy)]
    enum Between {
        Nothing,
        /// The other worker adds to this slot between the two calls for the witness.
        Witness(&'static str),
        /// It does after the first has recalled or read.
        Write(&'static str),
    }
    /// Adds one; whether it was by what was remembered, and how often that was refused.
    fn add(
        host: &mut MemoryHost,
        recalls: &mut [Recall; 2],
        who: usize,
        slot: &str,
        mut between: Between,
    ) -> (u32, u32) {
        let (mut by_memory, mut refused) = (0, 0);
        for n in 0..9 {
            let mut mine = std::mem::take(&mut recalls[who]);
            let recalled = match n {
                0 => mine.take(slot, &mut || {
                    let _ = host.set_slot(WITNESS, b"", 0);
                    if let Between::Witness(other) = between {
                        between = Between::Nothing;
                        add(host, recalls, 1 - who, other, Between::Nothing);
                    }
                    host.slot(WITNESS).map(|slot| slot.stamp)
                }),
                _ => None,
            };
            recalls[who] = mine;
            let is_memory = recalled.is_some();
            let Slot { bytes, stamp } = recalled.or_else(|| host.slot(slot)).expect("a slot");
            if let Between::Write(other) = std::mem::replace(&mut between, Between::Nothing) {
                add(host, recalls, 1 - who, other, Between::Nothing);
            }
            let bytes = [bytes.first().map_or(1, |count| count + 1)];
            match host.set_slot(slot, &bytes, if stamp == 0 { u32::MAX } else { stamp }) {
                Written::Done => {
                    recalls[who].wrote(slot, &bytes);
                    by_memory += u32::from(is_memory);
                    return (by_memory, refused);
                }
                _ => {
                    recalls[who].refused();
                    refused += u32::from(is_memory);
                }
            }
        }
        panic!("somebody always comes between");
    }
    let steps = [
        (0, "a", Between::Nothing),
        (0, "b", Between::Nothing),
        (1, "a", Between::Nothing),
        (0, "a", Between::Witness("a")),
        (0, "b", Between::Write("a")),
        (0, "a", Between::Write("a")),
    ];
    const LENGTH: u32 = 6;
    // Both have found out how the host counts, so that they guess from the first step on.
    let mut found_out = (MemoryHost::default(), <[Recall; 2]>::default());
    for who in [1, 1, 1, 1, 0, 0, 0, 0] {
        add(&mut found_out.0, &mut found_out.1, who, "c", Between::Nothing);
    }
    let (mut by_memory, mut refused) = (0, 0);
    for way in 0..steps.len().pow(LENGTH) {
        let (mut host, mut recalls) = found_out.clone();
        let (mut want, mut rest) = (BTreeMap::from([("a", 0), ("b", 0)]), way);
        for _ in 0..LENGTH {
            let (who, slot, between) = steps[rest % steps.len()];
            rest /= steps.len();
            let stamps = host.stamps;
            let (memory, refusals) = add(&mut host, &mut recalls, who, slot, between);
            (by_memory, refused) = (by_memory + memory, refused + refusals);
            *want.get_mut(slot).expect("a slot") += 1;
            match between {
                Between::Witness(other) if host.stamps > stamps + 2 => *want.get_mut(other).expect("a slot") += 1,
                Between::Write(other) => *want.get_mut(other).expect("a slot") += 1,
                Between::Witness(_) | Between::Nothing => {}
            }
        }
        for (slot, want) in want {
            let is = host.slots.get(slot).map_or(0, |slot| slot.bytes[0]);
            assert_eq!(is, want, "{slot} in way {way}");
        }
    }
    assert!(by_memory > 1_000, "{by_memory}");
    assert!(refused > 100, "{refused}");
}

#[test]
fn every_hit_counts_once_whoever_remembers() {
    let table = Counters::new("t", 16).expect("good");
    let worker = |times: u32| {
        let table = &table;
        move |host: &mut dyn Host| {
            let mut recall = Recall::default();
            let mut host = Recalling::new(host, &mut recall);
            (0..times).map(|_| table.hit(&mut host, NOW, key(1), MANY, 1).map(|hit| hits(hit.standing))).collect()
        }
    };
    // Guesses begin with the fifth.
    let (six, two) = (worker(6), worker(2));
    let explored = explore(&BTreeMap::new(), &[&six, &two], Deaths::None, &mut |_, results| {
        let counts: Vec<Result<Vec<u32>, _>> = results.into_iter().flatten().collect();
        let mut counts: Vec<u32> = counts.into_iter().flat_map(|counts| counts.expect("counted")).collect();
        counts.sort_unstable();
        assert!(counts.iter().copied().eq(1..=8), "{counts:?}");
    });
    println!("remembered hits: {} interleavings, {} states", explored.interleavings, explored.states);
    assert!(explored.interleavings > 500, "{explored:?}");
}

/// Two tables that a worker remembers, of which another has written the second one since; what it says of that one now.
fn after_another(change: impl FnOnce(&Counters, &mut MemoryHost), charges: &[Charge]) -> (Verdict, usize) {
    let (a, b) = (Counters::grouped("a", 1, 1).expect("good"), Counters::grouped("b", 1, 1).expect("good"));
    let account = |table, charges: &[Charge]| [Account { table, place: key(0), charges: charges.to_vec() }];
    let one = Charge { key: key(1), by: Measure::Quota { quota: ONE, cost: 1 }, acts: Acts::Refuses };
    let many = Charge { by: Measure::Quota { quota: Quota::Sliding { limit: 9, window_ms: 60_000 }, cost: 1 }, ..one };
    let (mut memory, mut recall) = (MemoryHost::default(), Recall::default());
    let mut host = Recalling::new(&mut memory, &mut recall);
    let charged =
        |host: &mut Recalling<'_>, table, by| charge(host, NOW, &account(table, &[by])).expect("charged").verdict;
    for _ in 0..4 {
        assert_eq!(charged(&mut host, &a, many), Verdict::Admitted);
    }
    host.read = 0;
    for (table, by) in [(&a, many), (&b, one), (&a, many)] {
        assert_eq!(charged(&mut host, table, by), Verdict::Admitted);
    }
    assert_eq!(host.read, 1, "both are remembered");
    change(&b, &mut memory);
    let mut host = Recalling::new(&mut memory, &mut recall);
    let verdict = charge(&mut host, NOW, &account(&b, charges)).expect("charged").verdict;
    (verdict, host.read)
}

const ONE: Quota = Quota::Sliding { limit: 1, window_ms: 60_000 };
const BLOCK: Rule = Rule { limit: 1, window_ms: 60_000, block_ms: 10_000 };

#[test]
fn nobody_is_refused_or_let_in_by_what_was() {
    let spends = Charge { key: key(1), by: Measure::Quota { quota: ONE, cost: 1 }, acts: Acts::Refuses };
    let other = Charge { key: key(2), ..spends };
    let block = Charge { key: key(9), by: Measure::Block, acts: Acts::Refuses };
    let blocks = |table: &Counters, host: &mut MemoryHost| {
        for _ in 0..2 {
            assert!(table.hit_at(host, NOW, key(0), key(9), BLOCK, 1).is_ok());
        }
    };
    let clears = |_: &Counters, host: &mut MemoryHost| overwrite(host, "b/1.1/0", b"");
    let nothing = |_: &Counters, _: &mut MemoryHost| {};
    type Change<'a> = &'a dyn Fn(&Counters, &mut MemoryHost);
    let cases: [(&str, Change<'_>, &[Charge], Verdict, usize); 6] = [
        ("spent, still so", &nothing, &[spends], Verdict::Refused, 1),
        ("spent, and given back since", &clears, &[spends], Verdict::Admitted, 1),
        ("room, still so", &nothing, &[other], Verdict::Admitted, 0),
        ("not blocked, still so", &nothing, &[block], Verdict::Admitted, 1),
        ("not blocked, and blocked since", &blocks, &[block], Verdict::Refused, 1),
        ("room, and blocked since", &blocks, &[block, other], Verdict::Refused, 1),
    ];
    for (name, change, charges, want, reads) in cases {
        assert_eq!(after_another(change, charges), (want, reads), "{name}");
    }
}

/// A counter of stamps, and how often the witness was asked.
struct Counter {
    stamp: u32,
    asked: u32,
}

impl Counter {
    fn write(&mut self) -> u32 {
        self.stamp = self.stamp.wrapping_add(1).max(1);
        self.stamp
    }

    fn take(&mut self, recall: &mut Recall, name: &str) -> Option<Slot> {
        recall.take(name, &mut || {
            self.asked += 1;
            Some(self.write())
        })
    }

    /// Writes a slot; the stamp.
    fn wrote(&mut self, recall: &mut Recall, name: &str, bytes: &[u8]) -> u32 {
        recall.wrote(name, bytes);
        self.write()
    }

    /// A host, and a worker that has found out how it counts.
    fn proven(stamp: u32) -> (Self, Recall) {
        let (mut host, mut recall) = (Self { stamp, asked: 0 }, Recall::default());
        for _ in 0..3 {
            assert_eq!(host.take(&mut recall, "first"), None);
            host.wrote(&mut recall, "first", b"1");
        }
        assert_eq!((host.take(&mut recall, "first"), host.asked), (None, 2), "where it stands, and how it counts");
        (host, recall)
    }
}

#[test]
fn stamps_follow_by_counting() {
    let (mut host, mut recall) = Counter::proven(40);
    let a = host.wrote(&mut recall, "a", b"1");
    let long = host.wrote(&mut recall, "long", &[7; MAX_RECALLED_BYTES]);
    host.wrote(&mut recall, "too long", b"1");
    host.wrote(&mut recall, "too long", &[7; MAX_RECALLED_BYTES + 1]);
    host.wrote(&mut recall, "b", b"1");
    let b = host.wrote(&mut recall, "b", b"2");
    let slot = |bytes: &[u8], stamp| Some(Slot { bytes: bytes.to_vec(), stamp });
    assert_eq!(host.take(&mut recall, "a"), slot(b"1", a));
    assert_eq!(host.take(&mut recall, "a"), None, "only once");
    assert_eq!(host.take(&mut recall, "b"), slot(b"2", b));
    assert_eq!(host.take(&mut recall, "long"), slot(&[7; MAX_RECALLED_BYTES], long));
    assert_eq!((host.take(&mut recall, "too long"), host.take(&mut recall, "first")), (None, None));
    assert_eq!(host.asked, 2, "nobody asks again");
}

#[test]
fn a_guess_is_never_too_high() {
    for others in 0..4 {
        let (mut host, mut recall) = Counter::proven(40);
        (0..others).for_each(|_| _ = host.write());
        let stamp = host.wrote(&mut recall, "a", b"1");
        assert_eq!(host.take(&mut recall, "a").map(|slot| slot.stamp), Some(stamp - others), "{others}");
    }
}

#[test]
fn the_counter_s_end_is_no_guess() {
    let (mut host, mut recall) = Counter::proven(u32::MAX - 7);
    assert_eq!(host.stamp, u32::MAX - 2);
    let mut stamps = Vec::new();
    for _ in 0..6 {
        host.wrote(&mut recall, "a", b"1");
        stamps.push(host.take(&mut recall, "a").map(|slot| slot.stamp));
    }
    assert_eq!(stamps, [Some(u32::MAX - 1), Some(u32::MAX), None, Some(3), Some(4), Some(5)]);
}

#[test]
fn a_host_that_counts_in_another_way_is_not_trusted() {
    // The witness's stamp after three writes of this worker, that stood at 7 before.
    for (name, stamp, want) in [
        ("one counter, alone", Some(11), true),
        ("one counter, not alone", Some(12), false),
        ("one counter for each slot", Some(8), false),
        ("the same stamp again", Some(7), false),
        ("a clock", Some(1_000_000), false),
        ("nothing is shared any more", None, false),
    ] {
        let mut recall = Recall::default();
        assert_eq!(recall.take("a", &mut || Some(7)), None);
        (0..3).for_each(|_| recall.wrote("a", b"1"));
        assert_eq!(recall.take("a", &mut || stamp), None, "{name}");
        recall.wrote("a", b"2");
        let slot = recall.take("a", &mut || panic!("a rest"));
        assert_eq!(slot, want.then(|| Slot { bytes: b"2".to_vec(), stamp: 12 }), "{name}");
    }
}

#[test]
fn a_worker_that_is_not_alone_guesses_seldom() {
    let (mut host, mut recall) = Counter::proven(40);
    let (mut pauses, mut last) = (Vec::new(), 0);
    for n in 0..8 * MAX_REST {
        // Somebody else writes the same slot each time.
        let slot = host.write();
        if let Some(guess) = host.take(&mut recall, "a") {
            assert_ne!(guess.stamp, slot);
            recall.refused();
            pauses.push(n - last);
            last = n;
        }
        host.wrote(&mut recall, "a", b"1");
    }
    // After a rest it looks where the counter stands, and guesses with the next slot.
    assert_eq!(pauses[..6], [1, 3, 4, 6, 10, 18]);
    assert_eq!(pauses.iter().max(), Some(&(MAX_REST + 2)));
    assert_eq!(host.asked, 2 + u32::try_from(pauses.len()).unwrap() - 1, "the last rest goes on");
    // Alone again, it finds out; then a rest is short.
    let found = (0..=MAX_REST + 1).position(|_| {
        let found = host.take(&mut recall, "a").is_some();
        host.wrote(&mut recall, "a", b"1");
        found
    });
    assert!(found.is_some());
    recall.refused();
    let found = (0..3).map(|_| {
        let found = host.take(&mut recall, "a").is_some();
        host.wrote(&mut recall, "a", b"1");
        found
    });
    assert_eq!(found.collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn no_more_is_remembered_than_said() {
    let (mut host, mut recall) = Counter::proven(40);
    let names: Vec<String> = (0..10 * MAX_RECALLED).map(|n| format!("rate-limit/p-consumer/1.625/{n}")).collect();
    for name in &names {
        host.wrote(&mut recall, name, b"1");
    }
    let kept = names.iter().filter(|name| host.take(&mut recall, name).is_some()).count();
    assert!((MAX_RECALLED * 3 / 4..=MAX_RECALLED).contains(&kept), "{kept}");
}

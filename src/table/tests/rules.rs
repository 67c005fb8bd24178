//! What each table does when nobody comes between.

use super::{MANY, NOW, hits, key, neighbours};
use crate::host::{Host as _, Slot};
use crate::replay::MemoryHost;
use crate::table::{
    Blob, CREATE, Claim, Claims, Counters, Error, Hit, Lease, Longest, Newer, Note, Rule, Seed, Set, Standing, WAYS,
};

const FREE: fn(u32) -> Standing = |left| Standing::Free { left };
const REFUSED: fn(u64) -> Standing = |wait_ms| Standing::Refused { wait_ms };

#[test]
fn a_window_slides() {
    let rule = Rule { limit: 5, window_ms: 1_000, block_ms: 0 };
    // Hits at a time, and how the key stands after them. Windows begin with a first hit: at 0, 1,000 and 5,000.
    let cases = [
        (0, 1, FREE(4)),
        (999, 3, FREE(1)),
        // All of the last window count for the first millisecond of the next one.
        (1_000, 1, FREE(0)),
        // 4 · 750 / 1,000 = 3.
        (1_250, 0, FREE(1)),
        // 4 · 749 / 1,000, rounded up.
        (1_251, 0, FREE(1)),
        (1_500, 2, FREE(0)),
        (1_501, 1, REFUSED(499)),
        // 4 hits in the last window.
        (2_000, 0, FREE(1)),
        (2_999, 0, FREE(4)),
        // Two windows later nothing is left.
        (5_000, 1, FREE(4)),
        (6_999, 0, FREE(4)),
        (7_000, 0, FREE(5)),
    ];
    let (table, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
    for (at_ms, by, want) in cases {
        let now_ms = NOW + at_ms;
        let standing = match by {
            0 => table.peek(&mut host, now_ms, key(1), rule),
            by => table.hit(&mut host, now_ms, key(1), rule, by).map(|hit| hit.standing),
        };
        assert_eq!(standing, Ok(want), "at {at_ms}");
        assert_eq!(table.peek(&mut host, now_ms, key(1), rule), Ok(want), "looking changes nothing, at {at_ms}");
        assert_eq!(table.peek(&mut host, now_ms, key(2), rule), Ok(FREE(5)), "others stand alone, at {at_ms}");
    }
}

#[test]
fn a_block_lasts_as_long_as_it_was_set() {
    // As for failed signatures: more than 5 a minute.
    let rule = Rule { limit: 5, window_ms: 60_000, block_ms: 300_000 };
    let (table, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
    let mut hit = |now_ms| table.hit(&mut host, now_ms, key(1), rule, 1).expect("counted").standing;
    for left in (0..5).rev() {
        assert_eq!(hit(NOW), FREE(left));
    }
    assert_eq!(hit(NOW), REFUSED(300_000));
    assert_eq!(hit(NOW + 299_999), REFUSED(1), "hits in between do not make it longer");
    assert_eq!(hit(NOW + 300_000), FREE(4), "and then it begins anew");
}

#[test]
fn a_rule_with_another_window_reads_the_record() {
    let long = Rule { limit: 10, window_ms: 3_600_000, block_ms: 0 };
    let short = Rule { limit: 10, window_ms: 1_000, block_ms: 0 };
    let (table, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
    assert_eq!(table.hit(&mut host, NOW, key(1), long, 4).expect("counted").standing, FREE(6));
    assert_eq!(table.peek(&mut host, NOW, key(1), short), Ok(FREE(6)), "as if it had begun now");
    assert_eq!(table.hit(&mut host, NOW, key(1), short, 1).expect("counted").standing, FREE(5));
    // As hits of a long window that is nearly over: why a rule that changes deserves other keys.
    assert_eq!(table.peek(&mut host, NOW + 1, key(1), long), Ok(FREE(9)));
    assert_eq!(table.peek(&mut host, NOW + 2_000, key(1), long), Ok(FREE(10)));
}

#[test]
fn the_least_useful_counter_goes() {
    let (table, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
    let blocks = Rule { limit: 0, window_ms: 60_000, block_ms: 1_000 };
    let short = Rule { window_ms: 1_000, ..MANY };
    let keys: Vec<_> = neighbours(1, 0).take(WAYS + 6).collect();
    let (full, more) = keys.split_at(WAYS);
    // A block, one hit early, one hit late, and the others with more hits.
    assert!(table.hit(&mut host, NOW, full[0], blocks, 1).is_ok());
    assert!(table.hit(&mut host, NOW, full[1], short, 3).is_ok());
    assert!(table.hit(&mut host, NOW, full[2], MANY, 1).is_ok());
    assert!(table.hit(&mut host, NOW + 1, full[3], MANY, 1).is_ok());
    for (more, &key) in (2..).zip(&full[4..]) {
        assert_eq!(table.hit(&mut host, NOW, key, MANY, more).expect("counted").note, Note::Plain);
    }
    let mut evicts = |key| {
        let hit = table.hit(&mut host, NOW + 500, key, MANY, 100).expect("counted");
        assert_eq!(hit.note, Note::Evicted);
        let is_known =
            |key: &_| host.slots["t/1.1/0"].bytes.as_chunks::<8>().0.concat().windows(16).any(|at| at == key);
        let gone: Vec<_> = (0..WAYS).filter(|&place| !is_known(&full[place].0)).collect();
        gone
    };
    assert_eq!(evicts(more[0]), [2]);
    assert_eq!(evicts(more[1]), [2, 3]);
    assert_eq!(evicts(more[2]), [2, 3, 4], "two hits, then three: the block stays");
    // What has ended goes before anything that lives, blocks too.
    let hit = table.hit(&mut host, NOW + 2_000, more[3], MANY, 1).expect("counted");
    assert_eq!(hit.note, Note::Plain);
    assert_eq!(hits(hit.standing), 1);
}

#[test]
fn a_claim_is_held_settled_and_released() {
    let longest = Longest { hold_ms: 30_000, keep_ms: 600_000 };
    let (table, mut host) = (Claims::new("t", 10, longest).expect("good"), MemoryHost::default());
    let host = &mut host;
    assert_eq!(table.claim(host, NOW, key(1), 1, 10_000), Ok(Claim::Ours));
    assert_eq!(table.claim(host, NOW + 1, key(1), 2, 10_000), Ok(Claim::Held { wait_ms: 9_999 }));
    assert_eq!(table.claim(host, NOW + 5_000, key(1), 1, 10_000), Ok(Claim::Ours), "the holder may hold on");
    assert_eq!(table.settle(host, NOW + 6_000, key(1), 2, 600_000), Ok(false), "not another's to settle");
    assert_eq!(table.release(host, NOW + 6_000, key(1), 2), Ok(false), "nor to release");
    assert_eq!(table.release(host, NOW + 6_000, key(1), 1), Ok(true));
    assert_eq!(table.release(host, NOW + 6_000, key(1), 1), Ok(false), "once");
    assert_eq!(table.claim(host, NOW + 6_000, key(1), 2, 10_000), Ok(Claim::Ours));
    assert_eq!(table.settle(host, NOW + 7_000, key(1), 2, 600_000), Ok(true));
    assert_eq!(table.release(host, NOW + 7_000, key(1), 2), Ok(false), "what is settled stays");
    assert_eq!(table.settle(host, NOW + 7_000, key(1), 2, 600_000), Ok(false), "once");
    assert_eq!(table.claim(host, NOW + 606_999, key(1), 3, 10_000), Ok(Claim::Spent));
    assert_eq!(table.claim(host, NOW + 607_000, key(1), 3, 10_000), Ok(Claim::Ours), "until its end");
    // The holder is slow: it ends, another claims, and the slow one learns of it.
    assert_eq!(table.claim(host, NOW + 617_000, key(1), 4, 10_000), Ok(Claim::Ours));
    assert_eq!(table.settle(host, NOW + 617_000, key(1), 3, 600_000), Ok(false));
    // Without another, a late settlement counts.
    assert_eq!(table.settle(host, NOW + 700_000, key(1), 4, 600_000), Ok(true));
    assert_eq!(table.claim(host, NOW + 700_000, key(1), 5, 10_000), Ok(Claim::Spent));
    // Longer than the table's longest is the longest.
    assert_eq!(table.claim(host, NOW, key(2), 1, u64::MAX), Ok(Claim::Ours));
    assert_eq!(table.claim(host, NOW, key(2), 2, 1), Ok(Claim::Held { wait_ms: 30_000 }));
}

#[test]
fn a_live_claim_is_never_evicted() {
    let longest = Longest { hold_ms: 30_000, keep_ms: 600_000 };
    let (table, mut host) = (Claims::new("t", 10, longest).expect("good"), MemoryHost::default());
    let keys: Vec<_> = neighbours(1, 0).take(WAYS + 1).collect();
    let (full, more) = (&keys[..WAYS], keys[WAYS]);
    for (owner, &key) in (0..).zip(full) {
        assert_eq!(table.claim(&mut host, NOW, key, owner, 1_000), Ok(Claim::Ours));
        assert!(owner == 0 || table.settle(&mut host, NOW, key, owner, 600_000) == Ok(true));
    }
    let before = host.slots.clone();
    assert_eq!(table.claim(&mut host, NOW, more, 99, 1_000), Err(Error::Full));
    assert_eq!(table.settle(&mut host, NOW, more, 99, 1_000), Err(Error::Full));
    assert_eq!(host.slots, before, "nothing was written");
    assert_eq!(table.claim(&mut host, NOW + 1_000, more, 99, 1_000), Ok(Claim::Ours), "in place of one that ended");
    for &key in &full[1..] {
        assert_eq!(table.claim(&mut host, NOW + 1_000, key, 99, 1_000), Ok(Claim::Spent));
    }
}

#[test]
fn a_lease_ends_is_renewed_and_released() {
    let (lease, mut host) = (Lease::new("t"), MemoryHost::default());
    assert!(lease.try_acquire(&mut host, NOW, 5_000, 1));
    assert!(!lease.try_acquire(&mut host, NOW + 4_999, 5_000, 2));
    assert!(lease.try_acquire(&mut host, NOW + 4_999, 5_000, 1), "renewed");
    assert!(!lease.try_acquire(&mut host, NOW + 9_998, 5_000, 2));
    assert!(lease.try_acquire(&mut host, NOW + 9_999, 5_000, 2));
    lease.release(&mut host, 1);
    assert!(!lease.try_acquire(&mut host, NOW + 9_999, 5_000, 1), "not another's to release");
    lease.release(&mut host, 2);
    assert!(lease.try_acquire(&mut host, NOW + 9_999, 5_000, 1));
    let other = Lease::new("u");
    assert!(other.try_acquire(&mut host, NOW + 9_999, 5_000, 2), "names do not meet");
}

#[test]
fn a_document_comes_in_generations() {
    let (blob, mut host) = (Blob::new("t", 8), MemoryHost::default());
    let host = &mut host;
    assert_eq!(blob.read_if_newer(host, None), Ok(Newer::Nothing));
    assert_eq!(blob.publish(host, NOW, b"keys"), Ok(()));
    let changed = |generation, bytes: &[u8]| Ok(Newer::Changed { generation, bytes: bytes.to_vec() });
    assert_eq!(blob.read_if_newer(host, None), changed(NOW, b"keys"));
    assert_eq!(blob.read_if_newer(host, Some(NOW)), Ok(Newer::Unchanged));
    assert_eq!(blob.publish(host, NOW, b"too long."), Err(Error::Full));
    assert_eq!(blob.read_if_newer(host, Some(NOW)), Ok(Newer::Unchanged), "the old one stays");
    assert_eq!(blob.publish(host, NOW - 1_000, b""), Ok(()), "also when the clock stepped back");
    assert_eq!(blob.read_if_newer(host, Some(NOW)), changed(NOW + 1, b""));
    assert_eq!(blob.publish(host, NOW + 60_000, b"8 bytes."), Ok(()));
    assert_eq!(blob.read_if_newer(host, Some(NOW + 1)), changed(NOW + 60_000, b"8 bytes."));
    // Another ceiling reads what is there.
    assert_eq!(Blob::new("t", 1).read_if_newer(host, None), changed(NOW + 60_000, b"8 bytes."));
    assert_eq!(format!("{:?}", blob.read_if_newer(host, None)), format!("Ok(Changed({}, 8 bytes))", NOW + 60_000));
}

#[test]
fn a_set_forgets_nothing_that_lives() {
    let (mut set, mut host) = (Set::new("t", 3).expect("good"), MemoryHost::default());
    let host = &mut host;
    assert_eq!(set.contains(key(1), NOW), Err(Error::Unavailable), "unknown before it was read");
    assert_eq!(set.refresh(host), Ok(true));
    assert_eq!((set.contains(key(1), NOW), set.is_published()), (Ok(false), false));
    assert_eq!(set.refresh(host), Ok(false));
    assert_eq!(set.insert(host, NOW, key(1), NOW + 1_000), Ok(()));
    assert_eq!((set.contains(key(1), NOW + 999), set.is_published()), (Ok(true), true));
    assert_eq!(set.contains(key(1), NOW + 1_000), Ok(false), "until its end");
    assert_eq!(set.insert(host, NOW, key(1), NOW + 500), Ok(()));
    assert_eq!(set.contains(key(1), NOW + 999), Ok(true), "an end is not brought forward");
    assert_eq!(set.insert(host, NOW, key(1), NOW + 2_000), Ok(()));
    assert_eq!(set.contains(key(1), NOW + 1_999), Ok(true), "but put off");

    let mut other = Set::new("t", 3).expect("good");
    assert_eq!(other.refresh(host), Ok(true), "another worker sees it");
    assert_eq!(other.contains(key(1), NOW), Ok(true));

    let list = |keys: std::ops::Range<u64>| keys.map(|number| (key(number), NOW + 5_000)).collect::<Vec<_>>();
    assert_eq!(set.replace_all(host, NOW, &list(10..14)), Err(Error::Full), "larger than the table");
    assert_eq!(set.contains(key(1), NOW), Ok(true), "the old one stays");
    assert_eq!(set.replace_all(host, NOW, &list(10..13)), Ok(()));
    assert_eq!((set.contains(key(1), NOW), set.contains(key(12), NOW)), (Ok(false), Ok(true)));
    assert_eq!(set.insert(host, NOW, key(1), NOW + 9_000), Err(Error::Full));
    assert_eq!((set.contains(key(1), NOW), set.contains(key(10), NOW)), (Ok(false), Ok(true)));
    assert_eq!(set.insert(host, NOW + 5_000, key(1), NOW + 9_000), Ok(()), "in place of those that ended");
    assert_eq!((set.contains(key(1), NOW), set.contains(key(10), NOW)), (Ok(true), Ok(false)));
    // Of a key that is there twice, the later end counts; what has ended does not fill the table.
    let twice = [list(20..23), vec![(key(20), NOW + 6_000), (key(21), NOW + 4_000), (key(23), NOW - 1)]].concat();
    assert_eq!(set.replace_all(host, NOW, &twice), Ok(()));
    let ends = [(20, 6_000), (21, 5_000), (22, 5_000)];
    for (number, end) in ends {
        assert_eq!(set.contains(key(number), NOW + end - 1), Ok(true), "{number}");
        assert_eq!(set.contains(key(number), NOW + end), Ok(false), "{number}");
    }
    assert_eq!(other.refresh(host), Ok(true));
    assert_eq!(other.contains(key(20), NOW), Ok(true));
    assert_eq!(set.replace_all(host, NOW, &[]), Ok(()));
    assert_eq!((set.contains(key(20), NOW), set.is_published()), (Ok(false), true));
    // A host that lost its slots does not empty a set.
    assert_eq!(set.insert(host, NOW, key(1), NOW + 1), Ok(()));
    host.slots.clear();
    assert_eq!((set.refresh(host), set.contains(key(1), NOW)), (Ok(false), Ok(true)));
}

#[test]
fn keys_depend_on_the_seed_the_parts_and_their_ends() {
    let mut host = MemoryHost::default();
    let seed = Seed::agree(&mut host, [1; 16]).expect("agreed");
    assert_eq!(Seed::agree(&mut host, [2; 16]), Ok(seed), "the first proposal counts");
    let other = Seed::agree(&mut MemoryHost::default(), [2; 16]).expect("agreed");
    let parts: [&[&[u8]]; 6] = [&[], &[b""], &[b"", b""], &[b"ab", b"c"], &[b"a", b"bc"], &[b"abc"]];
    let mut keys: Vec<_> = parts.iter().flat_map(|parts| [seed.key(parts), other.key(parts)]).collect();
    assert_eq!(seed.key(parts[3]), seed.key(parts[3]));
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 12);
    assert_eq!(format!("{seed:?} {:?}", keys[0]), "Seed(<redacted>) Key(..)");
}

/// SipHash-2-4 with 128 bits, from its authors' vectors (`vectors_sip128` of the reference implementation): the key is
/// 00 01 … 0f, the message empty, and 00.
#[test]
fn keys_are_siphash() {
    use siphasher::sip128::{Hasher128 as _, SipHasher24};
    use std::hash::Hasher as _;
    let bytes: [u8; 16] = std::array::from_fn(|place| u8::try_from(place).unwrap());
    let mut hasher = SipHasher24::new_with_key(&bytes);
    let empty = hasher.finish128().as_bytes();
    hasher.write(&[0]);
    let zero = hasher.finish128().as_bytes();
    assert_eq!(empty.map(|byte| format!("{byte:02x}")).concat(), "a3817f04ba25a8e66df67214c7550293");
    assert_eq!(zero.map(|byte| format!("{byte:02x}")).concat(), "da87c1d86b99af44347659119b22fc45");
    // What a seed's key is: eight bytes of length, then the part.
    let mut host = MemoryHost::default();
    let seed = Seed::agree(&mut host, bytes).expect("agreed");
    let mut hasher = SipHasher24::new_with_key(&bytes);
    hasher.write(&[2, 0, 0, 0, 0, 0, 0, 0, b'h', b'i']);
    assert_eq!(seed.key(&[b"hi"]).0, hasher.finish128().as_bytes());
}

/// A host's slots are a table's alone when name, size and layout are the same.
#[test]
fn tables_of_other_names_and_sizes_do_not_meet() {
    let mut host = MemoryHost::default();
    let tables = [("a", 16), ("a", 17), ("b", 16), ("a/1.1", 16), ("", 16)];
    for (name, keys) in tables {
        let table = Counters::new(name, keys).expect("good");
        assert_eq!(table.peek(&mut host, NOW, key(1), MANY), Ok(FREE(MANY.limit)), "{name:?}");
        let hit = table.hit(&mut host, NOW, key(1), MANY, 1);
        assert_eq!(hit, Ok(Hit { standing: FREE(MANY.limit - 1), note: Note::Plain }), "{name:?}");
        let again = Counters::new(name, keys).expect("good");
        assert_eq!(again.peek(&mut host, NOW, key(1), MANY), Ok(FREE(MANY.limit - 1)), "{name:?} survives");
    }
    let names: Vec<_> = host.slots.keys().map(String::as_str).collect();
    assert_eq!(names[..3], ["a/1.1/0", &format!("a/1.2/{}", key(1).slot(2)), "b/1.1/0"]);
    assert!(names[3..].iter().all(|name| name.starts_with('~') && name.len() == 23), "{names:?}");
    // A slot that was moved to another name is not that one's.
    let moved = host.slots["a/1.1/0"].bytes.clone();
    let _ = host.set_slot("c/1.1/0", &moved, CREATE);
    let hit = Counters::new("c", 16).expect("good").hit(&mut host, NOW, key(1), MANY, 1);
    assert_eq!(hit, Ok(Hit { standing: FREE(MANY.limit - 1), note: Note::Repaired }));
}

#[test]
fn preparing_creates_what_is_missing_and_nothing_else() {
    let (table, mut host) = (Counters::new("t", 40).expect("good"), MemoryHost::default());
    assert!(table.hit(&mut host, NOW, key(1), MANY, 1).is_ok());
    let before = host.slots.clone();
    table.prepare(&mut host).expect("prepared");
    assert_eq!(host.slots.keys().collect::<Vec<_>>(), ["t/1.3/0", "t/1.3/1", "t/1.3/2"]);
    for (name, slot) in &before {
        assert_eq!(host.slots.get(name), Some(slot));
    }
    let prepared = host.slots.clone();
    table.prepare(&mut host).expect("prepared");
    assert_eq!(host.slots, prepared);
    // Nobody but time changes its names from here on.
    for number in 0..1_000 {
        assert!(table.hit(&mut host, NOW, key(number), MANY, 1).is_ok());
    }
    assert_eq!(host.slots.len(), 3);
    let claims = Claims::new("c", 21, Longest { hold_ms: 1, keep_ms: 1 }).expect("good");
    claims.prepare(&mut host).expect("prepared");
    assert_eq!(claims.claim(&mut host, NOW, key(1), 1, 1), Ok(Claim::Ours));
    assert_eq!(host.slots.len(), 6);
}

#[test]
fn a_host_that_shares_nothing_is_told_apart() {
    struct Alone(MemoryHost);
    impl crate::host::Host for Alone {
        fn slot(&mut self, _: &str) -> Option<Slot> {
            None
        }
        fn set_slot(&mut self, _: &str, _: &[u8], _: u32) -> crate::host::Written {
            crate::host::Written::Unavailable
        }
        fn now_ms(&mut self) -> Option<u64> {
            self.0.now_ms
        }
        fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
            self.0.attribute(path)
        }
        fn leave(&mut self, name: &str, value: &[u8]) {
            self.0.leave(name, value);
        }
        fn count(&mut self, counter: usize, by: u64) {
            self.0.count(counter, by);
        }
        fn audit(&mut self, audit: &crate::audit::Audit) {
            self.0.audit(audit);
        }
        fn call(&mut self, call: &crate::host::Call<'_>) -> Option<crate::host::CallId> {
            self.0.call(call)
        }
        fn verify(&mut self, check: &crate::host::Check<'_>) -> Option<bool> {
            self.0.verify(check)
        }
    }
    let host = &mut Alone(MemoryHost::default());
    let counters = Counters::new("t", 16).expect("good");
    let claims = Claims::new("t", 16, Longest { hold_ms: 1, keep_ms: 1 }).expect("good");
    let (blob, mut set) = (Blob::new("t", 8), Set::new("t", 8).expect("good"));
    let results = [
        counters.hit(host, NOW, key(1), MANY, 1).map(drop),
        counters.peek(host, NOW, key(1), MANY).map(|_| ()),
        counters.prepare(host),
        claims.claim(host, NOW, key(1), 1, 1).map(|_| ()),
        claims.settle(host, NOW, key(1), 1, 1).map(drop),
        claims.release(host, NOW, key(1), 1).map(drop),
        blob.read_if_newer(host, None).map(|_| ()),
        blob.publish(host, NOW, b""),
        set.refresh(host).map(drop),
        set.insert(host, NOW, key(1), NOW),
        set.replace_all(host, NOW, &[]),
        Seed::agree(host, [0; 16]).map(drop),
    ];
    assert_eq!(results, [Err(Error::Unavailable); 12]);
    assert!(Lease::new("t").try_acquire(host, NOW, 1, 1), "each VM is alone");
}

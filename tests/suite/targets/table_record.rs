//! Slots of the bounded tables with any bytes in them. Options: which table, what is put before the bytes (0: nothing, 1: the
//! table's own header, 2: the same, and of each record that begins with `K` the key is the one that is asked for), whether the clock
//! begins at 0, then how often something is done.

use lockgate::host::{Host as _, Slot};
use lockgate::replay::MemoryHost;
use lockgate::table::{
    Blob, Claim, Claims, Counters, Error, Key, Lease, Longest, MAX_LEASE_MS, MAX_SPAN_MS, MAX_STEP_BACK_MS, Newer,
    Note, Rule, Seed, Set, Standing, WAYS,
};

use super::Options;

const NOW: u64 = 1_750_000_000_000;
const HEADER: usize = 24;
const RECORD: usize = 32;
const LONGEST: Longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };

/// What a target may know of the seed: nothing, so it is fixed.
fn key(number: u8) -> Key {
    Seed::agree(&mut MemoryHost::default(), [7; 16]).expect("a seed").key(&[b"fuzz", &[number]])
}

struct Given<'a> {
    form: usize,
    now_ms: u64,
    times: usize,
    bytes: &'a [u8],
}

impl Given<'_> {
    /// A host whose slot of this name has the bytes. `good` fills it as the table does, with a record of `key(1)` first.
    fn host(&self, slot: &str, good: impl FnOnce(&mut MemoryHost)) -> MemoryHost {
        let mut filled = MemoryHost::default();
        good(&mut filled);
        let good = &filled.slots[slot].bytes;
        let (header, record) = good.split_at(HEADER);
        let mut bytes = match self.form {
            0 => self.bytes.to_vec(),
            _ => [header, self.bytes].concat(),
        };
        if self.form == 2 {
            for place in bytes.get_mut(HEADER..).unwrap_or_default().chunks_exact_mut(RECORD) {
                // Documents have no records.
                if let (b'K', Some(key)) = (place[0], record.first_chunk::<16>()) {
                    place[..16].copy_from_slice(key);
                }
            }
        }
        let mut slots = filled.slots.clone();
        slots.insert(slot.to_owned(), Slot { bytes, stamp: 5 });
        MemoryHost { slots, ..MemoryHost::default() }
    }
}

pub(super) fn check(input: &[u8]) {
    let (mut options, bytes) = Options::split(input);
    let table = options.number() % 6;
    let form = options.number() % 3;
    let now_ms = if options.flag() { 0 } else { NOW };
    let given = Given { form, now_ms, times: options.number() % 8, bytes };
    [counters, claims, lease, blob, set, seed][table](&given);
}

fn counters(given: &Given<'_>) {
    let table = Counters::new("t", 16).expect("good");
    let rule = Rule { limit: 100, window_ms: 60_000, block_ms: 30_000 };
    let mut host = given.host("t/1.1/0", |host| assert!(table.hit(host, NOW, key(1), rule, 1).is_ok()));
    for _ in 0..=given.times {
        let before = table.peek(&mut host, given.now_ms, key(1), rule).expect("one worker");
        let hit = table.hit(&mut host, given.now_ms, key(1), rule, 1).expect("one worker");
        match (before, hit.standing) {
            (Standing::Free { left: 0 }, Standing::Refused { wait_ms: 30_000 }) => {}
            (Standing::Free { left }, Standing::Free { left: less }) => assert_eq!(less + 1, left, "one hit is one"),
            (Standing::Refused { .. }, Standing::Refused { wait_ms }) => {
                assert!((1..=2 * MAX_SPAN_MS).contains(&wait_ms))
            }
            other => unreachable!("a hit made this: {other:?}"),
        }
        let again = table.hit(&mut host, given.now_ms, key(2), rule, 1).expect("one worker");
        assert_ne!(again.note, Note::Repaired, "repaired once");
        assert!(host.slots["t/1.1/0"].bytes.len() <= HEADER + WAYS * RECORD, "too long");
    }
    let late = given.now_ms + 2 * MAX_SPAN_MS + 1_001;
    let standing = table.peek(&mut host, late, key(1), rule);
    assert_eq!(standing, Ok(Standing::Free { left: 100 }), "nothing lives for ever");
    assert_eq!(host.slots.len(), 1, "no other slot");
}

fn claims(given: &Given<'_>) {
    let table = Claims::new("t", 10, LONGEST).expect("good");
    let mut host = given.host("t/1.1/0", |host| assert_eq!(table.claim(host, NOW, key(1), 9, 1_000), Ok(Claim::Ours)));
    let now_ms = given.now_ms;
    let claim = table.claim(&mut host, now_ms, key(1), 1, 10_000);
    for _ in 0..given.times {
        let other = table.claim(&mut host, now_ms, key(1), 2, 10_000);
        match (claim, other) {
            (Ok(Claim::Ours), Ok(Claim::Held { wait_ms: 10_000 })) => {}
            // A record of the one that asks second can stand there.
            (Ok(Claim::Held { wait_ms }), Ok(Claim::Ours)) => assert!((1..=11_000).contains(&wait_ms)),
            (first, second) => assert_eq!(first, second, "two claims"),
        }
        assert!(host.slots["t/1.1/0"].bytes.len() <= HEADER + WAYS * RECORD, "too long");
    }
    if claim == Ok(Claim::Ours) && given.times == 0 {
        assert_eq!(table.settle(&mut host, now_ms + 1, key(1), 1, 600_000), Ok(true));
        assert_eq!(table.claim(&mut host, now_ms + 2, key(1), 2, 10_000), Ok(Claim::Spent));
    }
    let late = now_ms + LONGEST.keep_ms + MAX_STEP_BACK_MS + 2;
    assert_eq!(table.claim(&mut host, late, key(1), 3, 10_000), Ok(Claim::Ours), "nothing lives for ever");
}

fn lease(given: &Given<'_>) {
    let lease = Lease::new("t");
    let mut host = given.host("t/1/0", |host| assert!(lease.try_acquire(host, NOW, 5_000, 9)));
    let first = lease.try_acquire(&mut host, given.now_ms, 5_000, 1);
    let second = lease.try_acquire(&mut host, given.now_ms, 5_000, 2);
    assert!(!(first && second), "two holders");
    let late = given.now_ms + MAX_LEASE_MS + 1_000;
    assert!(lease.try_acquire(&mut host, late, 5_000, 3), "nothing lives for ever");
}

fn blob(given: &Given<'_>) {
    let blob = Blob::new("t", 256);
    let slot = if given.times.is_multiple_of(2) { "t/1/0" } else { "t/1/1" };
    let mut host = given.host(slot, |host| assert_eq!(blob.publish(host, NOW, b"before"), Ok(())));
    let known = match blob.read_if_newer(&mut host, None) {
        Ok(Newer::Changed { generation, bytes }) => {
            assert!(bytes.len() <= given.bytes.len().max(6), "more than there is");
            assert_eq!(blob.read_if_newer(&mut host, Some(generation)), Ok(Newer::Unchanged));
            Some(generation)
        }
        Err(Error::Corrupt) => None,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(blob.publish(&mut host, given.now_ms, b"after"), Ok(()));
    let Ok(Newer::Changed { generation, bytes }) = blob.read_if_newer(&mut host, known) else {
        unreachable!("what was published is not new")
    };
    assert_eq!(bytes, b"after");
    assert_eq!(blob.read_if_newer(&mut host, Some(generation)), Ok(Newer::Unchanged));
}

fn set(given: &Given<'_>) {
    let mut set = Set::new("t", 16).expect("good");
    let slot = if given.times.is_multiple_of(2) { "t/1/0" } else { "t/1/1" };
    let list = [(key(1), given.now_ms + 1_000)];
    let mut host = given.host(slot, |host| {
        assert_eq!(Set::new("t", 16).expect("good").replace_all(host, given.now_ms, &list), Ok(()));
    });
    match set.refresh(&mut host) {
        Ok(changed) => {
            assert!(changed);
            let has = set.contains(key(1), given.now_ms).expect("known");
            assert!(has || slot == "t/1/0", "forgotten for the head's sake");
            let inserted = set.insert(&mut host, given.now_ms, key(2), given.now_ms + 1_000);
            assert!(matches!(inserted, Ok(()) | Err(Error::Full)), "{inserted:?}");
            assert_eq!(set.contains(key(1), given.now_ms), Ok(has), "another was forgotten");
            assert!(inserted.is_err() || set.contains(key(2), given.now_ms) == Ok(true));
        }
        Err(error) => {
            assert_eq!(error, Error::Corrupt);
            assert_eq!(set.contains(key(1), given.now_ms), Err(Error::Corrupt), "fails closed");
            assert_eq!(set.insert(&mut host, given.now_ms, key(2), 1), Err(Error::Corrupt));
        }
    }
    assert_eq!(set.replace_all(&mut host, given.now_ms, &list), Ok(()));
    assert_eq!(set.contains(key(1), given.now_ms), Ok(true));
    assert_eq!(set.contains(key(2), given.now_ms), Ok(false));
}

fn seed(given: &Given<'_>) {
    let mut host = given.host("seed/1/0", |host| assert!(Seed::agree(host, [1; 16]).is_ok()));
    let before = host.slot("seed/1/0");
    let first = Seed::agree(&mut host, [2; 16]);
    assert!(matches!(first, Ok(_) | Err(Error::Corrupt)), "{first:?}");
    assert_eq!(Seed::agree(&mut host, [3; 16]), first);
    assert_eq!(host.slot("seed/1/0"), before, "a seed stays as it is");
}

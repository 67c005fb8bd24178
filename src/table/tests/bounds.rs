//! Each bound holds.

use super::{MANY, NOW, key, neighbours};
use crate::host::{Host, Slot, Written};
use crate::replay::MemoryHost;
use crate::table::bucket::MAX_BUCKET_BYTES;
use crate::table::{
    Blob, CREATE, Claim, Claims, Counters, Error, Lease, Longest, MAX_DOCUMENT_BYTES, MAX_KEEP_MS, MAX_LEASE_MS,
    MAX_NAME_BYTES, MAX_SET_KEYS, MAX_SLOTS, MAX_SPAN_MS, MAX_TRIES, Rule, Seed, Set, Standing,
};

const LONGEST: Longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };

/// A host where somebody always comes between, and which counts how often it is written.
struct Busy {
    inner: MemoryHost,
    writes: usize,
    stamps: Vec<u32>,
}

impl Host for Busy {
    fn slot(&mut self, key: &str) -> Option<Slot> {
        self.inner.slot(key)
    }
    fn set_slot(&mut self, _: &str, _: &[u8], stamp: u32) -> Written {
        self.writes += 1;
        self.stamps.push(stamp);
        Written::Changed
    }
    nothing_but_slots!();
}

#[test]
fn tries_are_bounded_and_no_write_is_unconditional() {
    let counters = Counters::new("t", 16).expect("good");
    let claims = Claims::new("c", 10, LONGEST).expect("good");
    let (blob, lease) = (Blob::new("b", 8), Lease::new("l"));
    type Work<'a> = &'a dyn Fn(&mut dyn Host) -> Result<(), Error>;
    let cases: [(&str, Work<'_>); 9] = [
        ("hit", &|host| counters.hit(host, NOW, key(1), MANY, 1).map(drop)),
        ("prepare", &|host| counters.prepare(host)),
        ("claim", &|host| claims.claim(host, NOW, key(1), 1, 1_000).map(drop)),
        ("settle", &|host| claims.settle(host, NOW, key(1), 1, 1_000).map(drop)),
        ("publish", &|host| blob.publish(host, NOW, b"x")),
        ("insert", &|host| Set::new("s", 8).expect("good").insert(host, NOW, key(1), NOW + 1)),
        ("replace", &|host| Set::new("s", 8).expect("good").replace_all(host, NOW, &[(key(1), NOW + 1)])),
        ("seed", &|host| Seed::agree(host, [0; 16]).map(drop)),
        ("lease", &|host| if lease.try_acquire(host, NOW, 1_000, 1) { Ok(()) } else { Err(Error::Contended) }),
    ];
    for (name, work) in cases {
        let mut host = Busy { inner: MemoryHost::default(), writes: 0, stamps: Vec::new() };
        assert_eq!(work(&mut host), Err(Error::Contended), "{name}");
        assert_eq!(host.writes, MAX_TRIES, "{name}");
        assert!(host.stamps.iter().all(|&stamp| stamp == CREATE), "{name}: {:?}", host.stamps);
    }
}

#[test]
fn slots_have_a_greatest_length() {
    let counters = Counters::new("t", 16).expect("good");
    let claims = Claims::new("c", 10, LONGEST).expect("good");
    let mut host = MemoryHost::default();
    for key in neighbours(1, 0).take(100) {
        assert!(counters.hit(&mut host, NOW, key, MANY, 1).is_ok());
        let claim = claims.claim(&mut host, NOW, key, 1, 1_000);
        assert!(matches!(claim, Ok(Claim::Ours) | Err(Error::Full)));
    }
    for slot in ["t/1.1/0", "c/1.1/0"] {
        assert_eq!(host.slots[slot].bytes.len(), MAX_BUCKET_BYTES, "{slot}");
    }
    assert_eq!((MAX_BUCKET_BYTES, counters.max_bytes(), claims.max_bytes()), (1_048, 1_048, 1_048));
}

#[test]
fn sizes_are_known_and_printed() {
    let counters = |keys| Counters::new("failures", keys);
    let claims = |keys| Claims::new("replay", keys, LONGEST);
    assert_eq!(Counters::MAX_KEYS, 65_536);
    assert_eq!(Claims::MAX_KEYS, 40_960);
    for (keys, slots) in [(1, 1), (16, 1), (17, 2), (65_536, usize::from(MAX_SLOTS))] {
        assert_eq!(counters(keys).expect("good").max_bytes(), slots * 1_048, "{keys}");
    }
    for (keys, slots) in [(1, 1), (10, 1), (11, 2), (40_960, usize::from(MAX_SLOTS))] {
        assert_eq!(claims(keys).expect("good").max_bytes(), slots * 1_048, "{keys}");
    }
    for (error, want) in [
        (counters(0).err(), "keys: 0 is not in 1..=65536"),
        (counters(65_537).err(), "keys: 65537 is not in 1..=65536"),
        (claims(0).err(), "keys: 0 is not in 1..=40960"),
        (claims(40_961).err(), "keys: 40961 is not in 1..=40960"),
        (Set::new("s", 0).err(), "keys: 0 is not in 1..=65536"),
        (Set::new("s", MAX_SET_KEYS + 1).err(), "keys: 65537 is not in 1..=65536"),
        (Claims::new("c", 1, Longest { hold_ms: 0, ..LONGEST }).err(), "hold_ms: 0 is not in 1..=86400000"),
        (Claims::new("c", 1, Longest { hold_ms: MAX_SPAN_MS + 1, ..LONGEST }).err(), "hold_ms: 86400001 is not in"),
        (Claims::new("c", 1, Longest { keep_ms: 0, ..LONGEST }).err(), "keep_ms: 0 is not in 1..=864000000"),
        (Claims::new("c", 1, Longest { keep_ms: MAX_KEEP_MS + 1, ..LONGEST }).err(), "keep_ms: 864000001 is not in"),
    ] {
        let error = error.expect(want).to_string();
        assert!(error.starts_with(want), "{error}");
    }
    let lines = [
        counters(1_024).expect("good").describe(),
        claims(1_000).expect("good").describe(),
        Set::new("revoked", 10_000).expect("good").describe(),
        Blob::new("keys", 65_536).describe(),
    ];
    let want = [
        "counters `failures`: 1024 keys at once in 64 slots of 32 records, at most 67072 bytes; \
         at that number 1.5e-5 of them have lost their record",
        "claims `replay`: 1000 keys at once in 100 slots of 32 records, at most 104800 bytes; \
         at that number 2.5e-8 of the claims find no room and are refused",
        "set `revoked`: 10000 keys, at most 240000 bytes in the host and in each worker; more are refused",
        "document `keys`: at most 65536 bytes",
    ];
    assert_eq!(lines, want);
}

#[test]
fn names_have_a_greatest_length() {
    let mut host = MemoryHost::default();
    let longest = "n".repeat(MAX_NAME_BYTES);
    let longer = "n".repeat(MAX_NAME_BYTES + 1);
    for name in [longest.as_str(), &longer, "über", "a b", "a/b", "~0123456789abcdef"] {
        assert!(Lease::new(name).try_acquire(&mut host, NOW, 1, 1));
    }
    let names: Vec<_> = host.slots.keys().collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(names.contains(&&format!("{longest}/1/0")), "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with('~') && name.len() == 21).count(), 5, "{names:?}");
}

#[test]
fn spans_are_clamped() {
    let (counters, mut host) = (Counters::new("t", 16).expect("good"), MemoryHost::default());
    let rule = Rule { limit: 0, window_ms: u64::MAX, block_ms: u64::MAX };
    let hit = counters.hit(&mut host, NOW, key(1), rule, 1).expect("counted");
    assert_eq!(hit.standing, Standing::Refused { wait_ms: MAX_SPAN_MS });
    let rule = Rule { limit: 1, window_ms: u64::MAX, block_ms: 0 };
    assert_eq!(
        counters.hit(&mut host, NOW, key(2), rule, 2).expect("counted").standing,
        Standing::Refused { wait_ms: MAX_SPAN_MS }
    );
    let rule = Rule { limit: 1, window_ms: 0, block_ms: 0 };
    assert_eq!(
        counters.hit(&mut host, NOW, key(3), rule, u32::MAX).expect("counted").standing,
        Standing::Refused { wait_ms: 1 }
    );
    assert_eq!(
        counters.hit(&mut host, NOW, key(3), rule, u32::MAX).expect("counted").standing,
        Standing::Refused { wait_ms: 1 }
    );
    // Of the window before, all hits count for its one millisecond.
    assert_eq!(counters.peek(&mut host, NOW + 1, key(3), rule), Ok(Standing::Refused { wait_ms: 1 }));
    assert_eq!(counters.peek(&mut host, NOW + 2, key(3), rule), Ok(Standing::Free { left: 1 }));

    let lease = Lease::new("l");
    assert!(lease.try_acquire(&mut host, NOW, u64::MAX, 1));
    assert!(!lease.try_acquire(&mut host, NOW + MAX_LEASE_MS - 1, 1, 2));
    assert!(lease.try_acquire(&mut host, NOW + MAX_LEASE_MS, 0, 2));
    assert!(!lease.try_acquire(&mut host, NOW + MAX_LEASE_MS, 1, 3), "a lease is a millisecond at least");
    assert!(lease.try_acquire(&mut host, NOW + MAX_LEASE_MS + 1, 1, 3));
}

#[test]
fn documents_have_a_greatest_length() {
    let (blob, mut host) = (Blob::new("b", usize::MAX), MemoryHost::default());
    assert_eq!(blob.publish(&mut host, NOW, &vec![0; MAX_DOCUMENT_BYTES]), Ok(()));
    assert_eq!(blob.publish(&mut host, NOW, &vec![0; MAX_DOCUMENT_BYTES + 1]), Err(Error::Full));
    let mut set = Set::new("s", MAX_SET_KEYS).expect("good");
    let list: Vec<_> = (0..=u64::from(MAX_SET_KEYS)).map(|number| (key(number), NOW + 1)).collect();
    assert_eq!(set.replace_all(&mut host, NOW, &list[1..]), Ok(()), "the largest set is a document");
    assert_eq!(set.replace_all(&mut host, NOW, &list), Err(Error::Full));
    assert_eq!(set.contains(list[0].0, NOW), Ok(false));
    assert!(list[1..].iter().all(|(key, _)| set.contains(*key, NOW) == Ok(true)));
}

/// Times that no clock shows end no operation.
#[test]
fn any_time_is_a_time() {
    for now_ms in [0, 1, 1 << 47, (1 << 48) - 1, 1 << 48, u64::MAX] {
        for then_ms in [0, (1 << 48) - 1, u64::MAX] {
            let mut host = MemoryHost::default();
            for now_ms in [now_ms, then_ms] {
                let host = &mut host;
                assert!(Counters::new("t", 16).expect("good").hit(host, now_ms, key(1), MANY, 1).is_ok());
                assert!(Claims::new("c", 16, LONGEST).expect("good").claim(host, now_ms, key(1), 1, 1_000).is_ok());
                let _ = Lease::new("l").try_acquire(host, now_ms, 1_000, 1);
                assert_eq!(Blob::new("b", 8).publish(host, now_ms, b"x"), Ok(()));
                assert_eq!(Set::new("s", 8).expect("good").insert(host, now_ms, key(1), u64::MAX), Ok(()));
            }
        }
    }
}

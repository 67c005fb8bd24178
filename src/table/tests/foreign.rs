//! Slots with bytes that are not ours.

use super::{MANY, NOW, hits, key, overwrite};
use crate::host::Slot;
use crate::replay::MemoryHost;
use crate::table::{
    Blob, Claim, Claims, Counters, Error, Lease, Longest, MAX_SPAN_MS, Newer, Note, Rule, Seed, Set, Standing,
};

const LONGEST: Longest = Longest { hold_ms: 10_000, keep_ms: 600_000 };

/// Bytes that go wrong at each place of a good slot, and some that were never near one.
fn wrongs(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut wrongs = vec![
        ("nothing".to_owned(), Vec::new()),
        ("text".to_owned(), b"not a table".to_vec()),
        ("zeros".to_owned(), vec![0; good.len()]),
        ("ones".to_owned(), vec![0xff; good.len()]),
        ("one more".to_owned(), [good, b"\0"].concat()),
        ("one less".to_owned(), good[..good.len() - 1].to_vec()),
        ("very long".to_owned(), good.iter().copied().cycle().take(5_000).collect()),
    ];
    // Magic, kind, version, the spare byte, slots, fingerprint.
    for place in 0..16 {
        let mut bytes = good.to_vec();
        bytes[place] ^= 0x20;
        wrongs.push((format!("byte {place} of the header"), bytes));
    }
    wrongs
}

/// The same for slots of records.
fn wrong_records(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut wrongs = wrongs(good);
    let record = &good[24..56];
    for (name, place, byte) in
        [("no such state", 16, 9), ("a state without a meaning", 16, 0), ("the spare byte", 17, 1)]
    {
        let mut bytes = good.to_vec();
        bytes[24 + place] = byte;
        wrongs.push((name.to_owned(), bytes));
    }
    wrongs.push(("33 records".to_owned(), [&good[..24], record.repeat(33).as_slice()].concat()));
    wrongs
}

fn bytes_of(host: &MemoryHost, slot: &str) -> Vec<u8> {
    host.slots[slot].bytes.clone()
}

#[test]
fn counters_begin_anew() {
    let table = Counters::new("t", 16).expect("good");
    let mut host = MemoryHost::default();
    assert!(table.hit(&mut host, NOW, key(1), MANY, 1).is_ok());
    let mut wrongs = wrong_records(&bytes_of(&host, "t/1.1/0"));
    // A claim's record under a counter's header.
    let mut claim = bytes_of(&host, "t/1.1/0");
    claim[24 + 16] = 4;
    claim[24 + 24..].fill(0);
    wrongs.push(("a claim".to_owned(), claim.clone()));
    // A block with a number in it.
    claim[24 + 16] = 2;
    claim[24 + 31] = 1;
    wrongs.push(("a block with more to it".to_owned(), claim));
    for (name, bytes) in wrongs {
        overwrite(&mut host, "t/1.1/0", &bytes);
        let before = host.slots.clone();
        assert_eq!(table.peek(&mut host, NOW, key(1), MANY).map(hits), Ok(0), "{name}");
        assert_eq!(host.slots, before, "{name}: looking does not repair");
        let hit = table.hit(&mut host, NOW, key(2), MANY, 1).expect("counted");
        assert_eq!((hits(hit.standing), hit.note), (1, Note::Repaired), "{name}");
        let hit = table.hit(&mut host, NOW, key(2), MANY, 1).expect("counted");
        assert_eq!((hits(hit.standing), hit.note), (2, Note::Plain), "{name}");
    }
}

/// A record under a good header that ends later than any that is written.
#[test]
fn a_counter_for_ever_ends() {
    let (table, rule) = (Counters::new("t", 16).expect("good"), Rule { limit: 0, window_ms: 1_000, block_ms: 1_000 });
    let mut host = MemoryHost::default();
    assert!(table.hit(&mut host, NOW, key(1), rule, 1).is_ok());
    let mut bytes = bytes_of(&host, "t/1.1/0");
    bytes[24 + 18..24 + 24].fill(0xff);
    overwrite(&mut host, "t/1.1/0", &bytes);
    let ends = 2 * MAX_SPAN_MS;
    assert_eq!(table.peek(&mut host, NOW, key(1), rule), Ok(Standing::Refused { wait_ms: ends }));
    assert_eq!(table.peek(&mut host, NOW + ends, key(1), rule), Ok(Standing::Free { left: 0 }));
}

#[test]
fn claims_stay_closed_until_all_must_have_ended() {
    let table = Claims::new("t", 10, LONGEST).expect("good");
    let mut host = MemoryHost::default();
    assert_eq!(table.settle(&mut host, NOW, key(1), 1, 600_000), Ok(true));
    let mut wrongs = wrong_records(&bytes_of(&host, "t/1.1/0"));
    // A counter's record under a claim's header.
    let mut counter = bytes_of(&host, "t/1.1/0");
    counter[24 + 16] = 1;
    wrongs.push(("a counter".to_owned(), counter));
    for (name, bytes) in wrongs {
        let host = &mut host;
        overwrite(host, "t/1.1/0", &bytes);
        assert_eq!(table.claim(host, NOW, key(1), 2, 1_000), Err(Error::Corrupt), "{name}");
        assert_eq!(table.claim(host, NOW + 1, key(2), 2, 1_000), Err(Error::Corrupt), "{name}");
        assert_eq!(table.settle(host, NOW + 599_999, key(2), 2, 1_000), Err(Error::Corrupt), "{name}");
        assert_eq!(table.release(host, NOW + 599_999, key(2), 2), Err(Error::Corrupt), "{name}");
        assert_eq!(table.claim(host, NOW + 600_000, key(1), 2, 1_000), Ok(Claim::Ours), "{name}");
    }
}

#[test]
fn a_lease_is_free() {
    let lease = Lease::new("t");
    let mut host = MemoryHost::default();
    assert!(lease.try_acquire(&mut host, NOW, 5_000, 1));
    let good = bytes_of(&host, "t/1/0");
    let mut wrongs = wrongs(&good);
    // A length that no lease has.
    let mut endless = good;
    endless[16..24].fill(0xff);
    wrongs.push(("endless".to_owned(), endless));
    for (name, bytes) in wrongs {
        overwrite(&mut host, "t/1/0", &bytes);
        lease.release(&mut host, 7);
        assert!(lease.try_acquire(&mut host, NOW, 5_000, 2), "{name}");
        assert!(!lease.try_acquire(&mut host, NOW, 5_000, 1), "{name}");
    }
}

#[test]
fn a_document_is_corrupt_until_it_is_published() {
    let blob = Blob::new("t", 64);
    let mut host = MemoryHost::default();
    blob.publish(&mut host, NOW, b"a document").expect("published");
    let (good, head) = (bytes_of(&host, "t/1/0"), bytes_of(&host, "t/1/1"));
    let no_such_generation = |mut bytes: Vec<u8>, generation: u64| {
        bytes[16..24].copy_from_slice(&generation.to_le_bytes());
        bytes
    };
    let mut bodies = wrongs(&good);
    // One byte more or less is another document.
    bodies.retain(|(name, _)| !matches!(name.as_str(), "one more" | "one less" | "very long"));
    bodies.push(("too long".to_owned(), [good.as_slice(), &vec![0; 3 << 20]].concat()));
    for generation in [0, 1 << 62, u64::MAX] {
        bodies.push((format!("generation {generation}"), no_such_generation(good.clone(), generation)));
    }
    for (name, bytes) in bodies {
        let host = &mut host;
        overwrite(host, "t/1/0", &bytes);
        assert_eq!(blob.read_if_newer(host, None), Err(Error::Corrupt), "{name}");
        assert_eq!(blob.publish(host, NOW, b"another"), Ok(()), "{name}");
        let Ok(Newer::Changed { generation, bytes }) = blob.read_if_newer(host, None) else { panic!("{name}") };
        assert!(bytes == b"another" && generation > NOW, "{name}: a generation that nobody knows");
        assert_eq!(blob.read_if_newer(host, Some(generation)), Ok(Newer::Unchanged), "{name}");
    }
    let mut heads = wrongs(&head);
    for generation in [0, 1, (1 << 62) - 1, 1 << 62, u64::MAX] {
        heads.push((format!("generation {generation}"), no_such_generation(head.clone(), generation)));
    }
    for (name, bytes) in heads {
        let host = &mut host;
        let Ok(Newer::Changed { generation: known, .. }) = blob.read_if_newer(host, None) else { panic!("{name}") };
        overwrite(host, "t/1/1", &bytes);
        assert_eq!(blob.read_if_newer(host, Some(known)), Ok(Newer::Unchanged), "{name}: by the body");
        assert!(matches!(blob.read_if_newer(host, None), Ok(Newer::Changed { .. })), "{name}");
        assert_eq!(blob.publish(host, NOW, b"next"), Ok(()), "{name}");
        let Ok(Newer::Changed { generation, bytes }) = blob.read_if_newer(host, Some(known)) else { panic!("{name}") };
        assert!(bytes == b"next" && generation != known, "{name}");
    }
}

#[test]
fn a_set_fails_until_its_list_is_replaced() {
    let mut set = Set::new("t", 8).expect("good");
    let mut host = MemoryHost::default();
    let list = [(key(1), NOW + 1_000), (key(2), NOW + 1_000)];
    set.replace_all(&mut host, NOW, &list).expect("replaced");
    let good = bytes_of(&host, "t/1/0");
    let (header, entries) = good.split_at(24);
    let mut wrongs = wrongs(&good);
    wrongs.push(("out of order".to_owned(), [header, &entries[24..], &entries[..24]].concat()));
    wrongs.push(("a key twice".to_owned(), [header, &entries[..24], &entries[..24]].concat()));
    wrongs.push(("half an entry".to_owned(), [header, &entries[..36]].concat()));
    for (name, bytes) in wrongs {
        let host = &mut host;
        overwrite(host, "t/1/0", &bytes);
        // Who has a copy keeps it until it looks for a newer one.
        assert_eq!((set.refresh(host), set.contains(key(1), NOW)), (Ok(false), Ok(true)), "{name}");
        let mut late = Set::new("t", 8).expect("good");
        assert_eq!(late.refresh(host), Err(Error::Corrupt), "{name}");
        assert_eq!(late.contains(key(1), NOW), Err(Error::Corrupt), "{name}");
        assert_eq!(late.insert(host, NOW, key(3), NOW + 1_000), Err(Error::Corrupt), "{name}");
        assert_eq!(late.replace_all(host, NOW, &list), Ok(()), "{name}");
        assert_eq!(late.contains(key(1), NOW), Ok(true), "{name}");
        assert_eq!((set.refresh(host), set.contains(key(1), NOW)), (Ok(true), Ok(true)), "{name}");
    }
    // A copy of a list that turned foreign while its head changed is not used any more.
    let mut host = MemoryHost { slots: host.slots.clone(), ..MemoryHost::default() };
    host.slots.insert("t/1/1".to_owned(), Slot { bytes: b"?".to_vec(), stamp: 9 });
    overwrite(&mut host, "t/1/0", b"?");
    assert_eq!((set.refresh(&mut host), set.contains(key(1), NOW)), (Err(Error::Corrupt), Err(Error::Corrupt)));
}

#[test]
fn a_seed_is_not_made_anew() {
    let mut host = MemoryHost::default();
    let seed = Seed::agree(&mut host, [1; 16]).expect("agreed");
    let good = bytes_of(&host, "seed/1/0");
    for (name, bytes) in wrongs(&good) {
        overwrite(&mut host, "seed/1/0", &bytes);
        assert_eq!(Seed::agree(&mut host, [2; 16]), Err(Error::Corrupt), "{name}");
    }
    overwrite(&mut host, "seed/1/0", &good);
    assert_eq!(Seed::agree(&mut host, [2; 16]), Ok(seed));
}

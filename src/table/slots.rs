//! Slots: their names, their header, and the loop around compare-and-set.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::Error;
use crate::audit::push_number;
use crate::host::{Host, Slot, Written};

/// How often an operation reads and writes again before it gives up. Each time somebody else has got something done.
pub const MAX_TRIES: usize = 16;

/// The stamp that creates: no slot has it (but for one write in 2^32), so a host that compares refuses it wherever
/// something stands, and Envoy's takes any stamp where nothing does.
pub const CREATE: u32 = u32::MAX;

/// Longest name of a table in the name of a slot, in bytes; a longer one is hashed.
pub const MAX_NAME_BYTES: usize = 64;

/// The layout of all slots. Another one has other names.
pub(super) const VERSION: u8 = 1;

/// Bytes of a header.
pub(super) const HEADER: usize = 24;

/// Digits of a slot's number.
const MAX_DIGITS: usize = 5;

const MAGIC: [u8; 3] = *b"LGT";

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counters = b'C' as isize,
    Claims = b'K' as isize,
    Lease = b'L' as isize,
    Body = b'B' as isize,
    Head = b'H' as isize,
    Seed = b'S' as isize,
}

/// A table's place: its name in the names of slots, and what its headers say.
#[derive(Clone, Debug)]
pub(super) struct Place {
    prefix: String,
    slots: u16,
    check: u64,
}

impl Place {
    /// A table with a fixed form.
    pub(super) fn fixed(name: &str) -> Self {
        Self::of(format!("{}/{VERSION}/", plain(name)), 0)
    }

    /// A table of so many slots of records.
    pub(super) fn sized(name: &str, slots: u16) -> Self {
        Self::of(format!("{}/{VERSION}.{slots}/", plain(name)), slots)
    }

    fn of(prefix: String, slots: u16) -> Self {
        let check = fingerprint(prefix.as_bytes());
        Self { prefix, slots, check }
    }

    /// How many slots of records there are; 0 in a table of a fixed form.
    pub(super) fn slots(&self) -> u16 {
        self.slots
    }

    /// The name of a slot.
    pub(super) fn slot(&self, number: u16) -> String {
        let mut name = String::new();
        self.name_slot(number, &mut name);
        name
    }

    /// The same, in the place of another name.
    pub(super) fn name_slot(&self, number: u16, name: &mut String) {
        name.clear();
        name.reserve(self.prefix.len().saturating_add(MAX_DIGITS));
        push_number(name, &self.prefix, u64::from(number));
    }

    /// Creates all slots of records, empty. What is there stays.
    pub(super) fn prepare(&self, host: &mut dyn Host, kind: Kind) -> Result<(), Error> {
        for number in 0..self.slots {
            update(host, &self.slot(number), |bytes, found| {
                Ok(match found {
                    Found::Bytes => Change::Keep(()),
                    Found::Nothing => {
                        bytes.clear();
                        bytes.extend_from_slice(&self.header(kind, 0));
                        Change::Write(())
                    }
                })
            })?;
        }
        Ok(())
    }

    /// A header: magic and kind, layout version, nothing, slots, then a fingerprint of the table's name and a number that each
    /// kind uses in its own way.
    pub(super) fn header(&self, kind: Kind, number: u64) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        if let ([stem, check, own], []) = header.as_chunks_mut() {
            *stem = self.stem(kind);
            *check = self.check.to_le_bytes();
            *own = number.to_le_bytes();
        }
        header
    }

    /// The header's number and what follows, if the header is this table's.
    pub(super) fn open<'a>(&self, kind: Kind, bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let ([stem, check, number], []) = header.as_chunks() else { return None };
        let is_ours = *stem == self.stem(kind) && *check == self.check.to_le_bytes();
        is_ours.then_some((u64::from_le_bytes(*number), rest))
    }

    /// Magic, kind, layout version, a zero, and the number of slots.
    fn stem(&self, kind: Kind) -> [u8; 8] {
        let ([m, a, g], [low, high]) = (MAGIC, self.slots.to_le_bytes());
        [m, a, g, kind as u8, VERSION, 0, low, high]
    }
}

/// What becomes of a slot that was read.
pub(super) enum Change<T> {
    /// It stays.
    Keep(T),
    /// Its bytes were edited and are to be written.
    Write(T),
}

/// Reads a slot, or recalls it, lets `edit` look at it and change its bytes, and writes it; again until nobody came between.
pub(super) fn update<T>(
    host: &mut dyn Host,
    name: &str,
    mut edit: impl FnMut(&mut Vec<u8>, Found) -> Result<Change<T>, Error>,
) -> Result<T, Error> {
    let mut recalled = host.recall(name);
    // What is recalled is one try more.
    for _ in 0..MAX_TRIES.saturating_add(usize::from(recalled.is_some())) {
        // It may be out of date: only what is written because of it counts.
        let counts = recalled.is_none();
        let Slot { mut bytes, stamp } = look(host, name, &mut recalled)?;
        let found = if stamp == 0 { Found::Nothing } else { Found::Bytes };
        match edit(&mut bytes, found) {
            Ok(Change::Write(value)) => {
                if compare_and_set(host, name, &bytes, stamp)? {
                    return Ok(value);
                }
            }
            Ok(Change::Keep(value)) if counts => return Ok(value),
            Err(error) if counts => return Err(error),
            Ok(Change::Keep(_)) | Err(_) => {}
        }
    }
    Err(Error::Contended)
}

/// A slot as it was recalled, the first time, or as it is.
#[inline(never)]
fn look(host: &mut dyn Host, name: &str, recalled: &mut Option<Slot>) -> Result<Slot, Error> {
    recalled.take().or_else(|| host.slot(name)).ok_or(Error::Unavailable)
}

/// Writes a slot that was read with this stamp; false when somebody came between.
pub(super) fn compare_and_set(host: &mut dyn Host, name: &str, bytes: &[u8], stamp: u32) -> Result<bool, Error> {
    match host.set_slot(name, bytes, if stamp == 0 { CREATE } else { stamp }) {
        Written::Done => Ok(true),
        Written::Changed => Ok(false),
        Written::Unavailable => Err(Error::Unavailable),
    }
}

/// Whether a slot was ever written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Never.
    Nothing,
    /// It was; perhaps with nothing.
    Bytes,
}

/// A name as it stands in the names of slots: as it is when it is short and plain, else as a hash. Names come from the
/// configuration.
fn plain(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain) {
        return name.to_owned();
    }
    // A plain name has no `~`.
    format!("~{:016x}", fingerprint(name.as_bytes()))
}

/// Tells names apart; no protection against anybody.
fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_slot_has_its_number_in_its_name() {
        let place = Place::sized("a", u16::MAX);
        for number in [0, 7, 10, 99, 100, 9_999, 10_000, u16::MAX] {
            assert_eq!(place.slot(number), format!("a/1.65535/{number}"));
        }
    }
}

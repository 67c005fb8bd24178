//! The records of one slot, edited where they are.

use super::key::Key;
use super::record::{RECORD, Record};
use super::slots::{HEADER, Kind, Place};

/// Records of one slot.
pub const WAYS: usize = 32;

/// Most bytes of a slot of records.
pub(super) const MAX_BUCKET_BYTES: usize = HEADER + WAYS * RECORD;

/// A slot's bytes as records. It is as long as its records are many: a slot that is half empty costs half.
pub(super) struct Bucket<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Bucket<'a> {
    /// An empty one.
    pub(super) fn new(place: &Place, kind: Kind, number: u64, bytes: &'a mut Vec<u8>) -> Self {
        bytes.clear();
        bytes.reserve(HEADER + RECORD);
        bytes.extend_from_slice(&place.header(kind, number));
        Self { bytes }
    }

    /// The slot's number (see [`Place::header`]) if its bytes are this table's.
    pub(super) fn number(place: &Place, kind: Kind, bytes: &[u8]) -> Option<u64> {
        let (number, records) = place.open(kind, bytes)?;
        let (records, []) = records.as_chunks::<RECORD>() else { return None };
        let belongs = |bytes| Record::from_bytes(bytes).is_some_and(|record| record.state.belongs_to(kind));
        (records.len() <= WAYS && records.iter().all(belongs)).then_some(number)
    }

    /// The records of bytes that have a [`Bucket::number`].
    pub(super) fn of(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Sets the slot's number.
    pub(super) fn set_number(&mut self, number: u64) {
        let header = self.bytes.first_chunk_mut::<HEADER>().and_then(|header| header.last_chunk_mut::<8>());
        if let Some(place) = header {
            *place = number.to_le_bytes();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.chunks().len()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        // `open` has looked at them all.
        self.chunks().iter().filter_map(Record::from_bytes)
    }

    /// The record of a key.
    pub(super) fn find(&self, key: Key) -> Option<Record> {
        self.chunks().iter().find(|record| record.starts_with(&key.0)).and_then(Record::from_bytes)
    }

    /// Writes a record over the one of its key, or after all others. False when there is no room.
    #[must_use]
    pub(super) fn put(&mut self, record: Record) -> bool {
        let bytes = record.to_bytes();
        if let Some(place) = self.chunks_mut().iter_mut().find(|place| place.starts_with(&record.key.0)) {
            *place = bytes;
            return true;
        }
        let room = self.len() < WAYS;
        if room {
            self.bytes.extend_from_slice(&bytes);
        }
        room
    }

    /// Removes the record of a key.
    pub(super) fn remove(&mut self, key: Key) {
        self.retain(|record| record.key != key);
    }

    /// Keeps the records that `keep` says, changed as it likes.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut Record) -> bool) {
        let mut kept = 0_usize;
        for read in 0..self.len() {
            let Some(mut record) = self.chunks().get(read).and_then(Record::from_bytes) else { continue };
            if !keep(&mut record) {
                continue;
            }
            if let Some(place) = self.chunks_mut().get_mut(kept) {
                *place = record.to_bytes();
            }
            kept = kept.saturating_add(1);
        }
        self.bytes.truncate(HEADER.saturating_add(kept.saturating_mul(RECORD)));
    }

    fn chunks(&self) -> &[[u8; RECORD]] {
        self.bytes.get(HEADER..).unwrap_or_default().as_chunks().0
    }

    fn chunks_mut(&mut self) -> &mut [[u8; RECORD]] {
        self.bytes.get_mut(HEADER..).unwrap_or_default().as_chunks_mut().0
    }
}

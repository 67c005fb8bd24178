//! The records of one slot, edited where they are.

use super::key::Key;
use super::record::{RECORD, Record};
use super::slots::{HEADER, Kind, Place};

/// Records of one slot.
pub const WAYS: usize = 32;

/// Most bytes of a slot of records.
pub(super) const MAX_BUCKET_BYTES: usize = HEADER + WAYS * RECORD;

/// A slot's bytes as records. It is as long as its records are many: one that is half empty costs half.
pub(super) struct Bucket<'a> {
    bytes: &'a mut Vec<u8>,
}

/// What a good slot says as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    /// See [`Place::header`].
    pub(super) number: u64,
    /// When its last record ends, in Unix milliseconds.
    pub(super) latest_ms: u64,
}

/// There is no room for another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl<'a> Bucket<'a> {
    /// An empty one.
    pub(super) fn new(place: &Place, kind: Kind, number: u64, bytes: &'a mut Vec<u8>) -> Self {
        bytes.clear();
        bytes.reserve_exact(HEADER + RECORD);
        bytes.extend_from_slice(&place.header(kind, number));
        Self { bytes }
    }

    /// What a slot says as a whole, if its bytes are this table's: every record is one that it writes.
    pub(super) fn check(place: &Place, kind: Kind, bytes: &[u8]) -> Option<Checked> {
        let (number, records) = place.open(kind, bytes)?;
        let (records, []) = records.as_chunks::<RECORD>() else { return None };
        if records.len() > WAYS {
            return None;
        }
        let mut latest_ms = 0;
        for bytes in records {
            let record = Record::from_bytes(bytes).filter(|record| record.state.belongs_to(kind))?;
            latest_ms = record.until_ms.max(latest_ms);
        }
        Some(Checked { number, latest_ms })
    }

    /// The records of bytes that were checked.
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

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.chunks().iter().filter_map(Record::from_bytes)
    }

    /// The record of a key.
    pub(super) fn find(&self, key: Key) -> Option<Record> {
        self.chunks().iter().find(|record| is_of(record, key)).and_then(Record::from_bytes)
    }

    /// Writes a record over the one of its key, else over one that has ended, else after all others.
    pub(super) fn put(&mut self, record: Record, now_ms: u64) -> Result<(), NoRoom> {
        let records = self.chunks();
        let has_ended = |bytes| Record::from_bytes(bytes).is_none_or(|record| !record.is_live(now_ms));
        let same = records.iter().position(|bytes| is_of(bytes, record.key));
        let place = same.or_else(|| records.iter().position(has_ended));
        let (bytes, room) = (record.to_bytes(), records.len() < WAYS);
        match place.and_then(|place| self.chunks_mut().get_mut(place)) {
            Some(place) => *place = bytes,
            None if room => self.bytes.extend_from_slice(&bytes),
            None => return Err(NoRoom),
        }
        Ok(())
    }

    /// Removes the record of a key: the last one takes its place.
    pub(super) fn remove(&mut self, key: Key) {
        let Some(&last) = self.chunks().last() else { return };
        if let Some(place) = self.chunks_mut().iter_mut().find(|record| is_of(record, key)) {
            *place = last;
            self.bytes.truncate(self.bytes.len().saturating_sub(RECORD));
        }
    }

    /// Changes the ends of all records to what `end` says.
    pub(super) fn end_at(&mut self, end: impl Fn(&Record) -> u64) {
        for bytes in self.chunks_mut() {
            if let Some(record) = Record::from_bytes(bytes) {
                *bytes = Record { until_ms: end(&record), ..record }.to_bytes();
            }
        }
    }

    #[inline(always)]
    fn chunks(&self) -> &[[u8; RECORD]] {
        self.bytes.get(HEADER..).unwrap_or_default().as_chunks().0
    }

    fn chunks_mut(&mut self) -> &mut [[u8; RECORD]] {
        self.bytes.get_mut(HEADER..).unwrap_or_default().as_chunks_mut().0
    }
}

/// Whether a record is a key's. Compared in two words.
#[inline(always)]
fn is_of(record: &[u8; RECORD], key: Key) -> bool {
    record.first_chunk().is_some_and(|bytes| u128::from_le_bytes(*bytes) == u128::from_le_bytes(key.0))
}

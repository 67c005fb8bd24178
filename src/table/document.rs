//! A document in generations: all of it in one slot, so that nobody reads half of it, and its generation in a small one, so
//! that looking whether it changed costs little.

use super::Error;
use super::record::MAX_TIME_MS;
use super::slots::{HEADER, Kind, MAX_TRIES, Place, compare_and_set};
use crate::host::{Host, Slot};

/// Most bytes of a document, whatever its ceiling is for what is published now: that may have been higher.
pub const MAX_DOCUMENT_BYTES: usize = 2 * 1024 * 1024;

/// Milliseconds when it is published, or the next number. Others are foreign: there would be no next one.
const GENERATIONS: std::ops::Range<u64> = 1..(1 << 62);

const BODY: u16 = 0;
const HEAD: u16 = 1;

#[derive(Clone, Debug)]
pub(super) struct Document {
    place: Place,
    body: String,
    head: String,
    max_bytes: usize,
}

/// What a reader who knows a generation finds.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub enum Newer {
    /// Nothing was ever published.
    Nothing,
    /// The generation that the reader knows.
    Unchanged,
    /// Another one.
    Changed {
        /// Its generation; later ones are greater.
        generation: u64,
        /// The document.
        bytes: Vec<u8>,
    },
}

/// Without the bytes: they may be keys.
impl std::fmt::Debug for Newer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Unchanged => f.write_str("Unchanged"),
            Self::Changed { generation, bytes } => write!(f, "Changed({generation}, {} bytes)", bytes.len()),
        }
    }
}

impl Document {
    pub(super) fn new(name: &str, max_bytes: usize) -> Self {
        let place = Place::fixed(name);
        let (body, head) = (place.slot(BODY), place.slot(HEAD));
        Self { place, body, head, max_bytes: max_bytes.min(MAX_DOCUMENT_BYTES) }
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The document, unless it has the generation that the reader knows.
    pub(super) fn read_if_newer(&self, host: &mut dyn Host, known: Option<u64>) -> Result<Newer, Error> {
        let head = host.slot(&self.head).ok_or(Error::Unavailable)?;
        if known.is_some() && self.head_generation(&head) == known {
            return Ok(Newer::Unchanged);
        }
        let body = host.slot(&self.body).ok_or(Error::Unavailable)?;
        let generation = match self.stored(&body) {
            Stored::Nothing => return Ok(Newer::Nothing),
            Stored::Foreign => return Err(Error::Corrupt),
            Stored::Bytes(generation, _) => generation,
        };
        if known == Some(generation) {
            return Ok(Newer::Unchanged);
        }
        let mut bytes = body.bytes;
        bytes.drain(..HEADER);
        Ok(Newer::Changed { generation, bytes })
    }

    /// Changes the document: `edit` gets what stands there and says what shall, or that it stays (`None`).
    ///
    /// The head goes first, and each publisher raises it to a generation of its own: so it is never behind the body, and who
    /// finds there the generation that he knows has the latest. A publisher that dies between the two writes leaves a
    /// head that nobody knows: readers read the body, as they would have.
    pub(super) fn publish(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        mut edit: impl FnMut(Stored<'_>) -> Result<Option<Vec<u8>>, Error>,
    ) -> Result<(), Error> {
        for _ in 0..MAX_TRIES {
            let head = host.slot(&self.head).ok_or(Error::Unavailable)?;
            let body = host.slot(&self.body).ok_or(Error::Unavailable)?;
            let stored = self.stored(&body);
            let mut last = self.head_generation(&head).unwrap_or(0);
            if let Stored::Bytes(generation, _) = stored {
                last = last.max(generation);
            }
            let Some(new) = edit(stored)? else { return Ok(()) };
            if new.len() > self.max_bytes {
                return Err(Error::Full);
            }
            let generation = next(last, now_ms);
            if !compare_and_set(host, &self.head, &self.place.header(Kind::Head, generation), head.stamp)? {
                continue;
            }
            let bytes = [&self.place.header(Kind::Body, generation), new.as_slice()].concat();
            if compare_and_set(host, &self.body, &bytes, body.stamp)? {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    fn head_generation(&self, slot: &Slot) -> Option<u64> {
        let (generation, rest) = self.place.open(Kind::Head, &slot.bytes)?;
        (rest.is_empty() && GENERATIONS.contains(&generation)).then_some(generation)
    }

    fn stored<'a>(&self, slot: &'a Slot) -> Stored<'a> {
        if slot.stamp == 0 {
            return Stored::Nothing;
        }
        match self.place.open(Kind::Body, &slot.bytes) {
            Some((generation, bytes)) if GENERATIONS.contains(&generation) && bytes.len() <= MAX_DOCUMENT_BYTES => {
                Stored::Bytes(generation, bytes)
            }
            Some(_) | None => Stored::Foreign,
        }
    }
}

/// What stands in a document's slot.
#[derive(Clone, Copy)]
pub(super) enum Stored<'a> {
    Nothing,
    Foreign,
    /// A generation, and the document.
    Bytes(u64, &'a [u8]),
}

/// The generation after the last one. Its time makes it one that nobody knows even when both slots were lost.
fn next(last: u64, now_ms: u64) -> u64 {
    let now_ms = now_ms.clamp(1, MAX_TIME_MS);
    let next = last.saturating_add(1).max(now_ms);
    if GENERATIONS.contains(&next) { next } else { now_ms }
}

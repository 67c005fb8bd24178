//! A document in generations: all of it in one slot, so that nobody reads half of it, and its generation in a small one, so
//! that looking whether it changed costs little.

use super::Error;
use super::slots::{Change, Found, HEADER, Kind, Place, update};
use crate::host::Host;

/// Most bytes of a document.
pub const MAX_DOCUMENT_BYTES: usize = 2 * 1024 * 1024;

/// No generation is later, so that there is always a next one.
const MAX_GENERATION: u64 = 1 << 62;

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
        let head = self.generation(Kind::Head, &head.bytes).filter(|(_, rest)| rest.is_empty());
        let head = head.map(|(generation, _)| generation);
        if head.is_some() && head == known {
            return Ok(Newer::Unchanged);
        }
        let body = host.slot(&self.body).ok_or(Error::Unavailable)?;
        if body.stamp == 0 {
            return Ok(Newer::Nothing);
        }
        let mut bytes = body.bytes;
        let Some((generation, rest)) = self.generation(Kind::Body, &bytes) else { return Err(Error::Corrupt) };
        if rest.len() > self.max_bytes {
            return Err(Error::Corrupt);
        }
        if head.is_none_or(|head| head < generation) {
            // Who published it has not come so far, or has died before.
            let _ = self.raise_head(host, generation);
        }
        if known == Some(generation) {
            return Ok(Newer::Unchanged);
        }
        bytes.drain(..HEADER);
        Ok(Newer::Changed { generation, bytes })
    }

    /// Changes the document: `edit` gets what stands there (`None`: nothing, or foreign bytes) after the header, and leaves what
    /// shall stand there. The new generation.
    pub(super) fn publish<T>(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        mut edit: impl FnMut(Stored<'_>) -> Result<Change<(Vec<u8>, T)>, Error>,
    ) -> Result<T, Error> {
        let head = host.slot(&self.head).ok_or(Error::Unavailable)?;
        let head = self.generation(Kind::Head, &head.bytes).map_or(0, |(generation, _)| generation);
        let (raise, value) = update(host, &self.body, |bytes, found| {
            let (last, stored) = match (found, self.generation(Kind::Body, bytes)) {
                (Found::Nothing, _) => (head, Stored::Nothing),
                (Found::Bytes, Some((generation, rest))) => (generation.max(head), Stored::Bytes(rest)),
                (Found::Bytes, None) => (head, Stored::Foreign),
            };
            let (new, value) = match edit(stored)? {
                Change::Keep((_, value)) => return Ok(Change::Keep((None, value))),
                Change::Write(new) => new,
            };
            if new.len() > self.max_bytes {
                return Err(Error::Full);
            }
            // The time makes a generation that no worker knows even when the last one is lost.
            let generation = last.saturating_add(1).max(now_ms).min(MAX_GENERATION);
            bytes.clear();
            bytes.extend_from_slice(&self.place.header(Kind::Body, generation));
            bytes.extend_from_slice(&new);
            Ok(Change::Write((Some(generation), value)))
        })?;
        if let Some(generation) = raise {
            // Without it readers see that the head is behind, and read the body.
            let _ = self.raise_head(host, generation);
        }
        Ok(value)
    }

    fn raise_head(&self, host: &mut dyn Host, generation: u64) -> Result<(), Error> {
        update(host, &self.head, |bytes, _| {
            if self.generation(Kind::Head, bytes).is_some_and(|(head, rest)| head >= generation && rest.is_empty()) {
                return Ok(Change::Keep(()));
            }
            bytes.clear();
            bytes.extend_from_slice(&self.place.header(Kind::Head, generation));
            Ok(Change::Write(()))
        })
    }

    fn generation<'a>(&self, kind: Kind, bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
        self.place.open(kind, bytes).filter(|(generation, _)| (1..MAX_GENERATION).contains(generation))
    }
}

/// What stands in a document's slot.
pub(super) enum Stored<'a> {
    Nothing,
    Foreign,
    Bytes(&'a [u8]),
}

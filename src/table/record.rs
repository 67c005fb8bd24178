//! Records: 32 bytes each.

use super::key::Key;
use super::leased::Leased;
use super::slots::Kind;

/// Bytes of a record: the key, a byte that says what it is, a zero, when it ends (six bytes), and eight bytes of its own.
pub(super) const RECORD: usize = 32;

/// The latest time that fits, in Unix milliseconds (in the year 10889).
pub(super) const MAX_TIME_MS: u64 = (1 << 48) - 1;

/// What a table knows about one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Key,
    /// When it means nothing any more, in Unix milliseconds.
    pub(super) until_ms: u64,
    pub(super) state: State,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Hits in the window that is running and in the one before; it ends with the second window after its start.
    Window { current: u32, previous: u32 },
    /// Refused until its end.
    Blocked,
    /// A bucket that is full again at its end, less `fraction` parts of a millisecond (its quota says of how many); it lacks
    /// about so many hits.
    Paced { fraction: u32, hits: u32 },
    /// Hits that another one counts and that were leased from it, until its end.
    Leased(Leased),
    /// Somebody asks for such hits, until the end at most.
    Asked { owner: u64 },
    /// Claimed, and not settled.
    Held { owner: u64 },
    /// Claimed for good.
    Spent,
    /// Not a key's: the slot was found corrupt, and is closed until the end.
    Sealed,
}

impl State {
    /// Whether a table of this kind has it.
    #[inline(always)]
    pub(super) fn belongs_to(self, kind: Kind) -> bool {
        match self {
            Self::Window { .. } | Self::Blocked | Self::Paced { .. } | Self::Leased(_) | Self::Asked { .. } => {
                kind == Kind::Counters
            }
            Self::Held { .. } | Self::Spent | Self::Sealed => kind == Kind::Claims,
        }
    }
}

impl Record {
    #[inline(always)]
    pub(super) fn is_live(&self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }

    pub(super) fn to_bytes(self) -> [u8; RECORD] {
        let (kind, own) = match self.state {
            State::Window { current, previous } => (1, u64::from(current) | (u64::from(previous) << 32)),
            State::Blocked => (2, 0),
            State::Held { owner } => (3, owner),
            State::Spent => (4, 0),
            State::Sealed => (5, 0),
            State::Paced { fraction, hits } => (6, u64::from(fraction) | (u64::from(hits) << 32)),
            State::Leased(leased) => (7, leased.to_word()),
            State::Asked { owner } => (8, owner),
        };
        // Kind, zero and time in eight bytes.
        let middle = kind | (self.until_ms.min(MAX_TIME_MS) << 16);
        let mut bytes = [0; RECORD];
        if let Some((to, rest)) = bytes.split_first_chunk_mut()
            && let ([to_middle, to_own], []) = rest.as_chunks_mut()
        {
            *to = self.key.0;
            *to_middle = middle.to_le_bytes();
            *to_own = own.to_le_bytes();
        }
        bytes
    }

    /// `None` for what [`Record::to_bytes`] never writes.
    #[inline(always)]
    pub(super) fn from_bytes(bytes: &[u8; RECORD]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let ([middle, own], []) = rest.as_chunks() else { return None };
        let (middle, own) = (u64::from_le_bytes(*middle), u64::from_le_bytes(*own));
        let state = match (middle & 0xffff, own) {
            (1, _) => State::Window { current: low(own), previous: low(own >> 32) },
            (2, 0) => State::Blocked,
            (3, owner) => State::Held { owner },
            (4, 0) => State::Spent,
            (5, 0) => State::Sealed,
            (6, _) => State::Paced { fraction: low(own), hits: low(own >> 32) },
            (7, _) => State::Leased(Leased::from_word(own)),
            (8, owner) => State::Asked { owner },
            _ => return None,
        };
        Some(Self { key: Key(*key), until_ms: middle >> 16, state })
    }
}

/// The low half.
#[inline(always)]
pub(super) fn low(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

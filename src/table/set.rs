//! Sets that must not forget: revocations.

use super::Error;
use super::document::{Document, Newer, Stored};
use super::key::Key;
use crate::config::ConfigError;
use crate::host::Host;

/// Most keys of a set: 1.5 MiB, in the host and in each VM.
pub const MAX_SET_KEYS: u32 = 65_536;

/// Bytes of an entry: the key, and when it ends.
const ENTRY: usize = 24;

/// Keys with an end, in one document. Each VM has a copy that it looks into without asking the host; [`Set::refresh`] brings
/// it up to date. A live entry never goes but by a new list.
#[derive(Debug)]
pub struct Set {
    name: String,
    keys: u32,
    document: Document,
    copy: Copied,
}

/// What this VM knows.
#[derive(Debug)]
enum Copied {
    /// Nothing: it has not read, or read foreign bytes.
    Unknown(Error),
    /// That there is no list.
    Nothing,
    /// The entries, by key.
    List { generation: u64, entries: Entries },
}

impl Set {
    /// A set of up to so many keys.
    ///
    /// # Errors
    /// No keys, or more than [`MAX_SET_KEYS`]; the error's path is `keys`.
    pub fn new(name: &str, keys: u32) -> Result<Self, ConfigError> {
        if !(1..=MAX_SET_KEYS).contains(&keys) {
            return Err(ConfigError::new("keys", format_args!("{keys} is not in 1..={MAX_SET_KEYS}")));
        }
        let bytes = usize::try_from(keys).unwrap_or(0).saturating_mul(ENTRY);
        let document = Document::new(name, bytes);
        Ok(Self { name: name.to_owned(), keys, document, copy: Copied::Unknown(Error::Unavailable) })
    }

    /// Its size, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { name, keys, document, .. } = self;
        format!(
            "set `{name}`: {keys} keys, at most {} bytes in the host and in each worker; more are refused",
            document.max_bytes()
        )
    }

    /// Brings this VM's copy up to date; whether it changed. Costs one small read when nothing did.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the copy stays. [`Error::Corrupt`]: the list is lost, and [`Set::contains`] fails, until
    /// [`Set::replace_all`].
    pub fn refresh(&mut self, host: &mut dyn Host) -> Result<bool, Error> {
        let known = match &self.copy {
            Copied::List { generation, .. } => Some(*generation),
            Copied::Unknown(_) | Copied::Nothing => None,
        };
        let read = self.document.read_if_newer(host, known).and_then(|newer| match newer {
            Newer::Unchanged => Ok(None),
            Newer::Nothing => Ok(Some(Copied::Nothing)),
            Newer::Changed { generation, bytes } => {
                let entries = Entries::from_bytes(bytes).ok_or(Error::Corrupt)?;
                Ok(Some(Copied::List { generation, entries }))
            }
        });
        match read {
            Ok(None) => Ok(false),
            Ok(Some(copy)) => {
                // A list that was there does not become none.
                let changed = matches!((&self.copy, &copy), (Copied::Unknown(_), _) | (_, Copied::List { .. }));
                if changed {
                    self.copy = copy;
                }
                Ok(changed)
            }
            Err(error) => {
                if error == Error::Corrupt {
                    self.copy = Copied::Unknown(error);
                }
                Err(error)
            }
        }
    }

    /// Whether a key is in this VM's copy and has not ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`] before the first [`Set::refresh`]; [`Error::Corrupt`] after a bad one.
    pub fn contains(&self, key: Key, now_ms: u64) -> Result<bool, Error> {
        match &self.copy {
            Copied::Unknown(error) => Err(*error),
            Copied::Nothing => Ok(false),
            Copied::List { entries, .. } => Ok(entries.until_ms(key).is_some_and(|until_ms| now_ms < until_ms)),
        }
    }

    /// Whether a list was ever published, as far as this VM knows.
    #[must_use]
    pub fn is_published(&self) -> bool {
        matches!(self.copy, Copied::List { .. })
    }

    /// Adds a key until `until_ms`, or makes it end later. Others see it when they refresh.
    ///
    /// # Errors
    /// [`Error::Full`]: the key is not in the set, everything else stays. [`Error::Corrupt`], [`Error::Unavailable`],
    /// [`Error::Contended`]: likewise.
    pub fn insert(&mut self, host: &mut dyn Host, now_ms: u64, key: Key, until_ms: u64) -> Result<(), Error> {
        let keys = self.keys;
        self.document.publish(host, now_ms, |stored| {
            let stored = match stored {
                Stored::Nothing => Entries::default(),
                Stored::Foreign => return Err(Error::Corrupt),
                Stored::Bytes(_, bytes) => Entries::from_bytes(bytes.to_vec()).ok_or(Error::Corrupt)?,
            };
            if stored.until_ms(key).is_some_and(|known_ms| known_ms >= until_ms) {
                return Ok(None);
            }
            let list = stored.iter().chain([(key, until_ms)]).collect();
            let entries = Entries::of(list, keys, now_ms).ok_or(Error::Full)?;
            Ok(Some(entries.0))
        })?;
        // It is published; a copy that cannot be read says so itself.
        let _ = self.refresh(host);
        Ok(())
    }

    /// Replaces the list as a whole. Of a key that stands in it twice the later end counts.
    ///
    /// # Errors
    /// [`Error::Full`] when more live keys are in it than the set is made for, [`Error::Unavailable`], [`Error::Contended`]:
    /// the old list stays.
    pub fn replace_all(&mut self, host: &mut dyn Host, now_ms: u64, list: &[(Key, u64)]) -> Result<(), Error> {
        let Entries(bytes) = Entries::of(list.to_vec(), self.keys, now_ms).ok_or(Error::Full)?;
        self.document.publish(host, now_ms, |_| Ok(Some(bytes.clone())))?;
        // It is published; a copy that cannot be read says so itself.
        let _ = self.refresh(host);
        Ok(())
    }
}

/// Entries in the order of their keys, as bytes.
#[derive(Default, PartialEq, Eq)]
struct Entries(Vec<u8>);

/// Their number alone.
impl std::fmt::Debug for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entries({})", self.chunks().len())
    }
}

impl Entries {
    /// Sorted, each key once. What has ended goes only when there is no room for it: the clock may step back. `None` when there
    /// is no room for what has not.
    fn of(mut list: Vec<(Key, u64)>, keys: u32, now_ms: u64) -> Option<Self> {
        list.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        list.dedup_by_key(|entry| entry.0);
        let keys = usize::try_from(keys).unwrap_or(0);
        if list.len() > keys {
            list.retain(|(_, until_ms)| now_ms < *until_ms);
        }
        (list.len() <= keys).then(|| {
            Self(list.iter().flat_map(|(key, until_ms)| key.0.into_iter().chain(until_ms.to_le_bytes())).collect())
        })
    }

    /// `None` for what [`Entries::of`] never makes.
    fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        let sorted = entries.is_sorted_by(|a, b| key_of(a) < key_of(b));
        (rest.is_empty() && sorted).then_some(Self(bytes))
    }

    fn chunks(&self) -> &[[u8; ENTRY]] {
        self.0.as_chunks().0
    }

    fn iter(&self) -> impl Iterator<Item = (Key, u64)> {
        self.chunks().iter().map(|entry| (Key(*key_of(entry)), until_of(entry)))
    }

    fn until_ms(&self, key: Key) -> Option<u64> {
        let entries = self.chunks();
        let place = entries.binary_search_by(|entry| key_of(entry).cmp(&key.0)).ok()?;
        entries.get(place).map(until_of)
    }
}

fn key_of(entry: &[u8; ENTRY]) -> &[u8; 16] {
    entry.first_chunk().unwrap_or(&[0; 16])
}

fn until_of(entry: &[u8; ENTRY]) -> u64 {
    u64::from_le_bytes(*entry.last_chunk().unwrap_or(&[0; 8]))
}

//! Claims that are never evicted: what may happen once.

use super::bucket::{Bucket, Checked, NoRoom, WAYS};
use super::capacity::Capacity;
use super::key::Key;
use super::record::{MAX_TIME_MS, Record, State};
use super::slots::{Change, Found, Kind, Place, update};
use super::window::MAX_SPAN_MS;
use super::{Error, MAX_STEP_BACK_MS, SKEW_MS};
use crate::config::ConfigError;
use crate::host::Host;

/// Live claims a slot on the average when the table holds what it was made for.
const KEYS_PER_SLOT: u16 = 10;

/// Claims by key, in a fixed number of slots. A claim is held by somebody for a short time (so that it ends when a VM dies), and
/// then settled for a long one or released. A live claim never goes: a slot without room is [`Error::Full`].
#[derive(Clone, Debug)]
pub struct Claims {
    name: String,
    place: Place,
    capacity: Capacity,
    longest: Longest,
}

/// The longest claims, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longest {
    /// Held, not settled; up to [`MAX_SPAN_MS`].
    pub hold_ms: u64,
    /// Settled; up to [`MAX_KEEP_MS`].
    pub keep_ms: u64,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// It is the caller's.
    Ours,
    /// Somebody else holds it, so long at most.
    Held {
        /// Milliseconds; at least 1.
        wait_ms: u64,
    },
    /// It happened.
    Spent,
}

impl Claims {
    /// The most keys a table can be made for.
    pub const MAX_KEYS: u32 = Capacity::most(KEYS_PER_SLOT);

    /// A table for so many live claims at once.
    ///
    /// # Errors
    /// No keys, or more than [`Claims::MAX_KEYS`] (path `keys`); a longest claim of 0 or over its ceiling (`hold_ms`,
    /// `keep_ms`).
    pub fn new(name: &str, keys: u32, longest: Longest) -> Result<Self, ConfigError> {
        let capacity = Capacity::of(keys, KEYS_PER_SLOT)?;
        let most = [("hold_ms", longest.hold_ms, MAX_SPAN_MS), ("keep_ms", longest.keep_ms, MAX_KEEP_MS)];
        for (field, given, most) in most {
            if !(1..=most).contains(&given) {
                return Err(ConfigError::new(field, format_args!("{given} is not in 1..={most}")));
            }
        }
        Ok(Self { name: name.to_owned(), place: Place::sized(name, capacity.slots), capacity, longest })
    }

    /// The most bytes that all its slots hold.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.capacity.bytes()
    }

    /// Its size, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { name, capacity: Capacity { keys, slots, .. }, .. } = self;
        let (bytes, full) = (self.max_bytes(), self.capacity.full());
        format!(
            "claims `{name}`: {keys} keys at once in {slots} slots of {WAYS} records, at most {bytes} bytes; \
             at that number {full:.1e} of the claims find no room and are refused"
        )
    }

    /// Creates the slots, so that the names are there from the start. Slots that are there stay.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Contended`].
    pub fn prepare(&self, host: &mut dyn Host) -> Result<(), Error> {
        self.place.prepare(host, Kind::Claims)
    }

    /// Claims a key for `owner`, who has to settle or release it within `hold_ms`. The owner differs between all who may
    /// claim: it is made of random bits, or of those of the VM and a number.
    ///
    /// # Errors
    /// All of [`Error`]: the key is not claimed.
    pub fn claim(&self, host: &mut dyn Host, now_ms: u64, key: Key, owner: u64, hold_ms: u64) -> Result<Claim, Error> {
        let hold_ms = hold_ms.clamp(1, self.longest.hold_ms);
        self.edit(host, now_ms, key, |bucket, now_ms| match live(bucket, key, now_ms) {
            Some(Record { state: State::Held { owner: other }, until_ms, .. }) if other != owner => {
                Change::Keep(Ok(Claim::Held { wait_ms: until_ms.saturating_sub(now_ms) }))
            }
            None | Some(Record { state: State::Held { .. }, .. }) => {
                let until_ms = now_ms.saturating_add(hold_ms);
                put(bucket, now_ms, Record { key, until_ms, state: State::Held { owner } }, Claim::Ours)
            }
            Some(_) => Change::Keep(Ok(Claim::Spent)),
        })
    }

    /// Settles a claim: the key is spent for `keep_ms`. True when it was still the owner's, or nobody's because it took too
    /// long; false when somebody else has claimed it since.
    ///
    /// # Errors
    /// All of [`Error`]: the claim is not settled, and ends as it was.
    pub fn settle(&self, host: &mut dyn Host, now_ms: u64, key: Key, owner: u64, keep_ms: u64) -> Result<bool, Error> {
        let keep_ms = keep_ms.clamp(1, self.longest.keep_ms);
        self.edit(host, now_ms, key, |bucket, now_ms| match live(bucket, key, now_ms) {
            Some(Record { state: State::Held { owner: other }, .. }) if other != owner => Change::Keep(Ok(false)),
            None | Some(Record { state: State::Held { .. }, .. }) => {
                let until_ms = now_ms.saturating_add(keep_ms);
                put(bucket, now_ms, Record { key, until_ms, state: State::Spent }, true)
            }
            Some(_) => Change::Keep(Ok(false)),
        })
    }

    /// Gives a claim back, so that the key can be claimed again. False when it was not the owner's any more.
    ///
    /// # Errors
    /// All of [`Error`] but [`Error::Full`]: the claim ends as it was.
    pub fn release(&self, host: &mut dyn Host, now_ms: u64, key: Key, owner: u64) -> Result<bool, Error> {
        self.edit(host, now_ms, key, |bucket, now_ms| match live(bucket, key, now_ms) {
            Some(Record { state: State::Held { owner: other }, .. }) if other == owner => {
                bucket.remove(key);
                Change::Write(Ok(true))
            }
            Some(_) | None => Change::Keep(Ok(false)),
        })
    }

    /// Opens a key's slot, and writes it when `edit` says so or the clock stepped back.
    fn edit<T>(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        key: Key,
        mut edit: impl FnMut(&mut Bucket<'_>, u64) -> Change<Result<T, Error>>,
    ) -> Result<T, Error> {
        let now_ms = now_ms.min(MAX_TIME_MS);
        let slot = self.place.slot(key.slot(self.place.slots()));
        update(host, &slot, |bytes, found| {
            let checked = match (found, Bucket::check(&self.place, Kind::Claims, bytes)) {
                (Found::Nothing, _) => {
                    Bucket::new(&self.place, Kind::Claims, 0, bytes);
                    Checked { number: 0, latest_ms: 0 }
                }
                (Found::Bytes, Some(checked)) => checked,
                (Found::Bytes, None) => {
                    // Whatever stood there has ended when the longest claim from now would: closed until then.
                    let until_ms = now_ms.saturating_add(self.longest_ms());
                    let mut bucket = Bucket::new(&self.place, Kind::Claims, 0, bytes);
                    let _ = bucket.put(Record { key: SEAL, until_ms, state: State::Sealed }, now_ms);
                    return Ok(Change::Write(Err(Error::Corrupt)));
                }
            };
            let mut bucket = Bucket::of(bytes);
            let mended = self.mend(&mut bucket, now_ms, checked);
            let change = match live(&bucket, SEAL, now_ms) {
                Some(_) => Change::Keep(Err(Error::Corrupt)),
                None => edit(&mut bucket, now_ms),
            };
            Ok(match change {
                // Also when there was no room: else a full slot of a later time would stay full until then.
                Change::Keep(value) if mended => Change::Write(value),
                change => change,
            })
        })?
    }

    /// Ends records that cannot end so late: the clock stepped back. Whether there were any.
    fn mend(&self, bucket: &mut Bucket<'_>, now_ms: u64, checked: Checked) -> bool {
        let end = |record: &Record| {
            let (longest_ms, spare_ms) = match record.state {
                State::Held { .. } => (self.longest.hold_ms, SKEW_MS),
                State::Spent
                | State::Sealed
                | State::Window { .. }
                | State::Blocked
                | State::Paced { .. }
                | State::Leased(_)
                | State::Asked { .. } => (self.longest_ms(), MAX_STEP_BACK_MS),
            };
            let until_ms = now_ms.saturating_add(longest_ms);
            if record.until_ms > until_ms.saturating_add(spare_ms) { until_ms } else { record.until_ms }
        };
        // Then no record ends too late, of whatever state.
        if checked.latest_ms <= now_ms.saturating_add(self.longest.hold_ms).saturating_add(SKEW_MS) {
            return false;
        }
        let mended = bucket.records().any(|record| end(&record) != record.until_ms);
        if mended {
            bucket.end_at(end);
        }
        mended
    }

    /// The longest that any claim can be from now.
    fn longest_ms(&self) -> u64 {
        self.longest.keep_ms.max(self.longest.hold_ms)
    }
}

/// The longest that a settled claim is kept, in milliseconds (ten days).
pub const MAX_KEEP_MS: u64 = MAX_SPAN_MS * 10;

/// The key of a seal: no text has it but by chance.
const SEAL: Key = Key([0; 16]);

fn live(bucket: &Bucket<'_>, key: Key, now_ms: u64) -> Option<Record> {
    bucket.find(key).filter(|record| record.is_live(now_ms))
}

/// Puts a record in, if there is room.
fn put<T>(bucket: &mut Bucket<'_>, now_ms: u64, record: Record, value: T) -> Change<Result<T, Error>> {
    match bucket.put(record, now_ms) {
        Ok(()) => Change::Write(Ok(value)),
        Err(NoRoom) => Change::Keep(Err(Error::Full)),
    }
}

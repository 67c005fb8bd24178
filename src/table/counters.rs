//! Counters that evict: how often a key was hit in a window, and who is refused for a while.

use super::bucket::{Bucket, Checked, WAYS};
use super::capacity::Capacity;
use super::key::Key;
use super::record::{MAX_TIME_MS, Record, State};
use super::slots::{Change, Found, Kind, Place, update};
use super::window::{MAX_SPAN_MS, Rule, Standing, Window};
use super::{Error, SKEW_MS};
use crate::config::ConfigError;
use crate::host::Host;

/// Live keys a slot on the average when the table holds what it was made for: see the module's table of chances.
const KEYS_PER_SLOT: u16 = 16;

/// Hits by key, in a fixed number of slots.
///
/// A new key always gets a record. In a full slot what has ended goes first, then the *least useful* record: a count before a
/// block, the lower count (of both windows) before the higher, the one that ends sooner before the later. So keys that come
/// once push out each other, not the caller who comes again and again: as long as fewer than [`WAYS`] of such callers are in
/// a slot, none of them is forgotten.
#[derive(Clone, Debug)]
pub struct Counters {
    name: String,
    place: Place,
    capacity: Capacity,
}

/// What became of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// How the key stands now.
    pub standing: Standing,
    /// What it did to the table.
    pub note: Note,
}

/// What a hit did to the table; for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing to mention.
    Plain,
    /// A live record of another key was evicted.
    Evicted,
    /// The slot held foreign bytes and began anew.
    Repaired,
}

impl Counters {
    /// The most keys a table can be made for.
    pub const MAX_KEYS: u32 = Capacity::most(KEYS_PER_SLOT);

    /// A table for so many live keys at once.
    ///
    /// # Errors
    /// No keys, or more than [`Counters::MAX_KEYS`]; the error's path is `keys`.
    pub fn new(name: &str, keys: u32) -> Result<Self, ConfigError> {
        let capacity = Capacity::of(keys, KEYS_PER_SLOT)?;
        Ok(Self { name: name.to_owned(), place: Place::sized(name, capacity.slots), capacity })
    }

    /// A table for so many places at once, each with up to `records` records in one slot: see [`Account`](super::Account). The
    /// more records, the fewer places a slot is for; the number counts in steps (1, 2, 4, 8), so that a further record
    /// rarely makes another table of it.
    ///
    /// # Errors
    /// No keys, more than fit into [`MAX_GROUPED_SLOTS`](super::MAX_GROUPED_SLOTS) slots, or more than [`MAX_GROUP`](super::MAX_GROUP) records;
    /// the error's path is `keys`.
    pub fn grouped(name: &str, keys: u32, records: usize) -> Result<Self, ConfigError> {
        let capacity = Capacity::grouped(keys, records)?;
        Ok(Self { name: name.to_owned(), place: Place::sized(name, capacity.slots), capacity })
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
        let (bytes, wrongly) = (self.max_bytes(), self.capacity.displaced());
        format!(
            "counters `{name}`: {keys} keys at once in {slots} slots of {WAYS} records, at most {bytes} bytes; \
             at that number {wrongly:.1e} of them have lost their record"
        )
    }

    /// Creates the slots, so that the names are there from the start. Slots that are there stay.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Contended`].
    pub fn prepare(&self, host: &mut dyn Host) -> Result<(), Error> {
        self.place.prepare(host, Kind::Counters)
    }

    /// Counts `by` hits of a key. The hit that goes over the limit blocks the key when the rule says so; what comes while it is
    /// blocked is not counted.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Contended`]: nothing was counted.
    pub fn hit(&self, host: &mut dyn Host, now_ms: u64, key: Key, rule: Rule, by: u32) -> Result<Hit, Error> {
        self.hit_at(host, now_ms, key, key, rule, by)
    }

    /// The same for a key whose record stands in the slot of another key, `place`: see [`Account`](super::Account).
    ///
    /// # Errors
    /// See [`Counters::hit`].
    pub fn hit_at(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        place: Key,
        key: Key,
        rule: Rule,
        by: u32,
    ) -> Result<Hit, Error> {
        let rule = rule.clamped();
        self.edit(host, now_ms, place, |bucket, now_ms| {
            let window = match stored(bucket, key, now_ms, rule) {
                Stored::Blocked { wait_ms } => return Change::Keep((Standing::Refused { wait_ms }, Note::Plain)),
                Stored::Counted(window) => window.hit(by),
            };
            let standing = window.standing(now_ms, rule);
            let (standing, until_ms, state) = match (standing, rule.block_ms) {
                (Standing::Refused { .. }, wait_ms @ 1..) => {
                    (Standing::Refused { wait_ms }, now_ms.saturating_add(wait_ms), State::Blocked)
                }
                (Standing::Refused { .. } | Standing::Free { .. }, _) => (standing, window.until_ms, window.state()),
            };
            Change::Write((standing, put(bucket, now_ms, Record { key, until_ms, state }, &|_| false)))
        })
    }

    /// How a key stands, without a hit. Foreign bytes count as empty.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; after the clock stepped back also [`Error::Contended`].
    pub fn peek(&self, host: &mut dyn Host, now_ms: u64, key: Key, rule: Rule) -> Result<Standing, Error> {
        let rule = rule.clamped();
        let hit = self.edit(host, now_ms, key, |bucket, now_ms| {
            let standing = match stored(bucket, key, now_ms, rule) {
                Stored::Blocked { wait_ms } => Standing::Refused { wait_ms },
                Stored::Counted(window) => window.standing(now_ms, rule),
            };
            Change::Keep((standing, Note::Plain))
        })?;
        Ok(hit.standing)
    }

    /// Opens a key's slot as it is now, and writes it when `edit` says so or the clock stepped back.
    fn edit(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        place: Key,
        mut edit: impl FnMut(&mut Bucket<'_>, u64) -> Change<(Standing, Note)>,
    ) -> Result<Hit, Error> {
        let slot = self.slot_of(place);
        let (standing, note) = update(host, &slot, |bytes, found| {
            let Opened { mut bucket, now_ms, clock, repaired } = self.open(bytes, found, now_ms);
            Ok(match (edit(&mut bucket, now_ms), clock) {
                (Change::Keep(value), Clock::GoesOn) => Change::Keep(value),
                (Change::Keep(value), Clock::SteppedBack) => Change::Write(value),
                (Change::Write((standing, note)), _) => {
                    bucket.set_number(now_ms);
                    Change::Write((standing, if repaired { Note::Repaired } else { note }))
                }
            })
        })?;
        Ok(Hit { standing, note })
    }

    /// The name of a key's slot.
    pub(super) fn slot_of(&self, place: Key) -> String {
        self.place.slot(place.slot(self.place.slots()))
    }

    /// The same, in the place of another name.
    pub(super) fn name_slot(&self, place: Key, name: &mut String) {
        self.place.name_slot(place.slot(self.place.slots()), name);
    }

    /// A slot's bytes as they are now.
    pub(super) fn open<'a>(&self, bytes: &'a mut Vec<u8>, found: Found, now_ms: u64) -> Opened<'a> {
        let now_ms = now_ms.min(MAX_TIME_MS);
        let checked = Bucket::check(&self.place, Kind::Counters, bytes);
        let repaired = found == Found::Bytes && checked.is_none();
        let (bucket, now_ms, clock) = match checked {
            Some(checked) => {
                let mut bucket = Bucket::of(bytes);
                let (now_ms, clock) = tell(&mut bucket, now_ms, checked);
                (bucket, now_ms, clock)
            }
            None => (Bucket::new(&self.place, Kind::Counters, now_ms, bytes), now_ms, Clock::GoesOn),
        };
        Opened { bucket, now_ms, clock, repaired }
    }
}

/// A slot as it is now.
pub(super) struct Opened<'a> {
    pub(super) bucket: Bucket<'a>,
    /// The time in the slot.
    pub(super) now_ms: u64,
    pub(super) clock: Clock,
    /// Whether foreign bytes stood there.
    pub(super) repaired: bool,
}

/// What a slot says about a key.
enum Stored {
    Blocked { wait_ms: u64 },
    Counted(Window),
}

fn stored(bucket: &Bucket<'_>, key: Key, now_ms: u64, rule: Rule) -> Stored {
    match bucket.find(key).filter(|record| record.is_live(now_ms)) {
        Some(Record { state: State::Window { current, previous }, until_ms, .. }) => {
            Stored::Counted(Window::at(current, previous, until_ms, now_ms, rule))
        }
        Some(Record { state: State::Blocked, until_ms, .. }) => {
            Stored::Blocked { wait_ms: until_ms.saturating_sub(now_ms) }
        }
        // A hit's key has no other state.
        Some(_) | None => Stored::Counted(Window::new(now_ms, rule)),
    }
}

/// Whether the clock stepped back since a slot was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    GoesOn,
    SteppedBack,
}

/// The time in a slot, which does not go back: a little before the last write is the time of that write. When the clock stepped
/// back, all records step with it and keep the time that they had left at that write. No record ends later than one
/// can that is written now.
fn tell(bucket: &mut Bucket<'_>, now_ms: u64, checked: Checked) -> (u64, Clock) {
    let last_ms = checked.number;
    let back_ms = match last_ms.saturating_sub(now_ms) {
        0..=SKEW_MS => 0,
        back_ms => back_ms,
    };
    let now_ms = if back_ms == 0 { now_ms.max(last_ms) } else { now_ms };
    let latest_ms = now_ms.saturating_add(2 * MAX_SPAN_MS);
    if back_ms == 0 && checked.latest_ms <= latest_ms {
        return (now_ms, Clock::GoesOn);
    }
    bucket.end_at(|record| record.until_ms.saturating_sub(back_ms).min(latest_ms));
    bucket.set_number(now_ms);
    (now_ms, Clock::SteppedBack)
}

/// Puts a record in, if need be in place of the least useful one that need not `stay`.
pub(super) fn put(bucket: &mut Bucket<'_>, now_ms: u64, record: Record, stay: &dyn Fn(Key) -> bool) -> Note {
    if bucket.put(record, now_ms).is_ok() {
        return Note::Plain;
    }
    if let Some(least) = bucket.records().filter(|record| !stay(record.key)).min_by_key(use_of) {
        bucket.remove(least.key);
    }
    // There is room now.
    let _ = bucket.put(record, now_ms);
    Note::Evicted
}

/// How useful a record is: what is less goes first.
fn use_of(record: &Record) -> (u8, u64, u64) {
    match record.state {
        State::Window { current, previous } => {
            (0, u64::from(current).saturating_add(u64::from(previous)), record.until_ms)
        }
        State::Paced { hits, .. } => (0, u64::from(hits), record.until_ms),
        State::Leased(leased) if !leased.is_dry() => (0, leased.size(), record.until_ms),
        State::Blocked | State::Leased(_) | State::Asked { .. } | State::Held { .. } | State::Spent | State::Sealed => {
            (1, 0, record.until_ms)
        }
    }
}

//! Counters that evict: how often a key was hit in a window, and who is refused for a while.

use super::bucket::{Bucket, WAYS};
use super::capacity::Capacity;
use super::key::Key;
use super::record::{MAX_TIME_MS, Record, State};
use super::slots::{Change, Found, Kind, Place, update};
use super::{Error, SKEW_MS};
use crate::config::ConfigError;
use crate::host::Host;

/// Live keys a slot on the average when the table holds what it was made for.
const KEYS_PER_SLOT: u16 = 16;

/// Longest window and longest block, in milliseconds (a day).
pub const MAX_SPAN_MS: u64 = 86_400_000;

/// Hits by key, in a fixed number of slots.
///
/// A new key always gets a record. When its slot is full, what is over goes first, then the *least useful* record: a count
/// before a block, the lower count before the higher, the one that ends sooner before the later. So keys that come once
/// push out each other, not the caller who comes all the time; while fewer than [`WAYS`] such callers share a
/// slot, none of them is forgotten.
#[derive(Clone, Debug)]
pub struct Counters {
    name: String,
    place: Place,
    capacity: Capacity,
}

/// What hits are measured by. All that hit one key use the same rule; a rule that changes deserves other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Hits that are within the rule in one window.
    pub limit: u32,
    /// Length of a window, in milliseconds; 1 to [`MAX_SPAN_MS`], what is outside is taken for the nearer end.
    pub window_ms: u64,
    /// How long a key is refused after a hit over the limit, in milliseconds, up to [`MAX_SPAN_MS`]; 0: until the window has
    /// room again.
    pub block_ms: u64,
}

/// What became of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// How the key stands now.
    pub standing: Standing,
    /// What had to happen for it.
    pub note: Note,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Standing {
    /// Within its rule: so many more hits are.
    Free {
        /// Hits left.
        left: u32,
    },
    /// Refused for so long, if nothing more happens.
    Refused {
        /// Milliseconds; at least 1.
        wait_ms: u64,
    },
}

/// What had to happen for a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing.
    Plain,
    /// A live record of another key was evicted.
    Evicted,
    /// The slot held foreign bytes and began anew.
    Repaired,
}

impl Counters {
    /// A table for so many live keys at once.
    ///
    /// # Errors
    /// No keys, or more than [`Counters::MAX_KEYS`]; the error's path is `keys`.
    pub fn new(name: &str, keys: u32) -> Result<Self, ConfigError> {
        let capacity = Capacity::of(keys, KEYS_PER_SLOT)?;
        Ok(Self { name: name.to_owned(), place: Place::sized(name, capacity.slots), capacity })
    }

    /// The most keys a table can be made for.
    pub const MAX_KEYS: u32 = Capacity::most(KEYS_PER_SLOT);

    /// The most bytes of all its slots together, the host's own apart.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.capacity.bytes()
    }

    /// Its size, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { name, capacity: Capacity { keys, slots }, .. } = self;
        let bytes = self.max_bytes();
        format!(
            "counters `{name}`: {keys} keys at once in {slots} slots of {WAYS} records, at most {bytes} bytes; then 1.5e-5 of the live keys lose their record"
        )
    }

    /// Creates the slots, so that the host's memory is claimed at start. Slots that are there stay.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Contended`].
    pub fn prepare(&self, host: &mut dyn Host) -> Result<(), Error> {
        prepare(host, &self.place, Kind::Counters)
    }

    /// Counts `by` hits of a key, within its rule or not. A key that is blocked is not counted.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Contended`]: nothing was counted.
    pub fn hit(&self, host: &mut dyn Host, now_ms: u64, key: Key, rule: Rule, by: u32) -> Result<Hit, Error> {
        let rule = rule.clamped();
        self.edit(host, now_ms, key, |bucket, now_ms, clock| {
            let found = bucket.find(key).filter(|record| record.is_live(now_ms));
            let window = match found.map(|record| (record.state, record.until_ms)) {
                Some((State::Blocked, until_ms)) => {
                    let until_ms = until_ms.min(now_ms.saturating_add(MAX_SPAN_MS));
                    let standing = Standing::Refused { wait_ms: until_ms.saturating_sub(now_ms) };
                    return clock.kept((standing, false));
                }
                Some((State::Window { current, previous }, until_ms)) => {
                    Window { current, previous, until_ms }.at(now_ms, rule)
                }
                _ => Window::new(now_ms, rule),
            };
            let window = Window { current: window.current.saturating_add(by), ..window };
            let standing = window.standing(now_ms, rule);
            let record = match standing {
                Standing::Refused { .. } if rule.block_ms != 0 => {
                    Record { key, until_ms: now_ms.saturating_add(rule.block_ms), state: State::Blocked }
                }
                _ => {
                    let Window { current, previous, until_ms } = window;
                    Record { key, until_ms, state: State::Window { current, previous } }
                }
            };
            let standing = match record.state {
                State::Blocked => Standing::Refused { wait_ms: rule.block_ms },
                _ => standing,
            };
            let evicted = put(bucket, now_ms, record);
            Change::Write((standing, evicted))
        })
    }

    /// How a key stands, without a hit.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Contended`] only after the clock stepped back.
    pub fn peek(&self, host: &mut dyn Host, now_ms: u64, key: Key, rule: Rule) -> Result<Standing, Error> {
        let rule = rule.clamped();
        let hit = self.edit(host, now_ms, key, |bucket, now_ms, clock| {
            let found = bucket.find(key).filter(|record| record.is_live(now_ms));
            let standing = match found.map(|record| (record.state, record.until_ms)) {
                Some((State::Blocked, until_ms)) => Standing::Refused {
                    wait_ms: until_ms.min(now_ms.saturating_add(MAX_SPAN_MS)).saturating_sub(now_ms),
                },
                Some((State::Window { current, previous }, until_ms)) => {
                    let window = Window { current, previous, until_ms }.at(now_ms, rule);
                    window.standing(now_ms, rule)
                }
                _ => Standing::Free { left: rule.limit },
            };
            clock.kept((standing, false))
        })?;
        Ok(hit.standing)
    }

    /// Opens a key's slot as it is now, and writes it when `edit` or the clock says so.
    fn edit(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        key: Key,
        mut edit: impl FnMut(&mut Bucket<'_>, u64, Clock) -> Change<(Standing, bool)>,
    ) -> Result<Hit, Error> {
        let now_ms = now_ms.min(MAX_TIME_MS);
        let slot = self.place.slot(key.slot(self.place.slots()));
        let (standing, note) = update(host, &slot, |bytes, found| {
            let last_ms = Bucket::number(&self.place, Kind::Counters, bytes);
            let repaired = found == Found::Bytes && last_ms.is_none();
            let (mut bucket, last_ms) = match last_ms {
                Some(last_ms) => (Bucket::of(bytes), last_ms),
                None => (Bucket::new(&self.place, Kind::Counters, now_ms, bytes), now_ms),
            };
            let (now_ms, clock) = tell(&mut bucket, now_ms, last_ms);
            let note = |evicted| match (repaired, evicted) {
                (true, _) => Note::Repaired,
                (false, true) => Note::Evicted,
                (false, false) => Note::Plain,
            };
            Ok(match edit(&mut bucket, now_ms, clock) {
                Change::Keep((standing, evicted)) => Change::Keep((standing, note(evicted))),
                Change::Write((standing, evicted)) => {
                    bucket.set_number(now_ms);
                    Change::Write((standing, note(evicted)))
                }
            })
        })?;
        Ok(Hit { standing, note })
    }
}

/// Creates the slots of a table.
pub(super) fn prepare(host: &mut dyn Host, place: &Place, kind: Kind) -> Result<(), Error> {
    for number in 0..place.slots() {
        update(host, &place.slot(number), |bytes, found| {
            if found == Found::Nothing {
                Bucket::new(place, kind, 0, bytes);
                return Ok(Change::Write(()));
            }
            Ok(Change::Keep(()))
        })?;
    }
    Ok(())
}

impl Rule {
    fn clamped(self) -> Self {
        Self { window_ms: self.window_ms.clamp(1, MAX_SPAN_MS), block_ms: self.block_ms.min(MAX_SPAN_MS), ..self }
    }
}

/// Whether the clock stepped back since a slot was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    GoesOn,
    SteppedBack,
}

impl Clock {
    /// Nothing changed but perhaps the times.
    fn kept<T>(self, value: T) -> Change<T> {
        match self {
            Self::GoesOn => Change::Keep(value),
            Self::SteppedBack => Change::Write(value),
        }
    }
}

/// A slot's time never goes back: a little behind the last write is the last write's time, and when the clock stepped
/// back, all records step with it and keep the time that they had left at that write.
fn tell(bucket: &mut Bucket<'_>, now_ms: u64, last_ms: u64) -> (u64, Clock) {
    let back = last_ms.saturating_sub(now_ms);
    if back <= SKEW_MS {
        return (now_ms.max(last_ms), Clock::GoesOn);
    }
    bucket.retain(|record| {
        record.until_ms = record.until_ms.saturating_sub(back);
        true
    });
    bucket.set_number(now_ms);
    (now_ms, Clock::SteppedBack)
}

/// Puts a record in; whether a live one had to go.
fn put(bucket: &mut Bucket<'_>, now_ms: u64, record: Record) -> bool {
    if bucket.put(record) {
        return false;
    }
    bucket.retain(|other| other.is_live(now_ms));
    if bucket.put(record) {
        return false;
    }
    if let Some(least) = bucket.records().min_by_key(use_of) {
        bucket.remove(least.key);
    }
    // There is room now.
    let _ = bucket.put(record);
    true
}

/// What a record is worth: the least goes first.
fn use_of(record: &Record) -> (u8, u64, u64) {
    match record.state {
        State::Window { current, previous } => {
            (0, u64::from(current).saturating_add(u64::from(previous)), record.until_ms)
        }
        State::Blocked | State::Held { .. } | State::Spent | State::Sealed => (1, 0, record.until_ms),
    }
}

/// Two windows: the one that is running and the one before it.
#[derive(Clone, Copy, Debug)]
struct Window {
    current: u32,
    previous: u32,
    /// The end of the window after the running one.
    until_ms: u64,
}

impl Window {
    fn new(now_ms: u64, rule: Rule) -> Self {
        Self { current: 0, previous: 0, until_ms: now_ms.saturating_add(rule.window_ms.saturating_mul(2)) }
    }

    /// The windows as they are now; `until_ms` is later than now.
    fn at(self, now_ms: u64, rule: Rule) -> Self {
        // Later than possible: written by a longer rule.
        let until_ms = self.until_ms.min(Self::new(now_ms, rule).until_ms);
        if until_ms > now_ms.saturating_add(rule.window_ms) {
            return Self { until_ms, ..self };
        }
        Self { current: 0, previous: self.current, until_ms: until_ms.saturating_add(rule.window_ms) }
    }

    /// Milliseconds until the running window ends; at least 1.
    fn rest_ms(self, now_ms: u64, rule: Rule) -> u64 {
        self.until_ms.saturating_sub(now_ms).saturating_sub(rule.window_ms).max(1)
    }

    /// The hits of the last `window_ms`, as if those of the previous window had been spread evenly, rounded up.
    fn hits(self, now_ms: u64, rule: Rule) -> u64 {
        // Below 2^32 · 86,400,000.
        let weighted = u64::from(self.previous).saturating_mul(self.rest_ms(now_ms, rule));
        weighted.div_ceil(rule.window_ms).saturating_add(u64::from(self.current))
    }

    /// How it stands after its hits.
    fn standing(self, now_ms: u64, rule: Rule) -> Standing {
        match u64::from(rule.limit).checked_sub(self.hits(now_ms, rule)) {
            Some(left) => Standing::Free { left: u32::try_from(left).unwrap_or(u32::MAX) },
            None => Standing::Refused { wait_ms: self.rest_ms(now_ms, rule) },
        }
    }
}

//! How many slots a number of keys takes, what they weigh, and how often chance fills one of them.

use super::bucket::{MAX_BUCKET_BYTES, WAYS};
use crate::config::ConfigError;

/// Most slots of one table: 4 MiB.
pub const MAX_SLOTS: u16 = 4_096;

/// Most slots of a table whose keys have several records each: 32 MiB.
pub const MAX_GROUPED_SLOTS: u16 = 32_768;

/// Most records of one place: a quarter of a slot.
pub const MAX_GROUP: usize = WAYS / 4;

/// How many records a place has, in steps, and how many places a slot is for: so few that chance evicts wrongly at most five
/// records of a thousand.
const GROUPS: [(usize, u16); 4] = [(1, 16), (2, 8), (4, 3), (MAX_GROUP, 1)];

/// A number of keys, and the slots for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    pub(super) keys: u32,
    pub(super) slots: u16,
    /// How many keys a slot has room for.
    pub(super) room: u32,
}

impl Capacity {
    /// Slots for so many keys at once, so many a slot on the average.
    pub(super) fn of(keys: u32, keys_per_slot: u16) -> Result<Self, ConfigError> {
        let most = Self::most(keys_per_slot);
        if !(1..=most).contains(&keys) {
            return Err(ConfigError::new("keys", format_args!("{keys} is not in 1..={most}")));
        }
        let slots = u16::try_from(keys.div_ceil(u32::from(keys_per_slot.max(1)))).unwrap_or(MAX_SLOTS);
        Ok(Self { keys, slots, room: FULL })
    }

    /// Slots for so many places at once with so many records each.
    pub(super) fn grouped(keys: u32, records: usize) -> Result<Self, ConfigError> {
        let Some(&(records, per_slot)) = GROUPS.iter().find(|(most, _)| records <= *most) else {
            return Err(ConfigError::new("keys", format_args!("have more than {MAX_GROUP} records each")));
        };
        let most = u32::from(MAX_GROUPED_SLOTS).saturating_mul(u32::from(per_slot));
        if !(1..=most).contains(&keys) {
            return Err(ConfigError::new("keys", format_args!("{keys} is not in 1..={most}")));
        }
        let slots = u16::try_from(keys.div_ceil(u32::from(per_slot))).unwrap_or(MAX_GROUPED_SLOTS);
        let room = u32::try_from(WAYS.checked_div(records).unwrap_or(WAYS)).unwrap_or(FULL);
        Ok(Self { keys, slots, room })
    }

    /// The most keys that a table can be made for.
    pub(super) const fn most(keys_per_slot: u16) -> u32 {
        (MAX_SLOTS as u32).saturating_mul(keys_per_slot as u32)
    }

    /// The most bytes of all slots together.
    pub(super) fn bytes(self) -> usize {
        usize::from(self.slots).saturating_mul(MAX_BUCKET_BYTES)
    }

    /// The share of all keys, when they are all live, that has no room in its slot: `E[max(X − room, 0)] / λ`.
    pub(super) fn displaced(self) -> f64 {
        let mean = self.mean();
        tail(mean, self.room, f64::from) / mean
    }

    /// How often a further key finds its slot full: `P(X ≥ room)`.
    pub(super) fn full(self) -> f64 {
        tail(self.mean(), self.room, |_| 1.0)
    }

    /// λ: keys a slot on the average.
    fn mean(self) -> f64 {
        f64::from(self.keys) / f64::from(self.slots.max(1))
    }
}

const FULL: u32 = WAYS as u32;

/// Past this nothing is left of a mean of up to 32.
const LAST: u32 = 4 * FULL;

/// The sum of `worth(k − room)` over k ≥ room, weighted with the chance that k keys are in a slot: Poisson, with this mean.
fn tail(mean: f64, room: u32, worth: impl Fn(u32) -> f64) -> f64 {
    let mut chance = (-mean).exp();
    let mut sum = 0.0;
    for k in 0..LAST {
        if let Some(over) = k.checked_sub(room) {
            sum += chance * worth(over);
        }
        chance *= mean / f64::from(k.saturating_add(1));
    }
    sum
}

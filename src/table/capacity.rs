//! How many slots a number of keys takes, what they weigh, and how often chance fills one of them.

use super::bucket::{MAX_BUCKET_BYTES, WAYS};
use crate::config::ConfigError;

/// Most slots of one table: 4 MiB.
pub const MAX_SLOTS: u16 = 4_096;

/// A number of keys, and the slots for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    pub(super) keys: u32,
    pub(super) slots: u16,
}

impl Capacity {
    /// Slots for so many keys at once, so many a slot on the average.
    pub(super) fn of(keys: u32, keys_per_slot: u16) -> Result<Self, ConfigError> {
        let most = Self::most(keys_per_slot);
        if !(1..=most).contains(&keys) {
            return Err(ConfigError::new("keys", format_args!("{keys} is not in 1..={most}")));
        }
        let slots = u16::try_from(keys.div_ceil(u32::from(keys_per_slot.max(1)))).unwrap_or(MAX_SLOTS);
        Ok(Self { keys, slots })
    }

    /// The most keys that a table can be made for.
    pub(super) const fn most(keys_per_slot: u16) -> u32 {
        (MAX_SLOTS as u32).saturating_mul(keys_per_slot as u32)
    }

    /// The most bytes of all slots together.
    pub(super) fn bytes(self) -> usize {
        usize::from(self.slots).saturating_mul(MAX_BUCKET_BYTES)
    }

    /// The share of all keys, when they are all live, that has no room in its slot: `E[max(X − WAYS, 0)] / λ`.
    pub(super) fn displaced(self) -> f64 {
        let mean = self.mean();
        tail(mean, f64::from) / mean
    }

    /// How often a further key finds its slot full: `P(X ≥ WAYS)`.
    pub(super) fn full(self) -> f64 {
        tail(self.mean(), |_| 1.0)
    }

    /// λ: keys a slot on the average.
    fn mean(self) -> f64 {
        f64::from(self.keys) / f64::from(self.slots.max(1))
    }
}

const FULL: u32 = WAYS as u32;

/// Past this nothing is left of a mean of up to 32.
const LAST: u32 = 4 * FULL;

/// The sum of `worth(k − WAYS)` over k ≥ WAYS, weighted with the chance that k keys are in a slot: Poisson, with this mean.
fn tail(mean: f64, worth: impl Fn(u32) -> f64) -> f64 {
    let mut chance = (-mean).exp();
    let mut sum = 0.0;
    for k in 0..LAST {
        if let Some(over) = k.checked_sub(FULL) {
            sum += chance * worth(over);
        }
        chance *= mean / f64::from(k.saturating_add(1));
    }
    sum
}

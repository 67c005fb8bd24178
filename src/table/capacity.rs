//! How many slots a number of keys takes, and what they weigh.

use super::bucket::MAX_BUCKET_BYTES;
use crate::config::ConfigError;

/// Most slots of one table: 4 MiB.
pub const MAX_SLOTS: u16 = 4_096;

/// How full a table of slots is made for, and what it weighs.
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
}

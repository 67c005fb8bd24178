//! The tables against the semantics of Envoy's shared data.

#![allow(clippy::arithmetic_side_effects, reason = "tests")]

/// What a host has besides slots, for one that has nothing else.
macro_rules! nothing_but_slots {
    () => {
        fn now_ms(&mut self) -> Option<u64> {
            None
        }

        fn attribute(&mut self, _path: &[&str]) -> Option<Vec<u8>> {
            None
        }

        fn leave(&mut self, _name: &str, _value: &[u8]) {}

        fn count(&mut self, _counter: usize, _by: u64) {}

        fn audit(&mut self, _audit: &crate::audit::Audit) {}

        fn call(&mut self, _call: &crate::host::Call<'_>) -> Option<crate::host::CallId> {
            None
        }

        fn verify(&mut self, _check: &crate::host::Check<'_>) -> Option<bool> {
            None
        }
    };
}

mod bounds;
mod chance;
mod charges;
mod clock;
mod explore;
mod foreign;
mod interleavings;
mod leases;
mod quotas;
mod recall;
mod rules;

use std::sync::LazyLock;

use super::{Key, Rule, Seed, Standing};
use crate::host::Host as _;
use crate::replay::MemoryHost;

/// Some time in 2025.
const NOW: u64 = 1_750_000_000_000;

/// Far above what the tests hit.
const MANY: Rule = Rule { limit: 1_000_000, window_ms: 60_000, block_ms: 0 };

fn key(number: u64) -> Key {
    static SEED: LazyLock<Seed> = LazyLock::new(|| Seed::agree(&mut MemoryHost::default(), [7; 16]).expect("a seed"));
    SEED.key(&[b"test", &number.to_le_bytes()])
}

/// Keys that fall into one slot of so many.
fn neighbours(slots: u16, slot: u16) -> impl Iterator<Item = Key> {
    (0..).map(key).filter(move |key| key.slot(slots) == slot)
}

/// Hits so far, by what is left of [`MANY`].
fn hits(standing: Standing) -> u32 {
    match standing {
        Standing::Free { left } => MANY.limit - left,
        Standing::Refused { .. } => panic!("nobody hits so often"),
    }
}

/// Writes whatever is there.
fn overwrite(host: &mut MemoryHost, slot: &str, bytes: &[u8]) {
    let _ = host.set_slot(slot, bytes, 0);
}

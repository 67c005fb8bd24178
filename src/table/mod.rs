//! What the workers of one proxy share: counters, claims, leases, sets and documents in a fixed number of slots.
//!
//! A host shares little: slots of bytes with a stamp ([`Host::slot`], [`Host::set_slot`]), never deleted, for everybody in
//! the process. Tables are made of them: packed records behind a header, changed by compare-and-set, at most
//! [`MAX_TRIES`] times, so that every operation ends. Nothing that counts is kept here between calls but where the slots are;
//! a worker may die between any two calls to the host and leaves nothing half done.
//!
//! | table | holds | when it is full | bytes that are not ours |
//! | --- | --- | --- | --- |
//! | [`Counters`] | hits in a window, quotas, blocks, hits leased elsewhere | the least useful record goes | count as empty |
//! | [`Claims`] | things that may happen once | [`Error::Full`]; a live claim is never evicted | closed until all that stood there must have expired |
//! | [`Set`] | a list that must not be forgotten | [`Error::Full`]; the old list stays | [`Error::Corrupt`] until the list is replaced |
//! | [`Blob`] | a document in generations | [`Error::Full`]; the old one stays | [`Error::Corrupt`] until one is published |
//! | [`Lease`] | who does a piece of work | is never full | count as free |
//! | [`Seed`] | what keys are hashed with | is never full | [`Error::Corrupt`] |
//!
//! # Names of slots
//!
//! `{table}/{layout version}/{slot}`, after which the host looks under `lockgate/{filter}/{plugin}/`. Of [`Counters`] and
//! [`Claims`] the layout version also says how many slots there are (`failures/1.64/17`). So a table whose name and size a new
//! configuration leaves alone survives it, and one that changes begins anew in other slots, while the VMs of the old
//! configuration end in theirs: neither reads the other's bytes. What else a table is bound to (a provider's keys) belongs
//! into its name. A name that a table no longer uses keeps its memory until the process ends: a host cannot delete.
//!
//! # Creating a slot
//!
//! The host ignores the stamp where a slot was never written, and takes 0 for "whatever is there". Two workers that both find
//! nothing and write with 0 both win, and the second wipes out what the first one stored. So nothing here ever writes with
//! 0 (but the slot of [`Recall`] that holds nothing): a missing slot is written with [`CREATE`], a stamp that no slot has, which the host takes where there is nothing and
//! refuses where there is something. The loser reads again.
//!
//! # Slots that are not read
//!
//! A worker that has the process to itself need not read what it wrote: [`Recall`].
//!
//! # Capacity
//!
//! A key's hash says in which one of the `s` slots its record stands, so a decision reads one slot and writes one. A slot
//! holds [`WAYS`] = 32 records of 32 bytes: at most 1,048 bytes with its header. The `n` keys that are live at once fall into
//! slots as balls into bins, so a slot holds a number X of them that is nearly Poisson distributed with the mean `λ = n / s`.
//!
//! - [`Counters`]: of the X keys of a slot, 32 have a record. The share of live keys without one, which is the chance that a
//!   key's record was evicted wrongly, is `E[max(X − 32, 0)] / λ` = Σ (k − 32) · e^−λ λ^k / k! / λ over k > 32.
//! - [`Claims`]: a claim finds its slot full with the chance `P(X ≥ 32)`.
//!
//! | λ | records used | counters: evicted wrongly | claims: full |
//! | --- | --- | --- | --- |
//! | 8 | 25 % | 5.2e-12 | 1.3e-10 |
//! | 10 | 31 % | 1.0e-9 | **2.5e-8** |
//! | 12 | 38 % | 5.6e-8 | 1.2e-6 |
//! | 16 | 50 % | **1.5e-5** | 2.8e-4 |
//! | 20 | 63 % | 5.3e-4 | 8.1e-3 |
//! | 24 | 75 % | 5.5e-3 | 6.8e-2 |
//! | 32 | 100 % | 7.0e-2 | 5.2e-1 |
//!
//! Counters are laid out for λ = 16 at the number of keys that they are made for, claims for λ = 10:
//! `s = ⌈n / 16⌉` and `s = ⌈n / 10⌉`, that is 66 and 105 bytes a key at most, keys of the host's map apart. A [`Set`] takes 24
//! bytes a key and holds exactly the number that it was made for. `describe` prints all of it.
//!
//! Where one place has `m` records ([`Counters::grouped`]), its slot has room for `32 / m` places, and chance needs more space:
//!
//! | records of a place | places a slot, λ | bytes a place at most | evicted wrongly |
//! | --- | --- | --- | --- |
//! | 1 | 16 | 66 | 1.5e-5 |
//! | 2 | 8 | 131 | 7.9e-4 |
//! | 3, 4 | 3 | 350 | 1.8e-3 |
//! | 5 to 8 | 1 | 1,048 | 4.3e-3 |
//!
//! # Time
//!
//! Wall-clock milliseconds, always an argument. What counts from "now" ([`Counters`], [`Lease`], a claim that is not settled)
//! keeps its remaining time when the clock steps back. What is bound to times that others wrote down (a settled claim, an
//! entry of a [`Set`]) keeps its wall-clock end, or the step would let it pass again; only a claim that ends
//! more than [`MAX_STEP_BACK_MS`] later than a claim can is taken for one of a clock that was wrong, and then it ends as
//! if it were new.

#![warn(clippy::arithmetic_side_effects)]

mod blob;
mod bucket;
mod capacity;
mod charge;
mod claims;
mod counters;
mod document;
mod key;
mod lease;
mod leased;
mod quota;
mod recall;
mod record;
mod set;
mod slots;
#[cfg(test)]
mod tests;
mod vm;
mod window;

use std::fmt;

pub use blob::Blob;
pub use bucket::WAYS;
pub use capacity::{MAX_GROUP, MAX_GROUPED_SLOTS, MAX_SLOTS};
pub(crate) use charge::charge_by;
pub use charge::{Account, Acts, Charge, Charged, Found, MAX_GIVE_BACK_TRIES, Measure, Verdict, charge};
pub use claims::{Claim, Claims, Longest, MAX_KEEP_MS};
pub use counters::{Counters, Hit, Note};
pub use document::{MAX_DOCUMENT_BYTES, Newer};
pub(crate) use key::Parts;
pub use key::{Key, KeyHasher, Seed, Stem};
pub use lease::{Lease, MAX_LEASE_MS};
pub use leased::{Answer, Ask, MAX_LEASED, MAX_SPILL_MS, Supply, Terms};
pub use quota::{Balance, Quota};
pub use recall::{MAX_RECALLED, MAX_RECALLED_BYTES, MAX_REST, Recall, WITNESS};
pub use set::{MAX_SET_KEYS, Set};
pub use slots::{CREATE, MAX_NAME_BYTES, MAX_TRIES};
pub use vm::number_of_vm;
pub use window::{MAX_SPAN_MS, Rule, Standing};

#[cfg(doc)]
use crate::host::Host;

/// How far the clocks of two readings may differ the wrong way round before it counts as a step back: workers read the clock
/// once a callback.
const SKEW_MS: u64 = 1_000;

/// How much later than possible a settled claim may end, in milliseconds (a day): the largest step back of the clock over
/// which it keeps its end.
pub const MAX_STEP_BACK_MS: u64 = 86_400_000;

/// Why an operation did nothing. The caller's rule says whether that opens or closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The host shares nothing, or this worker has not read the table yet.
    Unavailable,
    /// Others wrote between reading and writing, [`MAX_TRIES`] times in a row.
    Contended,
    /// There is no room, and what is there must stay.
    Full,
    /// What stands there is not what this version writes.
    Corrupt,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "the host shares nothing",
            Self::Contended => "other workers kept writing",
            Self::Full => "the table is full",
            Self::Corrupt => "a slot holds foreign bytes",
        })
    }
}

impl std::error::Error for Error {}

//! Several filters in one context: each block is a filter with its configuration, and together they are one [`Policy`].
//!
//! A host fetches each head once, all blocks edit it in memory, and what differs is written back once. A request's head passes the
//! blocks in the order of the list, but what runs before it is known who calls (`pre-auth`) comes first; an answer's head passes
//! them in reverse, and so do bodies. Who is calling goes from block to block as a Rust value. `filters/lockgate/README.md` is the
//! page for users.
//!
//! # Blocks
//!
//! A block is any [`steps::Policy`]; `block.rs` has one line for each. What a block sees is what it would see alone:
//! counters, slots and calls of its own, and of a body what the block before it lets go. What blocks need of each other
//! they say by [`leaves`](steps::Policy::leaves) and [`reads`](steps::Policy::reads),
//! [`signs_bodies`](steps::Policy::signs_bodies) and [`edits_bodies`](steps::Policy::edits_bodies), and a chain in which that cannot work
//! is refused.
//!
//! # Replies
//!
//! A reply of one block passes the response-head steps of the others that have seen the request (all blocks before it, and one
//! whose pre-auth part ran first), in reverse order, and never a body step. So does one that takes the place of an answer, whose own
//! head some of these have seen.

mod block;
mod bodies;
mod config;
mod error;
mod exchange;
mod host;
#[cfg(feature = "schema")]
mod schema;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::config::{ConfigError, Environment};
use crate::exchange as steps;
use crate::host::{CallId, CallResult, Host};

use self::block::Block;
use self::host::{BlockHost, Calls, Memo};

pub use self::config::parts;
pub use self::error::{MAX_KEPT_BODY_BYTES, MAX_KEPT_BYTES, Reason, SMALL_KEPT_BYTES};
pub use self::exchange::Exchange;
#[cfg(feature = "schema")]
pub use self::schema::schema;

/// A checked chain; one for each VM and plugin.
#[derive(Debug)]
pub struct Policy(Rc<Shared>);

/// What all exchanges of a chain share.
#[derive(Debug)]
struct Shared {
    blocks: Vec<Placed>,
    /// The steps of a request's head.
    stages: Vec<Stage>,
    calls: Calls,
    /// Bytes that all bodies together keep between blocks.
    kept_bytes: Cell<usize>,
    /// Where the names of slots are put together.
    key: RefCell<String>,
}

/// A block and what is its own of what a host gives.
struct Placed {
    block: Box<dyn Block>,
    /// The place of its first counter.
    first_counter: usize,
}

impl fmt::Debug for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placed").field("block", &self.block.name()).finish_non_exhaustive()
    }
}

/// A step of a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stage {
    /// The block's place.
    block: usize,
    run: Run,
}

/// What of a block runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    All,
    PreAuth,
    PostAuth,
}

impl Policy {
    /// A chain of these blocks.
    fn of(blocks: Vec<Box<dyn Block>>) -> Self {
        // The first one runs first in any case, and then in one step.
        let early = |at: usize, block: &dyn Block| at > 0 && block.has_pre_auth();
        let pre_auth = blocks.iter().enumerate().filter(|&(at, block)| early(at, &**block));
        let mut stages: Vec<Stage> = pre_auth.map(|(block, _)| Stage { block, run: Run::PreAuth }).collect();
        stages.extend(blocks.iter().enumerate().map(|(at, block)| {
            let run = if early(at, &**block) { Run::PostAuth } else { Run::All };
            Stage { block: at, run }
        }));
        let mut first_counter = 0_usize;
        let placed = blocks.into_iter().map(|block| {
            let placed = Placed { first_counter, block };
            first_counter = first_counter.saturating_add(placed.block.counters().len());
            placed
        });
        Self(Rc::new(Shared {
            blocks: placed.collect(),
            stages,
            calls: Calls::default(),
            kept_bytes: Cell::new(0),
            key: RefCell::default(),
        }))
    }
}

impl steps::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = "lockgate";

    fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        config::read(text, environment).map(Self::of)
    }

    fn counters(&self) -> Vec<String> {
        self.0.blocks.iter().flat_map(|placed| placed.block.counters()).collect()
    }

    fn open(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.0))
    }

    fn start(&self, host: &mut dyn Host) {
        self.0.each(host, |block, host| block.start(host));
    }

    fn tick_ms(&self) -> Option<u32> {
        self.0.blocks.iter().filter_map(|placed| placed.block.tick_ms()).min()
    }

    fn tick(&self, host: &mut dyn Host) {
        self.0.each(host, |block, host| {
            if block.tick_ms().is_some() {
                block.tick(host);
            }
        });
    }

    fn call_result(&self, id: CallId, result: CallResult, host: &mut dyn Host) {
        let Some(at) = self.0.calls.end(id) else { return };
        let Some(placed) = self.0.blocks.get(at) else { return };
        let mut memo = Memo::default();
        placed.block.call_result(id, result, &mut BlockHost::new(host, &self.0, at, &mut memo));
    }
}

impl Shared {
    /// Whether a block behind this one may want a request's body.
    fn takes_request_bodies(&self, behind: usize) -> bool {
        self.blocks.iter().skip(behind.saturating_add(1)).any(|placed| placed.block.takes_request_bodies())
    }

    fn each(&self, host: &mut dyn Host, mut step: impl FnMut(&dyn Block, &mut dyn Host)) {
        let mut memo = Memo::default();
        for (at, placed) in self.blocks.iter().enumerate() {
            step(placed.block.as_ref(), &mut BlockHost::new(host, self, at, &mut memo));
        }
    }
}

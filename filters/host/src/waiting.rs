//! The exchanges that wait for background work of the policy.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use lockgate::exchange::{MAX_WAITING, Policy};

use crate::stream::Stream;
use crate::ticker::{SOON_MS, Ticker, now_ms};

/// How long an exchange waits at most, in milliseconds, whatever the policy says; then it is answered 503.
pub(crate) const MAX_WAIT_MS: u64 = 30_000;
/// How often the policy works while exchanges wait, in milliseconds: what another worker has done is seen so late.
const WORK_MS: u32 = 25;

/// The waiting exchanges of one plugin. An exchange leaves by its answer, its end, or its deadline.
pub(crate) struct Waiting<P: Policy> {
    entries: RefCell<BTreeMap<u32, Entry<P>>>,
    /// Whether the first one has come, or a call has ended, since the last tick.
    fresh: Cell<bool>,
}

struct Entry<P: Policy> {
    stream: Weak<RefCell<Stream<P>>>,
    since_ms: u64,
}

/// Whether an exchange may wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Left,
    Gone,
}

impl<P: Policy> Default for Waiting<P> {
    fn default() -> Self {
        Self { entries: RefCell::default(), fresh: Cell::new(false) }
    }
}

impl<P: Policy> Waiting<P> {
    /// Puts an exchange on the list. `false`: it cannot wait.
    pub(crate) fn add(&self, id: u32, stream: &Weak<RefCell<Stream<P>>>, ticker: &Ticker) -> bool {
        let Ok(mut entries) = self.entries.try_borrow_mut() else { return false };
        if entries.len() >= MAX_WAITING {
            return false;
        }
        // The first one gets a tick soon; those that come after it share the next, so that many cause no more of them.
        let first = entries.is_empty();
        if !ticker.at_least_every(if first { SOON_MS } else { WORK_MS }) {
            return false;
        }
        if first {
            self.fresh.set(true);
        }
        entries.insert(id, Entry { stream: Weak::clone(stream), since_ms: now_ms() });
        true
    }

    /// Those that still wait get a tick soon.
    pub(crate) fn look_soon(&self, ticker: &Ticker) {
        if self.work_ms().is_some() && ticker.at_least_every(SOON_MS) {
            self.fresh.set(true);
        }
    }

    /// Takes an exchange off the list.
    pub(crate) fn forget(&self, id: u32) {
        if let Ok(mut entries) = self.entries.try_borrow_mut() {
            entries.remove(&id);
        }
    }

    /// How often the policy is to work for those that wait; `None`: nobody does.
    pub(crate) fn work_ms(&self) -> Option<u32> {
        let nobody = self.entries.try_borrow().is_ok_and(|entries| entries.is_empty());
        (!nobody).then_some(WORK_MS)
    }

    /// Whether the first one has come, or a call has ended, since this was asked.
    pub(crate) fn take_fresh(&self) -> bool {
        self.fresh.replace(false)
    }

    /// All of them, in the order in which they came.
    pub(crate) fn all(&self, now_ms: u64) -> Vec<(Rc<RefCell<Stream<P>>>, Patience)> {
        let Ok(entries) = self.entries.try_borrow() else { return Vec::new() };
        let each = entries.values().filter_map(|entry| {
            // Also when the clock has gone back.
            let overdue = now_ms < entry.since_ms || now_ms - entry.since_ms >= MAX_WAIT_MS;
            Some((entry.stream.upgrade()?, if overdue { Patience::Gone } else { Patience::Left }))
        });
        each.collect()
    }
}

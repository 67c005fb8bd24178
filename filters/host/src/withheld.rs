//! Requests that may be forged, whose heads wait for a body step and for nothing else.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use lockgate::exchange::Policy;

use crate::stream::Stream;
use crate::ticker::{Ticker, now_ms};

/// How long such a head waits for the first byte of its body, in milliseconds, as long as no body has ever come to a held head of
/// this plugin: it may be that none can, for want of `allow_on_headers_stop_iteration`. Then it is answered 503. Once one has come,
/// nothing waits by this list, and how slow a client may be is for Envoy's timeouts to say.
pub(crate) const WITHHELD_MS: u64 = 5_000;
/// The most requests of one plugin on the list; a further one is answered 503.
pub(crate) const MAX_WITHHELD: usize = 1024;
/// How often the list is looked at, while there is somebody on it, in milliseconds.
const LOOK_MS: u32 = 250;

/// The list of one plugin in a VM.
pub(crate) struct Withheld<P: Policy> {
    entries: RefCell<BTreeMap<u32, Entry<P>>>,
}

struct Entry<P: Policy> {
    stream: Weak<RefCell<Stream<P>>>,
    since_ms: u64,
}

impl<P: Policy> Default for Withheld<P> {
    fn default() -> Self {
        Self { entries: RefCell::default() }
    }
}

impl<P: Policy> Withheld<P> {
    /// Puts a request on the list. `false`: it cannot be held.
    pub(crate) fn add(&self, id: u32, stream: &Weak<RefCell<Stream<P>>>, ticker: &Ticker) -> bool {
        let Ok(mut entries) = self.entries.try_borrow_mut() else { return false };
        if entries.len() >= MAX_WITHHELD || !ticker.at_least_every(LOOK_MS) {
            return false;
        }
        entries.insert(id, Entry { stream: Weak::clone(stream), since_ms: now_ms() });
        true
    }

    /// Takes a request off the list.
    pub(crate) fn forget(&self, id: u32) {
        if let Ok(mut entries) = self.entries.try_borrow_mut() {
            entries.remove(&id);
        }
    }

    /// How often the list is to be looked at; `None`: nobody is on it.
    pub(crate) fn look_ms(&self) -> Option<u32> {
        let nobody = self.entries.try_borrow().is_ok_and(|entries| entries.is_empty());
        (!nobody).then_some(LOOK_MS)
    }

    /// Takes those off the list that have waited long enough.
    pub(crate) fn overdue(&self, now_ms: u64) -> Vec<Rc<RefCell<Stream<P>>>> {
        let Ok(mut entries) = self.entries.try_borrow_mut() else { return Vec::new() };
        // Also when the clock has gone back.
        let late = |entry: &Entry<P>| now_ms < entry.since_ms || now_ms - entry.since_ms >= WITHHELD_MS;
        let ids: Vec<u32> = entries.iter().filter(|(_, entry)| late(entry)).map(|(&id, _)| id).collect();
        ids.iter().filter_map(|id| entries.remove(id)?.stream.upgrade()).collect()
    }
}

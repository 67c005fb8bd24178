//! A document that one worker fetches for all of the process.
//!
//! Who fetches holds a lease in a shared slot; what he got stands in another, and every VM reads it when its generation
//! changes. A fetch that fails leaves the old document, and the lease keeps everybody from trying again too soon. Whatever a
//! client sends, there is at most one fetch in [`Timing::retry_ms`].

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::config::{Target, Timing};
use crate::host::{Call, CallId, CallResult, Host};
use crate::table::{Blob, Lease, Newer};

/// How much later than its timeout the end of a call may come, in milliseconds.
const CALL_MARGIN_MS: u64 = 1000;
/// The time of the fetch, before the document itself.
const TIME_BYTES: usize = 8;

/// A document elsewhere.
#[derive(Debug)]
pub(super) struct Remote {
    name: String,
    target: Target,
    timing: Timing,
    blob: Blob,
    lease: Lease,
    state: RefCell<State>,
    /// Counts what may end the wait of a request.
    news: Cell<u64>,
}

/// What this VM knows.
#[derive(Debug, Default)]
struct State {
    generation: Option<u64>,
    /// When the document was fetched, by whomever.
    fetched_ms: Option<u64>,
    body: Vec<u8>,
    pending: Option<CallId>,
    /// When this VM has last begun a fetch.
    tried_ms: Option<u64>,
    /// Somebody needs a newer document.
    wanted: bool,
    /// Until then nobody waits for a document: the last fetch has failed, or a request has waited in vain.
    hopeless_until_ms: u64,
}

/// How a fetch has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetch {
    /// The document is here; it may be the same as before.
    Good,
    /// There was none, or not one that can be used.
    Bad,
}

impl Remote {
    pub(super) fn new(name: &str, target: Target, timing: Timing) -> Self {
        Self {
            name: name.to_owned(),
            blob: Blob::new(name, timing.max_bytes.saturating_add(TIME_BYTES)),
            lease: Lease::new(&format!("{name}-lease")),
            target,
            timing,
            state: RefCell::default(),
            news: Cell::new(0),
        }
    }

    /// A number that is another one as soon as a request that waits for the document may wait no longer: it has come, or nobody
    /// waits for it any more.
    pub(super) fn news(&self) -> u64 {
        self.news.get()
    }

    fn tell(&self) {
        self.news.set(self.news.get().wrapping_add(1));
    }

    /// When the document that this VM has was fetched.
    pub(super) fn fetched_ms(&self) -> Option<u64> {
        self.state.borrow().fetched_ms
    }

    /// Whether there is a document that still counts.
    pub(super) fn counts(&self, now_ms: u64) -> bool {
        // A clock that went back makes nothing older.
        self.fetched_ms().is_some_and(|fetched_ms| now_ms.saturating_sub(fetched_ms) < self.timing.max_age_ms)
    }

    /// Whether a document may come soon, so that a request had better wait.
    pub(super) fn may_come(&self, now_ms: u64) -> bool {
        now_ms >= self.state.borrow().hopeless_until_ms
    }

    /// That a request has waited in vain: for a while none waits any more.
    pub(super) fn give_up(&self, now_ms: u64) {
        self.state.borrow_mut().hopeless_until_ms = now_ms.saturating_add(self.timing.retry_ms);
        self.tell();
    }

    /// Asks for a newer document; whether one may come. At most one fetch in [`Timing::retry_ms`] comes of it.
    pub(super) fn want(&self, now_ms: u64) -> bool {
        let mut state = self.state.borrow_mut();
        if now_ms < state.hopeless_until_ms {
            return false;
        }
        if state.pending.is_some() || state.wanted {
            return true;
        }
        let long_ago = |time: Option<u64>| time.is_none_or(|time| passed(now_ms, time, self.timing.retry_ms));
        state.wanted = long_ago(state.fetched_ms) && long_ago(state.tried_ms);
        state.wanted
    }

    /// Background work: reads what others have fetched, and fetches what is due. `adopt` takes a document that this VM has
    /// not seen, or says that it cannot.
    pub(super) fn tick(&self, host: &mut dyn Host, now_ms: u64, owner: u64, adopt: impl FnOnce(&[u8]) -> bool) {
        self.look(host, adopt);
        if self.is_due(now_ms) {
            self.fetch(host, now_ms, owner);
        }
    }

    fn look(&self, host: &mut dyn Host, adopt: impl FnOnce(&[u8]) -> bool) {
        let known = self.state.borrow().generation;
        let Ok(Newer::Changed { generation, bytes }) = self.blob.read_if_newer(host, known) else { return };
        let Some((time, body)) = bytes.split_first_chunk::<TIME_BYTES>() else { return };
        let mut state = self.state.borrow_mut();
        state.generation = Some(generation);
        let seen = state.fetched_ms.is_some() && state.body == body;
        if !seen && !adopt(body) {
            return;
        }
        state.body = body.to_vec();
        state.fetched_ms = Some(u64::from_le_bytes(*time));
        state.wanted = false;
        state.hopeless_until_ms = 0;
        self.tell();
    }

    fn is_due(&self, now_ms: u64) -> bool {
        let state = self.state.borrow();
        let tried_before = |span_ms| state.tried_ms.is_none_or(|time| passed(now_ms, time, span_ms));
        // A call whose end never comes must not stop all others.
        let over = state.pending.is_none() || tried_before(self.call_ms());
        if !over || !tried_before(self.timing.retry_ms) {
            return false;
        }
        let Some(fetched_ms) = state.fetched_ms else { return true };
        if state.wanted && passed(now_ms, fetched_ms, self.timing.retry_ms) {
            return true;
        }
        // Up to a tenth sooner: the same for all workers, another for each gateway.
        let mut hasher = DefaultHasher::new();
        (&self.name, fetched_ms).hash(&mut hasher);
        let jitter_ms = hasher.finish() % (self.timing.refresh_ms / 10 + 1);
        passed(now_ms, fetched_ms, self.timing.refresh_ms.saturating_sub(jitter_ms))
    }

    /// How long a call takes at most.
    fn call_ms(&self) -> u64 {
        u64::from(self.timing.timeout_ms).saturating_add(CALL_MARGIN_MS)
    }

    fn fetch(&self, host: &mut dyn Host, now_ms: u64, owner: u64) {
        if !self.lease.try_acquire(host, now_ms, self.timing.retry_ms.max(self.call_ms()), owner) {
            return;
        }
        let call = Call {
            cluster: &self.target.cluster,
            authority: &self.target.authority,
            path: &self.target.path,
            headers: &[("accept", "application/json")],
            timeout_ms: self.timing.timeout_ms,
            max_body_bytes: self.timing.max_bytes,
        };
        let pending = host.call(&call);
        let mut state = self.state.borrow_mut();
        state.tried_ms = Some(now_ms);
        state.pending = pending;
        if pending.is_none() {
            self.tell();
            state.wanted = false;
            state.hopeless_until_ms = now_ms.saturating_add(self.timing.retry_ms);
        }
    }

    /// The end of a call; `None` when it is not of this document. `adopt` takes the document, or says that it cannot.
    pub(super) fn call_result(
        &self,
        id: CallId,
        result: &CallResult,
        host: &mut dyn Host,
        now_ms: u64,
        adopt: impl FnOnce(&[u8]) -> bool,
    ) -> Option<Fetch> {
        if self.state.borrow().pending != Some(id) {
            return None;
        }
        let body = match result {
            CallResult::Answered { status: 200, body } if body.len() <= self.timing.max_bytes => Some(body),
            CallResult::Answered { .. } | CallResult::TooLong | CallResult::Failed => None,
        };
        let known = self.state.borrow().fetched_ms.is_some();
        let good = body.filter(|body| known && self.state.borrow().body == **body || adopt(body));
        let mut state = self.state.borrow_mut();
        self.tell();
        state.pending = None;
        state.wanted = false;
        let Some(body) = good else {
            state.hopeless_until_ms = now_ms.saturating_add(self.timing.retry_ms);
            return Some(Fetch::Bad);
        };
        state.fetched_ms = Some(now_ms);
        state.hopeless_until_ms = 0;
        state.body.clone_from(body);
        // Where it cannot be shared, each VM fetches for itself.
        let _ = self.blob.publish(host, now_ms, &[&now_ms.to_le_bytes(), body.as_slice()].concat());
        Some(Fetch::Good)
    }
}

/// Whether so much time has passed; also when the clock went back behind `since_ms`.
fn passed(now_ms: u64, since_ms: u64, span_ms: u64) -> bool {
    now_ms < since_ms || now_ms.saturating_sub(since_ms) >= span_ms
}

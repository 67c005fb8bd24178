//! The keys that count now.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{KeySet, Origin};
use crate::jwt_auth::remote::Remote;
use crate::signature::Algorithm;

/// A provider's keys, and which generation of them: what was verified with another one counts no more.
#[derive(Debug)]
pub(in crate::jwt_auth) struct Ring {
    set: RefCell<Option<Rc<KeySet>>>,
    generation: Cell<u32>,
    remote: Option<Remote>,
}

impl Ring {
    /// Keys from the configuration.
    pub(in crate::jwt_auth) fn fixed(set: KeySet) -> Self {
        Self { set: RefCell::new(Some(Rc::new(set))), generation: Cell::new(0), remote: None }
    }

    /// Keys that are fetched.
    pub(in crate::jwt_auth) fn remote(remote: Remote) -> Self {
        Self { set: RefCell::default(), generation: Cell::new(0), remote: Some(remote) }
    }

    /// Where they are fetched.
    pub(in crate::jwt_auth) fn source(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Takes a set that was fetched, here or by another worker; false when it cannot be used, and the old one stays.
    pub(in crate::jwt_auth) fn adopt(&self, text: &[u8]) -> bool {
        // The fetch has bounded it.
        let Ok(set) = KeySet::read(text, text.len(), Origin::Remote) else { return false };
        self.set.replace(Some(Rc::new(set)));
        self.generation.set(self.generation.get().wrapping_add(1));
        true
    }

    /// The set, with its generation; `None` without one, and when it is too old.
    pub(in crate::jwt_auth) fn now(&self, now_ms: u64) -> Option<(Rc<KeySet>, u32)> {
        let generation = self.generation(now_ms)?;
        self.set.borrow().as_ref().map(|set| (Rc::clone(set), generation))
    }

    /// The generation that counts.
    pub(in crate::jwt_auth) fn generation(&self, now_ms: u64) -> Option<u32> {
        let counts = self.remote.as_ref().is_none_or(|remote| remote.counts(now_ms));
        counts.then(|| self.generation.get())
    }

    /// Whether secrets stand in the configuration itself.
    pub(in crate::jwt_auth) fn is_secret_in_config(&self) -> bool {
        self.set.borrow().as_ref().is_some_and(|set| set.has_inline_secrets())
    }

    /// Whether tokens of this algorithm must name their key.
    pub(in crate::jwt_auth) fn needs_kid(&self, algorithm: Algorithm) -> bool {
        self.set.borrow().as_ref().is_some_and(|set| set.needs_kid(algorithm))
    }

    /// Keys of the set that are left out.
    pub(in crate::jwt_auth) fn skipped(&self) -> usize {
        self.set.borrow().as_ref().map_or(0, |set| set.skipped)
    }
}

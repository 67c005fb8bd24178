//! The host as a block sees it: counters, slots and calls of its own, and what the blocks before it have left.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Shared;
use crate::audit::Audit;
use crate::host::{Call, CallId, Check, GrpcCall, Host, Slot, Written};
use crate::identity::Identity;

/// Which block each call without a result belongs to.
#[derive(Debug, Default)]
pub(super) struct Calls(RefCell<BTreeMap<CallId, usize>>);

impl Calls {
    /// A call of the block at this place.
    fn begin(&self, id: CallId, at: usize) {
        self.0.borrow_mut().insert(id, at);
    }

    /// Whose call has ended.
    pub(super) fn end(&self, id: CallId) -> Option<usize> {
        self.0.borrow_mut().remove(&id)
    }
}

/// What blocks know together, so that the host is asked once.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// The time of the callback.
    now_ms: Option<Option<u64>>,
    /// The client's address.
    address: Option<Option<Vec<u8>>>,
    /// Who is calling, as jwt-auth has left it.
    identity: Option<Rc<Identity>>,
    /// Whether the request's head passes blocks when its body has come: nobody can wait then.
    pub(super) late: bool,
    /// What blocks have left in filter state.
    left: Vec<(String, Vec<u8>)>,
}

impl Memo {
    /// Another callback begins.
    pub(super) fn begin(&mut self) {
        self.now_ms = None;
    }
}

/// The host for one block.
pub(super) struct BlockHost<'a> {
    host: &'a mut dyn Host,
    shared: &'a Shared,
    at: usize,
    memo: &'a mut Memo,
    answer: Answer,
}

/// Whose answer a response step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// As the host says.
    Any,
    /// A block's reply: no portal made it, whatever the host knows of one.
    OfBlock,
}

impl<'a> BlockHost<'a> {
    pub(super) fn new(host: &'a mut dyn Host, shared: &'a Shared, at: usize, memo: &'a mut Memo) -> Self {
        Self { host, shared, at, memo, answer: Answer::Any }
    }

    /// The same for a reply of another block.
    pub(super) fn for_reply(self) -> Self {
        Self { answer: Answer::OfBlock, ..self }
    }

    fn name(&self) -> &'static str {
        self.shared.blocks.get(self.at).map_or("", |placed| placed.block.name())
    }

    /// Does something with the name of a slot of the block's own.
    fn keyed<T>(&mut self, key: &str, act: impl FnOnce(&mut dyn Host, &str) -> T) -> T {
        let mut own = self.shared.key.try_borrow_mut().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default();
        own.clear();
        for part in [self.name(), "/", key] {
            own.push_str(part);
        }
        let done = act(&mut *self.host, &own);
        if let Ok(mut kept) = self.shared.key.try_borrow_mut() {
            *kept = own;
        }
        done
    }
}

// A default that is not handed on would be lost to every block.
#[deny(clippy::missing_trait_methods)]
impl Host for BlockHost<'_> {
    fn now_ms(&mut self) -> Option<u64> {
        let host = &mut *self.host;
        *self.memo.now_ms.get_or_insert_with(|| host.now_ms())
    }

    fn random(&mut self) -> Option<u64> {
        self.host.random()
    }

    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        let host = &mut *self.host;
        match (path, self.answer) {
            (["response", "code_details"], Answer::OfBlock) => None,
            (["upstream", "request_attempt_count"], Answer::OfBlock) => Some(0_u64.to_le_bytes().to_vec()),
            (["source", "address"], _) => self.memo.address.get_or_insert_with(|| host.attribute(path)).clone(),
            ([state], _) => {
                let left = self.memo.left.iter().rev().find(|(name, _)| name == state);
                left.map(|(_, value)| value.clone()).or_else(|| host.attribute(path))
            }
            (_, _) => host.attribute(path),
        }
    }

    fn leave(&mut self, name: &str, value: &[u8]) {
        self.memo.left.retain(|(given, _)| given != name);
        self.memo.left.push((name.to_owned(), value.to_vec()));
        self.host.leave(name, value);
    }

    fn leave_identity(&mut self, identity: &Rc<Identity>, record: &[u8]) {
        self.memo.identity = Some(Rc::clone(identity));
        // For other filters and the access log.
        self.host.leave_identity(identity, record);
    }

    fn identity(&mut self) -> Option<Rc<Identity>> {
        self.memo.identity.clone()
    }

    fn count(&mut self, counter: usize, by: u64) {
        let first = self.shared.blocks.get(self.at).map_or(0, |placed| placed.first_counter);
        self.host.count(first.saturating_add(counter), by);
    }

    fn note(&mut self, line: &str) {
        self.host.note(line);
    }

    fn audit(&mut self, audit: &Audit) {
        self.host.audit(audit);
    }

    fn audit_borrowed(&mut self, audit: &Audit<&str>) {
        self.host.audit_borrowed(audit);
    }

    fn slot(&mut self, key: &str) -> Option<Slot> {
        self.keyed(key, |host, own| host.slot(own))
    }

    fn recall(&mut self, key: &str) -> Option<Slot> {
        self.keyed(key, |host, own| host.recall(own))
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        self.keyed(key, |host, own| host.set_slot(own, bytes, stamp))
    }

    fn call(&mut self, call: &Call<'_>) -> Option<CallId> {
        let id = self.host.call(call)?;
        self.shared.calls.begin(id, self.at);
        Some(id)
    }

    fn grpc(&mut self, call: &GrpcCall<'_>) -> Option<CallId> {
        let id = self.host.grpc(call)?;
        self.shared.calls.begin(id, self.at);
        Some(id)
    }

    fn can_wait(&mut self) -> bool {
        !self.memo.late && self.host.can_wait()
    }

    fn verify(&mut self, check: &Check<'_>) -> Option<bool> {
        self.host.verify(check)
    }
}

impl Calls {
    /// How many have no result.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.0.borrow().len()
    }
}

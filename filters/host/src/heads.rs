//! Heads that wait for their bodies, and answers that wait for a tick.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use lockgate::exchange::Side;
use proxy_wasm::hostcalls;

use crate::ticker::{SOON_MS, Ticker, now_ms};

/// How long a head waits for the first byte of its body, in milliseconds; one tick more at most.
const HEAD_WAIT_MS: u64 = 100;
/// How often waiting heads are looked at, while there are any, in milliseconds.
const LOOK_MS: u32 = 50;
/// A body byte this soon after its head was released had been waiting for the release, in milliseconds.
const AT_ONCE_MS: u64 = 2;

/// The heads that wait for their bodies.
///
/// Whether a paused head lets its body through to us is a setting of the plugin that no filter can read
/// (`allow_on_headers_stop_iteration`). So no head waits longer than [`HEAD_WAIT_MS`], and the plugin learns: a body
/// that comes while its head waits says yes; one that comes at once when its head is released says no, and then no
/// further head waits.
#[derive(Default)]
pub(crate) struct Heads {
    waiting: RefCell<BTreeMap<(u32, Side), u64>>,
    /// The head released last, and when.
    released: Cell<Option<((u32, Side), u64)>>,
    bodies: Cell<Bodies>,
    /// Exchanges whose answer goes on at the next tick, all of it judged.
    settled: RefCell<BTreeSet<u32>>,
}

/// What is known of bodies whose heads wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bodies {
    #[default]
    Unknown,
    Come,
    StayBehind,
}

impl Heads {
    /// What is known so far.
    pub(crate) fn bodies(&self) -> Bodies {
        self.bodies.get()
    }

    /// Whether this head is to wait; if so it is on the list.
    pub(crate) fn wait(&self, id: u32, side: Side, ticker: &Ticker) -> bool {
        if self.bodies.get() == Bodies::StayBehind {
            return false;
        }
        let Ok(mut waiting) = self.waiting.try_borrow_mut() else { return false };
        if !ticker.at_least_every(LOOK_MS) {
            return false;
        }
        waiting.insert((id, side), now_ms());
        true
    }

    /// A byte or the end of the body has come; `held` while its head waits.
    pub(crate) fn body_came(&self, id: u32, side: Side, held: bool) {
        if held {
            self.bodies.set(Bodies::Come);
            self.forget(id, side);
        } else if self.bodies.get() == Bodies::Unknown
            && let Some((head, at)) = self.released.take()
            && head == (id, side)
            && now_ms().saturating_sub(at) <= AT_ONCE_MS
        {
            self.bodies.set(Bodies::StayBehind);
        }
    }

    /// Whether this head still waits.
    pub(crate) fn waits(&self, id: u32, side: Side) -> bool {
        self.waiting.try_borrow().is_ok_and(|waiting| waiting.contains_key(&(id, side)))
    }

    /// Takes a head off the list.
    pub(crate) fn forget(&self, id: u32, side: Side) {
        let Ok(mut waiting) = self.waiting.try_borrow_mut() else { return };
        // The next tick stops the ticking when nothing waits: under load that spares two host calls an exchange.
        waiting.remove(&(id, side));
    }

    /// Lets an answer go on at the next tick, unless [`Heads::unsettle`] comes first. `false`: there is no tick.
    pub(crate) fn settle(&self, id: u32, ticker: &Ticker) -> bool {
        let Ok(mut settled) = self.settled.try_borrow_mut() else { return false };
        if !ticker.at_least_every(SOON_MS) {
            return false;
        }
        settled.insert(id);
        true
    }

    /// Whether the answer of this exchange still waits for the tick.
    pub(crate) fn is_settled(&self, id: u32) -> bool {
        self.settled.try_borrow().is_ok_and(|settled| settled.contains(&id))
    }

    /// The answer of this exchange is not to be let go: it goes by itself, or not at all.
    pub(crate) fn unsettle(&self, id: u32) {
        if let Ok(mut settled) = self.settled.try_borrow_mut() {
            settled.remove(&id);
        }
    }

    /// How often heads are to be looked at; `None`: none waits.
    pub(crate) fn look_ms(&self) -> Option<u32> {
        let nobody = self.waiting.try_borrow().is_ok_and(|waiting| waiting.is_empty());
        (!nobody).then_some(LOOK_MS)
    }

    /// Lets go what has waited long enough.
    pub(crate) fn release(&self, now: u64) {
        self.release_settled();
        self.release_overdue(now);
    }

    fn release_settled(&self) {
        let settled =
            self.settled.try_borrow_mut().map(|mut settled| std::mem::take(&mut *settled)).unwrap_or_default();
        for id in settled {
            let resumed = hostcalls::set_effective_context(id).and_then(|()| hostcalls::resume_http_response());
            if let Err(status) = resumed {
                log::warn!("resume response of {id}: {status:?}");
            }
        }
    }

    fn release_overdue(&self, now: u64) {
        let overdue: Vec<(u32, Side)> = match self.waiting.try_borrow_mut() {
            Err(_) => return,
            Ok(mut waiting) => {
                let overdue: Vec<_> = waiting
                    .iter()
                    // Also when the clock has gone back.
                    .filter(|&(_, &since)| now.saturating_sub(since) >= HEAD_WAIT_MS || now < since)
                    .map(|(&head, _)| head)
                    .collect();
                overdue.iter().for_each(|head| {
                    waiting.remove(head);
                });
                overdue
            }
        };
        for (id, side) in overdue {
            let resumed = hostcalls::set_effective_context(id).and_then(|()| match side {
                Side::Request => hostcalls::resume_http_request(),
                Side::Response => hostcalls::resume_http_response(),
            });
            match resumed {
                Ok(()) => self.released.set(Some(((id, side), now))),
                Err(status) => log::warn!("resume {side:?} of {id}: {status:?}"),
            }
        }
    }
}

//! Limits that several gateways share: hits are leased from a rate-limit service and spent here.
//!
//! The service speaks Envoy's own protocol (`envoy.service.ratelimit.v3`), so what serves Envoy serves here; its window holds.
//! A request spends of its key's lease, which stands in the [bounded table](crate::table) for all workers of the process
//! ([`Counters::ask`](crate::table::Counters::ask) has the rules of its size and its end). Where there is none, the exchange
//! leaves a wish and waits; the next tick asks, as calls belong to the VM. Where little is left, it leaves the wish and goes on.
//!
//! # How much is admitted
//!
//! Let `L` be the limit at the service, `G` the number of gateways (processes), and `B` the most that is left of a lease
//! ([`Terms::most_left`]: the largest lease and a quarter).
//!
//! - What is spent was granted, and what is granted in one window of the service is at most `L`. So in any `n` windows together at
//!   most `n · L + G · B` is admitted: what was granted before the first of them and was left.
//! - A lease ends with its window, but what the last second of a window grants, or what is left when a new window grants more,
//!   is spent at most [`MAX_SPILL_MS`](crate::table::MAX_SPILL_MS) later (and as long as the answer was under way), or with the
//!   new lease. So in one window at most
//!   `L + G · B` is admitted.
//! - In the other direction, what is leased and not spent when its window ends is lost, at most `B` a gateway, and so is what a
//!   failed call had been granted. A refused lease may have used up what the service had left, at most one lease a gateway and
//!   window. So a window admits at least `L − 2 · G · B` if so many come and no call fails.
//! - While the service is out of reach, `on_error` holds: with `local` each gateway admits `L` in a sliding window of its own.
//!
//! # When the service fails
//!
//! A request waits at most `timeout_ms`. That of the [`MAX_PENDING`] calls none was left for it in the first half of that says nothing about
//! the service: it is one too many, as if there had been no place to wait. After so many failures in a row the [`Circuit`] of this VM is open: nobody waits, and
//! nobody asks, until a single call has been answered again. A service that answers, and has no limit for this descriptor, has not
//! failed: `on_error` holds for that lease, which nobody asks for for a second.

mod circuit;
mod config;
mod descriptor;
mod message;
#[cfg(test)]
mod tests;
mod wishes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use self::circuit::{Admits, Circuit};
use self::message::{Error, Said, frame, read, request};
use self::wishes::{State, Wishes};
use super::counters::{Counters, Service as Counted};
use super::key::Plan;
use crate::host::{CallId, CallResult, GrpcCall, Host};
use crate::table::{self, Answer, Ask, number_of_vm};

pub(super) use self::config::{OnError, Shared, SharedWire};
pub(super) use self::descriptor::descriptor;
pub(super) use self::wishes::{Prospect, Wish};

pub use self::config::{
    DEFAULT_CIRCUIT_FAILURES, DEFAULT_CIRCUIT_OPEN_MS, DEFAULT_LEASE_PERIOD_MS, DEFAULT_SERVICE_TIMEOUT_MS,
    MAX_CIRCUIT_FAILURES, MAX_CIRCUIT_OPEN_MS, MAX_LEASE_PERIOD_MS, MAX_SERVICE_TEXT_BYTES, MAX_SERVICE_TIMEOUT_MS,
};
pub use self::message::MAX_RESPONSE_BYTES;
pub use self::wishes::{MAX_PENDING, MAX_WAITING, MAX_WISHES};

/// How often wishes are looked at, in milliseconds. Requests that wait make it sooner.
pub(super) const TICK_MS: u32 = 25;
/// How much later than its timeout the end of a call may come, in milliseconds.
const CALL_MARGIN_MS: u64 = 1_000;
/// The method that is called.
const METHOD: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

/// The service as one VM sees it.
#[derive(Debug)]
pub(super) struct Service {
    shared: Shared,
    /// This VM's number.
    owner: Cell<u64>,
    circuit: RefCell<Circuit>,
    wishes: RefCell<Wishes>,
    /// For each policy, how many requests wait for a lease of it.
    waiting: Rc<[Cell<usize>]>,
    /// The most of them.
    places: usize,
}

/// A request that waits; dropped when it does no more.
#[derive(Debug)]
pub(super) struct Waiting {
    all: Rc<[Cell<usize>]>,
    /// The policies among whose requests it has a place.
    policies: Vec<usize>,
    /// Since when.
    since_ms: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        for count in self.policies.iter().filter_map(|&policy| self.all.get(policy)) {
            count.set(count.get().saturating_sub(1));
        }
    }
}

impl Service {
    /// One for so many policies, `sharing` of which are shared: no policy takes the others' places.
    pub(super) fn new(shared: &Shared, policies: usize, sharing: usize) -> Self {
        let sharing = sharing.max(1);
        Self {
            shared: shared.clone(),
            owner: Cell::new(0),
            circuit: RefCell::new(Circuit::new(shared.circuit)),
            wishes: RefCell::new(Wishes::new(MAX_WISHES / sharing)),
            waiting: (0..policies).map(|_| Cell::new(0)).collect(),
            places: MAX_WAITING / sharing,
        }
    }

    pub(super) fn start(&self, host: &mut dyn Host) {
        self.owner.set(number_of_vm(host));
    }

    pub(super) fn on_error(&self) -> OnError {
        self.shared.on_error
    }

    /// Leaves a wish; what a request that cannot go on without it may hope for.
    pub(super) fn want(&self, now_ms: u64, wish: Wish) -> Prospect {
        match self.wishes.borrow_mut().want(now_ms, wish) {
            _ if !self.circuit.borrow().is_closed() => Prospect::Hopeless,
            Some(round) => Prospect::Waits { round, asked_ms: None },
            None => Prospect::Crowded,
        }
    }

    /// What a request that has waited for this lease in this round may hope for now.
    pub(super) fn prospect(&self, wish: &Wish, round: Option<u64>) -> Prospect {
        if round.is_some() && !self.circuit.borrow().is_closed() {
            return Prospect::Hopeless;
        }
        self.wishes.borrow().prospect(wish.supply.lease, round)
    }

    /// A request that waits, without a place yet.
    pub(super) fn wait(&self, now_ms: u64) -> Waiting {
        Waiting { all: Rc::clone(&self.waiting), policies: Vec::new(), since_ms: now_ms }
    }

    /// Whether a request has a place among those that wait for this policy's leases. Else too many do.
    pub(super) fn has_place(&self, waiting: &mut Waiting, policy: usize) -> bool {
        if waiting.policies.contains(&policy) {
            return true;
        }
        let Some(count) = self.waiting.get(policy).filter(|count| count.get() < self.places) else { return false };
        count.set(count.get().saturating_add(1));
        waiting.policies.push(policy);
        true
    }

    /// Whether a request has waited long enough; also when the clock went back.
    pub(super) fn is_over(&self, waiting: &Waiting, now_ms: u64) -> bool {
        let waited_ms = now_ms.checked_sub(waiting.since_ms);
        waited_ms.is_none_or(|waited_ms| waited_ms >= u64::from(self.shared.timeout_ms))
    }

    /// Whether the service has had time for an answer that it was asked for then: half of what a request waits.
    pub(super) fn had_time(&self, asked_ms: Option<u64>, now_ms: u64) -> bool {
        asked_ms.is_some_and(|asked_ms| now_ms.saturating_sub(asked_ms) >= u64::from(self.shared.timeout_ms / 2))
    }

    /// Background work: asks for what is wanted.
    pub(super) fn tick(&self, plans: &[Plan], counters: &Counters, host: &mut dyn Host) {
        let Some(now_ms) = host.now_ms() else { return };
        if self.wishes.borrow().is_empty() {
            return;
        }
        let overdue = self.wishes.borrow_mut().overdue(now_ms, self.call_ms());
        for wish in overdue {
            self.failed(now_ms, counters, host);
            self.put_down(&wish, (now_ms, 0), Answer::Failed, plans, now_ms, host);
        }
        self.wishes.borrow_mut().forget(now_ms, self.call_ms());
        self.ask(now_ms, plans, counters, host);
    }

    /// The end of a call; `false` when it is none of ours.
    pub(super) fn call_result(
        &self,
        id: CallId,
        result: &CallResult,
        plans: &[Plan],
        counters: &Counters,
        host: &mut dyn Host,
    ) -> bool {
        let ended = self.wishes.borrow().of_call(id);
        let Some((wish, sent_ms, hits)) = ended else { return false };
        let now_ms = host.now_ms().unwrap_or(sent_ms);
        let said = match result {
            CallResult::Answered { status: 200, body } => read(body),
            CallResult::Answered { .. } | CallResult::TooLong | CallResult::Failed => Err(Error::Frame),
        };
        let answer = match said {
            Ok(said) => {
                let (answer, counted) = match said {
                    Said::Granted { remaining, reset_ms } => {
                        (Answer::Granted { remaining, reset_ms }, Counted::Granted)
                    }
                    Said::Refused { reset_ms } => (Answer::Refused { reset_ms }, Counted::Refused),
                };
                self.circuit.borrow_mut().succeeded();
                host.count(counters.service(counted), 1);
                self.wishes.borrow_mut().remove(&wish);
                answer
            }
            // It lives: that it cannot say this says nothing about other policies.
            Err(Error::NoLimit | Error::Unknown) => {
                self.circuit.borrow_mut().succeeded();
                host.count(counters.service(Counted::Failed), 1);
                self.wishes.borrow_mut().set(&wish, State::Unanswerable { at_ms: now_ms });
                Answer::Failed
            }
            Err(Error::Frame | Error::Wire | Error::Statuses) => {
                self.failed(now_ms, counters, host);
                self.fail(&wish, now_ms);
                Answer::Failed
            }
        };
        self.put_down(&wish, (sent_ms, hits), answer, plans, now_ms, host);
        self.ask(now_ms, plans, counters, host);
        true
    }

    /// How long a call takes at most.
    fn call_ms(&self) -> u64 {
        u64::from(self.shared.timeout_ms).saturating_add(CALL_MARGIN_MS)
    }

    fn failed(&self, now_ms: u64, counters: &Counters, host: &mut dyn Host) {
        host.count(counters.service(Counted::Failed), 1);
        if self.circuit.borrow_mut().failed(now_ms) {
            host.count(counters.service(Counted::CircuitOpened), 1);
        }
    }

    /// Those that wait for it learn that it does not come.
    fn fail(&self, wish: &Wish, now_ms: u64) {
        self.wishes.borrow_mut().set(wish, State::Failed { at_ms: now_ms });
    }

    /// Writes down what came of asking. What cannot be written is lost.
    fn put_down(
        &self,
        wish: &Wish,
        asked: (u64, u32),
        answer: Answer,
        plans: &[Plan],
        now_ms: u64,
        host: &mut dyn Host,
    ) {
        if let Some(plan) = plans.get(wish.plan) {
            let owner = self.owner.get();
            let _ = plan.table.answered(host, now_ms, wish.supply, &wish.terms, owner, asked, answer);
        }
    }

    /// Asks for what is wanted, as far as calls are free and the circuit lets it.
    fn ask(&self, now_ms: u64, plans: &[Plan], counters: &Counters, host: &mut dyn Host) {
        let wanted = self.wishes.borrow_mut().wanted();
        for wish in wanted {
            if self.circuit.borrow().admits(now_ms) == Admits::Nothing {
                self.fail(&wish, now_ms);
                continue;
            }
            let Some(plan) = plans.get(wish.plan) else { continue };
            let owner = self.owner.get();
            let ask = plan.table.ask(host, now_ms, wish.supply, &wish.terms, wish.need, owner, self.call_ms());
            let hits = match ask {
                Ok(Ask::For { hits }) => hits,
                // Another worker's answer, or the next tick, will do.
                Ok(Ask::Asked) | Err(table::Error::Contended) => {
                    self.wishes.borrow_mut().is_asked(&wish, now_ms);
                    continue;
                }
                Ok(Ask::Enough | Ask::Dry) => {
                    self.wishes.borrow_mut().remove(&wish);
                    continue;
                }
                Err(_) => {
                    self.fail(&wish, now_ms);
                    continue;
                }
            };
            self.circuit.borrow_mut().asks(now_ms, self.call_ms());
            host.count(counters.service(Counted::Asked), 1);
            let body = frame(&request(&self.shared.domain, &wish.descriptor, hits));
            let call = GrpcCall {
                cluster: &self.shared.cluster,
                authority: &self.shared.authority,
                method: METHOD,
                body: &body,
                timeout_ms: self.shared.timeout_ms,
                max_body_bytes: MAX_RESPONSE_BYTES,
            };
            match host.grpc(&call) {
                Some(call) => self.wishes.borrow_mut().set(&wish, State::Pending { call, sent_ms: now_ms, hits }),
                None => {
                    self.failed(now_ms, counters, host);
                    self.fail(&wish, now_ms);
                    self.put_down(&wish, (now_ms, hits), Answer::Failed, plans, now_ms, host);
                }
            }
        }
    }
}

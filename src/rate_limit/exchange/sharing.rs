//! Shared policies: what is leased is spent; what is not is wished for, and the request waits or is decided without it.

use super::Exchange;
use super::judge::{Asked, By, Rule, found};
use super::report::Who;
use crate::rate_limit::Shared;
use crate::rate_limit::config::{Measured, Mode, Phase};
use crate::rate_limit::counters::{Beside, Service as Counted};
use crate::rate_limit::error::Reason;
use crate::rate_limit::key::Caller;
use crate::rate_limit::shared::{OnError, Prospect, Service, Waiting, Wish, descriptor};
use crate::table::{Charged, Found, Seed, Supply, Verdict};

/// How far a request has come with its shared policies.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    phases: &'static [Phase],
    /// How many failures the phases before may count for.
    failures: usize,
    /// Whether it was measured in this phase, so that floods have counted it.
    step: Step,
    /// The policies that are decided without the service, and how.
    without: Vec<(usize, OnError)>,
    waiting: Option<Waiting>,
    /// For which policies' leases, and in which round of asking.
    rounds: Vec<(usize, u64)>,
}

/// How often this phase was gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// Not once.
    #[default]
    First,
    /// Measured, and in the same callback still.
    Measured,
    /// Asked again, after it has waited.
    Again,
}

/// Why policies are decided without the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// It has not answered, or nobody can wait for it.
    Answer,
    /// Too many wait here, or want a call.
    Crowded,
}

impl Sharing {
    /// A phase begins.
    pub(super) fn begin(&mut self, phases: &'static [Phase], failures: usize) {
        (self.phases, self.failures, self.step) = (phases, failures, Step::First);
    }

    /// It waits no more.
    pub(super) fn goes_on(&mut self) {
        self.waiting = None;
        self.rounds.clear();
    }

    pub(super) fn phases(&self) -> &'static [Phase] {
        self.phases
    }

    /// Whether this phase has not waited.
    pub(super) fn is_first(&self) -> bool {
        self.step != Step::Again
    }

    pub(super) fn failures(&self) -> usize {
        self.failures
    }

    pub(super) fn measured(&mut self) {
        if self.step == Step::First {
            self.step = Step::Measured;
        }
    }

    /// How a rule measures; `None`: it does not.
    pub(super) fn by(&self, asked: &Asked<'_>) -> Option<By> {
        match asked.rule {
            Rule::Policy(..) => match self.without.iter().find(|(policy, _)| *policy == asked.at) {
                None => Some(By::Lease),
                Some((_, OnError::Local)) => Some(By::Count),
                Some((_, OnError::Allow | OnError::Deny)) => None,
            },
            Rule::Penalty(_) if self.step == Step::First => Some(By::Count),
            Rule::Penalty(_) => Some(By::CountedFlood),
        }
    }
}

impl Exchange {
    /// Charges a request; `None`: it waits for a lease. Ends: each time round another policy is decided without the service.
    pub(super) fn measure_shared<'a>(
        &mut self,
        shared: &'a Shared,
        asked: &mut [Asked<'a>],
        caller: &mut Caller<'_>,
    ) -> Result<Option<Charged>, Reason> {
        let now_ms = caller.host.now_ms().ok_or(Reason::NoClock)?;
        let seed = shared.seed(caller.head, now_ms, caller.host)?;
        let Some(service) = &shared.service else {
            return self.measure(shared, asked, caller, (&seed, now_ms)).map(Some);
        };
        for _ in 0..=asked.len() {
            let charged = self.measure(shared, asked, caller, (&seed, now_ms))?;
            let found = || found(asked, &charged);
            let acts = |asked: &Asked<'_>| asked.rule.mode() == Mode::Enforce;
            let refused = |(asked, found): (&Asked<'_>, &Found)| {
                acts(asked) && matches!(found, Found::Over(_) | Found::Blocked { .. })
            };
            if charged.verdict == Verdict::Refused && found().any(refused) {
                self.sharing.goes_on();
                return Ok(Some(charged));
            }
            let mut empty = Vec::new();
            for (asked, found) in found() {
                match found {
                    Found::Empty if acts(asked) => empty.push(*asked),
                    // The request goes on, whatever comes of it.
                    Found::Empty | Found::Leased { low: true, .. } => {
                        let wish = wish(shared, asked, caller, &seed);
                        let _: Option<Prospect> = wish.map(|wish| service.want(now_ms, Wish { need: 0, ..wish }));
                    }
                    Found::Leased { low: false, .. }
                    | Found::Within(_)
                    | Found::Over(_)
                    | Found::Blocked { .. }
                    | Found::Free => {}
                }
            }
            if empty.is_empty() {
                self.sharing.goes_on();
                return Ok(Some(charged));
            }
            let why = match self.waits(service, shared, &empty, caller, (&seed, now_ms)) {
                Ok(()) => {
                    self.sharing.step = Step::Again;
                    self.failures.truncate(self.sharing.failures);
                    return Ok(None);
                }
                Err(why) => why,
            };
            let on_error = match (service.on_error(), why) {
                // Whoever makes many wait must not so get rid of a limit.
                (OnError::Allow, Without::Crowded) => OnError::Deny,
                (on_error, Without::Crowded | Without::Answer) => on_error,
            };
            for asked in empty {
                self.go_without((on_error, why), shared, &asked, caller)?;
            }
        }
        // Never: nothing is empty that is decided without the service.
        Err(Reason::NoService)
    }

    /// Whether the request waits for what is not leased.
    ///
    /// # Errors
    /// Why all of it is decided without the service.
    fn waits(
        &mut self,
        service: &Service,
        shared: &Shared,
        empty: &[Asked<'_>],
        caller: &mut Caller<'_>,
        (seed, now_ms): (&Seed, u64),
    ) -> Result<(), Without> {
        if !caller.host.can_wait() {
            for asked in empty {
                // For those that come later.
                let wish = wish(shared, asked, caller, seed);
                let _: Option<Prospect> = wish.map(|wish| service.want(now_ms, Wish { need: 0, ..wish }));
            }
            return Err(Without::Answer);
        }
        let is_over = self.sharing.waiting.as_ref().is_some_and(|waiting| service.is_over(waiting, now_ms));
        for asked in empty {
            let Some(wish) = wish(shared, asked, caller, seed) else { return Err(Without::Answer) };
            let mine = self.sharing.rounds.iter().position(|(policy, _)| *policy == asked.at);
            let mine = mine.map(|place| self.sharing.rounds.swap_remove(place).1);
            let prospect = match service.prospect(&wish, mine) {
                Prospect::Over => service.want(now_ms, wish),
                prospect @ (Prospect::Waits { .. } | Prospect::Hopeless | Prospect::Crowded) => prospect,
            };
            match prospect {
                Prospect::Waits { round, .. } if !is_over => self.sharing.rounds.push((asked.at, round)),
                Prospect::Waits { asked_ms, .. } if !service.had_time(asked_ms, now_ms) => {
                    return Err(Without::Crowded);
                }
                Prospect::Crowded => return Err(Without::Crowded),
                Prospect::Waits { .. } | Prospect::Over | Prospect::Hopeless => {
                    return Err(Without::Answer);
                }
            }
        }
        let waiting = self.sharing.waiting.get_or_insert_with(|| service.wait(now_ms));
        match empty.iter().all(|asked| service.has_place(waiting, asked.at)) {
            true => Ok(()),
            false => Err(Without::Crowded),
        }
    }

    /// Decides a policy without the service.
    fn go_without(
        &mut self,
        (on_error, why): (OnError, Without),
        shared: &Shared,
        asked: &Asked<'_>,
        caller: &mut Caller<'_>,
    ) -> Result<(), Reason> {
        self.who = Who::of(caller);
        let host = &mut *caller.host;
        host.count(shared.counters.service(Counted::Unanswered), 1);
        self.sharing.without.push((asked.at, on_error));
        match on_error {
            OnError::Local => Ok(()),
            OnError::Allow => {
                host.count(shared.counters.beside(Beside::Unmeasured), 1);
                self.record_rule("unmeasured", Reason::NoService, asked, host);
                Ok(())
            }
            OnError::Deny => Err(match why {
                Without::Answer => Reason::NoService,
                Without::Crowded => Reason::Busy,
            }),
        }
    }
}

/// What a request lacks of a shared policy's lease.
fn wish(shared: &Shared, asked: &Asked<'_>, caller: &mut Caller<'_>, seed: &Seed) -> Option<Wish> {
    let Rule::Policy(policy, Measured { leased: Some(leased), .. }) = asked.rule else { return None };
    let plan = shared.config.plans.get(policy.plan)?;
    let place = caller.place(seed, plan, asked.pattern);
    Some(Wish {
        policy: asked.at,
        supply: Supply { place, lease: leased.stem.at(seed, place), asking: leased.asking.at(seed, place) },
        plan: policy.plan,
        terms: leased.terms,
        descriptor: descriptor(&policy.name, leased.tier.as_deref(), &plan.parts, asked.pattern, caller),
        need: leased.terms.cost,
    })
}

//! The decision about a request: by which rules it is measured, and what they find.

use std::ptr;
use std::rc::Rc;

use super::answer::Failure;
use super::report::Who;
use super::{Exchange, Request};
use crate::exchange::Step;
use crate::few::Few;
use crate::head::Head;
use crate::host::Host;
use crate::path::PathPattern;
use crate::rate_limit::Shared;
use crate::rate_limit::config::{Cause, Config, Measured, Mode, OnTrouble, Options, Penalty, Phase, Policy};
use crate::rate_limit::counters::{Beside, Block, Limit};
use crate::rate_limit::error::Reason;
use crate::rate_limit::headers::Standing;
use crate::rate_limit::key::Caller;
use crate::table::{self, Account, Acts, Charge, Charged, Counters, Found, Key, Measure, Note, Seed, Verdict};

/// A rule that a request is measured by, and the pattern that has fitted.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) rule: Rule<'a>,
    /// Its place in the configuration.
    pub(super) at: usize,
    pub(super) pattern: &'a str,
    /// The place of its slot among those that are charged, once that is known. `None`: it is not measured.
    slot: Option<usize>,
}

/// Adds a charge to the slots that a request is measured by; where its slot is among them. `list` makes an empty list of charges.
fn add<'a>(
    slots: &mut Few<Account<'a>>,
    table: &'a Counters,
    place: Key,
    charge: Charge,
    list: impl FnOnce() -> Vec<Charge>,
) -> usize {
    let known = slots.all().iter().position(|slot| ptr::eq(slot.table, table) && slot.place == place);
    let slot = known.unwrap_or(slots.all().len());
    if let Some(account) = slots.all_mut().get_mut(slot) {
        account.charges.push(charge);
        return slot;
    }
    let mut charges = list();
    charges.push(charge);
    slots.push(Account { table, place, charges }, FEW_RULES);
    slot
}

/// A policy with the caller's quota, or a penalty.
#[derive(Clone, Copy)]
pub(super) enum Rule<'a> {
    Policy(&'a Policy, &'a Measured),
    Penalty(&'a Penalty),
}

/// How a rule measures this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Shared policies by what is leased.
    Lease,
    /// By a count of this gateway.
    Count,
    /// A flood by its block alone: the request was counted when it came first.
    CountedFlood,
}

impl<'a> Rule<'a> {
    pub(super) fn mode(self) -> Mode {
        match self {
            Self::Policy(policy, _) => policy.mode,
            Self::Penalty(penalty) => penalty.mode,
        }
    }

    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Policy(policy, _) => &policy.name,
            Self::Penalty(penalty) => &penalty.name,
        }
    }

    fn plan(self) -> usize {
        match self {
            Self::Policy(policy, _) => policy.plan,
            Self::Penalty(penalty) => penalty.plan,
        }
    }

    fn charge(self, seed: &Seed, place: Key, by: By) -> Charge {
        let (stem, by) = match (self, by) {
            (Self::Policy(Policy { cost, .. }, Measured { leased: Some(leased), limit, .. }), By::Lease) => {
                (&leased.stem, Measure::Leased { cost: *cost, limit: *limit })
            }
            (Self::Policy(policy, measured), By::Lease | By::Count | By::CountedFlood) => {
                (&measured.stem, Measure::Quota { quota: measured.quota, cost: policy.cost })
            }
            (Self::Penalty(Penalty { stem, rule, cause: Cause::Flood, .. }), By::Lease | By::Count) => {
                (stem, Measure::Flood(*rule))
            }
            (Self::Penalty(Penalty { stem, .. }), _) => (stem, Measure::Block),
        };
        let acts = match self.mode() {
            Mode::Enforce => Acts::Refuses,
            Mode::Shadow => Acts::Watches,
        };
        Charge { key: stem.at(seed, place), by, acts }
    }
}

impl Exchange {
    pub(super) fn judge(&mut self, phases: &[Phase], request: &Request<'_>, head: &Head, host: &mut dyn Host) -> Step {
        let shared = Rc::clone(&self.shared);
        let mut caller = Caller::new(&shared.config, head, host, &request.method);
        let mut asked = select(&shared, phases, request, &mut caller, self.sharing.is_first());
        let asked = asked.all_mut();
        if asked.is_empty() {
            return Step::Continue;
        }
        let measured = self.measure_shared(&shared, asked, &mut caller);
        // Most requests leave no line, and are not asked for what would stand in it.
        let speaks = match &measured {
            Ok(Some(charged)) => charged.found().any(says_something),
            Ok(None) => false,
            Err(_) => true,
        };
        if speaks || !self.failures.is_empty() {
            self.who = Who::of(&caller);
        }
        let charged = match measured {
            Ok(Some(charged)) => charged,
            Ok(None) => return Step::Wait,
            Err(reason) => return self.trouble(reason, asked, head, host),
        };
        for note in &charged.notes {
            let what = match note {
                Note::Plain => continue,
                Note::Evicted => Beside::Evicted,
                Note::Repaired => Beside::Repaired,
            };
            host.count(shared.counters.beside(what), 1);
        }
        self.conclude(charged.verdict, found(asked, &charged), head, host)
    }

    /// Charges a request with all that it is measured by: see [`found`].
    pub(super) fn measure<'a>(
        &mut self,
        shared: &'a Shared,
        asked: &mut [Asked<'a>],
        caller: &mut Caller<'_>,
        (seed, now_ms): (&Seed, u64),
    ) -> Result<Charged, Reason> {
        self.failures.truncate(self.sharing.failures());
        let (mut slots, rules) = (Few::<Account<'_>>::default(), asked.len());
        let list = || {
            let mut charges = shared.charges.take();
            charges.reserve(rules);
            charges
        };
        for asked in &mut *asked {
            asked.slot = None;
            let Some(plan) = shared.config.plans.get(asked.rule.plan()) else { continue };
            let Some(by) = self.sharing.by(asked) else { continue };
            // The same whatever pattern has fitted, unless the key has it.
            let known = slots.all().iter().find(|slot| !plan.by_path && ptr::eq(slot.table, &plan.table));
            let place = match known {
                Some(slot) => slot.place,
                None => caller.place(seed, plan, asked.pattern),
            };
            let charge = asked.rule.charge(seed, place, by);
            if let Rule::Penalty(penalty) = asked.rule
                && matches!(penalty.cause, Cause::Failures(_))
            {
                let pattern = asked.pattern.to_owned();
                self.failures.push(Failure { penalty: asked.at, place, key: charge.key, pattern });
            }
            asked.slot = Some(add(&mut slots, &plan.table, place, charge, list));
        }
        let mut slot = shared.slot.take();
        let charged = table::charge_by(caller.host, now_ms, slots.all(), &mut slot);
        shared.slot.replace(slot);
        if let Some(Account { charges, .. }) = slots.all_mut().first_mut() {
            charges.clear();
            shared.charges.replace(std::mem::take(charges));
        }
        let charged = charged?;
        self.sharing.measured();
        Ok(charged)
    }

    /// What a verdict means.
    fn conclude<'f, 'a: 'f>(
        &mut self,
        verdict: Verdict,
        found: impl Iterator<Item = (&'f Asked<'a>, &'f Found)>,
        head: &Head,
        host: &mut dyn Host,
    ) -> Step {
        let shared = Rc::clone(&self.shared);
        let counters = &shared.counters;
        let (mut wait_ms, mut violated, mut blocked) = (0_u64, Vec::new(), false);
        for (asked, found) in found {
            let shadow = asked.rule.mode() == Mode::Shadow;
            match (asked.rule, *found) {
                // A policy in shadow waits for no lease.
                (Rule::Policy(..), Found::Within(_) | Found::Leased { .. } | Found::Empty)
                    if verdict == Verdict::Admitted =>
                {
                    let what = if shadow { Limit::ShadowAllowed } else { Limit::Allowed };
                    host.count(counters.policy(asked.at, what), 1);
                }
                (Rule::Policy(..), Found::Over(balance)) => {
                    let what = if shadow { Limit::ShadowRefused } else { Limit::Refused };
                    host.count(counters.policy(asked.at, what), 1);
                    self.record_rule("refused", Reason::Quota, asked, host);
                    if !shadow {
                        violated.push(asked.rule.name());
                        wait_ms = wait_ms.max(balance.wait_ms);
                    }
                }
                (Rule::Penalty(_), Found::Blocked { wait_ms: its_ms, begins }) => {
                    // It is blocked already: another failure would change nothing.
                    self.failures.retain(|failure| failure.penalty != asked.at);
                    if begins {
                        let what = if shadow { Block::ShadowImposed } else { Block::Imposed };
                        host.count(counters.penalty(asked.at, what), 1);
                    }
                    let what = if shadow { Block::ShadowRefused } else { Block::Refused };
                    host.count(counters.penalty(asked.at, what), 1);
                    let outcome = if begins { "blocked" } else { "refused" };
                    self.record_rule(outcome, Reason::Blocked, asked, host);
                    if !shadow {
                        blocked = true;
                        wait_ms = wait_ms.max(its_ms);
                    }
                }
                // Nothing to say; a policy is never blocked, and a penalty has no quota.
                (
                    Rule::Policy(..),
                    Found::Within(_) | Found::Leased { .. } | Found::Empty | Found::Free | Found::Blocked { .. },
                )
                | (
                    Rule::Penalty(_),
                    Found::Free | Found::Within(_) | Found::Over(_) | Found::Leased { .. } | Found::Empty,
                ) => {}
            }
            if let (
                Rule::Policy(_, measured),
                Found::Within(balance) | Found::Over(balance) | Found::Leased { balance, .. },
            ) = (asked.rule, *found)
                && !shadow
                && shared.config.headers.any()
            {
                let (limit, told) = (measured.limit, Rc::clone(&measured.told));
                self.standings.push(Standing { policy: asked.at, limit, told, balance }, FEW_RULES);
            }
        }
        match verdict {
            Verdict::Admitted => Step::Continue,
            Verdict::Refused if blocked => self.refuse(Reason::Blocked, &[], wait_ms, head, host),
            Verdict::Refused => self.refuse(Reason::Quota, &violated, wait_ms, head, host),
        }
    }

    /// What becomes of a request that could not be measured.
    fn trouble(&mut self, reason: Reason, asked: &[Asked<'_>], head: &Head, host: &mut dyn Host) -> Step {
        let config = &self.shared.config;
        let on_trouble = match reason {
            Reason::Contended => config.on_contention,
            Reason::NoService | Reason::Busy => OnTrouble::Deny,
            Reason::Quota | Reason::Blocked | Reason::NoClock | Reason::NoTable | Reason::UnsafePath => config.on_error,
        };
        self.sharing.goes_on();
        let acts = asked.iter().any(|asked| asked.rule.mode() == Mode::Enforce);
        // Nothing was found out that an answer could count for.
        self.failures.clear();
        if on_trouble == OnTrouble::Deny && acts {
            self.record("refused", reason, None, false, host);
            return self.refuse(reason, &[], 0, head, host);
        }
        host.count(self.shared.counters.beside(Beside::Unmeasured), 1);
        self.record("unmeasured", reason, None, !acts, host);
        Step::Continue
    }
}

/// The rules that a request was measured by, with what was found: slot by slot, as they were charged.
pub(super) fn found<'f, 'a>(
    asked: &'f [Asked<'a>],
    charged: &'f Charged,
) -> impl Iterator<Item = (&'f Asked<'a>, &'f Found)> {
    let slots = asked.iter().filter_map(|asked| asked.slot).max().map_or(0, |last| last + 1);
    let of = move |slot| asked.iter().filter(move |asked| asked.slot == Some(slot));
    (0..slots).flat_map(of).zip(charged.found())
}

/// For how many rules there is room from the start.
const FEW_RULES: usize = 8;

/// Whether a record is left of it.
fn says_something(found: &Found) -> bool {
    match found {
        Found::Over(_) | Found::Blocked { .. } => true,
        Found::Within(_) | Found::Free | Found::Leased { .. } | Found::Empty => false,
    }
}

/// The rules that are about a request.
fn select<'a>(
    shared: &'a Shared,
    phases: &[Phase],
    request: &Request<'_>,
    caller: &mut Caller<'_>,
    first: bool,
) -> Few<Asked<'a>> {
    let Config { policies, penalties, options, .. } = &shared.config;
    let mut asked = Few::default();
    let most = policies.len().saturating_add(penalties.len()).min(FEW_RULES);
    if phases.contains(&Phase::PreAuth) {
        for (at, penalty) in penalties.iter().enumerate() {
            let pattern = match &penalty.matches {
                None => Some("*"),
                Some(matches) => matches.takes_away(&request.method, request.path).map(PathPattern::as_str),
            };
            if let Some(pattern) = pattern {
                asked.push(Asked { rule: Rule::Penalty(penalty), at, pattern, slot: None }, most);
            }
        }
    }
    for (at, policy) in policies.iter().enumerate() {
        if !phases.contains(&policy.phase) {
            continue;
        }
        let Some(pattern) = policy.matches.takes_away(&request.method, request.path) else { continue };
        let is_options = *request.method == *b"OPTIONS" && *options == Options::Exempt && !policy.names_options;
        if is_options || policy.unless.as_ref().is_some_and(|rights| caller.identity().holds(rights)) {
            if first {
                caller.host.count(shared.counters.policy(at, Limit::Exempt), 1);
            }
            continue;
        }
        let measured = policy.measured(caller);
        asked.push(Asked { rule: Rule::Policy(policy, measured), at, pattern: pattern.as_str(), slot: None }, most);
    }
    asked
}

//! Before anything goes up: which rules concern a request, and whether this caller may make it.

use std::rc::Rc;

use super::Exchange;
use crate::audit::{Audit, subject_hash};
use crate::head::{Head, Single};
use crate::host::Host;
use crate::identity::{Identity, Rights, Source};
use crate::path::{check_normal, normalize, of_target};
use crate::reply::{Reply, correlation_id};
use crate::revenue_strip::config::{Mode, Unnormalized};
use crate::revenue_strip::counters::Gate;
use crate::revenue_strip::error::{Direction, Reason};

/// Who is calling, read when a rule first asks.
pub(super) struct Caller<'a> {
    pub(super) source: &'a Source,
    pub(super) head: &'a Head,
    pub(super) host: &'a mut dyn Host,
    pub(super) identity: Option<Rc<Identity>>,
}

impl Caller<'_> {
    pub(super) fn identity(&mut self) -> &Identity {
        let (source, head, host) = (self.source, self.head, &mut *self.host);
        self.identity.get_or_insert_with(|| source.identify(head, host))
    }

    fn holds(&mut self, rights: &Rights) -> bool {
        self.identity().holds(rights)
    }
}

impl Exchange {
    /// The path that rules are matched with: normal, or made normal.
    pub(super) fn safe_path(&self, head: &mut Head) -> Result<Vec<u8>, Reason> {
        let target = match head.single(":path") {
            Single::One(target) => target.to_vec(),
            Single::Absent | Single::Many => return Err(Reason::UnsafePath),
        };
        if check_normal(&target).is_ok() {
            return Ok(of_target(&target).to_vec());
        }
        match self.shared.config.unnormalized {
            Unnormalized::Reject => Err(Reason::UnsafePath),
            Unnormalized::Rewrite => {
                let normal = normalize(&target).map_err(|_| Reason::UnsafePath)?;
                head.set(":path", &normal);
                Ok(of_target(&normal).to_vec())
            }
        }
    }

    /// Sorts the strip rules that match into those that act, watch, or do not concern this caller.
    pub(super) fn select_rules(&mut self, method: &[u8], path: &[u8], caller: &mut Caller<'_>) -> Vec<(usize, String)> {
        let mut patterns = Vec::new();
        for (n, rule) in self.shared.config.rules.iter().enumerate() {
            let Some(pattern) = rule.matches.takes_away(method, path) else {
                continue;
            };
            patterns.push((n, pattern.as_str().to_owned()));
            let message = if rule.request { &mut self.incoming } else { &mut self.outgoing };
            let bit = 1 << n;
            let exempt = rule.unless.as_ref().is_some_and(|rights| caller.holds(rights));
            match (rule.mode, exempt) {
                (Mode::Enforce, false) => message.active.enforce(bit, &rule.action),
                (Mode::Shadow, false) => message.active.shadow |= bit,
                (Mode::Enforce, true) => message.exempt |= bit,
                (Mode::Shadow, true) => {}
            }
            if rule.mode == Mode::Enforce {
                message.matched |= bit;
            }
        }
        patterns
    }

    /// The first protected endpoint that this caller may not use.
    pub(super) fn protect(&mut self, method: &[u8], path: &[u8], caller: &mut Caller<'_>) -> Option<Reply> {
        let shared = Rc::clone(&self.shared);
        for (n, rule) in shared.config.protected.iter().enumerate() {
            let Some(pattern) = rule.matches.takes_away(method, path) else {
                continue;
            };
            if caller.holds(&rule.unless) {
                self.guarded |= rule.mode == Mode::Enforce;
                continue;
            }
            let subject = caller.identity().subject.as_deref().map(subject_hash);
            let system = caller.identity().system.clone();
            let audit = Audit {
                rule: Some(rule.name.clone()),
                outcome: "denied",
                reason: Some(Reason::Protected.code()),
                shadow: rule.mode == Mode::Shadow,
                subject,
                system,
                path: Some(pattern.as_str().to_owned()),
                id: correlation_id(caller.head),
                ..self.record(caller.host)
            };
            caller.host.audit(&audit);
            if rule.mode == Mode::Shadow {
                caller.host.count(shared.counters.gate(n, Gate::ShadowDenied), 1);
                continue;
            }
            caller.host.count(shared.counters.gate(n, Gate::Denied), 1);
            let status = Reason::Protected.status(Direction::Request);
            let reply = Reply::problem(status, Reason::Protected.code(), Some(&rule.detail), audit.id.as_deref());
            return Some(reply);
        }
        None
    }
}

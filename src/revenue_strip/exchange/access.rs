//! Before anything goes up: which rules concern a request, and whether this caller may make it.

use std::rc::Rc;

use super::Exchange;
use crate::audit::{Audit, subject_hash};
use crate::head::{Head, Single};
use crate::host::Host;
use crate::identity::{Identity, Rights, Source};
use crate::path::normalize;
use crate::reply::{Reply, correlation};
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
    pub(super) fn identity(&mut self) -> &Rc<Identity> {
        let (source, head, host) = (self.source, self.head, &mut *self.host);
        self.identity.get_or_insert_with(|| source.identify(head, host))
    }

    fn holds(&mut self, rights: &Rights) -> bool {
        self.identity().holds(rights)
    }
}

impl Exchange {
    /// Writes the normal form of the path back, with which rules are matched.
    pub(super) fn rewrite(&self, head: &mut Head) -> Result<(), Reason> {
        let Single::One(target) = head.single(":path") else { return Err(Reason::UnsafePath) };
        match self.shared.config.unnormalized {
            Unnormalized::Reject => Err(Reason::UnsafePath),
            Unnormalized::Rewrite => {
                let normal = normalize(target).map_err(|_| Reason::UnsafePath)?;
                head.set(":path", &normal);
                Ok(())
            }
        }
    }

    /// Sorts the strip rules that match into those that act, watch, or do not concern this caller.
    pub(super) fn select_rules(&mut self, method: &[u8], path: &[u8], caller: &mut Caller<'_>) -> Vec<(usize, usize)> {
        let mut patterns = Vec::new();
        for (n, rule) in self.shared.config.rules.iter().enumerate() {
            let Some(pattern) = rule.matches.taken_by(method, path) else {
                continue;
            };
            patterns.push((n, pattern));
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
        for message in [&mut self.incoming, &mut self.outgoing] {
            if !message.active.is_empty() {
                message.active.fields.resize(self.shared.config.rules.len(), 0);
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
            let who = Rc::clone(caller.identity());
            let audit = Audit {
                rule: Some(rule.name.as_str()),
                outcome: "denied",
                reason: Some(Reason::Protected.code()),
                shadow: rule.mode == Mode::Shadow,
                subject: who.subject.as_deref().map(subject_hash),
                system: who.system.as_deref(),
                path: Some(pattern.as_str()),
                id: correlation(caller.head),
                ..self.record(caller.host)
            };
            caller.host.audit_borrowed(&audit);
            if rule.mode == Mode::Shadow {
                caller.host.count(shared.counters.gate(n, Gate::ShadowDenied), 1);
                continue;
            }
            caller.host.count(shared.counters.gate(n, Gate::Denied), 1);
            let status = Reason::Protected.status(Direction::Request);
            let reply = Reply::problem(status, Reason::Protected.code(), Some(&rule.detail), audit.id);
            return Some(reply);
        }
        None
    }
}

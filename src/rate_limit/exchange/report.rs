//! What an exchange leaves behind, and what a client is told that is refused.

use super::Exchange;
use super::judge::Asked;
use crate::audit::{Audit, subject_hash};
use crate::exchange::{Policy as _, Step};
use crate::head::Head;
use crate::host::Host;
use crate::rate_limit::Policy;
use crate::rate_limit::config::Mode;
use crate::rate_limit::error::Reason;
use crate::rate_limit::headers::{self, Problem};
use crate::rate_limit::key::Caller;
use crate::reply::{Reply, correlation_id};

/// After how long a client may try again when something is missing, in milliseconds.
const TROUBLE_MS: u64 = 1_000;

/// Who has called, as far as a rule has asked, for audit lines.
#[derive(Debug, Default)]
pub(super) struct Who {
    id: Option<String>,
    subject: Option<u64>,
    system: Option<String>,
}

impl Who {
    pub(super) fn of(caller: &Caller<'_>) -> Self {
        let identity = caller.known();
        Self {
            id: correlation_id(caller.head),
            subject: identity.and_then(|identity| identity.subject.as_deref()).map(subject_hash),
            system: identity.and_then(|identity| identity.system.clone()),
        }
    }
}

impl Exchange {
    /// The answer to a request that does not go on.
    pub(super) fn refuse(
        &mut self,
        reason: Reason,
        violated: &[&str],
        wait_ms: u64,
        head: &Head,
        host: &mut dyn Host,
    ) -> Step {
        self.replied = true;
        host.count(self.shared.counters.refused(reason), 1);
        let id = correlation_id(head);
        let mut reply = Reply::problem(reason.status(), reason.code(), None, id.as_deref());
        let (problem, wait_ms) = match reason {
            Reason::Quota => (Some(Problem::QuotaExceeded(violated)), wait_ms),
            Reason::Contended | Reason::NoClock | Reason::NoTable | Reason::NoService | Reason::Busy => {
                (Some(Problem::ReducedCapacity), TROUBLE_MS)
            }
            // Who is blocked learns for how long, and not why.
            Reason::Blocked | Reason::UnsafePath => (None, wait_ms),
        };
        if let Some(problem) = problem {
            reply.body = problem.body(reply.status, id.as_deref());
        }
        if reason != Reason::UnsafePath {
            reply.headers.push(("retry-after".into(), headers::seconds(wait_ms).to_string()));
        }
        if reason == Reason::Quota {
            let fields = headers::fields(&self.shared.config, self.standings.all());
            reply.headers.extend(fields.into_iter().map(|(name, value)| (name.into(), value)));
        }
        Step::Reply(reply)
    }

    /// The same for a request that no rule could be asked about.
    pub(super) fn refuse_unread(&mut self, reason: Reason, head: &Head, host: &mut dyn Host) -> Step {
        self.who.id = correlation_id(head);
        self.record("refused", reason, None, false, host);
        self.refuse(reason, &[], 0, head, host)
    }

    /// Records what a rule has decided.
    pub(super) fn record_rule(&self, outcome: &'static str, reason: Reason, asked: &Asked<'_>, host: &mut dyn Host) {
        let rule = Some((asked.rule.name(), asked.pattern));
        self.record(outcome, reason, rule, asked.rule.mode() == Mode::Shadow, host);
    }

    pub(super) fn record(
        &self,
        outcome: &'static str,
        reason: Reason,
        rule: Option<(&str, &str)>,
        shadow: bool,
        host: &mut dyn Host,
    ) {
        let Who { id, subject, system } = &self.who;
        let audit = Audit {
            time_ms: host.now_ms(),
            id: id.clone(),
            filter: Policy::NAME,
            rule: rule.map(|(name, _)| name.to_owned()),
            outcome,
            reason: Some(reason.code()),
            shadow,
            fields: 0,
            subject: *subject,
            system: system.clone(),
            path: rule.map(|(_, pattern)| pattern.to_owned()),
            version: self.shared.version,
        };
        host.audit(&audit);
    }
}

//! What an exchange leaves behind, and what a client is told.

use super::{Exchange, NOBODY, nobody};
use crate::audit::Audit;
use crate::exchange::{Policy as _, Step};
use crate::head::Head;
use crate::host::Host;
use crate::jwt_auth::Policy;
use crate::jwt_auth::access::{At, Denied};
use crate::jwt_auth::counters::Rule;
use crate::jwt_auth::error::{Challenge, Reason};
use crate::jwt_auth::session::View;
use crate::reply::{Reply, correlation, correlation_id};

/// What is known of a request beside the decision.
#[derive(Default)]
pub(super) struct Note<'a> {
    pub(super) view: Option<&'a View>,
    /// After how long the client may try again, in milliseconds.
    pub(super) wait_ms: u64,
}

/// After how long a client may try again when something is missing, in seconds.
const RETRY_AFTER_S: u64 = 1;

impl Exchange {
    /// The answer to a request that does not go on.
    pub(super) fn refuse(
        &mut self,
        reason: Reason,
        at: Option<At>,
        note: &Note<'_>,
        now_ms: Option<u64>,
        head: &Head,
        host: &mut dyn Host,
    ) -> Step {
        self.waiting = None;
        let counters = &self.shared.counters;
        let denied = matches!(reason, Reason::Denied(_) | Reason::NoRule);
        if let Some(counter) = counters.refused(reason) {
            host.count(counter, 1);
        }
        if let Some(at) = at {
            host.count(counters.rule(at.rule(), if denied { Rule::Denied } else { Rule::Refused }), 1);
        }
        host.leave_identity(&nobody(), NOBODY);
        self.record(if denied { "denied" } else { "refused" }, Some(reason), at, false, note, now_ms, head, host);
        let (status, challenge) = reason.answer();
        // What the rule says to those with a good token; the others are not even told that there is a rule.
        let rule = at.filter(|_| denied).and_then(|at| self.shared.config.access.rule(at));
        let detail = rule.and_then(crate::jwt_auth::access::Rule::detail);
        let mut reply = Reply::problem(status, reason.code(), detail, correlation_id(head).as_deref());
        let realm = &self.shared.config.realm;
        let step_up = (reason == Reason::Denied(Denied::StepUp.code())).then(|| self.step_up(at)).flatten();
        let challenge = match (challenge, step_up) {
            (Challenge::None, _) => None,
            (_, Some(step_up)) => Some(format!("Bearer realm=\"{realm}\", {step_up}")),
            (Challenge::Plain, None) => Some(format!("Bearer realm=\"{realm}\"")),
            (Challenge::InvalidToken, None) => Some(format!("Bearer realm=\"{realm}\", error=\"invalid_token\"")),
            (Challenge::InsufficientScope, None) => {
                Some(format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\""))
            }
        };
        if let Some(challenge) = challenge {
            reply.headers.push(("www-authenticate".into(), challenge));
        }
        match status {
            429 => reply.headers.push(("retry-after".into(), note.wait_ms.div_ceil(1000).max(1).to_string())),
            503 => reply.headers.push(("retry-after".into(), RETRY_AFTER_S.to_string())),
            _ => {}
        }
        Step::Reply(reply)
    }

    #[expect(clippy::too_many_arguments, reason = "an audit line has as many members")]
    pub(super) fn record(
        &self,
        outcome: &'static str,
        reason: Option<Reason>,
        at: Option<At>,
        shadow: bool,
        note: &Note<'_>,
        now_ms: Option<u64>,
        head: &Head,
        host: &mut dyn Host,
    ) {
        let access = &self.shared.config.access;
        let rule = at.and_then(|at| access.rule(at));
        host.audit_borrowed(&Audit {
            time_ms: now_ms,
            id: correlation(head),
            filter: Policy::NAME,
            rule: rule.map(crate::jwt_auth::access::Rule::name),
            outcome,
            reason: reason.map(Reason::code),
            shadow,
            fields: 0,
            subject: note.view.and_then(|view| view.subject),
            system: note.view.and_then(|view| view.identity.system.as_deref()),
            path: at.map(|at| access.pattern(at)),
            version: self.shared.version,
        });
    }
}

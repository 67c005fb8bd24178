//! What a delivery leaves behind, and what a sender is told that is refused.

use super::{Exchange, Verdict};
use crate::audit::Audit;
use crate::exchange::Policy as _;
use crate::host::Host;
use crate::reply::Reply;
use crate::webhook_verify::Policy;
use crate::webhook_verify::config::Config;
use crate::webhook_verify::counters::Outcome;
use crate::webhook_verify::error::Reason;

/// After how long a sender may try again when something is missing here, in seconds.
const TROUBLE_S: u64 = 1;

/// What audit lines say of a request.
#[derive(Debug, Default)]
pub(super) struct Who {
    pub(super) id: Option<String>,
    pub(super) rule: Option<Rule>,
    pub(super) shadow: bool,
}

/// The rule that a request is about, by its place in the configuration and that of the path in it that fitted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    Endpoint { at: usize, pattern: usize },
    Signer { at: usize, pattern: usize },
}

impl Rule {
    /// Its name and that path.
    fn of(self, config: &Config) -> Option<(&str, &str)> {
        let (name, matches, pattern) = match self {
            Self::Endpoint { at, pattern } => {
                config.endpoints.get(at).map(|endpoint| (&endpoint.name, &endpoint.matches, pattern))
            }
            Self::Signer { at, pattern } => {
                config.signers.get(at).map(|signer| (&signer.name, &signer.matches, pattern))
            }
        }?;
        Some((name, matches.paths().get(pattern)?.as_str()))
    }
}

impl Exchange {
    pub(super) fn refuse(&mut self, at: usize, reason: Reason, host: &mut dyn Host) -> Verdict {
        self.refuse_for(at, reason, None, host)
    }

    /// The answer to a delivery that does not go on.
    pub(super) fn refuse_for(
        &mut self,
        at: usize,
        reason: Reason,
        wait_ms: Option<u64>,
        host: &mut dyn Host,
    ) -> Verdict {
        let outcome = if self.who.shadow { Outcome::ShadowRefused } else { Outcome::Refused };
        if !self.who.shadow {
            host.count(self.shared.counters.reason(reason), 1);
        }
        let word = if reason == Reason::Replayed { "replayed" } else { "refused" };
        self.record(at, outcome, word, Some(reason), host);
        Verdict::Answer(self.reply(reason, wait_ms))
    }

    /// The same for a request that no endpoint could be found for.
    pub(super) fn refuse_unread(&mut self, reason: Reason, host: &mut dyn Host) -> Reply {
        host.count(self.shared.counters.reason(reason), 1);
        self.audit("refused", Some(reason.code()), host);
        self.reply(reason, None)
    }

    pub(super) fn challenged(&mut self, at: usize, reply: Reply, host: &mut dyn Host) -> Verdict {
        self.record(at, Outcome::Challenged, "challenged", None, host);
        Verdict::Answer(reply)
    }

    /// The answer to an event that cannot leave.
    pub(super) fn refuse_leaving(&mut self, signer: usize, reason: Reason, host: &mut dyn Host) -> Reply {
        host.count(self.shared.counters.reason(reason), 1);
        host.count(self.shared.counters.signer(signer, false), 1);
        self.audit("refused", Some(reason.code()), host);
        self.reply(reason, None)
    }

    /// An event that leaves.
    pub(super) fn record_signed(&self, signer: usize, host: &mut dyn Host) {
        host.count(self.shared.counters.signer(signer, true), 1);
        self.audit("signed", None, host);
    }

    fn reply(&self, reason: Reason, wait_ms: Option<u64>) -> Reply {
        // What is wrong with a signature is all one answer: nothing tells an attacker how far he got.
        let status = match reason {
            Reason::Replayed => 409,
            reason => reason.status(),
        };
        let mut reply = Reply::problem(status, reason.code(), None, self.who.id.as_deref());
        match status {
            401 => reply.headers.push(("www-authenticate".into(), "Webhook".to_owned())),
            503 => reply.headers.push(("retry-after".into(), TROUBLE_S.to_string())),
            _ => {}
        }
        if let Some(wait_ms) = wait_ms {
            reply.headers.push(("retry-after".into(), wait_ms.div_ceil(1000).max(1).to_string()));
        }
        reply
    }

    pub(super) fn record(
        &self,
        at: usize,
        outcome: Outcome,
        word: &'static str,
        reason: Option<Reason>,
        host: &mut dyn Host,
    ) {
        host.count(self.shared.counters.endpoint(at, outcome), 1);
        self.audit(word, reason.map(Reason::code), host);
    }

    fn audit(&self, outcome: &'static str, reason: Option<&'static str>, host: &mut dyn Host) {
        let rule = self.who.rule.and_then(|rule| rule.of(&self.shared.config));
        let audit = Audit {
            time_ms: host.now_ms(),
            id: self.who.id.as_deref(),
            filter: Policy::NAME,
            rule: rule.map(|(name, _)| name),
            outcome,
            reason,
            shadow: self.who.shadow,
            fields: 0,
            subject: None,
            system: None,
            path: rule.map(|(_, path)| path),
            version: self.shared.version,
        };
        host.audit_borrowed(&audit);
    }
}

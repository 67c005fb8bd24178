//! What an exchange leaves behind: counts and audit records.

use super::Exchange;
use super::message::Message;
use crate::audit::{Audit, subject_hash};
use crate::exchange::Policy as _;
use crate::host::Host;
use crate::path::PathPattern;
use crate::revenue_strip::Policy;
use crate::revenue_strip::counters::Strip;
use crate::revenue_strip::error::Reason;

impl Exchange {
    /// Counts and records what the rules of one direction have done.
    pub(super) fn report(&self, message: &Message, host: &mut dyn Host) {
        let Some(request) = &self.request else { return };
        if !message.judged {
            return;
        }
        let counters = &self.shared.counters;
        for &(n, pattern) in &request.patterns {
            let bit = 1 << n;
            let Some(rule) = self.shared.config.rules.get(n) else {
                continue;
            };
            let fields = message.active.fields.get(n).copied().unwrap_or_default();
            let shadow = message.active.shadow & bit != 0;
            let blocked = message.refused;
            let (outcome, reason) = if message.exempt & bit != 0 {
                host.count(counters.strip(n, Strip::Exempt), 1);
                ("exempt", None)
            } else if shadow {
                if blocked.is_some() {
                    host.count(counters.strip(n, Strip::ShadowBlocked), 1);
                }
                host.count(counters.strip(n, Strip::ShadowFields), fields);
                host.count(counters.strip(n, Strip::ShadowEventsDropped), message.dropped);
                (if blocked.is_some() { "blocked" } else { outcome_of(fields, message.dropped) }, blocked)
            } else if message.active.enforce & bit != 0 {
                host.count(counters.strip(n, Strip::Fields), fields);
                host.count(counters.strip(n, Strip::Bytes), message.bytes);
                host.count(counters.strip(n, Strip::EventsDropped), message.dropped);
                if let Some(reason) = blocked {
                    host.count(counters.strip(n, Strip::Blocked(reason)), 1);
                }
                (if blocked.is_some() { "blocked" } else { outcome_of(fields, message.dropped) }, blocked)
            } else {
                continue;
            };
            let audit = Audit {
                rule: Some(rule.name.as_str()),
                outcome,
                reason: reason.map(Reason::code),
                shadow,
                fields,
                path: rule.matches.paths().get(pattern).map(PathPattern::as_str),
                ..self.record(host)
            };
            host.audit_borrowed(&audit);
        }
    }

    /// A record with what all records of this exchange share.
    pub(super) fn record(&self, host: &mut dyn Host) -> Audit<&str> {
        let request = self.request.as_ref();
        let who = request.and_then(|request| request.who.as_ref());
        Audit {
            time_ms: host.now_ms(),
            id: request.and_then(|request| request.id.as_deref()),
            filter: Policy::NAME,
            rule: None,
            outcome: "passed",
            reason: None,
            shadow: false,
            fields: 0,
            subject: who.and_then(|who| who.subject.as_deref()).map(subject_hash),
            system: who.and_then(|who| who.system.as_deref()),
            path: None,
            version: self.shared.version,
        }
    }
}

fn outcome_of(fields: u64, dropped: u64) -> &'static str {
    if fields == 0 && dropped == 0 { "passed" } else { "stripped" }
}

//! What an answer means: it may be a failure that counts, and it says how the client stands.

use std::rc::Rc;

use super::Exchange;
use crate::head::{Head, Single};
use crate::host::Host;
use crate::rate_limit::config::{Cause, Mode};
use crate::rate_limit::counters::Block;
use crate::rate_limit::error::Reason;
use crate::rate_limit::headers;
use crate::table::{Key, Standing};

/// Where a failure would count.
#[derive(Debug)]
pub(super) struct Failure {
    /// The penalty's place.
    pub(super) penalty: usize,
    pub(super) place: Key,
    pub(super) key: Key,
    /// The pattern that has fitted.
    pub(super) pattern: String,
}

impl Exchange {
    pub(super) fn answer(&mut self, head: &mut Head, host: &mut dyn Host) {
        if !self.failures.is_empty() {
            self.count_failures(status(head), host);
        }
        headers::set(head, &self.shared.config, self.standings.all());
    }

    /// Counts an answer with this status. What cannot be counted is lost: the answer is there already.
    fn count_failures(&mut self, status: u16, host: &mut dyn Host) {
        let shared = Rc::clone(&self.shared);
        for failure in std::mem::take(&mut self.failures) {
            let Some(penalty) = shared.config.penalties.get(failure.penalty) else { continue };
            let Cause::Failures(statuses) = &penalty.cause else { continue };
            let Some(plan) = shared.config.plans.get(penalty.plan).filter(|_| statuses.contains(&status)) else {
                continue;
            };
            let Some(now_ms) = host.now_ms() else { continue };
            let hit = plan.table.hit_at(host, now_ms, failure.place, failure.key, penalty.rule, 1);
            let begins =
                |standing| matches!(standing, Standing::Refused { wait_ms } if wait_ms == penalty.rule.block_ms);
            if hit.is_ok_and(|hit| begins(hit.standing)) {
                let shadow = penalty.mode == Mode::Shadow;
                let what = if shadow { Block::ShadowImposed } else { Block::Imposed };
                host.count(shared.counters.penalty(failure.penalty, what), 1);
                let rule = Some((penalty.name.as_str(), failure.pattern.as_str()));
                self.record("blocked", Reason::Blocked, rule, shadow, host);
            }
        }
    }
}

/// The status, 0 when unreadable.
fn status(head: &Head) -> u16 {
    match head.single(":status") {
        Single::One(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0),
        Single::Absent | Single::Many => 0,
    }
}

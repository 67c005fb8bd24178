//! What a configuration means for a caller who comes evenly: when the first request is refused, and how many pass.

use super::Policy;
use super::config::Measured;
use crate::replay::MemoryHost;
use crate::table::{Account, Acts, Charge, Counters, Found, Measure, Quota, Seed, Verdict, charge};

/// Most requests that are tried for one line.
pub const MAX_SIMULATED_REQUESTS: u64 = 200_000;

/// So many windows are tried.
const WINDOWS: u64 = 3;

/// How a caller of one tier of one policy fares.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The policy.
    pub policy: String,
    /// The tier; `None`: whoever is in none.
    pub tier: Option<String>,
    /// The parts of the policy's key.
    pub key: String,
    /// What a window admits, in units of cost.
    pub limit: u32,
    /// The window, in seconds.
    pub window_s: u32,
    /// What may be spent at once, in units of cost.
    pub burst: u32,
    /// What one request costs.
    pub cost: u32,
    /// How many requests pass that all come at once.
    pub at_once: u32,
    /// How many requests come a second.
    pub per_second: f64,
    /// The first one that is refused; `None`: none is, as far as it was tried.
    pub refused: Option<Refused>,
    /// How many requests were tried.
    pub sent: u64,
    /// How many of them passed.
    pub admitted: u64,
}

/// The first request that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which one, from 1 on.
    pub nth: u64,
    /// When it comes, in milliseconds after the first one.
    pub after_ms: u64,
    /// After how long it may come again, in milliseconds.
    pub wait_ms: u64,
}

impl Policy {
    /// How callers fare who come evenly, so often a second; `None`: twice as often as each policy admits in the long run. Each
    /// policy is tried for itself, over three windows or [`MAX_SIMULATED_REQUESTS`].
    #[must_use]
    pub fn simulate(&self, per_second: Option<f64>) -> Vec<Line> {
        let config = &self.0.config;
        let mut lines = Vec::new();
        for policy in &config.policies {
            let key = config.plans.get(policy.plan).map(|plan| plan.name.clone()).unwrap_or_default();
            let tiers = policy.tiers.iter().map(|tier| (Some(tier.name.clone()), &tier.measured));
            for (tier, measured) in tiers.chain([(None, &policy.base)]) {
                let line = try_evenly(measured, policy.cost, per_second);
                lines.push(Line { policy: policy.name.clone(), tier, key: key.clone(), ..line });
            }
        }
        lines
    }
}

fn try_evenly(measured: &Measured, cost: u32, per_second: Option<f64>) -> Line {
    let &Measured { quota, limit, window_s, .. } = measured;
    let burst = match quota {
        Quota::Sliding { limit, .. } => limit,
        Quota::Paced { burst, .. } => burst,
    };
    let admits = f64::from(limit) / f64::from(cost.max(1)) / f64::from(window_s.max(1));
    let per_second = per_second.unwrap_or(2.0 * admits);
    let mut line = Line {
        policy: String::new(),
        tier: None,
        key: String::new(),
        limit,
        window_s,
        burst,
        cost,
        at_once: burst.checked_div(cost).unwrap_or(0),
        per_second,
        refused: None,
        sent: 0,
        admitted: 0,
    };
    let mut host = MemoryHost::default();
    let (Ok(table), Ok(seed)) = (Counters::grouped("simulated", 1, 1), Seed::agree(&mut host, [0; 16])) else {
        return line;
    };
    let key = seed.key(&[]);
    let charges = vec![Charge { key, by: Measure::Quota { quota, cost }, acts: Acts::Refuses }];
    let accounts = [Account { table: &table, place: key, charges }];
    let until_ms = u64::from(window_s).saturating_mul(1_000).saturating_mul(WINDOWS);
    for nth in 0..MAX_SIMULATED_REQUESTS {
        // Below 2^53 whatever the rate is: floats convert with saturation.
        let after_ms = (nth as f64 * 1_000.0 / per_second) as u64;
        if after_ms >= until_ms {
            break;
        }
        let Ok(charged) = charge(&mut host, after_ms, &accounts) else { break };
        line.sent = line.sent.saturating_add(1);
        match charged.verdict {
            Verdict::Admitted => line.admitted = line.admitted.saturating_add(1),
            Verdict::Refused => {
                let wait_ms = charged.found().find_map(|found| match found {
                    Found::Over(balance) => Some(balance.wait_ms),
                    Found::Within(_) | Found::Blocked { .. } | Found::Free | Found::Leased { .. } | Found::Empty => {
                        None
                    }
                });
                let nth = nth.saturating_add(1);
                line.refused.get_or_insert(Refused { nth, after_ms, wait_ms: wait_ms.unwrap_or(0) });
            }
        }
    }
    line
}

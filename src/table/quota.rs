//! Quotas: what a key may spend, and how it stands with that. Integers alone; what does not divide is rounded against the
//! client.
//!
//! # Sliding windows
//!
//! The window that is running begins with the first request after the last one ended; the one after it follows at once. At
//! `x` of the way through the running window a key has spent `current + ⌈(1 − x) · previous⌉`, as if what was spent in the
//! window before had come evenly. A request is within the quota when that, with its own cost, is at most `limit`. So:
//!
//! - in the first window exactly `limit` is spent, and in each window that follows another at most `limit`: in any time of `n`
//!   windows at most `(n + 1) · limit`;
//! - in any time as long as a window at most `limit + x · previous`, where `x` is how far the running window has come at its
//!   end and `previous` is what was spent in the window before: the error of the estimate. It is nothing for requests
//!   that come evenly, and stays below one `limit` for a caller who waits for the end of a window and spends all of it at
//!   once.
//!
//! Whoever needs a bound without that error takes the other measure.
//!
//! # GCRA
//!
//! The generic cell rate algorithm (ITU-T I.371): a bucket of `burst` that fills evenly with `limit` in each window. In any time
//! `t` at most `burst + ⌊t · limit / window⌋` is spent, and a caller who takes all there is gets exactly that. What is kept is
//! when the bucket is full again, in whole milliseconds and parts of `1 / limit` of one: nothing is ever rounded.

use super::record::{Record, State};
use super::window::{Rule, Window};

/// What a key may spend. Out of range is taken for the nearer end: limits and bursts from 1, windows of 1 to
/// [`MAX_SPAN_MS`](super::MAX_SPAN_MS), a bucket that is full again within [`MAX_SPAN_MS`](super::MAX_SPAN_MS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// By the estimate of a sliding window.
    Sliding {
        /// What may be spent in a window.
        limit: u32,
        /// Its length, in milliseconds.
        window_ms: u64,
    },
    /// By GCRA.
    Paced {
        /// What comes back in a window.
        limit: u32,
        /// Its length, in milliseconds.
        window_ms: u64,
        /// What may be spent at once.
        burst: u32,
    },
}

/// How a key stands with its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What may be spent now.
    pub left: u32,
    /// Until the running window ends, or the bucket is full again, in milliseconds: so long `left` is what it is at least.
    pub reset_ms: u64,
    /// Until what was asked is within the quota if nobody spends, in milliseconds; 0: it is now.
    pub wait_ms: u64,
}

/// A look at a key's record: as it stands, and as it would with the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) before: Balance,
    /// `None`: over the quota.
    pub(super) after: Option<(Balance, u64, State)>,
}

impl Quota {
    /// What a cost does to a live record, or to none.
    pub(super) fn look(self, record: Option<&Record>, now_ms: u64, cost: u32) -> Look {
        match self {
            Self::Sliding { limit, window_ms } => {
                let rule = Rule { limit, window_ms, block_ms: 0 }.clamped();
                look_at_window(stored_window(record, now_ms, rule), now_ms, rule, cost)
            }
            Self::Paced { limit, window_ms, burst } => {
                let bucket = Bucket::new(limit, window_ms, burst);
                bucket.look(bucket.debt(record, now_ms), now_ms, cost)
            }
        }
    }

    /// A record without a cost that was put into it when it ended at `until_ms`. `None`: it is not in it any more.
    pub(super) fn give_back(self, record: &Record, until_ms: u64, cost: u32) -> Option<Record> {
        match (self, record.state) {
            (Self::Sliding { window_ms, .. }, State::Window { current, previous }) => {
                let state = if record.until_ms == until_ms {
                    State::Window { current: current.saturating_sub(cost), previous }
                } else if record.until_ms == until_ms.saturating_add(window_ms) {
                    State::Window { current, previous: previous.saturating_sub(cost) }
                } else {
                    return None;
                };
                Some(Record { state, ..*record })
            }
            (Self::Paced { limit, window_ms, burst }, State::Paced { fraction, hits }) => {
                let bucket = Bucket::new(limit, window_ms, burst);
                let spent = bucket.worth(cost);
                let parts = u64::from(fraction).saturating_add(spent.checked_rem(bucket.limit).unwrap_or(0));
                let whole = spent.checked_div(bucket.limit).unwrap_or(0);
                let (whole, parts) = match parts.checked_sub(bucket.limit) {
                    Some(parts) => (whole.saturating_add(1), parts),
                    None => (whole, parts),
                };
                let state =
                    State::Paced { fraction: u32::try_from(parts).unwrap_or(0), hits: hits.saturating_sub(cost) };
                Some(Record { until_ms: record.until_ms.saturating_sub(whole), state, ..*record })
            }
            (_, _) => None,
        }
    }
}

/// The windows of a record that counts.
pub(super) fn stored_window(record: Option<&Record>, now_ms: u64, rule: Rule) -> Window {
    match record {
        Some(&Record { state: State::Window { current, previous }, until_ms, .. }) => {
            Window::at(current, previous, until_ms, now_ms, rule)
        }
        Some(_) | None => Window::new(now_ms, rule),
    }
}

fn look_at_window(window: Window, now_ms: u64, rule: Rule, cost: u32) -> Look {
    let (hits, rest_ms) = (window.hits(now_ms, rule), window.rest_ms(now_ms, rule));
    let left = u64::from(rule.limit).saturating_sub(hits);
    let balance = |left: u64, wait_ms| Balance { left: narrow(left), reset_ms: rest_ms, wait_ms };
    match left.checked_sub(u64::from(cost)) {
        Some(less) => {
            let charged = window.hit(cost);
            Look { before: balance(left, 0), after: Some((balance(less, 0), charged.until_ms, charged.state())) }
        }
        None => Look { before: balance(left, window.wait_ms(now_ms, rule, cost)), after: None },
    }
}

/// A bucket in units of which `limit` come back in a millisecond, and a cost of 1 takes `window_ms`.
#[derive(Clone, Copy)]
struct Bucket {
    limit: u64,
    window_ms: u64,
    /// What it holds: at most 2^32 · 86,400,000.
    size: u64,
}

impl Bucket {
    fn new(limit: u32, window_ms: u64, burst: u32) -> Self {
        let Rule { window_ms, .. } = Rule { limit, window_ms, block_ms: 0 }.clamped();
        let limit = u64::from(limit.max(1));
        let largest = limit.saturating_mul(super::MAX_SPAN_MS);
        Self { limit, window_ms, size: u64::from(burst.max(1)).saturating_mul(window_ms).min(largest) }
    }

    fn worth(self, cost: u32) -> u64 {
        u64::from(cost).saturating_mul(self.window_ms)
    }

    /// What a record's bucket lacks.
    fn debt(self, record: Option<&Record>, now_ms: u64) -> u64 {
        match record {
            Some(&Record { state: State::Paced { fraction, .. }, until_ms, .. }) => {
                let whole = until_ms.saturating_sub(now_ms).saturating_mul(self.limit);
                // It cannot lack more than it holds.
                whole.saturating_sub(u64::from(fraction)).min(self.size)
            }
            Some(_) | None => 0,
        }
    }

    fn look(self, debt: u64, now_ms: u64, cost: u32) -> Look {
        let balance = |debt: u64, wait_ms| Balance {
            left: narrow(self.size.saturating_sub(debt).checked_div(self.window_ms).unwrap_or(0)),
            reset_ms: debt.div_ceil(self.limit),
            wait_ms,
        };
        let after = debt.saturating_add(self.worth(cost));
        match after.checked_sub(self.size) {
            None | Some(0) => {
                let whole = after.div_ceil(self.limit);
                let fraction = whole.saturating_mul(self.limit).saturating_sub(after);
                let hits = after.div_ceil(self.window_ms.max(1));
                // Below `limit`.
                let state = State::Paced { fraction: narrow(fraction), hits: narrow(hits) };
                Look { before: balance(debt, 0), after: Some((balance(after, 0), now_ms.saturating_add(whole), state)) }
            }
            Some(over) => Look { before: balance(debt, over.div_ceil(self.limit)), after: None },
        }
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

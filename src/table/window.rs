//! Sliding windows: what hits of a key are measured by.

use super::record::State;

/// Longest window and longest block, in milliseconds (a day).
pub const MAX_SPAN_MS: u64 = 86_400_000;

/// What hits are measured by. All that hit one key use one rule; a rule that changes deserves other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Hits that are within the rule in any one window.
    pub limit: u32,
    /// Length of a window, in milliseconds: 1 to [`MAX_SPAN_MS`]; what is outside is taken for the nearer end.
    pub window_ms: u64,
    /// How long a key is blocked by a hit over the limit, in milliseconds, up to [`MAX_SPAN_MS`]; 0: not at all, hits go on
    /// being counted.
    pub block_ms: u64,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Standing {
    /// Within its rule: so many more hits are.
    Free {
        /// Hits left.
        left: u32,
    },
    /// Over it, or blocked.
    Refused {
        /// When it is worth another look, in milliseconds from now, at least 1: the end of the block, or of the running window.
        wait_ms: u64,
    },
}

impl Rule {
    /// With what is out of range taken for the nearer end.
    pub(super) fn clamped(self) -> Self {
        Self { window_ms: self.window_ms.clamp(1, MAX_SPAN_MS), block_ms: self.block_ms.min(MAX_SPAN_MS), ..self }
    }
}

/// Hits in two windows: the one that is running, since the first hit after the last one ended, and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    current: u32,
    previous: u32,
    /// The end of the window after the running one: then nothing of it counts.
    pub(super) until_ms: u64,
}

impl Window {
    /// One that begins now.
    pub(super) fn new(now_ms: u64, rule: Rule) -> Self {
        Self { current: 0, previous: 0, until_ms: now_ms.saturating_add(rule.window_ms.saturating_mul(2)) }
    }

    /// The windows of a record as they are now, before `until_ms`.
    pub(super) fn at(current: u32, previous: u32, until_ms: u64, now_ms: u64, rule: Rule) -> Self {
        // Later than possible: written by a rule with a longer window.
        let until_ms = until_ms.min(Self::new(now_ms, rule).until_ms);
        if until_ms > now_ms.saturating_add(rule.window_ms) {
            return Self { current, previous, until_ms };
        }
        Self { current: 0, previous: current, until_ms: until_ms.saturating_add(rule.window_ms) }
    }

    /// With so many more hits.
    pub(super) fn hit(self, by: u32) -> Self {
        Self { current: self.current.saturating_add(by), ..self }
    }

    pub(super) fn state(self) -> State {
        State::Window { current: self.current, previous: self.previous }
    }

    /// How a key with these hits stands.
    pub(super) fn standing(self, now_ms: u64, rule: Rule) -> Standing {
        match u64::from(rule.limit).checked_sub(self.hits(now_ms, rule)) {
            Some(left) => Standing::Free { left: u32::try_from(left).unwrap_or(u32::MAX) },
            None => Standing::Refused { wait_ms: self.rest_ms(now_ms, rule) },
        }
    }

    /// When `cost` more hits are within the rule if none come before, in milliseconds from now, at least 1. For a cost
    /// that is not within it now.
    pub(super) fn wait_ms(self, now_ms: u64, rule: Rule, cost: u32) -> u64 {
        let (window_ms, rest_ms) = (rule.window_ms, self.rest_ms(now_ms, rule));
        // What is left of a window when so many of its hits weigh no more than `room`.
        let rest_at = |room: u64, hits: u32| {
            room.saturating_mul(window_ms).checked_div(u64::from(hits)).unwrap_or(window_ms).min(window_ms)
        };
        let room = u64::from(rule.limit).saturating_sub(u64::from(cost));
        let wait_ms = match room.checked_sub(u64::from(self.current)) {
            // It is the window before that weighs too much.
            Some(room) => rest_ms.saturating_sub(rest_at(room, self.previous)),
            // The running one does, and has to be the one before.
            None => rest_ms.saturating_add(window_ms).saturating_sub(rest_at(room, self.current)),
        };
        wait_ms.max(1)
    }

    /// The hits of the last `window_ms`, as if those of the window before had come evenly, rounded up: never less than that.
    pub(super) fn hits(self, now_ms: u64, rule: Rule) -> u64 {
        // Below 2^32 · 86,400,000: nothing wraps. (In Wasm a product that is looked at for that is a call of a hundred instructions.)
        let weighted = u64::from(self.previous).wrapping_mul(self.rest_ms(now_ms, rule));
        weighted.div_ceil(rule.window_ms.max(1)).saturating_add(u64::from(self.current))
    }

    /// Milliseconds until the running window ends; at least 1.
    pub(super) fn rest_ms(self, now_ms: u64, rule: Rule) -> u64 {
        self.until_ms.saturating_sub(now_ms).saturating_sub(rule.window_ms).max(1)
    }
}

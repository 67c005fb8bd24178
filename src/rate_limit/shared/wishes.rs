//! What is to be leased: wishes that exchanges leave and that ticks fulfil.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::host::CallId;
use crate::table::{Key, Supply, Terms};

/// The most wishes of a VM; each shared policy has an equal share of them. A request that would leave a further one, and wait for it, is
/// refused or counted as by [`MAX_WAITING`].
pub const MAX_WISHES: usize = 1_024;
/// The most calls of a VM that have no result yet. No policy gets a second one while another waits for its first, and so on.
pub const MAX_PENDING: usize = 32;
/// The most requests of a VM that wait; each shared policy has an equal share of the places. A further one is refused, or counted here where
/// `on_error` is `local`.
pub const MAX_WAITING: usize = 512;

/// How long it is remembered that a call has failed, for those that waited for it, or that the service cannot say, for all, in
/// milliseconds.
const FAILED_MS: u64 = 1_000;

/// A lease that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rate_limit) struct Wish {
    pub(in crate::rate_limit) supply: Supply,
    /// The policy's place.
    pub(in crate::rate_limit) policy: usize,
    /// The place of its table.
    pub(in crate::rate_limit) plan: usize,
    pub(in crate::rate_limit) terms: Terms,
    /// What the service counts by.
    pub(in crate::rate_limit) descriptor: Vec<u8>,
    /// What the requests that wait for it cost.
    pub(in crate::rate_limit) need: u32,
}

/// What a request may hope for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(in crate::rate_limit) enum Prospect {
    /// A lease may come soon: of this round of asking.
    Waits {
        /// Which one.
        round: u64,
        /// Since when it is asked for, here or by another worker. `None`: there was no call left for it.
        asked_ms: Option<u64>,
    },
    /// That round is over, or there was none: it is to be wanted again.
    Over,
    /// None will.
    Hopeless,
    /// There is no room to ask for it: too many wait, and that is no fault of the service.
    Crowded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Wanted {
        since_ms: u64,
        /// Since when another worker is known to ask for it.
        asked_ms: Option<u64>,
    },
    Pending {
        call: CallId,
        sent_ms: u64,
        hits: u32,
    },
    Failed {
        at_ms: u64,
    },
    /// The service has no limit for it.
    Unanswerable {
        at_ms: u64,
    },
}

/// All wishes of a VM, by the key of the lease.
#[derive(Debug)]
pub(super) struct Wishes {
    all: BTreeMap<Key, Entry>,
    /// The most of one policy.
    share: usize,
    /// How many rounds have begun.
    rounds: u64,
    /// The last one that was looked at, so that all have their turn.
    last: Option<Key>,
}

#[derive(Debug)]
struct Entry {
    wish: Wish,
    state: State,
    round: u64,
}

/// What a policy has of the calls.
struct Share {
    policy: usize,
    /// Without a result.
    calls: usize,
    /// To be made.
    wanted: usize,
}

impl Wishes {
    pub(super) fn new(share: usize) -> Self {
        Self { all: BTreeMap::new(), share, rounds: 0, last: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes a wish in, with what it needs beside what others do. `None`: there is no room.
    pub(super) fn want(&mut self, now_ms: u64, wish: Wish) -> Option<u64> {
        if let Some(entry) = self.all.get_mut(&wish.supply.lease)
            && !matches!(entry.state, State::Failed { .. })
        {
            entry.wish.need = entry.wish.need.saturating_add(wish.need);
            return Some(entry.round);
        }
        let same = |entry: &Entry| entry.wish.policy == wish.policy;
        if self.all.len() >= self.share
            && self.all.values().filter(|entry| same(entry)).count() >= self.share
            && !self.all.contains_key(&wish.supply.lease)
        {
            // What is only remembered makes room for what waits.
            let over = |entry: &Entry| matches!(entry.state, State::Failed { .. } | State::Unanswerable { .. });
            let (&lease, _) = self.all.iter().find(|(_, entry)| same(entry) && over(entry))?;
            self.all.remove(&lease);
        }
        self.rounds = self.rounds.wrapping_add(1);
        let (state, round) = (State::Wanted { since_ms: now_ms, asked_ms: None }, self.rounds);
        self.all.insert(wish.supply.lease, Entry { wish, state, round });
        Some(round)
    }

    /// What a request may hope for that has waited in this round.
    pub(super) fn prospect(&self, lease: Key, round: Option<u64>) -> Prospect {
        match (self.all.get(&lease), round) {
            (Some(Entry { state: State::Failed { .. }, .. }), Some(_))
            | (Some(Entry { state: State::Unanswerable { .. }, .. }), _) => Prospect::Hopeless,
            (Some(entry), Some(round)) if entry.round == round => {
                let asked_ms = match entry.state {
                    State::Wanted { asked_ms, .. } => asked_ms,
                    State::Pending { sent_ms, .. } => Some(sent_ms),
                    State::Failed { at_ms } | State::Unanswerable { at_ms } => Some(at_ms),
                };
                Prospect::Waits { round, asked_ms }
            }
            (Some(_) | None, _) => Prospect::Over,
        }
    }

    /// Some that nobody of this VM asks for: as many as it may, others each time, and no policy before its turn.
    pub(super) fn wanted(&mut self) -> Vec<Wish> {
        let mut shares = self.shares();
        let mut free = MAX_PENDING.saturating_sub(shares.iter().map(|share| share.calls).sum());
        // With so many for each, all that are free are taken.
        let taken = |most: &usize| shares.iter().map(|share| share.wanted.min(most.saturating_sub(share.calls))).sum();
        let most = (1..MAX_PENDING).find(|most| free <= taken(most)).unwrap_or(MAX_PENDING);
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut wanted: Vec<Wish> = Vec::new();
        // There may not be enough for all to have so many: first everybody has one less.
        for most in [most.saturating_sub(1), most] {
            let turn = self.all.range((after, Bound::Unbounded)).chain(self.all.iter());
            for (_, Entry { wish, state, .. }) in turn.take(self.all.len()) {
                let Some(share) = shares.iter_mut().find(|share| share.policy == wish.policy) else { continue };
                if free > 0
                    && share.calls < most
                    && matches!(state, State::Wanted { .. })
                    && !wanted.iter().any(|taken| taken.supply.lease == wish.supply.lease)
                {
                    share.calls = share.calls.saturating_add(1);
                    free = free.saturating_sub(1);
                    wanted.push(wish.clone());
                }
            }
        }
        if let Some(last) = wanted.last() {
            self.last = Some(last.supply.lease);
        }
        wanted
    }

    fn shares(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        for Entry { wish: Wish { policy, .. }, state, .. } in self.all.values() {
            let (calls, wanted) = match state {
                State::Wanted { .. } => (0, 1),
                State::Pending { .. } => (1, 0),
                State::Failed { .. } | State::Unanswerable { .. } => (0, 0),
            };
            match shares.iter_mut().find(|share| share.policy == *policy) {
                Some(share) => (share.calls, share.wanted) = (share.calls + calls, share.wanted + wanted),
                None => shares.push(Share { policy: *policy, calls, wanted }),
            }
        }
        shares
    }

    /// Another worker asks for it.
    pub(super) fn is_asked(&mut self, wish: &Wish, now_ms: u64) {
        if let Some(Entry { state: State::Wanted { asked_ms, .. }, .. }) = self.all.get_mut(&wish.supply.lease) {
            asked_ms.get_or_insert(now_ms);
        }
    }

    pub(super) fn set(&mut self, wish: &Wish, state: State) {
        if let Some(entry) = self.all.get_mut(&wish.supply.lease) {
            entry.state = state;
        }
    }

    pub(super) fn remove(&mut self, wish: &Wish) {
        self.all.remove(&wish.supply.lease);
    }

    /// The wish that this call was for, with when it was made and for how many hits.
    pub(super) fn of_call(&self, id: CallId) -> Option<(Wish, u64, u32)> {
        self.all.values().find_map(|entry| match entry.state {
            State::Pending { call, sent_ms, hits } if call == id => Some((entry.wish.clone(), sent_ms, hits)),
            State::Pending { .. } | State::Wanted { .. } | State::Failed { .. } | State::Unanswerable { .. } => None,
        })
    }

    /// Those whose call must have ended: they have failed.
    pub(super) fn overdue(&mut self, now_ms: u64, call_ms: u64) -> Vec<Wish> {
        let mut overdue = Vec::new();
        for Entry { wish, state, .. } in self.all.values_mut() {
            if let State::Pending { sent_ms, .. } = *state
                && passed(now_ms, sent_ms, call_ms)
            {
                *state = State::Failed { at_ms: now_ms };
                overdue.push(wish.clone());
            }
        }
        overdue
    }

    /// Forgets what nobody waits for any more.
    pub(super) fn forget(&mut self, now_ms: u64, call_ms: u64) {
        self.all.retain(|_, entry| match entry.state {
            State::Wanted { since_ms, .. } => !passed(now_ms, since_ms, call_ms),
            State::Failed { at_ms } | State::Unanswerable { at_ms } => !passed(now_ms, at_ms, FAILED_MS),
            State::Pending { .. } => true,
        });
    }
}

/// Whether so much time has passed; also when the clock went back behind `since_ms`.
fn passed(now_ms: u64, since_ms: u64, span_ms: u64) -> bool {
    now_ms < since_ms || now_ms.saturating_sub(since_ms) >= span_ms
}

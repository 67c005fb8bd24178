//! Hits that somebody else counts, leased in advance and spent here.
//!
//! A key has one lease in a process, in its slot among the [`Counters`]: what is left of it, when it ends, and by what the next
//! one is sized. All workers spend from it; who finds it short asks for another, and a record beside it keeps the others from
//! asking at the same time. An answer that comes when its asking is over counts for nothing, so that what is left of
//! a lease never exceeds [`Terms::most_left`].
//!
//! # How much is asked for
//!
//! Powers of two. The first time, what one request costs: a key that comes once leaves nothing unspent. Then twice as much
//! as before when that was spent within [`Terms::period_ms`], half as much (a quarter, …) when it took twice (four times, …)
//! as long, at least what the requests that wait for it cost, at most [`Terms::most_log`], and at most a quarter of what the last
//! answer said is left, so that the end of a quota is approached in ever smaller steps. When more than the least is refused, the
//! least is asked for next: services differ in whether what they refuse is counted. When the least is refused, the key is
//! *dry* until the service's window ends.
//!
//! # When it ends
//!
//! With the service's window. Services say in whole seconds how long that is, rounded up, so a second less is believed; of the
//! last second of a window nothing would be left, so it is believed whole: [`MAX_SPILL_MS`].

use super::bucket::Bucket;
use super::counters::{Clock, Counters, Opened, put};
use super::key::Key;
use super::quota::Balance;
use super::record::{Record, State, low};
use super::slots::{Change, Found, update};
use super::window::MAX_SPAN_MS;
use super::{Error, Note};
use crate::host::Host;

/// The largest lease.
pub const MAX_LEASED: u32 = 1 << MAX_LOG;

/// How long after the end of the service's window a lease may still be spent, in milliseconds; longer only by as much as the
/// answer was under way.
pub const MAX_SPILL_MS: u64 = SECOND_MS + MIN_LIFE_MS;

const MAX_LOG: u8 = 19;
const SECOND_MS: u64 = 1_000;
/// So long a lease lasts in any case: those who wait for it find it.
const MIN_LIFE_MS: u64 = 100;
/// How long a refusal is remembered whose end the service does not say, in milliseconds.
const DRY_MS: u64 = SECOND_MS;
/// From this size on the next lease is asked for before the last one is spent.
const AHEAD_FROM: u32 = 8;
/// In place of a number of bits: nothing is left at the service.
const DRY: u8 = 31;

const LOG_BITS: u32 = 5;
const AGE_BITS: u32 = 22;
/// Ages are kept in units of 2^6 ms; the largest that can be told is three days.
const AGE_UNIT_LOG: u32 = 6;

/// By what a key's leases are sized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What one request costs.
    pub cost: u32,
    /// What a window admits; for a service that does not say what is left.
    pub limit: u32,
    /// The largest lease is 2^this, but never less than the cost of a request.
    pub most_log: u8,
    /// How long a lease should last, in milliseconds.
    pub period_ms: u64,
}

impl Terms {
    /// The most that is ever left of a key's lease in one process: the largest lease, and what was left when it was asked for.
    #[must_use]
    pub fn most_left(&self) -> u32 {
        let most = self.most();
        most.saturating_add((most / 4).max(self.cost.saturating_sub(1)))
    }

    fn most(&self) -> u32 {
        (1 << self.most_log.min(MAX_LOG)).max(self.least())
    }

    fn least(&self) -> u32 {
        self.cost.max(1)
    }
}

/// Where a key's lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supply {
    /// The key that says in which slot.
    pub place: Key,
    /// That of the lease.
    pub lease: Key,
    /// That of who asks for one.
    pub asking: Key,
}

/// Whether to ask for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ask {
    /// For so many hits. Nobody else asks meanwhile.
    For {
        /// How many.
        hits: u32,
    },
    /// Somebody else asks.
    Asked,
    /// There is enough.
    Enough,
    /// There will be none before the service's window ends.
    Dry,
}

/// What the service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The hits are the caller's.
    Granted {
        /// How many more there are.
        remaining: Option<u32>,
        /// How long they are, in milliseconds.
        reset_ms: Option<u64>,
    },
    /// They are not.
    Refused {
        /// For how long that holds, in milliseconds.
        reset_ms: Option<u64>,
    },
    /// Nothing.
    Failed,
}

/// A lease as it stands in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leased {
    left: u32,
    /// It was for 2^this hits, or a few more.
    size_log: u8,
    /// At the service 2^this hits were left then, or more; or [`DRY`].
    rest_log: u8,
    /// When it began, in units of 2^[`AGE_UNIT_LOG`] ms, as far as that fits.
    since: u32,
}

impl Leased {
    pub(super) fn from_word(word: u64) -> Self {
        let bits = low(word >> 32);
        let log = |bits: u32| u8::try_from(bits & ((1 << LOG_BITS) - 1)).unwrap_or(DRY);
        Self { left: low(word), size_log: log(bits), rest_log: log(bits >> LOG_BITS), since: bits >> (2 * LOG_BITS) }
    }

    pub(super) fn to_word(self) -> u64 {
        let log = |log: u8| u32::from(log) & ((1 << LOG_BITS) - 1);
        let bits = log(self.size_log) | (log(self.rest_log) << LOG_BITS) | (self.since << (2 * LOG_BITS));
        u64::from(self.left) | (u64::from(bits) << 32)
    }

    /// How many hits it was for.
    pub(super) fn size(self) -> u64 {
        1 << self.size_log
    }

    pub(super) fn is_dry(self) -> bool {
        self.rest_log == DRY
    }

    /// Whether the next one should be asked for, though requests are still admitted.
    fn is_low(self) -> bool {
        !self.is_dry() && self.size() >= u64::from(AHEAD_FROM) && u64::from(self.left) <= self.size() / 4
    }

    /// How old it is, in milliseconds.
    fn age_ms(self, now_ms: u64) -> u64 {
        u64::from(clock(now_ms).wrapping_sub(self.since) & AGE_MASK) << AGE_UNIT_LOG
    }

    /// With so many more hits, or with less.
    fn with(self, left: u32) -> Self {
        Self { left, ..self }
    }

    /// How a key with this lease stands.
    fn balance(self, now_ms: u64, until_ms: u64, limit: u32) -> Balance {
        let rest = if self.is_dry() { 0 } else { 1 << self.rest_log.min(30) };
        let left = self.left.saturating_add(rest).min(limit);
        Balance { left, reset_ms: until_ms.saturating_sub(now_ms), wait_ms: 0 }
    }
}

const AGE_MASK: u32 = (1 << AGE_BITS) - 1;

fn clock(now_ms: u64) -> u32 {
    low(now_ms >> AGE_UNIT_LOG) & AGE_MASK
}

/// A request that costs so much, of a key with this live record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// There is enough: so it stands then, and this is the record.
    From { balance: Balance, low: bool, until_ms: u64, state: State },
    /// The service has refused more.
    Dry(Balance),
    /// There is no lease, or not enough of it.
    Empty,
}

/// Looks what a cost does to a key's live record, or to none.
pub(super) fn draw(record: Option<&Record>, now_ms: u64, cost: u32, limit: u32) -> Draw {
    let Some(&Record { state: State::Leased(leased), until_ms, .. }) = record else { return Draw::Empty };
    match leased.left.checked_sub(cost) {
        Some(left) => {
            let leased = leased.with(left);
            let balance = leased.balance(now_ms, until_ms, limit);
            Draw::From { balance, low: leased.is_low(), until_ms, state: State::Leased(leased) }
        }
        None if leased.is_dry() => {
            let balance = leased.balance(now_ms, until_ms, limit);
            // What is told is no less than it takes, though the end may have been put a second too early.
            Draw::Dry(Balance { wait_ms: balance.reset_ms.saturating_add(SECOND_MS), ..balance })
        }
        None => Draw::Empty,
    }
}

/// A record with a cost given back, if it is the one that it was taken from.
pub(super) fn give_back(record: &Record, until_ms: u64, cost: u32) -> Option<Record> {
    let State::Leased(leased) = record.state else { return None };
    let leased = leased.with(leased.left.saturating_add(cost));
    (record.until_ms == until_ms).then_some(Record { state: State::Leased(leased), ..*record })
}

impl Counters {
    /// Whether the caller, `owner`, is to ask for a lease: for `hold_ms` at most nobody else does. `need` is what the requests
    /// that wait for it cost together.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Contended`].
    #[expect(clippy::too_many_arguments, reason = "whose lease, by which terms, and who asks")]
    pub fn ask(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        supply: Supply,
        terms: &Terms,
        need: u32,
        owner: u64,
        hold_ms: u64,
    ) -> Result<Ask, Error> {
        self.edit_supply(host, now_ms, supply, |bucket, now_ms| {
            let asking = bucket.find(supply.asking).filter(|record| record.is_live(now_ms));
            if let Some(Record { state: State::Asked { owner: other }, .. }) = asking
                && other != owner
            {
                return Change::Keep(Ask::Asked);
            }
            let last = lease(bucket, supply);
            if let Some((leased, until_ms)) = last
                && now_ms < until_ms
            {
                let enough = leased.left >= terms.least();
                match (enough, leased.is_dry()) {
                    (true, true) => return Change::Keep(Ask::Enough),
                    (true, false) if !leased.is_low() => return Change::Keep(Ask::Enough),
                    (false, true) => return Change::Keep(Ask::Dry),
                    (_, false) => {}
                }
            }
            let until_ms = now_ms.saturating_add(hold_ms.clamp(1, MAX_SPAN_MS));
            let asked = Record { key: supply.asking, until_ms, state: State::Asked { owner } };
            keep(bucket, now_ms, supply, asked);
            Change::Write(Ask::For { hits: next_size(last, now_ms, terms, need) })
        })
    }

    /// Takes in what the service has said to the caller, who has asked at `sent_ms` for `hits`. `false`: the asking is over, and
    /// what was granted is lost.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Contended`]: it is lost as well.
    #[expect(clippy::too_many_arguments, reason = "whose lease, by which terms, and what came of asking")]
    pub fn answered(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        supply: Supply,
        terms: &Terms,
        owner: u64,
        (sent_ms, hits): (u64, u32),
        answer: Answer,
    ) -> Result<bool, Error> {
        let took_ms = now_ms.saturating_sub(sent_ms);
        self.edit_supply(host, now_ms, supply, |bucket, now_ms| {
            match bucket.find(supply.asking).filter(|record| record.is_live(now_ms)) {
                Some(Record { state: State::Asked { owner: its }, .. }) if its == owner => {}
                Some(_) | None => return Change::Keep(false),
            }
            bucket.remove(supply.asking);
            let last = lease(bucket, supply).filter(|(_, until_ms)| now_ms < *until_ms);
            let left = last.map_or(0, |(leased, _)| leased.left);
            let (leased, until_ms) = match answer {
                Answer::Failed => return Change::Write(true),
                Answer::Granted { remaining, reset_ms } => {
                    let rest = remaining.unwrap_or(terms.limit);
                    let rest_log = rest.checked_ilog2().map_or(DRY, narrow);
                    let size_log = narrow(hits.max(1).ilog2());
                    let left = left.saturating_add(hits).min(terms.most_left());
                    let life_ms = life_ms(reset_ms, took_ms, terms);
                    (Leased { left, size_log, rest_log, since: clock(now_ms) }, now_ms.saturating_add(life_ms))
                }
                Answer::Refused { reset_ms } => {
                    let rest_log = if hits > terms.least() { 0 } else { DRY };
                    let leased = Leased { left, size_log: 0, rest_log, since: clock(now_ms) };
                    let for_ms = reset_ms.unwrap_or(DRY_MS).clamp(MIN_LIFE_MS, MAX_SPAN_MS);
                    // What is left of the last lease ends with it.
                    let until_ms = last.filter(|_| left > 0).map(|(_, until_ms)| until_ms);
                    (leased, until_ms.unwrap_or(now_ms.saturating_add(for_ms)))
                }
            };
            keep(bucket, now_ms, supply, Record { key: supply.lease, until_ms, state: State::Leased(leased) });
            Change::Write(true)
        })
    }

    fn edit_supply<T>(
        &self,
        host: &mut dyn Host,
        now_ms: u64,
        supply: Supply,
        mut edit: impl FnMut(&mut Bucket<'_>, u64) -> Change<T>,
    ) -> Result<T, Error> {
        update(host, &self.slot_of(supply.place), |bytes, found: Found| {
            let Opened { mut bucket, now_ms, clock, .. } = self.open(bytes, found, now_ms);
            Ok(match (edit(&mut bucket, now_ms), clock) {
                (Change::Keep(value), Clock::GoesOn) => Change::Keep(value),
                (Change::Keep(value), Clock::SteppedBack) => Change::Write(value),
                (Change::Write(value), _) => {
                    bucket.set_number(now_ms);
                    Change::Write(value)
                }
            })
        })
    }
}

/// A key's lease, also one that has ended.
fn lease(bucket: &Bucket<'_>, supply: Supply) -> Option<(Leased, u64)> {
    match bucket.find(supply.lease)? {
        Record { state: State::Leased(leased), until_ms, .. } => Some((leased, until_ms)),
        _ => None,
    }
}

fn keep(bucket: &mut Bucket<'_>, now_ms: u64, supply: Supply, record: Record) {
    // Another key's record may go for it; a flood of keys shows in the counter of requests that are charged.
    let _: Note = put(bucket, now_ms, record, &|key| key == supply.lease || key == supply.asking);
}

/// How many hits the next lease is for, after this one, which may have ended.
fn next_size(last: Option<(Leased, u64)>, now_ms: u64, terms: &Terms, need: u32) -> u32 {
    let least = terms.least();
    let Some((leased, until_ms)) = last else { return least };
    let is_live = now_ms < until_ms;
    let period_ms = terms.period_ms.max(1);
    if now_ms.saturating_sub(until_ms) > period_ms {
        return least;
    }
    let periods = leased.age_ms(now_ms).checked_div(period_ms).unwrap_or(0);
    let log = match periods.checked_ilog2() {
        // More than half of it was for nothing.
        None if u64::from(leased.left) > leased.size() / 2 => leased.size_log.saturating_sub(1),
        None => leased.size_log.saturating_add(1),
        Some(doublings) => leased.size_log.saturating_sub(narrow(doublings)),
    };
    let mut hits = 1_u32 << log.min(MAX_LOG);
    if is_live {
        hits = hits.max(need.min(MAX_LEASED).next_power_of_two());
        // A quarter of what is left.
        hits = hits.min(1 << leased.rest_log.saturating_sub(2).min(MAX_LOG));
    }
    hits.min(terms.most()).max(least)
}

/// How long a lease lasts from now on, `took_ms` after it was asked for.
fn life_ms(reset_ms: Option<u64>, took_ms: u64, terms: &Terms) -> u64 {
    let whole_ms = match reset_ms {
        None => terms.period_ms,
        Some(reset_ms) if reset_ms >= 2 * SECOND_MS => reset_ms.saturating_sub(SECOND_MS),
        Some(reset_ms) => reset_ms.min(SECOND_MS),
    };
    whole_ms.saturating_sub(took_ms).clamp(MIN_LIFE_MS, MAX_SPAN_MS)
}

fn narrow(log: u32) -> u8 {
    u8::try_from(log).unwrap_or(DRY).min(DRY - 1)
}

//! Charges: one request is measured by several things at once, and spends of all of them or of none.
//!
//! What a request is measured by stands in one slot or in several. All of them are read first; a request that is refused
//! anywhere spends nowhere. Else each slot is written if it is as it was read. When somebody came between, that slot is
//! read and judged again, and if the request is refused there now, what it has spent in the slots before is given back.
//! Hence:
//!
//! - nobody ever spends more than a quota has: every write is of a slot in which the quota had room;
//! - while a request gives back, others may find less than there is, and be refused: an error against the client, of a few
//!   microseconds, and only of requests that are measured in more than one slot;
//! - what cannot be given back stays spent: when [`MAX_GIVE_BACK_TRIES`] are over, or the worker dies between two slots.
//!
//! The cost in calls to the host: one read and one write for each slot, as long as nobody comes between; no write for a request
//! that is refused, but where floods are counted. A slot that is recalled ([`Host::recall`]) is not read if it is then written; a
//! refusal is never by what is recalled.

use super::bucket::Bucket;
use super::counters::{Clock, Counters, Opened, put};
use super::key::Key;
use super::leased::{self, Draw};
use super::quota::{Balance, Quota, stored_window};
use super::record::{Record, State};
use super::slots::{Found as Bytes, MAX_TRIES, compare_and_set};
use super::window::{Rule, Standing, Window};
use super::{Error, Note};
use crate::few::Few;
use crate::host::{Host, Slot};

/// How often a slot is read and written again to give back what was spent there. More often than other operations try: what is not
/// given back is somebody's quota, and eight workers at one slot do lose sixteen tries in a row now and then.
pub const MAX_GIVE_BACK_TRIES: usize = 4 * MAX_TRIES;

/// What a request is measured by in one slot: that of `place`, in which all of its charges have their records, at most
/// [`MAX_GROUP`](super::MAX_GROUP). No two have the same key.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    /// The table.
    pub table: &'a Counters,
    /// The key that says in which slot.
    pub place: Key,
    /// What is charged there.
    pub charges: Vec<Charge>,
}

/// One thing that a request is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The key of its record.
    pub key: Key,
    /// The measure.
    pub by: Measure,
    /// Whether it can refuse the request.
    pub acts: Acts,
}

/// What a request is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// It spends; only if no measure refuses it.
    Quota {
        /// What may be spent.
        quota: Quota,
        /// What it spends.
        cost: u32,
    },
    /// It counts, also when it is refused. The one over the limit blocks the key for [`Rule::block_ms`], and what comes then is
    /// refused and not counted.
    Flood(Rule),
    /// It is refused while the key is blocked, by [`Counters::hit_at`].
    Block,
    /// It spends of what was leased ([`Counters::ask`]); only if no measure refuses it.
    Leased {
        /// What it spends.
        cost: u32,
        /// What a window admits.
        limit: u32,
    },
}

/// Whether a measure can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// It can.
    Refuses,
    /// It only watches: what it would have refused spends elsewhere.
    Watches,
}

/// How a request stands with one measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Within it. What it spends, if the request is admitted, is spent in this.
    Within(Balance),
    /// Over a quota.
    Over(Balance),
    /// Blocked.
    Blocked {
        /// Until the end, in milliseconds.
        wait_ms: u64,
        /// Whether it begins with this request.
        begins: bool,
    },
    /// Not blocked.
    Free,
    /// Within what was leased.
    Leased {
        /// How it stands.
        balance: Balance,
        /// Whether the next lease should be asked for.
        low: bool,
    },
    /// Nothing is leased, or too little: it has to be asked for. Refuses as [`Found::Over`] does.
    Empty,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It has spent.
    Admitted,
    /// It has not.
    Refused,
}

/// What became of a request, and how it stands with each measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// Whether it is admitted.
    pub verdict: Verdict,
    found: Few<Found>,
    /// What happened to the tables beside.
    pub notes: Vec<Note>,
}

impl Charged {
    /// How it stands with each measure: account by account, for each of its charges, in their order.
    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.found.all().iter()
    }
}

/// Charges a request.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Contended`]: nothing is spent, if it could be given back.
pub fn charge(host: &mut dyn Host, now_ms: u64, accounts: &[Account<'_>]) -> Result<Charged, Error> {
    charge_by(host, now_ms, accounts, &mut String::new())
}

/// The same with a place for the name of a slot, which the caller may keep.
pub(crate) fn charge_by(
    host: &mut dyn Host,
    now_ms: u64,
    accounts: &[Account<'_>],
    name: &mut String,
) -> Result<Charged, Error> {
    // Mostly there is one, and nothing is set aside for more.
    if let [account] = accounts {
        let mut page = Page::new(account, now_ms, std::mem::take(name), Spent::Unasked);
        let verdict = page.begin(host).and_then(|()| settle(std::slice::from_mut(&mut page), host));
        *name = page.slot;
        return Ok(Charged { verdict: verdict?, found: found(page.judged), notes: page.notes });
    }
    let mut pages = Vec::with_capacity(accounts.len());
    for account in accounts {
        let mut page =
            Page::new(account, now_ms, String::new(), Spent::Kept(Vec::with_capacity(account.charges.len())));
        page.begin(host)?;
        pages.push(page);
    }
    let verdict = settle(&mut pages, host)?;
    let (mut all, mut notes) = (Vec::with_capacity(accounts.len()), Vec::new());
    for page in &mut pages {
        notes.append(&mut page.notes);
        all.extend(page.judged.all().iter().map(|judged| judged.found));
    }
    Ok(Charged { verdict, found: Few::More(all), notes })
}

fn found(judged: Few<Judged>) -> Few<Found> {
    match judged {
        Few::One(one) => Few::One(one.map(|judged| judged.found)),
        Few::More(all) => Few::More(all.iter().map(|judged| judged.found).collect()),
    }
}

/// Writes what a request spends in slots that were read.
fn settle(pages: &mut [Page<'_>], host: &mut dyn Host) -> Result<Verdict, Error> {
    if pages.iter().any(Page::refuses) {
        for page in pages.iter_mut().filter(|page| page.recalled) {
            page.look(host)?;
        }
    }
    let mut verdict = if pages.iter().any(Page::refuses) { Verdict::Refused } else { Verdict::Admitted };
    for n in 0..pages.len() {
        let Some(page) = pages.get_mut(n) else { break };
        let before = verdict;
        let written = page.settle(&mut verdict, host);
        let spent_elsewhere = before == Verdict::Admitted && (verdict == Verdict::Refused || written.is_err());
        if spent_elsewhere {
            for earlier in pages.iter_mut().take(n) {
                earlier.give_back(host);
            }
        }
        match (written, verdict) {
            (Err(error), Verdict::Admitted) => return Err(error),
            // A refused request that could not be counted is refused all the same.
            (Err(_), Verdict::Refused) | (Ok(()), _) => {}
        }
    }
    Ok(verdict)
}

/// A slot that was read.
struct Page<'a> {
    account: &'a Account<'a>,
    now_ms: u64,
    slot: String,
    /// As they are now: see [`Counters::open`].
    bytes: Vec<u8>,
    stamp: u32,
    /// Whether they were recalled: they may be out of date.
    recalled: bool,
    /// The time in the slot.
    slot_ms: u64,
    clock: Clock,
    /// Whether foreign bytes stood there.
    repaired: bool,
    judged: Few<Judged>,
    spent: Spent,
    notes: Vec<Note>,
}

/// How a request stands with one charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judged {
    found: Found,
    after: Option<After>,
}

/// What a charge makes of its record, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct After {
    found: Found,
    until_ms: u64,
    state: State,
}

/// What a slot's charges have spent.
enum Spent {
    /// Nobody will ask: there is no other slot whose refusal would have it given back.
    Unasked,
    /// For each charge, when its record ends after it has spent.
    Kept(Vec<Option<u64>>),
}

impl Spent {
    #[inline]
    fn forget(&mut self) {
        match self {
            Self::Kept(ends) => ends.clear(),
            Self::Unasked => {}
        }
    }

    #[inline]
    fn note(&mut self, until_ms: Option<u64>) {
        match self {
            Self::Kept(ends) => ends.push(until_ms),
            Self::Unasked => {}
        }
    }
}

impl<'a> Page<'a> {
    /// Not read yet.
    fn new(account: &'a Account<'a>, now_ms: u64, mut slot: String, spent: Spent) -> Self {
        account.table.name_slot(account.place, &mut slot);
        Self {
            account,
            now_ms,
            slot,
            bytes: Vec::new(),
            stamp: 0,
            recalled: false,
            slot_ms: now_ms,
            clock: Clock::GoesOn,
            repaired: false,
            judged: Few::default(),
            spent,
            notes: Vec::new(),
        }
    }

    /// Judges the request by the slot as it is recalled, or reads it.
    fn begin(&mut self, host: &mut dyn Host) -> Result<(), Error> {
        match host.recall(&self.slot) {
            Some(slot) => self.judge(slot, true),
            None => self.look(host)?,
        }
        Ok(())
    }

    /// Reads the slot and judges the request by it.
    fn look(&mut self, host: &mut dyn Host) -> Result<(), Error> {
        self.judge(host.slot(&self.slot).ok_or(Error::Unavailable)?, false);
        Ok(())
    }

    fn judge(&mut self, slot: Slot, recalled: bool) {
        (self.bytes, self.stamp, self.recalled) = (slot.bytes, slot.stamp, recalled);
        let there = if self.stamp == 0 { Bytes::Nothing } else { Bytes::Bytes };
        let Opened { bucket, now_ms, clock, repaired } = self.account.table.open(&mut self.bytes, there, self.now_ms);
        (self.slot_ms, self.clock, self.repaired) = (now_ms, clock, repaired);
        self.judged = match self.account.charges.as_slice() {
            [charge] => Few::One(Some(judge(charge, &bucket, now_ms))),
            charges => Few::More(charges.iter().map(|charge| judge(charge, &bucket, now_ms)).collect()),
        };
    }

    fn refuses(&self) -> bool {
        let over = |(charge, judged): (&Charge, &Judged)| match judged.found {
            Found::Over(_) | Found::Blocked { .. } | Found::Empty => charge.acts == Acts::Refuses,
            Found::Within(_) | Found::Free | Found::Leased { .. } => false,
        };
        self.account.charges.iter().zip(self.judged.all()).any(over)
    }

    /// Writes what a verdict means for this slot; the verdict becomes a refusal when somebody came between and left no room.
    fn settle(&mut self, verdict: &mut Verdict, host: &mut dyn Host) -> Result<(), Error> {
        // What is recalled is one try more.
        for _ in 0..MAX_TRIES.saturating_add(usize::from(self.recalled)) {
            let done = match self.apply(*verdict) {
                true => compare_and_set(host, &self.slot, &self.bytes, self.stamp)?,
                false => !self.recalled,
            };
            if done {
                return Ok(());
            }
            self.look(host)?;
            if self.refuses() {
                *verdict = Verdict::Refused;
            }
        }
        self.spent.forget();
        Err(Error::Contended)
    }

    /// Edits the bytes; whether they are to be written.
    fn apply(&mut self, verdict: Verdict) -> bool {
        let Self { account, bytes, judged, spent, notes, slot_ms: now_ms, .. } = self;
        let (now_ms, mut bucket) = (*now_ms, Bucket::of(bytes));
        let is_ours = |key: Key| account.charges.iter().any(|charge| charge.key == key);
        let mut changed = self.clock == Clock::SteppedBack;
        spent.forget();
        notes.clear();
        for (charge, judged) in account.charges.iter().zip(judged.all_mut()) {
            let spends = matches!(charge.by, Measure::Quota { .. } | Measure::Leased { .. });
            let after = judged.after.filter(|_| verdict == Verdict::Admitted || !spends);
            spent.note(after.filter(|_| spends).map(|after| after.until_ms));
            let Some(After { found, until_ms, state }) = after else { continue };
            judged.found = found;
            let note = put(&mut bucket, now_ms, Record { key: charge.key, until_ms, state }, &is_ours);
            if note != Note::Plain {
                notes.push(note);
            }
            changed = true;
        }
        if changed {
            bucket.set_number(now_ms);
            if self.repaired {
                notes.push(Note::Repaired);
            }
        }
        changed
    }

    /// Takes back what was spent here, as far as others let it.
    fn give_back(&mut self, host: &mut dyn Host) {
        let Spent::Kept(spent) = std::mem::replace(&mut self.spent, Spent::Unasked) else { return };
        for _ in 0..MAX_GIVE_BACK_TRIES {
            if self.look(host).is_err() {
                return;
            }
            let (now_ms, mut bucket) = (self.slot_ms, Bucket::of(&mut self.bytes));
            let mut changed = false;
            for (charge, until_ms) in self.account.charges.iter().zip(&spent) {
                let (Some(until_ms), Some(record)) = (*until_ms, live(&bucket, charge.key, now_ms)) else { continue };
                let record = match charge.by {
                    Measure::Quota { quota, cost } => quota.give_back(&record, until_ms, cost),
                    Measure::Leased { cost, .. } => leased::give_back(&record, until_ms, cost),
                    Measure::Flood(_) | Measure::Block => None,
                };
                let Some(record) = record else { continue };
                // Over the record of the same key: there is room.
                let _ = bucket.put(record, now_ms);
                changed = true;
            }
            bucket.set_number(now_ms);
            match changed.then(|| compare_and_set(host, &self.slot, &self.bytes, self.stamp)) {
                Some(Ok(false)) => {}
                Some(Ok(true) | Err(_)) | None => break,
            }
        }
        // How it stands now.
        let _ = self.look(host);
    }
}

fn live(bucket: &Bucket<'_>, key: Key, now_ms: u64) -> Option<Record> {
    bucket.find(key).filter(|record| record.is_live(now_ms))
}

/// How a charge's record stands. What it makes of the record is found out with it: the record does not change before it is written.
fn judge(charge: &Charge, bucket: &Bucket<'_>, now_ms: u64) -> Judged {
    let record = live(bucket, charge.key, now_ms);
    match charge.by {
        Measure::Quota { quota, cost } => {
            let look = quota.look(record.as_ref(), now_ms, cost);
            let after =
                look.after.map(|(balance, until_ms, state)| After { found: Found::Within(balance), until_ms, state });
            let found = if after.is_some() { Found::Within(look.before) } else { Found::Over(look.before) };
            Judged { found, after }
        }
        Measure::Leased { cost, limit } => match leased::draw(record.as_ref(), now_ms, cost, limit) {
            Draw::From { balance, low, until_ms, state } => {
                let found = Found::Leased { balance, low };
                Judged { found, after: Some(After { found, until_ms, state }) }
            }
            Draw::Dry(balance) => Judged { found: Found::Over(balance), after: None },
            Draw::Empty => Judged { found: Found::Empty, after: None },
        },
        Measure::Flood(rule) => {
            let (found, after) = flood(record.as_ref(), now_ms, rule);
            Judged { found, after: after.map(|(until_ms, state)| After { found, until_ms, state }) }
        }
        Measure::Block => Judged { found: blocked(record.as_ref(), now_ms).unwrap_or(Found::Free), after: None },
    }
}

fn blocked(record: Option<&Record>, now_ms: u64) -> Option<Found> {
    let record = record.filter(|record| record.state == State::Blocked)?;
    Some(Found::Blocked { wait_ms: record.until_ms.saturating_sub(now_ms), begins: false })
}

/// How one more hit stands, and what its record is then; `None`: it is not counted.
fn flood(record: Option<&Record>, now_ms: u64, rule: Rule) -> (Found, Option<(u64, State)>) {
    if let Some(blocked) = blocked(record, now_ms) {
        return (blocked, None);
    }
    let rule = rule.clamped();
    let window: Window = stored_window(record, now_ms, rule).hit(1);
    match (window.standing(now_ms, rule), rule.block_ms) {
        (Standing::Refused { .. }, wait_ms @ 1..) => {
            (Found::Blocked { wait_ms, begins: true }, Some((now_ms.saturating_add(wait_ms), State::Blocked)))
        }
        (Standing::Refused { .. } | Standing::Free { .. }, _) => (Found::Free, Some((window.until_ms, window.state()))),
    }
}

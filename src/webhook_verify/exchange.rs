//! The steps of one delivery and its answer.

mod outgoing;
mod report;
mod unsent;

use std::rc::Rc;

use self::outgoing::{Leaving, Signed};
use self::report::{Rule, Who};
use super::Shared;
use super::challenge;
use super::config::{Endpoint, Mode, Repeated, Replay, Unnormalized};
use super::counters::Outcome;
use super::error::Reason;
use super::request::Kept;
use super::verify::{Good, Keys, MAX_HANDED_BYTES, Verification};
use crate::exchange::{self as steps, Asks, Body, Chunk, HeadState, Part, Side, Step};
use crate::head::{Edit, Head, Single, fit};
use crate::host::Host;
use crate::jwt_auth::WEBHOOK_STATE;
use crate::line::{Line, Unread, rewrite};
use crate::reply::{Reply, correlation_id};
use crate::table::Claim;

/// The header that names the endpoint for which a delivery was verified.
pub const VERIFIED_HEADER: &str = "x-webhook-verified";
/// The header with the delivery's id, where the scheme has one.
pub const ID_HEADER: &str = "x-webhook-id";
/// The header with the event's name, where the scheme says where that is.
pub const EVENT_HEADER: &str = "x-webhook-event";
/// All of them: no client's copy ever passes.
pub const HANDED_HEADERS: [&str; 3] = [VERIFIED_HEADER, ID_HEADER, EVENT_HEADER];

/// One delivery and its answer.
pub struct Exchange {
    shared: Rc<Shared>,
    state: State,
    who: Who,
    /// What becomes of the client's [`ID_HEADER`], which is still in the head that waits.
    copy: Copy,
}

enum State {
    /// None of ours, or nothing more to do.
    Beside,
    /// The body is awaited.
    Reading(Box<Reading>),
    /// It is good, and goes on with this.
    Good(Handed),
    /// It leaves, and its body is awaited to be signed.
    Leaving(Box<Leaving>),
    /// It leaves with this.
    Signed(Signed),
}

/// A client's [`ID_HEADER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    /// It is not there, or there no more.
    Gone,
    /// It goes, whatever is put in its place.
    Goes,
    /// It is the delivery's id, and stays as it is. Most often.
    Stays,
}

struct Reading {
    endpoint: usize,
    verification: Verification,
}

/// What a good delivery goes on with.
#[derive(Debug, Default)]
struct Handed {
    /// The endpoint that it was verified for, until its head has gone on; `None`: nothing is said of it.
    verified: Option<usize>,
    id: Option<String>,
    event: Option<String>,
    /// What is settled or released by the answer.
    claimed: Option<Claimed>,
}

/// Claims that are ours.
#[derive(Debug)]
struct Claimed {
    endpoint: usize,
    keys: Keys,
    owner: u64,
}

/// How a request ends here.
enum Verdict {
    /// It goes on.
    Good(Handed),
    Answer(Reply),
}

impl Exchange {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self { shared, state: State::Beside, who: Who::default(), copy: Copy::Gone }
    }

    /// What the head says; `Err` for what needs no body to be refused or answered.
    fn begin(&self, endpoint: &Endpoint, kept: Kept, head: &Head, host: &mut dyn Host) -> Result<Verification, Stop> {
        if let Some(reply) = challenge::unsigned(endpoint, &kept) {
            return Err(Stop::Challenge(reply));
        }
        if head.has("upgrade") {
            return Err(Stop::Refuse(Reason::Malformed));
        }
        let encoded = |value: &[u8]| !value.trim_ascii().is_empty() && !value.eq_ignore_ascii_case(b"identity");
        if head.values("content-encoding").any(encoded) {
            return Err(Stop::Refuse(Reason::Encoding));
        }
        let length = match head.single("content-length") {
            Single::One(length) => std::str::from_utf8(length).ok().and_then(|length| length.parse::<u64>().ok()),
            Single::Absent | Single::Many => None,
        };
        let most = u64::try_from(endpoint.max_body_bytes).unwrap_or(u64::MAX);
        if length.is_some_and(|length| length > most) {
            return Err(Stop::Refuse(Reason::BodyLength));
        }
        let now_ms = host.now_ms();
        let seed = match (&endpoint.replay, now_ms) {
            (None, _) => None,
            (Some(_), None) => return Err(Stop::Refuse(Reason::NoClock)),
            (Some(_), Some(now_ms)) => {
                Some(self.shared.seed(head, now_ms, host).map_err(|error| Stop::Refuse(error.into()))?)
            }
        };
        let now_ms = now_ms.and_then(|now| i64::try_from(now).ok());
        Verification::begin(endpoint, kept, now_ms, seed.as_ref(), &self.shared.memory).map_err(Stop::Refuse)
    }

    /// The body has ended: the verdict, and what follows from it.
    fn decide(&mut self, reading: Reading, host: &mut dyn Host) -> Verdict {
        let Reading { endpoint: at, verification } = reading;
        let shared = Rc::clone(&self.shared);
        let Some(endpoint) = shared.config.endpoints.get(at) else { return self.refuse(at, Reason::NoTable, host) };
        let now_ms = host.now_ms();
        let clock_ms = now_ms.and_then(|now| i64::try_from(now).ok());
        let seed = shared.seed.get();
        let mut good = match verification.finish(endpoint, clock_ms, seed.as_ref(), host) {
            Ok(good) => good,
            Err(reason) => return self.refuse(at, reason, host),
        };
        host.count(shared.counters.secret(at, good.secret), 1);
        if endpoint.mode == Mode::Enforce
            && let Some(reply) = challenge::signed(endpoint, &good.kept, &good.picked, good.secret)
        {
            return self.challenged(at, reply, host);
        }
        if let Some(events) = &endpoint.events
            && !good.event.as_ref().is_some_and(|event| events.iter().any(|listed| is_listed(listed, event)))
        {
            return self.refuse(at, Reason::Event, host);
        }
        let claimed = match (&endpoint.replay, now_ms) {
            (None, _) => None,
            (Some(replay), Some(now_ms)) if !good.keys.as_slice().is_empty() => {
                match self.claim(at, replay, std::mem::take(&mut good.keys), now_ms, host) {
                    Ok(claimed) => Some(claimed),
                    Err(verdict) => return *verdict,
                }
            }
            (Some(_), _) => return self.refuse(at, Reason::NoClock, host),
        };
        self.accept(at, endpoint, good, claimed, host)
    }

    /// Claims all parts, or none.
    fn claim(
        &mut self,
        at: usize,
        replay: &Replay,
        keys: Keys,
        now_ms: u64,
        host: &mut dyn Host,
    ) -> Result<Claimed, Box<Verdict>> {
        let shared = Rc::clone(&self.shared);
        let (Some(claims), Some(seed)) = (shared.config.tables.get(replay.table), shared.seed.get()) else {
            return Err(Box::new(self.refuse(at, Reason::NoTable, host)));
        };
        let owner = shared.owner(&seed, now_ms, self.who.id.as_deref(), host);
        let all = keys.as_slice();
        // Those that are given back when others are not ours.
        let mut ours = Vec::new();
        let (mut spent, mut stop) = (0_usize, None);
        for &key in all {
            match claims.claim(host, now_ms, key, owner, replay.lease_ms) {
                Ok(Claim::Ours) if all.len() == 1 => {}
                Ok(Claim::Ours) => ours.push(key),
                Ok(Claim::Spent) => spent += 1,
                Ok(Claim::Held { wait_ms }) => stop = Some((Reason::InFlight, Some(wait_ms))),
                Err(error) => stop = Some((error.into(), None)),
            }
            if stop.is_some() {
                break;
            }
        }
        if stop.is_none() && spent == 0 {
            return Ok(Claimed { endpoint: at, keys, owner });
        }
        for key in ours {
            let _ = claims.release(host, now_ms, key, owner);
        }
        Err(Box::new(match stop {
            Some((reason, wait_ms)) => self.refuse_for(at, reason, wait_ms, host),
            // A list with a new part is never answered as taken: that part would be lost.
            None if spent < all.len() => self.repeated(at, Repeated::Refuse, host),
            None => self.repeated(at, replay.repeated, host),
        }))
    }

    fn accept(
        &mut self,
        at: usize,
        endpoint: &Endpoint,
        good: Good,
        claimed: Option<Claimed>,
        host: &mut dyn Host,
    ) -> Verdict {
        let mut handed = Handed { claimed, ..Handed::default() };
        if endpoint.mode == Mode::Shadow {
            self.record(at, Outcome::ShadowVerified, "verified", None, host);
            return Verdict::Good(handed);
        }
        self.record(at, Outcome::Verified, "verified", None, host);
        host.leave(WEBHOOK_STATE, endpoint.name.as_bytes());
        handed.verified = Some(at);
        let stands =
            |id: &String| matches!(good.kept.head.single(ID_HEADER), Single::One(copy) if copy == id.as_bytes());
        if self.copy == Copy::Goes && good.id.as_ref().is_some_and(stands) {
            self.copy = Copy::Stays;
        }
        handed.id = good.id;
        let plain = |event: &String| {
            event.len() <= MAX_HANDED_BYTES && !event.is_empty() && event.bytes().all(|byte| byte.is_ascii_graphic())
        };
        handed.event = good.event.filter(plain);
        Verdict::Good(handed)
    }

    /// The body has ended, and a host lets go or answers what it has held.
    fn end(&mut self, host: &mut dyn Host) -> Body {
        let State::Reading(reading) = std::mem::replace(&mut self.state, State::Beside) else { return Body::Unchanged };
        match self.decide(*reading, host) {
            Verdict::Good(handed) => {
                self.state = State::Good(handed);
                Body::Unchanged
            }
            Verdict::Answer(reply) => self.unless_shadow(Body::Refuse(reply)),
        }
    }

    /// What only watches lets everything go.
    fn unless_shadow(&self, body: Body) -> Body {
        if self.who.shadow { Body::Unchanged } else { body }
    }

    fn piece(&mut self, chunk: Chunk<'_>, host: &mut dyn Host) -> Body {
        if let State::Leaving(_) = self.state {
            return self.leave_piece(chunk, host);
        }
        let shared = Rc::clone(&self.shared);
        let State::Reading(reading) = &mut self.state else { return Body::Unchanged };
        let at = reading.endpoint;
        let Some(endpoint) = shared.config.endpoints.get(at) else { return Body::Unchanged };
        if endpoint.mode == Mode::Enforce && chunk.head == HeadState::Sent {
            self.state = State::Beside;
            return self.refusal(at, Reason::NotHeld, host);
        }
        if let Err(reason) = reading.verification.push(endpoint, chunk.bytes) {
            self.state = State::Beside;
            return self.refusal(at, reason, host);
        }
        if chunk.end {
            return self.end(host);
        }
        self.unless_shadow(Body::Hold)
    }

    fn refusal(&mut self, at: usize, reason: Reason, host: &mut dyn Host) -> Body {
        match self.refuse(at, reason, host) {
            Verdict::Answer(reply) => self.unless_shadow(Body::Refuse(reply)),
            Verdict::Good(_) => Body::Unchanged,
        }
    }

    /// Gives `edit` each field that the request's head goes on with, once: with the value that takes the place of all that stand there,
    /// or with none, and all go.
    fn hand_over(&mut self, edit: &mut dyn FnMut(&str, Option<&[u8]>)) {
        let copy = std::mem::replace(&mut self.copy, Copy::Gone);
        let (mut id, mut event, mut endpoint) = (None, None, None);
        if let State::Good(handed) = &mut self.state {
            (id, event) = (handed.id.take(), handed.event.take());
            endpoint = handed.verified.take().and_then(|at| self.shared.config.endpoints.get(at));
        }
        if let Some(endpoint) = endpoint {
            edit(VERIFIED_HEADER, Some(endpoint.name.as_bytes()));
        }
        match (id, copy) {
            // What stands there already is not written again.
            (_, Copy::Stays) => {}
            (Some(id), Copy::Gone | Copy::Goes) => edit(ID_HEADER, Some(id.as_bytes())),
            (None, Copy::Goes) => edit(ID_HEADER, None),
            (None, Copy::Gone) => {}
        }
        if let Some(event) = event {
            edit(EVENT_HEADER, Some(event.as_bytes()));
        }
        if let State::Signed(signed) = &mut self.state {
            signed.write(edit);
        }
    }

    /// Nobody knows what the portal did: the claim stays until its lease ends.
    fn leave_held(&mut self) {
        if let State::Good(handed) = &mut self.state {
            handed.claimed = None;
        }
    }

    /// Ends the claim, if there is one: the portal has taken the delivery, or not.
    fn close(&mut self, taken: bool, host: &mut dyn Host) {
        let State::Good(Handed { claimed, .. }) = &mut self.state else { return };
        let Some(Claimed { endpoint: at, keys, owner }) = claimed.take() else { return };
        let shared = Rc::clone(&self.shared);
        let Some(replay) = shared.config.endpoints.get(at).and_then(|endpoint| endpoint.replay) else { return };
        let (Some(claims), Some(now_ms)) = (shared.config.tables.get(replay.table), host.now_ms()) else { return };
        let mut outcome = if taken { Outcome::Settled } else { Outcome::Released };
        for &key in keys.as_slice() {
            if !taken {
                let _ = claims.release(host, now_ms, key, owner);
            } else if !matches!(claims.settle(host, now_ms, key, owner, replay.keep_ms), Ok(true)) {
                // It took longer than its lease, or cannot be written: until that ends it stays held.
                outcome = Outcome::Unsettled;
            }
        }
        host.count(shared.counters.endpoint(at, outcome), 1);
    }
}

/// What a head may end with.
enum Stop {
    Challenge(Reply),
    Refuse(Reason),
}

impl steps::Exchange for Exchange {
    fn wants(&self, side: Side, part: Part) -> bool {
        match (side, part) {
            (Side::Request, Part::Head) => true,
            (Side::Request, Part::Body | Part::Trailers) => {
                matches!(self.state, State::Reading(_) | State::Leaving(_))
            }
            (Side::Response, Part::Head) => {
                matches!(&self.state, State::Good(Handed { claimed: Some(_), .. }))
            }
            (Side::Response, Part::Body | Part::Trailers) => false,
        }
    }

    fn asks(&self) -> Asks {
        Asks::Status
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        let shared = Rc::clone(&self.shared);
        // A request has to have one reading.
        let line = match (Line::of(head), shared.config.unnormalized) {
            (Err(Unread::Unnormal), Unnormalized::Rewrite) => {
                rewrite(head);
                Line::of(head)
            }
            (line, _) => line,
        };
        let Ok(line) = line else {
            self.who.id = correlation_id(head);
            remove_copies(head);
            return Step::Reply(self.refuse_unread(Reason::UnsafePath, host));
        };
        let line = Some(line).filter(|line| !line.is_pathless());
        let found = line.and_then(|line| Some((line, shared.config.endpoint(line.method, line.path)?)));
        let Some((Line { method, target, .. }, (at, endpoint, pattern))) = found else {
            let leaves = line.and_then(|line| self.leave(line, head, host));
            remove_copies(head);
            return match leaves {
                Some(Ok(leaving)) => self.leave_head(leaving, head, host),
                Some(Err(reply)) => Step::Reply(reply),
                None => Step::Continue,
            };
        };
        self.who.id = correlation_id(head);
        // Before the copies go: some senders write their own id where ours stands.
        let kept = Kept::new(&endpoint.descriptor, method, target, head);
        let shadow = endpoint.mode == Mode::Shadow;
        match head.single(ID_HEADER) {
            // The head goes on by `release` alone.
            Single::One(_) if !shadow => {
                self.copy = Copy::Goes;
                remove_copies_but(ID_HEADER, head);
            }
            Single::One(_) | Single::Absent | Single::Many => remove_copies(head),
        }
        self.who.rule = Some(Rule::Endpoint { at, pattern });
        self.who.shadow = shadow;
        let verification = match self.begin(endpoint, kept, head, host) {
            Ok(verification) => verification,
            Err(Stop::Challenge(_)) if shadow => return Step::Continue,
            Err(Stop::Challenge(reply)) => {
                return match self.challenged(at, reply, host) {
                    Verdict::Answer(reply) => Step::Reply(reply),
                    Verdict::Good(_) => Step::Continue,
                };
            }
            Err(Stop::Refuse(reason)) => {
                return match self.refuse(at, reason, host) {
                    Verdict::Answer(reply) if !shadow => Step::Reply(reply),
                    Verdict::Answer(_) | Verdict::Good(_) => Step::Continue,
                };
            }
        };
        self.state = State::Reading(Box::new(Reading { endpoint: at, verification }));
        if head.ends() {
            return match self.end(host) {
                Body::Refuse(reply) => Step::Reply(reply),
                Body::Unchanged | Body::Replaced | Body::Hold => {
                    self.release(head);
                    Step::Continue
                }
            };
        }
        if shadow { Step::Continue } else { Step::Hold }
    }

    fn request_body(&mut self, chunk: Chunk<'_>, _out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        self.piece(chunk, host)
    }

    fn request_trailers(&mut self, _trailers: &mut Head, _out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        if let State::Leaving(_) = self.state {
            return self.leave_end(false, host);
        }
        self.end(host)
    }

    fn decides_by_body(&self) -> bool {
        match self.state {
            State::Reading(_) => !self.who.shadow,
            State::Leaving(_) => true,
            State::Beside | State::Good(_) | State::Signed(_) => false,
        }
    }

    fn unheld(&mut self, host: &mut dyn Host) -> Reply {
        let at = match std::mem::replace(&mut self.state, State::Beside) {
            State::Reading(reading) => reading.endpoint,
            State::Leaving(leaving) => return self.refuse_leaving(leaving.signer(), Reason::NotHeld, host),
            State::Beside | State::Good(_) | State::Signed(_) => {
                return Reply::problem(503, Reason::NotHeld.code(), None, None);
            }
        };
        match self.refuse(at, Reason::NotHeld, host) {
            Verdict::Answer(reply) => reply,
            Verdict::Good(_) => Reply::problem(503, Reason::NotHeld.code(), None, None),
        }
    }

    fn release(&mut self, head: &mut Head) {
        self.hand_over(&mut |name, value| match value {
            Some(value) => head.set(name, value),
            None => drop(head.remove(name)),
        });
    }

    fn release_edits(&mut self, edit: &mut dyn FnMut(Edit<'_>)) {
        self.hand_over(&mut |name, value| match value {
            Some(value) => edit(Edit::Replace(name.as_bytes(), &fit(value))),
            None => edit(Edit::Remove(name.as_bytes())),
        });
    }

    fn response_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        let status = match head.single(":status") {
            Single::One(status) => Some(status),
            Single::Absent | Single::Many => None,
        };
        self.response_status(status, host);
        Step::Continue
    }

    fn response_status(&mut self, status: Option<&[u8]>, host: &mut dyn Host) -> bool {
        let taken = matches!(status, Some([b'2', _, _]));
        // What the proxy answers in the portal's place says nothing of what the portal did: then the lease runs out, unless
        // nothing went there. Nothing said of it: the answer came from there, or from a filter behind this one before that.
        let details = if taken { None } else { host.attribute(&["response", "code_details"]) };
        if details.is_none_or(|details| details == b"via_upstream" || unsent::is_unsent(&details, host)) {
            self.close(taken, host);
        } else {
            self.leave_held();
        }
        true
    }
}

const VERIFIED_BYTES: usize = VERIFIED_HEADER.len();
const ID_BYTES: usize = ID_HEADER.len();
const EVENT_BYTES: usize = EVENT_HEADER.len();

/// Removes what only the gate may write; also in the spellings that some servers take for the same name.
fn remove_copies(head: &mut Head) {
    remove_copies_but("", head);
}

/// The same, but for a name that will be written.
fn remove_copies_but(stays: &str, head: &mut Head) {
    let same = |given: u8, ours: u8| given.eq_ignore_ascii_case(&ours) || given == b'_' && ours == b'-';
    let spells = |name: &[u8], ours: &[u8]| name.iter().zip(ours).all(|(&given, &ours)| same(given, ours));
    head.remove_those(|name| {
        // Most names are of another length.
        let ours = match name.len() {
            VERIFIED_BYTES => VERIFIED_HEADER,
            ID_BYTES => ID_HEADER,
            EVENT_BYTES => EVENT_HEADER,
            _ => return false,
        };
        spells(name, ours.as_bytes()) && !name.eq_ignore_ascii_case(stays.as_bytes())
    });
}

/// Whether an event is this one, or begins like this one with a `*` as its last part.
fn is_listed(listed: &str, event: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(stem) => event.strip_prefix(stem).is_some_and(|rest| !rest.is_empty()),
        None => listed == event,
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.state {
            State::Beside => "Exchange(beside)",
            State::Reading(_) => "Exchange(reading)",
            State::Good(_) => "Exchange(good)",
            State::Leaving(_) => "Exchange(leaving)",
            State::Signed(_) => "Exchange(signed)",
        })
    }
}

impl Exchange {
    fn repeated(&mut self, at: usize, how: Repeated, host: &mut dyn Host) -> Verdict {
        match (self.refuse(at, Reason::Replayed, host), how) {
            (Verdict::Answer(_), Repeated::Accept) => Verdict::Answer(Reply::empty(200, Reason::Replayed.code())),
            (verdict, _) => verdict,
        }
    }
}

//! The steps of one request and its answer: heads here, bodies in [`super::bodies`].

use std::rc::Rc;

use super::bodies::{Link, Route, Sides};
use super::error::Reason;
use super::host::{BlockHost, Memo};
use super::{Run, Shared, Stage};
use crate::exchange::{self as steps, Asks, Body, Chunk, HeadState, Part, Side, Step};
use crate::head::{Head, Single};
use crate::host::Host;
use crate::reply::{Reply, correlation_id};

/// One request and its answer.
pub struct Exchange {
    pub(super) shared: Rc<Shared>,
    /// The blocks' exchanges, in the order of the blocks.
    pub(super) links: Vec<Link>,
    pub(super) memo: Memo,
    pub(super) bodies: Sides,
    /// How far the request's head is.
    stage: usize,
    /// The block of that stage waits: what those before it have changed in the head, which a host shows anew when it asks again.
    waiting: Option<Vec<(String, Option<Vec<u8>>)>>,
    /// Whether a block holds the request's head.
    holds: bool,
    /// The request's head, as long as a block decides by the body whether the others see it.
    pub(super) pending: Option<Pending>,
    /// The request's head with what they have then changed.
    held: Option<Head>,
}

/// A head that blocks are still to see.
pub(super) struct Pending {
    head: Head,
    /// Who decides.
    pub(super) by: usize,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("stage", &self.stage)
            .field("waits", &self.waiting.is_some())
            .finish_non_exhaustive()
    }
}

impl Exchange {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        let links = shared.blocks.iter().map(|placed| Link::new(placed.block.open())).collect();
        Self {
            shared,
            links,
            memo: Memo::default(),
            bodies: Sides::default(),
            stage: 0,
            waiting: None,
            holds: false,
            pending: None,
            held: None,
        }
    }

    /// Takes the request's head on through the blocks.
    fn advance(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        let shared = Rc::clone(&self.shared);
        while let Some(&Stage { block: at, run }) = shared.stages.get(self.stage) {
            let resumed = self.waiting.take().map(|changed| change(head, changed)).is_some();
            // There is one for each block.
            let Some(link) = self.links.get_mut(at) else {
                return Step::Reply(Reason::HeadNotHeld.refuse(correlation_id(head).as_deref(), host));
            };
            link.begun = true;
            let mut own = BlockHost::new(host, &shared, at, &mut self.memo);
            let step = match (resumed, run) {
                (true, _) => link.exchange.resume(head, &mut own),
                (false, Run::All) => link.exchange.request_head(head, &mut own),
                (false, Run::PreAuth) => link.exchange.pre_auth(head, &mut own),
                (false, Run::PostAuth) => link.exchange.post_auth(head, &mut own),
            };
            match step {
                Step::Wait => {
                    let first = |name: &str| head.values(name).next().map(<[u8]>::to_vec);
                    let changed = head.changes().map(|change| (change.name.to_owned(), first(change.name)));
                    self.waiting = Some(changed.collect());
                    return Step::Wait;
                }
                Step::Reply(reply) => return Step::Reply(self.replied(reply, at, Side::Request, host)),
                Step::Continue => {}
                Step::Hold => {
                    let decides = link.exchange.decides_by_body();
                    match (decides, head.ends()) {
                        // There is nothing by which it could be decided.
                        (true, true) => {
                            let reply = Reason::HeadNotHeld.refuse(correlation_id(head).as_deref(), host);
                            return Step::Reply(self.replied(reply, at, Side::Request, host));
                        }
                        // No host holds a message that is whole.
                        (false, true) => {}
                        (_, false) => {
                            link.request.head = HeadState::Held;
                            link.holds = true;
                            self.holds = true;
                        }
                    }
                    if decides {
                        self.stage = self.stage.saturating_add(1);
                        self.pending = Some(Pending { head: head.clone().written(), by: at });
                        return Step::Hold;
                    }
                }
            }
            self.stage = self.stage.saturating_add(1);
        }
        if self.holds { Step::Hold } else { Step::Continue }
    }

    /// Takes the head on to the blocks behind the one that has now decided by the body.
    ///
    /// # Errors
    /// The answer that the client gets instead.
    pub(super) fn let_on(&mut self, pending: Pending, host: &mut dyn Host) -> Result<(), Reply> {
        let mut head = pending.head;
        if let Some(link) = self.links.get_mut(pending.by) {
            link.holds = false;
            link.exchange.release(&mut head);
        }
        self.memo.late = true;
        match self.advance(&mut head, host) {
            Step::Continue | Step::Hold => {
                if let Some(later) = &mut self.pending {
                    // What is changed is not written yet.
                    later.head = head;
                } else {
                    self.held = Some(head);
                }
                Ok(())
            }
            Step::Reply(reply) => Err(reply),
            // Hosts ask again before the body comes, and not after it.
            Step::Wait => {
                let at = self.shared.stages.get(self.stage).map_or(0, |stage| stage.block);
                let reply = Reason::CannotWait.refuse(correlation_id(&head).as_deref(), host);
                Err(self.replied(reply, at, Side::Request, host))
            }
        }
    }

    /// A reply of a block, as it is when it has passed the response-head steps of the others.
    pub(super) fn replied(&mut self, reply: Reply, by: usize, side: Side, host: &mut dyn Host) -> Reply {
        let stages = Rc::clone(&self.shared);
        let early = |at: usize| stages.stages.contains(&Stage { block: at, run: Run::PreAuth });
        let passes = |link: &Link, at: usize| {
            // An answer has passed those behind the block; but what ran early stands before all.
            let in_reach = match side {
                Side::Request => at != by,
                Side::Response => at < by || at != by && early(at),
            };
            in_reach && link.begun && link.exchange.wants(Side::Response, Part::Head)
        };
        if !self.links.iter().enumerate().any(|(at, link)| passes(link, at)) {
            return reply;
        }
        let shared = Rc::clone(&self.shared);
        let mut reply = reply;
        let mut head = head_of(&reply);
        for (at, link) in self.links.iter_mut().enumerate().rev() {
            if !passes(link, at) {
                continue;
            }
            let mut own = BlockHost::new(host, &shared, at, &mut self.memo).for_reply();
            match link.exchange.response_head(&mut head, &mut own) {
                // Its body is not for them.
                Step::Continue | Step::Hold | Step::Wait => {}
                Step::Reply(other) => {
                    head = head_of(&other);
                    reply = other;
                }
            }
        }
        with_head(reply, &head)
    }

    fn wants_any(&self, side: Side, part: Part) -> bool {
        self.links.iter().any(|link| link.begun && link.exchange.wants(side, part))
    }
}

impl steps::Exchange for Exchange {
    fn wants(&self, side: Side, part: Part) -> bool {
        match (side, part) {
            (Side::Request, Part::Head) => true,
            (Side::Request, Part::Body | Part::Trailers) => self.pending.is_some() || self.wants_any(side, part),
            (Side::Response, _) => self.wants_any(side, part),
        }
    }

    fn asks(&self) -> Asks {
        if self.wants_any(Side::Response, Part::Body) {
            return Asks::All;
        }
        let asking = self.links.iter().filter(|link| link.begun && link.exchange.wants(Side::Response, Part::Head));
        asking.map(|link| link.exchange.asks()).max().unwrap_or(Asks::All)
    }

    fn response_fields(&mut self, set: &mut dyn FnMut(&str, &[u8]), host: &mut dyn Host) {
        self.memo.begin();
        let shared = Rc::clone(&self.shared);
        for (at, link) in self.links.iter_mut().enumerate().rev() {
            if link.begun && link.exchange.wants(Side::Response, Part::Head) {
                link.exchange.response_fields(set, &mut BlockHost::new(host, &shared, at, &mut self.memo));
            }
        }
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.memo.begin();
        self.advance(head, host)
    }

    fn may_resume(&self, now_ms: Option<u64>) -> bool {
        let waits = self.waiting.is_some().then(|| self.shared.stages.get(self.stage)).flatten();
        waits.and_then(|stage| self.links.get(stage.block)).is_none_or(|link| link.exchange.may_resume(now_ms))
    }

    fn resume(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.memo.begin();
        if self.waiting.is_none() {
            return Step::Reply(Reply::problem(503, "not_waiting", None, None));
        }
        self.advance(head, host)
    }

    fn request_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        self.memo.begin();
        self.body(Route::chunk(Side::Request, chunk), out, host)
    }

    fn request_trailers(&mut self, trailers: &mut Head, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        self.memo.begin();
        self.body(Route::trailers(Side::Request, trailers), out, host)
    }

    fn decides_by_body(&self) -> bool {
        self.pending.is_some()
    }

    fn unheld(&mut self, host: &mut dyn Host) -> Reply {
        self.memo.begin();
        let Some(pending) = self.pending.take() else { return Reason::HeadNotHeld.refuse(None, host) };
        let shared = Rc::clone(&self.shared);
        let own = self
            .links
            .get_mut(pending.by)
            .map(|link| link.exchange.unheld(&mut BlockHost::new(host, &shared, pending.by, &mut self.memo)));
        match own {
            Some(reply) => self.replied(reply, pending.by, Side::Request, host),
            None => Reason::HeadNotHeld.refuse(None, host),
        }
    }

    fn release(&mut self, head: &mut Head) {
        if let Some(held) = self.held.take() {
            *head = held;
        }
        for link in self.links.iter_mut().filter(|link| link.holds) {
            link.holds = false;
            link.exchange.release(head);
        }
    }

    fn response_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.memo.begin();
        let shared = Rc::clone(&self.shared);
        let mut holds = false;
        for at in (0..self.links.len()).rev() {
            let Some(link) = self.links.get_mut(at) else { continue };
            if !link.begun || !link.exchange.wants(Side::Response, Part::Head) {
                continue;
            }
            match link.exchange.response_head(head, &mut BlockHost::new(host, &shared, at, &mut self.memo)) {
                Step::Continue => {}
                Step::Hold if head.ends() => {}
                Step::Hold => {
                    link.response.head = HeadState::Held;
                    holds = true;
                }
                Step::Reply(reply) => return Step::Reply(self.replied(reply, at, Side::Response, host)),
                // Only requests wait.
                Step::Wait => return Step::Reply(Reason::CannotWait.refuse(None, host)),
            }
        }
        if holds { Step::Hold } else { Step::Continue }
    }

    fn response_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        self.memo.begin();
        self.body(Route::chunk(Side::Response, chunk), out, host)
    }

    fn response_trailers(&mut self, trailers: &mut Head, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        self.memo.begin();
        self.body(Route::trailers(Side::Response, trailers), out, host)
    }

    fn done(&mut self, host: &mut dyn Host) {
        self.memo.begin();
        let shared = Rc::clone(&self.shared);
        for (at, link) in self.links.iter_mut().enumerate().filter(|(_, link)| link.begun) {
            link.exchange.done(&mut BlockHost::new(host, &shared, at, &mut self.memo));
        }
        self.pending = None;
    }
}

/// Changes a head once more. A field that was set has one value.
fn change(head: &mut Head, changed: Vec<(String, Option<Vec<u8>>)>) {
    for (name, value) in changed {
        match value {
            Some(value) => head.set(&name, &value),
            None => drop(head.remove(&name)),
        }
    }
}

/// A reply's head.
fn head_of(reply: &Reply) -> Head {
    let mut fields = vec![(":status".to_owned(), reply.status.to_string().into_bytes())];
    fields.extend(reply.headers.iter().map(|(name, value)| (name.to_string(), value.clone().into_bytes())));
    Head::new(fields, reply.body.is_empty())
}

/// The reply with this head in place of its own.
fn with_head(reply: Reply, head: &Head) -> Reply {
    if head.changes().next().is_none() {
        return reply;
    }
    let status = match head.single(":status") {
        Single::One(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        Single::Absent | Single::Many => None,
    };
    let fields = head.fields().filter(|(name, _)| !name.starts_with(':'));
    let headers = fields.map(|(name, value)| (name.to_owned().into(), String::from_utf8_lossy(value).into_owned()));
    Reply { status: status.unwrap_or(reply.status), headers: headers.collect(), ..reply }
}

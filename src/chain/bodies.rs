//! Bodies on their way through several blocks: what one lets go, the next one is shown.

use std::rc::Rc;

use super::error::{MAX_KEPT_BYTES, Reason};
use super::exchange::Exchange;
use super::host::BlockHost;
use crate::exchange::{self as steps, Body, Chunk, HeadState, Part, Side};
use crate::head::Head;
use crate::host::Host;
use crate::reply::Reply;
use crate::room::may_keep;

/// A block's exchange, and how far messages are in it.
pub(super) struct Link {
    pub(super) exchange: Box<dyn steps::Exchange>,
    /// Whether it has seen the request.
    pub(super) begun: bool,
    /// Whether it holds the request's head, and has not said what is still to change in it.
    pub(super) holds: bool,
    pub(super) request: Passage,
    pub(super) response: Passage,
}

/// A message in a block.
pub(super) struct Passage {
    /// Whether its head is held here.
    pub(super) head: HeadState,
    /// What the block was shown of the body and has not let go, where another block is to see it.
    kept: Vec<u8>,
}

impl Link {
    pub(super) fn new(exchange: Box<dyn steps::Exchange>) -> Self {
        let passage = || Passage { head: HeadState::Sent, kept: Vec::new() };
        Self { exchange, begun: false, holds: false, request: passage(), response: passage() }
    }

    fn passage(&mut self, side: Side) -> &mut Passage {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}

/// How the two bodies go.
#[derive(Debug, Default)]
pub(super) struct Sides {
    request: Bodies,
    response: Bodies,
}

impl Sides {
    fn of(&mut self, side: Side) -> &mut Bodies {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}

#[derive(Debug, Default)]
struct Bodies {
    way: Way,
    /// Whether what the host holds is not what will go on.
    changed: bool,
    /// Whether the head has left the host.
    sent: bool,
}

/// Which blocks a body goes through. It is known when its first piece comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    #[default]
    Unknown,
    /// At most one: its answers are the chain's, and nothing is copied.
    Alone(Option<usize>),
    /// Several, or one that decides whether others do: each is shown what the one before it lets go.
    Through,
}

/// What a host shows.
pub(super) struct Route<'a> {
    side: Side,
    bytes: &'a [u8],
    last: Last<'a>,
    head: HeadState,
}

/// How the body goes on.
enum Last<'a> {
    More,
    End,
    Trailers(&'a mut Head),
}

impl<'a> Route<'a> {
    pub(super) fn chunk(side: Side, Chunk { bytes, end, head }: Chunk<'a>) -> Self {
        Self { side, bytes, last: if end { Last::End } else { Last::More }, head }
    }

    pub(super) fn trailers(side: Side, trailers: &'a mut Head) -> Self {
        // Whether a head is held, a block that is shown trailers is not told.
        Self { side, bytes: &[], last: Last::Trailers(trailers), head: HeadState::Held }
    }
}

/// What a block has let go; `None`: nothing, it holds.
type Passed = Option<Vec<u8>>;

impl Exchange {
    /// A piece of a body, or what ends it.
    pub(super) fn body(&mut self, route: Route<'_>, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        let side = route.side;
        if route.head == HeadState::Sent {
            if let Some(pending) = self.pending.take() {
                let by = pending.by;
                let reply = Reason::HeadNotHeld.refuse(None, host);
                return Body::Refuse(self.replied(reply, by, side, host));
            }
            self.links.iter_mut().for_each(|link| link.passage(side).head = HeadState::Sent);
            self.bodies.of(side).sent = true;
        }
        match self.way(side) {
            Way::Alone(at) => self.alone(at, route, out, host),
            Way::Through | Way::Unknown => self.through(route, out, host),
        }
    }

    fn way(&mut self, side: Side) -> Way {
        let bodies = self.bodies.of(side);
        if bodies.way == Way::Unknown {
            let takes = |link: &Link| link.begun && link.exchange.wants(side, Part::Body);
            let mut takers = self.links.iter().enumerate().filter(|(_, link)| takes(link)).map(|(at, _)| at);
            bodies.way = match (takers.next(), takers.next()) {
                (_, Some(_)) => Way::Through,
                (taker, None) => match (side, &self.pending) {
                    // Those behind it have not seen the head, and cannot say what they want.
                    (Side::Request, Some(pending))
                        if taker != Some(pending.by) || self.shared.takes_request_bodies(pending.by) =>
                    {
                        Way::Through
                    }
                    (Side::Request | Side::Response, _) => Way::Alone(taker),
                },
            };
        }
        bodies.way
    }

    /// The places of the blocks in the order in which a message passes them.
    fn order(&self, side: Side) -> impl Iterator<Item = usize> + use<> {
        let count = self.links.len();
        (0..count).map(move |n| match side {
            Side::Request => n,
            Side::Response => count.saturating_sub(n).saturating_sub(1),
        })
    }

    /// A body that one block takes, or none: what the host holds is all there is of it.
    fn alone(&mut self, taker: Option<usize>, route: Route<'_>, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        let Route { side, bytes, last, .. } = route;
        let body = match last {
            Last::More | Last::End => {
                let Some(at) = taker else { return Body::Unchanged };
                let body = self.show(side, at, bytes, matches!(last, Last::End), out, host);
                self.alone_let_go(side, at, body, host)
            }
            Last::Trailers(trailers) => {
                let mut body = Body::Unchanged;
                for at in self.order(side) {
                    let wants = |link: &Link| link.begun && link.exchange.wants(side, Part::Trailers);
                    if !self.links.get(at).is_some_and(wants) {
                        continue;
                    }
                    let its = self.show_trailers(side, at, trailers, out, host);
                    match self.alone_let_go(side, at, its, host) {
                        refuse @ Body::Refuse(_) => {
                            body = refuse;
                            break;
                        }
                        its if taker == Some(at) => body = its,
                        // The body is not its own.
                        Body::Unchanged | Body::Replaced | Body::Hold => {}
                    }
                }
                body
            }
        };
        match body {
            Body::Refuse(_) => out.clear(),
            Body::Unchanged | Body::Replaced | Body::Hold => {}
        }
        body
    }

    /// What becomes of a body that one block takes, when those behind it have seen the head.
    fn alone_let_go(&mut self, side: Side, at: usize, body: Body, host: &mut dyn Host) -> Body {
        match body {
            Body::Unchanged | Body::Replaced => match self.let_go(side, at, host) {
                Ok(()) => body,
                Err(reply) => Body::Refuse(reply),
            },
            Body::Hold | Body::Refuse(_) => body,
        }
    }

    /// A body that several blocks take, or one that decides about it.
    fn through(&mut self, route: Route<'_>, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        let Route { side, bytes, mut last, .. } = route;
        let mut flow = bytes.to_vec();
        for at in self.order(side) {
            match self.pass(side, at, flow, &mut last, host) {
                Ok(Some(passed)) => flow = passed,
                Ok(None) => return Body::Hold,
                Err(reply) => return Body::Refuse(reply),
            }
        }
        if std::mem::take(&mut self.bodies.of(side).changed) {
            out.append(&mut flow);
            return Body::Replaced;
        }
        Body::Unchanged
    }

    /// Shows one block what comes to it.
    fn pass(
        &mut self,
        side: Side,
        at: usize,
        flow: Vec<u8>,
        last: &mut Last<'_>,
        host: &mut dyn Host,
    ) -> Result<Passed, Reply> {
        let Some(link) = self.links.get_mut(at).filter(|link| link.begun) else { return Ok(Some(flow)) };
        let takes = link.exchange.wants(side, Part::Body) || !link.passage(side).kept.is_empty();
        let wants_trailers = link.exchange.wants(side, Part::Trailers);
        let mut passed = Vec::new();
        let comes = !flow.is_empty() || matches!(last, Last::End);
        match (takes, comes) {
            (false, _) => passed = flow,
            (true, true) => match self.pour(side, at, flow, matches!(last, Last::End), host)? {
                Some(poured) => passed = poured,
                None if matches!(last, Last::Trailers(_)) => {}
                None => return Ok(None),
            },
            // Nothing for it; what it keeps, it keeps.
            (true, false) => {
                let holds = link.passage(side).head == HeadState::Held && !matches!(last, Last::Trailers(_));
                if holds {
                    return Ok(None);
                }
            }
        }
        if let Last::Trailers(trailers) = last {
            let mut scratch = Vec::new();
            let body = match wants_trailers {
                true => self.show_trailers(side, at, trailers, &mut scratch, host),
                false => Body::Unchanged,
            };
            match body {
                Body::Refuse(reply) => return Err(reply),
                // Trailers end a body: there is nothing to wait for.
                Body::Unchanged | Body::Hold => passed.extend(self.take_kept(side, at)),
                Body::Replaced => {
                    self.take_kept(side, at);
                    self.note_change(side);
                    passed.append(&mut scratch);
                }
            }
            self.let_go(side, at, host)?;
        }
        Ok(Some(passed))
    }

    /// Shows a block a piece of a body, and keeps what it holds.
    fn pour(&mut self, side: Side, at: usize, flow: Vec<u8>, end: bool, host: &mut dyn Host) -> Result<Passed, Reply> {
        let mut scratch = Vec::new();
        let passed = match self.show(side, at, &flow, end, &mut scratch, host) {
            Body::Refuse(reply) => return Err(reply),
            Body::Hold => {
                let all = self.shared.kept_bytes.get().saturating_add(flow.len());
                if !may_keep(self.kept().saturating_add(flow.len()), all, MAX_KEPT_BYTES) {
                    let reply = Reason::Busy.refuse(None, host);
                    return Err(self.replied(reply, at, side, host));
                }
                self.shared.kept_bytes.set(all);
                if let Some(link) = self.links.get_mut(at) {
                    link.passage(side).kept.extend(flow);
                }
                return Ok(None);
            }
            Body::Unchanged => match self.take_kept(side, at) {
                kept if kept.is_empty() => flow,
                mut kept => {
                    kept.extend(flow);
                    kept
                }
            },
            Body::Replaced => {
                self.take_kept(side, at);
                self.note_change(side);
                scratch
            }
        };
        self.let_go(side, at, host)?;
        Ok(Some(passed))
    }

    /// A block has let a message go: those behind it may see the head now.
    fn let_go(&mut self, side: Side, at: usize, host: &mut dyn Host) -> Result<(), Reply> {
        match self.pending.take() {
            Some(pending) if side == Side::Request && pending.by == at => self.let_on(pending, host),
            pending => {
                self.pending = pending;
                Ok(())
            }
        }
    }

    /// Shows a block a piece of a body. A reply has passed the other blocks' heads.
    fn show(&mut self, side: Side, at: usize, bytes: &[u8], end: bool, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        let shared = Rc::clone(&self.shared);
        let Some(link) = self.links.get_mut(at) else { return Body::Unchanged };
        let chunk = Chunk { bytes, end, head: link.passage(side).head };
        let mut own = BlockHost::new(host, &shared, at, &mut self.memo);
        let body = match side {
            Side::Request => link.exchange.request_body(chunk, out, &mut own),
            Side::Response => link.exchange.response_body(chunk, out, &mut own),
        };
        self.shown(side, at, body, host)
    }

    fn show_trailers(
        &mut self,
        side: Side,
        at: usize,
        trailers: &mut Head,
        out: &mut Vec<u8>,
        host: &mut dyn Host,
    ) -> Body {
        let shared = Rc::clone(&self.shared);
        let Some(link) = self.links.get_mut(at) else { return Body::Unchanged };
        let mut own = BlockHost::new(host, &shared, at, &mut self.memo);
        let body = match side {
            Side::Request => link.exchange.request_trailers(trailers, out, &mut own),
            Side::Response => link.exchange.response_trailers(trailers, out, &mut own),
        };
        self.shown(side, at, body, host)
    }

    fn shown(&mut self, side: Side, at: usize, body: Body, host: &mut dyn Host) -> Body {
        match body {
            Body::Hold => Body::Hold,
            // The transfer is broken off: nobody gets the reply.
            Body::Refuse(reply) if side == Side::Response && self.bodies.of(side).sent => Body::Refuse(reply),
            Body::Refuse(reply) => Body::Refuse(self.replied(reply, at, side, host)),
            Body::Unchanged | Body::Replaced => {
                if let Some(link) = self.links.get_mut(at) {
                    link.passage(side).head = HeadState::Sent;
                }
                body
            }
        }
    }

    fn note_change(&mut self, side: Side) {
        self.bodies.of(side).changed = true;
    }

    /// How much this exchange keeps.
    fn kept(&self) -> usize {
        self.links.iter().fold(0, |sum: usize, Link { request, response, .. }| {
            sum.saturating_add(request.kept.len()).saturating_add(response.kept.len())
        })
    }

    fn take_kept(&mut self, side: Side, at: usize) -> Vec<u8> {
        let Some(link) = self.links.get_mut(at) else { return Vec::new() };
        let kept = std::mem::take(&mut link.passage(side).kept);
        let all = &self.shared.kept_bytes;
        all.set(all.get().saturating_sub(kept.len()));
        kept
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        for at in 0..self.links.len() {
            self.take_kept(Side::Request, at);
            self.take_kept(Side::Response, at);
        }
    }
}

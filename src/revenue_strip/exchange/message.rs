//! The header fields and bodies of both directions on their way through the rules.

use std::rc::Rc;

use super::Exchange;
use crate::exchange::{Body, Chunk, Step};
use crate::head::{Head, Single};
use crate::revenue_strip::Shared;
use crate::revenue_strip::body::{Active, Decision, Progress, Rulebook, Stream, decide};
use crate::revenue_strip::config::Action;
use crate::revenue_strip::error::{Direction, Reason};
use crate::revenue_strip::headers::{Describing, forget_bytes};
use crate::revenue_strip::matcher::RuleMask;
use crate::revenue_strip::media::{Media, classify};

/// One direction of the exchange.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) active: Active,
    /// Acting rules that matched and from which the caller is exempt.
    pub(super) exempt: RuleMask,
    /// All acting rules that matched, exempt or not.
    pub(super) matched: RuleMask,
    pub(super) state: State,
    /// Whether there was a message for the rules to look at.
    pub(super) judged: bool,
    /// Why the message was refused, or would have been.
    pub(super) refused: Option<Reason>,
    pub(super) bytes: u64,
    /// Events, and lines of them, that were left out, or would have been.
    pub(super) dropped: u64,
}

/// What happens to a message's body.
#[derive(Debug)]
pub(super) enum State {
    /// It goes on unread.
    Pass,
    /// Rules edit it.
    Edit(Stream),
    /// Rules look at it and change nothing.
    Watch(Stream),
    /// Nothing more of it goes on.
    Closed,
}

impl Message {
    pub(super) fn new() -> Self {
        Self {
            active: Active { enforce: 0, removing: 0, shadow: 0, fields: Vec::new() },
            exempt: 0,
            matched: 0,
            state: State::Pass,
            judged: false,
            refused: None,
            bytes: 0,
            dropped: 0,
        }
    }
}

impl Exchange {
    /// Removes or redacts header fields or trailers that rules take.
    ///
    /// # Errors
    /// [`Reason::Busy`] when the names cannot be judged, which no single-threaded host can bring about.
    pub(super) fn strip_fields(&mut self, direction: Direction, head: &mut Head) -> Result<(), Reason> {
        let shared = Rc::clone(&self.shared);
        let message = self.message(direction);
        if message.active.is_empty() {
            return Ok(());
        }
        let mut taken: Vec<(String, RuleMask)> = Vec::new();
        {
            let mut matcher = shared.matcher.try_borrow_mut().map_err(|_| Reason::Busy)?;
            for name in head.names() {
                let mask = matcher.header(name);
                if mask != 0 {
                    taken.push((String::from_utf8_lossy(name).into_owned(), message.active.meet(mask)));
                }
            }
        }
        for (name, mask) in taken {
            let rules = &shared.config.rules;
            match decide(rules, mask, 0) {
                Decision::Keep => {}
                Decision::Remove => {
                    head.remove(&name);
                }
                Decision::Redact(n) => match rules.get(n as usize).map(|rule| &rule.action) {
                    Some(Action::Redact { header, .. }) => head.set(&name, header.as_bytes()),
                    Some(Action::Remove) | None => {
                        head.remove(&name);
                    }
                },
            }
        }
        Ok(())
    }

    /// Whether the rules would take a header field of an answer from anybody: from this caller, or from those who are not exempt.
    ///
    /// # Errors
    /// See [`Exchange::strip_fields`].
    pub(super) fn takes_fields(&self, head: &Head) -> Result<bool, Reason> {
        let mut matcher = self.shared.matcher.try_borrow_mut().map_err(|_| Reason::Busy)?;
        let rules = self.outgoing.matched | self.outgoing.active.shadow;
        Ok(head.names().any(|name| matcher.header(name) & rules != 0))
    }

    /// Decides about a body from its head: edit, watch, pass, or refuse the message.
    pub(super) fn open_body(&mut self, direction: Direction, head: &mut Head) -> Result<Step, Reason> {
        let shared = Rc::clone(&self.shared);
        let media = classify(head, &shared.config.pass_types);
        let message = self.message(direction);
        message.judged = true;
        let media = match media {
            Ok(Media::Pass) => return Ok(Step::Continue),
            Ok(media) => media,
            Err(reason) => return self.uninspectable(direction, reason),
        };
        let declared = match head.single("content-length") {
            Single::One(length) => std::str::from_utf8(length).ok().and_then(|length| length.parse().ok()),
            Single::Absent | Single::Many => None,
        };
        let stream = Stream::new(media, &shared.config, declared);
        if message.active.enforce == 0 {
            message.state = State::Watch(stream);
            return Ok(Step::Continue);
        }
        message.state = State::Edit(stream);
        forget_bytes(head, direction.into());
        // A stream's head says that it is open; its first event may be long in coming.
        Ok(if media == Media::Events { Step::Continue } else { Step::Hold })
    }

    /// A message that cannot be inspected: refused, unless rules only watch.
    pub(super) fn uninspectable(&mut self, direction: Direction, reason: Reason) -> Result<Step, Reason> {
        let message = self.message(direction);
        message.refused = Some(reason);
        if message.active.enforce == 0 {
            message.state = State::Pass;
            return Ok(Step::Continue);
        }
        message.state = State::Closed;
        Err(reason)
    }

    pub(super) fn push(&mut self, direction: Direction, chunk: Chunk<'_>, out: &mut Vec<u8>) -> Body {
        let Self { shared, incoming, outgoing, held, .. } = self;
        let message = match direction {
            Direction::Request => incoming,
            Direction::Response => outgoing,
        };
        let Message { active, state, bytes, dropped, .. } = message;
        let (stream, edits) = match state {
            State::Pass => return Body::Unchanged,
            // What comes after a refusal is swallowed.
            State::Closed => return Body::Replaced,
            State::Edit(stream) => (stream, true),
            State::Watch(stream) => (stream, false),
        };
        let limits = &shared.config.limits;
        let result = match shared.matcher.try_borrow_mut() {
            Err(_) => Err(Reason::Busy),
            Ok(mut matcher) => {
                let book = Rulebook { matcher: &mut matcher, rules: &shared.config.rules, active };
                let result = if edits {
                    stream.push(chunk, limits.hold_bytes, book, out)
                } else {
                    stream.watch(chunk, book).map(|()| Progress::Unchanged)
                };
                *bytes = stream.bytes();
                *dropped = stream.dropped();
                let more = held.hold(shared, direction, stream.held_bytes());
                // Watching ends there; the body goes on.
                if more && shared.held_bytes.get() > limits.max_held_bytes { Err(Reason::Busy) } else { result }
            }
        };
        match result {
            Ok(progress) => progress.into(),
            Err(reason) => self.finish_step(direction, Err(reason), out),
        }
    }

    pub(super) fn finish(&mut self, direction: Direction, out: &mut Vec<u8>) -> Body {
        let shared = Rc::clone(&self.shared);
        let Message { active, state, .. } = self.message(direction);
        let rules = &shared.config.rules;
        let result = match (state, shared.matcher.try_borrow_mut()) {
            (State::Pass, _) => return Body::Unchanged,
            (State::Closed, _) => return Body::Replaced,
            (State::Edit(_) | State::Watch(_), Err(_)) => Err(Reason::Busy),
            (State::Edit(stream), Ok(mut matcher)) => {
                stream.finish(Rulebook { matcher: &mut matcher, rules, active }, out)
            }
            (State::Watch(stream), Ok(mut matcher)) => {
                let book = Rulebook { matcher: &mut matcher, rules, active };
                stream.finish(book, &mut Vec::new()).map(|_| Progress::Unchanged)
            }
        };
        self.held.hold(&shared, direction, 0);
        self.finish_step(direction, result, out)
    }

    pub(super) fn finish_step(
        &mut self,
        direction: Direction,
        result: Result<Progress, Reason>,
        out: &mut Vec<u8>,
    ) -> Body {
        // The body has ended, in one way or another: nothing of it is held.
        if !matches!(self.message(direction).state, State::Edit(_) | State::Watch(_)) || result.is_err() {
            self.held.hold(&Rc::clone(&self.shared), direction, 0);
        }
        match result {
            Ok(progress) => progress.into(),
            Err(reason) => match self.uninspectable(direction, reason) {
                Ok(_) => Body::Unchanged,
                Err(reason) => {
                    out.clear();
                    Body::Refuse(self.refusal(direction, reason))
                }
            },
        }
    }

    /// Strips trailers after the body that they end.
    pub(super) fn strip_trailers(&mut self, direction: Direction, trailers: &mut Head, body: Body) -> Body {
        if self.message(direction).active.enforce != 0 {
            forget_bytes(trailers, direction.into());
        }
        match self.strip_fields(direction, trailers) {
            Ok(()) => body,
            Err(reason) => self.finish_step(direction, Err(reason), &mut Vec::new()),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.held.hold(&self.shared, Direction::Request, 0);
        self.held.hold(&self.shared, Direction::Response, 0);
    }
}

/// What one exchange's bodies add to [`Shared::held_bytes`].
#[derive(Debug, Default)]
pub(super) struct Held {
    request: usize,
    response: usize,
}

impl Held {
    /// Notes what a body holds now; whether that is more than before.
    pub(super) fn hold(&mut self, shared: &Shared, direction: Direction, now: usize) -> bool {
        let before = match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        };
        shared.held_bytes.set((shared.held_bytes.get() + now).saturating_sub(*before));
        now > std::mem::replace(before, now)
    }
}

impl From<Progress> for Body {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Unchanged => Self::Unchanged,
            Progress::Replaced => Self::Replaced,
            Progress::Hold => Self::Hold,
        }
    }
}

impl From<Direction> for Describing {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Request => Self::Request,
            Direction::Response => Self::Response,
        }
    }
}

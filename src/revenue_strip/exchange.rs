//! The steps of one request and its answer.

mod access;
mod message;
mod protocol;
mod query;
mod report;

use std::rc::Rc;

use self::access::Caller;
use self::message::{Held, Message, State};
use self::protocol::{ask_for_inspectable, is_from_portal, no_ranges, status, uninspectable_protocol};
use self::query::Query;
use super::Shared;
use super::config::OnUninspectable;
use super::error::{Direction, Reason};
use super::headers::{Describing, forget_bytes, is_bare, keep_caches_apart};
use super::media::{Media, classify};
use crate::audit::Audit;
use crate::exchange::{self as steps, Body, Chunk, Part, Side, Step};
use crate::head::{Head, Single};
use crate::host::Host;
use crate::identity::Identity;
use crate::matching::upper;
use crate::path::{check_normal, of_target};
use crate::reply::{Reply, correlation_id};

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    shared: Rc<Shared>,
    request: Option<Request>,
    incoming: Message,
    outgoing: Message,
    /// The body of a GraphQL request, until it is whole.
    query: Option<Query>,
    /// The portal's status, for `on_uninspectable: empty`.
    status: u16,
    held: Held,
    /// Whether this filter has answered itself.
    replied: bool,
    /// Whether the answer comes from a protected endpoint that this caller may use.
    guarded: bool,
}

/// Whether a request is about a path.
enum Line {
    Of,
    Beside,
}

/// What is kept of a request's head.
#[derive(Debug)]
struct Request {
    is_head: bool,
    id: Option<String>,
    /// For each strip rule that matched: its place, and that of the pattern that fitted.
    patterns: Vec<(usize, usize)>,
    /// Who is calling, where a rule matched.
    who: Option<Rc<Identity>>,
}

impl Exchange {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self {
            shared,
            request: None,
            incoming: Message::new(),
            outgoing: Message::new(),
            query: None,
            status: 0,
            held: Held::default(),
            replied: false,
            guarded: false,
        }
    }

    /// An answer of our own to a request, with its record.
    fn refuse_request(&mut self, reason: Reason, head: &Head, host: &mut dyn Host) -> Step {
        Step::Reply(self.refuse(reason, correlation_id(head), host))
    }

    /// As [`Exchange::refuse_request`], where the head has gone by.
    fn refuse(&mut self, reason: Reason, id: Option<String>, host: &mut dyn Host) -> Reply {
        host.count(self.shared.counters.refused(reason), 1);
        let audit = Audit { id: id.as_deref(), outcome: "refused", reason: Some(reason.code()), ..self.record(host) };
        host.audit_borrowed(&audit);
        self.replied = true;
        Reply::problem(reason.status(Direction::Request), reason.code(), None, id.as_deref())
    }

    /// What the client gets for a message that cannot be inspected.
    fn refusal(&mut self, direction: Direction, reason: Reason) -> Reply {
        self.replied = true;
        let id = self.request.as_ref().and_then(|request| request.id.as_deref());
        match (direction, self.shared.config.on_uninspectable) {
            (Direction::Response, OnUninspectable::Empty) if reason != Reason::Busy && self.status >= 200 => {
                Reply::empty(self.status, reason.code())
            }
            (_, _) => Reply::problem(reason.status(direction), reason.code(), None, id),
        }
    }

    /// What a request's head asks for, with one reading.
    fn read_line(&self, head: &mut Head) -> Result<Line, Reason> {
        // There are portals that take `get` for GET: rules do, too.
        let Single::One(method) = head.single(":method") else { return Err(Reason::UnsafePath) };
        let is = |wanted: &[u8]| method.eq_ignore_ascii_case(wanted);
        match head.single(":path") {
            // A tunnel has no path that a rule could match, and no content that anybody could inspect.
            Single::Absent if is(b"CONNECT") => Err(Reason::Connect),
            // As HTTP/1.1 names a tunnel's end.
            Single::One(target) if is(b"CONNECT") && !target.starts_with(b"/") => Err(Reason::Connect),
            // About the server as a whole: no resource, no content.
            Single::One(b"*") if is(b"OPTIONS") => Ok(Line::Beside),
            Single::One(target) if check_normal(target).is_ok() => Ok(Line::Of),
            Single::One(_) | Single::Absent | Single::Many => self.rewrite(head).map(|()| Line::Of),
        }
    }

    /// Whether an answer has no content, and nothing in its head that a rule would take from anybody, that would be wrong for
    /// somebody, or that a cache would keep it by. No other status: 304 speaks of an answer that a cache has.
    fn has_nothing(&self, head: &Head) -> bool {
        head.ends()
            && head.single(":status") == Single::One(b"204")
            && !self.guarded
            && is_bare(head)
            && self.takes_fields(head) == Ok(false)
    }

    fn message(&mut self, direction: Direction) -> &mut Message {
        match direction {
            Direction::Request => &mut self.incoming,
            Direction::Response => &mut self.outgoing,
        }
    }
}

impl steps::Exchange for Exchange {
    fn wants(&self, side: Side, part: Part) -> bool {
        let (message, concerned) = match side {
            Side::Request => (&self.incoming, true),
            Side::Response => {
                let matched = self.outgoing.matched != 0 || self.guarded || !self.outgoing.active.is_empty();
                (&self.outgoing, matched && self.request.is_some() && !self.replied)
            }
        };
        match part {
            Part::Head => concerned,
            Part::Body | Part::Trailers if side == Side::Request && self.query.is_some() => true,
            Part::Body => !matches!(message.state, State::Pass),
            Part::Trailers => !matches!(message.state, State::Pass) || message.judged && !message.active.is_empty(),
        }
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        match self.read_line(head) {
            Ok(Line::Of) => {}
            Ok(Line::Beside) => return Step::Continue,
            Err(reason) => return self.refuse_request(reason, head, host),
        }
        let (Single::One(method), Single::One(target)) = (head.single(":method"), head.single(":path")) else {
            return self.refuse_request(Reason::UnsafePath, head, host);
        };
        let (method, path) = (upper(method), of_target(target));
        let shared = Rc::clone(&self.shared);
        let mut caller = Caller { source: &shared.config.identity, head, host, identity: None };
        if let Some(reply) = self.protect(&method, path, &mut caller) {
            self.replied = true;
            return Step::Reply(reply);
        }
        let patterns = self.select_rules(&method, path, &mut caller);
        if !patterns.is_empty() {
            // Audit lines say who, also where no rule asks.
            caller.identity();
        }
        let who = caller.identity.take();
        let acting = self.incoming.active.enforce | self.outgoing.active.enforce;
        self.request = Some(Request { is_head: *method == *b"HEAD", id: correlation_id(head), patterns, who });
        if acting != 0
            && let Some(reason) = uninspectable_protocol(&method, head)
        {
            return self.refuse_request(reason, head, host);
        }
        if let Err(reason) = self.open_query(&method, path, head) {
            return self.refuse_request(reason, head, host);
        }
        let reads = matches!(&*method, b"GET" | b"HEAD");
        if self.outgoing.active.enforce != 0 {
            ask_for_inspectable(reads, head);
        }
        self.incoming.judged = !self.incoming.active.is_empty() || self.incoming.exempt != 0;
        let step = match self.strip_fields(Direction::Request, head) {
            Ok(()) if self.incoming.active.is_empty() || head.ends() => Ok(Step::Continue),
            Ok(()) => self.open_body(Direction::Request, head),
            Err(reason) => self.uninspectable(Direction::Request, reason),
        };
        match step {
            Ok(Step::Continue) if self.query.is_some() => Step::Hold,
            Ok(step) => step,
            Err(reason) => Step::Reply(self.refusal(Direction::Request, reason)),
        }
    }

    fn request_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        match self.query.take() {
            Some(query) => self.gather(query, chunk, out, host),
            None => self.push(Direction::Request, chunk, out),
        }
    }

    fn request_trailers(&mut self, trailers: &mut Head, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        let body = match self.query.take() {
            Some(query) => self.finish_query(&query, out, host),
            None => self.finish(Direction::Request, out),
        };
        if matches!(body, Body::Refuse(_)) {
            return body;
        }
        self.strip_trailers(Direction::Request, trailers, body)
    }

    fn response_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        // Without a request that got this far no portal was asked, and our own answers need no stripping.
        let Some(request) = &self.request else {
            return Step::Continue;
        };
        let is_head = request.is_head;
        if self.replied {
            return Step::Continue;
        }
        let nothing_to_judge = self.outgoing.active.is_empty() && self.outgoing.exempt == 0;
        if !is_head && self.has_nothing(head) {
            // Whoever made it: the host is not asked.
            self.outgoing.judged = !nothing_to_judge;
            return Step::Continue;
        }
        if self.outgoing.matched != 0 || self.guarded {
            keep_caches_apart(head, &self.shared.config.vary);
        }
        if nothing_to_judge || !is_from_portal(host) {
            return Step::Continue;
        }
        self.outgoing.judged = true;
        if self.outgoing.active.is_empty() {
            return Step::Continue;
        }
        let acting = self.outgoing.active.enforce != 0;
        self.status = status(head);
        let partial = self.status == 206 || head.has("content-range");
        let result = if let Err(reason) = self.strip_fields(Direction::Response, head) {
            self.uninspectable(Direction::Response, reason)
        } else if self.status == 101 {
            self.uninspectable(Direction::Response, Reason::Upgrade)
        } else if partial {
            self.uninspectable(Direction::Response, Reason::Partial)
        } else if head.ends() || is_head || matches!(self.status, 204 | 304) {
            if acting && !matches!(classify(head, &self.shared.config.pass_types), Ok(Media::Pass)) {
                // What a HEAD or 304 says of the body would be wrong for the stripped one, and would tell its size.
                let empty = head.single("content-length") == Single::One(b"0");
                forget_bytes(head, Describing::Response);
                if empty && !is_head && self.status != 304 {
                    head.set("content-length", b"0");
                }
                no_ranges(head);
            }
            if acting && !head.ends() {
                // There is no body after such a head; whatever comes all the same goes nowhere.
                self.outgoing.state = State::Closed;
            }
            Ok(Step::Continue)
        } else {
            let step = self.open_body(Direction::Response, head);
            if matches!(self.outgoing.state, State::Edit(_)) {
                no_ranges(head);
            }
            step
        };
        match result {
            Ok(step) => step,
            Err(reason) => Step::Reply(self.refusal(Direction::Response, reason)),
        }
    }

    fn response_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        self.push(Direction::Response, chunk, out)
    }

    fn response_trailers(&mut self, trailers: &mut Head, out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        let body = self.finish(Direction::Response, out);
        if !self.outgoing.judged {
            return body;
        }
        self.strip_trailers(Direction::Response, trailers, body)
    }

    fn done(&mut self, host: &mut dyn Host) {
        self.report(&self.incoming, host);
        self.report(&self.outgoing, host);
        self.incoming.judged = false;
        self.outgoing.judged = false;
    }
}

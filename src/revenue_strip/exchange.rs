//! The steps of one request and its answer.

use std::rc::Rc;

use crate::audit::{Audit, subject_hash};
use crate::exchange::{self as steps, Body, Chunk, Part, Side, Step};
use crate::head::{Head, Single};
use crate::host::{Host, integer};
use crate::identity::{Identity, Rights};
use crate::path::{check_normal, normalize, of_target};
use crate::reply::{Reply, correlation_id};

use super::Shared;
use super::body::{Active, Progress, Rulebook, Stream, decide};
use super::config::{Action, Mode, OnUninspectable, Unnormalized};
use super::counters::{Gate, Strip};
use super::error::{Direction, Reason};
use super::headers::{Describing, forget_bytes, keep_caches_apart};
use super::matcher::RuleMask;
use super::media::{Media, classify};

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    shared: Rc<Shared>,
    request: Option<Request>,
    incoming: Message,
    outgoing: Message,
    /// The portal's status, for `on_uninspectable: empty`.
    status: u16,
    held: Held,
    /// Whether this filter has answered itself.
    replied: bool,
    /// Whether the answer comes from a protected endpoint that this caller may use.
    guarded: bool,
}

/// What is kept of a request's head.
#[derive(Debug)]
struct Request {
    is_head: bool,
    id: Option<String>,
    /// For each strip rule that matched: the pattern that fitted.
    patterns: Vec<(usize, String)>,
    subject: Option<u64>,
    system: Option<String>,
}

/// One direction of the exchange.
#[derive(Debug)]
struct Message {
    active: Active,
    /// Acting rules that matched and from which the caller is exempt.
    exempt: RuleMask,
    /// All acting rules that matched, exempt or not.
    matched: RuleMask,
    state: State,
    /// Whether there was a message for the rules to look at.
    judged: bool,
    /// Why the message was refused, or would have been.
    refused: Option<Reason>,
    bytes: u64,
}

/// What happens to a message's body.
#[derive(Debug)]
enum State {
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
    fn new(rules: usize) -> Self {
        Self {
            active: Active { enforce: 0, shadow: 0, fields: vec![0; rules] },
            exempt: 0,
            matched: 0,
            state: State::Pass,
            judged: false,
            refused: None,
            bytes: 0,
        }
    }
}

impl Exchange {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        let rules = shared.config.rules.len();
        Self {
            shared,
            request: None,
            incoming: Message::new(rules),
            outgoing: Message::new(rules),
            status: 0,
            held: Held::default(),
            replied: false,
            guarded: false,
        }
    }

    /// An answer of our own to a request, with its record.
    fn refuse_request(&mut self, reason: Reason, head: &Head, host: &mut dyn Host) -> Step {
        host.count(self.shared.counters.refused(reason), 1);
        let id = correlation_id(head);
        let audit = Audit { id: id.clone(), outcome: "refused", reason: Some(reason.code()), ..self.record(host) };
        host.audit(&audit);
        self.replied = true;
        Step::Reply(Reply::problem(reason.status(Direction::Request), reason.code(), None, id.as_deref()))
    }

    /// A record with what all records of this exchange share.
    fn record(&self, host: &mut dyn Host) -> Audit {
        let request = self.request.as_ref();
        Audit {
            time_ms: host.now_ms(),
            id: request.and_then(|request| request.id.clone()),
            filter: <super::Policy as steps::Policy>::NAME,
            rule: None,
            outcome: "passed",
            reason: None,
            shadow: false,
            fields: 0,
            subject: request.and_then(|request| request.subject),
            system: request.and_then(|request| request.system.clone()),
            path: None,
            version: self.shared.version,
        }
    }

    /// The path that rules are matched with: normal, or made normal.
    fn safe_path(&self, head: &mut Head) -> Result<Vec<u8>, Reason> {
        let target = match head.single(":path") {
            Single::One(target) => target.to_vec(),
            Single::Absent | Single::Many => return Err(Reason::UnsafePath),
        };
        if check_normal(&target).is_ok() {
            return Ok(of_target(&target).to_vec());
        }
        match self.shared.config.unnormalized {
            Unnormalized::Reject => Err(Reason::UnsafePath),
            Unnormalized::Rewrite => {
                let normal = normalize(&target).map_err(|_| Reason::UnsafePath)?;
                head.set(":path", &normal);
                Ok(of_target(&normal).to_vec())
            }
        }
    }

    /// Sorts the strip rules that match into those that act, watch, or do not concern this caller.
    fn select_rules(&mut self, method: &[u8], path: &[u8], caller: &mut Caller<'_>) -> Vec<(usize, String)> {
        let mut patterns = Vec::new();
        for (n, rule) in self.shared.config.rules.iter().enumerate() {
            let Some(pattern) = rule.matches.takes_away(method, path) else {
                continue;
            };
            patterns.push((n, pattern.as_str().to_owned()));
            let message = if rule.request { &mut self.incoming } else { &mut self.outgoing };
            let bit = 1 << n;
            let exempt = rule.unless.as_ref().is_some_and(|rights| caller.holds(rights));
            match (rule.mode, exempt) {
                (Mode::Enforce, false) => message.active.enforce |= bit,
                (Mode::Shadow, false) => message.active.shadow |= bit,
                (Mode::Enforce, true) => message.exempt |= bit,
                (Mode::Shadow, true) => {}
            }
            if rule.mode == Mode::Enforce {
                message.matched |= bit;
            }
        }
        patterns
    }

    /// The first protected endpoint that this caller may not use.
    fn protect(&mut self, method: &[u8], path: &[u8], caller: &mut Caller<'_>) -> Option<Reply> {
        let shared = Rc::clone(&self.shared);
        for (n, rule) in shared.config.protected.iter().enumerate() {
            let Some(pattern) = rule.matches.takes_away(method, path) else {
                continue;
            };
            if caller.holds(&rule.unless) {
                self.guarded |= rule.mode == Mode::Enforce;
                continue;
            }
            let subject = caller.identity().subject.as_deref().map(subject_hash);
            let system = caller.identity().system.clone();
            let audit = Audit {
                rule: Some(rule.name.clone()),
                outcome: "denied",
                reason: Some(Reason::Protected.code()),
                shadow: rule.mode == Mode::Shadow,
                subject,
                system,
                path: Some(pattern.as_str().to_owned()),
                id: correlation_id(caller.head),
                ..self.record(caller.host)
            };
            caller.host.audit(&audit);
            if rule.mode == Mode::Shadow {
                caller.host.count(shared.counters.gate(n, Gate::ShadowDenied), 1);
                continue;
            }
            caller.host.count(shared.counters.gate(n, Gate::Denied), 1);
            let status = Reason::Protected.status(Direction::Request);
            let reply = Reply::problem(status, Reason::Protected.code(), Some(&rule.detail), audit.id.as_deref());
            return Some(reply);
        }
        None
    }

    /// Removes or redacts header fields or trailers that rules take.
    ///
    /// # Errors
    /// [`Reason::Busy`] when the names cannot be judged, which no single-threaded host can bring about.
    fn strip_fields(&mut self, direction: Direction, head: &mut Head) -> Result<(), Reason> {
        let shared = Rc::clone(&self.shared);
        let message = self.message(direction);
        if message.active.is_empty() {
            return Ok(());
        }
        let mut taken: Vec<(String, RuleMask)> = Vec::new();
        {
            let mut matcher = shared.matcher.try_borrow_mut().map_err(|_| Reason::Busy)?;
            for (name, _) in head.fields() {
                let mask = matcher.header(name);
                if mask != 0 {
                    taken.push((name.to_owned(), message.active.meet(mask)));
                }
            }
        }
        for (name, mask) in taken {
            match decide(&shared.config.rules, mask) {
                None => {}
                Some((_, Action::Remove)) => {
                    head.remove(&name);
                }
                Some((_, Action::Redact { header, .. })) => head.set(&name, header.as_bytes()),
            }
        }
        Ok(())
    }

    /// Decides about a body from its head: edit, watch, pass, or refuse the message.
    fn open_body(&mut self, direction: Direction, head: &mut Head) -> Result<Step, Reason> {
        let limits = self.shared.config.limits;
        let media = classify(head, &self.shared.config.pass_types);
        let message = self.message(direction);
        message.judged = true;
        let media = match media {
            Ok(Media::Pass) => return Ok(Step::Continue),
            Ok(media) => media,
            Err(reason) => return self.uninspectable(direction, reason),
        };
        let stream = Stream::new(media, limits.json);
        if message.active.enforce == 0 {
            message.state = State::Watch(stream);
            return Ok(Step::Continue);
        }
        message.state = State::Edit(stream);
        forget_bytes(head, direction.into());
        Ok(Step::Hold)
    }

    /// A message that cannot be inspected: refused, unless rules only watch.
    fn uninspectable(&mut self, direction: Direction, reason: Reason) -> Result<Step, Reason> {
        let message = self.message(direction);
        message.refused = Some(reason);
        if message.active.enforce == 0 {
            message.state = State::Pass;
            return Ok(Step::Continue);
        }
        message.state = State::Closed;
        Err(reason)
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

    fn message(&mut self, direction: Direction) -> &mut Message {
        match direction {
            Direction::Request => &mut self.incoming,
            Direction::Response => &mut self.outgoing,
        }
    }

    fn push(&mut self, direction: Direction, chunk: Chunk<'_>, out: &mut Vec<u8>) -> Body {
        let shared = Rc::clone(&self.shared);
        let limits = shared.config.limits;
        let message = match direction {
            Direction::Request => &mut self.incoming,
            Direction::Response => &mut self.outgoing,
        };
        let Message { active, state, bytes, .. } = message;
        let rules = &shared.config.rules;
        let result = match (state, shared.matcher.try_borrow_mut()) {
            (State::Pass, _) => return Body::Unchanged,
            // What comes after a refusal is swallowed.
            (State::Closed, _) => return Body::Replaced,
            (State::Edit(_) | State::Watch(_), Err(_)) => Err(Reason::Busy),
            (State::Edit(stream), Ok(mut matcher)) => {
                let book = Rulebook { matcher: &mut matcher, rules, active };
                let result = stream.push(chunk, limits.hold_bytes, book, out);
                *bytes = stream.bytes();
                let more = self.held.hold(&shared, direction, stream.held_bytes());
                if more && shared.held_bytes.get() > limits.max_held_bytes { Err(Reason::Busy) } else { result }
            }
            (State::Watch(stream), Ok(mut matcher)) => {
                let book = Rulebook { matcher: &mut matcher, rules, active };
                let result = stream.watch(chunk, book).map(|()| Progress::Unchanged);
                *bytes = stream.bytes();
                let more = self.held.hold(&shared, direction, stream.held_bytes());
                // Watching ends there; the body goes on.
                if more && shared.held_bytes.get() > limits.max_held_bytes { Err(Reason::Busy) } else { result }
            }
        };
        self.finish_step(direction, result, out)
    }

    fn finish(&mut self, direction: Direction, out: &mut Vec<u8>) -> Body {
        let result = match &mut self.message(direction).state {
            State::Pass => return Body::Unchanged,
            State::Closed => return Body::Replaced,
            State::Edit(stream) => stream.finish(out),
            State::Watch(stream) => stream.finish(&mut Vec::new()).map(|_| Progress::Unchanged),
        };
        self.held.hold(&Rc::clone(&self.shared), direction, 0);
        self.finish_step(direction, result, out)
    }

    fn finish_step(&mut self, direction: Direction, result: Result<Progress, Reason>, out: &mut Vec<u8>) -> Body {
        // The body has ended, in one way or another: nothing of it is held.
        if !matches!(self.message(direction).state, State::Edit(_) | State::Watch(_)) || result.is_err() {
            self.held.hold(&Rc::clone(&self.shared), direction, 0);
        }
        match result {
            Ok(Progress::Unchanged) => Body::Unchanged,
            Ok(Progress::Replaced) => Body::Replaced,
            Ok(Progress::Hold) => Body::Hold,
            Err(reason) => match self.uninspectable(direction, reason) {
                Ok(_) => Body::Unchanged,
                Err(reason) => {
                    out.clear();
                    Body::Refuse(self.refusal(direction, reason))
                }
            },
        }
    }

    /// Whether the portal made this answer. What Envoy or another filter made keeps its status and text; when the
    /// host does not say, the answer is taken for the portal's.
    fn is_from_portal(host: &mut dyn Host) -> bool {
        match host.attribute(&["response", "code_details"]) {
            // A cache between this filter and the router says what the portal said, to anybody.
            Some(details) => details == b"via_upstream" || details.starts_with(b"cache"),
            // Filters made with the SDK give no details; then no portal has been asked.
            None => host.attribute(&["upstream", "request_attempt_count"]).and_then(|count| integer(&count)) != Some(0),
        }
    }

    /// Strips trailers after the body that they end.
    fn strip_trailers(&mut self, direction: Direction, trailers: &mut Head, body: Body) -> Body {
        if self.message(direction).active.enforce != 0 {
            forget_bytes(trailers, direction.into());
        }
        match self.strip_fields(direction, trailers) {
            Ok(()) => body,
            Err(reason) => self.finish_step(direction, Err(reason), &mut Vec::new()),
        }
    }

    /// Counts and records what the rules of one direction have done.
    fn report(&self, message: &Message, host: &mut dyn Host) {
        let Some(request) = &self.request else { return };
        if !message.judged {
            return;
        }
        let counters = &self.shared.counters;
        for (n, pattern) in &request.patterns {
            let bit = 1 << *n;
            let Some(rule) = self.shared.config.rules.get(*n) else {
                continue;
            };
            let fields = message.active.fields.get(*n).copied().unwrap_or_default();
            let shadow = message.active.shadow & bit != 0;
            let blocked = message.refused;
            let (outcome, reason) = if message.exempt & bit != 0 {
                host.count(counters.strip(*n, Strip::Exempt), 1);
                ("exempt", None)
            } else if shadow {
                if blocked.is_some() {
                    host.count(counters.strip(*n, Strip::ShadowBlocked), 1);
                }
                host.count(counters.strip(*n, Strip::ShadowFields), fields);
                (if blocked.is_some() { "blocked" } else { outcome_of(fields) }, blocked)
            } else if message.active.enforce & bit != 0 {
                host.count(counters.strip(*n, Strip::Fields), fields);
                host.count(counters.strip(*n, Strip::Bytes), message.bytes);
                if let Some(reason) = blocked {
                    host.count(counters.strip(*n, Strip::Blocked(reason)), 1);
                }
                (if blocked.is_some() { "blocked" } else { outcome_of(fields) }, blocked)
            } else {
                continue;
            };
            let audit = Audit {
                rule: Some(rule.name.clone()),
                outcome,
                reason: reason.map(Reason::code),
                shadow,
                fields,
                path: Some(pattern.clone()),
                ..self.record(host)
            };
            host.audit(&audit);
        }
    }
}

fn outcome_of(fields: u64) -> &'static str {
    if fields == 0 { "passed" } else { "stripped" }
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
            Part::Body => !matches!(message.state, State::Pass),
            Part::Trailers => !matches!(message.state, State::Pass) || message.judged && !message.active.is_empty(),
        }
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        let method = match head.single(":method") {
            // There are portals that take `get` for GET: rules do, too.
            Single::One(method) => method.to_ascii_uppercase(),
            Single::Absent | Single::Many => {
                return self.refuse_request(Reason::UnsafePath, head, host);
            }
        };
        match head.single(":path") {
            // A tunnel has no path that a rule could match, and no content that anybody could inspect.
            Single::Absent if method == b"CONNECT" => {
                return self.refuse_request(Reason::Connect, head, host);
            }
            // About the server as a whole: no resource, no content.
            Single::One(b"*") if method == b"OPTIONS" => return Step::Continue,
            Single::One(_) | Single::Absent | Single::Many => {}
        }
        let path = match self.safe_path(head) {
            Ok(path) => path,
            Err(reason) => return self.refuse_request(reason, head, host),
        };
        let shared = Rc::clone(&self.shared);
        let mut caller = Caller { source: &shared.config.identity, head, host, identity: None };
        if let Some(reply) = self.protect(&method, &path, &mut caller) {
            self.replied = true;
            return Step::Reply(reply);
        }
        let patterns = self.select_rules(&method, &path, &mut caller);
        if !patterns.is_empty() {
            // Audit lines say who, also where no rule asks.
            caller.identity();
        }
        let known = caller.identity.take().unwrap_or_default();
        let acting = self.incoming.active.enforce | self.outgoing.active.enforce;
        self.request = Some(Request {
            is_head: method == b"HEAD",
            id: correlation_id(head),
            patterns,
            subject: known.subject.as_deref().map(subject_hash),
            system: known.system,
        });
        if acting != 0
            && let Some(reason) = uninspectable_protocol(&method, head)
        {
            return self.refuse_request(reason, head, host);
        }
        if self.outgoing.active.enforce != 0 {
            ask_for_inspectable(&method, head);
        }
        self.incoming.judged = !self.incoming.active.is_empty() || self.incoming.exempt != 0;
        let step = match self.strip_fields(Direction::Request, head) {
            Ok(()) if self.incoming.active.is_empty() || head.ends() => Ok(Step::Continue),
            Ok(()) => self.open_body(Direction::Request, head),
            Err(reason) => self.uninspectable(Direction::Request, reason),
        };
        match step {
            Ok(step) => step,
            Err(reason) => Step::Reply(self.refusal(Direction::Request, reason)),
        }
    }

    fn request_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        self.push(Direction::Request, chunk, out)
    }

    fn request_trailers(&mut self, trailers: &mut Head, out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        let body = self.finish(Direction::Request, out);
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
        if self.outgoing.matched != 0 || self.guarded {
            keep_caches_apart(head, &self.shared.config.vary);
        }
        let nothing_to_judge = self.outgoing.active.is_empty() && self.outgoing.exempt == 0;
        if nothing_to_judge || !Self::is_from_portal(host) {
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
            if matches!(step, Ok(Step::Hold)) {
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

impl Drop for Exchange {
    fn drop(&mut self) {
        self.held.hold(&self.shared, Direction::Request, 0);
        self.held.hold(&self.shared, Direction::Response, 0);
    }
}

/// What one exchange's bodies add to [`Shared::held_bytes`].
#[derive(Debug, Default)]
struct Held {
    request: usize,
    response: usize,
}

impl Held {
    /// Notes what a body holds now; whether that is more than before.
    fn hold(&mut self, shared: &Shared, direction: Direction, now: usize) -> bool {
        let before = match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        };
        shared.held_bytes.set((shared.held_bytes.get() + now).saturating_sub(*before));
        now > std::mem::replace(before, now)
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

/// Who is calling, read when a rule first asks.
struct Caller<'a> {
    source: &'a crate::identity::Source,
    head: &'a Head,
    host: &'a mut dyn Host,
    identity: Option<Identity>,
}

impl Caller<'_> {
    fn identity(&mut self) -> &Identity {
        let (source, head, host) = (self.source, self.head, &mut *self.host);
        self.identity.get_or_insert_with(|| source.identify(head, host))
    }

    fn holds(&mut self, rights: &Rights) -> bool {
        self.identity().holds(rights)
    }
}

/// Protocols whose content nobody can inspect.
fn uninspectable_protocol(method: &[u8], head: &Head) -> Option<Reason> {
    if method == b"CONNECT" {
        return Some(if head.has(":protocol") { Reason::Upgrade } else { Reason::Connect });
    }
    if head.has("upgrade") {
        return Some(Reason::Upgrade);
    }
    let grpc = |value: &[u8]| value.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"));
    head.values("content-type").any(|value| grpc(value.trim_ascii_start())).then_some(Reason::Grpc)
}

/// Asks the portal for a whole, unencoded answer.
fn ask_for_inspectable(method: &[u8], head: &mut Head) {
    if head.has("accept-encoding") {
        head.set("accept-encoding", b"identity");
    }
    head.remove("range");
    head.remove("if-range");
    if matches!(method, b"GET" | b"HEAD") {
        // Validators of the portal's bytes are none of the stripped ones'.
        head.remove("if-none-match");
        head.remove("if-modified-since");
    }
}

fn no_ranges(head: &mut Head) {
    if head.has("accept-ranges") {
        head.set("accept-ranges", b"none");
    }
}

/// The status, 0 when unreadable.
fn status(head: &Head) -> u16 {
    match head.single(":status") {
        Single::One(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0),
        Single::Absent | Single::Many => 0,
    }
}

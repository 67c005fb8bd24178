//! One exchange over plain data, as Envoy would drive it: for `lockgate try`, policy tests and the core's own tests.
//!
//! Follows what Envoy 1.40 was measured to do: bodies end with an empty last chunk, or with trailers; a head that is
//! held goes on with the first chunk that does; replies made by Envoy carry their own `response.code_details`.

use std::collections::{BTreeMap, VecDeque};

use crate::audit::Audit;
use crate::exchange::{Asks, Body, Chunk, Exchange, HeadState, Policy, Step};
use crate::head::{Head, Known};
use crate::host::{Call, CallId, CallResult, Check, GrpcCall, Host, Slot, Written};
use crate::reply::Reply;

/// A host of plain data.
#[derive(Clone, Debug, Default)]
pub struct MemoryHost {
    /// What [`Host::now_ms`] answers.
    pub now_ms: Option<u64>,
    /// Attributes by path.
    pub attributes: BTreeMap<Vec<String>, Vec<u8>>,
    /// Counters by place.
    pub counters: BTreeMap<usize, u64>,
    /// All records so far.
    pub audits: Vec<Audit>,
    /// All lines for the operator so far.
    pub notes: Vec<String>,
    /// Shared slots by key, with the semantics of Envoy's shared data.
    pub slots: BTreeMap<String, Slot>,
    /// The last stamp that a slot got: one counter for all of them.
    pub stamps: u32,
    /// What calls are answered, by cluster and path; any other fails.
    pub answers: BTreeMap<(String, String), CallResult>,
    /// The calls made so far, as cluster and path.
    pub calls: Vec<(String, String)>,
    /// Calls whose results are due.
    pub due: VecDeque<(CallId, CallResult)>,
    /// What verifies signatures; without it the rules do.
    pub verifier: Option<fn(&Check<'_>) -> bool>,
    /// How many signatures it was asked to verify.
    pub checks: usize,
}

/// How far the clock goes on between two looks at an exchange that waits, in milliseconds.
const WAIT_STEP_MS: u64 = 50;
/// How often an exchange that waits is looked at: more than any deadline takes.
const MAX_WAIT_STEPS: usize = 2_000;

impl MemoryHost {
    /// Sets an attribute.
    pub fn set_attribute(&mut self, path: &[&str], value: &[u8]) {
        self.attributes.insert(path.iter().map(|&step| step.to_owned()).collect(), value.to_vec());
    }

    /// Background work: a tick, and the results of all calls.
    pub fn work<P: Policy>(&mut self, policy: &P) {
        policy.tick(self);
        while let Some((id, result)) = self.due.pop_front() {
            policy.call_result(id, result, self);
        }
    }

    /// Starts a call whose result is due.
    fn answer(&mut self, cluster: &str, path: &str, most: usize) -> Option<CallId> {
        let id = CallId(u32::try_from(self.calls.len()).ok()?);
        let key = (cluster.to_owned(), path.to_owned());
        let result = match self.answers.get(&key).cloned().unwrap_or(CallResult::Failed) {
            CallResult::Answered { body, .. } if body.len() > most => CallResult::TooLong,
            result => result,
        };
        self.calls.push(key);
        self.due.push_back((id, result));
        Some(id)
    }
}

impl Host for MemoryHost {
    fn now_ms(&mut self) -> Option<u64> {
        self.now_ms
    }

    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        let path: Vec<String> = path.iter().map(|&step| step.to_owned()).collect();
        self.attributes.get(&path).cloned()
    }

    fn count(&mut self, counter: usize, by: u64) {
        *self.counters.entry(counter).or_default() += by;
    }

    fn audit(&mut self, audit: &Audit) {
        self.audits.push(audit.clone());
    }

    fn note(&mut self, line: &str) {
        self.notes.push(line.to_owned());
    }

    fn leave(&mut self, name: &str, value: &[u8]) {
        self.set_attribute(&[name], value);
    }

    fn slot(&mut self, key: &str) -> Option<Slot> {
        Some(self.slots.get(key).cloned().unwrap_or_default())
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        let last = match self.slots.get(key) {
            Some(slot) if stamp != 0 && slot.stamp != stamp => return Written::Changed,
            // Slots that were put there by hand have any stamp.
            Some(slot) => slot.stamp.max(self.stamps),
            None => self.stamps,
        };
        self.stamps = last.wrapping_add(1).max(1);
        self.slots.insert(key.to_owned(), Slot { bytes: bytes.to_vec(), stamp: self.stamps });
        Written::Done
    }

    fn call(&mut self, call: &Call<'_>) -> Option<CallId> {
        self.answer(call.cluster, call.path, call.max_body_bytes)
    }

    fn grpc(&mut self, call: &GrpcCall<'_>) -> Option<CallId> {
        self.answer(call.cluster, call.method, call.max_body_bytes)
    }

    fn verify(&mut self, check: &Check<'_>) -> Option<bool> {
        let verifier = self.verifier?;
        self.checks += 1;
        Some(verifier(check))
    }
}

/// Header fields or trailers.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A message's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Header fields without the pseudo-headers.
    pub headers: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// The size of the chunks in which the body comes; 0: whole.
    pub chunk: usize,
    /// Trailers; none means that there is no trailer section.
    pub trailers: Fields,
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The rest.
    pub content: Content,
}

/// What the portal does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answers.
    Response {
        /// HTTP status.
        status: u16,
        /// The rest.
        content: Content,
        /// Whether the connection breaks after the body.
        cut: bool,
    },
    /// The connection breaks before an answer: Envoy answers 503.
    Reset,
    /// No answer comes in time: Envoy answers 504.
    Timeout,
    /// A filter behind this one answers, and no portal is asked.
    Reply {
        /// HTTP status.
        status: u16,
        /// The rest.
        content: Content,
    },
}

/// What reached the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields without the pseudo-headers.
    pub headers: Fields,
    /// The body; only what went on of it when the exchange ended early.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Fields,
}

/// How the exchange ended for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The portal's (or Envoy's) answer, whole.
    Pass,
    /// An answer of the gate, and why.
    Reply(&'static str),
    /// A transfer that was broken off; why, when the gate did it.
    Abort(Option<&'static str>),
}

/// What the client got and what the portal got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// HTTP status; 0 when no head reached the client.
    pub status: u16,
    /// Header fields without the pseudo-headers.
    pub headers: Fields,
    /// The body, or what came of it.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Fields,
    /// What reached the portal, if anything did.
    pub forwarded: Option<Forwarded>,
}

/// Whether a message's head can wait for its body, as with Envoy's `allow_on_headers_stop_iteration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heads {
    /// It can.
    Wait,
    /// It goes on at once.
    GoOn,
}

/// Runs one exchange of a policy that was started ([`Policy::start`]) on this host, or needs no start.
pub fn run<P: Policy>(policy: &P, host: &mut MemoryHost, request: &Request, answer: &Answer, heads: Heads) -> Outcome {
    let mut exchange = policy.open();
    host.set_attribute(&["upstream", "request_attempt_count"], &0_u64.to_le_bytes());
    host.attributes.remove(&["response", "code_details"].map(str::to_owned)[..]);
    let outcome = drive(policy, &mut exchange, host, request, answer, heads);
    exchange.done(host);
    outcome
}

/// A filter of several, with its host.
pub struct Piped<'a> {
    /// Runs one exchange.
    pub run: &'a dyn Fn(&mut MemoryHost, &Request, &Answer) -> Outcome,
    /// Its own: of the others it sees what they leave in filter state.
    pub host: MemoryHost,
}

/// Runs one exchange through filters that stand one after another, as Envoy would. Each is asked twice, the first time on a copy of
/// its host, to learn what it sends on.
pub fn pipe(filters: &mut [Piped<'_>], request: &Request, answer: &Answer) -> Outcome {
    let Some((first, behind)) = filters.split_first_mut() else {
        return portal(request, answer);
    };
    let nothing = Answer::Response { status: 200, content: Content::default(), cut: false };
    let mut copy = first.host.clone();
    let tried = (first.run)(&mut copy, request, &nothing);
    let Some(sent) = tried.forwarded.filter(|_| tried.ending == Ending::Pass) else {
        return (first.run)(&mut first.host, request, &nothing);
    };
    for next in behind.iter_mut() {
        let states = copy.attributes.iter().filter(|(path, _)| path.len() == 1);
        next.host.attributes.extend(states.map(|(path, value)| (path.clone(), value.clone())));
    }
    let Forwarded { method, path, headers, body, trailers } = sent;
    let content = Content { headers, body, chunk: request.content.chunk, trailers };
    let came = pipe(behind, &Request { method, path, content }, answer);
    let chunk = match answer {
        Answer::Response { content, .. } => content.chunk,
        Answer::Reset | Answer::Timeout | Answer::Reply { .. } => 0,
    };
    let content = Content { headers: came.headers, body: came.body, chunk, trailers: came.trailers };
    let comes = match (&came.ending, answer) {
        // Nothing came, not even a head.
        (Ending::Abort(_), _) if came.status == 0 => Answer::Reset,
        (Ending::Pass | Ending::Abort(_), Answer::Response { .. }) => {
            Answer::Response { status: came.status, content, cut: came.ending != Ending::Pass }
        }
        (_, _) => Answer::Reply { status: came.status, content },
    };
    let outcome = (first.run)(&mut first.host, request, &comes);
    let ending = if outcome.ending == Ending::Pass || outcome.ending == Ending::Abort(None) {
        came.ending
    } else {
        outcome.ending
    };
    Outcome { ending, forwarded: came.forwarded, ..outcome }
}

/// What comes without any filter.
fn portal(request: &Request, answer: &Answer) -> Outcome {
    run(&Nothing, &mut MemoryHost::default(), request, answer, Heads::Wait)
}

/// No filter.
struct Nothing;

impl Exchange for Nothing {}

impl Policy for Nothing {
    type Exchange = Self;
    const NAME: &'static str = "nothing";

    fn read(_: &[u8], _: &dyn crate::config::Environment) -> Result<Self, crate::config::ConfigError> {
        Ok(Self)
    }

    fn counters(&self) -> Vec<String> {
        Vec::new()
    }

    fn open(&self) -> Self {
        Self
    }
}

fn drive<P: Policy>(
    policy: &P,
    exchange: &mut P::Exchange,
    host: &mut MemoryHost,
    request: &Request,
    answer: &Answer,
    heads: Heads,
) -> Outcome {
    let mut fields: Fields =
        vec![(":method".to_owned(), request.method.clone().into_bytes()), (":scheme".to_owned(), b"http".to_vec())];
    // What has no path (plain CONNECT) is written with an empty one.
    if !request.path.is_empty() {
        fields.push((":path".to_owned(), request.path.clone().into_bytes()));
    }
    fields.extend(lower_case(&request.content.headers));
    let sent =
        send(policy, exchange, host, Side::Request, fields, &request.content, Tail::of(&request.content, false), heads);
    let forwarded = sent.head.map(|head| Forwarded {
        method: text_of(&head, ":method"),
        path: text_of(&head, ":path"),
        headers: plain(&head),
        body: sent.body,
        trailers: sent.trailers,
    });
    match sent.stop {
        None => {}
        Some(Stop::Reply(reply)) => return replied(reply, request, forwarded),
        Some(Stop::Abort(reason)) => {
            return Outcome {
                ending: Ending::Abort(Some(reason)),
                status: 0,
                headers: Vec::new(),
                body: Vec::new(),
                trailers: Vec::new(),
                forwarded,
            };
        }
    }

    let asked = u64::from(!matches!(answer, Answer::Reply { .. }));
    host.set_attribute(&["upstream", "request_attempt_count"], &asked.to_le_bytes());
    let (status, content, cut, details) = match answer {
        Answer::Response { status, content, cut } => (*status, content.clone(), *cut, Some("via_upstream")),
        Answer::Reset => {
            let text =
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
            (503, plain_text(text), false, Some("upstream_reset_before_response_started{connection_termination}"))
        }
        Answer::Timeout => (504, plain_text("upstream request timeout"), false, Some("response_timeout")),
        // Filters made with the SDK give no details.
        Answer::Reply { status, content } => (*status, content.clone(), false, None),
    };
    if let Some(details) = details {
        host.set_attribute(&["response", "code_details"], details.as_bytes());
    }
    let mut fields: Fields = vec![(":status".to_owned(), status.to_string().into_bytes())];
    fields.extend(lower_case(&content.headers));
    let bodiless = request.method == "HEAD" || matches!(status, 204 | 304);
    let content = if bodiless { Content { headers: content.headers, ..Content::default() } } else { content };
    let tail = Tail::of(&content, cut && !bodiless);
    let sent = send(policy, exchange, host, Side::Response, fields, &content, tail, heads);
    let status = sent.head.as_ref().map_or(0, |head| text_of(head, ":status").parse().unwrap_or(0));
    let ending = match (sent.stop, tail) {
        (Some(Stop::Reply(reply)), _) => return replied(reply, request, forwarded),
        (Some(Stop::Abort(reason)), _) => Ending::Abort(Some(reason)),
        (None, Tail::Cut) => Ending::Abort(None),
        (None, Tail::Empty | Tail::Chunk | Tail::Trailers) => Ending::Pass,
    };
    Outcome {
        ending,
        status,
        headers: sent.head.map(|head| plain(&head)).unwrap_or_default(),
        body: sent.body,
        trailers: sent.trailers,
        forwarded,
    }
}

#[derive(Clone, Copy)]
enum Side {
    Request,
    Response,
}

/// How a message ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// With its head.
    Empty,
    /// With an empty last chunk.
    Chunk,
    Trailers,
    /// It does not: the connection breaks.
    Cut,
}

impl Tail {
    fn of(content: &Content, cut: bool) -> Self {
        match (cut, content.trailers.is_empty(), content.body.is_empty()) {
            (true, _, _) => Self::Cut,
            (false, false, _) => Self::Trailers,
            (false, true, true) => Self::Empty,
            (false, true, false) => Self::Chunk,
        }
    }
}

enum Stop {
    Reply(Reply),
    Abort(&'static str),
}

/// What went on of a message.
struct Sent {
    head: Option<Head>,
    body: Vec<u8>,
    trailers: Fields,
    stop: Option<Stop>,
}

#[expect(clippy::too_many_arguments, reason = "one message with all that decides about it")]
fn send<P: Policy>(
    policy: &P,
    exchange: &mut P::Exchange,
    host: &mut MemoryHost,
    side: Side,
    fields: Fields,
    content: &Content,
    tail: Tail,
    heads: Heads,
) -> Sent {
    let mut sent = Sent { head: None, body: Vec::new(), trailers: Vec::new(), stop: None };
    let end = tail == Tail::Empty;
    let asks = match side {
        Side::Request => Asks::All,
        Side::Response => exchange.asks(),
    };
    let (mut head, unread) = match asks {
        Asks::All => (Head::new(fields, end), Fields::new()),
        Asks::Status => {
            let status = fields.iter().find(|(name, _)| name == ":status").map(|(_, value)| value.clone());
            (Head::part(":status", status, end), fields)
        }
        Asks::Nothing => (Head::part(":status", None, end), fields),
    };
    let came = head.clone();
    let mut step = match side {
        Side::Response if asks == Asks::Nothing => {
            exchange.response_fields(&mut |name, value| head.set(name, value), host);
            Step::Continue
        }
        Side::Request => exchange.request_head(&mut head, host),
        Side::Response => exchange.response_head(&mut head, host),
    };
    for _ in 0..MAX_WAIT_STEPS {
        if step != Step::Wait {
            break;
        }
        host.work(policy);
        host.now_ms = host.now_ms.map(|now| now.saturating_add(WAIT_STEP_MS));
        if exchange.may_resume(host.now_ms) {
            // Nothing of what was changed has been written.
            head = came.clone();
            step = exchange.resume(&mut head, host);
        }
    }
    let mut held = match step {
        Step::Wait => {
            sent.stop = Some(Stop::Reply(Reply::problem(503, "waits_for_ever", None, None)));
            return sent;
        }
        Step::Reply(reply) => {
            sent.stop = Some(Stop::Reply(reply));
            return sent;
        }
        Step::Hold if heads == Heads::Wait && tail != Tail::Empty => Some(head),
        Step::Hold if matches!(side, Side::Request) && tail != Tail::Empty && exchange.decides_by_body() => {
            sent.stop = Some(Stop::Reply(exchange.unheld(host)));
            return sent;
        }
        Step::Hold | Step::Continue => {
            sent.head = Some(if asks == Asks::All { head } else { written(unread, &head) });
            None
        }
    };
    let width = if content.chunk == 0 { content.body.len().max(1) } else { content.chunk };
    let mut chunks: Vec<(&[u8], bool)> = content.body.chunks(width).map(|chunk| (chunk, false)).collect();
    if tail == Tail::Chunk {
        chunks.push((&[], true));
    }
    // What the host keeps while the exchange says Hold.
    let mut waiting: Vec<u8> = Vec::new();
    let mut out = Vec::new();
    for (bytes, end) in chunks {
        out.clear();
        let state = if held.is_some() { HeadState::Held } else { HeadState::Sent };
        let chunk = Chunk { bytes, end, head: state };
        let body = match side {
            Side::Request => exchange.request_body(chunk, &mut out, host),
            Side::Response => exchange.response_body(chunk, &mut out, host),
        };
        waiting.extend_from_slice(bytes);
        if pass_on(exchange, side, body, &mut waiting, &mut out, &mut held, &mut sent) {
            return sent;
        }
    }
    if tail == Tail::Trailers {
        out.clear();
        let mut trailers = Head::new(lower_case(&content.trailers), true);
        let body = match side {
            Side::Request => exchange.request_trailers(&mut trailers, &mut out, host),
            Side::Response => exchange.response_trailers(&mut trailers, &mut out, host),
        };
        if pass_on(exchange, side, body, &mut waiting, &mut out, &mut held, &mut sent) {
            return sent;
        }
        sent.trailers = plain(&trailers);
    }
    sent
}

/// What a host has when it was told what differs in a head of which it had handed over a part.
fn written(mut fields: Fields, head: &Head) -> Head {
    for change in head.changes() {
        // Where the host is taken to have none, it adds.
        if change.known == Known::Yes {
            fields.retain(|(name, _)| name != change.name);
        }
        fields.extend(head.values(change.name).map(|value| (change.name.to_owned(), value.to_vec())));
    }
    Head::new(fields, head.ends())
}

/// Does with what waits what the exchange says; whether the message stops here.
fn pass_on<E: Exchange>(
    exchange: &mut E,
    side: Side,
    body: Body,
    waiting: &mut Vec<u8>,
    out: &mut Vec<u8>,
    held: &mut Option<Head>,
    sent: &mut Sent,
) -> bool {
    match body {
        Body::Unchanged => sent.body.append(waiting),
        Body::Replaced => {
            waiting.clear();
            sent.body.append(out);
        }
        Body::Hold => return false,
        Body::Refuse(reply) => {
            sent.stop = Some(match side {
                Side::Response if held.is_none() => Stop::Abort(reply.reason),
                Side::Request | Side::Response => Stop::Reply(reply),
            });
            return true;
        }
    }
    if let Some(mut head) = held.take() {
        if let Side::Request = side {
            let mut last = Head::unread();
            exchange.release(&mut last);
            for change in last.changes() {
                head.remove(change.name);
                last.values(change.name).for_each(|value| head.set(change.name, value));
            }
        }
        sent.head = Some(head);
    }
    false
}

fn replied(reply: Reply, request: &Request, forwarded: Option<Forwarded>) -> Outcome {
    let mut headers: Fields =
        reply.headers.iter().map(|(name, value)| (name.to_string(), value.clone().into_bytes())).collect();
    headers.push(("content-length".to_owned(), reply.body.len().to_string().into_bytes()));
    Outcome {
        ending: Ending::Reply(reply.reason),
        status: reply.status,
        headers,
        // Envoy sends the head of what GET would get.
        body: if request.method == "HEAD" { Vec::new() } else { reply.body },
        trailers: Vec::new(),
        forwarded,
    }
}

fn plain_text(text: &str) -> Content {
    let headers = vec![
        ("content-length".to_owned(), text.len().to_string().into_bytes()),
        ("content-type".to_owned(), b"text/plain".to_vec()),
    ];
    Content { headers, body: text.as_bytes().to_vec(), ..Content::default() }
}

fn lower_case(fields: &Fields) -> Fields {
    fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

fn plain(head: &Head) -> Fields {
    let fields = head.fields().filter(|(name, _)| !name.starts_with(':'));
    fields.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn text_of(head: &Head, name: &'static str) -> String {
    head.values(name).next().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

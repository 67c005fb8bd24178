//! One exchange: the host's callbacks as steps of the core.

mod asking;

use std::cell::RefCell;
use std::ops::Range;
use std::rc::{Rc, Weak};

use lockgate::exchange::{Asks, Body, Chunk, Exchange, HeadState, Part, Policy, Side, Step};
use lockgate::head::{Edit, Head, Spare, fit};
use lockgate::reply::Reply;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, BufferType, MapType, Status};

use crate::abi::{Refused, add_header, header, header_map, remove_header, replace_header};
use crate::heads::Bodies;
use crate::root::Plugin;
use crate::states::{Answer, Come, Ends, Open, Way};

/// The most bytes of a body that are in the VM at a time; Envoy may hand over as much as its buffers hold.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;
/// Beyond any buffer: what is written there is appended.
const APPEND: usize = u32::MAX as usize;

/// An exchange in the host. Small: there is one for each request in flight, whatever its client's pace.
pub(crate) struct Stream<P: Policy> {
    /// Itself, for the list of those that wait.
    me: Weak<RefCell<Self>>,
    id: u32,
    plugin: Rc<Plugin<P>>,
    exchange: P::Exchange,
    request: Way,
    response: Way,
    /// Its audit lines so far.
    audit: Vec<u8>,
    /// Whether it may be on one of the plugin's lists. Most exchanges never are.
    listed: bool,
    open: Open,
    answer: Answer,
}

impl<P: Policy + 'static> Stream<P> {
    pub(crate) fn new(id: u32, plugin: Rc<Plugin<P>>, me: Weak<RefCell<Self>>) -> Self {
        let exchange = plugin.policy.open();
        Self {
            me,
            id,
            plugin,
            exchange,
            request: Way::Sent,
            response: Way::Sent,
            audit: Vec::new(),
            listed: false,
            open: Open::Yes,
            answer: Answer::Awaited,
        }
    }

    fn way(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// After each step: keeps what was recorded, where nobody will say that the exchange has ended.
    pub(crate) fn keep(&mut self, action: Action) -> Action {
        if !P::HEARS_OF_THE_END && !self.audit.is_empty() {
            self.plugin.shared.write_audit(&mut self.audit);
        }
        self.plugin.shared.metrics.report_memory();
        if self.plugin.shared.take_unleft() {
            return self.fail(format_args!("nothing can be left for later filters"));
        }
        action
    }

    pub(crate) fn head(&mut self, side: Side, ends: bool) -> Action {
        let map = match side {
            Side::Request => MapType::HttpRequestHeaders,
            Side::Response => MapType::HttpResponseHeaders,
        };
        let asks = match side {
            Side::Request => Asks::All,
            Side::Response => self.exchange.asks(),
        };
        let read = match asks {
            Asks::All => read(map, ends, self.plugin.spare.take()),
            Asks::Status => match header(map, ":status") {
                Ok(status)
                    if self.exchange.response_status(status.as_deref(), &mut self.plugin.calls(&mut self.audit)) =>
                {
                    return Action::Continue;
                }
                status => status.map(|status| Head::part(":status", status, ends)).map_err(|why| format!("{why:?}")),
            },
            Asks::Nothing => return self.unread_head(),
        };
        let mut head = match read {
            Ok(head) => head,
            Err(why) => return self.fail(format_args!("read {side:?} head: {why}")),
        };
        if side == Side::Response && head.has("content-length") {
            self.answer = Answer::Sized;
        }
        let mut host = self.plugin.calls(&mut self.audit);
        let step = match side {
            Side::Request => self.exchange.request_head(&mut head, &mut host),
            Side::Response => self.exchange.response_head(&mut head, &mut host),
        };
        match step {
            Step::Reply(reply) => return self.reply(&reply),
            Step::Wait => {
                self.listed = true;
                if side == Side::Request && self.plugin.waiting.add(self.id, &self.me, &self.plugin.ticker) {
                    self.request = Way::Asking(if ends { Come::All } else { Come::Head });
                    return Action::Pause;
                }
                return self.cannot_wait(&head, "too_many_wait");
            }
            Step::Continue | Step::Hold => {}
        }
        if let Err(status) = write(map, &head) {
            return self.fail(format_args!("write {side:?} head: {status:?}"));
        }
        self.plugin.spare.set(head.into_spare());
        self.head_goes_on(side, &step, ends)
    }

    /// Writes what is to stand in an answer's head that nobody has read.
    fn unread_head(&mut self) -> Action {
        let mut written = Ok(());
        let mut set = |name: &str, value: &[u8]| {
            if written.is_ok() {
                written = replace_header(MapType::HttpResponseHeaders, name.as_bytes(), &fit(value));
            }
        };
        self.exchange.response_fields(&mut set, &mut self.plugin.calls(&mut self.audit));
        match written {
            Ok(()) => Action::Continue,
            Err(status) => self.fail(format_args!("write an answer's head: {status:?}")),
        }
    }

    fn head_goes_on(&mut self, side: Side, step: &Step, ends: bool) -> Action {
        if side == Side::Request && *step == Step::Hold && !ends && self.exchange.decides_by_body() {
            return self.withhold();
        }
        // A head without a body is never held: no body callback would come to release it.
        let holds = *step == Step::Hold && !ends;
        self.listed |= holds;
        if holds && self.plugin.heads.wait(self.id, side, &self.plugin.ticker) {
            *self.way(side) = Way::Waiting;
            return Action::Pause;
        }
        Action::Continue
    }

    /// Holds the request's head until a body step lets it go, and by nothing else.
    fn withhold(&mut self) -> Action {
        self.listed = true;
        let held = match self.plugin.heads.bodies() {
            Bodies::Come => true,
            Bodies::StayBehind => false,
            Bodies::Unknown => self.plugin.withheld.add(self.id, &self.me, &self.plugin.ticker),
        };
        if !held {
            return self.answer_unheld();
        }
        // On no list of those that go on when their body is long in coming.
        self.request = Way::Held { seen: 0 };
        Action::Pause
    }

    /// No body came while the head was held, and it is not known that one ever does on this host.
    pub(crate) fn give_up(&mut self) {
        if self.open != Open::Yes || self.request != (Way::Held { seen: 0 }) {
            return;
        }
        match hostcalls::set_effective_context(self.id) {
            Ok(()) => {
                let action = self.answer_unheld();
                self.keep(action);
            }
            Err(status) => log::error!("{}: exchange {} is gone: {status:?}", P::NAME, self.id),
        }
    }

    fn answer_unheld(&mut self) -> Action {
        let mut host = self.plugin.calls(&mut self.audit);
        let reply = self.exchange.unheld(&mut host);
        self.reply(&reply)
    }

    /// An answer comes.
    pub(crate) fn answered(&mut self, ends: bool) -> Action {
        // While the request is here, no portal was asked: the answer is Envoy's own, to a client that was too slow for it.
        if let Way::Asking(_) | Way::Ready(_) = self.request {
            self.close(Open::Answered);
        }
        match self.open {
            Open::Yes => {
                self.answer = Answer::Unsized;
                if !self.exchange.wants(Side::Response, Part::Head) {
                    return Action::Continue;
                }
                self.head(Side::Response, ends)
            }
            // Our own answer, or what an earlier filter makes of a broken exchange; no body of the portal follows.
            Open::Answered | Open::Stopped => Action::Continue,
        }
    }

    /// The exchange is over.
    pub(crate) fn done(&mut self) {
        self.forget();
        let mut host = self.plugin.calls(&mut self.audit);
        self.exchange.done(&mut host);
        self.plugin.shared.write_audit(&mut self.audit);
        self.plugin.shared.metrics.report_memory();
    }

    pub(crate) fn body(&mut self, side: Side, size: usize, end: bool) -> Action {
        match (self.open, side) {
            (Open::Yes, _) => {}
            (Open::Answered, Side::Response) => return Action::Continue,
            (Open::Answered, Side::Request) | (Open::Stopped, _) => return self.swallow(side, size),
        }
        let come = Come::Body { size, end };
        if self.note_come(side, |_| come) {
            return self.more_came(come);
        }
        if !self.exchange.wants(side, Part::Body) {
            return Action::Continue;
        }
        self.note_body(side);
        let seen = self.seen(side);
        let fresh = size.saturating_sub(seen);
        let ends = match (end, self.answer) {
            (true, _) => Ends::Said,
            (false, Answer::Unsized) if self.ends_unsaid(side) => Ends::Unsaid,
            (false, Answer::Unsized) => Ends::Later,
            // More bytes may be due, which another filter passes on bit by bit: asked only if the head is to go.
            (false, Answer::Sized | Answer::Awaited) => Ends::Unknown,
        };
        if fresh <= PIECE_BYTES {
            return match self.piece(side, seen..size, ends.here()) {
                Ok((Body::Replaced, out)) => self.replace(side, size, out, ends),
                Ok((Body::Unchanged, out)) => {
                    self.plugin.give_back(out);
                    self.go_on(side, size, ends)
                }
                Ok((Body::Hold, out)) => {
                    self.plugin.give_back(out);
                    *self.way(side) = Way::Held { seen: size };
                    Action::Pause
                }
                Ok((Body::Refuse(reply), _)) => self.refuse(side, size, &reply),
                Err(status) => self.fail(format_args!("read {side:?} body: {status:?}")),
            };
        }
        if matches!(self.way(side), Way::Settled { .. }) {
            return self.fail(format_args!("{fresh} bytes of {side:?} after its end"));
        }
        self.pieces(side, size, seen, ends)
    }

    /// A chunk in pieces: each is taken from the front of the host's buffer, and what becomes of it put at its end.
    fn pieces(&mut self, side: Side, size: usize, seen: usize, ends: Ends) -> Action {
        // Bytes at the front that the exchange has seen; they go on with the first piece that does.
        let mut seen = seen;
        let mut left = size;
        let mut moved_bytes = 0;
        while left > seen {
            let length = (left - seen).min(PIECE_BYTES);
            let last = seen + length == left;
            let (body, out) = match self.piece(side, seen..seen + length, ends.here() && last) {
                Ok(piece) => piece,
                Err(status) => return self.fail(format_args!("read {side:?} body: {status:?}")),
            };
            let front = seen + length;
            let moved = match body {
                Body::Hold => {
                    seen = front;
                    continue;
                }
                Body::Refuse(reply) => return self.refuse(side, left + moved_bytes, &reply),
                // All that is here, and none of it moved: it goes on from where it is.
                Body::Unchanged if front == left && moved_bytes == 0 => {
                    self.plugin.give_back(out);
                    return self.go_on(side, left, ends);
                }
                Body::Replaced => {
                    moved_bytes += out.len();
                    hostcalls::set_buffer(buffer(side), 0, front, b"")
                        .and_then(|()| hostcalls::set_buffer(buffer(side), APPEND, 0, &out))
                }
                Body::Unchanged => hostcalls::get_buffer(buffer(side), 0, front).and_then(|bytes| {
                    moved_bytes += front;
                    hostcalls::set_buffer(buffer(side), 0, front, b"")?;
                    hostcalls::set_buffer(buffer(side), APPEND, 0, &bytes.unwrap_or_default())
                }),
            };
            self.plugin.give_back(out);
            if let Err(status) = moved {
                return self.fail(format_args!("write {side:?} body: {status:?}"));
            }
            left -= front;
            seen = 0;
        }
        if seen == 0 {
            return self.go_on(side, moved_bytes, ends);
        }
        *self.way(side) = Way::Held { seen };
        Action::Pause
    }

    /// Whether the body of an answer whose head is held ends with these bytes, although the host does not say so: all of
    /// the portal's answer is in Envoy.
    ///
    /// Then there are trailers: the portal's, which a filter on its side of us has kept with the body, or some that a filter
    /// adds while it passes on the last bytes, as Envoy's decompressor does to every answer. Envoy (1.36 to 1.40) sends
    /// trailers that are there when a filter lets a held head go to the filter after it: they would pass us by, and a text
    /// that was cut would be taken for the whole. So the head is held on. The portal's trailers come to us next, within the
    /// same turn; the decompressor's never do, and the next tick lets the answer go.
    ///
    /// A filter that passes a whole answer on bit by bit (`bandwidth_limit`) looks the same: an answer without a length that
    /// it begins so is refused. Its place is on the client's side of us.
    fn ends_unsaid(&mut self, side: Side) -> bool {
        let held = side == Side::Response && self.response != Way::Sent;
        // Absent until the portal's last byte has come.
        held && matches!(hostcalls::get_property(vec!["response", "backend_latency"]), Ok(Some(_)))
    }

    /// Shows the exchange a piece of a body; what it wrote comes with its answer.
    fn piece(&mut self, side: Side, at: Range<usize>, end: bool) -> Result<(Body, Vec<u8>), Status> {
        let length = at.len();
        let bytes = match length {
            0 => Vec::new(),
            _ => hostcalls::get_buffer(buffer(side), at.start, length)?.unwrap_or_default(),
        };
        if bytes.len() != length {
            return Err(Status::InternalFailure);
        }
        let head = if *self.way(side) == Way::Sent { HeadState::Sent } else { HeadState::Held };
        let chunk = Chunk { bytes: &bytes, end, head };
        let mut out = self.plugin.borrow_buffer();
        let mut host = self.plugin.calls(&mut self.audit);
        let body = match side {
            Side::Request => self.exchange.request_body(chunk, &mut out, &mut host),
            Side::Response => self.exchange.response_body(chunk, &mut out, &mut host),
        };
        Ok((body, out))
    }

    pub(crate) fn trailers(&mut self, side: Side) -> Action {
        if self.open != Open::Yes {
            return Action::Continue;
        }
        if self.note_come(side, Come::and_trailers) {
            return match self.request {
                Way::Ready(come) => self.goes_on_with(come, &Step::Continue),
                Way::Asking(_) | Way::Sent | Way::Waiting | Way::Held { .. } | Way::Settled { .. } => Action::Pause,
            };
        }
        if !self.exchange.wants(side, Part::Trailers) {
            return Action::Continue;
        }
        self.note_body(side);
        let map = match side {
            Side::Request => MapType::HttpRequestTrailers,
            Side::Response => MapType::HttpResponseTrailers,
        };
        let mut trailers = match read(map, true, Spare::default()) {
            Ok(trailers) => trailers,
            Err(why) => return self.fail(format_args!("read {side:?} trailers: {why}")),
        };
        let mut out = self.plugin.borrow_buffer();
        let mut host = self.plugin.calls(&mut self.audit);
        let body = match side {
            Side::Request => self.exchange.request_trailers(&mut trailers, &mut out, &mut host),
            Side::Response => self.exchange.response_trailers(&mut trailers, &mut out, &mut host),
        };
        if let Err(status) = write(map, &trailers) {
            return self.fail(format_args!("write {side:?} trailers: {status:?}"));
        }
        let size = self.seen(side);
        match body {
            // Trailers end a body: there is nothing to wait for.
            Body::Unchanged | Body::Hold => self.go_on(side, size, Ends::Said),
            Body::Replaced => self.replace(side, size, out, Ends::Said),
            Body::Refuse(reply) => self.refuse(side, size, &reply),
        }
    }

    /// Lets go what is in the host's buffer, `size` bytes: now, or when it is safe.
    fn go_on(&mut self, side: Side, size: usize, ends: Ends) -> Action {
        let unsaid = match ends {
            Ends::Said | Ends::Later => false,
            Ends::Unsaid => true,
            Ends::Unknown => self.ends_unsaid(side),
        };
        self.listed |= unsaid;
        if unsaid && self.plugin.heads.settle(self.id, &self.plugin.ticker) {
            *self.way(side) = Way::Settled { seen: size };
            return Action::Pause;
        }
        match side {
            Side::Response => self.plugin.heads.unsettle(self.id),
            Side::Request => {
                // It can be written as long as it is held.
                if self.request != Way::Sent {
                    let map = MapType::HttpRequestHeaders;
                    let mut written = Ok(());
                    self.exchange.release_edits(&mut |edit| {
                        if written.is_ok() {
                            written = write_one(map, edit);
                        }
                    });
                    if let Err(status) = written {
                        return self.fail(format_args!("write a held head: {status:?}"));
                    }
                }
            }
        }
        *self.way(side) = Way::Sent;
        Action::Continue
    }

    /// Puts `out` in the place of all `size` bytes in the host's buffer but those that are settled.
    fn replace(&mut self, side: Side, size: usize, out: Vec<u8>, ends: Ends) -> Action {
        let mut length = out.len();
        let written = match *self.way(side) {
            _ if size == 0 && out.is_empty() => Ok(()),
            Way::Settled { seen } => hostcalls::get_buffer(buffer(side), 0, seen).and_then(|settled| {
                let mut all = settled.unwrap_or_default();
                all.extend_from_slice(&out);
                length = all.len();
                hostcalls::set_buffer(buffer(side), 0, size, &all)
            }),
            Way::Sent | Way::Waiting | Way::Held { .. } | Way::Asking(_) | Way::Ready(_) => {
                hostcalls::set_buffer(buffer(side), 0, size, &out)
            }
        };
        self.plugin.give_back(out);
        match written {
            Ok(()) => self.go_on(side, length, ends),
            Err(status) => self.fail(format_args!("write {side:?} body: {status:?}")),
        }
    }

    fn refuse(&mut self, side: Side, size: usize, reply: &Reply) -> Action {
        // Nothing of the body may follow, whatever becomes of the answer.
        let _ = self.swallow(side, size);
        match (side, *self.way(side)) {
            (Side::Response, Way::Sent) => self.break_off(),
            (
                Side::Response,
                Way::Waiting | Way::Held { .. } | Way::Settled { .. } | Way::Asking(_) | Way::Ready(_),
            )
            | (Side::Request, _) => self.reply(reply),
        }
    }

    /// Bytes at the front of the host's buffer that the exchange has seen.
    fn seen(&mut self, side: Side) -> usize {
        match *self.way(side) {
            Way::Held { seen } | Way::Settled { seen } => seen,
            Way::Sent | Way::Waiting | Way::Asking(_) | Way::Ready(_) => 0,
        }
    }

    /// Notes for the waiting heads that a body or its end is here.
    fn note_body(&mut self, side: Side) {
        let waits = self.plugin.heads.waits(self.id, side);
        let settled = self.plugin.heads.is_settled(self.id);
        match *self.way(side) {
            Way::Waiting if waits => *self.way(side) = Way::Held { seen: 0 },
            // On the list no more: released because it had waited long enough.
            Way::Waiting => *self.way(side) = Way::Sent,
            // The tick has let it go.
            Way::Settled { .. } if !settled => *self.way(side) = Way::Sent,
            Way::Sent | Way::Held { .. } | Way::Settled { .. } | Way::Asking(_) | Way::Ready(_) => {}
        }
        let held = *self.way(side) != Way::Sent;
        self.plugin.heads.body_came(self.id, side, held);
        if side == Side::Request {
            self.plugin.withheld.forget(self.id);
        }
    }

    fn reply(&mut self, reply: &Reply) -> Action {
        self.close(match self.answer {
            Answer::Awaited => Open::Answered,
            Answer::Sized | Answer::Unsized => Open::Stopped,
        });
        let headers = reply.headers.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect();
        let body = (!reply.body.is_empty()).then_some(reply.body.as_slice());
        let sent = hostcalls::send_http_response(u32::from(reply.status), headers, body);
        if let Err(status) = sent {
            log::error!("{}: send reply {}: {status:?}", P::NAME, reply.status);
            return self.break_off();
        }
        Action::Pause
    }

    /// Breaks the transfer off, so that nobody takes what was sent for complete.
    fn break_off(&mut self) -> Action {
        self.close(Open::Stopped);
        if let Err(status) = hostcalls::reset_http_response() {
            log::error!("{}: break off: {status:?}", P::NAME);
        }
        Action::Pause
    }

    /// The host did not do what it must: nothing more goes on.
    fn fail(&mut self, what: std::fmt::Arguments<'_>) -> Action {
        log::error!("{}: {what}", P::NAME);
        self.break_off()
    }

    fn close(&mut self, open: Open) {
        self.open = open;
        self.forget();
    }

    /// Empties the host's buffer.
    fn swallow(&mut self, side: Side, size: usize) -> Action {
        if size != 0
            && let Err(status) = hostcalls::set_buffer(buffer(side), 0, size, b"")
        {
            log::error!("{}: empty {side:?} body: {status:?}", P::NAME);
            return Action::Pause;
        }
        // A head that is still held must not go because its body is gone, should the host not have ended the exchange.
        if *self.way(side) == Way::Sent { Action::Continue } else { Action::Pause }
    }
}

impl<P: Policy> Stream<P> {
    /// Takes the exchange off all lists.
    fn forget(&self) {
        if !self.listed {
            return;
        }
        self.plugin.waiting.forget(self.id);
        self.plugin.withheld.forget(self.id);
        self.plugin.heads.unsettle(self.id);
        for side in [Side::Request, Side::Response] {
            self.plugin.heads.forget(self.id, side);
        }
    }
}

impl<P: Policy> Drop for Stream<P> {
    fn drop(&mut self) {
        self.forget();
    }
}

fn buffer(side: Side) -> BufferType {
    match side {
        Side::Request => BufferType::HttpRequestBody,
        Side::Response => BufferType::HttpResponseBody,
    }
}

/// A head or trailers. The error says why there are none.
fn read(map: MapType, ends: bool, spare: Spare) -> Result<Head, String> {
    let pairs = header_map(map).map_err(|status| format!("{status:?}"))?;
    Head::from_pairs_in(pairs, ends, spare).ok_or_else(|| "not understood".to_owned())
}

/// Writes what differs.
fn write(map: MapType, head: &Head) -> Result<(), Refused> {
    head.edits().try_for_each(|edit| write_one(map, edit))
}

fn write_one(map: MapType, edit: Edit<'_>) -> Result<(), Refused> {
    match edit {
        Edit::Remove(name) => remove_header(map, name),
        Edit::Replace(name, value) => replace_header(map, name, value),
        Edit::Add(name, value) => add_header(map, name, value),
    }
}

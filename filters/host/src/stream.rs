//! One exchange: the host's callbacks as steps of the core.

use std::rc::Rc;

use lockgate::exchange::{Body, Chunk, Exchange, HeadState, Policy, Step};
use lockgate::head::Head;
use lockgate::reply::Reply;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType, Status};

use crate::calls::Calls;
use crate::root::{Plugin, Side};

/// An exchange in the host.
pub(crate) struct Stream<P: Policy> {
    id: u32,
    plugin: Rc<Plugin<P>>,
    exchange: P::Exchange,
    request: Way,
    response: Way,
    audit: String,
    out: Vec<u8>,
    open: Open,
    /// Whether the portal's answer has reached us.
    answer_begun: bool,
}

/// Whether the exchange goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// It does.
    Yes,
    /// The request was answered by us; that answer comes through our own response callbacks and passes.
    Answered,
    /// Nothing more of either message goes on.
    Stopped,
}

/// Where one message of the exchange is.
#[derive(Clone, Copy, Debug)]
struct Way {
    head: HeadState,
    /// Bytes in the host's buffer that the exchange has seen and that wait with the head.
    waiting_bytes: usize,
}

impl Way {
    const NEW: Self = Self { head: HeadState::Sent, waiting_bytes: 0 };
}

impl<P: Policy + 'static> Stream<P> {
    pub(crate) fn new(id: u32, plugin: Rc<Plugin<P>>) -> Self {
        let exchange = plugin.policy.open();
        Self {
            id,
            plugin,
            exchange,
            request: Way::NEW,
            response: Way::NEW,
            audit: String::new(),
            out: Vec::new(),
            open: Open::Yes,
            answer_begun: false,
        }
    }

    fn way(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    fn head(&mut self, side: Side, ends: bool) -> Action {
        let map = match side {
            Side::Request => MapType::HttpRequestHeaders,
            Side::Response => MapType::HttpResponseHeaders,
        };
        let mut head = match read(map) {
            Ok(fields) => Head::new(fields, ends),
            Err(status) => return self.fail(format_args!("read {side:?} head: {status:?}")),
        };
        let mut host = Calls { metrics: &self.plugin.metrics, audit: &mut self.audit };
        let step = match side {
            Side::Request => self.exchange.request_head(&mut head, &mut host),
            Side::Response => self.exchange.response_head(&mut head, &mut host),
        };
        if let Step::Reply(reply) = step {
            return self.reply(&reply);
        }
        if let Err(status) = write(map, &head) {
            return self.fail(format_args!("write {side:?} head: {status:?}"));
        }
        // A head without a body is never held: no body callback would come to release it.
        if step == Step::Hold && !ends && self.plugin.heads.wait(self.id, side) {
            self.way(side).head = HeadState::Held;
            return Action::Pause;
        }
        Action::Continue
    }

    fn body(&mut self, side: Side, size: usize, end: bool) -> Action {
        match (self.open, side) {
            (Open::Yes, _) => {}
            (Open::Answered, Side::Response) => return Action::Continue,
            (Open::Answered, Side::Request) | (Open::Stopped, _) => return self.swallow(side, size),
        }
        self.note_body(side);
        let Way { head, waiting_bytes } = *self.way(side);
        let fresh = size.saturating_sub(waiting_bytes);
        let bytes = match hostcalls::get_buffer(buffer(side), waiting_bytes, fresh) {
            _ if fresh == 0 => Vec::new(),
            Ok(Some(bytes)) if bytes.len() == fresh => bytes,
            other => return self.fail(format_args!("read {side:?} body: {:?}", other.map(|bytes| bytes.is_some()))),
        };
        self.out.clear();
        let chunk = Chunk { bytes: &bytes, end, head };
        let mut host = Calls { metrics: &self.plugin.metrics, audit: &mut self.audit };
        let body = match side {
            Side::Request => self.exchange.request_body(chunk, &mut self.out, &mut host),
            Side::Response => self.exchange.response_body(chunk, &mut self.out, &mut host),
        };
        self.pass_on(side, size, body)
    }

    fn trailers(&mut self, side: Side) -> Action {
        if self.open != Open::Yes {
            return Action::Continue;
        }
        self.note_body(side);
        let map = match side {
            Side::Request => MapType::HttpRequestTrailers,
            Side::Response => MapType::HttpResponseTrailers,
        };
        let mut trailers = match read(map) {
            Ok(fields) => Head::new(fields, true),
            Err(status) => return self.fail(format_args!("read {side:?} trailers: {status:?}")),
        };
        self.out.clear();
        let mut host = Calls { metrics: &self.plugin.metrics, audit: &mut self.audit };
        let body = match side {
            Side::Request => self.exchange.request_trailers(&mut trailers, &mut self.out, &mut host),
            Side::Response => self.exchange.response_trailers(&mut trailers, &mut self.out, &mut host),
        };
        if let Err(status) = write(map, &trailers) {
            return self.fail(format_args!("write {side:?} trailers: {status:?}"));
        }
        let size = self.way(side).waiting_bytes;
        self.pass_on(side, size, body)
    }

    /// Does with the bytes in the host's buffer, `size` of them, what the exchange says.
    fn pass_on(&mut self, side: Side, size: usize, body: Body) -> Action {
        let action = match body {
            Body::Unchanged => Action::Continue,
            Body::Replaced if size == 0 && self.out.is_empty() => Action::Continue,
            Body::Replaced => match hostcalls::set_buffer(buffer(side), 0, size, &self.out) {
                Ok(()) => Action::Continue,
                Err(status) => return self.fail(format_args!("write {side:?} body: {status:?}")),
            },
            Body::Hold => {
                self.way(side).waiting_bytes = size;
                return Action::Pause;
            }
            Body::Refuse(reply) => {
                let held = self.way(side).head == HeadState::Held;
                // Nothing of the body may follow, whatever becomes of the answer.
                let _ = self.swallow(side, size);
                return match side {
                    Side::Response if !held => self.break_off(),
                    Side::Request | Side::Response => self.reply(&reply),
                };
            }
        };
        *self.way(side) = Way::NEW;
        action
    }

    /// Notes for the waiting heads that a body or its end is here.
    fn note_body(&mut self, side: Side) {
        let (id, heads) = (self.id, &self.plugin.heads);
        let waits = heads.waits(id, side);
        let way = match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        };
        // Held, but on the list no more: released because it had waited long enough.
        if way.head == HeadState::Held && !waits && way.waiting_bytes == 0 {
            way.head = HeadState::Sent;
        }
        heads.body_came(id, side, way.head == HeadState::Held);
    }

    fn reply(&mut self, reply: &Reply) -> Action {
        self.close(if self.answer_begun { Open::Stopped } else { Open::Answered });
        let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
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
        for side in [Side::Request, Side::Response] {
            self.plugin.heads.forget(self.id, side);
        }
    }

    /// Empties the host's buffer.
    fn swallow(&mut self, side: Side, size: usize) -> Action {
        if size != 0
            && let Err(status) = hostcalls::set_buffer(buffer(side), 0, size, b"")
        {
            log::error!("{}: empty {side:?} body: {status:?}", P::NAME);
            return Action::Pause;
        }
        Action::Continue
    }
}

impl<P: Policy + 'static> Context for Stream<P> {}

impl<P: Policy + 'static> HttpContext for Stream<P> {
    fn on_http_request_headers(&mut self, _: usize, ends: bool) -> Action {
        self.head(Side::Request, ends)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        self.body(Side::Request, size, end)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.trailers(Side::Request)
    }

    fn on_http_response_headers(&mut self, _: usize, ends: bool) -> Action {
        match self.open {
            Open::Yes => {
                self.answer_begun = true;
                self.head(Side::Response, ends)
            }
            // Our own answer, or what an earlier filter makes of a broken exchange; no body of the portal follows.
            Open::Answered | Open::Stopped => Action::Continue,
        }
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        self.body(Side::Response, size, end)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.trailers(Side::Response)
    }

    fn on_log(&mut self) {
        let mut host = Calls { metrics: &self.plugin.metrics, audit: &mut self.audit };
        self.exchange.done(&mut host);
        self.plugin.metrics.report_memory();
    }
}

impl<P: Policy> Drop for Stream<P> {
    fn drop(&mut self) {
        for side in [Side::Request, Side::Response] {
            self.plugin.heads.forget(self.id, side);
        }
    }
}

fn buffer(side: Side) -> BufferType {
    match side {
        Side::Request => BufferType::HttpRequestBody,
        Side::Response => BufferType::HttpResponseBody,
    }
}

fn read(map: MapType) -> Result<Vec<(String, Vec<u8>)>, Status> {
    hostcalls::get_map_bytes(map)
}

/// Writes what differs.
fn write(map: MapType, head: &Head) -> Result<(), Status> {
    for change in head.changes() {
        match change.values.split_first() {
            None => hostcalls::remove_map_value(map, change.name)?,
            Some((first, more)) => {
                hostcalls::set_map_value_bytes(map, change.name, Some(first))?;
                for value in more {
                    hostcalls::add_map_value_bytes(map, change.name, value)?;
                }
            }
        }
    }
    Ok(())
}

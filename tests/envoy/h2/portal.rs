//! A portal that speaks HTTP/2 without TLS and does what a test says, frame by frame.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::fields;
use crate::Signal;
use crate::wire::HANGS_AFTER;

/// A server on a free port of 127.0.0.1 with a thread of its own. Dropping it ends the thread.
#[derive(Debug)]
pub struct Portal {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped with the portal, which ends the thread.
    _stop: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Answer>>,
    seen: Mutex<Seen>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    /// How much of bodies Envoy's windows have let out, by path.
    sent_bytes: BTreeMap<String, usize>,
    requests: Vec<Received>,
}

/// One request as the portal saw it.
#[derive(Clone, Debug)]
pub struct Received {
    /// `GET`, …
    pub method: String,
    /// Without its query.
    pub path: String,
    /// Without those that begin with a colon.
    pub headers: HeaderMap,
    /// As far as it came.
    pub body: Vec<u8>,
    /// After the body.
    pub trailers: HeaderMap,
    /// Why the request was given up, or `None` when it came to its end.
    pub reset: Option<String>,
}

/// What the portal does with a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether it begins before the request is whole.
    early: bool,
    /// Nothing of the request's body is read before.
    reads_after: Option<Signal>,
    status: u16,
    headers: HeaderMap,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Wait(Signal),
    Reset(Reason),
    /// Ends the connection: in order after the streams that have begun, or at once.
    GoAway(Option<Reason>),
}

impl Answer {
    /// Status and headers; without a step after it, the head ends the stream.
    pub fn head(status: u16, headers: &[(&str, &str)]) -> Self {
        Self { early: false, reads_after: None, status, headers: fields(headers), steps: Vec::new() }
    }

    /// A 200 `application/json`; the body's frame ends the stream.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::head(200, &[("content-type", "application/json")]).data(body)
    }

    /// A 200 `application/json`, a frame for every `size` bytes.
    pub fn frames(body: impl AsRef<[u8]>, size: usize) -> Self {
        let head = Self::head(200, &[("content-type", "application/json")]);
        body.as_ref().chunks(size).fold(head, |answer, piece| answer.data(piece.to_vec()))
    }

    /// A frame, or as many as it needs.
    #[must_use]
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Data(data.into()));
        self
    }

    /// The same bytes so often; kept once.
    #[must_use]
    pub fn repeat(mut self, data: impl Into<Bytes>, times: usize) -> Self {
        let data = data.into();
        self.steps.extend((0..times).map(|_| Step::Data(data.clone())));
        self
    }

    /// Trailers, which end the stream.
    #[must_use]
    pub fn trailers(mut self, trailers: &[(&str, &str)]) -> Self {
        self.steps.push(Step::Trailers(fields(trailers)));
        self
    }

    /// Goes on when the signal is given.
    #[must_use]
    pub fn wait(mut self, signal: &Signal) -> Self {
        self.steps.push(Step::Wait(signal.clone()));
        self
    }

    /// RST_STREAM.
    #[must_use]
    pub fn reset(mut self, reason: Reason) -> Self {
        self.steps.push(Step::Reset(reason));
        self
    }

    /// GOAWAY: with no reason, streams that have begun go on.
    #[must_use]
    pub fn go_away(mut self, reason: Option<Reason>) -> Self {
        self.steps.push(Step::GoAway(reason));
        self
    }

    /// Reads the body of the request when the signal is given, and answers after that.
    #[must_use]
    pub fn reads_after(mut self, signal: &Signal) -> Self {
        self.reads_after = Some(signal.clone());
        self
    }

    /// Begins before the request is whole.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }
}

impl Portal {
    /// Starts it with no answers: everything is 404.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let server = shared.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let accepting = async {
                    while let Ok((socket, _)) = listener.accept().await {
                        tokio::spawn(serve(socket, server.clone()));
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {} // the portal was dropped, and with the runtime go all connections
                }
            });
        });
        Self { address, shared, _stop: stop }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests for `path` so from now on.
    ///
    /// # Panics
    /// The portal did.
    pub fn on(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// How many connections Envoy has opened.
    ///
    /// # Panics
    /// The portal did.
    pub fn connections(&self) -> usize {
        self.shared.seen.lock().unwrap().connections
    }

    /// How many bytes of bodies of this path Envoy has let it send.
    ///
    /// # Panics
    /// The portal did.
    pub fn sent_bytes(&self, path: &str) -> usize {
        self.shared.seen.lock().unwrap().sent_bytes.get(path).copied().unwrap_or(0)
    }

    /// The last request for `path` that has ended, well or not; it must come or have come.
    ///
    /// # Panics
    /// It does not come.
    pub fn last(&self, path: &str) -> Received {
        let deadline = Instant::now() + HANGS_AFTER;
        let mut seen = self.shared.seen.lock().unwrap();
        loop {
            if let Some(found) = seen.requests.iter().rev().find(|request| request.path == path) {
                return found.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the portal saw no request for {path}: {seen:#?}");
            seen = self.shared.news.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// The requests for `path` that have ended so far.
    ///
    /// # Panics
    /// The portal did.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let seen = self.shared.seen.lock().unwrap();
        seen.requests.iter().filter(|request| request.path == path).cloned().collect()
    }
}

impl Received {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    shared.seen.lock().unwrap().connections += 1;
    socket.set_nodelay(true).unwrap();
    // A stream that nobody reads must not take the whole connection's window from the others.
    let settings = h2::server::Builder::new().initial_connection_window_size(CONNECTION_WINDOW_BYTES).clone();
    let Ok(mut connection) = settings.handshake(socket).await else { return };
    let (ends, mut end) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            stream = connection.accept() => match stream {
                Some(Ok((request, respond))) => {
                    tokio::spawn(exchange(request, respond, shared.clone(), ends.clone()));
                }
                Some(Err(_)) | None => return,
            },
            Some(reason) = end.recv() => match reason {
                Some(reason) => connection.abrupt_shutdown(reason),
                None => connection.graceful_shutdown(),
            },
        }
    }
}

type Ends = mpsc::UnboundedSender<Option<Reason>>;

async fn exchange(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
    ends: Ends,
) {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let answer = shared.answers.lock().unwrap().get(&path).cloned().unwrap_or_else(|| Answer::head(404, &[]));
    let received = Received {
        method: head.method.to_string(),
        path,
        headers: head.headers,
        body: Vec::new(),
        trailers: HeaderMap::new(),
        reset: None,
    };
    let path = received.path.clone();
    let play = Play { path: &path, shared: &shared, ends: &ends };
    if let Some(signal) = &answer.reads_after {
        signal.given().await;
    }
    if answer.early {
        tokio::join!(received.read(body, &shared), play.answer(answer, &mut respond));
    } else {
        received.read(body, &shared).await;
        play.answer(answer, &mut respond).await;
    }
}

/// An answer on its way.
struct Play<'a> {
    path: &'a str,
    shared: &'a Shared,
    ends: &'a Ends,
}

impl Received {
    /// Reads the request to its end and keeps it.
    async fn read(mut self, mut stream: RecvStream, shared: &Shared) {
        while let Some(data) = stream.data().await {
            match data {
                Ok(data) => {
                    drop(stream.flow_control().release_capacity(data.len()));
                    self.body.extend_from_slice(&data);
                }
                Err(error) => {
                    self.reset = Some(error.to_string());
                    break;
                }
            }
        }
        if self.reset.is_none() {
            match stream.trailers().await {
                Ok(trailers) => self.trailers = trailers.unwrap_or_default(),
                Err(error) => self.reset = Some(error.to_string()),
            }
        }
        shared.seen.lock().unwrap().requests.push(self);
        shared.news.notify_all();
    }
}

impl Play<'_> {
    async fn answer(&self, answer: Answer, respond: &mut SendResponse<Bytes>) {
        let mut head = Response::builder().status(answer.status).body(()).unwrap();
        *head.headers_mut() = answer.headers;
        let ends_with_head = answer.steps.is_empty();
        let Ok(mut stream) = respond.send_response(head, ends_with_head) else { return };
        if ends_with_head {
            return;
        }
        let mut left = answer.steps.len();
        for step in answer.steps {
            left -= 1;
            match step {
                Step::Data(data) => {
                    if !self.data(&mut stream, data, left == 0).await {
                        return;
                    }
                }
                Step::Trailers(trailers) => return drop(stream.send_trailers(trailers)),
                Step::Wait(signal) => signal.given().await,
                Step::Reset(reason) => return stream.send_reset(reason),
                Step::GoAway(reason) => drop(self.ends.send(reason)),
            }
        }
        drop(stream.send_data(Bytes::new(), true)); // fails when a step has ended the stream, which is fine
    }

    /// Sends a part of a body in pieces, so that what has gone out can be counted.
    async fn data(&self, stream: &mut SendStream<Bytes>, mut data: Bytes, end: bool) -> bool {
        if data.is_empty() {
            return super::send(stream, data, end).await;
        }
        while !data.is_empty() {
            let piece = data.split_to(data.len().min(FRAME_BYTES));
            let length = piece.len();
            if !super::send(stream, piece, end && data.is_empty()).await {
                return false;
            }
            *self.shared.seen.lock().unwrap().sent_bytes.entry(self.path.to_owned()).or_default() += length;
        }
        true
    }
}

const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// HTTP/2's largest frame unless the peer says otherwise (RFC 9113, section 4.2).
const FRAME_BYTES: usize = 16_384;

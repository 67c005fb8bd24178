//! A portal that does exactly what a test says, byte by byte.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::wire::{self, Field, Gone, HANGS_AFTER, Incoming};

/// A server on a free port of 127.0.0.1, one thread a connection. Dropping it ends the listener.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Answer>>,
    received: Mutex<Vec<Received>>,
    news: Condvar,
    stopped: AtomicBool,
}

/// One request as the portal saw it.
#[derive(Clone, Debug)]
pub struct Received {
    /// `GET`, …
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<Field>,
    /// Without its framing.
    pub body: Vec<u8>,
    /// Of a chunked body.
    pub trailers: Vec<Field>,
    /// Whether the body came to its end.
    pub complete: bool,
}

/// What the portal does with a request once it has read it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Send(Vec<u8>),
    /// The same bytes so often, kept once.
    Repeat(Arc<[u8]>, usize),
    /// As `Send`, then waits until the other side has read it.
    Piece(Vec<u8>),
    Wait(Signal),
    Close,
    Reset,
}

/// Something that a portal waits for in the middle of an answer.
#[derive(Clone, Debug, Default)]
pub struct Signal(Arc<(Mutex<bool>, Condvar)>);

impl Upstream {
    /// Starts it with no answers: everything is 404.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let server = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if server.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let server = server.clone();
                thread::spawn(move || server.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests for `path` (the target without its query) so from now on.
    ///
    /// # Panics
    /// Another thread of the upstream did.
    pub fn on(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Forgets the requests so far.
    ///
    /// # Panics
    /// Another thread of the upstream did.
    pub fn forget(&self) {
        self.shared.received.lock().unwrap().clear();
    }

    /// All requests so far.
    ///
    /// # Panics
    /// Another thread of the upstream did.
    pub fn all(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The requests for `path` so far.
    ///
    /// # Panics
    /// Another thread of the upstream did.
    pub fn received(&self, path: &str) -> Vec<Received> {
        let received = self.shared.received.lock().unwrap();
        received.iter().filter(|request| request.path() == path).cloned().collect()
    }

    /// The last request for `path`, which must come or have come.
    ///
    /// # Panics
    /// It does not come.
    pub fn last(&self, path: &str) -> Received {
        let deadline = Instant::now() + HANGS_AFTER;
        let mut received = self.shared.received.lock().unwrap();
        loop {
            if let Some(found) = received.iter().rev().find(|request| request.path() == path) {
                return found.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the portal saw no request for {path}: {received:#?}");
            received = self.shared.news.wait_timeout(received, left).unwrap().0;
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address)); // wakes the listener
    }
}

impl Received {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// All values of a header as one list, or `None` when it was not sent.
    pub fn header(&self, name: &str) -> Option<String> {
        wire::joined(&self.headers, name)
    }
}

impl Answer {
    /// A 200 with this type and body, `content-length` set.
    pub fn ok(content_type: &str, body: impl AsRef<[u8]>) -> Self {
        Self::with("200 OK", &[("content-type", content_type)], body)
    }

    /// A 200 `application/json`.
    pub fn json(body: impl AsRef<[u8]>) -> Self {
        Self::ok("application/json", body)
    }

    /// Status line, headers, and a body with `content-length`.
    pub fn with(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len().to_string();
        let headers = [headers, &[("content-length", length.as_str())]].concat();
        Self::head(status, &headers).send(body)
    }

    /// Only status line and headers, exactly these.
    pub fn head(status: &str, headers: &[(&str, &str)]) -> Self {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        Self::head_bytes(status, &headers)
    }

    /// As [`Answer::head`], with values that need not be text.
    pub fn head_bytes(status: &str, headers: &[(&str, &[u8])]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\n").into_bytes();
        for (name, value) in headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        Self::default().send(head)
    }

    /// A 200 with a chunked body, a chunk for every piece, every one of them read by Envoy for itself.
    pub fn chunked<'a>(content_type: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let headers = [("content-type", content_type), ("transfer-encoding", "chunked")];
        Self::head("200 OK", &headers).chunks(pieces).send("0\r\n\r\n")
    }

    /// Chunks without the last, empty one.
    #[must_use]
    pub fn chunks<'a>(mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        for piece in pieces {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(piece);
            chunk.extend_from_slice(b"\r\n");
            self.steps.push(Step::Piece(chunk));
        }
        self
    }

    /// The last chunk and trailers.
    #[must_use]
    pub fn trailers(self, trailers: &[(&str, &str)]) -> Self {
        let mut last = "0\r\n".to_owned();
        for (name, value) in trailers {
            last.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(format!("{last}\r\n"))
    }

    /// Bytes as they are.
    #[must_use]
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    /// The same bytes so often; kept once.
    #[must_use]
    pub fn repeat(mut self, bytes: &[u8], times: usize) -> Self {
        self.steps.push(Step::Repeat(bytes.into(), times));
        self
    }

    /// Bytes as they are, cut into pieces of `size`, every one of them read by Envoy for itself.
    #[must_use]
    pub fn pieces(mut self, bytes: impl AsRef<[u8]>, size: usize) -> Self {
        self.steps.extend(bytes.as_ref().chunks(size).map(|piece| Step::Piece(piece.to_vec())));
        self
    }

    /// Goes on when the signal is given.
    #[must_use]
    pub fn wait(mut self, signal: &Signal) -> Self {
        self.steps.push(Step::Wait(signal.clone()));
        self
    }

    /// Closes the connection, whatever was promised.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.steps.push(Step::Close);
        self
    }

    /// Resets the connection (RST).
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.steps.push(Step::Reset);
        self
    }
}

impl Signal {
    /// Not yet given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody go on who waits for it, now and later.
    ///
    /// # Panics
    /// A waiting thread did.
    pub fn give(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits without blocking the thread, for portals with many streams on one.
    pub(crate) async fn given(&self) {
        let deadline = Instant::now() + MAX_WAIT;
        while !*self.0.0.lock().unwrap() && Instant::now() < deadline {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    fn wait(&self) {
        let given = self.0.0.lock().unwrap();
        drop(self.0.1.wait_timeout_while(given, MAX_WAIT, |given| !*given).unwrap());
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut incoming = Incoming::new(stream.try_clone().unwrap());
        while let Some(request) = read(&mut incoming) {
            let complete = request.complete;
            let answer = self.answers.lock().unwrap().get(request.path()).cloned();
            self.received.lock().unwrap().push(request);
            self.news.notify_all();
            let answer =
                answer.unwrap_or_else(|| Answer::with("404 Not Found", &[("x-upstream", "no answer set")], ""));
            if !complete || !answer.play(&mut stream) {
                return;
            }
        }
    }
}

impl Answer {
    /// Whether the connection lives on.
    fn play(self, stream: &mut TcpStream) -> bool {
        self.steps.into_iter().all(|step| match step {
            Step::Send(bytes) => stream.write_all(&bytes).is_ok(),
            Step::Repeat(bytes, times) => (0..times).all(|_| stream.write_all(&bytes).is_ok()),
            Step::Piece(bytes) => wire::send_piece(stream, &bytes),
            Step::Wait(signal) => {
                signal.wait();
                true
            }
            Step::Close => false,
            Step::Reset => {
                socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
                false
            }
        })
    }
}

/// `None` when the connection ends before a whole head.
fn read(incoming: &mut Incoming) -> Option<Received> {
    let line = String::from_utf8_lossy(&incoming.line().ok()?).into_owned();
    let mut words = line.split(' ');
    let mut request = Received {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        headers: incoming.fields().ok()?,
        body: Vec::new(),
        trailers: Vec::new(),
        complete: false,
    };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    let end = if request.header("transfer-encoding").is_some() {
        incoming.chunked(&mut request.body)
    } else {
        incoming.exactly(length.unwrap_or(0), &mut request.body).map(|()| Vec::new())
    };
    match end {
        Ok(trailers) => {
            request.trailers = trailers;
            request.complete = true;
        }
        Err(Gone::Closed | Gone::Hung) => {}
    }
    Some(request)
}

/// A test that forgets to give a signal fails; it does not hang for ever.
const MAX_WAIT: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

//! A raw HTTP/1.1 client that sees how an answer ended.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::wire::{self, Field, Gone, Incoming};

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    incoming: Incoming,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    headers: Vec<Field>,
    /// As they go over the wire.
    body: Vec<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// 0 when not even a status line came.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<Field>,
    /// As far as it came, without its framing.
    pub body: Vec<u8>,
    /// Of a chunked body.
    pub trailers: Vec<Field>,
    /// How it ended.
    pub end: End,
    /// Every byte that this connection received so far.
    pub raw: Vec<u8>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of `content-length`, or the last chunk, or an answer that has no body.
    Complete,
    /// The connection closed before that: a client knows that it does not have the whole.
    Broken,
    /// Neither a length nor chunks: the connection closed, and nobody can tell.
    Closed,
    /// Nothing came any more.
    Hung,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// Nobody listens.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let incoming = Incoming::new(stream.try_clone().unwrap());
        Self { stream, incoming }
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &Request) -> Response {
        self.send(request);
        self.response(&request.method)
    }

    /// Sends a request; a peer that answers early and closes is no fault here.
    pub fn send(&mut self, request: &Request) {
        if self.stream.write_all(&request.head()).is_ok() {
            for piece in &request.body {
                if !wire::send_piece(&mut self.stream, piece) {
                    return;
                }
            }
        }
    }

    /// Bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// Reads status line and headers of an answer, interim ones (1xx but 101) skipped.
    ///
    /// # Errors
    /// The connection ended or hangs before that.
    pub fn head(&mut self) -> Result<(u16, Vec<Field>), Gone> {
        loop {
            let line = String::from_utf8_lossy(&self.incoming.line()?).into_owned();
            let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            let headers = self.incoming.fields()?;
            if status == 101 || !(100..200).contains(&status) {
                return Ok((status, headers));
            }
        }
    }

    /// Reads a chunked body after its head, handing it over as it comes; nothing of it is kept.
    ///
    /// # Errors
    /// The connection ended or hangs before the last chunk.
    pub fn drain(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Gone> {
        self.incoming.keep_nothing();
        self.incoming.chunked_to(take).map(drop)
    }

    /// The next `count` bytes as they come over the wire, or fewer when the connection ends.
    pub fn raw_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.incoming.exactly(count, &mut bytes);
        bytes
    }

    /// Reads the answer to a request of `method`.
    pub fn response(&mut self, method: &str) -> Response {
        let mut response = Response {
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            end: End::Broken,
            raw: Vec::new(),
        };
        response.end = match self.read(method, &mut response) {
            Ok(end) => end,
            Err(Gone::Closed) => End::Broken,
            Err(Gone::Hung) => End::Hung,
        };
        response.raw = self.incoming.all.clone();
        response
    }

    fn read(&mut self, method: &str, response: &mut Response) -> Result<End, Gone> {
        (response.status, response.headers) = self.head()?;
        let bodiless = method == "HEAD" || matches!(response.status, 101 | 204 | 304);
        let chunked = response.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked"));
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        if bodiless {
            return Ok(End::Complete);
        }
        match (chunked, length) {
            (true, _) => response.trailers = self.incoming.chunked(&mut response.body)?,
            (false, Some(length)) => self.incoming.exactly(length, &mut response.body)?,
            (false, None) => {
                return Ok(match self.incoming.rest(&mut response.body) {
                    Gone::Closed => End::Closed,
                    Gone::Hung => End::Hung,
                });
            }
        }
        Ok(End::Complete)
    }
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self { method: method.to_owned(), target: target.as_ref().to_vec(), headers: Vec::new(), body: Vec::new() }
    }

    /// GET.
    pub fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    /// POST of JSON with `content-length`.
    pub fn post_json(target: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Self {
        Self::new("POST", target).header("content-type", "application/json").body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Says in the trusted header of the tests which roles the caller has.
    #[must_use]
    pub fn roles(self, roles: &str) -> Self {
        self.header("x-test-roles", roles)
    }

    /// Called by somebody who may see revenue.
    #[must_use]
    pub fn admin(self) -> Self {
        self.roles("SMS_ADMIN")
    }

    /// A body with `content-length`.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        let mut this = self.header("content-length", body.as_ref().len().to_string());
        this.body.push(body.as_ref().to_vec());
        this
    }

    /// A chunked body, a chunk for every `size` bytes, every one of them read by Envoy for itself.
    #[must_use]
    pub fn chunked(self, body: impl AsRef<[u8]>, size: usize) -> Self {
        let mut this = self.header("transfer-encoding", "chunked");
        for piece in body.as_ref().chunks(size) {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(piece);
            chunk.extend_from_slice(b"\r\n");
            this.body.push(chunk);
        }
        this.body.push(b"0\r\n\r\n".to_vec());
        this
    }

    /// Bytes after the head as they are; headers are the caller's matter.
    #[must_use]
    pub fn raw_body(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.body.push(bytes.as_ref().to_vec());
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    fn head(&self) -> Vec<u8> {
        let mut head = self.method.clone().into_bytes();
        head.push(b' ');
        head.extend_from_slice(&self.target);
        head.extend_from_slice(b" HTTP/1.1\r\n");
        if wire::values(&self.headers, "host").is_empty() {
            head.extend_from_slice(b"host: gate\r\n");
        }
        for (name, value) in &self.headers {
            head.extend_from_slice(name);
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

impl Response {
    /// All values of a header as one list, or `None` when it is not there.
    pub fn header(&self, name: &str) -> Option<String> {
        wire::joined(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the bytes occur anywhere in what the connection received: head, framing, body, trailers.
    pub fn shows(&self, secret: impl AsRef<[u8]>) -> bool {
        wire::contains(&self.raw, secret.as_ref()) || wire::contains(&self.body, secret.as_ref())
    }

    /// The body as JSON, `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Asserts an RFC 9457 problem of this status, complete and marked as such, and returns it.
    ///
    /// # Panics
    /// It is something else.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.end, End::Complete, "{self}");
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"), "{self}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self}");
        assert!(problem["title"].is_string() && problem["type"].is_string(), "{self}");
        problem
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        writeln!(f, "status {}, {:?}", self.status, self.end)?;
        for (name, value) in self.headers.iter().chain(&self.trailers) {
            writeln!(f, "  {}: {}", text(name), text(value))?;
        }
        write!(f, "  body ({} bytes): {:.600}", self.body.len(), text(&self.body))
    }
}

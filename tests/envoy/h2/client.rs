//! A client that shows how a stream ended.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, StatusCode};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A connection for any number of streams at a time.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    client: SendRequest<Bytes>,
    task: JoinHandle<Result<(), h2::Error>>,
}

/// A stream whose request has begun.
#[derive(Debug)]
pub struct Exchange {
    answer: ResponseFuture,
    /// The rest of the request.
    pub request: SendStream<Bytes>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// `None` when the stream was reset before the head.
    pub status: Option<StatusCode>,
    /// Of the head.
    pub headers: HeaderMap,
    /// As far as it came.
    pub body: Vec<u8>,
    /// After the body.
    pub trailers: HeaderMap,
    /// Why the stream was reset, or `None` when it ended well.
    pub reset: Option<String>,
}

/// Sends one request on a connection of its own and reads its answer. A request without `body` ends with its head.
///
/// # Panics
/// There is no connection, or the answer hangs.
pub fn ask(address: SocketAddr, request: Request<()>, body: Option<Bytes>) -> Response {
    super::run(async {
        let mut connection = Connection::open(address).await;
        let mut exchange = connection.send(request, body.is_none()).await.expect("Envoy takes the stream");
        if let Some(body) = body {
            // An early answer may have closed our half.
            super::send(&mut exchange.request, body, true).await;
        }
        exchange.response().await
    })
}

impl Connection {
    /// With the windows of the RFC: 65,535 bytes for each stream and for all together.
    ///
    /// # Panics
    /// Nobody listens.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &mut Builder::new()).await
    }

    /// With other settings.
    ///
    /// # Panics
    /// Nobody listens.
    pub async fn open_with(address: SocketAddr, settings: &mut Builder) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap(); // window updates are small, and a body waits for them
        let (client, connection) = settings.handshake(socket).await.unwrap();
        Self { address, client, task: tokio::spawn(connection) }
    }

    /// A request to this path, as [`http::Request`] wants it.
    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    /// Begins a request; `end` when it has no body.
    ///
    /// # Errors
    /// The connection takes no more.
    ///
    /// # Panics
    /// The request is wrong in itself.
    pub async fn send(&mut self, request: Request<()>, end: bool) -> Result<Exchange, h2::Error> {
        let mut client = self.client.clone().ready().await?;
        let (answer, request) = client.send_request(request, end)?;
        Ok(Exchange { answer, request })
    }

    /// One whole exchange without a request body.
    ///
    /// # Panics
    /// The connection takes no more streams.
    pub async fn ask(&mut self, request: http::request::Builder) -> Response {
        self.send(request.body(()).unwrap(), true).await.expect("Envoy takes the stream").response().await
    }

    /// How the connection ended: waits for it.
    ///
    /// # Errors
    /// Not in order.
    ///
    /// # Panics
    /// Its task did.
    pub async fn ended(self) -> Result<(), h2::Error> {
        drop(self.client);
        self.task.await.unwrap()
    }
}

impl Exchange {
    /// Sends a part of the request's body. `false` when Envoy wants no more.
    pub async fn send(&mut self, data: impl Into<Bytes>, end: bool) -> bool {
        super::send(&mut self.request, data.into(), end).await
    }

    /// Gives it up.
    pub fn reset(mut self, reason: Reason) {
        self.request.send_reset(reason);
    }

    /// Waits for the head of the answer; its body is not asked for.
    ///
    /// # Errors
    /// The stream was reset before.
    pub async fn head(self) -> Result<(http::response::Parts, RecvStream, SendStream<Bytes>), h2::Error> {
        let (head, body) = self.answer.await?.into_parts();
        Ok((head, body, self.request))
    }

    /// Reads the whole answer.
    pub async fn response(self) -> Response {
        let mut response = Response::default();
        match self.answer.await {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                response.status = Some(head.status);
                response.headers = head.headers;
                response.read(body).await;
            }
            Err(error) => response.reset = Some(error.to_string()),
        }
        response
    }
}

impl Response {
    /// Reads the body and what follows.
    pub async fn read(&mut self, mut stream: RecvStream) {
        while let Some(data) = stream.data().await {
            match data {
                Ok(data) => {
                    drop(stream.flow_control().release_capacity(data.len()));
                    self.body.extend_from_slice(&data);
                }
                Err(error) => {
                    self.reset = Some(error.to_string());
                    return;
                }
            }
        }
        match stream.trailers().await {
            Ok(trailers) => self.trailers = trailers.unwrap_or_default(),
            Err(error) => self.reset = Some(error.to_string()),
        }
    }

    /// The status as a number, 0 when there was none.
    pub fn code(&self) -> u16 {
        self.status.map_or(0, |status| status.as_u16())
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the bytes occur in any value or in the body.
    pub fn shows(&self, secret: &str) -> bool {
        let in_map = |map: &HeaderMap| {
            map.iter().any(|(name, value)| {
                name.as_str().contains(secret) || crate::wire::contains(value.as_bytes(), secret.as_bytes())
            })
        };
        in_map(&self.headers) || in_map(&self.trailers) || crate::wire::contains(&self.body, secret.as_bytes())
    }
}

//! An HTTP/2 client with prior knowledge.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};

use crate::wire::HANGS_AFTER;

/// What came back.
#[derive(Clone, Debug)]
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

impl Response {
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

/// Sends one request on a connection of its own and reads its answer. A request without `body` ends with its head.
///
/// # Panics
/// There is no connection, or the answer hangs.
pub fn ask(address: SocketAddr, request: Request<()>, body: Option<Bytes>) -> Response {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(HANGS_AFTER, exchange(address, request, body)).await })
        .expect("the HTTP/2 answer hangs")
}

async fn exchange(address: SocketAddr, request: Request<()>, body: Option<Bytes>) -> Response {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let (answer, mut sending) = client.send_request(request, body.is_none()).unwrap();
    if let Some(body) = body {
        // An early answer may have closed our half.
        drop(sending.send_data(body, true));
    }
    let mut response =
        Response { status: None, headers: HeaderMap::new(), body: Vec::new(), trailers: HeaderMap::new(), reset: None };
    match answer.await {
        Ok(answer) => {
            let (head, mut stream) = answer.into_parts();
            response.status = Some(head.status);
            response.headers = head.headers;
            while let Some(data) = stream.data().await {
                match data {
                    Ok(data) => {
                        drop(stream.flow_control().release_capacity(data.len()));
                        response.body.extend_from_slice(&data);
                    }
                    Err(error) => {
                        response.reset = Some(error.to_string());
                        break;
                    }
                }
            }
            if response.reset.is_none() {
                match stream.trailers().await {
                    Ok(trailers) => response.trailers = trailers.unwrap_or_default(),
                    Err(error) => response.reset = Some(error.to_string()),
                }
            }
        }
        Err(error) => response.reset = Some(error.to_string()),
    }
    connection.abort();
    response
}

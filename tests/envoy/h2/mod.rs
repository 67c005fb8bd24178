//! HTTP/2 with prior knowledge: a client, and a portal that speaks it.

mod client;
mod portal;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use http::{HeaderMap, HeaderName, HeaderValue};

pub use client::{Connection, Exchange, Response, ask};
pub use portal::{Answer, Portal, Received};

/// Runs what a test does to its end.
///
/// # Panics
/// It hangs.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(TEST_WITHIN, test).await }).expect("the HTTP/2 exchange hangs")
}

/// Headers by name and value.
///
/// # Panics
/// HTTP allows no such header.
pub fn fields(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(field).collect()
}

/// Sends bytes as the peer's windows allow. `false` when it wants no more.
pub async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes, end: bool) -> bool {
    if data.is_empty() {
        return stream.send_data(data, end).is_ok();
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
            Some(Ok(0)) => {}
            Some(Ok(room)) => {
                let piece = data.split_to(room.min(data.len()));
                if stream.send_data(piece, end && data.is_empty()).is_err() {
                    return false;
                }
            }
            Some(Err(_)) | None => return false,
        }
    }
    true
}

/// More than any test of this kind takes on a busy machine.
const TEST_WITHIN: Duration = Duration::from_secs(60);

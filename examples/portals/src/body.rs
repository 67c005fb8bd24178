//! JSON bodies as text: what came in is checked and kept byte for byte, what goes out is written by the database.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;

use crate::problem::Problem;

/// A request body that is one JSON value, as it came.
pub(crate) struct JsonText(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
            _ => Problem::NotJson,
        })?;
        let text = String::from_utf8(bytes.into()).map_err(|_| Problem::NotJson)?;
        serde_json::from_str::<IgnoredAny>(&text).map_err(|_| Problem::NotJson)?;
        Ok(Self(text))
    }
}

/// An answer of JSON text.
pub(crate) fn json(status: StatusCode, text: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, text).into_response()
}

/// Sends back what came in, byte for byte, so that one sees what a gateway took out of a request. `x-received-bytes` tells
/// how long it was when it came, also to a caller whose answer is stripped again on its way back.
pub(crate) async fn echo(JsonText(text): JsonText) -> Response {
    let received_bytes = HeaderValue::from(text.len());
    let mut response = json(StatusCode::OK, text);
    response.headers_mut().insert("x-received-bytes", received_bytes);
    response
}

/// Largest body that [`echo`] takes, in bytes.
pub(crate) const ECHO_MAX_BYTES: usize = 16 * 1024 * 1024;

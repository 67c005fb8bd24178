//! What a portal is told about who is calling.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::body;

/// The identity headers as they came, so that one sees the hand-over. `x-service-token` is shown as its claims: whoever has
/// the token itself could use it. `authorization` is only said to be there.
pub(crate) async fn whoami(headers: HeaderMap) -> Response {
    let told = |name: &str| -> Value {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        match values.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            many => json!(many),
        }
    };
    let mut answer: Map<String, Value> = TOLD.iter().map(|&name| (name.to_owned(), told(name))).collect();
    let service = headers.get("x-service-token").and_then(|token| claims(token.to_str().ok()?));
    answer.insert("x-service-token".to_owned(), service.unwrap_or_default());
    answer.insert("authorization".to_owned(), json!(headers.contains_key("authorization")));
    body::json(StatusCode::OK, Value::Object(answer).to_string())
}

/// Nothing is verified: that the example portals trust the gateway is the point of having one.
fn claims(token: &str) -> Option<Value> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// What a gateway tells.
const TOLD: [&str; 6] = ["x-user-id", "x-tenant-id", "x-company-id", "x-role", "x-permissions", "x-request-id"];

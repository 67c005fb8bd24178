//! Lockgate's strip by the steps that the Wasm filter takes, with a host of plain data.

use lockgate::config::ConfigError;
use lockgate::exchange::{Body, Chunk, Exchange, HeadState, Policy as _, Step};
use lockgate::head::Head;
use lockgate::replay::MemoryHost;
use lockgate::revenue_strip::Policy;

/// One rule with the default lists on `/api`, for everybody but `SMS_ADMIN`; the roles come in a header.
pub const CONFIGURATION: &str = r#"{"identity":{"trusted_header":{"roles":"x-bench-roles"}},"rules":[{"name":"revenue","match":{"paths":["/api/**"]},"action":"remove","unless":{"roles":["SMS_ADMIN"]}}]}"#;

/// The policy of [`CONFIGURATION`].
///
/// # Errors
/// Lockgate refuses it.
pub fn policy() -> Result<Policy, ConfigError> {
    Policy::from_json(CONFIGURATION.as_bytes())
}

/// The policy of [`CONFIGURATION`] with the second guard.
///
/// # Errors
/// Lockgate refuses it.
pub fn guarded_policy() -> Result<Policy, ConfigError> {
    Policy::from_json(CONFIGURATION.replacen('{', r#"{"guard":true,"#, 1).as_bytes())
}

/// Strips a JSON body: see [`strip_as`].
pub fn strip(policy: &Policy, body: &[u8], width: usize, out: &mut Vec<u8>, sink: impl FnMut(&[u8])) -> bool {
    strip_as(policy, "application/json", body, width, out, sink)
}

/// Strips a body of this media type that comes in chunks of `width` bytes; `sink` gets what goes on, chunk by chunk. Whether all of it did.
pub fn strip_as(
    policy: &Policy,
    media: &str,
    body: &[u8],
    width: usize,
    out: &mut Vec<u8>,
    mut sink: impl FnMut(&[u8]),
) -> bool {
    let mut host = MemoryHost::default();
    host.set_attribute(&["response", "code_details"], b"via_upstream");
    let mut exchange = policy.open();
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let request =
        [(":method", "GET"), (":scheme", "http"), (":path", "/api/purchase-orders"), ("x-bench-roles", "MANAGER")];
    let mut request = Head::new(request.map(|(name, value)| field(name, value)).to_vec(), true);
    if exchange.request_head(&mut request, &mut host) != Step::Continue {
        return false;
    }
    let response = [(":status", "200"), ("content-type", media)];
    let mut response = Head::new(response.map(|(name, value)| field(name, value)).to_vec(), false);
    let mut head = match exchange.response_head(&mut response, &mut host) {
        Step::Hold => HeadState::Held,
        Step::Continue => HeadState::Sent,
        Step::Reply(_) | Step::Wait => return false,
    };
    let mut waiting: Vec<u8> = Vec::new();
    let last: &[u8] = b"";
    for (bytes, end) in body.chunks(width.max(1)).map(|bytes| (bytes, false)).chain([(last, true)]) {
        out.clear();
        match exchange.response_body(Chunk { bytes, end, head }, out, &mut host) {
            Body::Hold => {
                waiting.extend_from_slice(bytes);
                continue;
            }
            Body::Unchanged => {
                sink(&waiting);
                sink(bytes);
            }
            Body::Replaced => sink(out),
            Body::Refuse(_) => return false,
        }
        waiting.clear();
        head = HeadState::Sent;
    }
    exchange.done(&mut host);
    true
}

//! Whether a portal can have got a delivery that the proxy answered in its place.

use crate::host::Host;

/// How Envoy's response code details begin where an attempt found no host, or no connection to be sent on. (Envoy 1.36 to 1.40:
/// `no_healthy_upstream`, and the reset reasons that a connection pool gives before there is a stream.)
const UNSENT: [&[u8]; 5] = [
    b"no_healthy_upstream",
    b"upstream_reset_before_response_started{remote_connection_failure",
    b"upstream_reset_before_response_started{local_connection_failure",
    b"upstream_reset_before_response_started{connection_timeout",
    b"upstream_reset_before_response_started{overflow",
];

/// Whether nothing of the request has left: nothing was attempted, or once, and in vain. Of several attempts the details say only
/// how the last one ended.
pub(super) fn is_unsent(details: &[u8], host: &mut dyn Host) -> bool {
    let attempts = host.attribute(&["upstream", "request_attempt_count"]);
    match attempts.and_then(|attempts| attempts.try_into().ok()).map(u64::from_le_bytes) {
        Some(0) => true,
        Some(1) => UNSENT.iter().any(|unsent| details.starts_with(unsent)),
        Some(_) | None => false,
    }
}

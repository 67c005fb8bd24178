//! What a head says of the message as a whole.

use crate::head::{Head, Single};
use crate::host::{Host, integer};
use crate::revenue_strip::error::Reason;

/// Protocols whose content nobody can inspect.
pub(super) fn uninspectable_protocol(method: &[u8], head: &Head) -> Option<Reason> {
    if method == b"CONNECT" {
        return Some(if head.has(":protocol") { Reason::Upgrade } else { Reason::Connect });
    }
    if head.has("upgrade") {
        return Some(Reason::Upgrade);
    }
    let grpc = |value: &[u8]| value.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"));
    head.values("content-type").any(|value| grpc(value.trim_ascii_start())).then_some(Reason::Grpc)
}

/// Asks the portal for a whole, unencoded answer. `reads`: the method is GET or HEAD.
pub(super) fn ask_for_inspectable(reads: bool, head: &mut Head) {
    if head.has("accept-encoding") {
        head.set("accept-encoding", b"identity");
    }
    head.remove("range");
    head.remove("if-range");
    if reads {
        // Validators of the portal's bytes are none of the stripped ones'.
        head.remove("if-none-match");
        head.remove("if-modified-since");
    }
}

pub(super) fn no_ranges(head: &mut Head) {
    if head.has("accept-ranges") {
        head.set("accept-ranges", b"none");
    }
}

/// The status, 0 when unreadable.
pub(super) fn status(head: &Head) -> u16 {
    match head.single(":status") {
        Single::One(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0),
        Single::Absent | Single::Many => 0,
    }
}

/// Whether the portal made this answer. What Envoy or another filter made keeps its status and text; when the
/// host does not say, the answer is taken for the portal's.
pub(super) fn is_from_portal(host: &mut dyn Host) -> bool {
    match host.attribute(&["response", "code_details"]) {
        // A cache between this filter and the router says what the portal said, to anybody.
        Some(details) => details == b"via_upstream" || details.starts_with(b"cache"),
        // Filters made with the SDK give no details; then no portal has been asked.
        None => host.attribute(&["upstream", "request_attempt_count"]).and_then(|count| integer(&count)) != Some(0),
    }
}

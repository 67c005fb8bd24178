//! What the rules need of the proxy around them: little, and nothing that can fail loudly.

use crate::audit::Audit;

/// The proxy, as the rules see it. Implemented by `filters/host` with host calls and by
/// [`MemoryHost`](crate::replay::MemoryHost) with plain data.
pub trait Host {
    /// Wall-clock time in Unix milliseconds; `None` when the host has no clock. May go back.
    fn now_ms(&mut self) -> Option<u64>;

    /// An attribute of the current exchange by Envoy's attribute path, in Envoy's encoding: text as it is, integers
    /// as eight little-endian bytes, lists as a pairs map. `None` when absent or unreadable.
    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>>;

    /// Adds to the counter with this place in [`Policy::counters`](crate::exchange::Policy::counters).
    fn count(&mut self, counter: usize, by: u64);

    /// Records one decision.
    fn audit(&mut self, audit: &Audit);
}

/// Reads an integer attribute: eight little-endian bytes (Envoy) or decimal text (other hosts).
#[must_use]
pub fn integer(bytes: &[u8]) -> Option<u64> {
    if let Ok(eight) = <[u8; 8]>::try_from(bytes) {
        return Some(u64::from_le_bytes(eight));
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

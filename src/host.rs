//! What the rules need of the proxy around them: little, and nothing that can fail loudly.

use std::rc::Rc;

use crate::audit::Audit;
use crate::identity::{FILTER_STATE, Identity};

/// The proxy, as the rules see it. Implemented by `filters/host` with host calls and by
/// [`MemoryHost`](crate::replay::MemoryHost) with plain data.
pub trait Host {
    /// Wall-clock time in Unix milliseconds; `None` when the host has no clock. May go back.
    fn now_ms(&mut self) -> Option<u64>;

    /// A number that nobody can guess, for seeds; `None` when the host has none, as in tests that must repeat.
    fn random(&mut self) -> Option<u64> {
        None
    }

    /// An attribute of the current exchange by Envoy's attribute path, in Envoy's encoding: text as it is, integers
    /// as eight little-endian bytes, lists as a pairs map. `None` when absent or unreadable.
    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>>;

    /// Leaves a value for later filters and the access log of the current exchange, in filter state.
    fn leave(&mut self, name: &str, value: &[u8]);

    /// Leaves who is calling for later filters, with the record that says the same.
    fn leave_identity(&mut self, _identity: &Rc<Identity>, record: &[u8]) {
        self.leave(FILTER_STATE, record);
    }

    /// Who is calling, where an earlier block of the same chain has left it as a value; `None`: an attribute says it, or nobody.
    fn identity(&mut self) -> Option<Rc<Identity>> {
        None
    }

    /// Adds to the counter with this place in [`Policy::counters`](crate::exchange::Policy::counters).
    fn count(&mut self, counter: usize, by: u64);

    /// Tells the operator something about the configuration, such as how much memory it takes: a line of the log. Nothing of a
    /// request, and no secret.
    fn note(&mut self, _line: &str) {}

    /// Records one decision.
    fn audit(&mut self, audit: &Audit);

    /// The same for a record with borrowed texts. A host that writes it at once need not copy them, which every request would pay.
    fn audit_borrowed(&mut self, audit: &Audit<&str>) {
        self.audit(&audit.owned());
    }

    /// Reads a slot that all workers of the process share; one that was never written is empty with the stamp 0. The
    /// host puts filter and plugin before the key. `None` when it shares nothing.
    fn slot(&mut self, key: &str) -> Option<Slot>;

    /// A slot as this worker wrote it last, without reading it: good for [`Host::set_slot`] with its stamp, which says whether it is
    /// still so, and for nothing else. `None` when the host does not know; then, and where nothing is to be written, the slot has to be
    /// read.
    fn recall(&mut self, _key: &str) -> Option<Slot> {
        None
    }

    /// Writes a slot if it still has this stamp. Two traps of Envoy's host: the stamp 0 writes unconditionally, and so does
    /// any stamp where the slot was never written. A slot cannot be deleted: keys are few and fixed, never a client's text.
    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written;

    /// Starts a call; its result comes to [`Policy::call_result`](crate::exchange::Policy::call_result). Only from there and
    /// from [`Policy::tick`](crate::exchange::Policy::tick): a call belongs to the VM, not to an exchange that may end before
    /// it. `None` when the host refuses, as for an unknown cluster.
    fn call(&mut self, call: &Call<'_>) -> Option<CallId>;

    /// Starts a unary gRPC call, under the rules of [`Host::call`]. Answered is what came with the status `OK`; any other gRPC
    /// status, and none, is [`CallResult::Failed`]. `None` also when the host knows no such calls.
    fn grpc(&mut self, _call: &GrpcCall<'_>) -> Option<CallId> {
        None
    }

    /// Whether a request may wait now ([`Step::Wait`](crate::exchange::Step::Wait)); where it may not, rules go on without what they
    /// would wait for.
    fn can_wait(&mut self) -> bool {
        true
    }

    /// Verifies a signature with the proxy's own cryptography, several times faster than ours in Wasm. `None` when it
    /// cannot: then the rules do it themselves, with the same verdict.
    fn verify(&mut self, check: &Check<'_>) -> Option<bool>;
}

/// A shared slot as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Changes with each write; 0 for a slot that was never written.
    pub stamp: u32,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is done.
    Done,
    /// Somebody else wrote since the slot was read: nothing was written.
    Changed,
    /// The host shares nothing.
    Unavailable,
}

/// An HTTP request that the rules make themselves: `GET`, without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The cluster, as the proxy knows it.
    pub cluster: &'a str,
    /// The `:authority`.
    pub authority: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Further header fields.
    pub headers: &'a [(&'a str, &'a str)],
    /// How long the answer may take, in milliseconds; at least 1 (Envoy takes 0 for "for ever").
    pub timeout_ms: u32,
    /// The longest body that is read, in bytes.
    pub max_body_bytes: usize,
}

/// A unary gRPC call that the rules make themselves, to a cluster that speaks HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcCall<'a> {
    /// The cluster, as the proxy knows it.
    pub cluster: &'a str,
    /// The `:authority`.
    pub authority: &'a str,
    /// The path: `/package.Service/Method`.
    pub method: &'a str,
    /// The message in its frame.
    pub body: &'a [u8],
    /// How long the answer may take, in milliseconds; at least 1.
    pub timeout_ms: u32,
    /// The longest body that is read, in bytes.
    pub max_body_bytes: usize,
}

/// Tells the calls of one VM apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub u32);

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// With an answer. Envoy makes 503 of a refused connection and 504 of a timeout, so these may be its own.
    Answered {
        /// HTTP status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// With an answer longer than [`Call::max_body_bytes`].
    TooLong,
    /// Without an answer.
    Failed,
}

/// What [`Host::verify`] is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// The hash over the message.
    pub hash: CheckHash,
    /// The public key as SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), in DER: RSA (verified as PKCS #1 v1.5) or P-256.
    pub key_der: &'a [u8],
    /// The signature: RSA's octets, or ECDSA's in DER.
    pub signature: &'a [u8],
    /// What is signed.
    pub message: &'a [u8],
}

/// A hash that the proxy's cryptography knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Reads an integer attribute: eight little-endian bytes (Envoy) or decimal text (other hosts).
#[must_use]
pub fn integer(bytes: &[u8]) -> Option<u64> {
    if let Ok(eight) = <[u8; 8]>::try_from(bytes) {
        return Some(u64::from_le_bytes(eight));
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

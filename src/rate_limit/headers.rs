//! What clients are told: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), the older
//! `X-RateLimit-*`, `Retry-After`, and the problem of a refusal.

use std::rc::Rc;

use super::config::{Config, Headers, Others};
use crate::bytes::{MAX_DIGITS, digits};
use crate::head::Head;
use crate::reply::problem_json;
use crate::table::Balance;

/// The field with the policies.
const POLICY: &str = "ratelimit-policy";
/// The field with what is left of them.
const LEFT: &str = "ratelimit";
/// The older three: limit, left, seconds.
const LEGACY: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
/// What portals may send of their own.
const OTHERS: [&str; 3] = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// How a request stands with a policy.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The policy's place.
    pub(super) policy: usize,
    pub(super) limit: u32,
    /// See [`told`].
    pub(super) told: Rc<str>,
    pub(super) balance: Balance,
}

/// What `RateLimit-Policy` says of a policy: the same for all who are in one tier, so it is written once. Names have nothing that a
/// quoted text must escape.
pub(super) fn told(name: &str, limit: u32, window_s: u32) -> Rc<str> {
    format!("\"{name}\";q={limit};w={window_s}").into()
}

/// What stands about a name: two quotes, and a semicolon.
const NAMED: usize = 3;

impl Standing {
    /// For how long what is left is so, or until what was asked is: in seconds, rounded up.
    fn seconds(&self) -> u64 {
        let Balance { reset_ms, wait_ms, .. } = self.balance;
        seconds(if wait_ms == 0 { reset_ms } else { wait_ms })
    }
}

/// Seconds that are no less, at least one.
pub(super) fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1_000).max(1)
}

/// The fields of an answer, in place of any that are there.
pub(super) fn set(head: &mut Head, config: &Config, standings: &[Standing]) {
    if config.headers.others == Others::Remove && !standings.is_empty() && head.names().any(may_contradict) {
        for name in [POLICY, LEFT].into_iter().chain(LEGACY).chain(OTHERS) {
            head.remove(name);
        }
    }
    each(config, standings, &mut Vec::new(), &mut |name, value| head.set(name, value));
}

/// Whether a field might be one of all these. Few are, and then each is looked for.
fn may_contradict(name: &[u8]) -> bool {
    // All of them have it: in front, or behind `x-`.
    let has = |at: usize| name.get(at..at + LEFT.len()).is_some_and(|part| part.eq_ignore_ascii_case(LEFT.as_bytes()));
    has(0) || has(2)
}

/// The fields that say how a request stands, for a head of our own.
pub(super) fn fields(config: &Config, standings: &[Standing]) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    let mut put = |name, value: &[u8]| fields.push((name, String::from_utf8_lossy(value).into_owned()));
    each(config, standings, &mut Vec::new(), &mut put);
    fields
}

/// The fields that say how a request stands. Written by hand, one after another in `value`, whose room the caller may keep: this is done
/// for every answer, and `format!` takes some thousand instructions.
pub(super) fn each(
    config: &Config,
    standings: &[Standing],
    value: &mut Vec<u8>,
    put: &mut dyn FnMut(&'static str, &[u8]),
) {
    let Headers { rate_limit, legacy, others: _ } = config.headers;
    let Some(first) = standings.first() else { return };
    value.clear();
    if rate_limit {
        if standings.len() == 1 {
            put(POLICY, first.told.as_bytes());
        } else {
            for standing in standings {
                separate(value);
                value.extend_from_slice(standing.told.as_bytes());
            }
            put(POLICY, value);
            value.clear();
        }
        for standing in standings {
            let Some(policy) = config.policies.get(standing.policy) else { continue };
            separate(value);
            // The name stands there as it does in front of the quota.
            let named = standing.told.as_bytes().get(..policy.name.len().saturating_add(NAMED)).unwrap_or_default();
            value.extend_from_slice(named);
            push_number(value, b"r=", u64::from(standing.balance.left));
            push_number(value, b";t=", standing.seconds());
        }
        put(LEFT, value);
    }
    // The older fields know one policy: that of which least is left.
    if legacy && let Some(least) = standings.iter().min_by_key(|standing| standing.balance.left) {
        let values = [u64::from(least.limit), u64::from(least.balance.left), least.seconds()];
        for (name, number) in LEGACY.into_iter().zip(values) {
            value.clear();
            push_number(value, b"", number);
            put(name, value);
        }
    }
}

/// What stands between two policies.
fn separate(value: &mut Vec<u8>) {
    if !value.is_empty() {
        value.extend_from_slice(b", ");
    }
}

/// A number behind a text.
fn push_number(value: &mut Vec<u8>, before: &[u8], number: u64) {
    value.extend_from_slice(before);
    value.extend_from_slice(digits(number, &mut [0; MAX_DIGITS]));
}

/// Why a client cannot have what it asked for (RFC 9457; section 5 of the draft).
pub(super) enum Problem<'a> {
    /// It is over these policies.
    QuotaExceeded(&'a [&'a str]),
    /// Nobody could measure it.
    ReducedCapacity,
}

impl Problem<'_> {
    /// The body.
    pub(super) fn body(&self, status: u16, correlation_id: Option<&str>) -> Vec<u8> {
        let (kind, title, violated): (_, _, &[&str]) = match self {
            Self::QuotaExceeded(policies) => {
                ("quota-exceeded", "Request cannot be satisfied as assigned quota has been exceeded", policies)
            }
            Self::ReducedCapacity => (
                "temporary-reduced-capacity",
                "Request cannot be satisfied due to temporary server capacity constraints",
                &[],
            ),
        };
        let kind = ["https://iana.org/assignments/http-problem-types#", kind].concat();
        problem_json(&kind, title, status, None, violated, correlation_id)
    }
}

//! What clients are told: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), the older
//! `X-RateLimit-*`, `Retry-After`, and the problem of a refusal.

use std::rc::Rc;

use serde_json::json;

use super::config::{Config, Headers, Others};
use crate::audit::push_number;
use crate::head::Head;
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
    let fields = fields(config, standings);
    if fields.is_empty() {
        return;
    }
    if config.headers.others == Others::Remove && head.names().any(may_contradict) {
        for name in [POLICY, LEFT].into_iter().chain(LEGACY).chain(OTHERS) {
            if !fields.iter().any(|(ours, _)| *ours == name) {
                head.remove(name);
            }
        }
    }
    for (name, value) in fields {
        head.set(name, value.as_bytes());
    }
}

/// Whether a field might be one of all these. Few are, and then each is looked for.
fn may_contradict(name: &[u8]) -> bool {
    // All of them have it: in front, or behind `x-`.
    let has = |at: usize| name.get(at..at + LEFT.len()).is_some_and(|part| part.eq_ignore_ascii_case(LEFT.as_bytes()));
    has(0) || has(2)
}

/// The fields that say how a request stands.
pub(super) fn fields(config: &Config, standings: &[Standing]) -> Vec<(&'static str, String)> {
    let Headers { rate_limit, legacy, others: _ } = config.headers;
    let mut fields = Vec::new();
    if rate_limit && !standings.is_empty() {
        // Written by hand: this is done for every answer, and `format!` takes some thousand instructions.
        let (mut policies, mut left) = (String::with_capacity(64), String::with_capacity(64));
        for standing in standings {
            let Some(policy) = config.policies.get(standing.policy) else { continue };
            if !policies.is_empty() {
                policies.push_str(", ");
                left.push_str(", ");
            }
            policies.push_str(&standing.told);
            left.push('"');
            left.push_str(&policy.name);
            push_number(&mut left, "\";r=", u64::from(standing.balance.left));
            push_number(&mut left, ";t=", standing.seconds());
        }
        fields.push((POLICY, policies));
        fields.push((LEFT, left));
    }
    // The older fields know one policy: that of which least is left.
    if legacy && let Some(least) = standings.iter().min_by_key(|standing| standing.balance.left) {
        let values = [u64::from(least.limit), u64::from(least.balance.left), least.seconds()];
        fields.extend(LEGACY.into_iter().zip(values.map(|value| value.to_string())));
    }
    fields
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
        let mut body = match self {
            Self::QuotaExceeded(policies) => json!({
                "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
                "title": "Request cannot be satisfied as assigned quota has been exceeded",
                "status": status,
                "violated-policies": policies,
            }),
            Self::ReducedCapacity => json!({
                "type": "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
                "title": "Request cannot be satisfied due to temporary server capacity constraints",
                "status": status,
            }),
        };
        if let (Some(members), Some(id)) = (body.as_object_mut(), correlation_id) {
            members.insert("instance".to_owned(), id.into());
        }
        body.to_string().into_bytes()
    }
}

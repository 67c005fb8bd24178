//! What clients are told: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), the older
//! `X-RateLimit-*`, `Retry-After`, and the problem of a refusal.

use std::rc::Rc;

use serde_json::json;

use super::config::{Config, Headers};
use crate::head::Head;
use crate::table::Balance;

/// The field with the policies.
const POLICY: &str = "ratelimit-policy";
/// The field with what is left of them.
const LEFT: &str = "ratelimit";
/// The older three: limit, left, seconds.
const LEGACY: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
/// What portals may send of their own, and what would contradict ours.
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
    for name in [POLICY, LEFT].into_iter().chain(LEGACY).chain(OTHERS) {
        if !fields.iter().any(|(ours, _)| *ours == name) {
            head.remove(name);
        }
    }
    for (name, value) in fields {
        head.set(name, value.as_bytes());
    }
}

/// The fields that say how a request stands.
pub(super) fn fields(config: &Config, standings: &[Standing]) -> Vec<(&'static str, String)> {
    let Headers { rate_limit, legacy } = config.headers;
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
            left.push_str("\";r=");
            push_number(&mut left, u64::from(standing.balance.left));
            left.push_str(";t=");
            push_number(&mut left, standing.seconds());
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

/// Appends a number in decimal.
fn push_number(text: &mut String, number: u64) {
    let (mut digits, mut rest, mut used) = ([b'0'; MAX_DIGITS], number, 0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        used += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits.into_iter().skip(MAX_DIGITS - used).map(char::from));
}

/// Digits of the largest number.
const MAX_DIGITS: usize = 20;

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

#[cfg(test)]
mod tests {
    use super::push_number;

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 1, 9, 10, 99, 100, 4_000_000_000, u64::MAX - 1, u64::MAX] {
            let mut text = "r=".to_owned();
            push_number(&mut text, number);
            assert_eq!(text, format!("r={number}"));
        }
    }
}

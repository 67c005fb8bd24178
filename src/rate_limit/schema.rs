//! The JSON Schema of the configuration: derived from the wire form, with what types cannot say added by hand.

use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::config::{
    MAX_FLOOD_PER_SECOND, MAX_FLOOD_SUSTAINED_S, MAX_KEY_PARTS, MAX_LIMIT, MAX_NAME_BYTES, MAX_PENALTIES, MAX_POLICIES,
    MAX_TIERS, MAX_WINDOW_S, Wire,
};
use super::shared::{
    MAX_CIRCUIT_FAILURES, MAX_CIRCUIT_OPEN_MS, MAX_LEASE_PERIOD_MS, MAX_SERVICE_TEXT_BYTES, MAX_SERVICE_TIMEOUT_MS,
};
use crate::matching::MAX_MATCH_ENTRIES;
use crate::table::MAX_LEASED;

/// The JSON Schema (2020-12) of the configuration. What it refuses, [`super::Policy`] refuses; the policy refuses more:
/// what a schema cannot say, such as a tier that nobody could be in.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schema_for!(Wire);
    schema.insert("title".to_owned(), json!("Lockgate rate-limit"));
    for (place, keyword, value) in additions() {
        if let Some(object) = schema.pointer_mut(place).and_then(Value::as_object_mut) {
            object.insert(keyword.to_owned(), value);
        }
    }
    schema
}

/// Where, which keyword, and its value.
fn additions() -> Vec<(&'static str, &'static str, Value)> {
    let mut additions: Vec<_> =
        DESCRIPTIONS.iter().map(|&(place, text)| (place, "description", Value::from(text))).collect();
    for (place, keyword, number) in [
        ("/properties/policies", "maxItems", MAX_POLICIES),
        ("/properties/penalties", "maxItems", MAX_PENALTIES),
        ("/$defs/PolicyWire/properties/name", "minLength", 1),
        ("/$defs/PolicyWire/properties/name", "maxLength", MAX_NAME_BYTES),
        ("/$defs/PolicyWire/properties/key", "minItems", 1),
        ("/$defs/PolicyWire/properties/key", "maxItems", MAX_KEY_PARTS),
        ("/$defs/PolicyWire/properties/tiers", "minItems", 1),
        ("/$defs/PolicyWire/properties/tiers", "maxItems", MAX_TIERS),
        ("/$defs/PenaltyWire/properties/name", "minLength", 1),
        ("/$defs/PenaltyWire/properties/name", "maxLength", MAX_NAME_BYTES),
        ("/$defs/PenaltyWire/properties/key", "minItems", 1),
        ("/$defs/PenaltyWire/properties/key", "maxItems", MAX_KEY_PARTS),
        ("/$defs/TierWire/properties/name", "minLength", 1),
        ("/$defs/TierWire/properties/name", "maxLength", MAX_NAME_BYTES),
        ("/$defs/FailuresWire/properties/statuses", "minItems", 1),
        ("/$defs/MatchWire/properties/paths", "minItems", 1),
        ("/$defs/MatchWire/properties/paths", "maxItems", MAX_MATCH_ENTRIES),
        ("/$defs/MatchWire/properties/methods", "minItems", 1),
        ("/$defs/MatchWire/properties/methods", "maxItems", MAX_MATCH_ENTRIES),
        ("/$defs/SharedWire/properties/cluster", "minLength", 1),
        ("/$defs/SharedWire/properties/cluster", "maxLength", MAX_SERVICE_TEXT_BYTES),
        ("/$defs/SharedWire/properties/domain", "minLength", 1),
        ("/$defs/SharedWire/properties/domain", "maxLength", MAX_SERVICE_TEXT_BYTES),
        ("/$defs/SharedWire/properties/authority", "minLength", 1),
        ("/$defs/SharedWire/properties/authority", "maxLength", MAX_SERVICE_TEXT_BYTES),
        ("/$defs/RightsWire", "minProperties", 1),
        ("/$defs/SourceWire", "minProperties", 1),
        ("/$defs/AddressWire/properties/ipv4_prefix", "maximum", 32),
        ("/$defs/AddressWire/properties/ipv6_prefix", "maximum", 128),
    ] {
        additions.push((place, keyword, number.into()));
    }
    for (places, most) in [
        (
            &[
                "/$defs/PolicyWire/properties/limit",
                "/$defs/PolicyWire/properties/burst",
                "/$defs/PolicyWire/properties/cost",
                "/$defs/TierWire/properties/limit",
                "/$defs/TierWire/properties/burst",
                "/$defs/FailuresWire/properties/limit",
            ][..],
            MAX_LIMIT,
        ),
        (
            &[
                "/$defs/PolicyWire/properties/window_s",
                "/$defs/TierWire/properties/window_s",
                "/$defs/FailuresWire/properties/window_s",
                "/$defs/PenaltyWire/properties/block_s",
            ],
            MAX_WINDOW_S,
        ),
        (&["/$defs/FloodWire/properties/per_second"], MAX_FLOOD_PER_SECOND),
        (&["/$defs/FloodWire/properties/sustained_s"], MAX_FLOOD_SUSTAINED_S),
        (&["/$defs/SharedWire/properties/timeout_ms"], MAX_SERVICE_TIMEOUT_MS),
        (&["/$defs/LeaseWire/properties/max"], MAX_LEASED),
        (&["/$defs/LeaseWire/properties/period_ms"], MAX_LEASE_PERIOD_MS),
        (&["/$defs/CircuitWire/properties/failures"], MAX_CIRCUIT_FAILURES),
        (&["/$defs/CircuitWire/properties/open_ms"], MAX_CIRCUIT_OPEN_MS),
    ] {
        for place in places {
            additions.extend([(*place, "minimum", 1.into()), (*place, "maximum", most.into())]);
        }
    }
    for place in ["/$defs/AddressWire/properties/ipv4_prefix", "/$defs/AddressWire/properties/ipv6_prefix"] {
        additions.push((place, "minimum", 1.into()));
    }
    for (place, text) in [
        ("/$defs/MatchWire/properties/paths/items", "^/"),
        ("/$defs/MatchWire/properties/methods/items", "^[^a-z]+$"),
        ("/$defs/SharedWire/properties/cluster", "^[!-~]+$"),
        ("/$defs/SharedWire/properties/domain", "^[!-~]+$"),
        ("/$defs/SharedWire/properties/authority", "^[!-~]+$"),
        ("/$defs/RightsWire/properties/roles/items", "^[^*]+$"),
        ("/$defs/RightsWire/properties/permissions/items", "^[^*]+$"),
    ] {
        additions.push((place, "pattern", text.into()));
    }
    additions
}

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("", "The configuration of rate_limit.wasm: how often whom."),
    ("/properties/policies", "Limits; all that match a request apply, and all are charged or none is."),
    ("/properties/penalties", "Who is blocked for a while: for repeated failures, or for a flood."),
    ("/properties/identity", "Who is calling: exactly one source. Absent: filter state lockgate.identity."),
    ("/properties/address", "How many leading bits of a client's address count."),
    ("/properties/options", "OPTIONS under policies that do not name it: exempt (the default) or count."),
    ("/properties/on_contention", "When too many workers write one count at once: deny (the default, 429) or allow."),
    ("/properties/on_error", "When nothing can be counted: deny (the default, 503) or allow."),
    ("/properties/shared", "A rate-limit service through which several gateways share the policies."),
    ("/properties/table", "How much room there is."),
    ("/properties/headers", "Which fields tell clients how they stand."),
    ("/properties/unnormalized", "A path with two readings: reject (the default, 400) or rewrite."),
    ("/$defs/TableWire/properties/keys", "Callers at once under each key. Default: 10,000."),
    ("/$defs/HeadersWire/properties/rate_limit", "RateLimit and RateLimit-Policy. Default: true."),
    ("/$defs/HeadersWire/properties/legacy", "X-RateLimit-Limit, -Remaining, -Reset. Default: false."),
    (
        "/$defs/HeadersWire/properties/others",
        "The portal's RateLimit-* and X-RateLimit-* that are not written here: keep (the default), or remove, which reads each head.",
    ),
    ("/$defs/AddressWire/properties/ipv4_prefix", "Default: 32, one address."),
    ("/$defs/AddressWire/properties/ipv6_prefix", "Default: 64, what one subscriber has at least."),
    ("/$defs/PolicyWire/properties/name", "In RateLimit, audit lines and counters; 1 to 64 visible ASCII characters."),
    ("/$defs/PolicyWire/properties/match", "The requests that the policy is about."),
    (
        "/$defs/PolicyWire/properties/key",
        "By what callers are told apart. A part that a request does not have counts by address, else for all such together.",
    ),
    ("/$defs/PolicyWire/properties/limit", "What a window admits."),
    ("/$defs/PolicyWire/properties/window_s", "Its length, in seconds."),
    (
        "/$defs/PolicyWire/properties/algorithm",
        "sliding (the default): a sliding window. gcra: an even pace with bursts.",
    ),
    ("/$defs/PolicyWire/properties/burst", "What may come at once; gcra only. Default: the limit."),
    ("/$defs/PolicyWire/properties/tiers", "Callers with numbers of their own; the first that fits counts."),
    ("/$defs/PolicyWire/properties/cost", "What one request counts. Default: 1."),
    ("/$defs/PolicyWire/properties/unless", "Callers with any of these are exempt. Absent: nobody is."),
    (
        "/$defs/PolicyWire/properties/phase",
        "post-auth (the default), or pre-auth: before it is known who calls, so by address.",
    ),
    (
        "/$defs/PolicyWire/properties/shared",
        "Whether gateways share it. Default: true beside the configuration's `shared`.",
    ),
    ("/$defs/PolicyWire/properties/mode", "shadow decides, counts and records, and changes nothing. Default: enforce."),
    ("/$defs/TierWire/properties/name", "For people."),
    ("/$defs/TierWire/properties/when", "Callers with any of these."),
    ("/$defs/TierWire/properties/limit", "Instead of the policy's."),
    ("/$defs/TierWire/properties/window_s", "Default: the policy's."),
    ("/$defs/TierWire/properties/burst", "gcra only. Default: the tier's limit."),
    ("/$defs/PenaltyWire/properties/name", "In audit lines and counters."),
    ("/$defs/PenaltyWire/properties/match", "The requests that it counts, and that are refused. Absent: all."),
    ("/$defs/PenaltyWire/properties/key", "Who is blocked. Default: address."),
    ("/$defs/PenaltyWire/properties/failures", "Answers that count; this or flood."),
    ("/$defs/PenaltyWire/properties/flood", "Requests that are too many; this or failures."),
    ("/$defs/PenaltyWire/properties/block_s", "For how long, in seconds."),
    (
        "/$defs/PenaltyWire/properties/mode",
        "shadow decides, counts and records, and changes nothing. Default: enforce.",
    ),
    ("/$defs/FailuresWire/properties/statuses", "Default: 401 and 403."),
    ("/$defs/FailuresWire/properties/limit", "So many do not block; the next one does."),
    ("/$defs/FailuresWire/properties/window_s", "In a window of so many seconds."),
    ("/$defs/FloodWire/properties/per_second", "More a second than this. Default: 100."),
    ("/$defs/FloodWire/properties/sustained_s", "Over so many seconds. Default: 10."),
    ("/$defs/SharedWire/properties/cluster", "Envoy's cluster of the service; it speaks HTTP/2."),
    ("/$defs/SharedWire/properties/domain", "What the service calls these limits."),
    ("/$defs/SharedWire/properties/authority", "The :authority. Default: the cluster's name."),
    ("/$defs/SharedWire/properties/timeout_ms", "How long a request waits for the service at most. Default: 200."),
    (
        "/$defs/SharedWire/properties/on_error",
        "Without an answer: local (the default) counts here by the policy's numbers; allow; deny (503).",
    ),
    ("/$defs/SharedWire/properties/lease", "How many hits are taken from the service at a time."),
    ("/$defs/SharedWire/properties/circuit", "When the service is left alone."),
    ("/$defs/LeaseWire/properties/max", "At most; rounded down to a power of two. Default: a tenth of the limit."),
    ("/$defs/LeaseWire/properties/period_ms", "How long a lease should last. Default: 5,000."),
    ("/$defs/CircuitWire/properties/failures", "After so many failures in a row. Default: 5."),
    ("/$defs/CircuitWire/properties/open_ms", "For so long; then one call decides. Default: 2,000."),
    ("/$defs/MatchWire", "Paths, and methods if not all."),
    (
        "/$defs/MatchWire/properties/paths",
        "* is one segment, ** any number; either case, with or without a trailing slash.",
    ),
    ("/$defs/MatchWire/properties/methods", "Upper case; GET holds for HEAD. Absent: all."),
    ("/$defs/RightsWire", "Any of these roles, or any of these permissions."),
    ("/$defs/SourceWire", "Where the filter finds the caller: one of the members."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_addition_has_its_place() {
        let mut schema = schema();
        for (place, keyword, value) in additions() {
            let there = schema.pointer_mut(place).unwrap_or_else(|| panic!("nothing is at {place}"));
            assert_eq!(there.get(keyword), Some(&value), "{place}");
        }
        assert_eq!(schema.get("$schema"), Some(&json!("https://json-schema.org/draft/2020-12/schema")));
    }
}

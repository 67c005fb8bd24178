//! The JSON Schema of the configuration: derived from the wire form, with what types cannot say added by hand.

use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::config::{
    MAX_BODY_BYTES, MAX_ENDPOINTS, MAX_EVENTS, MAX_LEASE_S, MAX_NAME_BYTES, MAX_REPLAY_S, MAX_SECRETS,
    MAX_SIGNER_SCHEMES, MAX_SIGNERS, Wire,
};
use super::descriptor::{MAX_SEGMENTS, MAX_WINDOW_S};
use crate::matching::MAX_MATCH_ENTRIES;

/// The JSON Schema (2020-12) of the configuration. What it refuses, [`super::Policy`] refuses; the policy refuses more: what a
/// schema cannot say, such as a scheme that signs an id and does not say where that is.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schema_for!(Wire);
    schema.insert("title".to_owned(), json!("Lockgate webhook-verify"));
    schema.insert("anyOf".to_owned(), json!([{"required": ["endpoints"]}, {"required": ["sign"]}]));
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
        ("/properties/endpoints", "maxItems", MAX_ENDPOINTS),
        ("/properties/endpoints", "minItems", 1),
        ("/properties/sign", "minItems", 1),
        ("/properties/sign", "maxItems", MAX_SIGNERS),
        ("/$defs/SignWire/properties/name", "minLength", 1),
        ("/$defs/SignWire/properties/name", "maxLength", MAX_NAME_BYTES),
        ("/$defs/SignWire/properties/schemes", "minItems", 1),
        ("/$defs/SignWire/properties/schemes", "maxItems", MAX_SIGNER_SCHEMES),
        ("/$defs/SignSchemeWire/properties/secrets", "minItems", 1),
        ("/$defs/SignSchemeWire/properties/secrets", "maxItems", MAX_SECRETS),
        ("/$defs/EndpointWire/properties/name", "minLength", 1),
        ("/$defs/EndpointWire/properties/name", "maxLength", MAX_NAME_BYTES),
        ("/$defs/EndpointWire/properties/secrets", "minItems", 1),
        ("/$defs/EndpointWire/properties/secrets", "maxItems", MAX_SECRETS),
        ("/$defs/EndpointWire/properties/events", "minItems", 1),
        ("/$defs/EndpointWire/properties/events", "maxItems", MAX_EVENTS),
        ("/$defs/DescriptorWire/properties/signed", "maxItems", MAX_SEGMENTS),
        ("/$defs/MatchWire/properties/paths", "minItems", 1),
        ("/$defs/MatchWire/properties/paths", "maxItems", MAX_MATCH_ENTRIES),
        ("/$defs/MatchWire/properties/methods", "minItems", 1),
        ("/$defs/MatchWire/properties/methods", "maxItems", MAX_MATCH_ENTRIES),
    ] {
        additions.push((place, keyword, number.into()));
    }
    for (place, least, most) in [
        ("/$defs/EndpointWire/properties/tolerance_s", 0, MAX_WINDOW_S),
        ("/$defs/EndpointWire/properties/future_s", 0, MAX_WINDOW_S),
        ("/$defs/EndpointWire/properties/max_body_bytes", 1, MAX_BODY_BYTES),
        ("/$defs/SignWire/properties/max_body_bytes", 1, MAX_BODY_BYTES),
        ("/$defs/ReplayWire/properties/window_s", 0, MAX_REPLAY_S),
        ("/$defs/ReplayWire/properties/lease_s", 1, MAX_LEASE_S),
        ("/$defs/TimestampWire/properties/past_s", 1, MAX_WINDOW_S),
        ("/$defs/TimestampWire/properties/future_s", 1, MAX_WINDOW_S),
    ] {
        additions.extend([(place, "minimum", least.into()), (place, "maximum", most.into())]);
    }
    for (place, text) in [
        ("/$defs/SignWire/properties/name", "^[A-Za-z0-9_.:/-]+$"),
        ("/$defs/SignSchemeWire/properties/base_url", "^https?://[^/?#]"),
        ("/$defs/EndpointWire/properties/name", "^[A-Za-z0-9_.:/-]+$"),
        ("/$defs/EndpointWire/properties/base_url", "^https?://[^/?#]"),
        ("/$defs/SecretWire/properties/env", "^[A-Za-z0-9_]+$"),
        ("/$defs/VerifyTokenWire/properties/env", "^[A-Za-z0-9_]+$"),
        ("/$defs/MatchWire/properties/paths/items", "^/"),
        ("/$defs/MatchWire/properties/methods/items", "^[^a-z]+$"),
    ] {
        additions.push((place, "pattern", text.into()));
    }
    additions
}

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("", "The configuration of webhook_verify.wasm: whose webhooks, where, and what they must be."),
    ("/properties/endpoints", "The first whose `match` fits a request takes it, and no other is tried."),
    (
        "/properties/sign",
        "What is signed that leaves. The first whose `match` fits takes it; `endpoints` go before it.",
    ),
    ("/$defs/SignWire/properties/name", "In audit lines and counters."),
    ("/$defs/SignWire/properties/match", "The requests that are events of a portal. Without methods: all."),
    (
        "/$defs/SignWire/properties/schemes",
        "How, each with its own header fields; an event has one id and one time for all.",
    ),
    ("/$defs/SignWire/properties/id_from", "The header that the portal names the event in. Absent: each has a new id."),
    ("/$defs/SignWire/properties/max_body_bytes", "Longest body. Default: 1 MiB."),
    ("/$defs/SignSchemeWire/properties/scheme", "A preset or a written scheme with an HMAC in a header field."),
    (
        "/$defs/SignSchemeWire/properties/secrets",
        "The first that is valid signs; in a list of signatures, all that are.",
    ),
    ("/$defs/SignSchemeWire/properties/settings", "Values that the scheme signs."),
    (
        "/$defs/SignSchemeWire/properties/base_url",
        "Scheme and host as the receiver knows them, where the URL is signed.",
    ),
    ("/properties/table", "How much room there is."),
    ("/properties/unnormalized", "A path with two readings: reject (the default, 400) or rewrite."),
    ("/$defs/TableWire/properties/keys", "Deliveries that are remembered at once. Default: 10,000."),
    ("/$defs/EndpointWire/properties/name", "In x-webhook-verified, audit lines, counters, and jwt-auth's `webhook`."),
    ("/$defs/EndpointWire/properties/match", "The requests that are its webhooks. Without methods: all."),
    ("/$defs/EndpointWire/properties/scheme", "The name of a preset, or a scheme written out."),
    ("/$defs/EndpointWire/properties/secrets", "Any of those that are valid at the time may have signed."),
    ("/$defs/EndpointWire/properties/settings", "Values that the scheme signs, such as PayPal's webhook_id."),
    ("/$defs/EndpointWire/properties/base_url", "Scheme and host as the sender knows them, where the URL is signed."),
    ("/$defs/EndpointWire/properties/tolerance_s", "How old a delivery may be. Default: the scheme's, or 300."),
    ("/$defs/EndpointWire/properties/future_s", "How far ahead its time may be. Default: the scheme's, or 300."),
    ("/$defs/EndpointWire/properties/events", "Events that pass; `ncr.*` is all that begin so. Absent: all."),
    ("/$defs/EndpointWire/properties/replay", "How deliveries are remembered. Absent: as long as they stay good."),
    ("/$defs/EndpointWire/properties/max_body_bytes", "Longest body, in bytes. Default: 1 MiB."),
    ("/$defs/EndpointWire/properties/verify_token", "What a provider's probe must bring (Meta)."),
    ("/$defs/EndpointWire/properties/accept_weak_scheme", "Takes a scheme that is a hash and no MAC. Default: false."),
    (
        "/$defs/EndpointWire/properties/mode",
        "shadow decides, counts and records, and changes nothing. Default: enforce.",
    ),
    ("/$defs/ReplayWire/properties/window_s", "How long a delivery is remembered, in seconds; 0: not at all."),
    ("/$defs/ReplayWire/properties/lease_s", "How long one may be under way, in seconds. Default: 60."),
    ("/$defs/ReplayWire/properties/repeated", "What was taken before: accept (the default, 200) or refuse (409)."),
    ("/$defs/SecretWire/properties/env", "The variable that holds it; never the secret itself."),
    ("/$defs/SecretWire/properties/format", "How the variable holds it. Default: the scheme's."),
    ("/$defs/SecretWire/properties/not_before", "Valid from then on: Unix seconds or RFC 3339."),
    ("/$defs/SecretWire/properties/not_after", "Valid until then."),
    ("/$defs/VerifyTokenWire/properties/env", "The variable that holds it."),
    ("/$defs/MatchWire", "Paths, and methods if not all."),
    (
        "/$defs/MatchWire/properties/paths",
        "* is one segment, ** any number; either case, with or without a trailing slash.",
    ),
    ("/$defs/MatchWire/properties/methods", "Upper case; GET holds for HEAD. Absent: all."),
    ("/$defs/DescriptorWire", "A scheme, as the presets are."),
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

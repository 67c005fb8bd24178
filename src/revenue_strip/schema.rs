//! The JSON Schema of the configuration: derived from the wire form, with what types cannot say added by hand.

use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::config::{MAX_DETAIL_BYTES, MAX_LIST, MAX_PROTECTED, MAX_RULE_NAME_BYTES, MAX_SHORT_LIST, Wire};
use super::matcher::MAX_RULES;
use super::pairs::{MAX_PAIR_NAME_BYTES, MAX_PAIRS};
use crate::matching::MAX_MATCH_ENTRIES;

/// The JSON Schema (2020-12) of the configuration. What it refuses, [`super::Policy`] refuses; the policy refuses more:
/// what a schema cannot say, such as a bad pattern.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schema_for!(Wire);
    schema.insert("title".to_owned(), json!("Lockgate revenue-strip"));
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
        ("/properties/rules", "maxItems", MAX_RULES),
        ("/properties/protected", "maxItems", MAX_PROTECTED),
        ("/properties/pass_types", "maxItems", MAX_SHORT_LIST),
        ("/properties/vary", "maxItems", MAX_SHORT_LIST),
        ("/properties/vary", "minItems", 1),
        ("/$defs/RuleWire/properties/name", "minLength", 1),
        ("/$defs/RuleWire/properties/name", "maxLength", MAX_RULE_NAME_BYTES),
        ("/$defs/RuleWire/properties/names", "maxItems", MAX_LIST),
        ("/$defs/RuleWire/properties/patterns", "maxItems", MAX_LIST),
        ("/$defs/RuleWire/properties/keep", "maxItems", MAX_LIST),
        ("/$defs/RuleWire/properties/patterns/items", "minLength", 1),
        ("/$defs/RuleWire/properties/pairs", "minItems", 1),
        ("/$defs/RuleWire/properties/pairs", "maxItems", MAX_PAIRS),
        ("/$defs/PairWire/properties/name", "minLength", 1),
        ("/$defs/PairWire/properties/name", "maxLength", MAX_PAIR_NAME_BYTES),
        ("/$defs/PairWire/properties/value", "minLength", 1),
        ("/$defs/PairWire/properties/value", "maxLength", MAX_PAIR_NAME_BYTES),
        ("/$defs/ProtectedWire/properties/name", "minLength", 1),
        ("/$defs/ProtectedWire/properties/name", "maxLength", MAX_RULE_NAME_BYTES),
        ("/$defs/ProtectedWire/properties/detail", "maxLength", MAX_DETAIL_BYTES),
        ("/$defs/MatchWire/properties/paths", "minItems", 1),
        ("/$defs/MatchWire/properties/paths", "maxItems", MAX_MATCH_ENTRIES),
        ("/$defs/MatchWire/properties/methods", "minItems", 1),
        ("/$defs/MatchWire/properties/methods", "maxItems", MAX_MATCH_ENTRIES),
        ("/$defs/RightsWire", "minProperties", 1),
        ("/$defs/SourceWire", "minProperties", 1),
        ("/$defs/TrustedHeaderWire", "minProperties", 1),
        ("/$defs/JwtAuthnWire/properties/payload", "minLength", 1),
        ("/$defs/LimitsWire/properties/max_depth", "minimum", 1),
        ("/$defs/LimitsWire/properties/max_depth", "maximum", 1_000_000),
        ("/$defs/LimitsWire/properties/max_key_bytes", "minimum", 64),
        ("/$defs/LimitsWire/properties/max_key_bytes", "maximum", 1 << 20),
        ("/$defs/LimitsWire/properties/hold_bytes", "maximum", 1 << 15),
        ("/$defs/LimitsWire/properties/max_held_bytes", "minimum", 1 << 16),
        ("/$defs/LimitsWire/properties/max_held_bytes", "maximum", 1 << 24),
        ("/$defs/LimitsWire/properties/max_event_bytes", "minimum", 1 << 10),
        ("/$defs/LimitsWire/properties/max_event_bytes", "maximum", 1 << 22),
        ("/$defs/LimitsWire/properties/max_pair_bytes", "minimum", 1 << 10),
        ("/$defs/LimitsWire/properties/max_pair_bytes", "maximum", 1 << 20),
    ] {
        additions.push((place, keyword, number.into()));
    }
    for (place, text) in [
        ("/$defs/MatchWire/properties/paths/items", "^/"),
        ("/$defs/MatchWire/properties/methods/items", "^[^a-z]+$"),
        ("/$defs/RightsWire/properties/roles/items", "^[^*]+$"),
        ("/$defs/RightsWire/properties/permissions/items", "^[^*]+$"),
    ] {
        additions.push((place, "pattern", text.into()));
    }
    additions
}

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("", "The configuration of revenue_strip.wasm: which fields of which answers leave for whom."),
    ("/properties/rules", "Strip rules; all that match apply, remove beats redact."),
    ("/properties/protected", "Endpoints that only callers with a right may use."),
    ("/properties/on_uninspectable", "block (the default): 502. empty: the portal's status without a body."),
    ("/properties/pass_types", "Media types that pass unread: type/subtype or type/*."),
    ("/properties/identity", "Who is calling: exactly one source. Absent: filter state lockgate.identity."),
    ("/properties/unnormalized", "A path with two readings: reject (the default, 400) or rewrite."),
    ("/properties/vary", "The request headers that carry the identity. Absent: authorization, or the trusted headers."),
    ("/properties/limits", "Ceilings on what bodies may cost."),
    ("/$defs/RuleWire/properties/name", "In audit lines and counters; 1 to 64 bytes."),
    ("/$defs/RuleWire/properties/match", "The requests that the rule is about."),
    ("/$defs/RuleWire/properties/names", "Exact names. Absent together with patterns: the default lists."),
    ("/$defs/RuleWire/properties/patterns", "Regular expressions, searched anywhere in a name; (?i) for either case."),
    (
        "/$defs/RuleWire/properties/headers",
        "Whether names of header fields and trailers fall under it, too. Default: true.",
    ),
    ("/$defs/RuleWire/properties/keep", "Names that the rule leaves."),
    ("/$defs/RuleWire/properties/texts", "Members whose value is a text with data in it: redacted whole."),
    ("/$defs/RuleWire/properties/pairs", "Members of an object that stand for a name and its value."),
    ("/$defs/PairWire/properties/name", "The member whose text is judged as a name."),
    ("/$defs/PairWire/properties/value", "The member that is taken when that name is. Not the same as name."),
    ("/$defs/RuleWire/properties/action", "\"remove\", or {\"redact\": <the JSON value that stands there instead>}."),
    ("/$defs/RuleWire/properties/unless", "Callers with any of these are exempt. Absent: nobody is."),
    ("/$defs/RuleWire/properties/direction", "Which message. Default: response."),
    ("/$defs/RuleWire/properties/mode", "shadow decides, counts and records, and changes nothing. Default: enforce."),
    ("/$defs/ProtectedWire/properties/name", "In audit lines and counters; 1 to 64 bytes."),
    ("/$defs/ProtectedWire/properties/match", "The requests that the rule is about."),
    ("/$defs/ProtectedWire/properties/unless", "Who may use the endpoint: any of these."),
    ("/$defs/ProtectedWire/properties/detail", "What the client reads."),
    (
        "/$defs/ProtectedWire/properties/mode",
        "shadow decides, counts and records, and changes nothing. Default: enforce.",
    ),
    (
        "/$defs/MatchWire/properties/paths",
        "* is one segment, ** any number; either case, with or without a trailing slash.",
    ),
    ("/$defs/MatchWire/properties/methods", "Upper case; GET holds for HEAD. Absent: all."),
    ("/$defs/SourceWire/properties/filter_state", "A record that an earlier Wasm filter leaves."),
    ("/$defs/SourceWire/properties/jwt_authn", "Claims that Envoy's jwt_authn leaves in its metadata."),
    ("/$defs/SourceWire/properties/trusted_header", "Headers that no client can set: the listener must remove them."),
    ("/$defs/JwtAuthnWire/properties/payload", "The provider's payload_in_metadata."),
    ("/$defs/JwtAuthnWire/properties/roles", "The claim with the roles: a dotted path, or a JSON Pointer."),
    ("/$defs/JwtAuthnWire/properties/permissions", "The claim with the permissions: a dotted path, or a JSON Pointer."),
    ("/$defs/JwtAuthnWire/properties/subject", "The claim with the subject. Default: sub."),
    ("/$defs/MatchWire", "Paths, and methods if not all."),
    ("/$defs/RightsWire", "Any of these roles, or any of these permissions."),
    ("/$defs/SourceWire", "Where the filter finds the caller: one of the members."),
    ("/$defs/LimitsWire/properties/max_depth", "Levels of nesting. Default: 100,000."),
    ("/$defs/LimitsWire/properties/max_key_bytes", "A name with what stands before it. Default: 65,536."),
    ("/$defs/LimitsWire/properties/hold_bytes", "Bodies looked at whole before they go on. Default: 8,192."),
    ("/$defs/LimitsWire/properties/max_held_bytes", "What all bodies of a worker hold. Default: 8,388,608."),
    ("/$defs/LimitsWire/properties/max_event_bytes", "The longest event of a stream. Default: 262,144."),
    (
        "/$defs/LimitsWire/properties/max_pair_bytes",
        "What a body holds until it is known whether a pair's value goes. Default: 65,536.",
    ),
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

//! Audit records: one for each decision, without a token, key, body byte or query.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

/// A decision, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Unix milliseconds; `None` when the host has no clock.
    pub time_ms: Option<u64>,
    /// The correlation id.
    pub id: Option<String>,
    /// Which filter decided.
    pub filter: &'static str,
    /// Which rule; `None` for what holds without a rule, such as an unsafe path.
    pub rule: Option<String>,
    /// What was decided, such as `stripped` or `denied`.
    pub outcome: &'static str,
    /// Why, when the outcome alone does not say it.
    pub reason: Option<&'static str>,
    /// Whether the rule only watches.
    pub shadow: bool,
    /// Fields removed or redacted.
    pub fields: u64,
    /// A hash of the subject: tells exchanges of one caller apart, not who it is.
    pub subject: Option<u64>,
    /// The system (portal) that the identity was made for.
    pub system: Option<String>,
    /// The pattern that the path fitted; never the path itself.
    pub path: Option<String>,
    /// Which configuration decided; see [`version`].
    pub version: u64,
}

impl Audit {
    /// The record as one line of JSON, absent members left out.
    #[must_use]
    pub fn to_json(&self) -> String {
        let line = Line {
            time_ms: self.time_ms,
            id: self.id.as_deref(),
            filter: self.filter,
            rule: self.rule.as_deref(),
            outcome: self.outcome,
            reason: self.reason,
            shadow: self.shadow.then_some(true),
            fields: (self.fields != 0).then_some(self.fields),
            subject: self.subject.map(|hash| format!("{hash:016x}")),
            system: self.system.as_deref(),
            path: self.path.as_deref(),
            version: format!("{:016x}", self.version),
        };
        // Texts and numbers always fit into JSON.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// The wire form.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    filter: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    version: String,
}

/// A hash that tells one subject from another in audit lines. It is no protection against somebody who can guess the
/// subject.
#[must_use]
pub fn subject_hash(subject: &str) -> u64 {
    hash(&("subject", subject))
}

/// A configuration's version in audit lines: a hash of its text.
#[must_use]
pub fn version(config: &[u8]) -> u64 {
    hash(&("configuration", config))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::Audit;

    #[test]
    fn a_record_is_one_line_of_json() {
        let audit = Audit {
            time_ms: Some(1),
            id: Some("a\n\"b".to_owned()),
            filter: "revenue_strip",
            rule: Some("revenue".to_owned()),
            outcome: "stripped",
            reason: None,
            shadow: false,
            fields: 2,
            subject: Some(0xab),
            system: None,
            path: Some("/api/**".to_owned()),
            version: 1,
        };
        assert_eq!(
            audit.to_json(),
            r#"{"time_ms":1,"id":"a\n\"b","filter":"revenue_strip","rule":"revenue","outcome":"stripped","fields":2,"subject":"00000000000000ab","path":"/api/**","version":"0000000000000001"}"#
        );
    }
}

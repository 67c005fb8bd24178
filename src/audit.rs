//! Audit records: one for each decision, without a token, key, body byte or query.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

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
        let mut line = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                line.insert(name.to_owned(), value);
            }
        };
        put("time_ms", self.time_ms.map(Into::into));
        put("id", self.id.as_deref().map(Into::into));
        put("filter", Some(self.filter.into()));
        put("rule", self.rule.as_deref().map(Into::into));
        put("outcome", Some(self.outcome.into()));
        put("reason", self.reason.map(Into::into));
        put("shadow", self.shadow.then_some(true.into()));
        put("fields", (self.fields != 0).then_some(self.fields.into()));
        put("subject", self.subject.map(|hash| format!("{hash:016x}").into()));
        put("system", self.system.as_deref().map(Into::into));
        put("path", self.path.as_deref().map(Into::into));
        put("version", Some(format!("{:016x}", self.version).into()));
        Value::Object(line).to_string()
    }
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
            r#"{"fields":2,"filter":"revenue_strip","id":"a\n\"b","outcome":"stripped","path":"/api/**","rule":"revenue","subject":"00000000000000ab","time_ms":1,"version":"0000000000000001"}"#
        );
    }
}

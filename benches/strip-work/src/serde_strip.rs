//! The comparison: what one would write first. The whole body, a `Value`, its members removed, printed again.

use std::collections::HashSet;

use lockgate::revenue_strip::{DEFAULT_NAMES, DEFAULT_PATTERNS};
use regex::RegexSet;
use serde_json::Value;

/// Lockgate's default lists in a hash set and a regex set.
#[derive(Debug)]
pub struct Names {
    exact: HashSet<&'static str>,
    patterns: RegexSet,
}

impl Names {
    /// The default lists.
    ///
    /// # Errors
    /// A pattern is none, which would be a fault of the lists.
    pub fn new() -> Result<Self, regex::Error> {
        Ok(Self { exact: DEFAULT_NAMES.into_iter().collect(), patterns: RegexSet::new(DEFAULT_PATTERNS)? })
    }

    /// Whether a member of this name is to go.
    #[must_use]
    pub fn take(&self, name: &str) -> bool {
        self.exact.contains(name) || self.patterns.is_match(name)
    }

    /// Removes the members of `value` that are to go, at every depth.
    pub fn strip(&self, value: &mut Value) {
        match value {
            Value::Object(members) => members.retain(|name, value| {
                if self.take(name) {
                    return false;
                }
                self.strip(value);
                true
            }),
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.strip(element)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The body without the members that are to go.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn strip_body(&self, body: &[u8]) -> serde_json::Result<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(body)?;
        self.strip(&mut value);
        serde_json::to_vec(&value)
    }
}

//! Configuration text: strict, and every refusal names the place.

use std::fmt;

use serde::de::DeserializeOwned;

mod named;

pub(crate) use self::named::Named;

/// Why a configuration is refused. Shown to the operator; holds no value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    message: String,
}

impl ConfigError {
    /// A fault at a field such as `rules[2].name`.
    pub fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { path: path.into(), message: message.to_string() }
    }

    /// The path of the faulty field; `(configuration)` for the whole text.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Gives the fault its place, where only the caller knows it.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Puts `outer` before the path, for a fault in a block of a larger configuration.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        let path =
            if self.path.starts_with('[') { format!("{outer}{}", self.path) } else { format!("{outer}.{}", self.path) };
        Self { path, ..self }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Where secrets come from: the variables that the operator hands to the filter.
pub trait Environment {
    /// The variable of this name.
    fn variable(&self, name: &str) -> Option<String>;
}

/// No variables.
#[derive(Clone, Copy, Debug)]
pub struct NoEnvironment;

impl Environment for NoEnvironment {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

impl Environment for std::collections::BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// The path of a fault in the text as a whole.
const WHOLE: &str = "(configuration)";

/// Longest configuration text, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1024 * 1024;

/// Reads a wire form that holds no secrets: serde's messages may repeat values.
///
/// # Errors
/// Missing, too long, not a JSON object (as when Envoy was given a `Struct`), an unknown or repeated field, a wrong
/// type, or bytes after the object.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, ConfigError> {
    match text.trim_ascii_start().first() {
        None => {
            return Err(ConfigError::new(WHOLE, "is missing; put JSON text into the plugin's `configuration`"));
        }
        Some(b'{') => {}
        Some(0xef) => {
            return Err(ConfigError::new(WHOLE, "begins with a byte order mark; save the text without one"));
        }
        Some(_) => {
            return Err(ConfigError::new(
                WHOLE,
                "is not JSON text that starts with `{`; \
                 give it to Envoy as google.protobuf.StringValue (a Struct arrives in another form)",
            ));
        }
    }
    if text.len() > MAX_CONFIG_BYTES {
        return Err(ConfigError::new(WHOLE, format_args!("is longer than {MAX_CONFIG_BYTES} bytes")));
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            // Also of a field without a name.
            "." | "" => WHOLE.to_owned(),
            path => path.to_owned(),
        };
        ConfigError::new(path, error.inner())
    })?;
    json.end().map_err(|error| ConfigError::new(WHOLE, format_args!("has bytes after its end: {error}")))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{ConfigError, read};

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Wire {
        rules: Vec<Rule>,
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Rule {
        limit: u8,
    }

    #[test]
    fn a_refusal_names_the_place() {
        let cases: [(&str, &[u8], &str); 10] = [
            ("missing", b"", "(configuration): is missing"),
            ("blank", b" \n", "(configuration): is missing"),
            ("protobuf", b"\n\x05rules", "(configuration): is not JSON text"),
            ("an order mark", b"\xef\xbb\xbf{}", "(configuration): begins with a byte order mark"),
            ("an array", b"[]", "(configuration): is not JSON text"),
            ("unknown field", br#"{"rules":[],"rulez":1}"#, "rulez: unknown field `rulez`, expected `rules`"),
            ("a field without a name", br#"{"":1}"#, "(configuration): unknown field ``, expected `rules`"),
            ("wrong type", br#"{"rules":[{"limit":300}]}"#, "rules[0].limit: invalid value: integer `300`"),
            ("missing field", br#"{"rules":[{}]}"#, "rules[0]: missing field `limit`"),
            ("bytes after", br#"{"rules":[]} x"#, "(configuration): has bytes after its end"),
        ];
        for (name, text, want) in cases {
            let message = read::<Wire>(text).expect_err(name).to_string();
            assert!(message.starts_with(want), "{name}: {message}");
        }
        assert!(read::<Wire>(br#"{"rules":[{"limit":3}]}"#).is_ok());
    }

    #[test]
    fn a_block_puts_its_place_before_the_path() {
        assert_eq!(ConfigError::new("rules[1]", "x").within("chain[0]").to_string(), "chain[0].rules[1]: x");
        assert_eq!(ConfigError::new("[1]", "x").within("rules").to_string(), "rules[1]: x");
    }
}

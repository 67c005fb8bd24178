//! Configuration text: strict, and every refusal names the place.

mod named;
mod place;
mod raw;
mod reader;

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeOwned, IgnoredAny};

use self::reader::Reader;

pub(crate) use self::named::Named;
pub(crate) use self::raw::Raw;

/// Why a configuration is refused. Shown to the operator; holds no value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    message: String,
}

impl ConfigError {
    /// A fault at a field such as `rules[2].name`.
    pub fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { path: visible(path.into()), message: visible(message.to_string()) }
    }

    /// The path of the faulty field; `(configuration)` for the whole text.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Gives the fault its place, where only the caller knows it.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: visible(path.into()), ..self }
    }

    /// Puts `outer` before the path, for a fault in a block of a larger configuration.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        let path = match self.path.as_str() {
            WHOLE => outer.to_owned(),
            path if path.starts_with('[') => format!("{outer}{path}"),
            path => format!("{outer}.{path}"),
        };
        Self { path, ..self }
    }
}

/// A text without line ends and other control characters: names that stand in configurations end up in logs.
fn visible(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
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

    /// Whether the variables can be asked for here. Where they cannot, the rest of a configuration is checked.
    fn is_here(&self) -> bool {
        true
    }
}

/// Not the machine that the filter will run on: every secret is taken to be there and to be as it must.
#[derive(Clone, Copy, Debug)]
pub struct Assumed;

impl Environment for Assumed {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn is_here(&self) -> bool {
        false
    }
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
    read_as(text, said)
}

/// The same for a wire form in which secrets might stand, by mistake too: of what serde says only what it says of the form
/// is repeated, and no value.
///
/// # Errors
/// See [`read`].
pub fn read_secret<T: DeserializeOwned>(text: &[u8]) -> Result<T, ConfigError> {
    read_as(text, without_values)
}

/// What a refusal is about.
#[derive(Clone, Copy)]
enum Fault {
    /// The text is no JSON.
    Syntax,
    /// It is JSON, and not what belongs there.
    Value,
}

/// Says what is wrong, and where.
type Say = fn(Fault, &str, &str) -> String;

/// All of it.
fn said(_: Fault, what: &str, place: &str) -> String {
    format!("{} at {place}", with_forms(what))
}

/// What must stand there, where it must be an object. What was expected comes last, and is a text of ours.
fn with_forms(what: &str) -> String {
    match what.rsplit_once(", expected ") {
        Some((found, form)) if found.starts_with("invalid type: ") && form.starts_with("an object") => {
            format!("must be {form}")
        }
        Some(_) | None => what.to_owned(),
    }
}

/// What is wrong and what was expected, without what stands there.
fn without_values(fault: Fault, what: &str, place: &str) -> String {
    match fault {
        // Of a syntax that is wrong only fixed words are said.
        Fault::Syntax => return said(fault, what, place),
        Fault::Value => {}
    }
    // These repeat names of fields alone.
    let named =
        ["missing field `", "duplicate field `", "unknown field `", "stands twice; keep one of them", reader::ONE_OF];
    let what = with_forms(what);
    if named.iter().any(|beginning| what.starts_with(beginning)) || what.starts_with("must be an object") {
        return format!("{what} at {place}");
    }
    let kind = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    let kind = kind.into_iter().find(|kind| what.starts_with(kind)).unwrap_or("is not what belongs here");
    // What was expected comes last, and is a text of ours.
    match what.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{kind}, expected {expected} at {place}"),
        None => format!("{kind} at {place}"),
    }
}

fn read_as<T: DeserializeOwned>(text: &[u8], say: Say) -> Result<T, ConfigError> {
    let text = checked(text, say)?;
    T::deserialize(&mut Reader::new(text))
        .map_err(|error| refusal(text.as_bytes(), error.place(), &error.to_string(), say))
}

/// A text that is one JSON object.
fn checked(text: &[u8], say: Say) -> Result<&str, ConfigError> {
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
    IgnoredAny::deserialize(&mut json).map_err(|error| {
        let read = bytes_read(text, &error);
        let what = if ends_after_comma(text, read) { "trailing comma".to_owned() } else { without_place(&error) };
        ConfigError::new(path_or_whole(text, read), say(Fault::Syntax, &what, &place_of(text, read)))
    })?;
    json.end().map_err(|error| {
        let why = say(Fault::Syntax, &without_place(&error), &place_of(text, bytes_read(text, &error)));
        ConfigError::new(WHOLE, format_args!("has bytes after its end: {why}"))
    })?;
    std::str::from_utf8(text).map_err(|error| {
        let read = error.valid_up_to();
        ConfigError::new(path_or_whole(text, read), say(Fault::Syntax, "is not UTF-8", &place_of(text, read)))
    })
}

/// What is wrong with the value that ends, or is under way, so many bytes into a text.
#[cold]
fn refusal(text: &[u8], read: usize, what: &str, say: Say) -> ConfigError {
    ConfigError::new(path_or_whole(text, read), say(Fault::Value, what, &place_of(text, read)))
}

fn path_or_whole(text: &[u8], read: usize) -> String {
    match place::path_at(text, read) {
        // Also of a field without a name.
        path if path.is_empty() => WHOLE.to_owned(),
        path => path,
    }
}

/// `line 1 column 9`, so many bytes into a text.
fn place_of(text: &[u8], read: usize) -> String {
    let before = text.get(..read).unwrap_or(text);
    let line = before.iter().filter(|&&byte| byte == b'\n').count().saturating_add(1);
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count();
    format!("line {line} column {column}")
}

/// How much of a text was read when this error came.
fn bytes_read(text: &[u8], error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>().saturating_add(error.column())
}

/// Whether a text has a comma before the bracket that it was read up to: the likeliest mistake, for which `serde_json` has other words
/// where it reads values that nobody wants.
fn ends_after_comma(text: &[u8], read: usize) -> bool {
    match text.get(..read) {
        Some([before @ .., b'}' | b']']) => before.trim_ascii_end().ends_with(b","),
        Some(_) | None => false,
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let what = error.to_string();
    what.rsplit_once(" at line ").map(|(what, _)| what.to_owned()).unwrap_or(what)
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
    fn where_secrets_may_stand_no_value_is_repeated() {
        #[derive(serde::Deserialize, Debug)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its reading is tested")]
        struct Keys {
            keys: Vec<u8>,
            kind: Option<Kind>,
        }
        #[derive(serde::Deserialize, Debug)]
        #[serde(rename_all = "snake_case")]
        enum Kind {
            Hex,
        }
        for (json, want) in [
            (r#"{"keys":"hush, expected x at line 1"}"#, "keys: invalid type, expected a sequence at line 1 column 36"),
            (r#"{"keys":["hush"]}"#, "keys[0]: invalid type, expected u8 at line 1 column 15"),
            (r#"{"keys":[999]}"#, "keys[0]: invalid value, expected u8 at line 1 column 12"),
            (r#"{"keys":[],"kind":"hush"}"#, "kind: unknown variant, expected `hex` at line 1 column 24"),
            (r#"{"keyz":"hush"}"#, "keyz: unknown field `keyz`, expected `keys` or `kind` at line 1 column 7"),
            (r#"{"kind":"hex"}"#, "(configuration): missing field `keys` at line 1 column 14"),
            (r#"{"keys":[],"keys":["hush"]}"#, "keys: duplicate field `keys` at line 1 column 17"),
            (r#"{"keys":hush}"#, "keys: expected value at line 1 column 9"),
            (r#"{"keys":[]}hush"#, "(configuration): has bytes after its end: trailing characters at line 1 column 12"),
            (r#"{"keys":["hush",]}"#, "keys: trailing comma at line 1 column 17"),
        ] {
            let message = super::read_secret::<Keys>(json.as_bytes()).expect_err(json).to_string();
            assert_eq!(message, want, "{json}");
        }
        for json in [
            r#"{"hush" "hush"}"#,
            r#"{"hush":"hush""#,
            r#"{"hush":"hu\xsh"}"#,
            "{\"hush\":\"hush\n\"}",
            r#"{"hush":trhush}"#,
            r#"{"hush":1hush}"#,
            r#"{hush:1}"#,
            r#"{"hush":["hush" "hush"]}"#,
        ] {
            let error = super::read_secret::<Keys>(json.as_bytes()).expect_err(json);
            assert!(!error.message.contains("hush"), "{json}: {error}");
        }
    }

    #[test]
    fn no_name_begins_a_line() {
        let error = ConfigError::new("a.x\r\nb", "`y\u{1b}[2Jz\u{85}` is none");
        assert_eq!(error.to_string(), "a.x\\r\\nb: `y\\u{1b}[2Jz\\u{85}` is none");
        assert_eq!(error.at("c\nd").path(), "c\\nd");
        let message = read::<Wire>(b"{\"a\\r\\nb\":1}").unwrap_err().to_string();
        assert!(message.starts_with("a\\r\\nb: unknown field `a\\r\\nb`"), "{message}");
    }

    #[test]
    fn a_block_puts_its_place_before_the_path() {
        assert_eq!(ConfigError::new("rules[1]", "x").within("chain[0]").to_string(), "chain[0].rules[1]: x");
        assert_eq!(ConfigError::new("[1]", "x").within("rules").to_string(), "rules[1]: x");
        assert_eq!(read::<Wire>(b"[]").unwrap_err().within("chain[0]").path(), "chain[0]");
    }
}

//! Why a body is not a JSON text that can be edited.

use std::fmt;

/// A fault and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Bytes of the body before the fault.
    pub at: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with the text; the sender is at fault in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A byte that RFC 8259 does not allow here (also: a second text, a trailing comma, a comment).
    Unexpected,
    /// A raw control character inside a string.
    ControlCharacter,
    /// A backslash that starts no escape of RFC 8259, section 7.
    BadEscape,
    /// Not UTF-8 (RFC 3629): overlong, a surrogate, cut, or out of range.
    NotUtf8,
    /// The body ended inside the text.
    Truncated,
    /// More levels of nesting than [`Limits::max_depth`](super::Limits::max_depth).
    TooDeep,
    /// A name, with the comma and white space before it, longer than [`Limits::max_key_bytes`](super::Limits::max_key_bytes).
    KeyTooLong,
    /// The body failed before; nothing more is read.
    Failed,
}

impl Fault {
    /// A word for metrics and audit lines.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unexpected => "json_syntax",
            Self::ControlCharacter => "json_control_character",
            Self::BadEscape => "json_escape",
            Self::NotUtf8 => "json_utf8",
            Self::Truncated => "json_truncated",
            Self::TooDeep => "json_depth",
            Self::KeyTooLong => "json_key_length",
            Self::Failed => "json_failed",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::Unexpected => "not JSON here",
            Fault::ControlCharacter => "raw control character in a string",
            Fault::BadEscape => "bad escape in a string",
            Fault::NotUtf8 => "not UTF-8",
            Fault::Truncated => "body ends inside a value",
            Fault::TooDeep => "nested too deeply",
            Fault::KeyTooLong => "name too long",
            Fault::Failed => "body failed before",
        };
        write!(f, "byte {}: {what}", self.at)
    }
}

impl std::error::Error for Error {}

//! Why a request is no GraphQL request that can be read.

use std::fmt;

/// A fault and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Bytes before the fault: of the document, or of the body or target when that is at fault.
    pub at: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with the request; the sender is at fault in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A byte that begins no token of the GraphQL specification (section 2.1).
    Token,
    /// A string that does not end, or with an escape or line break that it may not have.
    Text,
    /// A token that may not stand here in an executable document.
    Unexpected,
    /// The document ends inside a definition.
    Truncated,
    /// Not UTF-8.
    NotUtf8,
    /// A body that is not the JSON of a request: one object, or a list of objects, whose `query` is a string.
    Json,
    /// `%` without two hex digits.
    Percent,
    /// A raw `;` in a query or form: some servers take it for `&`.
    Semicolon,
    /// More bytes than [`Limits::max_bytes`](super::Limits::max_bytes).
    TooLong,
    /// More levels than [`Limits::max_depth`](super::Limits::max_depth).
    TooDeep,
    /// More texts than [`Limits::max_texts`](super::Limits::max_texts).
    TooMany,
}

impl Fault {
    /// A word for metrics and audit lines.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Token | Self::Text | Self::Unexpected | Self::Truncated => "graphql_syntax",
            Self::NotUtf8 => "graphql_utf8",
            Self::Json => "graphql_json",
            Self::Percent | Self::Semicolon => "graphql_form",
            Self::TooLong => "graphql_length",
            Self::TooDeep => "graphql_depth",
            Self::TooMany => "graphql_texts",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::Token => "no GraphQL token",
            Fault::Text => "bad string",
            Fault::Unexpected => "not GraphQL here",
            Fault::Truncated => "document ends inside a definition",
            Fault::NotUtf8 => "not UTF-8",
            Fault::Json => "not the JSON of a GraphQL request",
            Fault::Percent => "broken percent encoding",
            Fault::Semicolon => "raw semicolon between parameters",
            Fault::TooLong => "too long",
            Fault::TooDeep => "nested too deeply",
            Fault::TooMany => "too many texts",
        };
        write!(f, "byte {}: {what}", self.at)
    }
}

impl std::error::Error for Error {}

//! Why a body is not a table that can be edited.

use std::fmt;

/// A fault and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Bytes of the body before the fault.
    pub at: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with the table; the sender is at fault in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The media type has a parameter that says how the table is written and is not known here.
    Parameter,
    /// The first line is no header row, or the media type says that there is none (`header=absent`).
    ///
    /// In a header row every cell has a letter and no invisible character, and the line is not Excel's `sep=`. An empty
    /// cell names nothing, and cells of digits alone are data (also years: name such columns). The same name may come
    /// twice; each column is judged for itself.
    NoHeader,
    /// The header row has more than one kind of separator outside quotation marks.
    AmbiguousSeparator,
    /// A quotation mark inside a field that does not begin with one.
    BareQuote,
    /// Something else than a separator or line end after the closing quotation mark.
    TextAfterQuote,
    /// A backslash before a quotation mark: some writers mean one character by it, RFC 4180 two.
    BackslashQuote,
    /// A tab or line break inside quotation marks of a table with tabs: most of these know no quoting.
    QuotedBreak,
    /// A control character other than a tab or, inside quotation marks, a line break.
    ControlCharacter,
    /// Not UTF-8 (RFC 3629).
    NotUtf8,
    /// A record with more or fewer fields than the header row.
    FieldCount,
    /// A line end of another kind than the header row's.
    LineEnd,
    /// The body ended inside quotation marks, or inside CR LF.
    Truncated,
    /// A header row longer than [`Limits::max_header_bytes`](super::Limits::max_header_bytes).
    HeaderTooLong,
    /// More is left of a record than [`Limits::max_record_bytes`](super::Limits::max_record_bytes).
    RecordTooLong,
    /// More columns than [`Limits::max_columns`](super::Limits::max_columns).
    TooManyColumns,
    /// The body failed before; nothing more is read.
    Failed,
}

impl Fault {
    /// A word for metrics and audit lines.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Parameter => "csv_parameter",
            Self::NoHeader => "csv_header",
            Self::AmbiguousSeparator => "csv_separator",
            Self::BareQuote | Self::TextAfterQuote | Self::BackslashQuote | Self::QuotedBreak => "csv_quote",
            Self::ControlCharacter => "csv_control_character",
            Self::NotUtf8 => "csv_utf8",
            Self::FieldCount => "csv_field_count",
            Self::LineEnd => "csv_line_end",
            Self::Truncated => "csv_truncated",
            Self::HeaderTooLong => "csv_header_length",
            Self::RecordTooLong => "csv_record_length",
            Self::TooManyColumns => "csv_columns",
            Self::Failed => "csv_failed",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::Parameter => "unknown parameter of the media type",
            Fault::NoHeader => "no header row",
            Fault::AmbiguousSeparator => "two kinds of separators in the header row",
            Fault::BareQuote => "quotation mark in an unquoted field",
            Fault::TextAfterQuote => "text after a closing quotation mark",
            Fault::BackslashQuote => "backslash before a quotation mark",
            Fault::QuotedBreak => "quoted tab or line break in a table with tabs",
            Fault::ControlCharacter => "control character",
            Fault::NotUtf8 => "not UTF-8",
            Fault::FieldCount => "not as many fields as the header row",
            Fault::LineEnd => "another line end than the header row's",
            Fault::Truncated => "body ends inside a field",
            Fault::HeaderTooLong => "header row too long",
            Fault::RecordTooLong => "record too long",
            Fault::TooManyColumns => "too many columns",
            Fault::Failed => "body failed before",
        };
        write!(f, "byte {}: {what}", self.at)
    }
}

impl std::error::Error for Error {}

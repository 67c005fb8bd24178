//! Streaming CSV: bytes in, the same bytes out, less the columns that a caller may not see.
//!
//! | input | type to use |
//! | --- | --- |
//! | a media type | [`Dialect`] |
//! | one table in chunks, columns to drop or blank | [`Editor`] with a [`Judge`] |
//! | a header cell's name in all its spellings | [`Spellings`] |
//!
//! The grammar is RFC 4180 to the letter, in UTF-8, with one separator, one kind of line end and one number of fields
//! throughout. A table that another program wrote by other rules (another separator, backslashes before quotation marks,
//! no quoting at all) is refused as soon as the two readings part, because a column could hide in their difference.
//!
//! Three things cannot be told from a table: a line before the header row that looks like one and has as many fields; a
//! writer that never quotes, whose cells begin and end with quotation marks in just the places where RFC 4180 wants them;
//! and values that stand under another name.
//!
//! What is kept goes out as it came: quoting, spaces, line ends. A removed column goes with one separator.
//!
//! - The first line must be the header row: see [`Fault::NoHeader`].
//! - A replaced column keeps its name; each of its cells becomes the replacement: a JSON string its text, `null` an empty
//!   cell, everything else its JSON text, quoted where CSV needs it.
//! - When one column of several is left, its empty cells are written `""`: readers skip empty lines, and rows would shift.
//! - When no column is left, nothing is written at all, not even empty lines: the number of rows is content, too.
//! - Empty lines between and after records stay (readers skip them, and they hold nothing); before the header row they
//!   are refused.

mod cell;
mod dialect;
mod editor;
mod error;
mod header;
mod plan;
mod spellings;

#[cfg(test)]
mod tests;

pub use self::dialect::Dialect;
pub use self::editor::{Editor, Judge, Limits};
pub use self::error::{Error, Fault};
pub use self::spellings::Spellings;
pub use crate::json::{Edit, Verdict};

//! Streaming JSON: bytes in, the same bytes out, less the members that a caller may not see.
//!
//! | input | type to use |
//! | --- | --- |
//! | a JSON text, or many ([`Texts`]), in chunks, members to drop or blank | [`Editor`] with a [`Judge`] |
//! | a member's name as it stands in the text | [`RawKey`] |
//!
//! The grammar is RFC 8259 to the letter and the text must be UTF-8: a client never reads a name that the editor did not
//! see. Numbers are checked and never parsed; order, spacing and escapes of all that is kept stay as they are. Inside an
//! object or array that is removed only what tells where it ends is checked: strings, brackets, depth, and that no byte
//! stands there that JSON does not have.

mod editor;
mod error;
mod joints;
mod key;
pub(crate) mod levels;
mod lexeme;
// Also for other texts that are edited in a stream.
pub(crate) mod scan;
pub(crate) mod utf8;

#[cfg(test)]
mod tests;

pub use editor::{Edit, Editor, Judge, Limits, Texts, Verdict};
pub use error::{Error, Fault};
pub use joints::Joints;
pub use key::RawKey;
#[doc(hidden)]
pub use scan::fuzz_scan;

//! GraphQL requests: does a query take a field under another name than its own?
//!
//! `{ part { x: unitCost } }` is answered with a member `x`, which no rule on names finds. So the request must be looked
//! at: [`in_document`] reads a document's text; [`in_json`], [`in_form`], [`in_target`] and [`in_document_body`] find it
//! in a request.
//!
//! All definitions of a document are read, also fragments and operations that `operationName` does not choose. Every
//! place that may hold a text counts, since servers differ in which one they take: each of several `query` members or
//! parameters, in any case of letters. A request may have one in its target *and* one in its body: ask for both.
//!
//! What this does not see: schemas in which a field is called otherwise than the rules know, directives of a server's own
//! that rename what they stand on, and what a server has stored under a name or hash ([`Found::NoText`]). A
//! `multipart/form-data` request (file uploads) is not read here: refuse it.

mod document;
mod error;
mod lexer;
mod request;

#[cfg(test)]
mod tests;

pub use self::document::in_document;
pub use self::error::{Error, Fault};
pub use self::request::{in_document_body, in_form, in_json, in_target};

/// What a request has of aliases on fields that are taken. The strictest comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub enum Found {
    /// Texts, and no such alias in any.
    Nothing,
    /// A query without a text, or with a name for a stored one beside it: it cannot be inspected.
    NoText,
    /// A field that is taken stands under another name.
    Alias,
}

/// Ceilings of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, of a target's query, and of a document. Beyond: [`Fault::TooLong`].
    pub max_bytes: usize,
    /// Levels of brackets in a document; one byte each is held. Beyond: [`Fault::TooDeep`].
    pub max_depth: usize,
    /// Texts in one request. Beyond: [`Fault::TooMany`].
    pub max_texts: usize,
}

impl Default for Limits {
    /// 256 KiB, 200 levels, 100 texts.
    fn default() -> Self {
        Self { max_bytes: 256 * 1024, max_depth: 200, max_texts: 100 }
    }
}

//! Documents: key sets, lists.

use super::Error;
use super::document::{Document, Newer};
use crate::host::Host;

/// A document that one worker publishes and all read. A reader sees all of one generation, never parts of two.
#[derive(Clone, Debug)]
pub struct Blob {
    name: String,
    document: Document,
}

impl Blob {
    /// The document of this name, of at most so many bytes ([`MAX_DOCUMENT_BYTES`](super::MAX_DOCUMENT_BYTES) in any case).
    #[must_use]
    pub fn new(name: &str, max_bytes: usize) -> Self {
        Self { name: name.to_owned(), document: Document::new(name, max_bytes) }
    }

    /// Its size, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("document `{}`: at most {} bytes", self.name, self.document.max_bytes())
    }

    /// The document, unless it has the generation that the reader knows: then only a slot of 24 bytes is read.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`] until somebody publishes again.
    pub fn read_if_newer(&self, host: &mut dyn Host, known: Option<u64>) -> Result<Newer, Error> {
        self.document.read_if_newer(host, known)
    }

    /// Publishes a document over whatever is there.
    ///
    /// # Errors
    /// [`Error::Full`] when it is too long, [`Error::Unavailable`], [`Error::Contended`]: the old one stays.
    pub fn publish(&self, host: &mut dyn Host, now_ms: u64, bytes: &[u8]) -> Result<(), Error> {
        self.document.publish(host, now_ms, |_| Ok(Some(bytes.to_vec())))
    }
}

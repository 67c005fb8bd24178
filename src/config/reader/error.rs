//! What a configuration's text is refused with.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// What is wrong. In a box: results are moved often.
#[derive(Debug)]
pub(in crate::config) struct Error(Box<Wrong>);

#[derive(Debug)]
struct Wrong {
    what: String,
    /// After which byte; none as long as nobody knows.
    at: Option<usize>,
}

impl Error {
    #[cold]
    pub(super) fn new(what: String) -> Self {
        Self(Box::new(Wrong { what, at: None }))
    }

    /// After which byte of the text it is wrong.
    pub(in crate::config) fn place(&self) -> usize {
        self.0.at.unwrap_or(0)
    }

    /// Gives it a place, if it has none.
    #[cold]
    pub(super) fn at(mut self, at: usize) -> Self {
        self.0.at.get_or_insert(at);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl std::error::Error for Error {}

// Said as `serde_json` says it, which has words for null.
impl serde::de::Error for Error {
    #[cold]
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }

    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(serde_json::Error::invalid_type(found, expected).to_string())
    }

    #[cold]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(serde_json::Error::invalid_value(found, expected).to_string())
    }
}

/// Names as they are written: `` `a`, `b` ``.
pub(super) struct List<'a>(pub(super) &'a [&'a str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for name in self.0 {
            write!(f, "{between}`{name}`")?;
            between = ", ";
        }
        Ok(())
    }
}

/// An object with these fields, and nothing else.
pub(super) struct Object(pub(super) &'static [&'static str]);

impl Expected for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", List(self.0))
    }
}

//! Why there are no figures.

use std::fmt;
use std::io;

/// Why a measurement ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Envoy, Python or Cargo did not do what they should.
    Harness(lockgate_harness::Error),
    /// The operating system refused something.
    Io {
        /// What was to be done.
        what: String,
        /// Why it was not.
        source: io::Error,
    },
    /// A program ended badly.
    Failed {
        /// Which one.
        what: String,
        /// Its last lines.
        tail: String,
    },
    /// There was no whole answer to a request.
    Broken {
        /// Its path.
        path: String,
        /// What happened to it.
        why: String,
    },
    /// An answer or a figure is not what it must be.
    Wrong {
        /// What is wrong with it.
        what: String,
    },
}

impl Error {
    /// For `map_err` on what the operating system does.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// [`Error::Wrong`].
    pub fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong { what: what.into() }
    }
}

impl From<lockgate_harness::Error> for Error {
    fn from(error: lockgate_harness::Error) -> Self {
        Self::Harness(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Harness(error) => error.fmt(f),
            Self::Io { what, source } => write!(f, "cannot {what}: {source}"),
            Self::Failed { what, tail } => write!(f, "{what} failed:\n{tail}"),
            Self::Broken { path, why } => write!(f, "{path}: no whole answer: {why}"),
            Self::Wrong { what } => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

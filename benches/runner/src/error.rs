//! Why there are no figures.

use std::fmt;
use std::io;

/// Why a measurement ended.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is none of ours.
    Usage,
    /// Envoy, Python or Cargo did not do what they should.
    Harness(lockgate_harness::Error),
    /// The operating system refused something.
    Io { what: String, source: io::Error },
    /// A program ended badly.
    Failed { what: String, tail: String },
    /// An answer or a figure is not what it must be.
    Wrong { what: String },
    /// A smoke run found a ratio far too low.
    TooSlow { what: &'static str, ratio: f64, least: f64 },
}

impl Error {
    /// For `map_err` on what the operating system does.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn wrong(what: impl Into<String>) -> Self {
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
            Self::Usage => write!(
                f,
                "usage: lockgate-bench envoy|instructions|jwt|limits|keys|wasm|csv|modes|size|smoke|record|record-jwt|record-limits"
            ),
            Self::Harness(error) => error.fmt(f),
            Self::Io { what, source } => write!(f, "cannot {what}: {source}"),
            Self::Failed { what, tail } => write!(f, "{what} failed:\n{tail}"),
            Self::Wrong { what } => f.write_str(what),
            Self::TooSlow { what, ratio, least } => write!(f, "{what} is {ratio:.1}, must be at least {least:.1}"),
        }
    }
}

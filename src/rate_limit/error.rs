//! Why the filter refuses a request, and with which status.

use crate::table;

/// Why a request is refused. The client sees the status, and of a quota its policy's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is over a policy's quota.
    Quota,
    /// A penalty blocks it.
    Blocked,
    /// Too many workers wrote the same slot at once.
    Contended,
    /// There is no clock.
    NoClock,
    /// What the workers share cannot be used.
    NoTable,
    /// The rate-limit service has not answered.
    NoService,
    /// Too many requests wait for the rate-limit service.
    Busy,
    /// The request's path has two readings, or there is none.
    UnsafePath,
}

impl Reason {
    /// Every reason, for the counters.
    pub(super) const ALL: [Self; 8] = [
        Self::Quota,
        Self::Blocked,
        Self::Contended,
        Self::NoClock,
        Self::NoTable,
        Self::NoService,
        Self::Busy,
        Self::UnsafePath,
    ];

    /// A word for metrics, audit lines and `lockgate try`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Blocked => "blocked",
            Self::Contended => "contended",
            Self::NoClock => "no_clock",
            Self::NoTable => "no_table",
            Self::NoService => "no_service",
            Self::Busy => "busy",
            Self::UnsafePath => "unsafe_path",
        }
    }

    /// The status that the client gets.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::UnsafePath => 400,
            Self::Quota | Self::Blocked | Self::Contended => 429,
            Self::NoClock | Self::NoTable | Self::NoService | Self::Busy => 503,
        }
    }
}

impl From<table::Error> for Reason {
    fn from(error: table::Error) -> Self {
        match error {
            table::Error::Contended => Self::Contended,
            table::Error::Unavailable | table::Error::Full | table::Error::Corrupt => Self::NoTable,
        }
    }
}

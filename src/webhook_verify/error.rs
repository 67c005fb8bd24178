//! Why the filter refuses a request, and with which status.

use crate::table;

/// Why a webhook does not go on. The sender sees the status, and one text for all that is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A signature, or what is signed beside the body, is not there.
    Missing,
    /// It is there, and not as the scheme writes it; also where it stands twice.
    Malformed,
    /// Its time lies too far back.
    Stale,
    /// Its time lies too far ahead.
    Future,
    /// No secret makes this signature of what came.
    Mismatch,
    /// It was delivered before.
    Replayed,
    /// The same delivery is under way.
    InFlight,
    /// Its event is not on the endpoint's list.
    Event,
    /// Its body is longer than `max_body_bytes`.
    BodyLength,
    /// Its body is encoded, which the scheme does not cover.
    Encoding,
    /// The request's path has two readings, or there is none.
    UnsafePath,
    /// None of the endpoint's secrets is valid at this time.
    NoSecret,
    /// There is no clock.
    NoClock,
    /// What the workers share cannot be used.
    NoTable,
    /// There is no room for another delivery to be remembered.
    TableFull,
    /// Too many workers wrote the same slot at once.
    Contended,
    /// The host has let the head go before the body was there.
    NotHeld,
    /// Other bodies take all the memory that there is for them.
    Memory,
    /// What leaves cannot be signed: something that its scheme signs is not there, or not as it must be.
    Unsigned,
}

impl Reason {
    /// Every reason, for the counters.
    pub(super) const ALL: [Self; 19] = [
        Self::Missing,
        Self::Malformed,
        Self::Stale,
        Self::Future,
        Self::Mismatch,
        Self::Replayed,
        Self::InFlight,
        Self::Event,
        Self::BodyLength,
        Self::Encoding,
        Self::UnsafePath,
        Self::NoSecret,
        Self::NoClock,
        Self::NoTable,
        Self::TableFull,
        Self::Contended,
        Self::NotHeld,
        Self::Memory,
        Self::Unsigned,
    ];

    /// A word for metrics, audit lines and `lockgate try`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Mismatch => "mismatch",
            Self::Replayed => "replayed",
            Self::InFlight => "in_flight",
            Self::Event => "event",
            Self::BodyLength => "body_length",
            Self::Encoding => "encoding",
            Self::UnsafePath => "unsafe_path",
            Self::NoSecret => "no_secret",
            Self::NoClock => "no_clock",
            Self::NoTable => "no_table",
            Self::TableFull => "table_full",
            Self::Contended => "contended",
            Self::NotHeld => "not_held",
            Self::Memory => "memory",
            Self::Unsigned => "unsigned",
        }
    }

    /// The status that the sender gets; of a replay, unless the configuration says 409.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Missing | Self::Malformed | Self::Stale | Self::Future | Self::Mismatch => 401,
            Self::Replayed => 200,
            Self::InFlight => 409,
            Self::Event => 403,
            Self::BodyLength => 413,
            Self::Encoding => 415,
            Self::UnsafePath | Self::Unsigned => 400,
            Self::NoSecret
            | Self::NoClock
            | Self::NoTable
            | Self::TableFull
            | Self::Contended
            | Self::NotHeld
            | Self::Memory => 503,
        }
    }
}

impl From<table::Error> for Reason {
    fn from(error: table::Error) -> Self {
        match error {
            table::Error::Contended => Self::Contended,
            table::Error::Full => Self::TableFull,
            table::Error::Unavailable | table::Error::Corrupt => Self::NoTable,
        }
    }
}

//! Why the filter refuses something, and what the client is told.

use crate::{csv, json};

/// Why a request, an answer or a body is refused. The client sees the status alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The request's path has two readings, or there is none.
    UnsafePath,
    /// A protocol upgrade such as WebSocket, whose bytes nobody can inspect.
    Upgrade,
    /// `CONNECT`, whose bytes nobody can inspect.
    Connect,
    /// gRPC, whose messages are no JSON.
    Grpc,
    /// The caller may not use a protected endpoint.
    Protected,
    /// A media type that cannot be inspected.
    ContentType,
    /// A JSON type in a charset other than UTF-8.
    Charset,
    /// A body that is still encoded.
    Encoding,
    /// A part of a body.
    Partial,
    /// A body without a telling type that is no JSON object or array.
    NotJson,
    /// The body is not the JSON text that it claims to be.
    Json(json::Fault),
    /// The body is not the table with a header row that it claims to be.
    Csv(csv::Fault),
    /// An event of a stream is longer than it may be.
    EventLength,
    /// An event's data is not JSON, and the configuration ends a stream for that.
    EventNotJson,
    /// A GraphQL request asks for a field that rules take under another name.
    GraphqlAlias,
    /// A GraphQL request that cannot be inspected: a stored document, or one that cannot be read.
    GraphqlDocument,
    /// A GraphQL request that is too long to be looked at.
    GraphqlLength,
    /// The guard found in the outgoing bytes what should have been taken.
    Guard,
    /// So much would have to be held until it is known whether a pair's value goes that it may not be.
    PairLength,
    /// All exchanges together hold as much as they may.
    Busy,
}

/// Whose message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

impl Reason {
    /// A word for metrics, audit lines and `lockgate try`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::UnsafePath => "unsafe_path",
            Self::Upgrade => "upgrade",
            Self::Connect => "connect",
            Self::Grpc => "grpc",
            Self::Protected => "protected",
            Self::ContentType => "content_type",
            Self::Charset => "charset",
            Self::Encoding => "content_encoding",
            Self::Partial => "partial",
            Self::NotJson => "not_json",
            Self::Json(fault) => fault.code(),
            Self::Csv(fault) => fault.code(),
            Self::EventLength => "event_length",
            Self::EventNotJson => "event_not_json",
            Self::GraphqlAlias => "graphql_alias",
            Self::GraphqlDocument => "graphql_document",
            Self::GraphqlLength => "graphql_length",
            Self::Guard => "guard",
            Self::PairLength => "pair_length",
            Self::Busy => "busy",
        }
    }

    /// The status that the client gets.
    pub(super) fn status(self, direction: Direction) -> u16 {
        match (self, direction) {
            (Self::UnsafePath, _) => 400,
            (Self::Upgrade, Direction::Response) => 502,
            (Self::Upgrade | Self::Connect | Self::Grpc | Self::Protected, _) => 403,
            (Self::GraphqlAlias | Self::GraphqlDocument, _) => 403,
            (Self::GraphqlLength, _) => 413,
            (Self::Busy, _) => 503,
            (
                Self::ContentType
                | Self::Charset
                | Self::Encoding
                | Self::Partial
                | Self::NotJson
                | Self::Json(_)
                | Self::Csv(_)
                | Self::EventLength
                | Self::PairLength
                | Self::EventNotJson,
                direction,
            ) => match direction {
                Direction::Request => 415,
                Direction::Response => 502,
            },
            (Self::Guard, _) => 502,
        }
    }

    /// Every reason for which a body is blocked, for the counters.
    pub(super) const BLOCKING: [Self; 30] = [
        Self::ContentType,
        Self::Charset,
        Self::Encoding,
        Self::Partial,
        Self::NotJson,
        Self::EventLength,
        Self::EventNotJson,
        Self::PairLength,
        Self::Guard,
        Self::Busy,
        Self::Upgrade,
        Self::Json(json::Fault::Unexpected),
        Self::Json(json::Fault::ControlCharacter),
        Self::Json(json::Fault::BadEscape),
        Self::Json(json::Fault::NotUtf8),
        Self::Json(json::Fault::Truncated),
        Self::Json(json::Fault::TooDeep),
        Self::Json(json::Fault::KeyTooLong),
        Self::Csv(csv::Fault::Parameter),
        Self::Csv(csv::Fault::NoHeader),
        Self::Csv(csv::Fault::AmbiguousSeparator),
        Self::Csv(csv::Fault::BareQuote),
        Self::Csv(csv::Fault::ControlCharacter),
        Self::Csv(csv::Fault::NotUtf8),
        Self::Csv(csv::Fault::FieldCount),
        Self::Csv(csv::Fault::LineEnd),
        Self::Csv(csv::Fault::Truncated),
        Self::Csv(csv::Fault::HeaderTooLong),
        Self::Csv(csv::Fault::RecordTooLong),
        Self::Csv(csv::Fault::TooManyColumns),
    ];
}

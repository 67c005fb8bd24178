//! Error answers: RFC 9457 problems with fixed texts. Nothing of the database or the request gets into them.

use std::io::Write as _;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::token;

/// Why a request was not served.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No such record; the noun comes from the resource.
    NoSuch(&'static str),
    NoSuchPath,
    Method,
    /// A query parameter is not as documented; the text says which and how.
    Query(&'static str),
    UnknownRole,
    /// The body is not JSON in UTF-8.
    NotJson,
    TooLarge,
    /// The body is JSON, but a field is missing or not of the right type.
    Unfit,
    Internal,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuch(_) | Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Query(_) | Self::UnknownRole | Self::NotJson => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unfit => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::NoSuch(noun) => format!("there is no such {noun}"),
            Self::NoSuchPath => "there is nothing at this path".to_owned(),
            Self::Method => "this path has no such method".to_owned(),
            Self::Query(detail) => (*detail).to_owned(),
            Self::UnknownRole => format!("role must be one of {}", token::Role::names()),
            Self::NotJson => "the body is not JSON".to_owned(),
            Self::TooLarge => "the body is too large".to_owned(),
            Self::Unfit => "a field is missing, of the wrong type, or names no record".to_owned(),
            Self::Internal => "the portal could not answer".to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, body.to_string()).into_response()
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::TypeMismatch) => Self::Unfit,
            Some(_) | None => {
                // For the operator only.
                let _ = writeln!(std::io::stderr(), "portals: {error}");
                Self::Internal
            }
        }
    }
}

/// The fallback of every listener.
pub(crate) async fn no_such_path() -> Problem {
    Problem::NoSuchPath
}

/// The answer to a method that a path does not have.
pub(crate) async fn no_such_method() -> Problem {
    Problem::Method
}

//! `/api/maintenance/test/bad/{kind}`: answers that no portal should give, each with revenue in it. A gateway must refuse
//! them, break them off or strip them, and never pass the revenue on.

use std::io::{self, Write as _};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;

use crate::body::json;
use crate::problem::Problem;

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(list)).route("/{kind}", get(bad))
}

/// The names of all kinds.
async fn list() -> Response {
    json(StatusCode::OK, serde_json::json!(KINDS.map(|(name, _)| name)).to_string())
}

async fn bad(Path(kind): Path<String>) -> Result<Response, Problem> {
    let (_, make) = KINDS.into_iter().find(|(name, _)| *name == kind).ok_or(Problem::NoSuch("kind of bad answer"))?;
    make().answer()
}

/// An answer before it is sent.
struct Bad {
    status: StatusCode,
    head: Vec<(HeaderName, &'static str)>,
    body: Vec<u8>,
    /// Whether the connection is cut where the body ends.
    cut: bool,
}

impl Bad {
    fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::typed("application/json", body)
    }

    fn typed(media_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: StatusCode::OK, head: vec![(header::CONTENT_TYPE, media_type)], body: body.into(), cut: false }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.head.push((name, value));
        self
    }

    fn encoded(self, coding: &'static str) -> Self {
        self.with(header::CONTENT_ENCODING, coding)
    }

    fn answer(self) -> Result<Response, Problem> {
        let body = if self.cut {
            let broken = io::Error::from(io::ErrorKind::ConnectionAborted);
            Body::from_stream(stream::iter([Ok(self.body), Err(broken)]))
        } else {
            Body::from(self.body)
        };
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.head {
            response = response.header(name, value);
        }
        response.body(body).map_err(|_| Problem::Internal)
    }
}

type Make = fn() -> Bad;

/// Each by its name in the path.
const KINDS: [(&str, Make); 24] = [
    ("truncated", || Bad::json(&PART[..PART.len().saturating_sub(9)])),
    ("cut", || Bad { cut: true, ..Bad::json(format!("[{PART},")) }),
    ("wrong-type", || Bad::typed("text/plain", PART)),
    ("unknown-type", || Bad::typed("application/x-parts", PART)),
    ("no-type", || Bad { head: Vec::new(), ..Bad::json(PART) }),
    ("header", || Bad::json(r#"{"id":1}"#).with(HeaderName::from_static("x-profit-margin"), "9.5")),
    ("trailing", || Bad::json(format!("{PART}<!-- markup 12.5 -->"))),
    ("two-texts", || Bad::json(format!("{{\"id\":1}}{PART}"))),
    ("bom", || Bad::json(format!("\u{feff}{PART}"))),
    ("utf-16", || Bad::json(PART.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())),
    ("utf-16-labelled", || {
        let text: Vec<u8> = PART.encode_utf16().flat_map(u16::to_be_bytes).collect();
        Bad::typed("application/json; charset=utf-16", text)
    }),
    ("jsonp", || Bad::typed("application/javascript", format!("parts({PART});"))),
    ("xssi-prefix", || Bad::json(format!(")]}}',\n{PART}"))),
    ("nan", || Bad::json(r#"{"id":NaN,"unit_cost":120.5}"#)),
    ("comment", || Bad::json(r#"{/* "id": 1, */ "unit_cost": 120.5}"#)),
    ("deep", || Bad::json(format!("{}{PART}{}", "[".repeat(DEEP), "]".repeat(DEEP)))),
    ("escapes", || Bad::json(r#"{"id":1,"\u0075nit\u005fcost":120.5,"mark\u0075p":"\u0031"}"#)),
    ("partial", || {
        let part = Bad::json(PART).with(header::CONTENT_RANGE, "bytes 0-99/4000");
        Bad { status: StatusCode::PARTIAL_CONTENT, ..part }
    }),
    ("multipart", || {
        let body = format!("--x\r\ncontent-type: application/json\r\n\r\n{PART}\r\n--x--\r\n");
        Bad::typed("multipart/mixed; boundary=x", body)
    }),
    ("gzip-unasked", || Bad::json(gzip(PART)).encoded("gzip")),
    ("gzip-unlabelled", || Bad::json(gzip(PART))),
    ("gzip-mislabelled", || Bad::json(PART).encoded("gzip")),
    ("gzip-truncated", || {
        let whole = gzip(PART);
        Bad::json(whole.split_at(whole.len() / 2).0).encoded("gzip")
    }),
    // In the order in which they were applied (RFC 9110, section 8.4).
    ("stacked", || Bad::json(gzip(gzip(PART))).encoded("gzip, gzip")),
];

/// Deeper than any honest answer, and than many parsers' stacks.
const DEEP: usize = 50_000;
const PART: &str = r#"{"id":1,"name":"Fuel injection pump","unit_cost":120.5,"markup_percentage":12.5,"pricing":{"list":135.5},"stock":3}"#;

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail; an empty body would show in the tests.
    packed.write_all(text.as_ref()).and_then(|()| packed.finish()).unwrap_or_default()
}

//! Answers that the gate itself gives (RFC 9457).

use std::borrow::Cow;

use crate::audit::{push_escaped, push_text};
use crate::bytes::{MAX_DIGITS, Word, any, digits};
use crate::head::{Head, Single};

/// Longest correlation id that is repeated in an answer or audit line, in bytes.
pub const MAX_CORRELATION_ID_BYTES: usize = 128;

/// An answer made by the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header fields; the host adds `content-length`.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body; may be empty.
    pub body: Vec<u8>,
    /// Why, for audit lines and metrics only.
    pub reason: &'static str,
}

impl Reply {
    /// A problem: status, fixed text, the correlation id. The reason stays inside.
    #[must_use]
    pub fn problem(status: u16, reason: &'static str, detail: Option<&str>, correlation_id: Option<&str>) -> Self {
        Self {
            status,
            headers: vec![
                ("content-type".into(), "application/problem+json".to_owned()),
                ("cache-control".into(), "no-store".to_owned()),
            ],
            body: problem_json("about:blank", title(status), status, detail, &[], correlation_id),
            reason,
        }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16, reason: &'static str) -> Self {
        Self { status, headers: vec![("cache-control".into(), "no-store".to_owned())], body: Vec::new(), reason }
    }
}

/// A problem as JSON, its members in the order of their names. The names of violated policies are those of section 5 of
/// draft-ietf-httpapi-ratelimit-headers-11; type and title are our own texts, which need no escapes.
pub(crate) fn problem_json(
    kind: &str,
    title: &str,
    status: u16,
    detail: Option<&str>,
    violated: &[&str],
    correlation_id: Option<&str>,
) -> Vec<u8> {
    let mut out = vec![b'{'];
    push_text(&mut out, b"\"detail\":\"", detail.as_ref(), b"\",");
    push_text(&mut out, b"\"instance\":\"", correlation_id.as_ref(), b"\",");
    let mut place = [0; MAX_DIGITS];
    for text in [
        &b"\"status\":"[..],
        digits(u64::from(status), &mut place),
        b",\"title\":\"",
        title.as_bytes(),
        b"\",\"type\":\"",
        kind.as_bytes(),
        b"\"",
    ] {
        out.extend_from_slice(text);
    }
    for (n, name) in violated.iter().enumerate() {
        out.extend_from_slice(if n == 0 { b",\"violated-policies\":[\"" } else { b",\"" });
        push_escaped(&mut out, name.as_bytes());
        out.push(b'"');
    }
    if !violated.is_empty() {
        out.push(b']');
    }
    out.push(b'}');
    out
}

/// The correlation id: `x-request-id`, when it is one short text of visible ASCII.
#[must_use]
pub fn correlation_id(request: &Head) -> Option<String> {
    correlation(request).map(str::to_owned)
}

/// The same where it stands.
pub(crate) fn correlation(request: &Head) -> Option<&str> {
    match request.single("x-request-id") {
        Single::One(id) if id.len() <= MAX_CORRELATION_ID_BYTES && !any(id, beyond_graphic, is_beyond_graphic) => {
            std::str::from_utf8(id).ok()
        }
        Single::One(_) | Single::Absent | Single::Many => None,
    }
}

/// Whether a byte is anything but visible ASCII.
fn is_beyond_graphic(byte: u8) -> bool {
    !byte.is_ascii_graphic()
}

/// The same for eight bytes: their high bits.
fn beyond_graphic(word: Word) -> u64 {
    word.below(b'!') | word.is(0x7f) | word.beyond_ascii()
}

/// The status phrases of RFC 9110 that the gate uses.
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, Reply, beyond_graphic, correlation_id, is_beyond_graphic};
    use crate::bytes::tests::assert_alike;

    #[test]
    fn eight_bytes_are_as_visible_as_one() {
        assert_alike(beyond_graphic, is_beyond_graphic);
    }

    #[test]
    fn a_problem_says_no_more_than_it_should() {
        let reply = Reply::problem(502, "json_syntax", None, Some("id-1"));
        assert_eq!(
            String::from_utf8(reply.body).unwrap(),
            r#"{"instance":"id-1","status":502,"title":"Bad Gateway","type":"about:blank"}"#
        );
        let reply = Reply::problem(403, "protected", Some("no \"x\""), None);
        assert_eq!(
            String::from_utf8(reply.body).unwrap(),
            r#"{"detail":"no \"x\"","status":403,"title":"Forbidden","type":"about:blank"}"#
        );
    }

    #[test]
    fn only_a_plain_correlation_id_is_repeated() {
        for (id, want) in [("a-1", Some("a-1")), ("", Some("")), ("a b", None), ("a\nb", None), ("é", None)] {
            let head = Head::new(vec![("x-request-id".to_owned(), id.as_bytes().to_vec())], true);
            assert_eq!(correlation_id(&head).as_deref(), want, "{id:?}");
        }
        let long = Head::new(vec![("x-request-id".to_owned(), vec![b'a'; 129])], true);
        assert_eq!(correlation_id(&long), None);
    }
}

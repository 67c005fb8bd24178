//! Requests and answers as they stand on the wire (RFC 9112): start line, header fields, an empty line, the body.
//!
//! Lines end with LF or CRLF. HTTP/2 is written with the same lines, as `curl -i` shows it. A chunked body is taken out of
//! its chunks.

use lockgate::replay::{Answer, Content, Fields, Request};

/// Why a text is no message, and in which line (from 1). Holds nothing of the text but names of fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Reads a request.
pub(super) fn request(text: &[u8]) -> Result<Request, Fault> {
    let mut lines = Lines { rest: text, line: 0 };
    let start = lines.start()?;
    let [method, target, version] = start.split(' ').collect::<Vec<_>>()[..] else {
        return Err(lines.fault("must be `METHOD /path HTTP/1.1`, divided by single spaces"));
    };
    check_version(version, &lines)?;
    if !is_token(method) {
        return Err(lines.fault("the method may have letters, digits and a few signs only, such as GET"));
    }
    if target.contains("://") {
        return Err(
            lines.fault("the target must be path and query alone, such as /api/parts?page=2; the host is a header")
        );
    }
    let mut content = content(&mut lines)?;
    for (name, _) in &mut content.headers {
        // As Envoy shows it to filters.
        if name == "host" {
            ":authority".clone_into(name);
        }
    }
    Ok(Request { method: method.to_owned(), path: target.to_owned(), content })
}

/// Reads an answer.
pub(super) fn answer(text: &[u8]) -> Result<Answer, Fault> {
    let mut lines = Lines { rest: text, line: 0 };
    let start = lines.start()?;
    let mut parts = start.splitn(3, ' ');
    check_version(parts.next().unwrap_or_default(), &lines)?;
    let status = parts.next().filter(|status| status.len() == 3).and_then(|status| status.parse::<u16>().ok());
    let Some(status) = status.filter(|status| (200..=599).contains(status)) else {
        return Err(lines.fault("the status must be 200 to 599 after one space, as in `HTTP/1.1 200 OK`"));
    };
    Ok(Answer::Response { status, content: content(&mut lines)?, cut: false })
}

struct Lines<'a> {
    rest: &'a [u8],
    /// Of the line read last, from 1.
    line: usize,
}

impl<'a> Lines<'a> {
    fn fault(&self, message: &str) -> Fault {
        Fault { line: self.line.max(1), message: message.to_owned() }
    }

    /// The next line without its end.
    fn next(&mut self, what: &str) -> Result<&'a [u8], Fault> {
        let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') else {
            self.line += 1;
            return Err(self.fault(&format!("the text ends where {what} must stand, with a line end")));
        };
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        self.line += 1;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn start(&mut self) -> Result<&'a str, Fault> {
        let line = self.next("the first line of a message")?;
        std::str::from_utf8(line)
            .ok()
            .filter(|line| line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '))
            .ok_or_else(|| self.fault("the first line has bytes that are no visible ASCII"))
    }

    /// Header fields or trailers up to the empty line.
    fn fields(&mut self) -> Result<Fields, Fault> {
        let mut fields = Fields::new();
        loop {
            let line = self.next("a header field, or the empty line after the last")?;
            if line.is_empty() {
                return Ok(fields);
            }
            if fields.len() >= MAX_FIELDS {
                return Err(self.fault(&format!("there are more than {MAX_FIELDS} header fields")));
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                return Err(
                    self.fault("a header field may not go on in a second line (RFC 9112, section 5.2); join the lines")
                );
            }
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                return Err(self.fault("must be `name: value`, or empty before the body"));
            };
            let (name, value) = line.split_at(colon);
            let name = std::str::from_utf8(name).ok().filter(|name| is_token(name));
            let Some(name) = name else {
                return Err(self.fault(
                    "a header's name may have letters, digits and a few signs only, no space before the colon",
                ));
            };
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if value.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
                return Err(self.fault(&format!("the value of `{name}` has a control character")));
            }
            fields.push((name.to_ascii_lowercase(), value.to_vec()));
        }
    }
}

fn content(lines: &mut Lines<'_>) -> Result<Content, Fault> {
    let headers = lines.fields()?;
    let value = |name: &str| headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_slice());
    if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
        let (body, trailers) = chunked(lines)?;
        return Ok(Content { headers, body, chunk: 0, trailers });
    }
    let mut body = lines.rest;
    if let Some(length) = value("content-length") {
        let length: Option<usize> = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok());
        let Some(length) = length else {
            return Err(lines.fault("content-length must be a number of bytes"));
        };
        // An editor ends the file with a line end of its own.
        let end = body.get(length..).unwrap_or_default();
        if matches!(end, b"\n" | b"\r\n") {
            body = body.get(..length).unwrap_or_default();
        }
        if body.len() != length {
            let message = format!(
                "content-length is {length} and the body, from the next line on, has {} bytes; correct it or take it out",
                body.len()
            );
            return Err(lines.fault(&message));
        }
    }
    Ok(Content { headers, body: body.to_vec(), chunk: 0, trailers: Fields::new() })
}

/// A chunked body and its trailers (RFC 9112, section 7.1).
fn chunked(lines: &mut Lines<'_>) -> Result<(Vec<u8>, Fields), Fault> {
    let mut body = Vec::new();
    loop {
        let size = lines.next("the size of a chunk")?;
        let digits = size.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let size = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(size) = size else {
            return Err(lines.fault(
                "must be the size of a chunk in hexadecimal, because of `transfer-encoding: chunked`; for a plain body take \
                 that header out",
            ));
        };
        if size == 0 {
            return Ok((body, lines.fields()?));
        }
        let Some((chunk, rest)) = lines.rest.split_at_checked(size) else {
            return Err(lines.fault(&format!("the chunk has {size} bytes, and the text ends before")));
        };
        body.extend_from_slice(chunk);
        lines.line += chunk.iter().filter(|&&byte| byte == b'\n').count();
        lines.rest = rest;
        if !lines.next("the end of a chunk")?.is_empty() {
            return Err(lines.fault(&format!("the chunk of {size} bytes does not end here; correct its size")));
        }
    }
}

fn check_version(version: &str, lines: &Lines<'_>) -> Result<(), Fault> {
    if matches!(version, "HTTP/1.1" | "HTTP/1.0" | "HTTP/2" | "HTTP/2.0" | "HTTP/3") {
        return Ok(());
    }
    Err(lines.fault("the first line must have HTTP/1.1, as in `GET /path HTTP/1.1` and `HTTP/1.1 200 OK`"))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Most header fields of a message.
const MAX_FIELDS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn messages_are_read_with_either_line_end() {
        for end in ["\n", "\r\n"] {
            let text = ["POST /a?b=c HTTP/1.1", "Host: x", "X-A:  1 ", "X-A:2", "", "{}"].join(end);
            let got = request(text.as_bytes()).unwrap();
            assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/a?b=c"));
            assert_eq!(got.content.headers, fields(&[(":authority", "x"), ("x-a", "1"), ("x-a", "2")]));
            assert_eq!(got.content.body, b"{}");

            let text =
                ["HTTP/1.1 200 OK", "transfer-encoding: chunked", "", "3;x", "abc", "2", "\n\n", "0", "x-t: 1", "", ""];
            let Answer::Response { status, content, .. } = answer(text.join(end).as_bytes()).unwrap() else { panic!() };
            assert_eq!((status, content.body.as_slice()), (200, &b"abc\n\n"[..]));
            assert_eq!(content.trailers, fields(&[("x-t", "1")]));
        }
        let Answer::Response { status, content, .. } = answer(b"HTTP/2 204\ncontent-length: 2\n\nab\n").unwrap() else {
            panic!()
        };
        assert_eq!((status, content.body.as_slice()), (204, &b"ab"[..]), "the editor's line end is no part of it");
    }

    #[test]
    fn faults_name_the_line() {
        for (text, line, want) in [
            ("", 1, "the text ends"),
            ("GET /\n\n", 1, "must be `METHOD"),
            ("GET  / HTTP/1.1\n\n", 1, "must be `METHOD"),
            ("GET / HTTP/9\n\n", 1, "HTTP/1.1"),
            ("G(T / HTTP/1.1\n\n", 1, "the method"),
            ("GET http://x/ HTTP/1.1\n\n", 1, "path and query alone"),
            ("GET / HTTP/1.1\nhost x\n\n", 2, "`name: value`"),
            ("GET / HTTP/1.1\na: 1\nb : 2\n\n", 3, "before the colon"),
            ("GET / HTTP/1.1\na: 1\n b\n\n", 3, "second line"),
            ("GET / HTTP/1.1\na: \x01\n\n", 2, "control character"),
            ("GET / HTTP/1.1\na: 1", 2, "the text ends"),
            ("GET / HTTP/1.1\na: 1\n", 3, "the text ends"),
            ("POST / HTTP/1.1\ncontent-length: 5\n\nabc\n", 3, "has 4 bytes"),
            ("POST / HTTP/1.1\ncontent-length: x\n\nabc\n", 3, "must be a number"),
            ("POST / HTTP/1.1\ntransfer-encoding: chunked\n\n{}\n", 4, "size of a chunk"),
            ("POST / HTTP/1.1\ntransfer-encoding: chunked\n\n9\n{}\n", 4, "ends before"),
            ("POST / HTTP/1.1\ntransfer-encoding: chunked\n\n1\n{}\n0\n\n", 5, "does not end here"),
        ] {
            let fault = request(text.as_bytes()).unwrap_err();
            assert!(fault.line == line && fault.message.contains(want), "{text:?}: {fault:?}");
        }
        for (text, want) in
            [("HTTP/1.1 ok\n\n", "status"), ("HTTP/1.1 100 Continue\n\n", "status"), ("200 OK\n\n", "HTTP/1.1")]
        {
            let fault = answer(text.as_bytes()).unwrap_err();
            assert!(fault.line == 1 && fault.message.contains(want), "{text:?}: {fault:?}");
        }
    }
}

//! Finding the one token of a request, and taking it out again.

use super::config::{HeaderSource, Sources};
use super::error::Reason;
use crate::head::{Head, Single};

/// The name under which RFC 6750, section 2.3 puts a token into the query. Beside a token in another place it is a second
/// one, wherever tokens are looked for.
const ACCESS_TOKEN: &[u8] = b"access_token";

impl Sources {
    /// The token. `target` is path and query.
    ///
    /// # Errors
    /// [`Reason::NoToken`]; more than one; or credentials that are not one token.
    pub(super) fn find<'a>(&self, head: &'a Head, target: &'a [u8]) -> Result<&'a [u8], Reason> {
        let mut found: Option<&'a [u8]> = None;
        let mut note = |token: &'a [u8]| match found.replace(token) {
            None => Ok(()),
            Some(_) => Err(Reason::TwoTokens),
        };
        for source in &self.headers {
            match head.single(&source.name) {
                Single::Absent => {}
                Single::Many => return Err(Reason::TwoTokens),
                Single::One(value) => {
                    if let Some(token) = source.token(value)? {
                        note(token)?;
                    }
                }
            }
        }
        if !self.cookies.is_empty() {
            for (name, value) in cookies(head) {
                if self.cookies.iter().any(|wanted| wanted.as_bytes() == name) {
                    note(value)?;
                }
            }
        }
        let mut extra = false;
        for (name, value) in parameters(target) {
            if self.queries.iter().any(|wanted| is_name(name, wanted.as_bytes())) {
                note(value)?;
            } else if is_name(name, ACCESS_TOKEN) {
                extra = true;
            }
        }
        match (found, extra) {
            (Some(_), true) => Err(Reason::TwoTokens),
            (Some(token), false) => Ok(token),
            (None, _) => Err(Reason::NoToken),
        }
    }

    /// Takes tokens out of the request, wherever they may stand. Credentials of other schemes are no tokens.
    pub(super) fn remove(&self, head: &mut Head) {
        for source in &self.headers {
            if head.values(&source.name).any(|value| !matches!(source.token(value), Ok(None))) {
                head.remove(&source.name);
            }
        }
        if !self.cookies.is_empty() {
            self.remove_cookies(head);
        }
        if self.queries.is_empty() {
            return;
        }
        let Single::One(target) = head.single(":path") else { return };
        let Some(mark) = target.iter().position(|&byte| byte == b'?') else { return };
        let (path, query) = target.split_at(mark);
        let query = query.get(1..).unwrap_or_default();
        let is_token = |part: &&[u8]| {
            let (name, _) = pair(part, b'=');
            self.queries.iter().any(|wanted| is_name(name, wanted.as_bytes()))
        };
        if !query.split(|&byte| byte == b'&').any(|part| is_token(&part)) {
            return;
        }
        let kept: Vec<&[u8]> = query.split(|&byte| byte == b'&').filter(|part| !is_token(part)).collect();
        let mut target = path.to_vec();
        if !kept.is_empty() {
            target.push(b'?');
            target.extend(kept.join(&b'&'));
        }
        head.set(":path", &target);
    }

    fn remove_cookies(&self, head: &mut Head) {
        let is_token = |name: &[u8]| self.cookies.iter().any(|wanted| wanted.as_bytes() == name);
        if !cookies(head).any(|(name, _)| is_token(name)) {
            return;
        }
        let values = head.values("cookie").flat_map(|value| value.split(|&byte| byte == b';'));
        let kept: Vec<&[u8]> =
            values.map(trim).filter(|cookie| !cookie.is_empty() && !is_token(trim(pair(cookie, b'=').0))).collect();
        if kept.is_empty() {
            head.remove("cookie");
        } else {
            let value = kept.join(&b"; "[..]);
            head.set("cookie", &value);
        }
    }
}

impl HeaderSource {
    /// The token in a header's value; `None` when there is none, as with another scheme.
    fn token<'a>(&self, value: &'a [u8]) -> Result<Option<&'a [u8]>, Reason> {
        if !self.scheme {
            return Ok(Some(value));
        }
        let (scheme, rest) = pair(value, b' ');
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Ok(None);
        }
        match rest.iter().position(|&byte| byte != b' ').and_then(|from| rest.get(from..)) {
            Some(token) => Ok(Some(token)),
            None => Err(Reason::BadCredentials),
        }
    }
}

/// Whether credentials are one token to the end (RFC 6750, section 2.1), as far as their bytes tell.
pub(super) fn is_one_token(credentials: &[u8]) -> bool {
    credentials.iter().all(|&byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"'))
}

/// All cookies of a request (RFC 6265, section 5.4).
pub(super) fn cookies(head: &Head) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.values("cookie").flat_map(|value| value.split(|&byte| byte == b';')).map(|cookie| {
        let (name, value) = pair(cookie, b'=');
        (trim(name), trim(value))
    })
}

/// Without blanks and control bytes at its ends: there are readers that drop any of them.
fn trim(text: &[u8]) -> &[u8] {
    let kept = |&byte: &u8| byte > b' ' && byte != 0x7f;
    let from = text.iter().position(kept).unwrap_or(text.len());
    let to = text.iter().rposition(kept).map_or(from, |last| last + 1);
    text.get(from..to).unwrap_or_default()
}

/// The parameters of a target's query.
fn parameters(target: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let query = target.iter().position(|&byte| byte == b'?').and_then(|mark| target.get(mark + 1..));
    query.into_iter().flat_map(|query| query.split(|&byte| byte == b'&')).map(|part| pair(part, b'='))
}

/// What stands before and after the first `mark`.
fn pair(text: &[u8], mark: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == mark) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

/// Whether a parameter's name says this, percent encoding undone: a portal would undo it.
fn is_name(name: &[u8], wanted: &[u8]) -> bool {
    let mut rest = name;
    let mut wanted = wanted.iter();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match (byte, after) {
            (b'%', &[high, low, ref more @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => (high << 4 | low, more),
                (_, _) => (byte, after),
            },
            (b'+', _) => (b' ', after),
            (_, _) => (byte, after),
        };
        if wanted.next() != Some(&byte) {
            return false;
        }
        rest = after;
    }
    wanted.next().is_none()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

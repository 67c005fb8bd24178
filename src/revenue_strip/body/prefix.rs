//! What servers put before JSON so that no script of another site can read it, and around it for JSONP: an exact list,
//! kept byte for byte. What follows is strict JSON.

use std::rc::Rc;

use super::content::Text;
use super::judge::Rulebook;
use crate::config::ConfigError;
use crate::json::{Edit, Fault};
use crate::revenue_strip::error::Reason;

/// Most prefixes.
pub const MAX_PREFIXES: usize = 16;
/// Longest prefix, in bytes; as many are held until it is known whether one is there.
pub const MAX_PREFIX_BYTES: usize = 64;

/// The prefixes that may stand before a text, checked.
#[derive(Clone, Debug, Default)]
pub(in crate::revenue_strip) struct Prefixes(Rc<[String]>);

impl Prefixes {
    /// Paths of errors begin at the list.
    pub(in crate::revenue_strip) fn check(list: Vec<String>) -> Result<Self, ConfigError> {
        if list.len() > MAX_PREFIXES {
            return Err(ConfigError::new(
                "prefixes",
                format_args!("has {} entries, at most {MAX_PREFIXES} are allowed", list.len()),
            ));
        }
        for (n, prefix) in list.iter().enumerate() {
            if let Some(why) = fault(prefix) {
                return Err(ConfigError::new(format!("prefixes[{n}]"), why));
            }
            if list.iter().take(n).any(|earlier| earlier == prefix) {
                return Err(ConfigError::new(format!("prefixes[{n}]"), "stands twice"));
            }
        }
        Ok(Self(list.into()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the first bytes of a body say: the longest prefix that they begin with, `None` for none of them, or that
    /// more bytes are needed.
    fn at_start(&self, bytes: &[u8]) -> Option<Option<&str>> {
        let open = |prefix: &String| prefix.len() > bytes.len() && prefix.as_bytes().starts_with(bytes);
        if self.0.iter().any(open) {
            return None;
        }
        let fits = self.0.iter().filter(|prefix| bytes.starts_with(prefix.as_bytes()));
        Some(fits.map(String::as_str).max_by_key(|prefix| prefix.len()))
    }
}

/// Why a text cannot be a prefix.
fn fault(prefix: &str) -> Option<String> {
    if prefix.is_empty() || prefix.len() > MAX_PREFIX_BYTES {
        return Some(format!("must have 1..={MAX_PREFIX_BYTES} bytes"));
    }
    let is_plain = |letter: char| matches!(letter, '\n' | '\r' | '\t' | ' '..='~') && letter != '"';
    if !prefix.chars().all(is_plain) {
        return Some("may have printable ASCII other than `\"`, tabs and line ends only".to_owned());
    }
    let first = prefix.chars().next().unwrap_or_default();
    let literal =
        ["true", "false", "null"].into_iter().any(|name| name.starts_with(prefix) || prefix.starts_with(name));
    if literal || first.is_ascii_whitespace() || matches!(first, '{' | '[' | '-' | '0'..='9') {
        return Some(format!("could itself be JSON: it begins with `{first}`"));
    }
    None
}

/// A text before which a prefix may stand.
#[derive(Debug)]
pub(super) struct Prefixed {
    text: Text,
    prefixes: Prefixes,
    at: At,
    /// What may become a prefix.
    held: Vec<u8>,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Prefix,
    Text,
    /// The text of a call such as `callback(…);`, or the call's end.
    Argument,
    /// After `)`: `;` or white space.
    Closed,
    /// White space.
    End,
}

impl Prefixed {
    pub(super) fn new(text: Text, prefixes: &Prefixes) -> Self {
        Self { text, prefixes: prefixes.clone(), at: At::Prefix, held: Vec::new() }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held.len() + self.text.held_bytes()
    }

    pub(super) fn push(&mut self, bytes: &[u8], mut book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        match self.at {
            At::Text => return self.text.push(bytes, book, out),
            At::Argument | At::Closed | At::End => self.call(bytes, book, out)?,
            At::Prefix => {
                let untouched = self.held.is_empty();
                // The list looks at no more than its longest prefix.
                let taken = bytes.len().min(MAX_PREFIX_BYTES);
                let (near, far) = bytes.split_at_checked(taken).unwrap_or_default();
                self.held.extend_from_slice(near);
                match self.prefixes.at_start(&self.held) {
                    None => {}
                    Some(None) if untouched => {
                        self.at = At::Text;
                        self.held = Vec::new();
                        return self.text.push(bytes, book, out);
                    }
                    Some(found) => {
                        let prefix = found.unwrap_or_default();
                        out.extend_from_slice(prefix.as_bytes());
                        self.at = if prefix.ends_with('(') { At::Argument } else { At::Text };
                        let rest = self.held.split_off(prefix.len());
                        self.held = Vec::new();
                        self.go_on(&rest, book.reborrow(), out)?;
                        self.go_on(far, book, out)?;
                    }
                }
            }
        }
        Ok(Edit::Replaced)
    }

    /// Bytes after the prefix.
    fn go_on(&mut self, bytes: &[u8], book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        if self.at == At::Text { self.write(bytes, book, out) } else { self.call(bytes, book, out) }
    }

    fn write(&mut self, bytes: &[u8], book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        if self.text.push(bytes, book, out)? == Edit::Unchanged {
            out.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// The text of a call, and the call's end.
    fn call(&mut self, bytes: &[u8], mut book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        let mut rest = bytes;
        while self.at == At::Argument {
            let Some(place) = rest.iter().position(|&byte| byte == b')') else {
                return self.write(rest, book, out);
            };
            let (before, after) = rest.split_at_checked(place).unwrap_or_default();
            self.write(before, book.reborrow(), out)?;
            if self.text.finish().is_ok() {
                self.at = At::Closed;
                out.push(b')');
            } else {
                // Inside a string, or a fault.
                self.write(b")", book.reborrow(), out)?;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        for &byte in rest {
            match (self.at, byte) {
                (At::Closed, b';') => self.at = At::End,
                (_, b' ' | b'\t' | b'\r' | b'\n') => {}
                (_, _) => return Err(Reason::Json(Fault::Unexpected)),
            }
            out.push(byte);
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<(), Reason> {
        match self.at {
            // Part of a prefix is never a text: none begins as one.
            At::Prefix if !self.held.is_empty() => Err(Reason::Json(Fault::Truncated)),
            At::Prefix | At::Closed | At::End => Ok(()),
            At::Text | At::Argument => self.text.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PREFIXES, Prefixes};

    #[test]
    fn what_could_be_json_is_no_prefix() {
        for (prefix, why) in [
            (")]}',\n", None),
            ("while(1);", None),
            ("for(;;);", None),
            ("/**/cb(", None),
            ("throw 1; < don't be evil' >\r\n", None),
            ("&&&START&&&", None),
            ("", Some("must have 1..=64 bytes")),
            (&"x".repeat(65), Some("must have 1..=64 bytes")),
            (&"x".repeat(64), None),
            ("{}&&", Some("begins with `{`")),
            ("[", Some("begins with `[`")),
            ("\"", Some("printable ASCII")),
            ("a\"b", Some("printable ASCII")),
            ("é", Some("printable ASCII")),
            ("\u{feff}", Some("printable ASCII")),
            ("\u{1e}", Some("printable ASCII")),
            ("-", Some("begins with `-`")),
            ("0x", Some("begins with `0`")),
            (" while(1);", Some("begins with ` `")),
            ("\n", Some("begins with `\\n`")),
            ("nullcb(", Some("begins with `n`")),
            ("true", Some("begins with `t`")),
            ("fals", Some("begins with `f`")),
            ("n", Some("begins with `n`")),
        ] {
            let result = Prefixes::check(vec!["ok".to_owned(), prefix.to_owned()]);
            match (result, why) {
                (Ok(_), None) => {}
                (Err(error), Some(why)) => {
                    let error = error.to_string();
                    assert!(error.starts_with("prefixes[1]: ") && error.contains(why), "{error}");
                }
                (result, _) => panic!("{prefix:?}: {result:?}"),
            }
        }
        assert_eq!(Prefixes::check(vec!["a".to_owned(); 2]).unwrap_err().to_string(), "prefixes[1]: stands twice");
        let many = (0..=MAX_PREFIXES).map(|n| format!("x{n}")).collect();
        let error = Prefixes::check(many).unwrap_err().to_string();
        assert_eq!(error, "prefixes: has 17 entries, at most 16 are allowed");
    }
}

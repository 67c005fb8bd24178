//! Paths: which ones are normal, and which patterns they fit.

use std::fmt;

use crate::bytes::{Word, find, same};
use crate::config::ConfigError;

mod index;
mod relation;

pub(crate) use self::index::PathIndex;

/// Longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// The path of a request target: what stands before `?`.
#[must_use]
pub fn of_target(target: &[u8]) -> &[u8] {
    find(target, b'?').and_then(|at| target.get(..at)).unwrap_or(target)
}

/// Why a request target has two readings, so that filter and portal could differ about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unnormal {
    /// It does not begin with `/`.
    NotAbsolute,
    /// A control byte or a raw `#`, also in the query.
    ForbiddenByte,
    /// A raw backslash.
    Backslash,
    /// `//`.
    EmptySegment,
    /// A segment `.` or `..`.
    DotSegment,
    /// A `;` parameter.
    Parameter,
    /// An encoded letter, digit, `-`, `.`, `_` or `~` (RFC 3986, section 2.3).
    EncodedUnreserved,
    /// `%2f`, `%5c` or `%00`.
    EncodedSeparator,
    /// `%` without two hex digits.
    BadPercent,
}

impl fmt::Display for Unnormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "path does not begin with /",
            Self::ForbiddenByte => "control byte or raw # in the target",
            Self::Backslash => "backslash in the path",
            Self::EmptySegment => "empty segment in the path",
            Self::DotSegment => "dot segment in the path",
            Self::Parameter => "; parameter in the path",
            Self::EncodedUnreserved => "encoded unreserved character in the path",
            Self::EncodedSeparator => "encoded separator in the path",
            Self::BadPercent => "broken percent encoding in the path",
        })
    }
}

/// Checks that a request target (path and query) has one reading only.
///
/// # Errors
/// The first reason why it has not.
pub fn check_normal(target: &[u8]) -> Result<(), Unnormal> {
    normal_path(target).map(|_| ())
}

/// The path of a request target that has one reading only.
pub(crate) fn normal_path(target: &[u8]) -> Result<&[u8], Unnormal> {
    match plain(target) {
        Some(Query::None) => Ok(target),
        Some(Query::Perhaps) => Ok(of_target(target)),
        None => check_each(target).map(|()| of_target(target)),
    }
}

/// The same, byte by byte.
fn check_each(target: &[u8]) -> Result<(), Unnormal> {
    if target.first() != Some(&b'/') {
        return Err(Unnormal::NotAbsolute);
    }
    if target.iter().any(|&byte| byte.is_ascii_control() || byte == b'#') {
        return Err(Unnormal::ForbiddenByte);
    }
    let path = of_target(target);
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => return Err(Unnormal::Backslash),
            b';' => return Err(Unnormal::Parameter),
            b'/' if after.first() == Some(&b'/') => return Err(Unnormal::EmptySegment),
            b'%' => match decoded(after).ok_or(Unnormal::BadPercent)? {
                b'/' | b'\\' | 0 => return Err(Unnormal::EncodedSeparator),
                byte if is_unreserved(byte) => return Err(Unnormal::EncodedUnreserved),
                _ => {}
            },
            _ => {}
        }
    }
    if path.split(|&byte| byte == b'/').any(|segment| matches!(segment, b"." | b"..")) {
        return Err(Unnormal::DotSegment);
    }
    Ok(())
}

/// Whether a target has a query.
enum Query {
    None,
    Perhaps,
}

/// What is known of the query of a target that begins with `/` and has nothing in it, also in its query, that could keep it from being
/// normal. Most have not.
fn plain(target: &[u8]) -> Option<Query> {
    if target.first() != Some(&b'/') {
        return None;
    }
    let Some(last) = target.last_chunk::<8>() else {
        let doubled = target.windows(2).any(|two| two == b"//");
        return (!doubled && !target.iter().any(|&byte| is_odd(byte))).then_some(Query::Perhaps);
    };
    // The last eight overlap those before them, where these are not all.
    let ((mut found, _), mut before) = (odd(Word::of(last), 0), 0);
    let mut queries = Word::of(last).is(b'?');
    for bytes in target.as_chunks::<8>().0 {
        let word = Word::of(bytes);
        let (more, slash) = odd(word, before);
        (found, before) = (found | more, slash);
        queries |= word.is(b'?');
    }
    (found == 0).then_some(if queries == 0 { Query::None } else { Query::Perhaps })
}

/// The high bits of bytes that could keep a target from being normal, and whether the last byte of the word is a slash, as a byte's high
/// bit; `before` says so of the word before it.
#[inline(always)]
fn odd(word: Word, before: u64) -> (u64, u64) {
    let slashes = word.is(b'/');
    let odd = word.below(b'/') & !word.is(b'-') | word.is(b';') | word.is(b'\\') | word.is(0x7f);
    (odd | slashes & (slashes << 8 | before), slashes >> 56)
}

/// Whether a byte is a control byte, a part of an encoding or a dot segment, or `#`, `;`, `\`; or one of some that are harmless.
fn is_odd(byte: u8) -> bool {
    byte < b'/' && byte != b'-' || matches!(byte, b';' | b'\\' | 0x7f)
}

/// The one normal form of a request target: unreserved characters decoded, `\` as `/`, no parameters, no empty or dot
/// segments, no fragment. The query stays.
///
/// # Errors
/// What has no safe normal form: an encoded separator, broken percent encoding, control bytes, no leading `/`.
pub fn normalize(target: &[u8]) -> Result<Vec<u8>, Unnormal> {
    if !matches!(target.first(), Some(b'/' | b'\\')) {
        return Err(Unnormal::NotAbsolute);
    }
    if target.iter().any(u8::is_ascii_control) {
        return Err(Unnormal::ForbiddenByte);
    }
    let target = target.split(|&byte| byte == b'#').next().unwrap_or_default();
    let raw_path = of_target(target);
    let query = target.get(raw_path.len()..).unwrap_or_default();

    let mut plain = Vec::with_capacity(raw_path.len());
    let mut rest = raw_path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => plain.push(b'/'),
            b'%' => {
                let byte = decoded(after).ok_or(Unnormal::BadPercent)?;
                let (digits, more) = after.split_at_checked(2).unwrap_or_default();
                rest = more;
                match byte {
                    b'/' | b'\\' | 0 => return Err(Unnormal::EncodedSeparator),
                    byte if is_unreserved(byte) => plain.push(byte),
                    _ => {
                        plain.push(b'%');
                        plain.extend(digits.iter().map(u8::to_ascii_uppercase));
                    }
                }
            }
            _ => plain.push(byte),
        }
    }

    let mut segments: Vec<&[u8]> = Vec::new();
    let mut ends_open = false;
    for segment in plain.split(|&byte| byte == b'/') {
        let segment = segment.split(|&byte| byte == b';').next().unwrap_or_default();
        ends_open = true;
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            _ => {
                segments.push(segment);
                ends_open = false;
            }
        }
    }
    let mut out = Vec::with_capacity(plain.len() + query.len() + 1);
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if ends_open || segments.is_empty() {
        out.push(b'/');
    }
    out.extend_from_slice(query);
    Ok(out)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The byte that two hex digits at the start of `digits` stand for.
fn decoded(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = *digits else {
        return None;
    };
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high << 4 | low).ok()
}

/// How letters and a trailing slash count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// For rules that take away: ASCII letters match in either case, a trailing slash does not matter.
    Lenient,
    /// For rules that grant: as written.
    Exact,
}

/// A pattern over path segments: `*` is one segment, `**` any number, also none.
///
/// Segments are compared with percent encoding undone on both sides, so that no spelling of a path escapes a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<Part>,
    /// How many of its first bytes are all that it asks for, where its only wildcard is a `**` at its end; else 0. Most paths that
    /// fit begin with just these.
    open_from: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    One(Vec<u8>),
    AnyOne,
    AnyNumber,
}

impl PathPattern {
    /// Reads a pattern such as `/api/*/parts/**`.
    ///
    /// # Errors
    /// Not starting with `/`, not a normal path, `*` inside a segment, a query, or more than [`MAX_PATTERN_BYTES`]. The
    /// error's path is empty: the caller knows the field.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |message: &dyn fmt::Display| Err(ConfigError::new("", format_args!("`{text}` {message}")));
        if text.len() > MAX_PATTERN_BYTES {
            return Err(ConfigError::new("", format_args!("is longer than {MAX_PATTERN_BYTES} bytes")));
        }
        if text.contains('?') {
            return refuse(&"has a query; patterns are for paths");
        }
        if let Err(reason) = check_normal(text.as_bytes()) {
            return refuse(&format_args!("can never match: {reason}"));
        }
        let mut parts = Vec::new();
        for segment in text.split('/').skip(1) {
            parts.push(match segment {
                "**" => Part::AnyNumber,
                "*" => Part::AnyOne,
                _ if segment.contains('*') => {
                    return refuse(&"has `*` inside a segment; `*` stands for a whole segment, `**` for any number");
                }
                _ => Part::One(undo_percent(segment.as_bytes())),
            });
        }
        let open_from = text.strip_suffix("**").filter(|start| !start.contains('*')).map_or(0, str::len);
        Ok(Self { text: text.to_owned(), parts, open_from })
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a normal path (no query) fits.
    #[must_use]
    pub fn matches(&self, path: &[u8], strictness: Strictness) -> bool {
        let Some(path) = path.strip_prefix(b"/") else {
            return false;
        };
        if self.is_open_to(path) || fits(&self.parts, Some(path), strictness) {
            return true;
        }
        if strictness == Strictness::Exact {
            return false;
        }
        // `/a/` fits `/a`, and `/a` fits `/a/`.
        let without = path.strip_suffix(b"/");
        if without.is_some_and(|path| fits(&self.parts, Some(path), strictness)) {
            return true;
        }
        match self.parts.split_last() {
            Some((Part::One(last), parts)) if last.is_empty() => fits(parts, Some(path), strictness),
            Some(_) | None => false,
        }
    }
}

impl PathPattern {
    /// Whether a path, without its first slash, begins as written with all that the pattern asks for. Others may fit, too.
    #[inline(never)]
    fn is_open_to(&self, path: &[u8]) -> bool {
        match self.text.as_bytes().get(1..self.open_from) {
            Some(start) => path.get(..start.len()).is_some_and(|begin| same(begin, start)),
            None => false,
        }
    }
}

/// Whether the segments of `path` (`None`: no more segments) fit. On a mismatch the last `**` takes one segment more;
/// earlier ones need not be tried again, so the work is at most path length × pattern length.
fn fits(parts: &[Part], path: Option<&[u8]>, strictness: Strictness) -> bool {
    let (mut parts, mut path) = (parts, path);
    // After the last `**`: the parts that follow it, and the path from where they were tried.
    let mut retry: Option<(&[Part], Option<&[u8]>)> = None;
    loop {
        let fitted = match (parts.split_first(), path) {
            (Some((Part::AnyNumber, rest)), _) => {
                if rest.is_empty() {
                    return true;
                }
                parts = rest;
                retry = Some((rest, path));
                continue;
            }
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => None,
            (Some((Part::AnyOne, rest)), Some(here)) => {
                let (segment, after) = next_segment(here);
                (!segment.is_empty()).then_some((rest, after))
            }
            (Some((Part::One(want), rest)), Some(here)) => {
                let (segment, after) = next_segment(here);
                same_segment(segment, want, strictness).then_some((rest, after))
            }
        };
        (parts, path) = match (fitted, retry) {
            (Some(next), _) => next,
            (None, Some((rest, Some(from)))) => {
                let shorter = next_segment(from).1;
                retry = Some((rest, shorter));
                (rest, shorter)
            }
            (None, Some((_, None)) | None) => return false,
        };
    }
}

/// In what every request is looked up by.
#[inline(always)]
fn next_segment(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match find(path, b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..)),
        None => (path, None),
    }
}

/// Compares a segment of a path, percent encoding undone, with a pattern's decoded one.
fn same_segment(segment: &[u8], want: &[u8], strictness: Strictness) -> bool {
    // Undone, no encoding is longer.
    if segment.len() < want.len() {
        return false;
    }
    if find(segment, b'%').is_none() {
        return match strictness {
            Strictness::Lenient => segment.eq_ignore_ascii_case(want),
            Strictness::Exact => same(segment, want),
        };
    }
    let mut segment = segment;
    let mut want = want;
    loop {
        let (&byte, after) = match (segment.split_first(), want.first()) {
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(split), Some(_)) => split,
        };
        let (byte, after) = match (byte, decoded(after)) {
            (b'%', Some(byte)) => (byte, after.get(2..).unwrap_or_default()),
            (_, _) => (byte, after),
        };
        let Some((&wanted, more)) = want.split_first() else {
            return false;
        };
        let same = match strictness {
            Strictness::Lenient => byte.eq_ignore_ascii_case(&wanted),
            Strictness::Exact => byte == wanted,
        };
        if !same {
            return false;
        }
        segment = after;
        want = more;
    }
}

/// The `n`th segment of a path, from 1.
pub(crate) fn segment(path: &[u8], n: usize) -> Option<&[u8]> {
    path.strip_prefix(b"/")?.split(|&byte| byte == b'/').nth(n.checked_sub(1)?)
}

/// Whether a segment of a path says exactly this, percent encoding undone.
pub(crate) fn segment_is(segment: &[u8], want: &[u8]) -> bool {
    same_segment(segment, want, Strictness::Exact)
}

fn undo_percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, decoded(after)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (_, _) => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{
        PathPattern, Strictness, Unnormal, check_each, check_normal, is_odd, normal_path, normalize, of_target, plain,
    };

    #[test]
    fn only_one_reading_is_normal() {
        use Unnormal::{
            Backslash, BadPercent, DotSegment, EmptySegment, EncodedSeparator, EncodedUnreserved, ForbiddenByte,
            NotAbsolute, Parameter,
        };
        let cases: [(&str, Result<(), Unnormal>); 31] = [
            ("/", Ok(())),
            ("/api/parts", Ok(())),
            ("/api/parts/", Ok(())),
            ("/a%20b/%C3%A9?x=%2e//..;", Ok(())),
            ("/a..b/...", Ok(())),
            ("/é", Ok(())),
            ("", Err(NotAbsolute)),
            ("*", Err(NotAbsolute)),
            ("http://x/api", Err(NotAbsolute)),
            ("//", Err(EmptySegment)),
            ("/a//b", Err(EmptySegment)),
            ("/.", Err(DotSegment)),
            ("/a/..", Err(DotSegment)),
            ("/a/../b", Err(DotSegment)),
            ("/a/./b?x", Err(DotSegment)),
            ("/%70arts", Err(EncodedUnreserved)),
            ("/a/%2e%2e/b", Err(EncodedUnreserved)),
            ("/a%2Db", Err(EncodedUnreserved)),
            ("/a%2fb", Err(EncodedSeparator)),
            ("/a%2Fb", Err(EncodedSeparator)),
            ("/a%5cb", Err(EncodedSeparator)),
            ("/a%00", Err(EncodedSeparator)),
            ("/a\\b", Err(Backslash)),
            ("/a;x=1/b", Err(Parameter)),
            ("/a#b", Err(ForbiddenByte)),
            ("/a?b#c", Err(ForbiddenByte)),
            ("/a\tb", Err(ForbiddenByte)),
            ("/a?\x7f", Err(ForbiddenByte)),
            ("/a%", Err(BadPercent)),
            ("/a%4", Err(BadPercent)),
            ("/a%zz", Err(BadPercent)),
        ];
        for (target, want) in cases {
            assert_eq!(check_normal(target.as_bytes()), want, "{target}");
        }
    }

    #[test]
    fn what_is_plain_is_normal() {
        for length in 1..=26 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut target = vec![b'a'; length];
                    target[0] = b'/';
                    target[at] = byte;
                    let doubled = at == 1 && byte == b'/';
                    let want = target[0] == b'/' && !doubled && !is_odd(byte);
                    assert_eq!(plain(&target).is_some(), want, "{byte} at {at} of {length}");
                    assert!(!want || check_each(&target).is_ok(), "{byte} at {at} of {length}");
                    assert!(!want || normal_path(&target) == Ok(of_target(&target)), "{byte} at {at} of {length}");
                    if let (b'/', Some(after)) = (byte, target.get_mut(at + 1)) {
                        *after = b'/';
                        assert!(plain(&target).is_none(), "// at {at} of {length}");
                    }
                }
            }
        }
        assert!(plain(b"").is_none());
    }

    #[test]
    fn the_normal_form_is_normal_and_stays() {
        let cases = [
            ("/api/parts", Some("/api/parts")),
            ("/api/x/../parts/./a//b/?q=//..", Some("/api/parts/a/b/?q=//..")),
            ("/%61pi/%70arts%20x", Some("/api/parts%20x")),
            ("/a/%2e%2e/b", Some("/b")),
            ("/a/..;x=1/b;y", Some("/b")),
            ("\\api\\parts", Some("/api/parts")),
            ("/../../x", Some("/x")),
            ("/a/..", Some("/")),
            ("/a/b/.", Some("/a/b/")),
            ("/%c3%a9", Some("/%C3%A9")),
            ("/a#frag?x", Some("/a")),
            ("/a%2fb", None),
            ("/a%00", None),
            ("/a%zz", None),
            ("a", None),
            ("/a\rb", None),
        ];
        for (target, want) in cases {
            let got = normalize(target.as_bytes()).ok();
            assert_eq!(got.as_deref(), want.map(str::as_bytes), "{target}");
            if let Some(form) = got {
                assert_eq!(check_normal(&form), Ok(()), "{target}");
                assert_eq!(normalize(&form).as_ref(), Ok(&form), "{target}: twice");
            }
        }
    }

    #[test]
    fn patterns_match_whole_segments() {
        let cases = [
            ("/api/parts", "/api/parts", true, true),
            ("/api/parts", "/api/parts/", true, false),
            ("/api/parts/", "/api/parts", true, false),
            ("/api/parts", "/API/Parts", true, false),
            ("/api/parts", "/api/parts/1", false, false),
            ("/api/parts", "/api/partsx", false, false),
            ("/api/*/parts", "/api/x/parts", true, true),
            ("/api/*/parts", "/api//parts", false, false),
            ("/api/*/parts", "/api/x/y/parts", false, false),
            ("/api/*", "/api/", false, false),
            ("/api/*", "/api/x/", true, false),
            ("/api/**", "/api", true, true),
            ("/api/**", "/api/", true, true),
            ("/api/**", "/api/a/b/c", true, true),
            ("/api/**", "/apix", false, false),
            ("/API/**", "/api/x", true, false),
            ("/a%20b/**", "/a%20b/c", true, true),
            ("/a/*/**", "/a/*/c", true, true),
            ("/**", "/", true, true),
            ("/**", "/", true, true),
            ("/**", "/a/b", true, true),
            ("/**/pricing", "/pricing", true, true),
            ("/**/pricing", "/a/b/pricing", true, true),
            ("/**/pricing", "/a/pricing/b", false, false),
            ("/**/a/**/b", "/x/a/y/a/b", true, true),
            ("/**/a/**/b", "/b/a", false, false),
            ("/", "/", true, true),
            ("/", "/a", false, false),
            ("/a%20b", "/a%20b", true, true),
            ("/café", "/caf%C3%A9", true, true),
            ("/caf%c3%a9", "/café", true, true),
            ("/a(b)", "/a%28b%29", true, true),
        ];
        for (pattern, path, lenient, exact) in cases {
            let parsed = PathPattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(path.as_bytes(), Strictness::Lenient), lenient, "{pattern} {path} lenient");
            assert_eq!(parsed.matches(path.as_bytes(), Strictness::Exact), exact, "{pattern} {path} exact");
        }
    }

    #[test]
    fn a_pattern_that_can_never_match_is_refused() {
        for (pattern, want) in [
            ("api", "path does not begin with /"),
            ("", "path does not begin with /"),
            ("/a//b", "empty segment"),
            ("/a/../b", "dot segment"),
            ("/a?x", "has a query"),
            ("/a*", "`*` inside a segment"),
            ("/***", "`*` inside a segment"),
            ("/%70arts", "encoded unreserved"),
        ] {
            let message = PathPattern::parse(pattern).unwrap_err().to_string();
            assert!(message.contains(want), "{pattern}: {message}");
        }
    }

    #[test]
    fn a_hostile_path_costs_bounded_work() {
        // Would never end if each `**` were tried at each place.
        let pattern = PathPattern::parse("/**/a/**/a/**/a/**/a/**/a/**/a/**/b").unwrap();
        let path = "/a".repeat(30_000);
        assert!(!pattern.matches(path.as_bytes(), Strictness::Lenient));
    }
}

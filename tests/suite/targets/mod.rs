//! What the fuzz targets of `fuzz/` check, here for the stable toolchain as well: every seed and every case that was found
//! is replayed by an ordinary test.
//!
//! An input that begins with options has them in its first line, one letter each (see [`Options`]), so that seeds are
//! text that can be written by hand.

mod chain;
mod configuration;
mod csv;
mod editor;
mod graphql;
mod heads;
mod jwt;
mod jwt_access;
mod jwt_headers;
mod jwt_keyset;
mod jwt_token;
mod modes;
mod names;
mod pairs;
mod paths;
mod rate_limit_answer;
mod rate_limit_config;
mod rate_limit_decisions;
#[cfg(test)]
mod replay;
mod signature;
mod table_record;
mod webhook_headers;
mod webhook_scheme;

/// All targets.
pub(crate) const TARGETS: [(&str, fn(&[u8])); 20] = [
    ("chain", chain::check),
    ("configuration", configuration::check),
    ("csv", csv::check),
    ("editor", editor::check),
    ("graphql", graphql::check),
    ("heads", heads::check),
    ("jwt_access", jwt_access::check),
    ("jwt_headers", jwt_headers::check),
    ("jwt_keyset", jwt_keyset::check),
    ("jwt_token", jwt_token::check),
    ("modes", modes::check),
    ("pairs", pairs::check),
    ("paths", paths::check),
    ("rate_limit_answer", rate_limit_answer::check),
    ("rate_limit_config", rate_limit_config::check),
    ("rate_limit_decisions", rate_limit_decisions::check),
    ("signature", signature::check),
    ("table_record", table_record::check),
    ("webhook_headers", webhook_headers::check),
    ("webhook_scheme", webhook_scheme::check),
];

/// Runs one target; panics when what it checks does not hold.
pub(crate) fn run(target: &str, input: &[u8]) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    check(input);
}

/// Stands in values that must never leave, and nowhere else.
const SECRET: &str = "TopSecret";

fn has_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// The first line of an input: numbers, one letter each, as in base 36; other bytes are themselves. What is missing is 0.
struct Options<'a>(std::slice::Iter<'a, u8>);

impl<'a> Options<'a> {
    /// The options and what comes after them.
    fn split(input: &'a [u8]) -> (Self, &'a [u8]) {
        let (options, rest) = line(input);
        (Self(options.iter()), rest)
    }

    fn number(&mut self) -> usize {
        match self.0.next() {
            Some(&digit @ b'0'..=b'9') => usize::from(digit - b'0'),
            Some(&letter @ b'a'..=b'z') => usize::from(letter - b'a') + 10,
            Some(&byte) => usize::from(byte),
            None => 0,
        }
    }

    fn flag(&mut self) -> bool {
        self.number() % 2 == 1
    }

    /// Cuts `body` into pieces of the widths that are left, again and again; in one piece when there are none.
    fn cut(self, body: &[u8]) -> Vec<&[u8]> {
        let mut rest = body;
        let mut pieces = Vec::new();
        loop {
            let mut options = Self(self.0.clone());
            if options.0.len() == 0 {
                pieces.push(rest);
                return pieces;
            }
            while options.0.len() > 0 {
                let (piece, more) = rest.split_at(options.number().clamp(1, rest.len().max(1)).min(rest.len()));
                pieces.push(piece);
                rest = more;
                if rest.is_empty() {
                    return pieces;
                }
            }
        }
    }
}

/// The bytes before the first line feed, and those after it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

//! `match`: the paths and methods that a rule is about.

use std::borrow::Cow;

use serde::Deserialize;

use crate::config::ConfigError;
use crate::identity::is_header_name;
use crate::path::{PathPattern, Strictness};

/// Most paths and most methods of one rule.
pub const MAX_MATCH_ENTRIES: usize = 256;

/// The wire form of [`Match`].
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchWire {
    paths: Vec<String>,
    methods: Option<Vec<String>>,
}

/// Paths and methods; no methods means all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    paths: Vec<PathPattern>,
    methods: Option<Vec<String>>,
}

/// A method in upper case.
pub(crate) fn upper(method: &[u8]) -> Cow<'_, [u8]> {
    match method.iter().any(u8::is_ascii_lowercase) {
        true => Cow::Owned(method.to_ascii_uppercase()),
        false => Cow::Borrowed(method),
    }
}

impl MatchWire {
    pub(crate) fn check(self, path: &str) -> Result<Match, ConfigError> {
        let lists = [("paths", Some(&self.paths)), ("methods", self.methods.as_ref())];
        for (field, list) in lists {
            let Some(list) = list else { continue };
            if list.is_empty() {
                return Err(ConfigError::new(format!("{path}.{field}"), "is empty: the rule could never match"));
            }
            if list.len() > MAX_MATCH_ENTRIES {
                return Err(ConfigError::new(
                    format!("{path}.{field}"),
                    format_args!("has more than {MAX_MATCH_ENTRIES} entries"),
                ));
            }
        }
        let mut paths = Vec::with_capacity(self.paths.len());
        for (n, text) in self.paths.iter().enumerate() {
            paths.push(PathPattern::parse(text).map_err(|error| error.at(format!("{path}.paths[{n}]")))?);
        }
        for (n, method) in self.methods.iter().flatten().enumerate() {
            if !is_header_name(method) || method.bytes().any(|byte| byte.is_ascii_lowercase()) {
                return Err(ConfigError::new(
                    format!("{path}.methods[{n}]"),
                    format_args!("`{method}` is no method; methods are upper case, such as GET"),
                ));
            }
        }
        Ok(Match { paths, methods: self.methods })
    }
}

impl Match {
    /// The first pattern that fits, for a rule that takes away: letters of path and method match in either case (there are
    /// portals that take `get` for GET), a trailing slash does not matter, and what is said of GET holds for HEAD, whose
    /// answer has the same head.
    #[must_use]
    pub fn takes_away(&self, method: &[u8], path: &[u8]) -> Option<&PathPattern> {
        self.paths.get(self.taken_by(method, path)?)
    }

    /// The same, by its place.
    pub(crate) fn taken_by(&self, method: &[u8], path: &[u8]) -> Option<usize> {
        if !self.takes_away_method(method) {
            return None;
        }
        self.paths.iter().position(|pattern| pattern.matches(path, Strictness::Lenient))
    }

    /// Whether a rule that takes away is about this method.
    pub(crate) fn takes_away_method(&self, method: &[u8]) -> bool {
        let is = |want: &str| want.as_bytes().eq_ignore_ascii_case(method);
        let same = |want: &String| is(want) || want == "GET" && is("HEAD");
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(same))
    }

    /// The first pattern that fits, for a rule that grants: method and path exactly as written.
    #[must_use]
    pub fn grants(&self, method: &[u8], path: &[u8]) -> Option<&PathPattern> {
        if !self.grants_method(method) {
            return None;
        }
        self.paths.iter().find(|pattern| pattern.matches(path, Strictness::Exact))
    }

    /// Whether a rule that grants is about this method.
    pub(crate) fn grants_method(&self, method: &[u8]) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|want| want.as_bytes() == method))
    }

    /// The patterns, at least one.
    #[must_use]
    pub fn paths(&self) -> &[PathPattern] {
        &self.paths
    }

    /// The methods; `None`: all.
    #[must_use]
    pub fn methods(&self) -> Option<&[String]> {
        self.methods.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::{Match, MatchWire};

    fn read(json: &str) -> Result<Match, String> {
        let wire: MatchWire = serde_json::from_str(json).map_err(|error| error.to_string())?;
        wire.check("match").map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_about_get_holds_for_head() {
        let get = read(r#"{"paths":["/a/**","/b"],"methods":["GET","POST"]}"#).unwrap();
        for (method, path, want) in [
            ("GET", "/A/x", Some("/a/**")),
            ("HEAD", "/b/", Some("/b")),
            ("POST", "/b", Some("/b")),
            ("PUT", "/b", None),
            ("get", "/b", Some("/b")),
            ("Head", "/b", Some("/b")),
            ("GET", "/c", None),
        ] {
            let fits = get.takes_away(method.as_bytes(), path.as_bytes());
            assert_eq!(fits.map(crate::path::PathPattern::as_str), want, "{method} {path}");
        }
        let any = read(r#"{"paths":["/a"]}"#).unwrap();
        assert!(any.takes_away(b"BREW", b"/a").is_some());
    }

    #[test]
    fn a_rule_that_grants_is_read_to_the_letter() {
        let get = read(r#"{"paths":["/a/**","/b"],"methods":["GET"]}"#).unwrap();
        for (method, path, want) in [
            ("GET", "/a/x", Some("/a/**")),
            ("GET", "/b", Some("/b")),
            ("GET", "/b/", None),
            ("GET", "/A/x", None),
            ("HEAD", "/b", None),
            ("get", "/b", None),
            ("GET ", "/b", None),
            ("POST", "/b", None),
        ] {
            let fits = get.grants(method.as_bytes(), path.as_bytes());
            assert_eq!(fits.map(crate::path::PathPattern::as_str), want, "{method} {path}");
        }
        let any = read(r#"{"paths":["/a"]}"#).unwrap();
        assert!(any.grants(b"BREW", b"/a").is_some());
    }

    #[test]
    fn what_could_never_match_is_refused() {
        for (json, want) in [
            (r#"{"paths":[]}"#, "match.paths: is empty"),
            (r#"{"paths":["/a"],"methods":[]}"#, "match.methods: is empty"),
            (r#"{"paths":["/a","b"]}"#, "match.paths[1]: `b` can never match"),
            (r#"{"paths":["/a"],"methods":["get"]}"#, "match.methods[0]: `get` is no method"),
            (r#"{"paths":["/a"],"verbs":[]}"#, "unknown field `verbs`"),
        ] {
            let message = read(json).unwrap_err();
            assert!(message.starts_with(want), "{json}: {message}");
        }
    }
}

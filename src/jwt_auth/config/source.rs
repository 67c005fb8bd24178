//! Where tokens are looked for.

use serde::Deserialize;

use super::{MAX_ENTRIES, at_most, check_text};
use crate::config::ConfigError;
use crate::identity::is_header_name;

/// The wire form of one source: one of its members.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct SourceWire {
    header: Option<String>,
    cookie: Option<String>,
    query: Option<String>,
}

/// All sources. A token may stand in one of them only.
#[derive(Debug)]
pub(in crate::jwt_auth) struct Sources {
    pub(in crate::jwt_auth) headers: Vec<HeaderSource>,
    pub(in crate::jwt_auth) cookies: Vec<String>,
    pub(in crate::jwt_auth) queries: Vec<String>,
}

/// A header with a token.
#[derive(Debug)]
pub(in crate::jwt_auth) struct HeaderSource {
    pub(in crate::jwt_auth) name: String,
    /// `authorization` carries a scheme before the token; in any other header the token stands alone.
    pub(in crate::jwt_auth) scheme: bool,
}

impl Sources {
    pub(super) fn check(wire: Option<Vec<SourceWire>>) -> Result<Self, ConfigError> {
        let mut sources = Self { headers: Vec::new(), cookies: Vec::new(), queries: Vec::new() };
        let Some(wire) = wire else {
            sources.headers.push(HeaderSource { name: "authorization".to_owned(), scheme: true });
            return Ok(sources);
        };
        if wire.is_empty() {
            return Err(ConfigError::new(
                "sources",
                "is empty: no token could ever be found; leave it out for the default",
            ));
        }
        at_most("sources", wire.len(), MAX_ENTRIES)?;
        for (n, source) in wire.into_iter().enumerate() {
            let path = format!("sources[{n}]");
            match (source.header, source.cookie, source.query) {
                (Some(name), None, None) => {
                    let name = name.to_ascii_lowercase();
                    let unfit = ["cookie", "host", "content-length", "transfer-encoding", "connection"];
                    if !is_header_name(&name) || unfit.contains(&name.as_str()) {
                        return Err(ConfigError::new(
                            format!("{path}.header"),
                            "is no header that could carry a token",
                        ));
                    }
                    sources.headers.push(HeaderSource { scheme: name == "authorization", name });
                }
                (None, Some(name), None) => {
                    if !is_header_name(&name) {
                        return Err(ConfigError::new(format!("{path}.cookie"), "is no cookie name (RFC 6265)"));
                    }
                    sources.cookies.push(name);
                }
                (None, None, Some(name)) => {
                    check_text(&format!("{path}.query"), &name, 128)?;
                    sources.queries.push(name);
                }
                (_, _, _) => {
                    return Err(ConfigError::new(path, "must name one place: header, cookie or query"));
                }
            }
        }
        let names = sources.headers.iter().map(|source| &source.name);
        for list in [names.collect::<Vec<_>>(), sources.cookies.iter().collect(), sources.queries.iter().collect()] {
            if list.iter().enumerate().any(|(n, name)| list.iter().take(n).any(|other| other == name)) {
                return Err(ConfigError::new("sources", "names a place twice"));
            }
        }
        Ok(sources)
    }
}

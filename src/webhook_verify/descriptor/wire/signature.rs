//! Where signatures stand, and how they are written.

use serde::Deserialize;

use super::{Encoding, PlaceWire, header, list, text};
use crate::config::ConfigError;
use crate::signature;
use crate::webhook_verify::components;
use crate::webhook_verify::descriptor::{
    Components, Detached, Place, Prefix, Signature, SignatureSource, Style, Token,
};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SignatureWire {
    from: SourceWire,
    pub(super) style: Option<StyleWire>,
    encoding: Option<Encoding>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum SourceWire {
    Header(String),
    Query(String),
    Form(String),
    Json(String),
    /// A header that may stand several times.
    HeaderLines(String),
    /// Headers that have a secret each, by place.
    KeyedHeaders(Vec<String>),
    /// Headers that end in a number of 1 to 100.
    NumberedHeaders(String),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum StyleWire {
    Whole(WholeWire),
    Pairs(PairsWire),
    Versions(VersionsWire),
    Token(TokenWire),
    Components(ComponentsWire),
    Detached(DetachedWire),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct WholeWire {
    prefix: String,
    prefix_optional: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PairsWire {
    separator: char,
    names: Vec<String>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct VersionsWire {
    separator: char,
    mark: char,
    /// Absent: all of them.
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ComponentsWire {
    covered: Vec<String>,
    label: Option<String>,
    tag: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct DetachedWire {
    algorithms: Vec<String>,
    headers: String,
    is: Option<Vec<MemberWire>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct MemberWire {
    member: String,
    is: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct TokenWire {
    algorithms: Vec<String>,
    issuer: Option<String>,
    body_sha256: Option<String>,
    empty_without: Option<bool>,
    url_sha256: Option<String>,
    issued: Option<String>,
}

impl SignatureWire {
    pub(super) fn check(self, path: &str) -> Result<Signature, ConfigError> {
        let from = format!("{path}.from");
        let source = match self.from {
            SourceWire::Header(name) => SignatureSource::One(PlaceWire::Header(name).check(&from)?),
            SourceWire::Query(name) => SignatureSource::One(PlaceWire::Query(name).check(&from)?),
            SourceWire::Form(name) => SignatureSource::One(PlaceWire::Form(name).check(&from)?),
            SourceWire::Json(steps) => SignatureSource::One(PlaceWire::Json(steps).check(&from)?),
            SourceWire::HeaderLines(name) => SignatureSource::Lines(header(&from, &name)?),
            SourceWire::NumberedHeaders(name) => SignatureSource::Numbered(header(&from, &name)?),
            SourceWire::KeyedHeaders(names) => {
                list(&from, &names)?;
                let names = names.iter().map(|name| header(&from, name));
                SignatureSource::Keyed(names.collect::<Result<_, _>>()?)
            }
        };
        let style = match self.style {
            None => Style::Whole { prefix: Prefix::None },
            Some(StyleWire::Whole(WholeWire { prefix, prefix_optional })) => {
                let prefix = text(&format!("{path}.style.whole.prefix"), prefix)?;
                let may = prefix_optional.unwrap_or(false);
                Style::Whole { prefix: if may { Prefix::May(prefix) } else { Prefix::Must(prefix) } }
            }
            Some(StyleWire::Pairs(PairsWire { separator, names, strict })) => {
                list(&format!("{path}.style.pairs.names"), &names)?;
                Style::Pairs { separator, names, strict: strict.unwrap_or(false) }
            }
            Some(StyleWire::Versions(VersionsWire { separator, mark, versions })) => {
                versions
                    .as_ref()
                    .map_or(Ok(()), |list_of| list(&format!("{path}.style.versions.versions"), list_of))?;
                Style::Versions { separator, mark, versions: versions.unwrap_or_default() }
            }
            Some(StyleWire::Token(token)) => Style::Token(token.check(&format!("{path}.style.token"))?),
            Some(StyleWire::Components(components)) => {
                if source != SignatureSource::One(Place::Header("signature".to_owned())) {
                    return Err(ConfigError::new(
                        from,
                        "must be {\"header\": \"signature\"} where components are signed",
                    ));
                }
                Style::Components(components.check(&format!("{path}.style.components"))?)
            }
            Some(StyleWire::Detached(token)) => Style::Detached(token.check(&format!("{path}.style.detached"))?),
        };
        let needed = matches!(style, Style::Whole { .. } | Style::Pairs { .. } | Style::Versions { .. });
        let encoding = match (self.encoding, needed) {
            (Some(encoding), true) => encoding,
            (None, false) => Encoding::Raw,
            (Some(_), false) => return Err(ConfigError::new(format!("{path}.encoding"), "is a token's own")),
            (None, true) => {
                return Err(ConfigError::new(format!("{path}.encoding"), "is missing: hex, base64, base64url or raw"));
            }
        };
        Ok(Signature { source, style, encoding })
    }
}

impl ComponentsWire {
    fn check(self, path: &str) -> Result<Components, ConfigError> {
        list(&format!("{path}.covered"), &self.covered)?;
        if let Some(n) = self.covered.iter().position(|name| !components::can_be_covered(name)) {
            return Err(ConfigError::new(
                format!("{path}.covered[{n}]"),
                "is neither a header field in lower case nor derived, such as @method",
            ));
        }
        Ok(Components {
            label: self.label.map(|label| text(&format!("{path}.label"), label)).transpose()?,
            tag: self.tag.map(|tag| text(&format!("{path}.tag"), tag)).transpose()?,
            covered: self.covered,
        })
    }
}

impl DetachedWire {
    fn check(self, path: &str) -> Result<Detached, ConfigError> {
        let algorithms = jose(path, &self.algorithms)?;
        if algorithms.iter().any(|algorithm| algorithm.is_symmetric()) {
            return Err(ConfigError::new(format!("{path}.algorithms"), "must be of public keys"));
        }
        let mut is = Vec::new();
        for (n, MemberWire { member, is: value }) in self.is.unwrap_or_default().into_iter().enumerate() {
            let at = |field: &str| format!("{path}.is[{n}].{field}");
            is.push((text(&at("member"), member)?, text(&at("is"), value)?));
        }
        Ok(Detached { algorithms, headers: text(&format!("{path}.headers"), self.headers)?, is })
    }
}

/// The algorithms that a token may have.
fn jose(path: &str, names: &[String]) -> Result<Vec<signature::Algorithm>, ConfigError> {
    list(&format!("{path}.algorithms"), names)?;
    let mut algorithms = Vec::new();
    for (n, name) in names.iter().enumerate() {
        algorithms.push(signature::Algorithm::from_name(name).ok_or_else(|| {
            ConfigError::new(format!("{path}.algorithms[{n}]"), "is no algorithm of JOSE, such as ES256")
        })?);
    }
    Ok(algorithms)
}

impl TokenWire {
    fn check(self, path: &str) -> Result<Token, ConfigError> {
        let algorithms = jose(path, &self.algorithms)?;
        if algorithms
            .iter()
            .any(|algorithm| algorithm.is_symmetric() != algorithms.iter().all(|one| one.is_symmetric()))
        {
            return Err(ConfigError::new(format!("{path}.algorithms"), "mixes secrets and public keys"));
        }
        if self.body_sha256.is_none() {
            return Err(ConfigError::new(format!("{path}.body_sha256"), "is missing: nothing would bind the body"));
        }
        Ok(Token {
            algorithms,
            issuer: self.issuer,
            body_sha256: self.body_sha256,
            empty_without: self.empty_without.unwrap_or(false),
            url_sha256: self.url_sha256,
            issued: self.issued,
        })
    }
}

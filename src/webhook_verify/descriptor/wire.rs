//! The wire form of a scheme.

use serde::Deserialize;

use super::{
    Answer, Challenge, Components, Descriptor, Detached, Facts, FieldSource, Fields, Listed, MAX_SEGMENTS,
    MAX_TEXT_BYTES, Place, Prefix, Require, Segment, Signature, SignatureSource, Style, Timestamp, Token, Urls, Wanted,
};
use crate::claims::ClaimPath;
use crate::config::ConfigError;
use crate::identity::is_header_name;
use crate::signature::{self, MacHash};
use crate::webhook_verify::{challenge, components, timestamp};

/// The window of a time, in seconds, where neither scheme nor configuration says otherwise.
pub(in crate::webhook_verify) const DEFAULT_WINDOW_S: u32 = 300;
/// Longest window of a time, in seconds (a day).
pub const MAX_WINDOW_S: u32 = 86_400;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::webhook_verify) struct DescriptorWire {
    #[expect(dead_code, reason = "for people: where the provider describes it")]
    source: Option<String>,
    algorithm: Algorithm,
    secret: Option<SchemeSecretWire>,
    signature: SignatureWire,
    signed: Option<Vec<SegmentWire>>,
    free: Option<PlaceWire>,
    each: Option<String>,
    urls: Option<UrlsWire>,
    timestamp: Option<TimestampWire>,
    id: Option<PlaceWire>,
    event: Option<PlaceWire>,
    require: Option<Vec<RequireWire>>,
    challenges: Option<Vec<ChallengeWire>>,
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::webhook_verify) enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// The secret itself is sent.
    StaticToken,
    /// SHA-256 over the secret and then the rest: no MAC, as it can be extended.
    Sha256SecretPrefix,
    Ed25519,
    /// `r` and `s` side by side.
    EcdsaP256Sha256,
    /// In DER.
    EcdsaP256Sha256Der,
    RsaPkcs1Sha1,
    RsaPkcs1Sha256,
    RsaPssSha512,
    /// A JSON Web Signature, by one of the algorithms that `signature.style` lists.
    Jws,
}

impl Algorithm {
    /// The hash of its MAC, where it is one.
    pub(in crate::webhook_verify) const fn mac(self) -> Option<MacHash> {
        Some(match self {
            Self::HmacSha1 => MacHash::Sha1,
            Self::HmacSha256 => MacHash::Sha256,
            Self::HmacSha384 => MacHash::Sha384,
            Self::HmacSha512 => MacHash::Sha512,
            Self::StaticToken
            | Self::Sha256SecretPrefix
            | Self::Ed25519
            | Self::EcdsaP256Sha256
            | Self::EcdsaP256Sha256Der
            | Self::RsaPkcs1Sha1
            | Self::RsaPkcs1Sha256
            | Self::RsaPssSha512
            | Self::Jws => return None,
        })
    }
}

/// How a signature or a digest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::webhook_verify) enum Encoding {
    Hex,
    Base64,
    /// Without padding.
    Base64url,
    /// As it is.
    Raw,
}

/// How a variable holds a secret or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::webhook_verify) enum Format {
    /// Its UTF-8.
    Raw,
    Hex,
    Base64,
    Base64url,
    /// Base64, `whsec_` before it or not, with or without padding.
    Whsec,
    /// An Ed25519 key in base64, `whpk_` before it or not.
    Whpk,
    /// A public key as SubjectPublicKeyInfo: PEM, or its DER in base64.
    Spki,
    /// A certificate, whose key is pinned: PEM. Its dates and issuer are not looked at.
    Certificate,
    /// A public key as JSON Web Key.
    Jwk,
    /// UTF-8 in the normal form NFKD; of Latin letters alone.
    Nfkd,
    /// The SHA-1 of its UTF-8, as a key.
    Sha1,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct SchemeSecretWire {
    format: Option<Format>,
    min_bytes: Option<usize>,
}

/// Where a value stands.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum PlaceWire {
    Header(String),
    Query(String),
    Form(String),
    Json(String),
    Pair(String),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct SignatureWire {
    from: SourceWire,
    style: Option<StyleWire>,
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
enum StyleWire {
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
struct WholeWire {
    prefix: String,
    prefix_optional: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct PairsWire {
    separator: char,
    names: Vec<String>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct VersionsWire {
    separator: char,
    mark: char,
    /// Absent: all of them.
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ComponentsWire {
    covered: Vec<String>,
    label: Option<String>,
    tag: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct DetachedWire {
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
struct TokenWire {
    algorithms: Vec<String>,
    issuer: Option<String>,
    body_sha256: Option<String>,
    empty_without: Option<bool>,
    url_sha256: Option<String>,
    issued: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum SegmentWire {
    Body,
    Timestamp,
    Id,
    Method,
    Url,
    Target,
    BodyCrc32,
    Text(String),
    Header(String),
    Query(String),
    Form(String),
    Json(String),
    JsonOrNothing(String),
    Setting(String),
    BodySha256(Encoding),
    Fields(FieldsWire),
    ListedHeaders(ListedWire),
    Optional(Vec<SegmentWire>),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ListedWire {
    from: Option<PlaceWire>,
    equals: String,
    between: String,
    end: Option<String>,
    covered: Vec<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct FieldsWire {
    from: FieldSourceWire,
    equals: Option<String>,
    between: Option<String>,
    before: Option<String>,
    distinct: Option<bool>,
    without: Option<Vec<String>>,
    encoded: Option<bool>,
    underscored: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum FieldSourceWire {
    Query,
    Form,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct UrlsWire {
    ports: Option<bool>,
    encoded: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct TimestampWire {
    from: PlaceWire,
    format: timestamp::Format,
    past_s: Option<u32>,
    future_s: Option<u32>,
    required: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RequireWire {
    from: PlaceWire,
    is: Option<Vec<String>>,
    setting: Option<String>,
    body_sha256_unless_form: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ChallengeWire {
    method: String,
    signed: bool,
    when: Option<Vec<WhenWire>>,
    secret: Option<PlaceWire>,
    token: Option<PlaceWire>,
    answer: AnswerWire,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WhenWire {
    from: PlaceWire,
    is: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum AnswerWire {
    Empty,
    Text,
    Json(String),
    Mac(MacWire),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct MacWire {
    token_member: Option<String>,
    member: String,
    prefix: Option<String>,
    encoding: Encoding,
}

impl DescriptorWire {
    /// # Errors
    /// The first fault, with its place under `path`.
    pub(in crate::webhook_verify) fn check(self, path: &str) -> Result<Descriptor, ConfigError> {
        let at = |field: &str| format!("{path}.{field}");
        let secret = self.secret.unwrap_or(SchemeSecretWire { format: None, min_bytes: None });
        let place = |field: &str, place: PlaceWire| place.check(&at(field));
        let is_token = matches!(self.signature.style, Some(StyleWire::Token(_)));
        let is_detached = matches!(self.signature.style, Some(StyleWire::Detached(_)));
        let by_components = matches!(self.signature.style, Some(StyleWire::Components(_)));
        if (is_token || is_detached) != (self.algorithm == Algorithm::Jws) {
            return Err(ConfigError::new(
                at("algorithm"),
                "is jws exactly where signature.style is a token or detached",
            ));
        }
        if by_components && components::name_of(self.algorithm).is_none() {
            return Err(ConfigError::new(
                at("algorithm"),
                "is none of message signatures: hmac-sha256, ed25519, ecdsa-p256-sha256, rsa-pss-sha512, rsa-pkcs1-sha256",
            ));
        }
        let mut signed = Vec::new();
        for (n, segment) in self.signed.unwrap_or_default().into_iter().enumerate() {
            signed.push(segment.check(&at(&format!("signed[{n}]")), true)?);
        }
        let is_static = self.algorithm == Algorithm::StaticToken;
        if signed.is_empty() != (is_token || by_components || is_static) {
            return Err(ConfigError::new(
                at("signed"),
                "says what is signed; only tokens and components, which say it themselves, and a static-token have none",
            ));
        }
        if signed.len() > MAX_SEGMENTS {
            return Err(ConfigError::new(at("signed"), format_args!("has more than {MAX_SEGMENTS} segments")));
        }
        if signed.iter().filter(|segment| **segment == Segment::Body).count() > 1 {
            return Err(ConfigError::new(at("signed"), "has the body twice"));
        }
        let timestamp = match self.timestamp {
            None => None,
            Some(time) => {
                let window = |field: &str, given: Option<u32>| match given.unwrap_or(DEFAULT_WINDOW_S) {
                    window @ 1..=MAX_WINDOW_S => Ok(window),
                    other => Err(ConfigError::new(
                        at(&format!("timestamp.{field}")),
                        format_args!("is {other} and must be 1..={MAX_WINDOW_S}"),
                    )),
                };
                Some(Timestamp {
                    past_s: window("past_s", time.past_s)?,
                    future_s: window("future_s", time.future_s)?,
                    place: place("timestamp.from", time.from)?,
                    format: time.format,
                    required: time.required.unwrap_or(true),
                })
            }
        };
        let id = self.id.map(|id| place("id", id)).transpose()?;
        let event = self.event.map(|event| place("event", event)).transpose()?;
        let mut require = Vec::new();
        for (n, wire) in self.require.unwrap_or_default().into_iter().enumerate() {
            require.push(wire.check(&at(&format!("require[{n}]")))?);
        }
        let mut challenges = Vec::new();
        for (n, wire) in self.challenges.unwrap_or_default().into_iter().enumerate() {
            challenges.push(wire.check(&at(&format!("challenges[{n}]")), self.algorithm)?);
        }
        let urls = self.urls.unwrap_or(UrlsWire { ports: None, encoded: None });
        let mut descriptor = Descriptor {
            algorithm: self.algorithm,
            format: secret.format.unwrap_or(Format::Raw),
            min_secret_bytes: secret.min_bytes.unwrap_or(1),
            signature: self.signature.check(&at("signature"))?,
            signed,
            free: self.free.map(|free| place("free", free)).transpose()?,
            each: self.each.map(|each| pointer(&at("each"), &each)).transpose()?,
            urls: Urls { ports: urls.ports.unwrap_or(false), encoded: urls.encoded.unwrap_or(false) },
            timestamp,
            id,
            event,
            require,
            challenges,
            facts: Facts::default(),
        };
        descriptor.check_whole(path)?;
        descriptor.facts = Facts::of(&descriptor);
        Ok(descriptor)
    }
}

impl Descriptor {
    /// What parts say of each other.
    fn check_whole(&self, path: &str) -> Result<(), ConfigError> {
        let refuse = |field: &str, why: &str| Err(ConfigError::new(format!("{path}.{field}"), why));
        let segments: Vec<_> = self.segments().collect();
        if segments.contains(&&Segment::Timestamp) && self.timestamp.as_ref().is_none_or(|time| !time.required) {
            return refuse("timestamp", "is signed, so it must be there and required");
        }
        if segments.contains(&&Segment::Id) && self.id.is_none() {
            return refuse("id", "is signed, so it must be there");
        }
        let is_signed = |place: &Place| {
            segments.iter().any(
                |segment| matches!(segment, Segment::Value(there) | Segment::ValueOrNothing(there) if there == place),
            )
        };
        if self.free.as_ref().is_some_and(|free| !is_signed(free)) {
            return refuse("free", "is none of the values that are signed");
        }
        let detached = matches!(self.signature.style, Style::Detached(_));
        if segments
            .iter()
            .any(|segment| matches!(segment, Segment::Listed(listed) if listed.from.is_none() != detached))
        {
            return refuse(
                "signed",
                "has listed_headers, which need `from` exactly where no detached token names them",
            );
        }
        // What is signed for anybody must be nothing that a delivery is signed as. Of a body alone, see `challenge::is_mac_token`.
        let signs_for_anybody = challenge::signs_for_anybody(&self.challenges);
        let stands_apart = |segment: &Segment| match segment {
            Segment::Text(text) => !text.iter().copied().all(challenge::is_of_mac_token),
            Segment::Url | Segment::Target => true,
            _ => false,
        };
        if signs_for_anybody && self.signed != [Segment::Body] && !self.signed.iter().any(stands_apart) {
            return refuse(
                "challenges",
                "sign whatever a caller asks for, and what is signed of a delivery could be that: it has no text in it with another \
                 letter than those of probes (a-z, A-Z, 0-9, `-`, `_`)",
            );
        }
        let pairs = matches!(self.signature.style, Style::Pairs { .. });
        if !pairs && self.places().iter().any(|place| matches!(place, Place::Pair(_))) {
            return refuse("signature.style", "has no pairs, and a value is to come from one");
        }
        if self
            .signed
            .iter()
            .any(|segment| matches!(segment, Segment::Optional(inner) if inner.contains(&Segment::Body)))
        {
            return refuse("signed", "has the body in an optional part: it is always there");
        }
        Ok(())
    }
}

impl PlaceWire {
    fn check(self, path: &str) -> Result<Place, ConfigError> {
        Ok(match self {
            Self::Header(name) => Place::Header(header(path, &name)?),
            Self::Query(name) => Place::Query(text(path, name)?),
            Self::Form(name) => Place::Form(text(path, name)?),
            Self::Json(steps) => Place::Json(pointer(path, &steps)?),
            Self::Pair(name) => Place::Pair(text(path, name)?),
        })
    }
}

impl SignatureWire {
    fn check(self, path: &str) -> Result<Signature, ConfigError> {
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

impl ListedWire {
    fn check(self, path: &str) -> Result<Listed, ConfigError> {
        let mut covered = Vec::new();
        for (n, name) in self.covered.iter().enumerate() {
            covered.push(header(&format!("{path}.covered[{n}]"), name)?);
        }
        Ok(Listed {
            from: self.from.map(|from| from.check(&format!("{path}.from"))).transpose()?,
            equals: text(&format!("{path}.equals"), self.equals)?,
            between: text(&format!("{path}.between"), self.between)?,
            end: self.end.unwrap_or_default(),
            covered,
        })
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

impl SegmentWire {
    fn check(self, path: &str, top: bool) -> Result<Segment, ConfigError> {
        Ok(match self {
            Self::Body => Segment::Body,
            Self::Timestamp => Segment::Timestamp,
            Self::Id => Segment::Id,
            Self::Method => Segment::Method,
            Self::Url => Segment::Url,
            Self::Target => Segment::Target,
            Self::BodyCrc32 => Segment::BodyCrc32,
            Self::Text(literal) => Segment::Text(text(path, literal)?.into_bytes()),
            Self::Header(name) => Segment::Value(PlaceWire::Header(name).check(path)?),
            Self::Query(name) => Segment::Value(PlaceWire::Query(name).check(path)?),
            Self::Form(name) => Segment::Value(PlaceWire::Form(name).check(path)?),
            Self::Json(steps) => Segment::Value(PlaceWire::Json(steps).check(path)?),
            Self::JsonOrNothing(steps) => Segment::ValueOrNothing(PlaceWire::Json(steps).check(path)?),
            Self::Setting(name) => Segment::Setting(text(path, name)?),
            Self::BodySha256(encoding) => Segment::BodySha256(encoding),
            Self::Fields(fields) => Segment::Fields(fields.check()),
            Self::ListedHeaders(listed) => Segment::Listed(listed.check(path)?),
            Self::Optional(_) if !top => {
                return Err(ConfigError::new(path, "is optional within what is optional"));
            }
            Self::Optional(segments) => {
                if segments.is_empty() || segments.len() > MAX_SEGMENTS {
                    return Err(ConfigError::new(path, format_args!("must have 1..={MAX_SEGMENTS} segments")));
                }
                let checked = segments.into_iter().map(|segment| segment.check(path, false));
                Segment::Optional(checked.collect::<Result<_, _>>()?)
            }
        })
    }
}

impl FieldsWire {
    fn check(self) -> Fields {
        Fields {
            source: match self.from {
                FieldSourceWire::Query => FieldSource::Query,
                FieldSourceWire::Form => FieldSource::Form,
            },
            equals: self.equals.unwrap_or_default(),
            between: self.between.unwrap_or_default(),
            before: self.before.unwrap_or_default(),
            distinct: self.distinct.unwrap_or(false),
            without: self.without.unwrap_or_default(),
            encoded: self.encoded.unwrap_or(false),
            underscored: self.underscored.unwrap_or(false),
        }
    }
}

impl RequireWire {
    fn check(self, path: &str) -> Result<Require, ConfigError> {
        let wanted = match (self.is, self.setting, self.body_sha256_unless_form) {
            (Some(is), None, None) => {
                list(&format!("{path}.is"), &is)?;
                Wanted::OneOf(is)
            }
            (None, Some(name), None) => Wanted::Setting(text(&format!("{path}.setting"), name)?),
            (None, None, Some(true)) => Wanted::BodySha256UnlessForm,
            (_, _, _) => {
                return Err(ConfigError::new(path, "must have one of is, setting and body_sha256_unless_form: true"));
            }
        };
        Ok(Require { place: self.from.check(&format!("{path}.from"))?, wanted })
    }
}

impl ChallengeWire {
    fn check(self, path: &str, algorithm: Algorithm) -> Result<Challenge, ConfigError> {
        let refuse = |field: &str, why: &str| Err(ConfigError::new(format!("{path}.{field}"), why));
        if !is_header_name(&self.method) || self.method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return refuse("method", "is no method; methods are upper case, such as GET");
        }
        let mut when = Vec::new();
        for (n, wire) in self.when.unwrap_or_default().into_iter().enumerate() {
            when.push((wire.from.check(&format!("{path}.when[{n}].from"))?, wire.is));
        }
        let secret = self.secret.map(|place| place.check(&format!("{path}.secret"))).transpose()?;
        let token = self.token.map(|place| place.check(&format!("{path}.token"))).transpose()?;
        let answer = match self.answer {
            AnswerWire::Empty => Answer::Empty,
            AnswerWire::Text => Answer::Text,
            AnswerWire::Json(member) => Answer::Json { member },
            AnswerWire::Mac(mac) => Answer::Mac {
                token_member: mac.token_member,
                member: mac.member,
                prefix: mac.prefix.unwrap_or_default(),
                encoding: mac.encoding,
            },
        };
        if token.is_none() != matches!(answer, Answer::Empty) {
            return refuse("token", "is what is sent back, so it is there unless the answer is empty");
        }
        if matches!(answer, Answer::Mac { .. }) && algorithm.mac().is_none() {
            return refuse("answer", "is a MAC, and the scheme has none");
        }
        let challenge = Challenge { method: self.method, signed: self.signed, when, secret, token, answer };
        if !challenge.signed && challenge.reads_body() {
            return refuse("signed", "must be true where the body says what is asked");
        }
        Ok(challenge)
    }
}

fn header(path: &str, name: &str) -> Result<String, ConfigError> {
    if !is_header_name(name) {
        return Err(ConfigError::new(path, "is no name of a header field"));
    }
    Ok(name.to_ascii_lowercase())
}

fn text(path: &str, text: String) -> Result<String, ConfigError> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(ConfigError::new(path, format_args!("must be 1..={MAX_TEXT_BYTES} bytes")));
    }
    Ok(text)
}

fn list(path: &str, entries: &[String]) -> Result<(), ConfigError> {
    let good = |entry: &String| !entry.is_empty() && entry.len() <= MAX_TEXT_BYTES;
    if entries.is_empty() || entries.len() > super::MAX_SIGNATURES || !entries.iter().all(good) {
        return Err(ConfigError::new(
            path,
            format_args!("must be 1..={} texts of 1..={MAX_TEXT_BYTES} bytes", super::MAX_SIGNATURES),
        ));
    }
    Ok(())
}

fn pointer(path: &str, text: &str) -> Result<ClaimPath, ConfigError> {
    ClaimPath::parse(text).map_err(|error| error.at(path))
}

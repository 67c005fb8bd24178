//! The wire form of a scheme.

mod conditions;
mod segment;
mod signature;
mod words;

use serde::Deserialize;

use self::conditions::{ChallengeWire, RequireWire};
use self::segment::SegmentWire;
use self::signature::{SignatureWire, StyleWire};
use super::{Descriptor, Facts, MAX_SEGMENTS, MAX_TEXT_BYTES, Place, Segment, Style, Timestamp, Urls};
use crate::claims::ClaimPath;
use crate::config::ConfigError;
use crate::identity::is_header_name;
use crate::webhook_verify::{challenge, components, timestamp};

pub(in crate::webhook_verify) use self::words::{Algorithm, Encoding, Format};

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

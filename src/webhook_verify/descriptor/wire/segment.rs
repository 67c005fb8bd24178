//! What is signed, piece by piece.

use serde::Deserialize;

use super::{Encoding, PlaceWire, header, text};
use crate::config::ConfigError;
use crate::webhook_verify::descriptor::{FieldSource, Fields, Listed, MAX_SEGMENTS, Segment};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum SegmentWire {
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
pub(super) struct ListedWire {
    from: Option<PlaceWire>,
    equals: String,
    between: String,
    end: Option<String>,
    covered: Vec<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct FieldsWire {
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
pub(super) enum FieldSourceWire {
    Query,
    Form,
}

impl SegmentWire {
    pub(super) fn check(self, path: &str, top: bool) -> Result<Segment, ConfigError> {
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

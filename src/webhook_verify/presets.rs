//! Named schemes: `presets.json` beside this file, in the form that a configuration may write out as well.

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::descriptor::{Descriptor, DescriptorWire};
use super::lint::gaps;
use crate::config::{ConfigError, Named};

/// One object; each member is a scheme with its source.
const PRESETS: &str = include_str!("presets.json");

/// A preset, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name in `scheme`.
    pub name: String,
    /// Where the provider describes it.
    pub source: String,
    /// What it does not protect; nothing for one that signs body, time and id.
    pub gaps: Vec<&'static str>,
}

/// All presets, in the order of the file.
#[must_use]
pub fn presets() -> Vec<Preset> {
    let all: Named<serde_json::Value> = serde_json::from_str(PRESETS).unwrap_or(Named(Vec::new()));
    let preset = |(name, value): (String, serde_json::Value)| {
        let descriptor = find(&name)?.ok()?;
        let source = value.get("source").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Some(Preset { gaps: gaps(&descriptor).into_iter().map(|(gap, _)| gap).collect(), name, source })
    };
    all.0.into_iter().filter_map(preset).collect()
}

/// The scheme of this name.
pub(super) fn find(name: &str) -> Option<Result<Descriptor, ConfigError>> {
    let mut json = serde_json::Deserializer::from_str(PRESETS);
    let wire = json.deserialize_map(Find(name)).ok().flatten()?;
    Some(wire.check(&format!("preset `{name}`")))
}

/// The names, in the order of the file.
#[cfg(any(test, feature = "schema"))]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    // A member begins a line, two blanks in.
    PRESETS.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next())
}

/// Only the one that is asked for is read: the rest is passed over.
struct Find<'a>(&'a str);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<DescriptorWire>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<&str>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

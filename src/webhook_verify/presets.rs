//! Named schemes: `presets.json` beside this file, in the form that a configuration may write out as well.

use super::descriptor::{Descriptor, DescriptorWire};
use super::lint::gaps;
use crate::config::{self, ConfigError, Named, Raw};

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
    let all: Named<Raw> = config::read(PRESETS.as_bytes()).ok()?;
    let (_, written) = all.0.into_iter().find(|(other, _)| other == name)?;
    let wire: DescriptorWire = config::read(written.get().as_bytes()).ok()?;
    Some(wire.check(&format!("preset `{name}`")))
}

/// The names, in the order of the file.
#[cfg(any(test, feature = "schema"))]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    // A member begins a line, two blanks in.
    PRESETS.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next())
}

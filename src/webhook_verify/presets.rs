//! Named schemes: `presets.json` beside this file, in the form that a configuration may write out as well.

use super::descriptor::{Descriptor, DescriptorWire};
use super::lint::gaps;
use crate::config::{self, ConfigError, Named, Raw};

/// One object; each member is a scheme with its source.
const PRESETS: &str = include_str!("presets.json");
/// The same without what only people read: what a filter holds, 11 KB less.
static SCHEMES: [u8; COMPACT.1] = match COMPACT.0.first_chunk() {
    Some(kept) => *kept,
    None => [0; COMPACT.1],
};
const COMPACT: ([u8; PRESETS.len()], usize) = compact(PRESETS.as_bytes());

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
    let all: Named<Raw> = config::read(&SCHEMES).ok()?;
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

/// Without the white space between values, and without the lines that name a source: how many bytes of the array count.
#[expect(clippy::indexing_slicing, reason = "at compile time: what is out of range does not compile")]
const fn compact<const N: usize>(text: &[u8]) -> ([u8; N], usize) {
    const SOURCE: &[u8] = b"\"source\":";
    let (mut kept, mut length) = ([0; N], 0);
    let (mut at, mut within) = (0, false);
    while at < text.len() {
        let byte = text[at];
        if !within && byte == b'"' && begins_with(text, at, SOURCE) {
            while text[at] != b'\n' {
                at += 1;
            }
            continue;
        }
        if within || !byte.is_ascii_whitespace() {
            kept[length] = byte;
            length += 1;
        }
        if byte == b'"' {
            within = !within;
        } else if within && byte == b'\\' {
            at += 1;
            kept[length] = text[at];
            length += 1;
        }
        at += 1;
    }
    (kept, length)
}

#[expect(clippy::indexing_slicing, reason = "at compile time: what is out of range does not compile")]
const fn begins_with(text: &[u8], at: usize, prefix: &[u8]) -> bool {
    let mut n = 0;
    while n < prefix.len() {
        if text[at + n] != prefix[n] {
            return false;
        }
        n += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_holds_every_scheme_without_its_source() {
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        let mut written = read(PRESETS.as_bytes());
        for (name, scheme) in written.as_object_mut().unwrap() {
            assert!(scheme.as_object_mut().unwrap().remove("source").is_some(), "{name}");
        }
        assert_eq!(read(&SCHEMES), written);
        assert!(SCHEMES.len() + 11_000 < PRESETS.len(), "{}", SCHEMES.len());
        for (text, want) in [
            (r#" { "a b" : [ 1 , "\" \\" ] } "#, r#"{"a b":[1,"\" \\"]}"#),
            ("{\"source\": \"x y\",\n\"a\": {}}", "{\"a\":{}}"),
        ] {
            let (kept, length) = compact::<64>(text.as_bytes());
            assert_eq!(kept.get(..length), Some(want.as_bytes()), "{text}");
        }
    }
}

//! Where a field stands: paths such as `rules[2].name`, in JSON text and in trees.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::yaml::{Entry, Node};

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Name(&'a str),
    Place(usize),
}

/// The byte of a JSON text at which the field of a path stands, or the last value on the way that does: for a missing field that
/// is the object that lacks it.
pub(crate) fn in_json(text: &str, path: &str) -> usize {
    let start = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let mut here: &str = text.trim_start();
    let mut offset = start(here);
    for step in steps(path) {
        let found = match step {
            Step::Place(n) => serde_json::from_str(here).ok().and_then(|Items(items)| items.get(n).copied()),
            // The last of several: that is the one that is refused.
            Step::Name(name) => serde_json::from_str(here).ok().and_then(|Members(members)| {
                members.into_iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
            }),
        };
        let Some(found) = found else { break };
        here = found.get();
        // A value may stand below its name: the name is what is looked for.
        let before = text.get(..start(here)).unwrap_or_default().trim_end();
        offset = match before.strip_suffix(':') {
            Some(before) => before.trim_end().len().saturating_sub(1),
            None => start(here),
        };
    }
    offset
}

/// The line of the field of a path in a tree, or of the last value on the way that is there.
pub(crate) fn in_tree(node: &Node, path: &str) -> usize {
    let mut here = node;
    let mut line = node.line;
    for step in steps(path) {
        let found = match step {
            Step::Place(n) => here.items().get(n).map(|item| (item, item.line)),
            Step::Name(name) => {
                let entry = here.entries().iter().find(|entry| entry.key == name);
                entry.map(|Entry { line, value, .. }| (value, *line))
            }
        };
        let Some(found) = found else { break };
        (here, line) = found;
    }
    line
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// Without the place that serde_json puts at the end: it counts from the text's beginning, not from the file's.
pub(crate) fn without_place(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((before, place)) if place.bytes().all(|byte| byte.is_ascii_digit() || b" column".contains(&byte)) => {
            before
        }
        Some(_) | None => message,
    }
}

/// `rules[2].name` in steps. What has no such form, as `(configuration)`, leads nowhere.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, places) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        if !name.is_empty() {
            steps.push(Step::Name(name));
        }
        for place in places.split('[').skip(1) {
            match place.trim_end_matches(']').parse() {
                Ok(place) => steps.push(Step::Place(place)),
                Err(_) => return steps,
            }
        }
    }
    steps
}

/// An array's values as they are written.
struct Items<'a>(Vec<&'a RawValue>);

/// An object's members as they are written, repeated ones as well.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Parts).map(|parts| Self(parts.into_iter().map(|(_, value)| value).collect()))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Parts).map(Self)
    }
}

struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(value) = seq.next_element()? {
            parts.push((Cow::Borrowed(""), value));
        }
        Ok(parts)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(Name(key)) = map.next_key()? {
            parts.push((key, map.next_value()?));
        }
        Ok(parts)
    }
}

/// A name, borrowed where it has no escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    const TEXT: &str =
        "{\n \"a\": [\n  {\"b.c\": 1},\n  {\"x\":\n   [1,\n    2]}\n ],\n \"d\": 1, \"d\\u0021\": 3,\n \"d\": 2\n}";

    #[test]
    fn fields_are_found_in_text_and_tree() {
        for (path, want) in [
            ("", 1),
            ("(configuration)", 1),
            ("a", 2),
            ("a[0]", 3),
            ("a[1]", 4),
            ("a[1].x", 4),
            ("a[1].x[1]", 6),
            ("a[1].missing", 4),
            ("a[7].x", 2),
            ("d", 9),
            ("d!", 8),
        ] {
            assert_eq!(line_of(TEXT, in_json(TEXT, path)), want, "{path}");
            let once = TEXT.replacen("\"d\": 1, ", "", 1);
            let documents = yaml::read(&once).unwrap();
            assert_eq!(in_tree(&documents[0], path), want, "{path}");
        }
        assert_eq!(line_of("\n {", in_json("\n {", "a")), 2, "what cannot be read leads nowhere");
    }

    #[test]
    fn the_place_in_a_text_is_taken_off() {
        assert_eq!(without_place("unknown field `a` at line 3 column 14"), "unknown field `a`");
        assert_eq!(without_place("is not at line with the rest"), "is not at line with the rest");
    }
}

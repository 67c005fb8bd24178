//! YAML and JSON files as trees in which each value knows its line.
//!
//! JSON is read as the YAML that it is. A tree is small enough to be walked without care: depth, values and bytes of a file
//! are bounded, also where aliases repeat parts of it.

mod build;
mod json;
mod surrogates;
mod text;

use std::fmt;

pub(crate) use self::surrogates::joined;
pub(crate) use self::text::Text;

/// A value and the line where it begins, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
    /// This value and those within.
    size: usize,
    /// Levels of lists and maps, this one counted.
    height: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number as JSON writes it.
    Number(String),
    Text(Text),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The key's line, from 1.
    pub(crate) line: usize,
    pub(crate) value: Node,
}

/// Why a file is no YAML, and where. Holds nothing of the file but keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The documents of a file.
///
/// # Errors
/// It is no YAML, or larger than [`MAX_DEPTH`] and [`MAX_NODES`] allow.
pub(crate) fn read(source: &str) -> Result<Vec<Node>, Fault> {
    build::documents(source)
}

impl Node {
    /// A member by its name in snake case: what is read by protobuf may also write it in camel case.
    pub(crate) fn field(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The same with the key.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        let camel = camel_case(name);
        self.entries().iter().find(|entry| entry.key == name || entry.key == camel)
    }

    /// A value below by the names on the way.
    pub(crate) fn at(&self, names: &[&str]) -> Option<&Node> {
        names.iter().try_fold(self, |node, name| node.field(name))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub(crate) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text.as_str()) } else { None }
    }

    /// The text of a member.
    pub(crate) fn text_at(&self, name: &str) -> Option<&str> {
        self.field(name)?.text()
    }

    pub(crate) fn is_true(&self) -> bool {
        match &self.value {
            Value::Bool(is) => *is,
            // Protobuf takes the texts, too.
            Value::Text(text) => text.as_str() == "true",
            Value::Null | Value::Number(_) | Value::List(_) | Value::Map(_) => false,
        }
    }

    /// Whether a member is there and true.
    pub(crate) fn is_true_at(&self, name: &str) -> bool {
        self.field(name).is_some_and(Node::is_true)
    }

    /// The value as JSON text, members in their order.
    pub(crate) fn to_json(&self) -> String {
        json::written(self)
    }
}

/// `failure_policy` as protobuf's JSON form names it, too: `failurePolicy`.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        match (letter, upper) {
            ('_', _) => upper = true,
            (letter, true) => {
                camel.push(letter.to_ascii_uppercase());
                upper = false;
            }
            (letter, false) => camel.push(letter),
        }
    }
    camel
}

/// Deepest nesting.
pub(crate) const MAX_DEPTH: usize = 128;
/// Most values of a file; those of which an anchor keeps a copy or that an alias repeats count again.
pub(crate) const MAX_NODES: usize = 1_000_000;

#[cfg(test)]
mod tests;

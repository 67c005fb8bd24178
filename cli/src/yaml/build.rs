//! The parser's events become trees.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::text::{Places, Text};
use super::{Entry, Fault, MAX_DEPTH, MAX_NODES, Node, Value};

pub(super) fn documents(source: &str) -> Result<Vec<Node>, Fault> {
    let mut builder = Builder::default();
    let places = Places::of(source);
    for event in Parser::new_from_str(source).keep_tags(true) {
        let (event, span) =
            event.map_err(|error| Fault { line: error.marker().line(), message: error.info().to_owned() })?;
        builder.event(event, span, &places)?;
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    /// What is being read, outermost first.
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    /// Values of the file so far.
    size: usize,
}

/// A list or map that has not ended.
struct Open {
    line: usize,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    /// The key that waits for its value, with its line.
    Map(Vec<Entry>, Option<(String, usize)>),
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span, places: &Places) -> Result<(), Fault> {
        let line = span.start.line();
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(fault(line, "an alias stands inside what it repeats"));
                };
                let node = node.clone();
                self.grow(node.size, line)?;
                self.deepen(node.height, line)?;
                self.put(Node { line, ..node }, line)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.grow(1, line)?;
                let value = scalar(&text, style, tag.as_deref(), span, places);
                let node = Node { line, value, size: 1, height: 0 };
                self.remember(anchor, &node)?;
                self.put(node, line)
            }
            Event::SequenceStart(anchor, _) => self.begin(Kind::List(Vec::new()), anchor, line),
            Event::MappingStart(anchor, _) => self.begin(Kind::Map(Vec::new(), None), anchor, line),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { line, anchor, kind }) = self.open.pop() else { return Ok(()) };
                let (mut size, mut height) = (1, 0);
                let mut count = |node: &Node| {
                    size += node.size;
                    height = height.max(node.height);
                };
                let value = match kind {
                    Kind::List(items) => {
                        items.iter().for_each(&mut count);
                        Value::List(items)
                    }
                    Kind::Map(entries, _) => {
                        unique(&entries)?;
                        entries.iter().for_each(|entry| count(&entry.value));
                        Value::Map(entries)
                    }
                };
                let node = Node { line, value, size, height: height + 1 };
                self.remember(anchor, &node)?;
                self.put(node, line)
            }
        }
    }

    fn begin(&mut self, kind: Kind, anchor: usize, line: usize) -> Result<(), Fault> {
        self.grow(1, line)?;
        self.deepen(1, line)?;
        self.open.push(Open { line, anchor, kind });
        Ok(())
    }

    fn deepen(&self, by: usize, line: usize) -> Result<(), Fault> {
        if self.open.len() + by > MAX_DEPTH {
            return Err(fault(line, &format!("is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn grow(&mut self, by: usize, line: usize) -> Result<(), Fault> {
        self.size += by;
        if self.size > MAX_NODES {
            return Err(fault(line, &format!("the file has more than {MAX_NODES} values, aliases counted")));
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node) -> Result<(), Fault> {
        if anchor != 0 {
            self.grow(node.size, node.line)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(())
    }

    fn put(&mut self, node: Node, line: usize) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries, waiting) => match waiting.take() {
                Some((key, line)) => entries.push(Entry { key, line, value: node }),
                None => {
                    let key = match node.value {
                        Value::Text(text) => text.into_string(),
                        Value::Number(number) => number,
                        Value::Bool(is) => is.to_string(),
                        Value::Null => String::new(),
                        Value::List(_) | Value::Map(_) => {
                            return Err(fault(line, "a list or a map cannot be a key here; write a text"));
                        }
                    };
                    *waiting = Some((key, line));
                }
            },
        }
        Ok(())
    }
}

fn unique(entries: &[Entry]) -> Result<(), Fault> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for Entry { key, line, .. } in entries {
        if let Some(first) = seen.insert(key, *line) {
            return Err(fault(*line, &format!("`{key}` stands twice in one map, first in line {first}")));
        }
    }
    Ok(())
}

/// A scalar by the rules of YAML 1.2's core schema.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span, places: &Places) -> Value {
    let as_text = || Value::Text(Text::new(text, style, span, places));
    if style != ScalarStyle::Plain || tag.is_some() {
        return as_text();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(as_text, Value::Number),
    }
}

/// A number in JSON's form, its digits as they are where JSON has the same form.
fn number(text: &str) -> Option<String> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return None;
    }
    if serde_json::from_str::<serde_json::Number>(text).is_ok() {
        return Some(text.to_owned());
    }
    let whole = match text.get(..2) {
        Some("0x") => u64::from_str_radix(text.get(2..)?, 16).ok(),
        Some("0o") => u64::from_str_radix(text.get(2..)?, 8).ok(),
        Some(_) | None => None,
    };
    if let Some(whole) = whole {
        return Some(whole.to_string());
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    if let Ok(whole) = text.parse::<i128>() {
        return Some(whole.to_string());
    }
    let value: f64 = text.parse().ok()?;
    serde_json::Number::from_f64(value).map(|number| number.to_string())
}

fn fault(line: usize, message: &str) -> Fault {
    Fault { line, message: message.to_owned() }
}

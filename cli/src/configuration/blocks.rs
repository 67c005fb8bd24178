//! A filter's configuration where it stands: in a file of its own, in a plugin, or as a block of a chain in either.

use std::fmt::Display;
use std::path::Path;

use lockgate::chain;
use lockgate::config::ConfigError;
use serde_json::Value;

use super::{Document, Plugin, Settings, documents, find, text_of, with_way_out};
use crate::filter::Filter;
use crate::place;

/// A filter's configuration within a plugin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) filter: Filter,
    pub(crate) text: String,
    /// The block's path, `chain[1].jwt-auth`; empty where the configuration is the filter's own.
    pub(crate) within: String,
}

impl Block {
    /// The path of a field of it in the whole text.
    pub(crate) fn path(&self, field: &str) -> String {
        if self.within.is_empty() { field.to_owned() } else { format!("{}.{field}", self.within) }
    }
}

/// The blocks of a configuration that a filter takes; one, but of a chain.
pub(crate) fn blocks(filter: Filter, text: &str) -> Vec<Block> {
    if filter != Filter::Lockgate {
        return vec![Block { filter, text: text.to_owned(), within: String::new() }];
    }
    let parts = chain::parts(text.as_bytes()).unwrap_or_default().into_iter().enumerate();
    let block = |(n, (name, text)): (usize, (String, String))| {
        let filter = Filter::ALL.into_iter().find(|filter| filter.name() == name)?;
        Some(Block { filter, text, within: format!("chain[{n}].{name}") })
    };
    parts.filter_map(block).collect()
}

/// A filter's configuration in a file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) block: Block,
    file: String,
    /// The line of a field of the whole configuration.
    lines: Lines,
}

#[derive(Debug)]
enum Lines {
    Json(String),
    Plugin { document: Document, place: usize },
}

impl Found {
    /// What is wrong with it, with file, line and field.
    pub(crate) fn refused(&self, error: &ConfigError) -> String {
        let error = if self.block.within.is_empty() { error.clone() } else { error.clone().within(&self.block.within) };
        let line = match &self.lines {
            Lines::Json(text) => place::line_of(text, place::in_json(text, error.path())),
            Lines::Plugin { document, place } => line_in(document, *place, error.path()),
        };
        let text = error.to_string();
        let message = text.strip_prefix(error.path()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
        let message = with_way_out(error.path(), place::without_place(message));
        format!("{}:{line}: {}: {message}", self.file, error.path())
    }
}

/// The line of a field of the plugin with this place among those of a document.
fn line_in(document: &Document, place: usize, path: &str) -> usize {
    let plugins = find(&document.root).plugins;
    let plugin = plugins.get(place);
    let line = match plugin.map(|plugin| plugin.settings) {
        Some(Settings::Text(text)) => text.line_of(place::in_json(text.as_str(), path), &document.source),
        Some(Settings::Tree(tree)) => place::in_tree(tree, path),
        Some(Settings::Message(..) | Settings::Missing) | None => 1,
    };
    line + document.before
}

/// The configuration of `filter` in a file; `plugin` chooses among several. `own` are fields of which one shows that a JSON file is
/// that configuration itself.
///
/// # Errors
/// There is none, or several.
pub(crate) fn find_block(path: &Path, filter: Filter, own: &[&str], plugin: Option<&str>) -> Result<Found, String> {
    let text = text_of(path)?;
    let file = path.display().to_string();
    if let Ok(json) = serde_json::from_str::<Value>(&text) {
        let itself = own.iter().any(|field| json.get(field).is_some()).then_some(filter);
        let whole = json.get("chain").map(|_| Filter::Lockgate).or(itself);
        if let Some(whole) = whole {
            let block = blocks(whole, &text).into_iter().find(|block| block.filter == filter);
            let Some(block) = block else {
                return Err(format!("{file}: has no block of {} in its chain", filter.name()));
            };
            return Ok(Found { block, file, lines: Lines::Json(text) });
        }
    }
    let documents = documents(&text).map_err(|fault| {
        format!("{file}:{}: is no YAML here: {}; correct the text at this place", fault.line, fault.message)
    })?;
    let mut named = Vec::new();
    let mut found = None;
    for document in &documents {
        for (n, candidate) in find(&document.root).plugins.iter().enumerate() {
            let Some(block) = block_of(candidate, filter) else { continue };
            let name = candidate.name.unwrap_or_default();
            named.push(name.to_owned());
            if plugin.is_none_or(|wanted| wanted == name) && found.is_none() {
                let line = |line: usize| line + document.before;
                found = Some(match (candidate.settings, block) {
                    (Settings::Message(node, _), _) => Err(format!(
                        "{file}:{}: configuration: is no StringValue; `lockgate check` says more",
                        line(node.line)
                    )),
                    (Settings::Missing, _) => Err(format!(
                        "{file}:{}: configuration: is missing; the rules stand in it",
                        line(candidate.node.line)
                    )),
                    (Settings::Text(_) | Settings::Tree(_), block) => {
                        let lines = Lines::Plugin { document: document.clone(), place: n };
                        Ok(Found { block, file: file.clone(), lines })
                    }
                });
            }
        }
    }
    let name = filter.name();
    match (found, plugin, named.as_slice()) {
        (_, None, [_, _, ..]) => Err(format!(
            "{file}: has {} configurations of {name}; choose one with --plugin: {}",
            named.len(),
            named.join(", ")
        )),
        (Some(found), _, _) => found,
        (None, Some(wanted), [_, ..]) => {
            Err(format!("{file}: has no plugin `{wanted}` of {name}; there is {}", named.join(", ")))
        }
        (None, _, _) => Err(format!(
            "{file}: no configuration of {name} is in it: neither JSON with {}, nor a plugin that is known by its \
             module's name, such as {}.wasm",
            quoted(own),
            name.replace('-', "_")
        )),
    }
}

fn quoted(fields: &[&str]) -> impl Display {
    fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" or ")
}

/// The configuration of `filter` in a plugin. Empty where it has no text.
pub(crate) fn block_of(plugin: &Plugin<'_>, filter: Filter) -> Option<Block> {
    let text = match plugin.settings {
        Settings::Text(text) => text.as_str().to_owned(),
        Settings::Tree(tree) => tree.to_json(),
        Settings::Message(..) | Settings::Missing => String::new(),
    };
    blocks(plugin.filter, &text).into_iter().find(|block| block.filter == filter)
}

//! The matrix of a configuration: a file of its own, or a plugin's in a file for Envoy or what stands on it.

use std::path::Path;

use lockgate::config::ConfigError;
use lockgate::jwt_auth::access::Access;
use serde_json::Value;

use crate::configuration::{Settings, documents, find, text_of, with_way_out};
use crate::filter::Filter;
use crate::place;

/// A matrix, and the configuration that it was read from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) access: Access,
    pub(crate) json: Value,
}

/// Reads a file; `plugin` chooses among several.
///
/// # Errors
/// There is no such configuration in it, or it is refused: file, line, field and the way out.
pub(crate) fn load(path: &Path, plugin: Option<&str>) -> Result<Loaded, String> {
    let text = text_of(path)?;
    let file = path.display();
    if let Ok(json) = serde_json::from_str::<Value>(&text)
        && json.get("access").is_some()
    {
        return read(&text)
            .map_err(|error| refused(&file, place::line_of(&text, place::in_json(&text, error.path())), &error));
    }
    let documents = documents(&text).map_err(|fault| {
        format!("{file}:{}: is no YAML here: {}; correct the text at this place", fault.line, fault.message)
    })?;
    let mut named = Vec::new();
    let mut found = None;
    for document in &documents {
        for candidate in find(&document.root).plugins.into_iter().filter(|plugin| plugin.filter == Filter::JwtAuth) {
            let name = candidate.name.unwrap_or_default();
            named.push(name.to_owned());
            if plugin.is_none_or(|wanted| wanted == name) && found.is_none() {
                found = Some(match candidate.settings {
                    Settings::Text(text) => read(text.as_str()).map_err(|error| {
                        let offset = place::in_json(text.as_str(), error.path());
                        refused(&file, text.line_of(offset, &document.source) + document.before, &error)
                    }),
                    Settings::Tree(tree) => read(&tree.to_json())
                        .map_err(|error| refused(&file, place::in_tree(tree, error.path()) + document.before, &error)),
                    Settings::Message(node, _) => Err(format!(
                        "{file}:{}: configuration: is no StringValue; `lockgate check` says more",
                        node.line + document.before
                    )),
                    Settings::Missing => Err(format!(
                        "{file}:{}: configuration: is missing; the rules stand in it",
                        candidate.node.line + document.before
                    )),
                });
            }
        }
    }
    match (found, plugin, named.as_slice()) {
        (_, None, [_, _, ..]) => Err(format!(
            "{file}: has {} configurations of jwt-auth; choose one with --plugin: {}",
            named.len(),
            named.join(", ")
        )),
        (Some(found), _, _) => found,
        (None, Some(wanted), [_, ..]) => {
            Err(format!("{file}: has no plugin `{wanted}` of jwt-auth; there is {}", named.join(", ")))
        }
        (None, _, _) => Err(format!(
            "{file}: no configuration of jwt-auth is in it: neither JSON with `access`, nor a plugin that is known by its \
             module's name, such as jwt_auth.wasm"
        )),
    }
}

fn read(text: &str) -> Result<Loaded, ConfigError> {
    let access = Access::from_json(text.as_bytes())?;
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    // A whole configuration is one that the filter accepts; the matrix alone may be looked at, too.
    if json.get("providers").is_some() {
        Filter::JwtAuth.check(text.as_bytes())?;
    }
    Ok(Loaded { access, json })
}

fn refused(file: &dyn std::fmt::Display, line: usize, error: &ConfigError) -> String {
    let text = error.to_string();
    let message = text.strip_prefix(error.path()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
    let message = with_way_out(error.path(), place::without_place(message));
    format!("{file}:{line}: {}: {message}", error.path())
}

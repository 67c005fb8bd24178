//! The filter's own verdict on a configuration, with the line of the file.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::filter::Filter;
use crate::place;

use super::find::Plugin;
use super::{Document, Product, Settings};

/// A fault of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The line of the file, from 1.
    pub(crate) line: usize,
    /// The field.
    pub(crate) path: String,
    /// What is wrong, and the way out.
    pub(crate) message: String,
}

/// Reads a plugin's configuration as the filter does. The JSON text comes back.
///
/// # Errors
/// The filter would refuse it, and Envoy not start.
pub(crate) fn verify<'a>(plugin: &Plugin<'a>, document: &Document) -> Result<Cow<'a, str>, Wrong> {
    let field = match plugin.product {
        Product::Envoy => "configuration",
        Product::Istio => "pluginConfig",
        Product::EnvoyGateway => "config",
        Product::Higress => "defaultConfig",
    };
    let wrong =
        |line: usize, message: String| Err(Wrong { line: line + document.before, path: field.to_owned(), message });
    match plugin.settings {
        Settings::Text(_) | Settings::Tree(_) => verify_settings(plugin.filter, plugin.settings, document),
        Settings::Message(node, name) => wrong(
            node.line,
            format!(
                "is {name}, which reaches the filter as protobuf; write \
                 \"@type\": type.googleapis.com/google.protobuf.StringValue with the JSON text as `value`"
            ),
        ),
        Settings::Missing => {
            let message = "is missing; the filter's rules stand in it (`lockgate schema` shows all fields)";
            wrong(plugin.node.line, message.to_owned())
        }
    }
}

/// The same for what is written in a file of policy tests.
///
/// # Errors
/// The filter would refuse it.
pub(crate) fn verify_settings<'a>(
    filter: Filter,
    settings: Settings<'a>,
    document: &Document,
) -> Result<Cow<'a, str>, Wrong> {
    let json: Cow<'a, str> = match settings {
        Settings::Text(text) => Cow::Borrowed(text.as_str()),
        Settings::Tree(tree) => Cow::Owned(tree.to_json()),
        Settings::Message(..) | Settings::Missing => Cow::Borrowed(""),
    };
    let Err((offset, path, message)) = check(filter, &json) else { return Ok(json) };
    let line = match settings {
        Settings::Text(text) => text.line_of(offset, &document.source),
        Settings::Tree(tree) => place::in_tree(tree, &path),
        Settings::Message(..) | Settings::Missing => 1,
    };
    Err(Wrong { line: line + document.before, path, message })
}

/// Reads a configuration that is a file of its own.
///
/// # Errors
/// The filter would refuse it.
pub(crate) fn verify_text(filter: Filter, json: &str) -> Result<(), Wrong> {
    check(filter, json).map_err(|(offset, path, message)| Wrong { line: place::line_of(json, offset), path, message })
}

/// The first fault of a JSON text: its byte, its field, and what to do.
fn check(filter: Filter, json: &str) -> Result<(), (usize, String, String)> {
    let Err(error) = filter.check(json.as_bytes()) else { return Ok(()) };
    let path = error.path().to_owned();
    let text = error.to_string();
    let message = text.strip_prefix(&path).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
    let message = place::without_place(message);
    // A place that serde could not name.
    let path = path.strip_suffix('?').map(|known| known.trim_end_matches('.').to_owned()).unwrap_or(path);
    let path = if path.is_empty() { "(configuration)".to_owned() } else { path };
    if json.trim_start().starts_with('{')
        && let Err(error) = serde_json::from_str::<IgnoredAny>(json)
    {
        return Err((
            byte_of(json, &error),
            path,
            format!("is no JSON here: {message}; correct the text at this place"),
        ));
    }
    Err((place::in_json(json, &path), path.clone(), with_way_out(&path, message)))
}

/// The byte at which serde_json gave up.
fn byte_of(json: &str, error: &serde_json::Error) -> usize {
    let before: usize = json.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    before + error.column().saturating_sub(1)
}

/// Says what to do where the core's words alone do not.
pub(crate) fn with_way_out(path: &str, message: &str) -> String {
    if [";", "expected", "must", "already the name"].iter().any(|word| message.contains(word)) {
        return message.to_owned();
    }
    let field = path.rsplit('.').next().unwrap_or_default();
    let field = field.split('[').next().unwrap_or_default();
    let way_out = match field {
        _ if message.starts_with("missing field") => "add it here",
        _ if message.starts_with("duplicate field") => "keep one of them",
        _ if message.starts_with("is empty") || message.contains("both empty") => "add an entry, or take the field out",
        _ if message.contains("at most") || message.contains("longer") || message.contains("more than") => {
            "shorten it, or divide it among several rules"
        }
        "patterns" => "write a regular expression of the `regex` crate's syntax: no look-around, no back-references",
        "paths" => "write a path such as /api/*/parts/** in normal form",
        "match" | "methods" => "write methods in upper case, such as GET",
        "identity" | "jwt_authn" | "trusted_header" | "filter_state" => "see `identity` on the filter's page",
        _ => "`lockgate schema` shows what may stand here",
    };
    format!("{message}; {way_out}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> String {
        let Err(wrong) = verify_text(Filter::RevenueStrip, json) else { return "good".to_owned() };
        format!("{}: {}: {}", wrong.line, wrong.path, wrong.message)
    }

    #[test]
    fn faults_have_line_field_and_way_out() {
        for (json, want) in [
            ("{\n\"rulez\": []\n}", "2: rulez: unknown field `rulez`, expected one of `rules`"),
            ("{\"rules\": [\n{\"name\": \"a\"\n}]}", "2: rules[0]: missing field `match`; add it here"),
            ("{\"rules\": [],\n\"rules\": []}", "2: rules: duplicate field `rules`; keep one of them"),
            ("{\"rules\": [],\n\n}", "3: (configuration): is no JSON here: trailing comma; correct"),
            ("{\"rules\": [\n", "2: "),
            ("{}\n x", "2: (configuration): is no JSON here: has bytes after its end"),
            ("", "1: (configuration): is missing; put JSON text"),
            (
                "{\"rules\": [{\"name\": \"a\", \"match\": {\"paths\": [\"/a\"]},\n\"patterns\": [\"x\",\n\"(\"], \"action\": \"remove\"}]}",
                "3: rules[0].patterns[1]: unclosed group; write a regular expression",
            ),
        ] {
            let got = of(json);
            assert!(got.starts_with(want), "{json}\n{got}\n{want}");
            assert!(!got.contains(" at line "), "{got}");
        }
    }
}

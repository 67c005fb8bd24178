//! Finds the plugins of a document.

use crate::filter::Filter;
use crate::yaml::{Node, Text, Value};

use super::recognise::{Maker, recognise};

/// What was found in a document.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    pub(crate) plugins: Vec<Plugin<'a>>,
    /// Plugins that seem to be ours, and of which it cannot be told which filter they are.
    pub(crate) unclear: Vec<&'a Node>,
}

/// A Lockgate filter with its configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plugin<'a> {
    pub(crate) filter: Filter,
    pub(crate) product: Product,
    /// Where the plugin's own settings stand: Envoy's `PluginConfig`, or what stands for it.
    pub(crate) node: &'a Node,
    pub(crate) name: Option<&'a str>,
    pub(crate) settings: Settings<'a>,
    /// Where it stands among other filters, if the document tells.
    pub(crate) listener: Option<Listener<'a>>,
}

/// Whose way of writing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Envoy,
    Istio,
    EnvoyGateway,
    Higress,
}

/// The filter's configuration as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Settings<'a> {
    /// JSON text, as Envoy takes it.
    Text(&'a Text),
    /// A tree, which the product turns into JSON text.
    Tree(&'a Node),
    /// A message of another type than `StringValue`, which would reach the filter as protobuf.
    Message(&'a Node, &'a str),
    Missing,
}

/// A connection manager and the place of one of its filters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener<'a> {
    pub(crate) manager: &'a Node,
    pub(crate) place: usize,
}

/// All plugins of a document.
pub(crate) fn find(root: &Node) -> Found<'_> {
    let mut found = Found::default();
    walk(root, None, &mut found);
    found
}

/// The last part of a message's type with the message, also out of a `TypedStruct`.
pub(crate) fn message_of(node: &Node) -> Option<(&str, &Node)> {
    let name = last_part(node.text_at("@type")?);
    if name.ends_with("type.v1.TypedStruct") || name.ends_with("type.v3.TypedStruct") {
        return Some((last_part(node.text_at("type_url")?), node.field("value")?));
    }
    Some((name, node))
}

fn last_part(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// Recursion ends: a tree is no deeper than [`crate::yaml::MAX_DEPTH`].
fn walk<'a>(node: &'a Node, listener: Option<Listener<'a>>, found: &mut Found<'a>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| walk(item, listener, found)),
        Value::Map(entries) => {
            match node.text_at("kind") {
                Some("WasmPlugin") => return wasm_plugin(node, found),
                Some("EnvoyExtensionPolicy") => return extension_policy(node, found),
                Some(_) | None => {}
            }
            match message_of(node) {
                Some((WASM, message)) => envoy(message, listener, found),
                Some((MANAGER, manager)) => {
                    let filters = manager.field("http_filters").map(Node::items).unwrap_or_default();
                    for (place, filter) in filters.iter().enumerate() {
                        walk(filter, Some(Listener { manager, place }), found);
                    }
                }
                Some(_) | None => entries.iter().for_each(|entry| walk(&entry.value, listener, found)),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Envoy's own form.
fn envoy<'a>(message: &'a Node, listener: Option<Listener<'a>>, found: &mut Found<'a>) {
    let node = message.field("config").unwrap_or(message);
    let code = node.at(&["vm_config", "code"]);
    let filename = code.and_then(|code| code.at(&["local", "filename"]));
    let uri = code.and_then(|code| code.at(&["remote", "http_uri", "uri"]));
    let name = node.text_at("name");
    let names = [filename.and_then(Node::text), uri.and_then(Node::text), node.text_at("root_id"), name];
    let settings = match node.field("configuration") {
        None => Settings::Missing,
        Some(any) => match (any.text_at("@type").map(last_part), any.field("value").map(|value| &value.value)) {
            (Some("google.protobuf.StringValue"), Some(Value::Text(text))) => Settings::Text(text),
            (Some("google.protobuf.StringValue"), _) => Settings::Message(any, "a StringValue without a text"),
            (Some(other), _) => Settings::Message(any, other),
            (None, _) => Settings::Message(any, "a message without `@type`"),
        },
    };
    add(Plugin { filter: Filter::RevenueStrip, product: Product::Envoy, node, name, settings, listener }, names, found);
}

/// Istio's `WasmPlugin`, and Higress' of the same name.
fn wasm_plugin<'a>(node: &'a Node, found: &mut Found<'a>) {
    let Some(spec) = node.field("spec") else { return };
    let higress = node.text_at("apiVersion").is_some_and(|version| version.starts_with("extensions.higress.io/"));
    let (product, field) = if higress { (Product::Higress, "defaultConfig") } else { (Product::Istio, "pluginConfig") };
    let resource = node.at(&["metadata", "name"]).and_then(Node::text);
    let name = spec.text_at("pluginName").or(resource);
    let names = [spec.text_at("url"), spec.text_at("pluginName"), resource];
    let settings = spec.field(field).map_or(Settings::Missing, Settings::Tree);
    add(Plugin { filter: Filter::RevenueStrip, product, node: spec, name, settings, listener: None }, names, found);
}

/// Envoy Gateway's `EnvoyExtensionPolicy`.
fn extension_policy<'a>(node: &'a Node, found: &mut Found<'a>) {
    let plugins = node.at(&["spec", "wasm"]).map(Node::items).unwrap_or_default();
    for plugin in plugins {
        let url = |kind: &str| plugin.at(&["code", kind, "url"]).and_then(Node::text);
        let name = plugin.text_at("name");
        let names = [url("http"), url("image"), plugin.text_at("rootID"), name];
        let settings = plugin.field("config").map_or(Settings::Missing, Settings::Tree);
        let product = Product::EnvoyGateway;
        add(
            Plugin { filter: Filter::RevenueStrip, product, node: plugin, name, settings, listener: None },
            names,
            found,
        );
    }
}

fn add<'a>(plugin: Plugin<'a>, names: impl IntoIterator<Item = Option<&'a str>>, found: &mut Found<'a>) {
    match recognise(names.into_iter().flatten()) {
        Maker::Known(filter) => found.plugins.push(Plugin { filter, ..plugin }),
        Maker::Unclear if has_chain(plugin.settings) => {
            found.plugins.push(Plugin { filter: Filter::Lockgate, ..plugin });
        }
        Maker::Unclear => found.unclear.push(plugin.node),
        Maker::Other => {}
    }
}

/// Whether a configuration is one of the chain, as no other filter's is.
fn has_chain(settings: Settings<'_>) -> bool {
    match settings {
        Settings::Text(text) => {
            let json = serde_json::from_str::<serde_json::Value>(text.as_str());
            json.is_ok_and(|json| json.get("chain").is_some())
        }
        Settings::Tree(tree) => tree.field("chain").is_some(),
        Settings::Message(..) | Settings::Missing => false,
    }
}

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const MANAGER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

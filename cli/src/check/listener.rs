//! What the connection manager around a filter must see to.

use crate::configuration::Listener;
use crate::yaml::Node;

use super::finding::{Report, Severity};

/// Paths, interim answers, and whether the filter runs.
pub(super) fn check(listener: &Listener<'_>, report: &mut Report) {
    let manager = listener.manager;
    for (field, why) in [
        ("normalize_path", "the portal may read a path with dot segments otherwise than Envoy's routes do"),
        ("merge_slashes", "the portal may read `//` in a path otherwise than Envoy's routes do"),
    ] {
        if !manager.is_true_at(field) {
            let line = manager.entry(field).map_or(manager.line, |entry| entry.line);
            report.add(Severity::Warning, line, field, format!("is not true: {why}; write true"));
        }
    }
    let action = "path_with_escaped_slashes_action";
    let chosen = manager.text_at(action);
    if !matches!(chosen, Some("REJECT_REQUEST" | "UNESCAPE_AND_REDIRECT" | "UNESCAPE_AND_FORWARD")) {
        let line = manager.entry(action).map_or(manager.line, |entry| entry.line);
        let message = "leaves `%2f` in paths, which the portal may read as a slash; write REJECT_REQUEST";
        report.add(Severity::Warning, line, action, message);
    }
    if let Some(entry) = manager.entry("proxy_100_continue").filter(|entry| entry.value.is_true()) {
        let message = "passes interim answers (1xx), which Envoy shows to no Wasm filter, fields and all; take it out";
        report.add(Severity::Error, entry.line, "proxy_100_continue", message);
    }
    let ours = manager.field("http_filters").and_then(|filters| filters.items().get(listener.place));
    let Some(ours) = ours else { return };
    if let Some(entry) = ours.entry("disabled").filter(|entry| entry.value.is_true()) {
        let field = format!("http_filters[{}].disabled", listener.place);
        let message = "is true: the filter is loaded and sees nothing; take it out";
        report.add(Severity::Error, entry.line, &field, message);
    }
    if let (Some(name), Some(routes)) = (ours.text_at("name"), manager.field("route_config")) {
        exceptions(routes, name, report);
    }
}

/// Routes and virtual hosts that leave the filter out. Recursion ends: a tree is no deeper than [`crate::yaml::MAX_DEPTH`].
fn exceptions(node: &Node, name: &str, report: &mut Report) {
    if let Some(settings) = node.field("typed_per_filter_config") {
        let ours = settings.entries().iter().find(|filter| filter.key == name);
        if let Some(filter) = ours.filter(|filter| filter.value.is_true_at("disabled")) {
            let message = "leaves the filter out here, so everything passes unchecked; take it out, and narrow `match` in \
                           the filter's rules instead";
            report.add(Severity::Warning, filter.line, "typed_per_filter_config", message);
        }
    }
    node.entries().iter().for_each(|entry| exceptions(&entry.value, name, report));
    node.items().iter().for_each(|item| exceptions(item, name, report));
}

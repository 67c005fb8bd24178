//! What the connection manager around a filter must see to.

use crate::configuration::Listener;

use super::finding::{Report, Severity};

/// Paths and interim answers.
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
    for options in ["http_protocol_options", ""] {
        let holder = if options.is_empty() { Some(manager) } else { manager.field(options) };
        let entry = holder.and_then(|holder| holder.entry("proxy_100_continue")).filter(|entry| entry.value.is_true());
        if let Some(entry) = entry {
            let message =
                "passes interim answers (1xx), which Envoy shows to no Wasm filter, fields and all; take it out";
            report.add(Severity::Error, entry.line, "proxy_100_continue", message);
        }
    }
}

//! Plugins of one file that share what should be their own.

use std::borrow::Cow;

use crate::configuration::{Plugin, Product};

use super::finding::{Report, Severity};

/// A plugin whose configuration was read.
pub(super) struct Loaded<'a> {
    pub(super) plugin: Plugin<'a>,
    pub(super) json: Option<Cow<'a, str>>,
    /// Lines of the file before its document.
    pub(super) before: usize,
}

/// Two plugins may share a name only when they are the same in all, as one filter on two listeners is.
pub(super) fn check(all: &[Loaded<'_>], report: &mut Report) {
    for (n, this) in all.iter().enumerate() {
        for other in all.iter().take(n) {
            pair(other, this, report);
        }
    }
}

fn pair(first: &Loaded<'_>, second: &Loaded<'_>, report: &mut Report) {
    if first.plugin.product != Product::Envoy || second.plugin.product != Product::Envoy {
        return; // the control planes make the names
    }
    let same = first.plugin.filter == second.plugin.filter && first.json == second.json;
    if same {
        return;
    }
    report.before = second.before;
    let first_line =
        |field: &str| first.before + first.plugin.node.entry(field).map_or(first.plugin.node.line, |entry| entry.line);
    let node = second.plugin.node;
    if let (Some(name), Some(entry)) = (first.plugin.name, node.entry("name"))
        && second.plugin.name == Some(name)
    {
        let message = format!(
            "`{name}` is also the name of the plugin in line {}, which is another one: counters and state of the two \
             would mix; give each its own",
            first_line("name")
        );
        report.add(Severity::Error, entry.line, "config.name", message);
    }
    let id = |loaded: &Loaded<'_>| {
        loaded.plugin.node.at(&["vm_config", "vm_id"]).and_then(|id| id.text().map(str::to_owned))
    };
    if first.plugin.filter == second.plugin.filter
        && let (Some(one), Some(two)) = (id(first), id(second))
        && one == two
        && let Some(entry) = node.field("vm_config").and_then(|config| config.entry("vm_id"))
    {
        let message = format!(
            "`{two}` is also the VM of the plugin in line {}: the two share memory and fate; give \
             each its own",
            first_line("vm_config")
        );
        report.add(Severity::Warning, entry.line, "config.vm_config.vm_id", message);
    }
}

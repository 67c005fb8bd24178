//! How a plugin is loaded: what happens when it fails, and what it shares with others.

use crate::configuration::{Plugin, Product};
use crate::filter::Filter;

use super::finding::{Report, Severity};

/// Whether a plugin does what some filters do.
pub(super) type Does<'a> = &'a dyn Fn(fn(Filter) -> bool) -> bool;

/// The plugin's own settings.
pub(super) fn check(plugin: &Plugin<'_>, does: Does<'_>, report: &mut Report) {
    if does(Filter::must_hold_heads) && plugin.product != Product::Envoy {
        let message = "cannot hold a request's head until its body was verified, because what loads it here has no \
                       allow_on_headers_stop_iteration, and it would answer 503 to everything; load it in Envoy's own \
                       configuration (in Istio, an EnvoyFilter)";
        report.add(Severity::Error, plugin.node.line, "", message);
    }
    match plugin.product {
        Product::Envoy => envoy(plugin, does, report),
        Product::Istio => strategy(plugin, &["FAIL_CLOSE", "FAIL_RELOAD"], "FAIL_RELOAD (or FAIL_CLOSE)", report),
        Product::Higress => {
            strategy(plugin, &["FAIL_CLOSE"], "FAIL_CLOSE", report);
            higress(plugin, report);
        }
        Product::EnvoyGateway => {
            if let Some(entry) = plugin.node.entry("failOpen").filter(|entry| entry.value.is_true()) {
                report.add(Severity::Error, entry.line, "failOpen", OPEN.replace("{}", "failOpen: false"));
            }
        }
    }
}

fn envoy(plugin: &Plugin<'_>, does: Does<'_>, report: &mut Report) {
    let node = plugin.node;
    let line = node.line;
    if let Some(entry) = node.entry("fail_open").filter(|entry| entry.value.is_true()) {
        report.add(Severity::Error, entry.line, "config.fail_open", OPEN.replace("{}", "failure_policy: FAIL_RELOAD"));
    }
    match (node.entry("failure_policy"), node.text_at("failure_policy")) {
        (_, Some("FAIL_RELOAD" | "FAIL_CLOSED")) => {}
        (None, _) => {
            let message = "is absent: once the filter has died, its worker answers 503 until Envoy starts again; \
                           write FAIL_RELOAD";
            report.add(Severity::Note, line, "config.failure_policy", message);
        }
        (Some(entry), _) => {
            let message = OPEN.replace("{}", "FAIL_RELOAD");
            report.add(Severity::Error, entry.line, "config.failure_policy", message);
        }
    }
    if node.at(&["vm_config", "vm_id"]).and_then(|id| id.text()).is_none_or(str::is_empty) {
        let line = node.entry("vm_config").map_or(line, |entry| entry.line);
        let message = "is absent: filters of other makers without one share memory with this; write a name of your own";
        report.add(Severity::Warning, line, "config.vm_config.vm_id", message);
    }
    if plugin.name.is_none_or(str::is_empty) {
        report.add(Severity::Warning, line, "config.name", "is absent; write a unique name, by which Envoy counts");
    }
    if does(Filter::must_hold_heads) {
        if !node.is_true_at("allow_on_headers_stop_iteration") {
            let message = "is not true: a forged webhook would open a request to the portal before its signature is known, so \
                           that every webhook is answered 503; write true (Envoy 1.35 and later)";
            report.add(Severity::Error, line, "config.allow_on_headers_stop_iteration", message);
        }
    } else if does(Filter::edits_bodies) && !node.is_true_at("allow_on_headers_stop_iteration") {
        let message = "is not true: a small answer that cannot be checked is broken off instead of becoming a 502; \
                       write true (Envoy 1.35 and later)";
        report.add(Severity::Note, line, "config.allow_on_headers_stop_iteration", message);
    }
}

/// `failStrategy` of a `WasmPlugin`.
fn strategy(plugin: &Plugin<'_>, closed: &[&str], way_out: &str, report: &mut Report) {
    let Some(entry) = plugin.node.entry("failStrategy") else {
        let message = format!("is absent; write {way_out}, so that it fails closed whatever the default is");
        return report.add(Severity::Note, plugin.node.line, "spec.failStrategy", message);
    };
    if !entry.value.text().is_some_and(|strategy| closed.contains(&strategy)) {
        report.add(Severity::Error, entry.line, "spec.failStrategy", OPEN.replace("{}", way_out));
    }
}

/// What Higress adds to a configuration that has parts for single routes.
fn higress(plugin: &Plugin<'_>, report: &mut Report) {
    let rules = plugin.node.entry("matchRules").filter(|entry| !entry.value.items().is_empty());
    if let Some(entry) = rules {
        let message = "reaches the filter as `_rules_`, an unknown field, and it does not start; \
                       write all rules into defaultConfig, each with its `match`";
        report.add(Severity::Error, entry.line, "spec.matchRules", message);
    }
    if let Some(entry) = plugin.node.entry("defaultConfigDisable").filter(|entry| entry.value.is_true()) {
        let message = "is true, so the filter does not get its configuration; take it out";
        report.add(Severity::Error, entry.line, "spec.defaultConfigDisable", message);
    }
}

/// `{}` is the way out.
const OPEN: &str = "lets everything through unchecked once the filter has died; write {}";

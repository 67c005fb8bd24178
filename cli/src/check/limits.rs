//! Whether a rate-limit stands where its rules mean what they say: before or behind the filter that tells who is calling, and
//! behind a listener that says whose an address is.

use lockgate::identity::FILTER_STATE;
use serde_json::Value;

use crate::configuration::{Listener, Plugin};
use crate::filter::Filter;
use crate::yaml::Node;

use super::finding::{Report, Severity};
use super::order::neighbours;

/// Our filters on the listener of one of them, by their places.
pub(super) fn beside(plugins: &[Plugin<'_>], listener: &Listener<'_>) -> Vec<(usize, Filter)> {
    plugins
        .iter()
        .filter_map(|plugin| {
            let its = plugin.listener.filter(|its| std::ptr::eq(its.manager, listener.manager))?;
            Some((its.place, plugin.filter))
        })
        .collect()
}

/// Checks a configuration of rate-limit; `line` is where a field of it stands.
pub(super) fn check(
    json: &Value,
    listener: &Listener<'_>,
    beside: &[(usize, Filter)],
    line: &dyn Fn(&str) -> usize,
    report: &mut Report,
) {
    let ours = listener.place;
    let list = |name: &str| json.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (policies, penalties) = (list("policies"), list("penalties"));
    let place_of = |filter: Filter, before: bool| {
        beside.iter().find(|(place, its)| *its == filter && (*place < ours) == before && *place != ours)
    };
    // Who verifies tokens, ours or Envoy's own.
    let native = neighbours(listener).into_iter().find(|other| other.is("jwt_authn") && other.place < ours);
    let verified = place_of(Filter::JwtAuth, true).map(|(place, _)| *place).or(native.map(|native| native.place));
    let by_record = match json.get("identity").filter(|identity| !identity.is_null()) {
        None => true,
        Some(identity) => identity.get("filter_state").and_then(Value::as_str) == Some(FILTER_STATE),
    };
    let later = place_of(Filter::JwtAuth, false).filter(|_| place_of(Filter::JwtAuth, true).is_none() && by_record);
    for (n, policy) in policies.iter().enumerate() {
        let path = format!("policies[{n}]");
        let mut say = |severity, field: &str, message: String| {
            let field = format!("{path}.{field}");
            report.push(severity, Some(line(&field)), &field, message);
        };
        if let (Some(field), Some((place, _))) = (asks_who(policy), later) {
            say(
                Severity::Error,
                field,
                format!(
                    "asks who is calling, and jwt-auth stands after this filter (http_filters[{place}]), so everybody is \
                     nobody; put this policy into a rate-limit after jwt-auth"
                ),
            );
        }
        if let (Some(place), true) = (verified, is_pre_auth(policy)) {
            let message = format!(
                "runs after the token was verified (http_filters[{place}]), so it shields nothing; put this policy into a \
                 rate-limit before that, with a plugin name of its own"
            );
            say(Severity::Warning, "phase", message);
        }
    }
    if let (Some(place), false) = (verified, penalties.is_empty()) {
        let message = format!(
            "stand after the filter that verifies tokens (http_filters[{place}]), whose refusals they never see; put them \
             into a rate-limit before that, with a plugin name of its own"
        );
        report.push(Severity::Warning, Some(line("penalties")), "penalties", message);
    }
    let says = json.pointer("/headers/rate_limit").and_then(Value::as_bool) != Some(false);
    let acts = policies.iter().any(|policy| policy.get("mode").and_then(Value::as_str) != Some("shadow"));
    if let (true, true, Some((place, _))) = (says, acts, place_of(Filter::RateLimit, false)) {
        let message = format!(
            "is not false, so this filter replaces what the rate-limit behind it (http_filters[{place}]) tells clients; \
             write \"headers\": {{\"rate_limit\": false}}"
        );
        report.push(Severity::Warning, Some(line("headers.rate_limit")), "headers.rate_limit", message);
    }
}

/// The field by which a policy asks who is calling.
pub(super) fn asks_who(policy: &Value) -> Option<&'static str> {
    let is_there = |field: &str| policy.get(field).is_some_and(|value| !value.is_null());
    let parts = policy.get("key").and_then(Value::as_array).into_iter().flatten();
    let by_caller = parts.filter_map(Value::as_str).any(|part| matches!(part, "consumer" | "tenant"));
    if is_pre_auth(policy) {
        return None;
    }
    let fields = [("key", by_caller), ("tiers", is_there("tiers")), ("unless", is_there("unless"))];
    fields.into_iter().find(|(_, asks)| *asks).map(|(field, _)| field)
}

fn is_pre_auth(policy: &Value) -> bool {
    policy.get("phase").and_then(Value::as_str) == Some("pre-auth")
}

/// Whether a rule's key has an address, or falls back to one.
fn counts_addresses(rule: &Value) -> bool {
    let Some(parts) = rule.get("key").and_then(Value::as_array) else { return true };
    parts
        .iter()
        .any(|part| part.get("header").is_some() || matches!(part.as_str(), Some("address" | "consumer" | "tenant")))
}

/// Whom the listener believes about addresses, where a rule counts by them.
pub(super) fn addresses(json: &Value, listener: &Listener<'_>, report: &mut Report) {
    let rules = ["policies", "penalties"].iter().filter_map(|list| json.get(list)?.as_array()).flatten();
    let manager = listener.manager;
    let extensions = manager.field("original_ip_detection_extensions").map(Node::items).unwrap_or_default();
    if !rules.into_iter().any(counts_addresses) || manager.is_true_at("use_remote_address") || !extensions.is_empty() {
        return;
    }
    let line = manager.entry("use_remote_address").map_or(manager.line, |entry| entry.line);
    let message = "is not true: Envoy takes the address that a client writes into x-forwarded-for, so everybody has as many \
                   counts as they like; write true, and xff_num_trusted_hops behind other proxies";
    report.add(Severity::Warning, line, "use_remote_address", message);
}

//! Whether the listener provides what the configuration believes about the caller.

use lockgate::identity::FILTER_STATE;
use serde_json::Value;

use crate::configuration::Listener;
use crate::filter::Filter;
use crate::yaml::Node;

use super::finding::{Report, Severity};
use super::limits;
use super::order::{Neighbour, neighbours};

/// Checks the identity source of a configuration; `line` is where a field of it stands, `beside` are our filters on its
/// listener.
pub(super) fn check(
    json: &Value,
    listener: &Listener<'_>,
    beside: &[(usize, Filter)],
    line: &dyn Fn(&str) -> usize,
    report: &mut Report,
) {
    let identity = json.get("identity").unwrap_or(&Value::Null);
    let neighbours = neighbours(listener);
    let before: Vec<&Neighbour<'_>> = neighbours.iter().filter(|other| other.place < listener.place).collect();
    if let Some(headers) = identity.get("trusted_header").and_then(Value::as_object) {
        for (field, name) in headers {
            let Some(name) = name.as_str() else { continue };
            if !removed(name, listener.manager, &before) {
                let field = format!("identity.trusted_header.{field}");
                let message = format!(
                    "a client may send `{name}` itself: nothing removes it before this filter; remove it in the \
                     listener's early_header_mutation_extensions (what a route removes goes too late)"
                );
                report.push(Severity::Warning, Some(line(&field)), &field, message);
            }
        }
    } else if let Some(payload) = identity.pointer("/jwt_authn/payload").and_then(Value::as_str) {
        let field = "identity.jwt_authn.payload";
        if !before.iter().any(|other| provides(other, payload)) {
            let message = format!(
                "no jwt_authn filter before this one has a provider with `payload_in_metadata: {payload}`, so every \
                 caller is nobody; write the same name in both places"
            );
            report.push(Severity::Warning, Some(line(field)), field, message);
        }
    } else {
        let state = identity.get("filter_state").and_then(Value::as_str).unwrap_or(FILTER_STATE);
        let writers = ["wasm", "set_filter_state", "golang", "dynamic_modules", "ext_proc"];
        // Of ours, jwt-auth alone, and a chain, which may have it.
        let silent = |other: &Neighbour<'_>| {
            let says = |filter: Filter| matches!(filter, Filter::JwtAuth | Filter::Lockgate);
            beside.iter().any(|(place, filter)| *place == other.place && !says(*filter))
        };
        let may_write = |other: &&Neighbour<'_>| writers.iter().any(|kind| other.is(kind)) || other.kind.is_empty();
        let written = before.iter().any(|other| may_write(other) && !silent(other));
        // Of a rate-limit that is said as a fault of its place.
        let later = beside.iter().any(|(place, filter)| *filter == Filter::JwtAuth && *place > listener.place);
        if !written && (is_exempting(json) || !later && limits_callers(json)) {
            let message = format!(
                "no filter before this one can leave `{state}` in filter state, so every caller is nobody; name the \
                 source, such as {{\"jwt_authn\": {{…}}}}"
            );
            report.push(Severity::Warning, Some(line("identity.filter_state")), "identity", message);
        }
    }
}

/// Whether a policy of rate-limit asks who is calling.
fn limits_callers(json: &Value) -> bool {
    let mut policies = json.get("policies").and_then(Value::as_array).into_iter().flatten();
    policies.any(|policy| limits::asks_who(policy).is_some())
}

/// Whether anybody is exempt from a rule of revenue-strip.
fn is_exempting(json: &Value) -> bool {
    let rules = ["rules", "protected"].iter().filter_map(|list| json.get(list)?.as_array()).flatten();
    rules.into_iter().any(|rule| rule.get("unless").is_some_and(|unless| !unless.is_null()))
}

/// Whether a filter is a `jwt_authn` that leaves a token's payload under this key.
fn provides(filter: &Neighbour<'_>, payload: &str) -> bool {
    let providers = filter.message.and_then(|message| message.field("providers"));
    filter.is("jwt_authn")
        && providers.is_some_and(|providers| {
            providers.entries().iter().any(|entry| entry.value.text_at("payload_in_metadata") == Some(payload))
        })
}

/// Whether a client's header never reaches the filter. What routes and virtual hosts remove does: that happens after all
/// filters. So does what `internal_only_headers` names, from clients whose address counts as internal.
fn removed(name: &str, manager: &Node, before: &[&Neighbour<'_>]) -> bool {
    let early = manager.field("early_header_mutation_extensions").map(Node::items).unwrap_or_default();
    let early = early.iter().filter_map(|extension| extension.at(&["typed_config", "mutations"]));
    let filters = before.iter().filter(|other| other.is("header_mutation"));
    let filters = filters.filter_map(|other| other.message?.at(&["mutations", "request_mutations"]));
    early.chain(filters).any(|mutations| mutations.items().iter().any(|mutation| removes(mutation, name)))
}

fn removes(mutation: &Node, name: &str) -> bool {
    if mutation.text_at("remove").is_some_and(|removed| same(removed, name)) {
        return true;
    }
    let Some(matcher) = mutation.at(&["remove_on_match", "key_matcher"]) else { return false };
    matcher.text_at("exact").is_some_and(|exact| same(exact, name))
        || matcher.text_at("prefix").is_some_and(|prefix| {
            name.get(..prefix.len()).is_some_and(|start| !prefix.is_empty() && start.eq_ignore_ascii_case(prefix))
        })
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

//! Where a filter stands among the others of its listener.
//!
//! Requests go through the list from its beginning, answers from its end.

use crate::configuration::{Listener, message_of};
use crate::yaml::Node;

use super::finding::{Report, Severity};

/// A filter of the list, as far as its place matters.
pub(super) struct Neighbour<'a> {
    pub(super) place: usize,
    /// Its type, or its name where it has no type.
    pub(super) kind: &'a str,
    pub(super) node: &'a Node,
    /// Its own settings.
    pub(super) message: Option<&'a Node>,
}

/// The other filters of the list.
pub(super) fn neighbours<'a>(listener: &Listener<'a>) -> Vec<Neighbour<'a>> {
    let list = listener.manager.field("http_filters").map(Node::items).unwrap_or_default();
    let others = list.iter().enumerate().filter(|(place, _)| *place != listener.place);
    others
        .map(|(place, node)| {
            let typed = node.field("typed_config").and_then(message_of);
            let kind = typed.map(|(kind, _)| kind).or(node.text_at("name")).unwrap_or_default();
            Neighbour { place, kind, node, message: typed.map(|(_, message)| message) }
        })
        .collect()
}

/// Caches and encodings.
pub(super) fn check(listener: &Listener<'_>, report: &mut Report) {
    let ours = listener.place;
    let neighbours = neighbours(listener);
    for neighbour in &neighbours {
        let field = format!("http_filters[{}]", neighbour.place);
        let before = neighbour.place < ours;
        let mut wrong = |message: &str| report.add(Severity::Error, neighbour.node.line, &field, message);
        if (neighbour.is("cache") || neighbour.is("cache_v2")) && before {
            wrong(
                "is a cache before Lockgate: what it has stored leaves without passing the filters after it; put it between \
                 Lockgate and the router",
            );
        }
        if neighbour.is("compressor") {
            if !before && neighbour.works_on("response_direction_config", true) {
                wrong(
                    "compresses answers before Lockgate sees them (answers go through the list backwards), and they \
                     are refused with 502; put it before Lockgate in the list",
                );
            }
            if before && neighbour.works_on("request_direction_config", false) {
                wrong(
                    "compresses requests before Lockgate sees them; put it after Lockgate, or leave requests as they are",
                );
            }
        }
        if neighbour.is("decompressor") && before && neighbour.works_on("response_direction_config", true) {
            let another = neighbours.iter().any(|other| {
                other.is("decompressor") && other.place > ours && other.works_on("response_direction_config", true)
            });
            if !another {
                wrong(
                    "decodes answers only after Lockgate has seen them (answers go through the list backwards), too late; \
                     put it after Lockgate in the list",
                );
            }
        }
    }
}

impl Neighbour<'_> {
    /// `envoy.extensions.filters.http.cache.v3.CacheConfig` and `envoy.filters.http.cache` are both `cache`.
    pub(super) fn is(&self, name: &str) -> bool {
        let after = self.kind.split_once("filters.http.").map_or("", |(_, after)| after);
        after.split('.').next() == Some(name)
    }

    /// Whether it acts on a direction; `by_default` when its settings do not say.
    fn works_on(&self, direction: &str, by_default: bool) -> bool {
        let Some(settings) = self.message.and_then(|message| message.field(direction)) else { return by_default };
        let enabled = settings.at(&["common_config", "enabled", "default_value"]);
        enabled.is_none_or(Node::is_true)
    }
}

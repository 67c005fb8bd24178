//! Whether the clusters are there that a rate-limit configuration asks.

use serde_json::Value;

use crate::yaml::{Node, Value as Tree};

use super::finding::{Report, Severity};

/// Checks the service of shared limits. `root` is the whole document; `line` is where a field stands. Clusters that the file does
/// not list, because Envoy gets them from elsewhere, cannot be checked.
pub(super) fn check(json: &Value, root: &Node, line: &dyn Fn(&str) -> usize, report: &mut Report) {
    let Some(name) = json.pointer("/shared/cluster").and_then(Value::as_str) else { return };
    let Some(resources) = root.field("static_resources") else { return };
    let field = "shared.cluster";
    let clusters = resources.field("clusters").map(Node::items).unwrap_or_default();
    let Some(cluster) = clusters.iter().find(|cluster| cluster.text_at("name") == Some(name)) else {
        let (severity, message) = if root.at(&["dynamic_resources", "cds_config"]).is_some() {
            let message = format!("no cluster of this file is named `{name}`; see that the control plane sends one");
            (Severity::Warning, message)
        } else {
            let message = format!(
                "no cluster is named `{name}`: the service could never be asked; add it to static_resources.clusters, with \
                 http2_protocol_options"
            );
            (Severity::Error, message)
        };
        report.push(severity, Some(line(field)), field, message);
        return;
    };
    if !speaks_http_2(cluster) {
        let message = format!(
            "the cluster `{name}` does not speak HTTP/2, which gRPC needs; give it explicit_http_config: \
             {{http2_protocol_options: {{}}}} in its typed_extension_protocol_options"
        );
        report.push(Severity::Error, Some(line(field)), field, message);
    }
}

fn speaks_http_2(cluster: &Node) -> bool {
    // Nothing written is nothing said.
    let is_there = |node: Option<&Node>| node.is_some_and(|node| matches!(node.value, Tree::Map(_)));
    let options = cluster.at(&["typed_extension_protocol_options", OPTIONS]);
    let explicit = options.and_then(|options| options.at(&["explicit_http_config", "http2_protocol_options"]));
    // With TLS, the two sides agree on it.
    let agreed = options.and_then(|options| options.field("auto_config"));
    is_there(cluster.field("http2_protocol_options"))
        || is_there(explicit)
        || is_there(agreed) && is_there(cluster.field("transport_socket"))
}

const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml;

    #[test]
    fn the_service_needs_a_cluster_that_speaks_http_2() {
        let explicit = format!(
            "typed_extension_protocol_options: {{{OPTIONS}: {{explicit_http_config: {{http2_protocol_options: {{}}}}}}}}"
        );
        let agreed = format!("typed_extension_protocol_options: {{{OPTIONS}: {{auto_config: {{}}}}}}");
        for (name, file, want) in [
            ("explicit", format!("static_resources: {{clusters: [{{name: limits, {explicit}}}]}}"), None),
            (
                "as it was once written",
                "static_resources: {clusters: [{name: limits, http2_protocol_options: {}}]}".to_owned(),
                None,
            ),
            (
                "agreed with TLS",
                format!("staticResources: {{clusters: [{{name: limits, transport_socket: {{}}, {agreed}}}]}}"),
                None,
            ),
            ("another file's", "resources: []".to_owned(), None),
            (
                "agreed without TLS",
                format!("static_resources: {{clusters: [{{name: limits, {agreed}}}]}}"),
                Some("error: shared.cluster: the cluster `limits` does not speak HTTP/2"),
            ),
            (
                "HTTP/1",
                "static_resources: {clusters: [{name: limits}]}".to_owned(),
                Some("error: shared.cluster: the cluster `limits` does not speak HTTP/2"),
            ),
            (
                "nothing behind the name",
                "static_resources: {clusters: [{name: limits, http2_protocol_options: }]}".to_owned(),
                Some("error: shared.cluster: the cluster `limits` does not speak HTTP/2"),
            ),
            (
                "no such cluster",
                "static_resources: {clusters: [{name: other}]}".to_owned(),
                Some("error: shared.cluster: no cluster is named `limits`"),
            ),
            (
                "from elsewhere",
                "{static_resources: {clusters: []}, dynamic_resources: {cds_config: {}}}".to_owned(),
                Some("warning: shared.cluster: no cluster of this file is named `limits`"),
            ),
        ] {
            let tree = yaml::read(&file).expect("a file").remove(0);
            let mut report = Report::new("x.yaml".to_owned());
            check(&json!({"shared": {"cluster": "limits"}}), &tree, &|_| 7, &mut report);
            let found: Vec<String> = report.into_findings().iter().map(ToString::to_string).collect();
            match (want, &found[..]) {
                (None, []) => {}
                (Some(want), [one]) if one.starts_with(&format!("x.yaml:7: {want}")) => {}
                (want, found) => panic!("{name}: {want:?}, {found:?}"),
            }
            let mut report = Report::new("x.yaml".to_owned());
            check(&json!({"policies": []}), &tree, &|_| 7, &mut report);
            assert!(report.into_findings().is_empty(), "{name}");
        }
    }
}

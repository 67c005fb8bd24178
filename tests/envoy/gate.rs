//! An Envoy with our filter between a client and an [`Upstream`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lockgate_harness::{Envoy, EnvoyBinary, EnvoyConfig, EnvoyOptions, Error, Workspace, build, envoy, signals};
use serde_json::{Value, json};

use crate::wire::HANGS_AFTER;
use crate::{Client, Request, Response, Upstream, h2};

/// How long a connection to the portal may take: a worker that hashes a hundred megabytes on a busy machine looks at none meanwhile.
const CONNECT_WITHIN: &str = "20s";

/// How a gate is set up. Configurations are JSON, which is YAML, too.
#[derive(Clone, Debug)]
pub struct Setup {
    upstream: SocketAddr,
    /// Of the cluster: how the portal is spoken to.
    protocol: Value,
    filters: Vec<Value>,
    /// Of the cluster: run for each attempt.
    upstream_filters: Vec<Value>,
    /// Further clusters.
    clusters: Vec<Value>,
    /// Variables of Envoy's process, which every filter of ours is handed.
    variables: Vec<(String, String)>,
    workers: u32,
    normalize: bool,
    hold_heads: bool,
    buffer_bytes: u32,
    portal_buffer_bytes: u32,
    manager: Value,
    routes: Vec<Value>,
    log_level: String,
}

/// A running gate.
#[derive(Debug)]
pub struct Gate {
    /// The Envoy.
    pub envoy: Envoy,
    address: SocketAddr,
}

impl Setup {
    /// One worker, no filter but the router, Envoy's path normalisation on, heads held until the body's beginning is known.
    pub fn new(upstream: &Upstream) -> Self {
        Self {
            upstream: upstream.address(),
            protocol: json!({"http_protocol_options": {"enable_trailers": true}}),
            filters: Vec::new(),
            upstream_filters: Vec::new(),
            clusters: Vec::new(),
            variables: Vec::new(),
            workers: 1,
            normalize: true,
            hold_heads: true,
            buffer_bytes: 262_144,
            portal_buffer_bytes: 32_768,
            manager: json!({}),
            routes: vec![json!({"match": {"prefix": "/"}, "route": {"cluster": "portal", "timeout": "0s"}})],
            log_level: "warning".to_owned(),
        }
    }

    /// Adds the revenue-strip filter with this configuration.
    #[must_use]
    pub fn strip(self, configuration: &Value) -> Self {
        self.strip_text(&configuration.to_string())
    }

    /// Adds the revenue-strip filter with configuration text that need not be JSON.
    #[must_use]
    pub fn strip_text(self, configuration: &str) -> Self {
        let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
        self.strip_any(Some(&text))
    }

    /// Adds the revenue-strip filter with a `configuration` of any type, or none.
    #[must_use]
    pub fn strip_any(self, configuration: Option<&Value>) -> Self {
        let plugin = self.next_name("revenue_strip");
        self.ours(&plugin, "revenue-strip", configuration)
    }

    /// Adds a chain of these blocks, such as `{"jwt-auth": {…}}`.
    #[must_use]
    pub fn chain(self, blocks: &[Value]) -> Self {
        let text = json!({ "chain": blocks }).to_string();
        let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text});
        self.wasm("chain", "lockgate-test", chain(), Some(&text))
    }

    /// Adds a filter of ours: as its own module, or as the only block of a chain (see [`as_chain`]).
    fn ours(self, plugin: &str, filter: &str, configuration: Option<&Value>) -> Self {
        if !as_chain() {
            let module = match filter {
                "jwt-auth" => jwt_auth(),
                "rate-limit" => rate_limit(),
                "webhook-verify" => webhook_verify(),
                _ => revenue_strip(),
            };
            return self.plugin(plugin, "lockgate-test", module, configuration);
        }
        // What is no JSON object stays what it is.
        let text = configuration.and_then(|any| any["value"].as_str()).filter(|text| text.starts_with('{'));
        let wrapped = text.map(|text| {
            let chain = format!(r#"{{"chain": [{{"{filter}": {text}}}]}}"#);
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": chain})
        });
        self.plugin(plugin, "lockgate-test", chain(), wrapped.as_ref().or(configuration))
    }

    /// Adds a Wasm filter of somebody else that writes the header `x-test-record` to the filter state `key`.
    #[must_use]
    pub fn identity_writer(self, key: &str) -> Self {
        let key = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": key});
        self.wasm("identity_writer", "others", identity_writer(), Some(&key))
    }

    /// Adds the policy that waits, with its configuration: `cluster path timeout_ms max_body_bytes`.
    #[must_use]
    pub fn waiter(self, configuration: &str) -> Self {
        let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
        self.wasm("waiter", "lockgate-test", waiter(), Some(&text))
    }

    /// Adds the jwt-auth filter with this configuration.
    #[must_use]
    pub fn jwt(self, configuration: &Value) -> Self {
        self.jwt_text(&configuration.to_string())
    }

    /// Adds the jwt-auth filter with configuration text that need not be JSON.
    #[must_use]
    pub fn jwt_text(self, configuration: &str) -> Self {
        let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
        let plugin = self.next_name("jwt_auth");
        self.ours(&plugin, "jwt-auth", Some(&text))
    }

    /// Adds the jwt-auth filter as a plugin of this name.
    #[must_use]
    pub fn jwt_named(self, name: &str, configuration: &Value) -> Self {
        let text =
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string()});
        self.ours(name, "jwt-auth", Some(&text))
    }

    /// Adds the rate-limit filter with this configuration.
    #[must_use]
    pub fn limits(self, configuration: &Value) -> Self {
        self.limits_text(&configuration.to_string())
    }

    /// Adds the rate-limit filter with configuration text that need not be JSON.
    #[must_use]
    pub fn limits_text(self, configuration: &str) -> Self {
        let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
        let plugin = self.next_name("rate_limit");
        self.ours(&plugin, "rate-limit", Some(&text))
    }

    /// Adds rate-limit in VMs that die of the header `x-test-die`.
    #[must_use]
    pub fn mortal_limits(self, configuration: &Value) -> Self {
        let text =
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string()});
        self.wasm("mortal_limits", "lockgate-test", mortal_limits(), Some(&text))
    }

    /// Adds the webhook-verify filter with this configuration.
    #[must_use]
    pub fn webhooks(self, configuration: &Value) -> Self {
        self.webhooks_text(&configuration.to_string())
    }

    /// Adds the webhook-verify filter with configuration text that need not be JSON.
    #[must_use]
    pub fn webhooks_text(self, configuration: &str) -> Self {
        let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
        let plugin = self.next_name("webhook_verify");
        self.ours(&plugin, "webhook-verify", Some(&text))
    }

    /// Adds jwt-auth in VMs that die of the header `x-test-die`.
    #[must_use]
    pub fn mortal(self, configuration: &Value) -> Self {
        let text =
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string()});
        self.wasm("mortal", "lockgate-test", mortal(), Some(&text))
    }

    /// Moves the filter that was added last to the cluster, where Envoy runs it for each attempt.
    #[must_use]
    pub fn upstream(mut self) -> Self {
        self.upstream_filters.extend(self.filters.pop());
        self
    }

    fn wasm(self, name: &str, vm_id: &str, module: &Path, configuration: Option<&Value>) -> Self {
        let plugin = self.next_name(name);
        self.plugin(&plugin, vm_id, module, configuration)
    }

    fn next_name(&self, name: &str) -> String {
        format!("lockgate.{name}.{}", self.filters.len())
    }

    /// Adds a Wasm filter: a plugin of this name in VMs of this `vm_id`.
    fn plugin(mut self, name: &str, vm_id: &str, module: &Path, configuration: Option<&Value>) -> Self {
        let mut config = json!({
            "name": name,
            "vm_config": {
                "vm_id": vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": module}},
            },
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": self.hold_heads,
        });
        if !self.variables.is_empty() {
            let names: Vec<&String> = self.variables.iter().map(|(name, _)| name).collect();
            config["vm_config"]["environment_variables"] = json!({"host_env_keys": names});
        }
        if let Some(configuration) = configuration {
            config["configuration"] = configuration.clone();
        }
        self.filters.push(json!({
            "name": "envoy.filters.http.wasm",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": config,
            },
        }));
        self
    }

    /// Hands this variable to the filters added after this.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a cluster with one instance, or with none.
    #[must_use]
    pub fn cluster(mut self, name: &str, address: Option<SocketAddr>) -> Self {
        let endpoints = address.map(endpoint).into_iter();
        self.clusters.push(json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "2s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints.collect::<Value>()}]},
        }));
        self
    }

    /// Adds a cluster with one instance that speaks HTTP/2.
    #[must_use]
    pub fn grpc_cluster(self, name: &str, address: SocketAddr) -> Self {
        let mut setup = self.cluster(name, Some(address));
        if let Some(cluster) = setup.clusters.last_mut() {
            cluster["typed_extension_protocol_options"] = json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                },
            });
        }
        setup
    }

    /// Adds any other filter, after those already there.
    #[must_use]
    pub fn filter(mut self, filter: Value) -> Self {
        self.filters.push(filter);
        self
    }

    /// Worker threads.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// Envoy hands paths on as they came.
    #[must_use]
    pub fn raw_paths(mut self) -> Self {
        self.normalize = false;
        self
    }

    /// `allow_on_headers_stop_iteration: false`: heads leave before the body is seen. For filters added after this.
    #[must_use]
    pub fn streaming_heads(mut self) -> Self {
        self.hold_heads = false;
        self
    }

    /// In front of a portal that speaks HTTP/2.
    #[must_use]
    pub fn http_2_portal(self, portal: &h2::Portal) -> Self {
        self.http_2_portal_with(portal, &json!({}))
    }

    /// The same with settings of HTTP/2 towards it.
    #[must_use]
    pub fn http_2_portal_with(mut self, portal: &h2::Portal, settings: &Value) -> Self {
        self.upstream = portal.address();
        self.protocol = json!({"http2_protocol_options": settings});
        self
    }

    /// How much Envoy holds of one connection, of clients and of portals; the default is that of envoy.yaml.
    #[must_use]
    pub fn buffer_bytes(mut self, clients: u32, portals: u32) -> Self {
        (self.buffer_bytes, self.portal_buffer_bytes) = (clients, portals);
        self
    }

    /// Sets fields of the HTTP connection manager.
    #[must_use]
    pub fn manager(mut self, fields: Value) -> Self {
        self.manager = fields;
        self
    }

    /// Routes instead of the one that sends everything to the upstream (cluster `portal`).
    #[must_use]
    pub fn routes(mut self, routes: Vec<Value>) -> Self {
        self.routes = routes;
        self
    }

    /// Sends everything to an address where nobody listens.
    ///
    /// # Panics
    /// No port is free.
    #[must_use]
    pub fn dead_portal(mut self) -> Self {
        self.upstream = lockgate_harness::ports::free().unwrap();
        self
    }

    /// Envoy's log level, default `warning`.
    #[must_use]
    pub fn log_level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log_level);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// Envoy refuses the configuration.
    pub fn start(&self) -> Gate {
        self.try_start().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts it, or says why Envoy refuses.
    ///
    /// # Errors
    /// Envoy does not start.
    ///
    /// # Panics
    /// It starts without our listener.
    pub fn try_start(&self) -> Result<Gate, Error> {
        let mut options =
            EnvoyOptions { concurrency: self.workers, log_level: self.log_level.clone(), ..EnvoyOptions::default() };
        for (name, value) in &self.variables {
            options.process = options.process.env(name, value);
        }
        let envoy = Envoy::start(envoy_binary(), &EnvoyConfig::Yaml(self.yaml()), options)?;
        let address = *envoy.listeners()?.get("gate").expect("the listener is there");
        Ok(Gate { envoy, address })
    }

    /// The configuration text.
    pub fn yaml(&self) -> String {
        let mut filters = self.filters.clone();
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }));
        let mut manager = json!({
            "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "gate",
            "codec_type": "AUTO",
            "http_protocol_options": {"enable_trailers": true},
            "http2_protocol_options": {"allow_connect": true, "initial_stream_window_size": 262_144},
            // A transfer that is broken off ends so much later; the default is 1 s.
            "delayed_close_timeout": "0.1s",
            "generate_request_id": true,
            "always_set_request_id_in_response": true,
            "access_log": [access_log()],
            "http_filters": filters,
            "route_config": {
                "virtual_hosts": [{"name": "portals", "domains": ["*"], "routes": self.routes}],
            },
        });
        if self.normalize {
            manager["normalize_path"] = json!(true);
            manager["merge_slashes"] = json!(true);
            manager["path_with_escaped_slashes_action"] = json!("REJECT_REQUEST");
        }
        for (name, value) in self.manager.as_object().into_iter().flatten() {
            manager[name] = value.clone();
        }
        let mut clusters = vec![self.portal()];
        clusters.extend_from_slice(&self.clusters);
        json!({"static_resources": {
            "listeners": [{
                "name": "gate",
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                "per_connection_buffer_limit_bytes": self.buffer_bytes,
                "filter_chains": [{"filters": [
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
                ]}],
            }],
            "clusters": clusters,
        }})
        .to_string()
    }

    fn portal(&self) -> Value {
        let mut options = json!({
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": self.protocol,
        });
        if !self.upstream_filters.is_empty() {
            let codec = json!({
                "name": "envoy.filters.http.upstream_codec",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
                },
            });
            options["http_filters"] = self.upstream_filters.iter().cloned().chain([codec]).collect();
        }
        json!({
            "name": "portal",
            "type": "STATIC",
            "connect_timeout": CONNECT_WITHIN,
            "per_connection_buffer_limit_bytes": self.portal_buffer_bytes,
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options,
            },
            "load_assignment": {
                "cluster_name": "portal",
                "endpoints": [{"lb_endpoints": [endpoint(self.upstream)]}],
            },
        })
    }
}

impl Gate {
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: &Request) -> Response {
        self.connect().ask(request)
    }

    /// A GET by somebody without rights.
    pub fn get(&self, path: &str) -> Response {
        self.ask(&Request::get(path))
    }

    /// The sum of the counters of revenue-strip whose name after the prefix `wanted` accepts.
    ///
    /// # Panics
    /// Envoy does not answer.
    pub fn count(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let stats = self.envoy.stats(COUNTERS).unwrap();
        stats.iter().filter(|(name, _)| wanted(&name[COUNTERS.len()..])).map(|(_, value)| value).sum()
    }

    /// The sum of the counters of jwt-auth whose name after the prefix `wanted` accepts.
    ///
    /// # Panics
    /// Envoy does not answer.
    pub fn count_jwt(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let stats = self.envoy.stats(JWT_COUNTERS).unwrap();
        stats.iter().filter(|(name, _)| wanted(&name[JWT_COUNTERS.len()..])).map(|(_, value)| value).sum()
    }

    /// The sum of the counters of rate-limit whose name after the prefix `wanted` accepts.
    ///
    /// # Panics
    /// Envoy does not answer.
    pub fn count_limits(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let stats = self.envoy.stats(LIMIT_COUNTERS).unwrap();
        stats.iter().filter(|(name, _)| wanted(&name[LIMIT_COUNTERS.len()..])).map(|(_, value)| value).sum()
    }

    /// The sum of the counters of webhook-verify whose name after the prefix `wanted` accepts.
    ///
    /// # Panics
    /// Envoy does not answer.
    pub fn count_webhooks(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let stats = self.envoy.stats(WEBHOOK_COUNTERS).unwrap();
        stats.iter().filter(|(name, _)| wanted(&name[WEBHOOK_COUNTERS.len()..])).map(|(_, value)| value).sum()
    }

    /// Waits until so many requests are under way in Envoy.
    ///
    /// # Panics
    /// They never are.
    #[track_caller]
    pub fn until_active(&self, requests: u64) {
        let active =
            || self.envoy.counter("http.gate.downstream_rq_active").is_ok_and(|now| now == requests).then_some(());
        self.envoy.process().wait_until("requests under way", HANGS_AFTER, active).unwrap();
    }

    /// The access log's record of a request: the first whose path is `path`.
    ///
    /// # Panics
    /// It is not written.
    pub fn access_log(&self, path: &str) -> Value {
        let record = |line: &str| serde_json::from_str::<Value>(line).ok();
        let line =
            self.envoy.wait_for_line(HANGS_AFTER, |line| record(line).is_some_and(|record| record["path"] == path));
        record(&line.unwrap()).unwrap()
    }
}

/// The counters of the filter begin so.
pub const COUNTERS: &str = "wasmcustom.lockgate.revenue_strip.";

/// Those of jwt-auth.
pub const JWT_COUNTERS: &str = "wasmcustom.lockgate.jwt_auth.";

/// Those of rate-limit.
pub const LIMIT_COUNTERS: &str = "wasmcustom.lockgate.rate_limit.";

/// Those of webhook-verify.
pub const WEBHOOK_COUNTERS: &str = "wasmcustom.lockgate.webhook_verify.";

/// The identity source of most tests: what the client says in two headers.
pub fn trusted_headers() -> Value {
    json!({"trusted_header": {"roles": "x-test-roles", "permissions": "x-test-permissions"}})
}

/// One rule with the default lists on all of `/api`, for everybody but `SMS_ADMIN`.
pub fn revenue_rule() -> Value {
    json!({"name": "revenue", "match": {"paths": ["/api/**"]}, "action": "remove", "unless": {"roles": ["SMS_ADMIN"]}})
}

/// A whole configuration with these rules.
pub fn rules(rules: &[Value]) -> Value {
    json!({"identity": trusted_headers(), "rules": rules})
}

/// The Envoy of the tests, installed if need be.
///
/// # Panics
/// There is none and it cannot be installed.
pub fn envoy_binary() -> &'static EnvoyBinary {
    static BINARY: OnceLock<EnvoyBinary> = OnceLock::new();
    BINARY.get_or_init(|| {
        signals::stop_on_ctrl_c(|| 130).unwrap();
        envoy::find(&workspace(), &|line| eprintln!("{line}")).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// The filter as it ships, built if need be.
///
/// # Panics
/// It does not build.
pub fn revenue_strip() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("revenue-strip"))
}

fn identity_writer() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("identity-writer"))
}

/// The filter as it ships, built if need be.
///
/// # Panics
/// It does not build.
pub fn jwt_auth() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("jwt-auth"))
}

/// The filter as it ships, built if need be.
///
/// # Panics
/// It does not build.
pub fn chain() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("lockgate-filter"))
}

/// Whether single filters are run as chains of one block: with `LOCKGATE_FILTERS=chain`. So every test of a filter is one of the
/// chain as well.
pub fn as_chain() -> bool {
    static CHAIN: OnceLock<bool> = OnceLock::new();
    *CHAIN.get_or_init(|| match std::env::var("LOCKGATE_FILTERS").as_deref() {
        Ok("chain") => true,
        Ok("single") | Err(_) => false,
        Ok(other) => panic!("LOCKGATE_FILTERS={other}: chain or single"),
    })
}

/// The filter as it ships, built if need be.
///
/// # Panics
/// It does not build.
pub fn rate_limit() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("rate-limit"))
}

fn mortal_limits() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("mortal-limits"))
}

/// The filter as it ships, built if need be.
///
/// # Panics
/// It does not build.
pub fn webhook_verify() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("webhook-verify"))
}

fn mortal() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("mortal"))
}

fn waiter() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| built("waiter"))
}

fn built(package: &str) -> PathBuf {
    envoy_binary(); // without one, nothing need be built
    build::filter(&workspace(), package, &|line| eprintln!("{line}")).unwrap_or_else(|error| panic!("{error}"))
}

fn workspace() -> Workspace {
    Workspace::locate().unwrap()
}

fn endpoint(address: SocketAddr) -> Value {
    let address = json!({"address": address.ip().to_string(), "port_value": address.port()});
    json!({"endpoint": {"address": {"socket_address": address}}})
}

fn access_log() -> Value {
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": {
                "path": "%REQ(:PATH)%",
                "status": "%RESPONSE_CODE%",
                "flags": "%RESPONSE_FLAGS%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "audit": "%FILTER_STATE(wasm.lockgate.audit:PLAIN)%",
            }},
        },
    })
}

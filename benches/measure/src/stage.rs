//! An Envoy with a listener for each thing that is compared, otherwise set up alike.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use lockgate_harness::{Envoy, EnvoyBinary, EnvoyConfig, EnvoyOptions};
use serde_json::{Value, json};

use crate::{Client, Error};

/// What stands before the router of a listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// HTTP filters, in order.
    pub filters: Vec<Value>,
}

/// Where requests end.
#[derive(Clone, Copy, Debug)]
pub enum Behind {
    /// At a portal.
    Portal(SocketAddr),
    /// In Envoy itself, which answers 200.
    Nothing,
}

/// What all listeners have in common.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Where requests end.
    pub behind: Behind,
    /// Further clusters, by name, such as where keys are fetched.
    pub clusters: Vec<(String, SocketAddr)>,
    /// Whether a client may say in `x-forwarded-for` from where it comes.
    pub forwarded: bool,
    /// What Envoy holds of a connection: enough for filters that gather bodies. `None`: Envoy's own default.
    pub buffer_bytes: Option<u32>,
}

impl Scene {
    /// A portal, and nothing else.
    #[must_use]
    pub fn before(portal: SocketAddr) -> Self {
        Self { behind: Behind::Portal(portal), clusters: Vec::new(), forwarded: false, buffer_bytes: None }
    }

    /// Envoy's configuration: JSON, which is YAML, too.
    #[must_use]
    pub fn yaml(&self, listeners: &[Listener]) -> String {
        let mut config = json!({
            "static_resources": {"clusters": self.clusters()},
            // As the reference configuration has it.
            "memory_allocator_manager": {"bytes_to_release": RELEASED_BYTES, "memory_release_interval": "1s"},
        });
        let listeners = listeners.iter().map(|listener| self.listener(listener, 0)).collect();
        if let Some(resources) = config.get_mut("static_resources").and_then(Value::as_object_mut) {
            resources.insert("listeners".to_owned(), listeners);
        }
        config.to_string()
    }

    /// One listener as Envoy's configuration has it; port 0 lets the system choose.
    #[must_use]
    pub fn listener(&self, listener: &Listener, port: u16) -> Value {
        let router = json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        });
        let filters: Vec<&Value> = listener.filters.iter().chain([&router]).collect();
        let route = match self.behind {
            Behind::Portal(_) => json!({"match": {"prefix": "/"}, "route": {"cluster": PORTAL, "timeout": "120s"}}),
            Behind::Nothing => json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}}),
        };
        let mut manager = json!({
            "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": listener.name,
            "normalize_path": true,
            "http_filters": filters,
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        });
        if let (true, Some(members)) = (self.forwarded, manager.as_object_mut()) {
            members.insert("use_remote_address".to_owned(), json!(true));
            members.insert("xff_num_trusted_hops".to_owned(), json!(1));
        }
        let mut listener = json!({
            "name": listener.name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
            ]}],
        });
        self.buffered(&mut listener);
        listener
    }

    /// All clusters as Envoy's configuration has them.
    #[must_use]
    pub fn clusters(&self) -> Value {
        let portal = match self.behind {
            Behind::Portal(address) => Some((PORTAL, address)),
            Behind::Nothing => None,
        };
        let others = self.clusters.iter().map(|(name, address)| (name.as_str(), *address));
        portal
            .into_iter()
            .chain(others)
            .map(|(name, address)| {
                let address = json!({"address": address.ip().to_string(), "port_value": address.port()});
                let mut cluster = json!({
                    "name": name,
                    "type": "STATIC",
                    "connect_timeout": "2s",
                    "load_assignment": {
                        "cluster_name": name,
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": address}}}]}],
                    },
                });
                self.buffered(&mut cluster);
                cluster
            })
            .collect()
    }

    fn buffered(&self, listener_or_cluster: &mut Value) {
        if let (Some(bytes), Some(members)) = (self.buffer_bytes, listener_or_cluster.as_object_mut()) {
            members.insert("per_connection_buffer_limit_bytes".to_owned(), json!(bytes));
        }
    }
}

/// A Wasm filter: its plugin's name, the VM that it runs in, its module and configuration, and what of Envoy's environment it sees.
#[must_use]
pub fn wasm(name: &str, vm_id: &str, module: &Path, configuration: &str, variables: &[&str]) -> Value {
    let mut vm = json!({"vm_id": vm_id, "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": module}}});
    if let (false, Some(members)) = (variables.is_empty(), vm.as_object_mut()) {
        members.insert("environment_variables".to_owned(), json!({"host_env_keys": variables}));
    }
    json!({"name": "envoy.filters.http.wasm", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": name,
            "vm_config": vm,
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": true,
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
        },
    }})
}

/// A running Envoy and where its listeners are.
#[derive(Debug)]
pub struct Stage {
    /// The process.
    pub envoy: Envoy,
    listeners: BTreeMap<String, SocketAddr>,
}

impl Stage {
    /// Starts Envoy and waits until it is ready.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(binary: &EnvoyBinary, yaml: String, options: EnvoyOptions) -> Result<Self, Error> {
        let options = EnvoyOptions { log_level: "warning".to_owned(), ..options };
        let envoy = Envoy::start(binary, &EnvoyConfig::Yaml(yaml), options)?;
        let listeners = envoy.listeners()?;
        Ok(Self { envoy, listeners })
    }

    /// Where a listener is.
    ///
    /// # Errors
    /// Envoy has none of this name.
    pub fn address(&self, listener: &str) -> Result<SocketAddr, Error> {
        let address = self.listeners.get(listener).copied();
        address.ok_or_else(|| Error::wrong(format!("Envoy has no listener {listener}")))
    }

    /// A client of a listener.
    ///
    /// # Errors
    /// Envoy has none of this name.
    pub fn client(&self, listener: &str) -> Result<Client, Error> {
        Ok(Client::new(self.address(listener)?))
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.envoy.process().pid()
    }
}

const PORTAL: &str = "portal";
/// What Envoy gives back of memory that nobody needs, each second.
const RELEASED_BYTES: u32 = 4 * 1024 * 1024;

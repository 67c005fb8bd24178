//! What takes turns: an Envoy for each variant, otherwise set up alike.

use std::net::SocketAddr;
use std::path::Path;

use lockgate_harness::{Envoy, EnvoyBinary, EnvoyConfig, EnvoyOptions};
use serde_json::{Value, json};
use strip_work::lockgate_strip::CONFIGURATION;
use strip_work::serde_strip::Names;

use crate::client::Client;
use crate::error::Error;
use crate::modules::{Modules, say};
use crate::upstream;

/// What takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Envoy without a filter.
    Plain,
    /// Lockgate on a path that no rule is about.
    OtherPath,
    /// Lockgate at work.
    Lockgate,
    /// The comparison filter.
    Serde,
}

pub(crate) const VARIANTS: [Variant; 4] = [Variant::Plain, Variant::OtherPath, Variant::Lockgate, Variant::Serde];

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "no filter",
            Self::OtherPath => "revenue_strip, no rule matches",
            Self::Lockgate => "revenue_strip",
            Self::Serde => "serde_strip",
        }
    }

    pub(crate) fn path(self, body: &str) -> String {
        match self {
            Self::OtherPath => format!("/public/{body}"),
            Self::Plain | Self::Lockgate | Self::Serde => format!("/api/{body}"),
        }
    }

    fn strips(self) -> bool {
        matches!(self, Self::Lockgate | Self::Serde)
    }
}

/// An Envoy for each kind of filter.
pub(crate) struct Gates {
    plain: Gate,
    lockgate: Gate,
    serde: Gate,
}

pub(crate) struct Gate {
    pub(crate) envoy: Envoy,
    pub(crate) address: SocketAddr,
    client: Client,
}

impl Gates {
    /// Starts one of each, checks that each variant does its work on these bodies, and warms them up.
    pub(crate) fn start(
        binary: &EnvoyBinary,
        modules: &Modules,
        bodies: &[(String, Vec<u8>)],
        options: impl Fn() -> EnvoyOptions,
    ) -> Result<Self, Error> {
        let portal = upstream::start(bodies.to_vec())?;
        let gate = |filter: Option<(&Path, Option<&str>)>| -> Result<Gate, Error> {
            let options = EnvoyOptions { log_level: "warning".to_owned(), ..options() };
            let envoy = Envoy::start(binary, &EnvoyConfig::Yaml(yaml(portal, filter)), options)?;
            let address = *envoy.listeners()?.get("gate").ok_or_else(|| Error::wrong("Envoy has no listener"))?;
            Ok(Gate { envoy, address, client: Client::connect(address)? })
        };
        let (lockgate, serde) = (modules.revenue_strip()?, modules.serde_strip()?);
        say("starting Envoy: no filter, revenue_strip, serde_strip");
        let mut gates = Self {
            plain: gate(None)?,
            lockgate: gate(Some((&lockgate, Some(CONFIGURATION))))?,
            serde: gate(Some((&serde, None)))?,
        };
        check(&mut gates, bodies)?;
        // V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
        if let Some((smallest, _)) = bodies.first() {
            for variant in VARIANTS {
                gates.of(variant).ask(&variant.path(smallest), FIRST)?;
            }
        }
        Ok(gates)
    }

    pub(crate) fn of(&mut self, variant: Variant) -> &mut Gate {
        match variant {
            Variant::Plain => &mut self.plain,
            Variant::OtherPath | Variant::Lockgate => &mut self.lockgate,
            Variant::Serde => &mut self.serde,
        }
    }
}

impl Gate {
    pub(crate) fn ask(&mut self, path: &str, requests: u32) -> Result<(), Error> {
        (0..requests).try_for_each(|_| self.client.get(path))
    }

    /// CPU time of Envoy for each of so many requests, in microseconds.
    pub(crate) fn us_per_request(&mut self, path: &str, requests: u32) -> Result<f64, Error> {
        let before = self.envoy.process().cpu_time()?;
        self.ask(path, requests)?;
        let used = self.envoy.process().cpu_time()?.saturating_sub(before);
        Ok(used.as_secs_f64() * 1e6 / f64::from(requests))
    }
}

/// JSON, which is YAML, too.
fn yaml(portal: SocketAddr, filter: Option<(&Path, Option<&str>)>) -> String {
    let mut filters = Vec::new();
    if let Some((module, configuration)) = filter {
        let mut config = json!({
            "name": "bench",
            "vm_config": {
                "vm_id": "bench",
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": module}},
            },
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": true,
        });
        if let (Some(text), Some(fields)) = (configuration, config.as_object_mut()) {
            let text = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text});
            fields.insert("configuration".to_owned(), text);
        }
        filters.push(json!({
            "name": "envoy.filters.http.wasm",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config},
        }));
    }
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }));
    let route = json!({"match": {"prefix": "/"}, "route": {"cluster": "portal"}});
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gate",
        "normalize_path": true,
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": "portals", "domains": ["*"], "routes": [route]}]},
    });
    let portal = json!({"socket_address": {"address": portal.ip().to_string(), "port_value": portal.port()}});
    json!({"static_resources": {
        "listeners": [{
            "name": "gate",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "per_connection_buffer_limit_bytes": BUFFER_BYTES,
            "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
            ]}],
        }],
        "clusters": [{
            "name": "portal",
            "type": "STATIC",
            "connect_timeout": "2s",
            "per_connection_buffer_limit_bytes": BUFFER_BYTES,
            "load_assignment": {
                "cluster_name": "portal",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": portal}}]}],
            },
        }],
    }})
    .to_string()
}

/// No figures of something that does not work.
fn check(gates: &mut Gates, bodies: &[(String, Vec<u8>)]) -> Result<(), Error> {
    let names = Names::new().map_err(|error| Error::wrong(error.to_string()))?;
    let parse = |bytes: &[u8], what: &str| -> Result<Value, Error> {
        serde_json::from_slice(bytes).map_err(|error| Error::wrong(format!("{what}: {error}")))
    };
    for (name, body) in bodies {
        let mut stripped = parse(body, name)?;
        names.strip(&mut stripped);
        for variant in VARIANTS {
            let what = format!("{}, {name}", variant.name());
            let got = gates.of(variant).client.get_body(&variant.path(name))?;
            let right = if variant.strips() { parse(&got, &what)? == stripped } else { got == *body };
            if !right {
                return Err(Error::wrong(format!("{what}: the answer is not what it must be")));
            }
        }
    }
    Ok(())
}

/// Enough for the comparison filter to gather the largest body; the same for all, so that only the filters differ.
const BUFFER_BYTES: u32 = 16 << 20;
const FIRST: u32 = 2000;

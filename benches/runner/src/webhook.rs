//! User-space instructions that verifying a webhook adds to a request, in one Envoy, in one run.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lockgate_envoy_tests::webhook::{rfc3339, tag};
use lockgate_harness::{Envoy, EnvoyConfig, EnvoyOptions, Workspace, envoy};
use serde_json::{Value, json};

use crate::callgrind::Callgrind;
use crate::client::Client;
use crate::error::Error;
use crate::modules::{Modules, say};
use crate::upstream;

const PATH: &str = "/hooks/event";
const SECRET: &str = "a secret of the benchmark";
/// V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
const FIRST: u32 = 1200;
const WARM_UP: u32 = 8;

/// What stands in a listener's chain before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chain {
    Nothing,
    Empty,
    /// The portals' format.
    Portal,
    /// The same, without the table.
    Forgetful,
    /// Slack's: the time is signed as well.
    Slack,
    /// Signs what leaves.
    Sign,
}

const CHAINS: [Chain; 6] = [Chain::Nothing, Chain::Empty, Chain::Portal, Chain::Forgetful, Chain::Slack, Chain::Sign];

/// A row of the table: what stands in the chain, how long the bodies are, how many requests are counted first.
const ROWS: [(Chain, usize, &str, u32); 10] = [
    (Chain::Nothing, 1024, "no filter, 1 KB", 200),
    (Chain::Empty, 1024, "a Wasm filter that does nothing, 1 KB", 200),
    (Chain::Forgetful, 1024, "portal, nothing remembered, 1 KB", 100),
    (Chain::Portal, 1024, "portal, 1 KB", 100),
    (Chain::Slack, 1024, "slack, 1 KB", 100),
    (Chain::Sign, 1024, "signing: portal and standard-webhooks, 1 KB", 100),
    (Chain::Nothing, 16 * 1024, "no filter, 16 KB", 100),
    (Chain::Portal, 16 * 1024, "portal, 16 KB", 50),
    (Chain::Nothing, 256 * 1024, "no filter, 256 KB", 10),
    (Chain::Portal, 256 * 1024, "portal, 256 KB", 10),
];

/// What one row takes a request.
#[derive(Clone, Debug)]
struct Count {
    name: &'static str,
    instructions: f64,
    added: f64,
    /// By how much the figure of half as many requests differs: 0.01 is one percent.
    drift: f64,
}

/// What was counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    method: String,
    envoy: String,
    counts: Vec<Count>,
}

/// Starts everything, checks that each chain does its work, and counts.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules) -> Result<Counted, Error> {
    let Some(callgrind) = Callgrind::find(workspace)? else {
        return Err(Error::wrong("valgrind is not installed, and `perf` cannot be handed a signature"));
    };
    let binary = envoy::find(workspace, &say)?;
    let portal = upstream::start([("event".to_owned(), br#"{"taken":true}"#.to_vec())])?;
    let (ours, empty) = (modules.webhook_verify()?, modules.empty()?);
    say("starting Envoy with a listener for each chain");
    let mut options = EnvoyOptions { log_level: "warning".to_owned(), ..callgrind.options(&binary) };
    options.process = options.process.env("HOOK_SECRET", SECRET).env("WHSEC", WHSEC);
    let envoy = Envoy::start(&callgrind.binary(&binary), &EnvoyConfig::Yaml(yaml(portal, &ours, &empty)), options)?;
    let listeners = envoy.listeners()?;
    let pid = envoy.process().pid();
    let connect = |chain: Chain| {
        let address = listeners.get(&format!("{chain:?}")).ok_or_else(|| Error::wrong("Envoy has no listener"))?;
        Client::connect(*address)
    };
    let mut number = 0_u64;
    let mut fresh = |chain: Chain, bytes: usize| {
        number += 1;
        delivery(chain, number, bytes)
    };
    // No figures of something that does not work: a good delivery passes, a changed one does not.
    for chain in CHAINS {
        say(&format!("warming up {chain:?}"));
        let mut client = connect(chain)?;
        for _ in 0..if chain == Chain::Nothing { WARM_UP } else { FIRST } {
            let (lines, body) = fresh(chain, 1024);
            client.post(PATH, &lines, &body)?;
        }
        if matches!(chain, Chain::Portal | Chain::Forgetful | Chain::Slack) {
            let (lines, mut body) = fresh(chain, 1024);
            body.reverse();
            if connect(chain)?.post(PATH, &lines, &body).is_ok() {
                return Err(Error::wrong(format!("{chain:?} takes a forged delivery")));
            }
        }
    }
    let mut counts: Vec<Count> = Vec::new();
    let mut plain = 0.0;
    for (chain, bytes, name, requests) in ROWS {
        say(&format!("counting {name}"));
        let mut client = connect(chain)?;
        let mut ask = |times: u32| -> Result<f64, Error> {
            let deliveries: Vec<_> = (0..times).map(|_| fresh(chain, bytes)).collect();
            callgrind.count(pid, || deliveries.iter().try_for_each(|(lines, body)| client.post(PATH, lines, body)))
        };
        ask(WARM_UP)?;
        let half = ask(requests)? / f64::from(requests);
        let instructions = ask(requests * 2)? / f64::from(requests * 2);
        if chain == Chain::Nothing {
            plain = instructions;
        }
        let drift = (half - instructions).abs() / instructions;
        counts.push(Count { name, instructions, added: instructions - plain, drift });
    }
    let method = format!("valgrind callgrind ({})", callgrind.version());
    Ok(Counted { method, envoy: binary.version, counts })
}

/// Head lines and body of a delivery that was never made before.
#[expect(clippy::disallowed_methods, reason = "deliveries are made now")]
fn delivery(chain: Chain, number: u64, bytes: usize) -> (String, Vec<u8>) {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut body =
        format!(r#"{{"id":"evt-{number}","event":"equipment.approved","data":{{"entity":"equipment","text":""#);
    let end = r#""}}"#;
    body.extend(std::iter::repeat_n('x', bytes.saturating_sub(body.len() + end.len())));
    body.push_str(end);
    let lines = if chain == Chain::Slack {
        let signature = tag(SECRET, format!("v0:{now_s}:{body}").as_bytes());
        format!("x-slack-signature: v0={signature}\r\nx-slack-request-timestamp: {now_s}\r\n")
    } else {
        format!(
            "x-webhook-signature: sha256={}\r\nx-webhook-id: evt-{number}\r\nx-webhook-timestamp: {}\r\n",
            tag(SECRET, body.as_bytes()),
            rfc3339(now_s)
        )
    };
    (format!("content-type: application/json\r\n{lines}"), body.into_bytes())
}

fn ours(chain: Chain) -> Value {
    let endpoint = |scheme: &str, replay: Value| {
        json!({"endpoints": [{
            "name": "bench", "match": {"paths": ["/hooks/*"]}, "scheme": scheme, "secrets": [{"env": "HOOK_SECRET"}],
            "replay": replay,
        }]})
    };
    match chain {
        Chain::Portal => endpoint("portal", json!({"window_s": 86_400})),
        Chain::Forgetful => endpoint("portal", json!({"window_s": 0})),
        Chain::Slack => endpoint("slack", json!({"window_s": 600})),
        Chain::Nothing | Chain::Empty | Chain::Sign => json!({"sign": [{
            "name": "bench", "match": {"paths": ["/hooks/*"]},
            "schemes": [
                {"scheme": "portal", "secrets": [{"env": "HOOK_SECRET"}]},
                {"scheme": "standard-webhooks", "secrets": [{"env": "WHSEC"}]},
            ],
        }]}),
    }
}

fn wasm(name: &str, module: &Path, configuration: &str) -> Value {
    json!({"name": "envoy.filters.http.wasm", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": name,
            "vm_config": {
                "vm_id": "bench", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": module}},
                "environment_variables": {"host_env_keys": ["HOOK_SECRET", "WHSEC"]},
            },
            "failure_policy": "FAIL_RELOAD",
            "allow_on_headers_stop_iteration": true,
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
        },
    }})
}

/// JSON, which is YAML, too.
fn yaml(portal: SocketAddr, module: &Path, empty: &Path) -> String {
    let listeners = CHAINS.map(|chain| {
        let name = format!("{chain:?}");
        let filter = match chain {
            Chain::Nothing => None,
            Chain::Empty => Some(wasm(&name, empty, "")),
            Chain::Portal | Chain::Forgetful | Chain::Slack | Chain::Sign => {
                Some(wasm(&name, module, &ours(chain).to_string()))
            }
        };
        let router = json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        });
        let filters: Vec<Value> = filter.into_iter().chain([router]).collect();
        let route = json!({"match": {"prefix": "/"}, "route": {"cluster": "portal"}});
        let manager = json!({
            "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "normalize_path": true,
            "http_filters": filters,
            "route_config": {"virtual_hosts": [{"name": "portals", "domains": ["*"], "routes": [route]}]},
        });
        json!({
            "name": name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
            ]}],
        })
    });
    let portal = json!({"socket_address": {"address": portal.ip().to_string(), "port_value": portal.port()}});
    json!({"static_resources": {
        "listeners": listeners,
        "clusters": [{
            "name": "portal",
            "type": "STATIC",
            "connect_timeout": "2s",
            "load_assignment": {
                "cluster_name": "portal",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": portal}}]}],
            },
        }],
    }})
    .to_string()
}

impl Counted {
    pub(crate) fn to_markdown(&self) -> String {
        let thousands = |count: f64| format!("{:.1} k", count / 1000.0);
        // Writing to a `String` cannot fail.
        let mut out = format!("Envoy {}, 1 worker, counted with {}\n\n", self.envoy, self.method);
        out.push_str(
            "| what | instructions a request | added | half as many requests differ by |\n|---|---|---|---|\n",
        );
        for Count { name, instructions, added, drift } in &self.counts {
            let (all, added) = (thousands(*instructions), thousands(*added));
            let _ = writeln!(out, "| {name} | {all} | **{added}** | {:.1} % |", drift * 100.0);
        }
        out
    }
}

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

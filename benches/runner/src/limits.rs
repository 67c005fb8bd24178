//! User-space instructions that counting a request adds: rate-limit, Envoy's own `local_ratelimit`, and a Wasm filter that does
//! nothing, in one Envoy, in one run.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use lockgate_harness::{Envoy, EnvoyConfig, EnvoyOptions, Workspace, envoy};
use serde_json::{Value, json};

use crate::callgrind::Callgrind;
use crate::client::Client;
use crate::error::Error;
use crate::modules::{Modules, say};
use crate::upstream;

const PATH: &str = "/api/maintenance/parts";
/// V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
const FIRST: u32 = 1200;
const WARM_UP: u32 = 8;
const REQUESTS: u32 = 200;
/// Callers beside the one that is counted: a table as it is in use.
const OTHERS: u32 = 200;

/// What stands in a listener's chain before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chain {
    Nothing,
    Empty,
    Native,
    /// One policy, by a header, so that nothing but the head is read of the request. Clients are told nothing.
    Quiet,
    /// The same, with both fields in answers.
    Telling,
    /// One by the client's address.
    Address,
    /// One by the consumer of an identity in trusted headers.
    Consumer,
    /// Five policies by the client's address.
    FiveQuiet,
    FiveTelling,
    /// Both penalties, by address.
    Penalties,
}

const ROWS: [(Chain, &str); 10] = [
    (Chain::Nothing, "no filter"),
    (Chain::Empty, "a Wasm filter that does nothing"),
    (Chain::Native, "local_ratelimit, one bucket for all"),
    (Chain::Quiet, "one policy by a header, nothing told"),
    (Chain::Telling, "one policy by a header, two fields in the answer"),
    (Chain::Address, "one policy by address, nothing told"),
    (Chain::Consumer, "one policy by consumer, nothing told"),
    (Chain::FiveQuiet, "five policies by address, nothing told"),
    (Chain::FiveTelling, "five policies by address, two fields in the answer"),
    (Chain::Penalties, "failed authentications and floods, by address"),
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

/// Starts everything, checks that each chain counts, and counts instructions.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules) -> Result<Counted, Error> {
    let Some(callgrind) = Callgrind::find(workspace)? else {
        return Err(Error::wrong("valgrind is not installed"));
    };
    let binary = envoy::find(workspace, &say)?;
    let portal = upstream::start([("parts".to_owned(), br#"{"id":1}"#.to_vec())])?;
    let (ours, empty) = (modules.rate_limit()?, modules.empty()?);
    let text = yaml(portal, &ours, &empty);
    say("starting Envoy with a listener for each chain");
    let options = EnvoyOptions { log_level: "warning".to_owned(), ..callgrind.options(&binary) };
    let envoy = Envoy::start(&callgrind.binary(&binary), &EnvoyConfig::Yaml(text), options)?;
    let listeners = envoy.listeners()?;
    let pid = envoy.process().pid();
    let connect = |chain: Chain, caller: u32| {
        let address = listeners.get(&format!("{chain:?}")).ok_or_else(|| Error::wrong("Envoy has no listener"))?;
        let lines = format!(
            "x-caller: {caller}\r\nx-forwarded-for: 203.0.{}.{}\r\nuser-agent: bench/1\r\naccept: */*\r\n",
            caller / 250,
            caller % 250
        );
        Ok::<_, Error>(Client::connect(*address)?.with_header(&lines))
    };
    let mut counts: Vec<Count> = Vec::new();
    for (chain, name) in ROWS {
        say(&format!("warming up {chain:?}"));
        for caller in 1..=OTHERS {
            connect(chain, caller)?.get(PATH)?;
        }
        let mut client = connect(chain, 0)?;
        let mut ask = |requests: u32| (0..requests).try_for_each(|_| client.get(PATH));
        ask(FIRST)?;
        say(&format!("counting {name}"));
        ask(WARM_UP)?;
        let half = callgrind.count(pid, || ask(REQUESTS))? / f64::from(REQUESTS);
        let instructions = callgrind.count(pid, || ask(REQUESTS * 2))? / f64::from(REQUESTS * 2);
        let plain = counts.first().map_or(instructions, |plain| plain.instructions);
        let drift = (half - instructions).abs() / instructions;
        counts.push(Count { name, instructions, added: instructions - plain, drift });
    }
    // No figures of something that does not count.
    let allowed = envoy.stats("wasmcustom.lockgate.rate_limit.")?;
    for policy in ["quiet.allowed", "address.allowed", "consumer.allowed", "five-4.allowed"] {
        let counted = allowed.iter().find(|(name, _)| name.ends_with(policy)).map_or(0, |(_, counted)| *counted);
        if counted < u64::from(FIRST) {
            return Err(Error::wrong(format!("{policy} is {counted}")));
        }
    }
    let method = format!("valgrind callgrind ({})", callgrind.version());
    Ok(Counted { method, envoy: binary.version, counts })
}

fn ours(chain: Chain) -> Value {
    let policy = |name: &str, key: Value, limit: u32| json!({"name": name, "match": {"paths": ["/api/**"]}, "key": key, "limit": limit, "window_s": 86_400});
    let by_header = json!([{"header": "x-caller"}]);
    let five: Vec<Value> =
        (0..5).map(|n| policy(&format!("five-{n}"), json!(["address"]), 1_000_000 + n)).map(shorter).collect();
    let (policies, penalties) = match chain {
        Chain::Nothing | Chain::Empty | Chain::Native => (Vec::new(), Value::Null),
        Chain::Quiet => (vec![policy("quiet", by_header, 1_000_000)], Value::Null),
        Chain::Telling => (vec![policy("telling", by_header, 1_000_000)], Value::Null),
        Chain::Address => (vec![policy("address", json!(["address"]), 1_000_000)], Value::Null),
        Chain::Consumer => (vec![policy("consumer", json!(["consumer"]), 1_000_000)], Value::Null),
        Chain::FiveQuiet | Chain::FiveTelling => (five, Value::Null),
        Chain::Penalties => (
            Vec::new(),
            json!([
                {"name": "failing", "failures": {"limit": 5, "window_s": 60}, "block_s": 60},
                {"name": "flood", "flood": {"per_second": 100_000}, "block_s": 60},
            ]),
        ),
    };
    json!({
        "policies": policies,
        "penalties": penalties,
        "identity": {"trusted_header": {"subject": "x-caller"}},
        "headers": {"rate_limit": matches!(chain, Chain::Telling | Chain::FiveTelling)},
    })
}

/// Policies of one key must each be within reach: the more a window admits, the longer it is.
fn shorter(mut policy: Value) -> Value {
    let limit = policy.get("limit").and_then(Value::as_u64).unwrap_or_default();
    if let Some(members) = policy.as_object_mut() {
        members.insert("window_s".to_owned(), json!(limit - 1_000_000 + 3_600));
    }
    policy
}

fn native() -> Value {
    json!({"name": "envoy.filters.http.local_ratelimit", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "native",
        "token_bucket": {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "60s"},
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
    }})
}

fn wasm(name: &str, module: &Path, configuration: &str) -> Value {
    json!({"name": "envoy.filters.http.wasm", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": name,
            "vm_config": {
                "vm_id": "bench", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": module}},
            },
            "failure_policy": "FAIL_RELOAD",
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration},
        },
    }})
}

/// JSON, which is YAML, too.
fn yaml(portal: SocketAddr, module: &Path, empty: &Path) -> String {
    let listeners = ROWS.map(|(chain, _)| {
        let name = format!("{chain:?}");
        let filter = match chain {
            Chain::Nothing => None,
            Chain::Empty => Some(wasm(&name, empty, "")),
            Chain::Native => Some(native()),
            Chain::Quiet
            | Chain::Telling
            | Chain::Address
            | Chain::Consumer
            | Chain::FiveQuiet
            | Chain::FiveTelling
            | Chain::Penalties => Some(wasm(&name, module, &ours(chain).to_string())),
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
            "use_remote_address": true,
            "xff_num_trusted_hops": 1,
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
    /// How much more than the filter that does nothing.
    fn over_empty(&self, added: f64) -> f64 {
        let empty = ROWS.iter().find(|(chain, _)| *chain == Chain::Empty).map_or("", |(_, name)| name);
        added - self.counts.iter().find(|count| count.name == empty).map_or(f64::NAN, |count| count.added)
    }

    pub(crate) fn to_markdown(&self) -> String {
        let thousands = |count: f64| format!("{:.1} k", count / 1000.0);
        // Writing to a `String` cannot fail.
        let mut out = format!("Envoy {}, 1 worker, counted with {}\n\n", self.envoy, self.method);
        out.push_str("| what | instructions a request | added | over the empty filter | half as many requests differ by |\n|---|---|---|---|---|\n");
        for Count { name, instructions, added, drift } in &self.counts {
            let (all, over) = (thousands(*instructions), thousands(self.over_empty(*added)));
            let _ = writeln!(out, "| {name} | {all} | {} | **{over}** | {:.1} % |", thousands(*added), drift * 100.0);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_what_is_over_the_empty_filter() {
        let count = |name, instructions, added| Count { name, instructions, added, drift: 0.001 };
        let counts = vec![
            count("no filter", 150_000.0, 0.0),
            count("a Wasm filter that does nothing", 170_000.0, 20_000.0),
            count("one policy by address, nothing told", 210_000.0, 60_000.0),
        ];
        let markdown = Counted { method: "m".to_owned(), envoy: "1.40.0".to_owned(), counts }.to_markdown();
        let line = "| one policy by address, nothing told | 210.0 k | 60.0 k | **40.0 k** | 0.1 % |";
        assert!(markdown.lines().any(|written| written == line), "{markdown}");
    }

    #[test]
    fn what_is_measured_is_a_good_configuration() {
        use lockgate::exchange::Policy as _;
        for (chain, _) in ROWS {
            if !matches!(chain, Chain::Nothing | Chain::Empty | Chain::Native) {
                let text = ours(chain).to_string();
                assert!(lockgate::rate_limit::Policy::from_json(text.as_bytes()).is_ok(), "{text}");
            }
        }
    }
}

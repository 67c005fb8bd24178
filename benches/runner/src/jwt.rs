//! User-space instructions that verifying a token adds to a request: jwt-auth, Envoy's own `jwt_authn`, and a Wasm filter that
//! does nothing, in one Envoy, in one run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_harness::{Envoy, EnvoyConfig, EnvoyOptions, Workspace, envoy};
use serde_json::{Value, json};

use crate::callgrind::Callgrind;
use crate::client::Client;
use crate::error::Error;
use crate::modules::{Modules, say};
use crate::upstream;

const PATH: &str = "/api/maintenance/parts";
const ISSUER: &str = "https://issuer.bench";
/// V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
const FIRST: u32 = 1200;
const WARM_UP: u32 = 8;

/// What stands in a listener's chain before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chain {
    Nothing,
    Empty,
    NativeCached,
    /// With the payload in metadata, where later filters read roles from it.
    NativeTelling,
    NativeCold,
    Ours,
    /// With four headers for the portal.
    OursForwarding,
    OursCold,
}

const CHAINS: [Chain; 8] = [
    Chain::Nothing,
    Chain::Empty,
    Chain::NativeCached,
    Chain::NativeTelling,
    Chain::NativeCold,
    Chain::Ours,
    Chain::OursForwarding,
    Chain::OursCold,
];

/// A row of the table: what stands in the chain, the algorithm of the token, how many requests are counted first.
const ROWS: [(Chain, &str, &str, u32); 14] = [
    (Chain::Nothing, "ES256", "no filter", 200),
    (Chain::Empty, "ES256", "a Wasm filter that does nothing", 200),
    (Chain::NativeCached, "ES256", "jwt_authn, token in its cache", 200),
    (Chain::NativeTelling, "ES256", "jwt_authn, the same and its payload for later filters", 200),
    (Chain::Ours, "ES256", "jwt-auth, token verified before", 200),
    (Chain::OursForwarding, "ES256", "jwt-auth, the same and four headers for the portal", 200),
    (Chain::NativeCold, "HS256", "jwt_authn, HS256", 40),
    (Chain::OursCold, "HS256", "jwt-auth, HS256", 40),
    (Chain::NativeCold, "RS256", "jwt_authn, RS256", 40),
    (Chain::OursCold, "RS256", "jwt-auth, RS256", 40),
    (Chain::NativeCold, "ES256", "jwt_authn, ES256", 40),
    (Chain::OursCold, "ES256", "jwt-auth, ES256", 40),
    (Chain::NativeCold, "EdDSA", "jwt_authn, EdDSA", 40),
    (Chain::OursCold, "EdDSA", "jwt-auth, EdDSA", 40),
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
    token_bytes: BTreeMap<&'static str, usize>,
    counts: Vec<Count>,
}

/// Starts everything, checks that each chain does its work, and counts.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules) -> Result<Counted, Error> {
    let Some(callgrind) = Callgrind::find(workspace)? else {
        return Err(Error::wrong("valgrind is not installed, and `perf` cannot be handed a token"));
    };
    let binary = envoy::find(workspace, &say)?;
    let portal = upstream::start([("parts".to_owned(), br#"{"id":1}"#.to_vec())])?;
    let keys = [
        Key::es256(1).kid("es256"),
        Key::rs256().kid("rs256"),
        Key::eddsa(2).kid("eddsa"),
        Key::hs256([7; 32]).kid("hs256"),
    ];
    let tokens: BTreeMap<&'static str, String> =
        keys.iter().map(|key| (key.alg(), key.sign(&claims(key.alg())))).collect();
    let matrix = workspace.root().join("tests/cases/jwt_auth/reference.json");
    let matrix = std::fs::read_to_string(matrix).map_err(Error::io("read the reference matrix"))?;
    let matrix: Value = serde_json::from_str(&matrix).map_err(|error| Error::wrong(error.to_string()))?;
    let (ours, empty) = (modules.jwt_auth()?, modules.empty()?);
    let text = yaml(portal, &keys, &matrix, &ours, &empty);
    say("starting Envoy with a listener for each chain");
    let options = EnvoyOptions { log_level: "warning".to_owned(), ..callgrind.options(&binary) };
    let envoy = Envoy::start(&callgrind.binary(&binary), &EnvoyConfig::Yaml(text), options)?;
    let listeners = envoy.listeners()?;
    let pid = envoy.process().pid();
    let connect = |chain: Chain| {
        let address = listeners.get(&format!("{chain:?}")).ok_or_else(|| Error::wrong("Envoy has no listener"))?;
        Client::connect(*address)
    };
    // No figures of something that does not work: a good token passes, a changed one does not.
    for chain in CHAINS {
        let first = if matches!(chain, Chain::Empty | Chain::Ours | Chain::OursForwarding) { FIRST } else { WARM_UP };
        say(&format!("warming up {chain:?}"));
        for (&alg, token) in &tokens {
            let mut client = connect(chain)?.with_header(&format!("authorization: Bearer {token}\r\n"));
            let times = if alg == "ES256" { first } else { 1 };
            (0..times).try_for_each(|_| client.get(PATH))?;
            if !matches!(chain, Chain::Nothing | Chain::Empty) {
                // Its first character: the last ones hold bits that do not count.
                let (text, signature) = token.rsplit_once('.').unwrap_or_default();
                let other = if signature.starts_with('A') { "B" } else { "A" };
                let forged = format!("{text}.{other}{}", signature.get(1..).unwrap_or_default());
                let mut client = connect(chain)?.with_header(&format!("authorization: Bearer {forged}\r\n"));
                if client.get(PATH).is_ok() {
                    return Err(Error::wrong(format!("{chain:?} takes a forged {alg} token")));
                }
            }
        }
    }
    let mut counts: Vec<Count> = Vec::new();
    for (chain, alg, name, requests) in ROWS {
        say(&format!("counting {name}"));
        let token = tokens.get(alg).map(String::as_str).unwrap_or_default();
        let mut client = connect(chain)?.with_header(&format!("authorization: Bearer {token}\r\n"));
        let mut ask = |requests: u32| (0..requests).try_for_each(|_| client.get(PATH));
        ask(WARM_UP)?;
        let half = callgrind.count(pid, || ask(requests))? / f64::from(requests);
        let instructions = callgrind.count(pid, || ask(requests * 2))? / f64::from(requests * 2);
        let plain = counts.first().map_or(instructions, |plain| plain.instructions);
        let drift = (half - instructions).abs() / instructions;
        counts.push(Count { name, instructions, added: instructions - plain, drift });
    }
    let token_bytes = tokens.iter().map(|(&alg, token)| (alg, token.len())).collect();
    let method = format!("valgrind callgrind ({})", callgrind.version());
    Ok(Counted { method, envoy: binary.version, token_bytes, counts })
}

/// The unified payload.
#[expect(clippy::disallowed_methods, reason = "tokens are valid now")]
fn claims(jti: &str) -> Value {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    json!({
        "iss": ISSUER, "aud": "lockgate", "sub": "usr-2002", "jti": jti, "iat": now_s, "exp": now_s + 86_400,
        "type": "access", "tenantId": "tenant-nordhavn", "roles": ["MANAGER"],
        "permissions": ["equipment.review", "equipment.approve", "fault.create", "maintenance.approve"],
        "systems": {
            "onboarding": {
                "companyId": "c0000000-0000-4000-8000-000000000001", "role": "MANAGER",
                "permissions": ["equipment.review", "equipment.approve"],
            },
            "maintenance": {
                "companyId": 1, "role": "manager", "specialization": "engine",
                "permissions": ["fault.create", "maintenance.approve"],
            },
        },
        "federation": {
            "primarySystem": "onboarding", "lastSync": "2026-03-02T06:00:00Z",
            "syncedSystems": ["onboarding", "maintenance"],
        },
    })
}

/// Rights are checked against the reference matrix, which `jwt_authn` cannot do.
fn ours(keys: &[Key], matrix: &Value, chain: Chain) -> Value {
    let (secret, public): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| key.alg() == "HS256");
    let provider = |name: &str, algorithms: &[&str], keys: &[&Key]| {
        json!({
            "name": name, "issuer": ISSUER, "audiences": ["lockgate"], "algorithms": algorithms,
            "jwks": {"inline": key_set(keys.iter().copied())},
        })
    };
    let mut policy = json!({
        "providers": [provider("public", &["ES256", "RS256", "EdDSA"], &public), provider("secret", &["HS256"], &secret)],
        "systems": matrix.get("systems"),
        "access": matrix.get("access"),
        "cache": {"entries": if chain == Chain::OursCold { 0 } else { 1024 }},
        "limits": {"failed_signatures": {"limit": 1000}},
    });
    if let (Chain::OursForwarding, Some(members)) = (chain, policy.as_object_mut()) {
        let headers = json!({
            "x-user-id": {"identity": "subject"}, "x-tenant-id": "tenantId", "x-role": {"identity": "roles"},
            "x-permissions": {"identity": "permissions"},
        });
        members.insert("forward".to_owned(), json!({"headers": headers}));
    }
    policy
}

fn native(keys: &[Key], chain: Chain) -> Value {
    let mut provider = json!({
        "issuer": ISSUER, "audiences": ["lockgate"], "forward": true, "require_expiration": true,
        "local_jwks": {"inline_string": key_set(keys).to_string()},
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
    });
    if let (Chain::NativeCached | Chain::NativeTelling, Some(members)) = (chain, provider.as_object_mut()) {
        members.insert("jwt_cache_config".to_owned(), json!({"jwt_cache_size": 1000, "jwt_max_token_size": 8192}));
    }
    if let (Chain::NativeTelling, Some(members)) = (chain, provider.as_object_mut()) {
        members.insert("payload_in_metadata".to_owned(), json!("claims"));
    }
    json!({"name": "envoy.filters.http.jwt_authn", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"issuer": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}],
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
fn yaml(portal: SocketAddr, keys: &[Key], matrix: &Value, module: &Path, empty: &Path) -> String {
    let listeners = CHAINS.map(|chain| {
        let name = format!("{chain:?}");
        let filter = match chain {
            Chain::Nothing => None,
            Chain::Empty => Some(wasm(&name, empty, "")),
            Chain::NativeCached | Chain::NativeTelling | Chain::NativeCold => Some(native(keys, chain)),
            Chain::Ours | Chain::OursForwarding | Chain::OursCold => {
                Some(wasm(&name, module, &ours(keys, matrix, chain).to_string()))
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
    fn added(&self, name: &str) -> Option<f64> {
        self.counts.iter().find(|count| count.name == name).map(|count| count.added)
    }

    pub(crate) fn to_markdown(&self) -> String {
        let thousands = |count: f64| format!("{:.1} k", count / 1000.0);
        let tokens: Vec<String> = self.token_bytes.iter().map(|(alg, bytes)| format!("{alg} {bytes}")).collect();
        // Writing to a `String` cannot fail.
        let mut out = format!(
            "Envoy {}, 1 worker, counted with {}; tokens in bytes: {}\n\n",
            self.envoy,
            self.method,
            tokens.join(", ")
        );
        out.push_str(
            "| what | instructions a request | added | half as many requests differ by |\n|---|---|---|---|\n",
        );
        for Count { name, instructions, added, drift } in &self.counts {
            let (all, added) = (thousands(*instructions), thousands(*added));
            let _ = writeln!(out, "| {name} | {all} | **{added}** | {:.1} % |", drift * 100.0);
        }
        out.push_str("\n| a token not seen before | added by jwt-auth : added by jwt_authn |\n|---|---|\n");
        for alg in ["HS256", "RS256", "ES256", "EdDSA"] {
            let both = self.added(&format!("jwt-auth, {alg}")).zip(self.added(&format!("jwt_authn, {alg}")));
            let ratio = both.map_or(f64::NAN, |(ours, native)| ours / native);
            let _ = writeln!(out, "| {alg} | **{ratio:.2}** |");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_what_is_added() {
        let count = |name, instructions, added| Count { name, instructions, added, drift: 0.001 };
        let counts = vec![
            count("no filter", 150_000.0, 0.0),
            count("jwt_authn, RS256", 450_000.0, 300_000.0),
            count("jwt-auth, RS256", 600_000.0, 450_000.0),
        ];
        let token_bytes = BTreeMap::from([("RS256", 1200)]);
        let counted = Counted { method: "m".to_owned(), envoy: "1.40.0".to_owned(), token_bytes, counts };
        let markdown = counted.to_markdown();
        for line in [
            "Envoy 1.40.0, 1 worker, counted with m; tokens in bytes: RS256 1200",
            "| jwt-auth, RS256 | 600.0 k | **450.0 k** | 0.1 % |",
            "| RS256 | **1.50** |",
            "| ES256 | **NaN** |",
        ] {
            assert!(markdown.lines().any(|written| written == line), "{line}\n{markdown}");
        }
    }
}

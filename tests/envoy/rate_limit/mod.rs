//! rate-limit, rule by rule.

mod answers;
mod chain;
mod configuration;
mod exact;
mod keys;
mod penalties;
mod reload;
mod shared;

use lockgate_envoy_tests::{Answer, Gate, Request, Response, Setup, Upstream};
use serde_json::{Value, json};

/// A portal that answers at these paths.
fn portal() -> Upstream {
    let upstream = Upstream::start();
    for path in ["/x", "/y", "/api/maintenance/parts"] {
        upstream.on(path, Answer::ok("text/plain", "portal"));
    }
    upstream
}

/// One policy about everything, by address, with more members or others.
fn policy(more: Value) -> Value {
    let mut policy =
        json!({"name": "all", "match": {"paths": ["/**"]}, "key": ["address"], "limit": 3, "window_s": 3600});
    for (name, value) in more.as_object().unwrap() {
        policy[name] = value.clone();
    }
    policy
}

fn one(more: Value) -> Value {
    json!({"policies": [policy(more)]})
}

/// Where Envoy takes the client's address from a proxy before it.
fn behind_a_proxy(setup: Setup) -> Setup {
    setup.manager(json!({"use_remote_address": true, "xff_num_trusted_hops": 1}))
}

fn gate(portal: &Upstream, configuration: &Value) -> Gate {
    behind_a_proxy(Setup::new(portal)).limits(configuration).start()
}

/// A request of the client with this address.
fn from(address: &str, path: &str) -> Request {
    Request::get(path).header("x-forwarded-for", address)
}

/// `r` and `t` of a policy in RateLimit.
fn left(response: &Response, policy: &str) -> Option<(u64, u64)> {
    let field = response.header("ratelimit")?;
    let item = field.split(", ").find_map(|item| item.strip_prefix(&format!("\"{policy}\";r=")))?;
    let (left, seconds) = item.split_once(";t=")?;
    Some((left.parse().ok()?, seconds.parse().ok()?))
}

fn retry_after(response: &Response) -> u64 {
    response.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{response}"))
}

/// No VM was lost.
#[track_caller]
fn assert_well(gate: &Gate) {
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]") && !log.contains("[error]"), "{log}");
}

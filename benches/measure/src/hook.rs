//! Webhooks of benchmarks, signed by the rules that verify them. Their secret protects nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use lockgate::config::ConfigError;
use lockgate::exchange::Policy as _;
use lockgate::webhook_verify::{Outgoing, Policy};

use crate::client::Ask;
use crate::token::now_ms;
use crate::{Error, policies};

/// The endpoint's name.
pub const ENDPOINT: &str = "maintenance";
/// Where deliveries go.
pub const PATH: &str = "/api/onboarding/webhooks/maintenance";
/// The variable of Envoy's environment with the secret.
pub const VARIABLE: &str = "BENCH_WEBHOOK_SECRET";
/// The secret.
pub const SECRET: &str = "a secret of the benchmark, and of nothing else";

/// Makes deliveries, each with its own id.
#[derive(Debug)]
pub struct Sender {
    number: AtomicU64,
}

impl Sender {
    /// Ids of another run are others.
    #[must_use]
    pub fn new() -> Self {
        Self { number: AtomicU64::new(now_ms()) }
    }

    /// A delivery of about so many bytes that was never made before.
    ///
    /// # Errors
    /// The core refuses the endpoint or cannot sign for it, which would be a fault of the core.
    pub fn delivery(&self, bytes: usize) -> Result<Ask, Error> {
        let id = format!("evt-{}", self.number.fetch_add(1, Ordering::Relaxed));
        let mut body =
            format!(r#"{{"id":"{id}","event":"parts.low_stock","data":{{"entity":"part","entityId":7,"text":""#);
        let end = r#""}}"#;
        body.extend(std::iter::repeat_n('x', bytes.saturating_sub(body.len() + end.len())));
        body.push_str(end);
        let outgoing =
            Outgoing { method: "POST", target: PATH, headers: &[], body: body.as_bytes(), id: &id, now_ms: now_ms() };
        let failed = |why: &dyn fmt::Display| Error::wrong(format!("the benchmark's webhooks: {why}"));
        let signed = POLICY.with(|policy| match policy {
            Ok(policy) => policy.sign(ENDPOINT, &outgoing).map_err(|error| failed(&error)),
            Err(error) => Err(failed(error)),
        });
        let mut headers = signed?;
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        Ok(Ask { path: PATH.to_owned(), headers, body: Some(body.into_bytes()) })
    }
}

impl Default for Sender {
    fn default() -> Self {
        Self::new()
    }
}

thread_local! {
    /// A policy is made for a VM, which has one thread.
    static POLICY: Result<Policy, ConfigError> = {
        let variables = BTreeMap::from([(VARIABLE.to_owned(), SECRET.to_owned())]);
        Policy::read(policies::webhook_verify().to_string().as_bytes(), &variables)
    };
}

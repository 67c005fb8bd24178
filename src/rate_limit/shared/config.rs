//! `shared`: where the service is, and how it is asked.

use serde::Deserialize;

use super::circuit::Settings;
use crate::config::ConfigError;
use crate::rate_limit::config::within;
use crate::table::{MAX_LEASED, Terms};

/// Longest name of a cluster, domain or authority, in bytes.
pub const MAX_SERVICE_TEXT_BYTES: usize = 256;
/// How long an answer may take, unless the configuration says otherwise, in milliseconds.
pub const DEFAULT_SERVICE_TIMEOUT_MS: u32 = 200;
/// The longest that an answer may take, in milliseconds.
pub const MAX_SERVICE_TIMEOUT_MS: u32 = 5_000;
/// How long a lease should last, unless the configuration says otherwise, in milliseconds.
pub const DEFAULT_LEASE_PERIOD_MS: u32 = 5_000;
/// The longest that a lease may be made for, in milliseconds.
pub const MAX_LEASE_PERIOD_MS: u32 = 600_000;
/// How many failures in a row open the circuit, unless the configuration says otherwise.
pub const DEFAULT_CIRCUIT_FAILURES: u32 = 5;
/// The most of them.
pub const MAX_CIRCUIT_FAILURES: u32 = 100;
/// How long the circuit stays open, unless the configuration says otherwise, in milliseconds.
pub const DEFAULT_CIRCUIT_OPEN_MS: u32 = 2_000;
/// The longest of it, in milliseconds.
pub const MAX_CIRCUIT_OPEN_MS: u32 = 60_000;

/// What part of the limit the largest lease is, unless the configuration says otherwise.
const LEASES: u32 = 10;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::rate_limit) struct SharedWire {
    cluster: String,
    domain: String,
    authority: Option<String>,
    timeout_ms: Option<u64>,
    on_error: Option<OnError>,
    lease: Option<LeaseWire>,
    circuit: Option<CircuitWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct LeaseWire {
    max: Option<u64>,
    period_ms: Option<u64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct CircuitWire {
    failures: Option<u64>,
    open_ms: Option<u64>,
}

/// What becomes of a request that the service has not answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::rate_limit) enum OnError {
    /// The policy's own numbers hold, counted here.
    Local,
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

/// A service, and how it is asked.
#[derive(Clone, Debug)]
pub(in crate::rate_limit) struct Shared {
    pub(super) cluster: String,
    pub(super) authority: String,
    pub(super) domain: String,
    pub(super) timeout_ms: u32,
    pub(super) on_error: OnError,
    pub(super) circuit: Settings,
    max_lease: Option<u32>,
    period_ms: u32,
}

impl SharedWire {
    pub(in crate::rate_limit) fn check(self) -> Result<Shared, ConfigError> {
        let text = |field: &str, text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
            if text.is_empty() || text.len() > MAX_SERVICE_TEXT_BYTES || !plain {
                return Err(ConfigError::new(
                    format!("shared.{field}"),
                    format_args!("must be 1..={MAX_SERVICE_TEXT_BYTES} visible ASCII characters without spaces"),
                ));
            }
            Ok(())
        };
        text("cluster", &self.cluster)?;
        text("domain", &self.domain)?;
        let authority = self.authority.unwrap_or_else(|| self.cluster.clone());
        text("authority", &authority)?;
        let number = |field: &str, given: Option<u64>, most: u32, default: u32| {
            given.map_or(Ok(default), |given| within(&format!("shared.{field}"), given, most))
        };
        let lease = self.lease.unwrap_or(LeaseWire { max: None, period_ms: None });
        let circuit = self.circuit.unwrap_or(CircuitWire { failures: None, open_ms: None });
        Ok(Shared {
            cluster: self.cluster,
            authority,
            domain: self.domain,
            timeout_ms: number("timeout_ms", self.timeout_ms, MAX_SERVICE_TIMEOUT_MS, DEFAULT_SERVICE_TIMEOUT_MS)?,
            on_error: self.on_error.unwrap_or(OnError::Local),
            circuit: Settings {
                failures: number("circuit.failures", circuit.failures, MAX_CIRCUIT_FAILURES, DEFAULT_CIRCUIT_FAILURES)?,
                open_ms: u64::from(number(
                    "circuit.open_ms",
                    circuit.open_ms,
                    MAX_CIRCUIT_OPEN_MS,
                    DEFAULT_CIRCUIT_OPEN_MS,
                )?),
            },
            max_lease: lease.max.map(|max| within("shared.lease.max", max, MAX_LEASED)).transpose()?,
            period_ms: number("lease.period_ms", lease.period_ms, MAX_LEASE_PERIOD_MS, DEFAULT_LEASE_PERIOD_MS)?,
        })
    }
}

impl Shared {
    /// By what the leases of a policy are sized.
    pub(in crate::rate_limit) fn terms(&self, limit: u32, cost: u32) -> Terms {
        let most = self.max_lease.unwrap_or(limit / LEASES).clamp(1, limit.max(1));
        Terms { cost, limit, most_log: u8::try_from(most.ilog2()).unwrap_or(0), period_ms: u64::from(self.period_ms) }
    }
}

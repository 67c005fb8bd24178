//! Ceilings.

use serde::Deserialize;

use super::within;
use crate::config::ConfigError;
use crate::exchange::MAX_WAITING;

/// Verified tokens that a VM remembers, unless the configuration says otherwise.
pub const DEFAULT_CACHE_ENTRIES: u32 = 1024;
/// Most verified tokens that a VM remembers.
pub const MAX_CACHE_ENTRIES: u32 = 65_536;

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct CacheWire {
    entries: Option<u32>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct LimitsWire {
    max_token_bytes: Option<u32>,
    wait_ms: Option<u32>,
    max_waiting: Option<u32>,
    failed_signatures: Option<FailedSignaturesWire>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct FailedSignaturesWire {
    limit: Option<u32>,
    window_s: Option<u32>,
    block_s: Option<u32>,
    addresses: Option<u32>,
}

/// The filter's ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jwt_auth) struct Limits {
    pub(in crate::jwt_auth) max_token_bytes: usize,
    /// How long a request waits for keys.
    pub(in crate::jwt_auth) wait_ms: u64,
    /// How many requests of a VM wait at once.
    pub(in crate::jwt_auth) max_waiting: usize,
    /// `None`: wrong signatures are not counted.
    pub(in crate::jwt_auth) failed_signatures: Option<FailedSignatures>,
}

/// How many wrong signatures an address may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jwt_auth) struct FailedSignatures {
    pub(in crate::jwt_auth) limit: u32,
    pub(in crate::jwt_auth) window_ms: u64,
    pub(in crate::jwt_auth) block_ms: u64,
    /// For how many addresses at once the table is made.
    pub(in crate::jwt_auth) addresses: u32,
}

impl CacheWire {
    pub(super) fn check(self) -> Result<usize, ConfigError> {
        Ok(within("cache.entries", self.entries, 0, MAX_CACHE_ENTRIES, DEFAULT_CACHE_ENTRIES)? as usize)
    }
}

impl LimitsWire {
    pub(super) fn check(self) -> Result<Limits, ConfigError> {
        let failed = self.failed_signatures.unwrap_or_default();
        let field = |name: &str| format!("limits.failed_signatures.{name}");
        let limit = within(&field("limit"), failed.limit, 0, 1_000_000, 5)?;
        let window_s = within(&field("window_s"), failed.window_s, 1, 3600, 60)?;
        let block_s = within(&field("block_s"), failed.block_s, 1, 86_400, 60)?;
        let addresses = within(&field("addresses"), failed.addresses, 16, 65_536, 4096)?;
        Ok(Limits {
            max_token_bytes: within("limits.max_token_bytes", self.max_token_bytes, 256, 65_536, 16_384)? as usize,
            wait_ms: within("limits.wait_ms", self.wait_ms, 0, 10_000, 2000)?.into(),
            max_waiting: within("limits.max_waiting", self.max_waiting, 0, MAX_WAITING as u32, 256)? as usize,
            failed_signatures: (limit > 0).then(|| FailedSignatures {
                limit,
                window_ms: u64::from(window_s).saturating_mul(1000),
                block_ms: u64::from(block_s).saturating_mul(1000),
                addresses,
            }),
        })
    }
}

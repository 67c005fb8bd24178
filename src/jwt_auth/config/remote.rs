//! Documents that are fetched: from where, how often, and how long the last one counts.

use serde::Deserialize;

use super::{check_text, within};
use crate::config::ConfigError;

/// Longest path of a document, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// The wire form of [`Target`] and [`Timing`].
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct TargetWire {
    cluster: String,
    authority: String,
    path: String,
    refresh_s: Option<u32>,
    retry_s: Option<u32>,
    timeout_ms: Option<u32>,
    max_age_s: Option<u32>,
    max_bytes: Option<u32>,
}

/// Where a document is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::jwt_auth) struct Target {
    pub(in crate::jwt_auth) cluster: String,
    pub(in crate::jwt_auth) authority: String,
    pub(in crate::jwt_auth) path: String,
}

/// How often it is fetched, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jwt_auth) struct Timing {
    /// From one good answer to the next fetch; up to a tenth sooner, so that gateways do not come all at once.
    pub(in crate::jwt_auth) refresh_ms: u64,
    /// From the start of one fetch to the next, whatever came of it and whoever asks.
    pub(in crate::jwt_auth) retry_ms: u64,
    pub(in crate::jwt_auth) timeout_ms: u32,
    /// How long the last good answer counts.
    pub(in crate::jwt_auth) max_age_ms: u64,
    pub(in crate::jwt_auth) max_bytes: usize,
}

/// The defaults of a kind of document.
pub(super) struct Defaults {
    pub(super) least_refresh_s: u32,
    pub(super) refresh_s: u32,
    pub(super) retry_s: u32,
    pub(super) max_age_s: u32,
    pub(super) max_bytes: u32,
}

impl TargetWire {
    pub(super) fn check(self, path: &str, defaults: &Defaults) -> Result<(Target, Timing), ConfigError> {
        let field = |name: &str| format!("{path}.{name}");
        check_text(&field("cluster"), &self.cluster, 256)?;
        check_text(&field("authority"), &self.authority, 256)?;
        check_text(&field("path"), &self.path, MAX_PATH_BYTES)?;
        if !self.path.starts_with('/') || !self.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::new(field("path"), "must begin with / and be visible ASCII"));
        }
        let seconds = |name: &str, given, least, most, default| -> Result<u64, ConfigError> {
            Ok(u64::from(within(&field(name), given, least, most, default)?).saturating_mul(1000))
        };
        let refresh_ms = seconds("refresh_s", self.refresh_s, defaults.least_refresh_s, 86_400, defaults.refresh_s)?;
        let max_age_ms = seconds("max_age_s", self.max_age_s, 1, 604_800, defaults.max_age_s)?;
        if max_age_ms <= refresh_ms {
            return Err(ConfigError::new(
                field("max_age_s"),
                "must be longer than refresh_s, or the document would be too old before the next one comes",
            ));
        }
        let timing = Timing {
            refresh_ms,
            retry_ms: seconds("retry_s", self.retry_s, 1, 3600, defaults.retry_s)?,
            timeout_ms: within(&field("timeout_ms"), self.timeout_ms, 50, 30_000, 2000)?,
            max_age_ms,
            max_bytes: within(&field("max_bytes"), self.max_bytes, 256, 1 << 20, defaults.max_bytes)? as usize,
        };
        Ok((Target { cluster: self.cluster, authority: self.authority, path: self.path }, timing))
    }
}

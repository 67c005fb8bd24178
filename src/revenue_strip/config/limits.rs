//! The filter's ceilings.

use serde::Deserialize;

use crate::config::ConfigError;
use crate::json;

/// The filter's ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::revenue_strip) struct Limits {
    pub(in crate::revenue_strip) json: json::Limits,
    /// A body up to this size is looked at in whole before its head goes on.
    pub(in crate::revenue_strip) hold_bytes: usize,
    /// What all exchanges of a VM together may hold.
    pub(in crate::revenue_strip) max_held_bytes: usize,
    /// The longest event of a stream, which is held until it is complete.
    pub(in crate::revenue_strip) max_event_bytes: usize,
    /// What a body may hold while it is open whether a pair's value goes.
    pub(in crate::revenue_strip) max_pair_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json: json::Limits::default(),
            hold_bytes: 8 * 1024,
            max_held_bytes: 8 * 1024 * 1024,
            max_event_bytes: 256 * 1024,
            max_pair_bytes: 64 * 1024,
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsWire {
    max_depth: Option<u32>,
    max_key_bytes: Option<u32>,
    hold_bytes: Option<u32>,
    max_held_bytes: Option<u32>,
    max_event_bytes: Option<u32>,
    max_pair_bytes: Option<u32>,
}

impl LimitsWire {
    pub(super) fn check(self) -> Result<Limits, ConfigError> {
        let default = Limits::default();
        let depth = size("max_depth", self.max_depth, 1, 1_000_000, default.json.max_depth as usize)?;
        Ok(Limits {
            json: json::Limits {
                max_depth: u32::try_from(depth).unwrap_or(default.json.max_depth),
                max_key_bytes: size("max_key_bytes", self.max_key_bytes, 64, 1 << 20, default.json.max_key_bytes)?,
            },
            hold_bytes: size("hold_bytes", self.hold_bytes, 0, 1 << 15, default.hold_bytes)?,
            max_held_bytes: size("max_held_bytes", self.max_held_bytes, 1 << 16, 1 << 24, default.max_held_bytes)?,
            max_event_bytes: size("max_event_bytes", self.max_event_bytes, 1 << 10, 1 << 22, default.max_event_bytes)?,
            max_pair_bytes: size("max_pair_bytes", self.max_pair_bytes, 1 << 10, 1 << 20, default.max_pair_bytes)?,
        })
    }
}

/// A limit in its range, or the default.
#[inline(never)]
fn size(field: &str, given: Option<u32>, least: u32, most: u32, default: usize) -> Result<usize, ConfigError> {
    match given {
        None => Ok(default),
        Some(given) if (least..=most).contains(&given) => Ok(given as usize),
        Some(given) => {
            Err(ConfigError::new(format!("limits.{field}"), format_args!("is {given} and must be {least}..={most}")))
        }
    }
}

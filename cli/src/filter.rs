//! The filters that the command knows.

use clap::ValueEnum;
use lockgate::config::ConfigError;
use lockgate::exchange::Policy;
use lockgate::replay::{self, Answer, Heads, MemoryHost, Outcome, Request};
use lockgate::revenue_strip;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Filter {
    /// Fields that a caller may not see.
    RevenueStrip,
}

impl Filter {
    pub(crate) const ALL: [Self; 1] = [Self::RevenueStrip];

    /// As it is written on the command line and in files of policy tests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RevenueStrip => "revenue-strip",
        }
    }

    /// Reads a configuration as the filter does when Envoy starts.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(crate) fn check(self, configuration: &[u8]) -> Result<(), ConfigError> {
        match self {
            Self::RevenueStrip => revenue_strip::Policy::from_json(configuration).map(drop),
        }
    }

    /// Runs one exchange as the filter would in Envoy.
    ///
    /// # Errors
    /// The configuration is refused.
    pub(crate) fn run(
        self,
        configuration: &[u8],
        host: &mut MemoryHost,
        request: &Request,
        answer: &Answer,
    ) -> Result<Outcome, ConfigError> {
        match self {
            Self::RevenueStrip => {
                let policy = revenue_strip::Policy::from_json(configuration)?;
                Ok(replay::run(&policy, host, request, answer, Heads::Wait))
            }
        }
    }

    /// The JSON Schema of its configuration.
    pub(crate) fn schema(self) -> Value {
        match self {
            Self::RevenueStrip => revenue_strip::schema().to_value(),
        }
    }
}

//! `lockgate schema`: JSON Schemas for editors and scripts.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::filter::Filter;
use crate::test_cases::FileWire;

/// Prints a JSON Schema (2020-12): of a filter's configuration, or of files for `lockgate test`.
///
/// Example: lockgate schema revenue-strip > revenue-strip.schema.json
#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {
    /// Of what.
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// The configuration of jwt_auth.wasm.
    JwtAuth,
    /// The configuration of rate_limit.wasm.
    RateLimit,
    /// The configuration of revenue_strip.wasm.
    RevenueStrip,
    /// The configuration of webhook_verify.wasm.
    WebhookVerify,
    /// The configuration of lockgate.wasm: a chain of the others.
    Lockgate,
    /// Files for `lockgate test`.
    Test,
}

/// Runs the command.
pub(crate) fn run(args: &SchemaArgs) -> Result<u8, String> {
    let text = serde_json::to_string_pretty(&of(args.of)).map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{text}").map_err(|error| format!("write schema: {error}"))?;
    Ok(0)
}

fn of(what: Of) -> Value {
    match what {
        Of::JwtAuth => Filter::JwtAuth.schema(),
        Of::RateLimit => Filter::RateLimit.schema(),
        Of::RevenueStrip => Filter::RevenueStrip.schema(),
        Of::WebhookVerify => Filter::WebhookVerify.schema(),
        Of::Lockgate => Filter::Lockgate.schema(),
        Of::Test => schemars::schema_for!(FileWire).to_value(),
    }
}

#[cfg(test)]
mod tests;

//! `lockgate schema`: JSON Schemas for editors and scripts.

use std::io::{self, Write};

use clap::{Args, ValueEnum};

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
    /// The configuration of revenue_strip.wasm.
    RevenueStrip,
    /// Files for `lockgate test`.
    Test,
}

/// Runs the command.
pub(crate) fn run(args: &SchemaArgs) -> Result<u8, String> {
    let schema = match args.of {
        Of::RevenueStrip => Filter::RevenueStrip.schema(),
        Of::Test => schemars::schema_for!(FileWire).to_value(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{text}").map_err(|error| format!("write schema: {error}"))?;
    Ok(0)
}

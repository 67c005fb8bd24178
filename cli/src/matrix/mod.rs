//! `lockgate matrix`: who may do what, as a table that can be reviewed.

mod cell;
mod diff;
mod load;
mod render;
mod table;
mod why;
mod witness;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use self::diff::Diff;
use self::table::Table;
use self::why::Why;

pub(crate) use self::load::load;

/// Prints who may do what: every endpoint of a jwt-auth configuration with what becomes of each role.
///
/// The file is the configuration itself as JSON, or one for Envoy, Istio, Envoy Gateway or Higress that has it. The verdicts are
/// those of the filter's own code.
/// Exit codes: 0 good, 1 --why: it does not come in; --diff: there is a difference, 2 usage or configuration.
///
/// Example: lockgate matrix envoy.yaml --why MANAGER PUT /api/onboarding/equipment/1/approve
#[derive(Args, Debug)]
pub(crate) struct MatrixArgs {
    /// The configuration.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Says why one request of a role's holder comes in or not.
    #[arg(long, num_args = 3, value_names = ["ROLE", "METHOD", "PATH"], conflicts_with = "diff")]
    why: Option<Vec<String>>,
    /// Shows what changes from FILE to OTHER: more rights (+), fewer (-), neither (~).
    #[arg(long, value_name = "OTHER")]
    diff: Option<PathBuf>,
    /// Which plugin, by its name, where a file has several of jwt-auth.
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns.
    Text,
    /// Tables for a page or a review.
    Markdown,
    /// One JSON object.
    Json,
}

/// Runs the command.
pub(crate) fn run(args: &MatrixArgs) -> Result<u8, String> {
    let loaded = load(&args.file, args.plugin.as_deref())?;
    let (code, text) = match (&args.why, &args.diff) {
        (Some(why), _) => {
            let [role, method, path] = why.as_slice() else { return Err("--why: say ROLE METHOD PATH".to_owned()) };
            let why = Why::of(&loaded.access, role, method, path)?;
            let text = match args.format {
                Format::Text => why.text(),
                Format::Markdown => format!("```text\n{}```\n", why.text()),
                Format::Json => format!("{}\n", why.json()),
            };
            (why.code(), text)
        }
        (None, Some(other)) => {
            let diff = Diff::of(&loaded, &load(other, args.plugin.as_deref())?)?;
            let text = match args.format {
                Format::Text => diff.text(),
                Format::Markdown => diff.markdown(),
                Format::Json => format!("{}\n", json!(diff)),
            };
            (u8::from(!diff.is_empty()), text)
        }
        (None, None) => {
            let table = Table::of(&loaded.access)?;
            let text = match args.format {
                Format::Text => render::text(&table),
                Format::Markdown => render::markdown(&table),
                Format::Json => format!("{}\n", render::json(&table)),
            };
            (0, text)
        }
    };
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("write the matrix: {error}"))?;
    Ok(code)
}

//! `lockgate webhook`: signs and verifies deliveries without a gate, and lists the presets.

mod given;
mod presets;
mod sign;
mod verify;

use std::io::{self, Write};

use clap::{Args, Subcommand};

/// Signs or verifies a webhook offline, and says step by step why one does not fit; lists the known schemes.
///
/// Secrets come from environment variables and are never printed.
/// Exit codes: 0 good, 1 the signature does not fit, 2 wrong usage or configuration.
///
/// Example: lockgate webhook verify --scheme portal --secret-env PORTAL_SECRET --request delivery.http
#[derive(Args, Debug)]
pub(crate) struct WebhookArgs {
    #[command(subcommand)]
    command: WebhookCommand,
}

#[derive(Subcommand, Debug)]
enum WebhookCommand {
    Sign(sign::SignArgs),
    Verify(verify::VerifyArgs),
    Presets(presets::PresetsArgs),
}

/// Runs the command.
pub(crate) fn run(args: &WebhookArgs) -> Result<u8, String> {
    let (code, text) = match &args.command {
        WebhookCommand::Sign(args) => (0, sign::sign(args)?),
        WebhookCommand::Verify(args) => verify::verify(args)?,
        WebhookCommand::Presets(args) => (0, presets::presets(args)?),
    };
    write!(io::stdout(), "{text}").map_err(|error| format!("write: {error}"))?;
    Ok(code)
}

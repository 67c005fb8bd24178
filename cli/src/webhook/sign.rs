//! `lockgate webhook sign`: the headers of a delivery.

use std::path::PathBuf;

use clap::Args;
use lockgate::webhook_verify::Outgoing;

use super::given::{ENDPOINT, Given, read};

/// Prints the header fields that make a body a good delivery: id, time and signature.
///
/// Example: lockgate webhook sign --scheme standard-webhooks --secret-env SECRET --id msg_1 --body event.json
#[derive(Args, Debug)]
pub(super) struct SignArgs {
    #[command(flatten)]
    given: Given,
    /// The endpoint of the configuration.
    #[arg(long, value_name = "NAME", requires = "config")]
    endpoint: Option<String>,
    /// The body, byte by byte.
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// The delivery's id, for schemes that have one.
    #[arg(long, default_value = "msg_1")]
    id: String,
    /// The method.
    #[arg(long, default_value = "POST")]
    method: String,
    /// Path and query.
    #[arg(long, default_value = "/")]
    path: String,
}

pub(super) fn sign(args: &SignArgs) -> Result<String, String> {
    let policy = args.given.policy()?;
    let body = read(&args.body)?;
    let delivery = Outgoing {
        method: &args.method,
        target: &args.path,
        headers: &[],
        body: &body,
        id: &args.id,
        now_ms: args.given.now_ms(),
    };
    let headers =
        policy.sign(args.endpoint.as_deref().unwrap_or(ENDPOINT), &delivery).map_err(|error| error.to_string())?;
    Ok(headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect())
}

//! `lockgate webhook verify`: step by step.

use std::path::PathBuf;

use clap::Args;
use lockgate::head::Head;
use lockgate::replay::MemoryHost;

use super::given::{Given, read};
use crate::try_case::http_request;

/// Verifies a delivery as the gate does, and prints each step: what was read, the signed string, and which secret fits.
/// Where none does, it tries what often happens to bodies on the way. Replay is not looked at.
///
/// Example: lockgate webhook verify --scheme github --secret-env SECRET --request delivery.http
#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    given: Given,
    /// The delivery as it stands on the wire: POST line, headers, an empty line, the body.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The body instead of what stands in the request's file, byte by byte.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
}

pub(super) fn verify(args: &VerifyArgs) -> Result<(u8, String), String> {
    let policy = args.given.policy()?;
    let text = read(&args.request)?;
    let mut request = http_request(&text).map_err(|error| format!("{}:{error}", args.request.display()))?;
    if let Some(path) = &args.body {
        request.content.body = read(path)?;
    }
    let mut fields =
        vec![(":method".to_owned(), request.method.into_bytes()), (":path".to_owned(), request.path.into_bytes())];
    fields.extend(request.content.headers);
    let head = Head::new(fields, false);
    let now_ms = Some(args.given.now_ms());
    let explanation = policy.explain(&head, &request.content.body, now_ms, &mut MemoryHost::default());
    let text: String = explanation.lines.iter().map(|line| format!("{line}\n")).collect();
    Ok((if explanation.good { 0 } else { 1 }, text))
}

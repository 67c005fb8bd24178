//! `lockgate token`: tokens of the example issuer, and what stands in a token.

mod decode;
mod explain;
mod mint;
mod times;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use ureq::Agent;

/// Prints a token of the example issuer, which `lockgate run` starts, and nothing else.
///
/// Exit codes: 0 good, 1 the issuer gives none, 2 wrong usage, or nothing that could be decoded.
///
/// Example: curl -H "authorization: Bearer $(lockgate token --role MANAGER)" 'http://127.0.0.1:8080/api/maintenance/parts'
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: Option<TokenCommand>,
    /// Whose token: SMS_ADMIN, COMPANY_ADMIN, MANAGER, TECHNICIAN or INTEGRATION_SERVICE.
    #[arg(long, required_unless_present = "decode")]
    role: Option<String>,
    /// How long it is valid, in seconds; absent: 900.
    #[arg(long, value_name = "SECONDS")]
    ttl_s: Option<u32>,
    /// How long ago it was issued, in seconds: to try one that has expired.
    #[arg(long, value_name = "SECONDS")]
    age_s: Option<u32>,
    /// Where the issuer listens; `lockgate run --any-port` prints it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3003")]
    issuer: SocketAddr,
    /// Prints header and claims of a token instead; `-` reads it from standard input. Nothing is verified.
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["role", "ttl_s", "age_s", "issuer"])]
    decode: Option<String>,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    Mint(mint::MintArgs),
    Explain(explain::ExplainArgs),
}

/// Runs the command.
pub(crate) fn run(args: &TokenArgs) -> Result<u8, String> {
    match &args.command {
        Some(TokenCommand::Mint(args)) => return say(&mint::mint(args)?).map(|()| 0),
        Some(TokenCommand::Explain(args)) => {
            let (code, text) = explain::explain(args)?;
            return say(text.trim_end()).map(|()| code);
        }
        None => {}
    }
    if let Some(token) = &args.decode {
        let text = decode::decode(&given(token)?)?;
        say(&text)?;
        // Beside the answer: what is piped on stays JSON.
        let _ = writeln!(io::stderr(), "lockgate: not verified: anybody may have written this token");
        return Ok(0);
    }
    match ask(args)? {
        Ok(token) => say(&token).map(|()| 0),
        Err(why) => {
            let _ = writeln!(io::stderr(), "lockgate: {why}");
            Ok(1)
        }
    }
}

/// The token, or why the issuer gives none.
fn ask(args: &TokenArgs) -> Result<Result<String, String>, String> {
    let role = args.role.as_deref().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if role.is_empty() || !role.bytes().all(plain) {
        return Err("--role: a role has letters, digits, `_`, `-` and `.` only, such as MANAGER".to_owned());
    }
    let issuer = args.issuer;
    let mut url = format!("http://{issuer}/token?role={role}");
    for (name, value) in [("ttl_s", args.ttl_s), ("age_s", args.age_s)] {
        if let Some(value) = value {
            url.push_str(&format!("&{name}={value}"));
        }
    }
    // What HTTP_PROXY says is not meant for it.
    let config = Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(WITHIN));
    let agent: Agent = config.build().into();
    let unreachable = |error: ureq::Error| {
        format!(
            "no token: the issuer does not answer on {issuer} ({error}); start it with `lockgate run`, or name the \
             address that this printed with --issuer"
        )
    };
    let mut response = match agent.get(&url).call() {
        Ok(response) => response,
        Err(error) => return Ok(Err(unreachable(error))),
    };
    let status = response.status().as_u16();
    let body = match response.body_mut().with_config().limit(MAX_TOKEN_BYTES).read_to_string() {
        Ok(body) => body,
        Err(error) => return Ok(Err(unreachable(error))),
    };
    if status == 200 && decode::looks_like_one(&body) {
        return Ok(Ok(body));
    }
    let problem: Value = serde_json::from_str(&body).unwrap_or_default();
    let detail =
        problem.get("detail").and_then(Value::as_str).unwrap_or("what listens there is no issuer of Lockgate's");
    Ok(Err(format!("no token: {issuer} answers {status}: {detail}")))
}

/// The token of the command line, or of standard input.
fn given(token: &str) -> Result<String, String> {
    if token != "-" {
        return Ok(token.to_owned());
    }
    let mut text = String::new();
    let read = io::stdin().take(MAX_TOKEN_BYTES).read_to_string(&mut text);
    read.map_err(|error| format!("read the token from standard input: {error}"))?;
    Ok(text.trim().to_owned())
}

fn say(text: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{text}").map_err(|error| format!("write: {error}"))
}

/// The longest token that is read.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;
const WITHIN: Duration = Duration::from_secs(5);

//! `lockgate try`: the verdict of the very code that runs in Wasm, over plain data.

mod case;
mod verdict;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use clap::Args;
use lockgate::config::ConfigError;
use lockgate::replay::{Answer, MemoryHost, Outcome};
use serde_json::Value;

use crate::filter::Filter;

pub(crate) use self::case::{Case, IdentityWire};
use self::verdict::Verdict;

/// Shows what a filter does with one request and its answer, without Envoy.
#[derive(Args, Debug)]
pub(crate) struct TryArgs {
    /// The filter.
    filter: Filter,
    /// The filter's configuration, a JSON file.
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl", conflicts_with = "jsonl")]
    config: Option<PathBuf>,
    /// The request, a JSON file: {"method", "path", "headers": [[name, value]…], "body_b64"?, "chunk"?, "trailers"?};
    /// absent: GET /
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    request: Option<PathBuf>,
    /// The portal's answer, a JSON file: {"status", "headers", "body_b64", "chunk"?, "trailers"?, "cut"?}, or "reset" or
    /// "timeout"; absent: an empty 200
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    response: Option<PathBuf>,
    /// The caller, as JSON text: {"subject"?, "roles"?, "permissions"?, "tenant"?, "system"?}; absent: nobody.
    #[arg(long, value_name = "JSON", conflicts_with = "jsonl")]
    identity: Option<String>,
    /// The time, in Unix seconds.
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// The size of the chunks in which both bodies come, in bytes; absent: whole, or as the message says.
    #[arg(long, value_name = "BYTES")]
    chunk: Option<usize>,
    /// Reads one case a line from standard input and writes one verdict a line, in order.
    #[arg(long)]
    jsonl: bool,
}

/// Runs the command; the exit code: 0 passed, 1 refused or broken off, 2 wrong usage or configuration.
pub(crate) fn run(args: &TryArgs) -> Result<u8, String> {
    if args.jsonl {
        return run_lines(args);
    }
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()));
    let read_json = |path: &PathBuf| -> Result<Value, String> {
        serde_json::from_str(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
    };
    let config = args.config.as_ref().map(read).transpose()?.unwrap_or_default();
    let mut case = serde_json::json!({"config": config, "request": {"method": "GET", "path": "/"}});
    let mut put = |name: &str, value: Option<Value>| {
        if let (Some(members), Some(value)) = (case.as_object_mut(), value) {
            members.insert(name.to_owned(), value);
        }
    };
    put("request", args.request.as_ref().map(read_json).transpose()?);
    put("response", args.response.as_ref().map(read_json).transpose()?);
    let identity = args.identity.as_deref().map(serde_json::from_str).transpose();
    put("identity", identity.map_err(|error| format!("--identity: {error}"))?);
    let case = Case::read(&case.to_string())?;
    let verdict = judge(args, &case, &mut MemoryHost::default());
    let text = serde_json::to_string_pretty(&verdict).map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{text}").map_err(|error| format!("write verdict: {error}"))?;
    Ok(verdict.exit_code())
}

/// One case a line in, one verdict a line out; also for a line that is no case, and then the exit code is 2.
fn run_lines(args: &TryArgs) -> Result<u8, String> {
    let mut sessions: BTreeMap<String, MemoryHost> = BTreeMap::new();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut code = 0;
    for (n, line) in io::stdin().lock().lines().enumerate() {
        let place = |error: &dyn std::fmt::Display| format!("line {}: {error}", n + 1);
        let line = line.map_err(|error| place(&error))?;
        if line.trim().is_empty() {
            continue;
        }
        let verdict = match Case::read(&line) {
            Ok(case) => {
                let mut fresh = MemoryHost::default();
                let host = match &case.session {
                    Some(session) => sessions.entry(session.clone()).or_default(),
                    None => &mut fresh,
                };
                judge(args, &case, host)
            }
            Err(error) => {
                let error = place(&error);
                eprintln!("lockgate: {error}");
                code = 2;
                Verdict::config_error(&error)
            }
        };
        serde_json::to_writer(&mut out, &verdict).map_err(|error| place(&error))?;
        out.write_all(b"\n").and_then(|()| out.flush()).map_err(|error| place(&error))?;
    }
    Ok(code)
}

fn judge(args: &TryArgs, case: &Case, host: &mut MemoryHost) -> Verdict {
    match exchange(args.filter, case, args.now, args.chunk, host) {
        Ok(outcome) => Verdict::new(&outcome, &host.audits),
        Err(error) => Verdict::config_error(&error),
    }
}

/// Runs a case; its records are in `host` afterwards. `now_s` counts where the case has no time, `chunk` always.
///
/// # Errors
/// The configuration is refused.
pub(crate) fn exchange(
    filter: Filter,
    case: &Case,
    now_s: Option<u64>,
    chunk: Option<usize>,
    host: &mut MemoryHost,
) -> Result<Outcome, ConfigError> {
    host.now_ms = case.now.or(now_s).map(|seconds| seconds.saturating_mul(1000));
    host.attributes.clear();
    host.audits.clear();
    for (path, value) in case.attributes() {
        host.attributes.insert(path, value);
    }
    let (mut request, mut answer) = (case.request.clone(), case.answer.clone());
    if let Some(chunk) = chunk {
        request.content.chunk = chunk;
        if let Answer::Response { content, .. } = &mut answer {
            content.chunk = chunk;
        }
    }
    filter.run(case.config.as_bytes(), host, &request, &answer)
}

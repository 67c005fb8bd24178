//! `lockgate try`: the verdict of the very code that runs in Wasm, over plain data.

mod case;
mod http;
mod verdict;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use lockgate::config::ConfigError;
use lockgate::replay::{Answer, Outcome};

use crate::filter::{Filter, Session};

pub(crate) use self::case::{CallWire, Case, IdentityWire};
use self::verdict::Verdict;

/// Shows what a filter does with one request and its answer, without Envoy.
///
/// Exit codes: 0 passed, 1 refused or broken off, 2 wrong usage or configuration.
///
/// Example: lockgate try revenue-strip --config rules.json --request get.http --response parts.http
#[derive(Args, Debug)]
pub(crate) struct TryArgs {
    /// The filter.
    filter: Filter,
    /// The filter's configuration, a JSON file.
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl", conflicts_with = "jsonl")]
    config: Option<PathBuf>,
    /// The request: a file `*.http` with the message as it stands on the wire (a GET line, headers, an empty line, the
    /// body), or a JSON file: {"method", "path", "headers": [[name, value]…], "body_b64"?, "chunk"?, "trailers"?};
    /// absent: GET /
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    request: Option<PathBuf>,
    /// The portal's answer: a file `*.http`, or a JSON file: {"status", "headers", "body_b64", "chunk"?, "trailers"?,
    /// "cut"?}, or "reset" or "timeout"; absent: an empty 200
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
    let config = args.config.as_deref().map(text_of).transpose()?.unwrap_or_default();
    let request = serde_json::json!({"method": "GET", "path": "/"});
    let mut case = serde_json::json!({"config": config, "request": request});
    if let (Some(members), Some(identity)) = (case.as_object_mut(), &args.identity) {
        let identity = serde_json::from_str(identity).map_err(|error| format!("--identity: {error}"))?;
        members.insert("identity".to_owned(), identity);
    }
    let mut case = Case::read(&case.to_string())?;
    if let Some(path) = &args.request {
        let placed = |fault: http::Fault| format!("{}:{}: {}", path.display(), fault.line, fault.message);
        match is_http(path) {
            true => case.request = http::request(&bytes_of(path)?).map_err(placed)?,
            false => case.read_request(&text_of(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        }
    }
    if let Some(path) = &args.response {
        let placed = |fault: http::Fault| format!("{}:{}: {}", path.display(), fault.line, fault.message);
        match is_http(path) {
            true => case.answer = http::answer(&bytes_of(path)?).map_err(placed)?,
            false => case.read_answer(&text_of(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        }
    }
    let verdict = judge(args, &case, &mut Session::default());
    let text = serde_json::to_string_pretty(&verdict).map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{text}").map_err(|error| format!("write verdict: {error}"))?;
    Ok(verdict.exit_code())
}

/// A request as it stands on the wire.
pub(crate) fn http_request(text: &[u8]) -> Result<lockgate::replay::Request, String> {
    http::request(text).map_err(|fault| format!("{}: {}", fault.line, fault.message))
}

/// Whether a file is a message as it stands on the wire, by its ending.
fn is_http(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("http"))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("read {}: {error}", path.display()))
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))
}

/// One case a line in, one verdict a line out; also for a line that is no case, and then the exit code is 2.
fn run_lines(args: &TryArgs) -> Result<u8, String> {
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
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
                let mut fresh = Session::default();
                let session = match &case.session {
                    Some(name) => sessions.entry(name.clone()).or_default(),
                    None => &mut fresh,
                };
                judge(args, &case, session)
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

fn judge(args: &TryArgs, case: &Case, session: &mut Session) -> Verdict {
    match exchange(args.filter, case, args.now, args.chunk, session) {
        Ok(outcome) => Verdict::new(&outcome, &session.host.audits),
        Err(error) => Verdict::config_error(&error),
    }
}

/// Runs a case; its records are in the session's host afterwards. `now_s` counts where the case has no time, `chunk` always.
///
/// # Errors
/// The configuration is refused.
pub(crate) fn exchange(
    filter: Filter,
    case: &Case,
    now_s: Option<u64>,
    chunk: Option<usize>,
    session: &mut Session,
) -> Result<Outcome, ConfigError> {
    let host = &mut session.host;
    host.now_ms = case.now_ms.or(now_s.map(|seconds| seconds.saturating_mul(1000)));
    host.attributes.clear();
    host.audits.clear();
    for (path, value) in case.attributes() {
        host.attributes.insert(path, value);
    }
    host.answers.extend(case.calls.iter().cloned());
    let (mut request, mut answer) = (case.request.clone(), case.answer.clone());
    if let Some(chunk) = chunk {
        request.content.chunk = chunk;
        if let Answer::Response { content, .. } = &mut answer {
            content.chunk = chunk;
        }
    }
    filter.run(case.config.as_bytes(), &case.variables, session, &request, &answer)
}

//! `lockgate test`: policy tests as data.

#[cfg(test)]
mod alike;
mod difference;
mod expect;
mod file;
mod headers;
mod names;
mod wire;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::filter::{Filter, Session};
use crate::try_case::exchange;

use self::expect::Unmet;
use self::file::{Fault, Test, Tests};

pub(crate) use self::wire::FileWire;

/// Runs policy tests: requests and answers as data, and what must come of them, judged by the filter's own code.
///
/// Exit codes: 0 all hold, 1 one does not, 2 a file is faulty.
///
/// Example: lockgate test tests/cases/revenue_strip/*.yaml
#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// YAML or JSON files; `lockgate schema test` shows what stands in them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line a case, and what differs.
    Text,
    /// One JSON object.
    Json,
}

/// What came of a case.
struct Judged {
    file: String,
    line: usize,
    name: String,
    unmet: Vec<Unmet>,
}

/// Runs the command.
pub(crate) fn run(args: &TestArgs) -> Result<u8, String> {
    let (mut judged, mut faults) = (Vec::new(), Vec::new());
    for path in &args.files {
        let file = path.display().to_string();
        match file::read(path) {
            Err(fault) => faults.push(fault),
            Ok(tests) => {
                for Tests { filter, cases } in tests {
                    let mut sessions = BTreeMap::new();
                    for test in cases {
                        match judge(filter, &test, &mut sessions) {
                            Ok(unmet) => {
                                judged.push(Judged { file: file.clone(), line: test.line, name: test.name, unmet });
                            }
                            Err(message) => faults.push(Fault {
                                file: file.clone(),
                                line: Some(test.line),
                                field: test.name,
                                message,
                            }),
                        }
                    }
                }
            }
        }
    }
    match args.format {
        Format::Text => print_text(&judged, &faults, args.files.len()),
        Format::Json => print_json(&judged, &faults),
    }
    .map_err(|error| format!("write results: {error}"))?;
    Ok(match (faults.is_empty(), judged.iter().all(|judged| judged.unmet.is_empty())) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    })
}

/// What is not as it must be, of the first request that is not answered so.
fn judge(filter: Filter, test: &Test, sessions: &mut BTreeMap<String, Session>) -> Result<Vec<Unmet>, String> {
    let case = &test.case;
    let mut own = Session::default();
    let session = match &case.session {
        Some(name) => sessions.entry(name.clone()).or_default(),
        None => &mut own,
    };
    for nth in 1..=test.times {
        let outcome = exchange(filter, case, None, test.chunk, session);
        let outcome = outcome.map_err(|error| format!("the configuration is refused: {error}"))?;
        let mut unmet = test.expect.unmet(&case.request, &case.answer, &outcome);
        if unmet.is_empty() {
            continue;
        }
        if test.times > 1 {
            let message = format!("request {nth} of {} is not answered so", test.times);
            unmet.insert(0, Unmet { field: "times".to_owned(), message });
        }
        return Ok(unmet);
    }
    Ok(Vec::new())
}

fn print_text(judged: &[Judged], faults: &[Fault], files: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Judged { file, line, name, unmet } in judged {
        if unmet.is_empty() {
            writeln!(out, "ok    {file}: {name}")?;
            continue;
        }
        writeln!(out, "FAIL  {file}:{line}: {name}")?;
        for Unmet { field, message } in unmet {
            writeln!(out, "      {field}: {}", message.replace('\n', "\n        "))?;
        }
    }
    for fault in faults {
        writeln!(out, "FAULT {fault}")?;
    }
    let failed = judged.iter().filter(|judged| !judged.unmet.is_empty()).count();
    let plural = |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    let what = format!("{} in {}", plural(judged.len(), "case"), plural(files, "file"));
    match (failed, faults.len()) {
        (0, 0) => writeln!(out, "{what}: all hold"),
        (failed, 0) => writeln!(out, "{what}: {} hold, {failed} fail", judged.len() - failed),
        (failed, count) => {
            writeln!(out, "{what}: {} hold, {failed} fail, {}", judged.len() - failed, plural(count, "fault"))
        }
    }
}

fn print_json(judged: &[Judged], faults: &[Fault]) -> io::Result<()> {
    let cases: Vec<Value> = judged
        .iter()
        .map(|Judged { file, line, name, unmet }| {
            json!({"file": file, "line": line, "name": name, "holds": unmet.is_empty(), "unmet": unmet})
        })
        .collect();
    let faults: Vec<Value> = faults
        .iter()
        .map(|Fault { file, line, field, message }| {
            json!({"file": file, "line": line, "field": field, "message": message})
        })
        .collect();
    writeln!(io::stdout(), "{}", json!({"cases": cases, "faults": faults}))
}

impl std::fmt::Display for Fault {
    /// `file.yaml:12: cases[0].expect.statsu: unknown field …`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, field, message } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: ")?,
            None => write!(f, "{file}: ")?,
        }
        if field.is_empty() { f.write_str(message) } else { write!(f, "{field}: {message}") }
    }
}

//! The same work in Wasm without a proxy.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockgate_harness::Workspace;
use lockgate_harness::tools::{self, Pin};
use lockgate_measure::modules::{Instructions, on_path, run, say};
use lockgate_measure::{Error, Modules};
use serde_json::{Value, json};

use crate::Effort;

/// One figure.
#[derive(Clone, Debug)]
struct Row {
    body: String,
    work: String,
    chunk_bytes: u64,
    mb_per_s: f64,
}

/// What one engine did.
#[derive(Clone, Debug)]
struct Run {
    engine: String,
    instructions: Instructions,
    rows: Vec<Row>,
}

/// Wasm instructions of one pass over 1.3 MB: the same in every run, on every machine.
#[derive(Clone, Debug)]
struct Counted {
    kind: &'static str,
    lockgate: u64,
    serde: u64,
}

/// What all engines did.
#[derive(Clone, Debug)]
pub(crate) struct InWasm {
    runs: Vec<Run>,
    counted: Vec<Counted>,
}

/// The release of wasmtime that the figures are taken with, as `.ci/tools.txt` pins it.
const WASMTIME: Pin = Pin {
    name: "wasmtime",
    version: "50.0.1",
    sha256: &[
        "cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4",
        "675484e525c028dc02762b777f1db4477ea70caa3fec6775426daff4d64edfb1",
        "ff4fc58ed3cbdb919d056accd4d280be13962a542754aaefd8a9b4654efa9bd9",
    ],
};
/// How a filter in Envoy gets its body.
const CHUNK_BYTES: u64 = 65_536;

/// Runs the program under each engine that is there; wasmtime is installed if need be.
pub(crate) fn measure(workspace: &Workspace, modules: &Modules<'_>, effort: Effort) -> Result<InWasm, Error> {
    let builds: &[Instructions] = match effort {
        Effort::Smoke => &[Instructions::Simd],
        Effort::Full => &[Instructions::Simd, Instructions::Scalar],
    };
    let engines = Engines::new(workspace, modules)?;
    let mut runs = Vec::new();
    let mut counted = Vec::new();
    for &instructions in builds {
        let program = modules.strip_wasm(instructions)?;
        if instructions == Instructions::Simd {
            counted = engines.count(&program)?;
        }
        let (words, node): (&[&str], _) = match effort {
            Effort::Smoke => (&["smoke"], false),
            Effort::Full => (&[], true),
        };
        for (engine, rows) in engines.rows(&program, words, node)? {
            runs.push(Run { engine, instructions, rows });
        }
    }
    Ok(InWasm { runs, counted })
}

/// The same without times.
pub(crate) fn count(workspace: &Workspace, modules: &Modules<'_>) -> Result<InWasm, Error> {
    let engines = Engines::new(workspace, modules)?;
    let counted = engines.count(&modules.strip_wasm(Instructions::Simd)?)?;
    Ok(InWasm { runs: Vec::new(), counted })
}

/// How fast the bodies of `what` are stripped under each engine that is there, as a Markdown table.
pub(crate) fn measure_without_comparison(
    workspace: &Workspace,
    modules: &Modules<'_>,
    what: &str,
) -> Result<String, Error> {
    let engines = Engines::new(workspace, modules)?;
    let mut out = String::from("| engine | build | body | work | chunk bytes | MB/s |\n|---|---|---|---|---|---|\n");
    for instructions in [Instructions::Simd, Instructions::Scalar] {
        let program = modules.strip_wasm(instructions)?;
        for (engine, rows) in engines.rows(&program, &[what], true)? {
            for Row { body, work, chunk_bytes, mb_per_s } in rows {
                let build = instructions.name();
                // Writing to a `String` cannot fail.
                let _ = writeln!(out, "| {engine} | {build} | {body} | {work} | {chunk_bytes} | **{mb_per_s:.0}** |");
            }
        }
    }
    Ok(out)
}

/// What Wasm is run under.
struct Engines<'a> {
    modules: &'a Modules<'a>,
    wasmtime: PathBuf,
    python: PathBuf,
}

impl<'a> Engines<'a> {
    /// Wasmtime is installed if need be.
    fn new(workspace: &Workspace, modules: &'a Modules<'a>) -> Result<Self, Error> {
        let wasmtime = tools::pip_package(workspace, &WASMTIME, &say)?;
        let python = on_path("python3").or_else(|| on_path("python"));
        let python = python.ok_or_else(|| Error::wrong("there is no Python"))?;
        Ok(Self { modules, wasmtime, python })
    }

    fn count(&self, program: &Path) -> Result<Vec<Counted>, Error> {
        ["minified", "pretty"]
            .into_iter()
            .map(|kind| {
                let passes = |work: &str, n: &str| {
                    let mut command = self.wasmtime("benches/count_wasm.py", program);
                    let said = run(command.args(["passes", work, kind, n]), "wasmtime")?;
                    let count = said.lines().last().and_then(|line| line.parse::<u64>().ok());
                    count.ok_or_else(|| Error::wrong(format!("`{said}` is no count")))
                };
                // The difference leaves out what comes before and after the passes.
                let one = |work: &str| Ok::<_, Error>(passes(work, "4")?.saturating_sub(passes(work, "2")?) / 2);
                Ok(Counted { kind, lockgate: one("lockgate")?, serde: one("serde_json")? })
            })
            .collect()
    }

    fn wasmtime(&self, script: &str, program: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.env("PYTHONPATH", &self.wasmtime).arg(self.modules.script(script)).arg(program);
        command
    }

    /// What the program prints with these arguments under each engine; under node where it is and is asked for.
    fn rows(&self, program: &Path, words: &[&str], node: bool) -> Result<Vec<(String, Vec<Row>)>, Error> {
        let engine = format!("wasmtime {}", WASMTIME.version);
        let found = rows(self.wasmtime(".ci/wasm-runner", program).args(words), &engine)?;
        let mut all = vec![(engine, found)];
        // Node's WASI has been seen to crash by itself: that is not our failure, and no figure either.
        if node && let Some(node) = on_path("node") {
            let engine = format!("V8 (node {})", run(Command::new(&node).arg("--version"), "node")?.trim());
            for _ in 0..NODE_TRIES {
                let mut command = Command::new(&node);
                command.arg("--no-warnings").arg(self.modules.script("benches/run_wasm.mjs")).arg(program);
                match rows(command.args(words), &engine) {
                    Ok(rows) => {
                        all.push((engine, rows));
                        break;
                    }
                    Err(error) => say(&format!("{engine}: {error}")),
                }
            }
        }
        Ok(all)
    }
}

const NODE_TRIES: u32 = 3;

fn rows(command: &mut Command, engine: &str) -> Result<Vec<Row>, Error> {
    say(&format!("measuring under {engine}"));
    run(command, engine)?.lines().map(row).collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn row(line: &str) -> Result<Row, Error> {
    let bad = || Error::wrong(format!("`{line}` is no measurement"));
    let value: Value = serde_json::from_str(line).map_err(|_| bad())?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(bad);
    let number = |name: &str| value.get(name).and_then(Value::as_u64).ok_or_else(bad);
    let mb_per_s = number("bytes")? as f64 * 1000.0 / number("best_ns")? as f64;
    Ok(Row { body: text("body")?, work: text("work")?, chunk_bytes: number("chunk_bytes")?, mb_per_s })
}

impl Run {
    fn speed(&self, body: &str, work: &str, chunk_bytes: u64) -> Option<f64> {
        let wanted = |row: &&Row| row.body == body && row.work == work && row.chunk_bytes == chunk_bytes;
        self.rows.iter().find(wanted).map(|row| row.mb_per_s)
    }

    fn bodies(&self) -> Vec<&str> {
        let mut bodies: Vec<&str> = self.rows.iter().map(|row| row.body.as_str()).collect();
        bodies.dedup();
        bodies
    }

    fn ratio(&self, body: &str) -> Option<f64> {
        Some(self.speed(body, "lockgate", CHUNK_BYTES)? / self.speed(body, "serde_json", 0)?)
    }
}

impl Counted {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn ratio(&self) -> f64 {
        self.serde as f64 / self.lockgate as f64
    }
}

const SPEED_TABLE: &str = "\
| engine | build | body | copy MB/s | Lockgate MB/s (64 KB chunks) | (4 KB) | serde_json MB/s | Lockgate : serde_json |
|---|---|---|---|---|---|---|---|
";

impl InWasm {
    /// The least ratio of `serde_json`'s instructions to Lockgate's.
    pub(crate) fn least_ratio_counted(&self) -> Option<f64> {
        self.counted.iter().map(Counted::ratio).min_by(f64::total_cmp)
    }

    /// The least ratio of Lockgate to `serde_json` in a build as it ships.
    pub(crate) fn least_ratio(&self) -> Option<f64> {
        let shipped = self.runs.iter().filter(|run| run.instructions == Instructions::Simd);
        let ratios = shipped.flat_map(|run| run.bodies().into_iter().filter_map(|body| run.ratio(body)));
        ratios.min_by(f64::total_cmp)
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut out = String::from(if self.runs.is_empty() { "" } else { SPEED_TABLE });
        for run in &self.runs {
            for body in run.bodies() {
                let speed = |work, chunk| run.speed(body, work, chunk).unwrap_or(f64::NAN);
                // Writing to a `String` cannot fail.
                let _ = writeln!(
                    out,
                    "| {} | {} | {body} | {:.0} | **{:.0}** | {:.0} | {:.0} | **{:.1}** |",
                    run.engine,
                    run.instructions.name(),
                    speed("copy", CHUNK_BYTES),
                    speed("lockgate", CHUNK_BYTES),
                    speed("lockgate", 4096),
                    speed("serde_json", 0),
                    run.ratio(body).unwrap_or(f64::NAN),
                );
            }
        }
        out.push_str(
            "\n| 1.3 MB | Lockgate, Wasm instructions | serde_json | serde_json : Lockgate |\n|---|---|---|---|\n",
        );
        for counted in &self.counted {
            let millions = |count: u64| format!("{}.{} M", count / 1_000_000, count / 100_000 % 10);
            let Counted { kind, lockgate, serde } = counted;
            let _ = writeln!(
                out,
                "| {kind} | {} | {} | **{:.1}** |",
                millions(*lockgate),
                millions(*serde),
                counted.ratio()
            );
        }
        out
    }

    pub(crate) fn to_json(&self) -> Value {
        let counted = self
            .counted
            .iter()
            .map(|counted| json!({"body": counted.kind, "lockgate": counted.lockgate, "serde_json": counted.serde}));
        let rows = self.runs.iter().flat_map(|run| {
            run.rows.iter().map(|row| {
                json!({
                    "engine": run.engine, "build": run.instructions.name(), "body": row.body, "work": row.work,
                    "chunk_bytes": row.chunk_bytes, "mb_per_s": row.mb_per_s.round(),
                })
            })
        });
        json!({"speed": rows.collect::<Value>(), "wasm_instructions_at_1300_kb": counted.collect::<Value>()})
    }
}

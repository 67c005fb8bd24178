//! Measures the filters: how much CPU time and how many instructions they add in Envoy, how fast they are in Wasm without a proxy, how big they are.
//!
//! ```text
//! cargo run --release -p lockgate-bench -- envoy    through Envoy, against a filter that buffers and uses serde_json
//! cargo run --release -p lockgate-bench -- instructions
//!                          the instructions that the filters add in Envoy: with `perf`, else under valgrind, which takes minutes
//! cargo run --release -p lockgate-bench -- jwt      the instructions that jwt-auth adds, against Envoy's own jwt_authn
//! cargo run --release -p lockgate-bench -- record-jwt      the same, written to benches/record/jwt_auth.md
//! cargo run --release -p lockgate-bench -- limits   the instructions that rate-limit adds
//! cargo run --release -p lockgate-bench -- keys     10 million keys in the core and 500,000 through Envoy: memory, and who is forgotten
//! cargo run --release -p lockgate-bench -- record-limits   both, written to benches/record/rate_limit.md
//! cargo run --release -p lockgate-bench -- webhook  the instructions that webhook-verify adds
//! cargo run --release -p lockgate-bench -- record-webhook  the same, written to benches/record/webhook_verify.md
//! cargo run --release -p lockgate-bench -- record-chain        the chain beside what people use today, with times, loading and a steady
//!                          rate: benches/record/chain.md, .json and .svg; an hour, `record-chain brief` the same in half of it
//! cargo run --release -p lockgate-bench -- wasm     the same work under wasmtime and, where it is, node
//! cargo run --release -p lockgate-bench -- csv      tables under the same engines
//! cargo run --release -p lockgate-bench -- modes    each format through the filter, without and with the second guard
//! cargo run --release -p lockgate-bench -- size     the size of the filter
//! cargo run --release -p lockgate-bench -- smoke    all in seconds; fails when something is wrong or a ratio far too low
//! cargo run --release -p lockgate-bench -- record   all, written to benches/record/
//! cargo run --release -p lockgate-bench -- record counts    what is counted and not timed, for a busy machine
//! ```
//!
//! Absolute times are this machine's; ratios are of one run, in which everything compared takes turns.

mod chain;
mod envoy;
mod gates;
mod instructions;
mod jwt;
mod keys;
mod limits;
mod report;
mod wasm;
mod webhook;

use std::process::ExitCode;

use lockgate_harness::{Workspace, signals};
use lockgate_measure::{Error, Modules};

use crate::report::Figures;

/// How long and how exactly to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    /// Enough to see that it works and that nothing is out of all proportion.
    Smoke,
    /// For figures that are quoted.
    Full,
}

/// Least ratios of a smoke run; what is aimed at stands in `benches/record/`. Far below, because machines differ and are busy.
const LEAST_IN_PROCESS: f64 = 2.0;
/// Instructions do not depend on the machine: a small step below what is recorded.
const LEAST_COUNTED: f64 = 3.8;
const LEAST_THROUGH_ENVOY: f64 = 5.0;

/// Keys that come once, in the core and through Envoy.
const NATIVE_KEYS: u64 = 10_000_000;
const ENVOY_KEYS: u64 = 500_000;

const USAGE: &str = "usage: lockgate-bench envoy|instructions|jwt|limits|keys|webhook|wasm|csv|modes|size|smoke|record|record-jwt|\
                     record-limits|record-webhook|record-chain";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockgate-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Error> {
    let workspace = Workspace::locate()?;
    signals::stop_on_ctrl_c(|| 130)?;
    let modules = Modules::new(&workspace);
    match words {
        ["envoy"] => print(&envoy::measure(&workspace, &modules, Effort::Full)?.to_markdown()),
        ["instructions"] => print(&instructions::measure(&workspace, &modules)?.to_markdown()),
        ["jwt"] => print(&jwt::to_markdown(&jwt::measure(&workspace, &modules)?)),
        ["record-jwt"] => report::record_jwt(&workspace, &modules)?,
        ["limits"] => print(&limits::measure(&workspace, &modules)?.to_markdown()),
        ["keys"] => print(&keys::measure(&workspace, &modules, NATIVE_KEYS, ENVOY_KEYS)?.to_markdown()),
        ["record-limits"] => report::record_limits(&workspace, &modules)?,
        ["webhook"] => print(&webhook::measure(&workspace, &modules)?.to_markdown()),
        ["record-webhook"] => report::record_webhook(&workspace, &modules)?,
        ["record-chain"] => chain::record(&workspace, chain::Size::Full)?,
        ["record-chain", "brief"] => chain::record(&workspace, chain::Size::Brief)?,
        ["wasm"] => print(&wasm::measure(&workspace, &modules, Effort::Full)?.to_markdown()),
        ["csv"] => print(&wasm::measure_without_comparison(&workspace, &modules, "csv")?),
        ["modes"] => print(&wasm::measure_without_comparison(&workspace, &modules, "modes")?),
        ["size"] => print(&format!("revenue_strip.wasm: {} bytes\n", modules.bytes("revenue-strip")?)),
        ["smoke"] => smoke(&workspace, &modules)?,
        ["record"] => report::record(&workspace, &modules, Figures::All)?,
        ["record", "counts"] => report::record(&workspace, &modules, Figures::Counts)?,
        _ => return Err(Error::wrong(USAGE)),
    }
    Ok(())
}

fn smoke(workspace: &Workspace, modules: &Modules<'_>) -> Result<(), Error> {
    let wasm = wasm::measure(workspace, modules, Effort::Smoke)?;
    print(&wasm.to_markdown());
    let through = envoy::measure(workspace, modules, Effort::Smoke)?;
    print(&through.to_markdown());
    print(&format!("revenue_strip.wasm: {} bytes\n", modules.bytes("revenue-strip")?));
    at_least("in Wasm, serde_json : Lockgate", wasm.least_ratio(), LEAST_IN_PROCESS)?;
    at_least("in Wasm instructions, serde_json : Lockgate", wasm.least_ratio_counted(), LEAST_COUNTED)?;
    at_least("through Envoy, serde_strip : revenue_strip", through.ratio_at_most_bytes(), LEAST_THROUGH_ENVOY)
}

fn at_least(what: &'static str, ratio: Option<f64>, least: f64) -> Result<(), Error> {
    match ratio {
        Some(ratio) if ratio >= least => Ok(()),
        Some(ratio) => Err(Error::wrong(format!("{what} is {ratio:.1}, must be at least {least:.1}"))),
        None => Err(Error::wrong(format!("{what}: nothing was measured"))),
    }
}

fn print(text: &str) {
    println!("{text}");
}

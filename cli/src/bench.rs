//! `lockgate bench`: what Lockgate adds to Envoy on this machine, beside what people use today.

use std::path::{Path, PathBuf};
use std::thread;
use std::{fs, io};

use clap::builder::RangedI64ValueParser;
use clap::{Args, Subcommand, ValueEnum, value_parser};
use lockgate_harness::{Workspace, signals};
use lockgate_measure::bench::{Count, Place, Plan, Variant, Work, bench, soak, steady};
use lockgate_measure::machine;
use lockgate_measure::native::Cache;
use serde_json::{Value, json};

/// Measures what Lockgate adds to Envoy on this machine, beside what people use today.
///
/// Starts Envoy with nothing, with an empty Wasm filter, with each filter, with all of them as one (`chain`), and with what does the same
/// jobs today; checks that each does its job; lets them take turns; and prints what each adds to a request. Everything takes about a quarter of
/// an hour, --quick less than a minute. What counts are the ratios of one run: times are this machine's.
///
/// Example: lockgate bench --quick --variants chain,native --bodies 1k,1300k
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    compare: CompareArgs,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Sends mixed requests at a steady rate, with the chain and without a filter by turns: added latency, errors, memory.
    Steady(SteadyArgs),
    /// Sends mixed requests for minutes while portals reset, keys cannot be fetched and the configuration is reloaded. Exit code 1: an error
    /// that no fault explains, or memory that grows.
    Soak(SoakArgs),
}

#[derive(Args, Debug)]
struct CompareArgs {
    /// What takes turns, of: none, empty, jwt-auth, rate-limit, revenue-strip, webhook-verify, chain, chain-telling, jwt_authn,
    /// local_ratelimit, rbac, lua, lua-scan, serde-strip, native, native-scan. `none` always does. Absent: all.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = variant)]
    variants: Option<Vec<Variant>>,
    /// What is asked, of: 0 (no body), 1k, 100k, 1300k, 20m, hook (a signed webhook of 1 KB). Absent: all.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = work)]
    bodies: Option<Vec<Work>>,
    /// Whether verified tokens are remembered: warm, cold (`cache: {entries: 0}`). Absent: both.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_possible_values = true)]
    tokens: Option<Vec<Tokens>>,
    /// Envoy's worker threads, a run each. Absent: 1 and 2.
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', value_parser = small())]
    workers: Option<Vec<u32>>,
    /// Rounds of turns. Absent: 15.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Clients at once, for each worker. Absent: 2.
    #[arg(long, value_name = "COUNT", value_parser = small())]
    connections: Option<u32>,
    /// Worker threads with which loading and memory are measured, a run each; 0: not at all. Absent: 1 and 2.
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', value_parser = value_parser!(u32).range(0..=64))]
    loading: Option<Vec<u32>>,
    /// Who counts instructions beside CPU time: perf (the default) where the machine has counters, valgrind where it has none (many
    /// minutes), off.
    #[arg(long, value_name = "WHO", default_value = "perf", hide_possible_values = true, hide_default_value = true)]
    instructions: Counter,
    /// Fewer and shorter rounds, without long bodies, cold tokens and loading, unless they are asked for.
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    output: OutputArgs,
    /// Also draws what each variant adds as bars: an SVG image.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct SteadyArgs {
    /// Requests a second.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = rate())]
    rate: u32,
    /// How long with the chain, and as long without.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Envoy's worker threads.
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = small())]
    workers: u32,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct SoakArgs {
    /// How long.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// Requests a second.
    #[arg(long, value_name = "COUNT", default_value_t = 300, value_parser = rate())]
    rate: u32,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
struct OutputArgs {
    /// How it is printed: markdown (the default), whose tables stand straight in a terminal, too, or json.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "markdown",
        hide_possible_values = true,
        hide_default_value = true
    )]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Markdown,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tokens {
    Warm,
    Cold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Counter {
    Perf,
    Valgrind,
    Off,
}

/// Runs the command.
pub(crate) fn run(args: &BenchArgs) -> Result<u8, String> {
    signals::stop_on_ctrl_c(|| 130).map_err(|error| error.to_string())?;
    let result = measure(args);
    if signals::stopping() {
        // What failed did so because it was stopped. The thread that stops the rest ends the program.
        loop {
            thread::park();
        }
    }
    result
}

fn measure(args: &BenchArgs) -> Result<u8, String> {
    let plan = args.compare.plan();
    let workspace = Workspace::locate().map_err(|error| error.to_string())?;
    let place = Place::of(&workspace);
    if cfg!(debug_assertions) {
        eprintln!(
            "lockgate: a development build: latencies are partly the client's own; `cargo run --release -- bench` has better ones"
        );
    }
    let explained = |error: lockgate_measure::Error| format!("bench: {error}");
    match &args.what {
        None => {
            let chart = args.compare.chart.as_deref();
            let unwritten = |error: io::Error| {
                let file = chart.unwrap_or(Path::new("")).display();
                format!("--chart: cannot write {file}: {error}")
            };
            // Said now, and not after all that is measured.
            if let Some(file) = chart {
                fs::OpenOptions::new().append(true).create(true).open(file).map_err(unwritten)?;
            }
            eprintln!("about {} s once everything is built; Ctrl-C stops it", plan.seconds());
            let report = bench(&place, &plan).map_err(explained)?;
            // Before the chart: what was measured is not lost with it.
            args.compare.output.print(&report.to_markdown(), report.to_json(), &workspace);
            if let Some(file) = chart {
                let svg = report.to_svg(usize::MAX).map_err(explained)?;
                fs::write(file, svg).map_err(unwritten)?;
            }
            Ok(0)
        }
        Some(What::Steady(SteadyArgs { rate, seconds, workers, output })) => {
            let seen = steady(&place, *workers, *rate, *seconds).map_err(explained)?;
            output.print(&seen.to_markdown(), seen.to_json(), &workspace);
            Ok(u8::from(!seen.errors.is_empty()))
        }
        Some(What::Soak(SoakArgs { seconds, rate, output })) => {
            let seen = soak(&place, *seconds, *rate).map_err(explained)?;
            output.print(&seen.to_markdown(), seen.to_json(), &workspace);
            Ok(u8::from(!seen.faults().is_empty()))
        }
    }
}

impl CompareArgs {
    fn plan(&self) -> Plan {
        let start = if self.quick { Plan::quick() } else { Plan::full() };
        let chosen = |variant: &Variant| match &self.variants {
            None => true,
            Some(variants) => *variant == Variant::None || variants.contains(variant),
        };
        let caches = self.tokens.as_ref().map(|tokens| {
            let cache = |token: &Tokens| match token {
                Tokens::Warm => Cache::Warm,
                Tokens::Cold => Cache::Off,
            };
            tokens.iter().map(cache).collect()
        });
        let loading = self.loading.clone().unwrap_or(start.loading);
        Plan {
            variants: start.variants.into_iter().filter(chosen).collect(),
            works: match &self.bodies {
                None => start.works,
                Some(bodies) => Work::ALL.into_iter().filter(|work| bodies.contains(work)).collect(),
            },
            caches: caches.unwrap_or(start.caches),
            workers: self.workers.clone().unwrap_or(start.workers),
            rounds: self.rounds.unwrap_or(start.rounds),
            connections: self.connections.unwrap_or(start.connections),
            count: match self.instructions {
                Counter::Perf => Count::Perf,
                Counter::Valgrind => Count::Valgrind,
                Counter::Off => Count::No,
            },
            loading: loading.into_iter().filter(|workers| *workers > 0).collect(),
            ..start
        }
    }
}

impl OutputArgs {
    /// With what it was measured on.
    fn print(&self, markdown: &str, json: Value, workspace: &Workspace) {
        let (commit, processor) = (machine::commit(workspace.root()), machine::processor());
        match self.format {
            Format::Markdown => println!("Lockgate {commit}, {processor}. {markdown}"),
            Format::Json => {
                let mut all = json!({"commit": commit, "processor": processor});
                if let (Some(all), Value::Object(more)) = (all.as_object_mut(), json) {
                    all.extend(more);
                }
                println!("{all:#}");
            }
        }
    }
}

fn variant(name: &str) -> Result<Variant, String> {
    Variant::parse(name).ok_or_else(|| one_of("variant", &Variant::ALL.map(Variant::name)))
}

fn work(name: &str) -> Result<Work, String> {
    Work::parse(name).ok_or_else(|| one_of("body", &Work::ALL.map(Work::name)))
}

fn one_of(what: &str, names: &[&str]) -> String {
    format!("no {what} of this name; there are {}", names.join(", "))
}

fn small() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=64)
}

fn rate() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=100_000)
}

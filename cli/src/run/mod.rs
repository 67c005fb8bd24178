//! `lockgate run`: Envoy from `envoy.yaml` in front of the example portals, and what to try on it.

mod config;
mod decisions;
mod once;
mod progress;
mod setup;
mod story;
mod trial;
mod web;
mod webhook;

use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Args;
use lockgate_harness::{Process, signals};

use self::progress::Progress;
use self::setup::{Setup, Tools};

/// Starts Envoy in front of two example portals and a token issuer, and shows what to try (the default).
///
/// Example: lockgate run --any-port
#[derive(Args, Debug, Default)]
pub(crate) struct RunArgs {
    /// Another configuration in place of envoy.yaml: a copy with rules of yours, the addresses as they are.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Takes free ports for everything instead of those in the configuration.
    #[arg(long)]
    any_port: bool,
    /// Makes the requests that it would print, judges the answers, and stops. Exit code 1: an answer is wrong.
    #[arg(long)]
    once: bool,
    /// Starts nothing: builds the filter and has Envoy check the configuration with it.
    #[arg(long, conflicts_with_all = ["any_port", "once"])]
    validate: bool,
}

/// Runs the command.
pub(crate) fn run(args: &RunArgs) -> Result<u8, String> {
    signals::stop_on_ctrl_c(|| {
        say("\nStopped: everything that was started is gone.");
        0
    })
    .map_err(|error| error.to_string())?;
    let result = start(args);
    if signals::stopping() {
        // What failed did so because it was stopped. The thread that stops the rest ends the program.
        loop {
            thread::park();
        }
    }
    result
}

fn start(args: &RunArgs) -> Result<u8, String> {
    if !args.any_port && !args.validate {
        setup::require_ports()?; // before anything is built
    }
    let progress = Progress::new();
    let tools = Tools::prepare(args.config.as_deref(), &progress)?;
    if args.validate {
        let checked = tools.validate(&progress);
        progress.end();
        checked?;
        say(&format!("{} is good: Envoy and the filter accept it.", tools.config_name()));
        return Ok(0);
    }
    let setup = Setup::start(&tools, args.any_port, &progress);
    progress.end();
    let setup = setup?;
    if args.once {
        return once::run(&setup, &tools.secrets);
    }
    say(&trial::what_to_try(&setup.addresses, &webhook::what_to_try(&tools.secrets, setup.addresses.gateway)?));
    Ok(watch(&setup))
}

/// Waits until a process ends, which none should.
fn watch(setup: &Setup) -> u8 {
    loop {
        for process in [setup.envoy.process(), &setup.portals] {
            // Returns early when the process ends; running out of time is the good case.
            let Ok(status) = process.wait_exit(LOOK) else { continue };
            if !signals::stopping() {
                let name = process.name();
                let lines = last_lines(process);
                let (lead, lines) =
                    if lines.is_empty() { (" It said nothing.", "") } else { (" Its last lines:", &*lines) };
                complain(&format!("{name} has ended by itself ({status}), so the rest is stopped.{lead}{lines}"));
            }
            return 1;
        }
    }
}

/// The last lines that are not of the access log: those are on the terminal already.
fn last_lines(process: &Process) -> String {
    let log = process.log();
    let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with('{')).collect();
    let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
    last.iter().map(|line| format!("\n  {line}")).collect()
}

/// Prints a line. When nobody reads any more, there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "lockgate: {line}");
}

/// How long one process is looked at.
const LOOK: Duration = Duration::from_millis(200);
const LAST_LINES: usize = 10;

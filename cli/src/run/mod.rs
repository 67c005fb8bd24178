//! `lockgate run`: Envoy from `envoy.yaml` in front of the example portals, and what to try on it.

mod lines;
mod once;
mod setup;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lockgate_harness::{Process, signals};

use self::setup::Setup;

/// Starts Envoy in front of two example portals and a token issuer, and shows what to try (the default).
#[derive(Args, Debug, Default)]
pub(crate) struct RunArgs {
    /// Takes free ports for everything instead of those in envoy.yaml.
    #[arg(long)]
    any_port: bool,
    /// Makes the requests that it would print, shows what came back, and stops: 1 when an answer is wrong.
    #[arg(long)]
    once: bool,
}

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Runs the command.
pub(crate) fn run(args: &RunArgs) -> Result<u8, String> {
    signals::stop_on_ctrl_c(|| {
        println!("\nStopped: Envoy, both portals and the issuer.");
        0
    })
    .map_err(|error| error.to_string())?;
    let bar = Bar::new();
    let setup = Setup::start(args.any_port, &|line| bar.say(line));
    bar.end();
    let setup = setup?;
    if args.once {
        return once::run(&setup.addresses);
    }
    print!("{}", lines::what_to_try(&setup.addresses));
    watch(&setup)
}

/// Waits until a process ends, which none should.
fn watch(setup: &Setup) -> Result<u8, String> {
    loop {
        for process in [setup.envoy.process(), &setup.portals] {
            // Returns early when the process ends; running out of time is the good case.
            if process.wait_exit(LOOK).is_ok() && !signals::stopping() {
                eprintln!("lockgate: {} has ended by itself; its last lines:\n{}", process.name(), tail(process));
                return Ok(1);
            }
        }
    }
}

fn tail(process: &Process) -> String {
    let log = process.log();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
}

/// A line that spins on a terminal, plain lines elsewhere.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    fn say(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.set_message(line.to_owned()),
            None => eprintln!("{line}"),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

//! The `lockgate` command: runs the gate, and tries its rules without one.

mod bench;
mod check;
mod configuration;
mod filter;
mod limits;
mod matrix;
mod place;
mod refusal;
mod run;
mod schema;
mod test_cases;
mod token;
mod try_case;
mod webhook;
mod yaml;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// API-security filters for Envoy: no revenue field leaves.
///
/// Exit codes: 0 good, 1 the answer is no, 2 usage or configuration.
#[derive(Parser, Debug)]
#[command(version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::RunArgs),
    Check(check::CheckArgs),
    Test(test_cases::TestArgs),
    Try(try_case::TryArgs),
    Matrix(matrix::MatrixArgs),
    Token(token::TokenArgs),
    Schema(schema::SchemaArgs),
    Limits(limits::LimitsArgs),
    Webhook(webhook::WebhookArgs),
    Bench(Box<bench::BenchArgs>),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Run(run::RunArgs::default()));
    let result = match &command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Test(args) => test_cases::run(args),
        Command::Matrix(args) => matrix::run(args),
        Command::Token(args) => token::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Limits(args) => limits::run(args),
        Command::Webhook(args) => webhook::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Try(args) => try_case::run(args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("lockgate: {message}");
            ExitCode::from(2)
        }
    }
}

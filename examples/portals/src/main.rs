//! Two small portals and a token issuer, to try Lockgate on. One process, three listeners on loopback.
//!
//! The portals leak on purpose: their answers carry costs, markups and personal data, and they check no token. They trust
//! the gateway in front of them. Never expose them.

mod body;
mod issuer;
mod keys;
mod maintenance;
mod onboarding;
mod paging;
mod problem;
mod resource;
mod revoked;
mod serve;
mod signer;
mod store;
mod token;
mod whoami;

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

/// Two example portals and a token issuer, on loopback only. Prints one line of JSON when all three listen.
#[derive(Parser)]
#[command(name = "portals", version)]
struct Args {
    /// Where the onboarding portal listens; port 0 is any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3002", value_parser = loopback)]
    onboarding: SocketAddr,
    /// Where the maintenance portal listens; port 0 is any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3001", value_parser = loopback)]
    maintenance: SocketAddr,
    /// Where the token issuer listens; port 0 is any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3003", value_parser = loopback)]
    issuer: SocketAddr,
    /// Stop when stdin ends, so that this process never outlives the one that started it
    #[arg(long)]
    exit_with_stdin: bool,
}

/// Reads an address that only this machine can reach.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:3001".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the portals check no token, so they listen on loopback only".to_owned())
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when stderr is gone too.
            let _ = writeln!(io::stderr(), "portals: {error}");
            error.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let stop = serve::Stop::watch(args.exit_with_stdin)?;
        let onboarding = serve::bind("--onboarding", args.onboarding).await?;
        let maintenance = serve::bind("--maintenance", args.maintenance).await?;
        let issuer = serve::bind("--issuer", args.issuer).await?;
        let ready = ready_line(onboarding.local_addr()?, maintenance.local_addr()?, issuer.local_addr()?);

        let mut servers = serve::Servers::default();
        servers.start(onboarding, onboarding::router()?);
        servers.start(maintenance, maintenance::router()?);
        servers.start(issuer, issuer::router()?);
        announce(&ready)?;
        stop.wait().await;
        servers.stop().await;
        Ok(())
    })
}

fn ready_line(onboarding: SocketAddr, maintenance: SocketAddr, issuer: SocketAddr) -> String {
    format!(r#"{{"onboarding":"{onboarding}","maintenance":"{maintenance}","issuer":"{issuer}"}}"#)
}

fn announce(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Why the process did not start.
#[derive(Debug)]
enum StartError {
    /// A listener could not be opened; the sentence names the flag to change.
    Listen {
        flag: &'static str,
        address: SocketAddr,
        error: io::Error,
    },
    Store(rusqlite::Error),
    Key(signer::KeyError),
    Io(io::Error),
}

impl StartError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Listen { .. } => ExitCode::from(2),
            Self::Store(_) | Self::Key(_) | Self::Io(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { flag, address, error } if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "port {} is taken: stop what listens there, or choose another with `{flag} {}:PORT` (0 = any free port)",
                address.port(),
                address.ip()
            ),
            Self::Listen { flag, address, error } => {
                write!(f, "cannot listen on {address} ({error}): choose another with `{flag} ADDR`")
            }
            Self::Store(error) => write!(f, "the example data does not load: {error}"),
            Self::Key(error) => write!(f, "no signing key could be made: {error}"),
            Self::Io(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for StartError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

impl From<signer::KeyError> for StartError {
    fn from(error: signer::KeyError) -> Self {
        Self::Key(error)
    }
}

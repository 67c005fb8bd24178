//! Builds and starts everything.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockgate_harness::build::{self, Profile};
use lockgate_harness::envoy::{self, EnvoyBinary};
use lockgate_harness::{Envoy, EnvoyConfig, EnvoyOptions, Error, Process, ProcessOptions, Stream, Workspace, ports};

use super::config::{self, Addresses, Portals};
use super::decisions::decisions;
use super::progress::Progress;
use super::webhook::Secrets;
use super::{complain, say};
use crate::refusal;

/// What is needed to start: Envoy, and the configuration with the filters that were built.
pub(super) struct Tools {
    workspace: Workspace,
    envoy: EnvoyBinary,
    config_path: PathBuf,
    config: String,
    /// What Envoy finds in its environment.
    pub(super) secrets: Secrets,
}

/// What runs. Fields are dropped, and processes stopped, in order.
pub(super) struct Setup {
    pub(super) envoy: Envoy,
    pub(super) portals: Process,
    pub(super) addresses: Addresses,
}

impl Tools {
    /// Finds or installs Envoy and builds the filters.
    ///
    /// # Errors
    /// Something is missing; the sentence says what to do.
    pub(super) fn prepare(config: Option<&Path>, progress: &Progress) -> Result<Self, String> {
        let workspace = Workspace::locate().map_err(explained)?;
        let config_path = config.map_or_else(|| workspace.root().join("envoy.yaml"), Path::to_path_buf);
        let shown = config_path.display();
        // Read first: a wrong name shall not cost the user a build.
        let text = fs::read_to_string(&config_path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        progress.step("looking for Envoy");
        let envoy = envoy::find(&workspace, &|line| progress.detail(line)).map_err(explained)?;
        let mut modules = Vec::new();
        let loads = |package: &&str| text.contains(&config::written_module(package));
        let loaded: Vec<&str> = FILTERS.into_iter().filter(loads).collect();
        for package in if loaded.is_empty() { FILTERS.to_vec() } else { loaded } {
            let module = config::written_module(package);
            progress.step(&format!("building {}", module.rsplit('/').next().unwrap_or_default()));
            let module = build::filter(&workspace, package, &|line| progress.detail(line)).map_err(explained)?;
            modules.push((package, module));
        }
        let config = config::with_modules(&text, &modules).map_err(|fault| format!("{shown} {fault}"))?;
        Ok(Self { workspace, envoy, config_path, config, secrets: Secrets::prepare()? })
    }

    /// Has Envoy check the configuration.
    ///
    /// # Errors
    /// It is wrong.
    pub(super) fn validate(&self, progress: &Progress) -> Result<(), String> {
        progress.step("asking Envoy");
        let config = EnvoyConfig::Yaml(self.config.clone());
        Envoy::validate(&self.envoy, &config, self.secrets.variables()).map_err(|error| self.refused(error))
    }

    pub(super) fn config_name(&self) -> String {
        let path = self.config_path.strip_prefix(self.workspace.root()).unwrap_or(&self.config_path);
        path.display().to_string()
    }

    fn refused(&self, error: Error) -> String {
        match error {
            Error::EnvoyRefused { why, .. } => refusal::explain(&self.config_name(), &why),
            other => explained(other),
        }
    }
}

impl Setup {
    /// Builds and starts the portals, and Envoy in front of them.
    ///
    /// # Errors
    /// Something is missing, taken or wrong; the sentence says what to do.
    pub(super) fn start(tools: &Tools, any_port: bool, progress: &Progress) -> Result<Self, String> {
        let written = Addresses::written();
        progress.step("building the example portals");
        let detail = |line: &str| progress.detail(line);
        let program = build::binary(&tools.workspace, "lockgate-portals", "portals", Profile::Dev, &detail);
        let program = program.map_err(explained)?;

        progress.step("starting the portals");
        let (portals, portal_addresses) = start_portals(&program, any_port, written.portals).map_err(explained)?;

        progress.step("starting Envoy");
        let mut addresses = Addresses { portals: portal_addresses, ..written };
        let mut text = tools.config.clone();
        if any_port {
            // Envoy reports which port it got for the administration only, so the gateway's is chosen here.
            addresses.gateway = ports::free().map_err(explained)?;
            addresses.admin.set_port(0);
            text = config::with_addresses(&text, &addresses)
                .map_err(|fault| format!("{} {fault}", tools.config_path.display()))?;
        }
        let ready = Arc::new(AtomicBool::new(false));
        let mut process = ProcessOptions::new();
        for (name, value) in tools.secrets.variables() {
            process = process.env(name, value);
        }
        let options = EnvoyOptions {
            concurrency: 2,
            log_level: "warning".to_owned(),
            admin_port: None,
            process: process.on_line({
                let ready = ready.clone();
                move |stream, line| show(stream, line, &ready)
            }),
            ..EnvoyOptions::default()
        };
        let envoy =
            Envoy::start(&tools.envoy, &EnvoyConfig::Yaml(text), options).map_err(|error| tools.refused(error))?;
        ready.store(true, Ordering::Relaxed);
        addresses.admin = envoy.admin();
        progress.step("waiting until Envoy finds the portals healthy");
        let healthy = || CLUSTERS.iter().all(|name| envoy.counter(name).is_ok_and(|hosts| hosts > 0)).then_some(());
        envoy.process().wait_until("healthy portals", READY_WITHIN, healthy).map_err(explained)?;
        Ok(Self { envoy, portals, addresses })
    }
}

/// # Errors
/// A port of envoy.yaml is taken.
pub(super) fn require_ports() -> Result<(), String> {
    ports::require_free(&Addresses::written().ports()).map_err(explained)
}

impl Portals {
    /// The portal that serves a path, asked without the gateway.
    pub(super) fn behind(&self, path: &str) -> SocketAddr {
        if path.starts_with("/api/onboarding") { self.onboarding } else { self.maintenance }
    }
}

fn start_portals(program: &Path, any_port: bool, written: Portals) -> Result<(Process, Portals), Error> {
    let listen = |address: SocketAddr| {
        let port = if any_port { 0 } else { address.port() };
        SocketAddr::new(address.ip(), port).to_string()
    };
    let options = ProcessOptions::new()
        .args(["--onboarding", &listen(written.onboarding)])
        .args(["--maintenance", &listen(written.maintenance)])
        .args(["--issuer", &listen(written.issuer)]);
    let process = Process::spawn("portals", program, options)?;
    let mut ready = None;
    process.wait_for_line(READY_WITHIN, |line| {
        ready = serde_json::from_str(line).ok();
        ready.is_some()
    })?;
    // The line was accepted, so it was read.
    Ok((process, ready.unwrap_or(written)))
}

/// Shows a line of Envoy's: the access log as decisions, and what it complains about once it is ready. Before that, its
/// complaints are the reason why it does not start, which is told once and in order.
fn show(stream: Stream, line: &str, ready: &AtomicBool) {
    match stream {
        Stream::Out => decisions(line).iter().for_each(|decision| say(decision)),
        Stream::Err => {
            let grave = ["[error]", "[critical]", "[wasm]"].iter().any(|mark| line.contains(mark));
            if grave && ready.load(Ordering::Relaxed) {
                complain(line);
            }
        }
    }
}

/// What the user can do about it.
fn explained(error: Error) -> String {
    match error {
        Error::PortTaken { address } => format!(
            "port {} is in use: stop the program that holds it, or let Lockgate take free ports with \
             `cargo run -- run --any-port`",
            address.port()
        ),
        other => other.to_string(),
    }
}

/// The filters that a configuration may load, by package; the first is that of envoy.yaml.
const FILTERS: [&str; 5] = ["lockgate-filter", "jwt-auth", "rate-limit", "revenue-strip", "webhook-verify"];
/// Gauges of Envoy: how many instances of a portal are healthy.
const CLUSTERS: [&str; 2] = ["cluster.onboarding.membership_healthy", "cluster.maintenance.membership_healthy"];
const READY_WITHIN: Duration = Duration::from_secs(30);

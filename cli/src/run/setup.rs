//! Builds and starts everything.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use lockgate_harness::build::{self, Profile};
use lockgate_harness::{
    Envoy, EnvoyConfig, EnvoyOptions, Error, Process, ProcessOptions, Stream, Workspace, envoy, ports,
};
use serde::Deserialize;

use super::lines;

/// What runs. Fields are dropped, and processes stopped, in order.
pub(super) struct Setup {
    pub(super) envoy: Envoy,
    pub(super) portals: Process,
    pub(super) addresses: Addresses,
}

/// Where everything listens.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) gateway: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) portals: PortalAddresses,
}

/// What the portals say when they are ready.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PortalAddresses {
    pub(super) onboarding: SocketAddr,
    pub(super) maintenance: SocketAddr,
    pub(super) issuer: SocketAddr,
}

/// The ports of envoy.yaml.
const GATEWAY: u16 = 8080;
const ADMIN: u16 = 9901;
const ONBOARDING: u16 = 3002;
const MAINTENANCE: u16 = 3001;
const ISSUER: u16 = 3003;
/// The module's place in envoy.yaml.
const MODULE: &str = "target/wasm32-wasip1/release/revenue_strip.wasm";

const READY_WITHIN: Duration = Duration::from_secs(30);

impl Setup {
    pub(super) fn start(any_port: bool, say: &dyn Fn(&str)) -> Result<Self, String> {
        Self::build_and_start(any_port, say).map_err(|fault| match fault {
            Fault::Harness(error) => explain(&error),
            Fault::Text(text) => text,
        })
    }

    fn build_and_start(any_port: bool, say: &dyn Fn(&str)) -> Result<Self, Fault> {
        if !any_port {
            ports::require_free(&[GATEWAY, ADMIN, ONBOARDING, MAINTENANCE, ISSUER])?;
        }
        let workspace = Workspace::locate()?;
        let binary = envoy::find(&workspace, say)?;
        say("building revenue_strip.wasm");
        let module = build::filter(&workspace, "revenue-strip", say)?;
        say("building the example portals");
        let portals = build::binary(&workspace, "lockgate-portals", "portals", Profile::Dev, say)?;

        say("starting the portals");
        let listen = |port: u16| format!("127.0.0.1:{}", if any_port { 0 } else { port });
        let options = ProcessOptions::new()
            .args(["--onboarding", &listen(ONBOARDING)])
            .args(["--maintenance", &listen(MAINTENANCE)])
            .args(["--issuer", &listen(ISSUER)]);
        let portals = Process::spawn("portals", portals, options)?;
        let ready = |line: &str| serde_json::from_str::<PortalAddresses>(line).ok();
        let line = portals.wait_for_line(READY_WITHIN, |line| ready(line).is_some())?;
        let Some(portal_addresses) = ready(&line) else {
            return Err(Fault::Text(format!("the portals said `{line}`, which holds no addresses")));
        };

        say("starting Envoy");
        let gateway = if any_port { ports::free()? } else { SocketAddr::from(([127, 0, 0, 1], GATEWAY)) };
        let path = workspace.root().join("envoy.yaml");
        let text =
            fs::read_to_string(&path).map_err(|error| Fault::Text(format!("read {}: {error}", path.display())))?;
        let mut changes = vec![(MODULE.to_owned(), module.display().to_string())];
        if any_port {
            for (from, to) in [
                (GATEWAY, gateway.port()),
                (ONBOARDING, portal_addresses.onboarding.port()),
                (MAINTENANCE, portal_addresses.maintenance.port()),
                (ISSUER, portal_addresses.issuer.port()),
            ] {
                changes.push((format!("port_value: {from} }}"), format!("port_value: {to} }}")));
            }
        }
        let options = EnvoyOptions {
            concurrency: 2,
            log_level: "warning".to_owned(),
            admin_port: any_port.then_some(0),
            process: ProcessOptions::new().on_line(print_decisions),
            ..EnvoyOptions::default()
        };
        let envoy = Envoy::start(&binary, &EnvoyConfig::Yaml(change(text, &changes)?), options)?;
        let addresses = Addresses { gateway, admin: envoy.admin(), portals: portal_addresses };
        Ok(Self { envoy, portals, addresses })
    }
}

/// Prints a line for each decision in a line of Envoy's access log.
fn print_decisions(_: Stream, line: &str) {
    for decision in lines::decisions(line) {
        println!("{decision}");
    }
}

/// Replaces texts that must be there.
fn change(mut text: String, changes: &[(String, String)]) -> Result<String, Fault> {
    // Through placeholders: one port's new number may be another one's old number.
    for (n, (from, _)) in changes.iter().enumerate() {
        if !text.contains(from) {
            return Err(Fault::Text(format!("envoy.yaml has no `{from}`, which this run must change")));
        }
        text = text.replace(from, &format!("\u{0}{n}\u{0}"));
    }
    for (n, (_, to)) in changes.iter().enumerate() {
        text = text.replace(&format!("\u{0}{n}\u{0}"), to);
    }
    Ok(text)
}

/// Why nothing runs.
#[derive(Debug)]
enum Fault {
    Harness(Error),
    Text(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Harness(error)
    }
}

/// What the user can do about it.
fn explain(error: &Error) -> String {
    match error {
        Error::PortTaken { address } => format!(
            "port {} is in use; stop the program that holds it, or let Lockgate take free ports: \
             cargo run -- run --any-port",
            address.port()
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, change};

    #[test]
    fn ports_may_trade_places() {
        let swap = [("a".to_owned(), "b".to_owned()), ("b".to_owned(), "a".to_owned())];
        assert_eq!(change("a b a".to_owned(), &swap).unwrap(), "b a b");
        assert!(matches!(change("a".to_owned(), &swap), Err(Fault::Text(text)) if text.contains("has no `b`")));
    }
}

//! The configuration as Envoy gets it: `envoy.yaml` with the module's real place and, if asked for, other ports.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where everything listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) gateway: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) portals: Portals,
}

/// Where the portals and the issuer listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Portals {
    pub(super) onboarding: SocketAddr,
    pub(super) maintenance: SocketAddr,
    pub(super) issuer: SocketAddr,
}

impl Addresses {
    /// Those of envoy.yaml.
    pub(super) fn written() -> Self {
        let here = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let portals = Portals { onboarding: here(3002), maintenance: here(3001), issuer: here(3003) };
        Self { gateway: here(8080), admin: here(9901), portals }
    }

    pub(super) fn ports(&self) -> [u16; 5] {
        let Self { gateway, admin, portals: Portals { onboarding, maintenance, issuer } } = self;
        [gateway, admin, onboarding, maintenance, issuer].map(SocketAddr::port)
    }
}

/// The text of a configuration with other places of the modules that it loads, wherever Envoy is started from. Not all of them
/// need be in it.
///
/// # Errors
/// The text lacks what has to be changed.
pub(super) fn with_modules(text: &str, modules: &[(&str, PathBuf)]) -> Result<String, String> {
    let changes = modules.iter().map(|(package, module)| (written_module(package), module.display().to_string()));
    let (there, missing): (Vec<_>, Vec<_>) = changes.partition(|(from, _)| text.contains(from));
    replaced(text, if there.is_empty() { &missing } else { &there })
}

/// The text of a configuration with other addresses in place of those of envoy.yaml.
///
/// # Errors
/// The text lacks what has to be changed.
pub(super) fn with_addresses(text: &str, addresses: &Addresses) -> Result<String, String> {
    let mut changes = Vec::new();
    for (from, to) in Addresses::written().ports().into_iter().zip(addresses.ports()) {
        changes.push((format!("port_value: {from} }}"), format!("port_value: {to} }}")));
    }
    replaced(text, &changes)
}

/// Replaces texts that must be there, all at once: the new number of one port may be the old one of another.
fn replaced(text: &str, changes: &[(String, String)]) -> Result<String, String> {
    if let Some((missing, _)) = changes.iter().find(|(from, _)| !text.contains(from)) {
        return Err(format!("has no `{missing}`, which must be changed for this run: write it as in envoy.yaml"));
    }
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some((at, (from, to))) =
        changes.iter().filter_map(|change| Some((rest.find(&change.0)?, change))).min_by_key(|(at, _)| *at)
    {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str(to);
        rest = after.strip_prefix(from.as_str()).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

/// A module's place in envoy.yaml.
pub(super) fn written_module(package: &str) -> String {
    // The chain's package cannot have the core's name.
    let module = package.strip_suffix("-filter").unwrap_or(package);
    format!("target/wasm32-wasip1/release/{}.wasm", module.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_may_trade_places_and_must_be_there() {
        let swap = [("aa".to_owned(), "b".to_owned()), ("b".to_owned(), "aa".to_owned())];
        assert_eq!(replaced("aa b caa.", &swap).unwrap(), "b aa cb.");
        let error = replaced("aa", &swap).unwrap_err();
        assert!(error.starts_with("has no `b`"), "{error}");
    }

    #[test]
    fn the_reference_configuration_has_all_that_is_changed() {
        for (text, packages) in [
            (include_str!("../../../envoy.yaml"), &["lockgate-filter"][..]),
            (
                include_str!("../../../examples/single-filters/envoy.yaml"),
                &["jwt-auth", "rate-limit", "revenue-strip", "webhook-verify"],
            ),
        ] {
            has_all(text, packages);
        }
    }

    fn has_all(text: &str, packages: &[&str]) {
        let here = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses {
            gateway: here(3001),
            admin: here(0),
            portals: Portals { onboarding: here(8080), maintenance: here(3003), issuer: here(3002) },
        };
        let module = |&package| (package, PathBuf::from(format!("/x/{package}.wasm")));
        let modules: Vec<(&str, PathBuf)> = packages.iter().map(module).collect();
        let changed = with_addresses(&with_modules(text, &modules).unwrap(), &addresses).unwrap();
        let ports: Vec<u16> = changed
            .lines()
            .filter_map(|line| line.split_once("port_value: "))
            .filter_map(|(_, port)| port.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(ports, [0, 3001, 8080, 3003, 3002]);
        for (package, module) in &modules {
            // Before jwt-auth and behind it.
            let times = if *package == "rate-limit" { 2 } else { 1 };
            assert_eq!(changed.matches(&format!("filename: {} }}", module.display())).count(), times);
            assert!(!changed.contains(&written_module(package)));
        }
    }

    #[test]
    fn a_copy_may_have_some_of_the_filters_and_not_none() {
        let modules =
            ["jwt-auth", "revenue-strip"].map(|package| (package, PathBuf::from(format!("/x/{package}.wasm"))));
        let one = with_modules("x target/wasm32-wasip1/release/jwt_auth.wasm", &modules);
        assert_eq!(one.as_deref(), Ok("x /x/jwt-auth.wasm"));
        assert!(with_modules("x", &modules).unwrap_err().contains("target/wasm32-wasip1/release/jwt_auth.wasm"));
    }
}

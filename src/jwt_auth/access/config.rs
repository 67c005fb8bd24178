//! The configuration: wire form in, checked form out.

mod role;
mod rule;
mod system;

use serde::Deserialize;

use crate::config::{ConfigError, Named};
use crate::path::{PathIndex, PathPattern, Strictness};

use super::role::Role;
use super::rule::Rule;
use super::{Access, At, Index, lint};

use self::role::RoleWire;
use self::rule::RuleWire;
use self::system::no_two_systems_of_a_path;

pub(crate) use self::system::{ClaimsWire, SystemWire};

/// Most systems.
pub const MAX_SYSTEMS: usize = 32;
/// Most spellings of roles of one system.
pub const MAX_MAPPED_ROLES: usize = 256;
/// Most roles.
pub const MAX_ROLES: usize = 128;
/// Most permissions that a role is granted.
pub const MAX_GRANTED: usize = 128;
/// Most rules.
pub const MAX_RULES: usize = 512;
/// Most paths of all rules together, and of all systems together.
pub const MAX_PATHS: usize = 1024;
/// Most segments of a path of a rule or a system.
pub const MAX_SEGMENTS: usize = 32;
/// Most roles and most permissions that a rule asks for.
pub const MAX_REQUIRED: usize = 64;
/// Most values of `amr` and of `acr`.
pub const MAX_STEP_UP_VALUES: usize = 16;
/// Longest `max_age_s` of a step-up, in seconds: a day.
pub const MAX_STEP_UP_AGE_S: u32 = 86_400;
/// Longest `detail`, in bytes.
pub const MAX_DETAIL_BYTES: usize = 1024;
/// Longest name of a system, role, permission, rule or webhook endpoint, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Roles and rules.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessWire {
    roles: Option<Named<RoleWire>>,
    rules: Vec<RuleWire>,
}

/// Only what the matrix is made of: the rest of a configuration is for others.
#[derive(Deserialize)]
struct PartWire {
    systems: Option<Named<SystemWire>>,
    claims: Option<ClaimsWire>,
    access: AccessWire,
}

impl Access {
    /// Reads the matrix out of a configuration of jwt-auth. Nothing else of it is looked at: no key and no secret is needed.
    ///
    /// # Errors
    /// The first fault of `systems`, `claims` or `access`, with its place.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        let wire: PartWire = crate::config::read(text)?;
        Self::check(wire.systems, wire.claims, wire.access)
    }

    /// Checks the parts of a configuration that stand at `systems`, `claims` and `access`.
    ///
    /// # Errors
    /// The first fault, with its place and the way out.
    pub(crate) fn check(
        systems: Option<Named<SystemWire>>,
        claims: Option<ClaimsWire>,
        access: AccessWire,
    ) -> Result<Self, ConfigError> {
        let claims = claims.unwrap_or_default();
        let system_wires = systems.map(|Named(systems)| systems);
        if system_wires.as_ref().is_some_and(Vec::is_empty) {
            return Err(ConfigError::new("systems", "is empty; name a system, or leave it out"));
        }
        let shape = claims.shape(system_wires.is_some())?;
        let system_wires = system_wires.unwrap_or_default();
        at_most("systems", system_wires.len(), MAX_SYSTEMS, "systems")?;
        let names: Vec<String> = system_wires.iter().map(|(name, _)| name.clone()).collect();

        let role_wires = access.roles.map_or(Vec::new(), |Named(roles)| roles);
        at_most("access.roles", role_wires.len(), MAX_ROLES, "roles")?;
        let mut roles = Vec::with_capacity(role_wires.len());
        for (name, wire) in role_wires {
            let path = format!("access.roles.{name}");
            check_name(&path, &name)?;
            roles.push(wire.check(&path, name, &names)?);
        }

        let mut checked_systems = Vec::with_capacity(system_wires.len());
        for (name, wire) in system_wires {
            let path = format!("systems.{name}");
            check_name(&path, &name)?;
            checked_systems.push(wire.check(&path, name, &shape, &roles)?);
        }
        no_two_systems_of_a_path(&checked_systems)?;

        if access.rules.is_empty() {
            return Err(ConfigError::new("access.rules", "is empty: everything would be closed; add a rule"));
        }
        at_most("access.rules", access.rules.len(), MAX_RULES, "rules")?;
        let mut rules: Vec<Rule> = Vec::with_capacity(access.rules.len());
        for (n, wire) in access.rules.into_iter().enumerate() {
            let path = format!("access.rules[{n}]");
            let rule = wire.check(&path, n, &roles, &checked_systems, &shape)?;
            if let Some(first) = rules.iter().position(|other| other.name == rule.name) {
                return Err(ConfigError::new(
                    format!("{path}.name"),
                    format_args!("`{}` is already the name of access.rules[{first}]", rule.name),
                ));
            }
            rules.push(rule);
        }
        let all_paths = rules.iter().map(|rule| rule.matches.paths().len()).sum();
        at_most("access.rules", all_paths, MAX_PATHS, "paths of all rules together")?;
        lint::unreachable(&rules)?;

        let of_systems = checked_systems.iter().map(|system| system.paths.as_slice());
        let of_rules = rules.iter().map(|rule| rule.matches.paths());
        let system_paths = Index::new(of_systems, Strictness::Exact);
        let rule_paths = Index::new(of_rules.clone(), Strictness::Exact);
        let near_paths = Index::new(of_rules, Strictness::Lenient);
        Ok(Self { systems: checked_systems, system_paths, shape, roles, rules, rule_paths, near_paths })
    }
}

impl Index {
    /// Of the paths of each owner.
    fn new<'a>(owners: impl Iterator<Item = &'a [PathPattern]> + Clone, strictness: Strictness) -> Self {
        let places =
            owners.clone().enumerate().flat_map(|(rule, paths)| (0..paths.len()).map(move |path| At { rule, path }));
        Self { owners: places.collect(), patterns: PathIndex::new(owners.flatten(), strictness) }
    }
}

fn known_role(path: &str, name: &str, roles: &[Role]) -> Result<(), ConfigError> {
    if roles.iter().any(|role| role.name == name) {
        return Ok(());
    }
    let known: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
    Err(ConfigError::new(
        path,
        format_args!("`{name}` must be a role of access.roles ({known}); letters count as written"),
    ))
}

fn check_name(path: &str, name: &str) -> Result<(), ConfigError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
        return Err(ConfigError::new(
            path,
            format_args!("must be 1..={MAX_NAME_BYTES} bytes without control characters"),
        ));
    }
    Ok(())
}

fn at_most(path: &str, length: usize, most: usize, what: &str) -> Result<(), ConfigError> {
    if length > most {
        return Err(ConfigError::new(path, format_args!("has {length} {what}, at most {most} are allowed")));
    }
    Ok(())
}

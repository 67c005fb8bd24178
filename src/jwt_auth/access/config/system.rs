//! Systems, and where claims stand.

use serde::Deserialize;

use crate::claims::ClaimPath;
use crate::config::{ConfigError, Named};
use crate::matching::MAX_MATCH_ENTRIES;
use crate::path::PathPattern;

use super::super::claims::Separator;
use super::super::role::Role;
use super::super::system::{Shape, System};
use super::{MAX_MAPPED_ROLES, MAX_PATHS, MAX_SEGMENTS, at_most, known_role};

/// The step of a claim's path that stands for the system's name.
pub(super) const SYSTEM_STEP: &str = "{system}";

/// A system.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemWire {
    paths: Vec<String>,
    roles: Option<Named<String>>,
    claims: Option<SystemClaimsWire>,
}

/// Where claims stand in one system.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct SystemClaimsWire {
    roles: Option<String>,
    permissions: Option<String>,
    tenant: Option<String>,
}

/// Where claims stand.
#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimsWire {
    subject: Option<String>,
    tenant: Option<String>,
    roles: Option<String>,
    permissions: Option<String>,
    role_separator: Option<Separator>,
    permission_separator: Option<Separator>,
}

impl ClaimsWire {
    /// Where claims stand, `{system}` not yet replaced.
    pub(super) fn shape(self, systems: bool) -> Result<Shape, ConfigError> {
        let one = |field: &str, text: &str| claim(&format!("claims.{field}"), text, systems);
        let several = |field: &str, text: Option<String>, defaults: &[&str]| match text {
            Some(text) => one(field, &text).map(|claim| vec![claim]),
            None => defaults.iter().map(|text| one(field, text)).collect(),
        };
        let (roles, permissions, tenant): (&[&str], &[&str], _) = match systems {
            true => (&["systems.{system}.role"], &["systems.{system}.permissions"], "systems.{system}.companyId"),
            false => (&["roles", "role"], &["permissions", "scope"], "tenantId"),
        };
        let subject = self.subject.as_deref().unwrap_or("sub");
        Ok(Shape {
            subject: claim("claims.subject", subject, false)?,
            tenant: one("tenant", self.tenant.as_deref().unwrap_or(tenant))?,
            roles: several("roles", self.roles, roles)?,
            permissions: several("permissions", self.permissions, permissions)?,
            role_separator: self.role_separator.unwrap_or(Separator::None),
            permission_separator: self.permission_separator.unwrap_or(Separator::Space),
        })
    }
}

impl SystemWire {
    pub(super) fn check(self, path: &str, name: String, shape: &Shape, roles: &[Role]) -> Result<System, ConfigError> {
        let place = format!("{path}.paths");
        if self.paths.is_empty() {
            return Err(ConfigError::new(place, "is empty; name the paths of the system, such as /api/parts/**"));
        }
        at_most(&place, self.paths.len(), MAX_MATCH_ENTRIES, "paths")?;
        let mut paths = Vec::with_capacity(self.paths.len());
        for (n, text) in self.paths.iter().enumerate() {
            let place = format!("{place}[{n}]");
            let pattern = PathPattern::parse(text).map_err(|error| error.at(&place))?;
            at_most(&place, pattern.segments(), MAX_SEGMENTS, "segments")?;
            paths.push(pattern);
        }
        let spellings = self.roles.map_or(Vec::new(), |Named(roles)| roles);
        at_most(&format!("{path}.roles"), spellings.len(), MAX_MAPPED_ROLES, "spellings")?;
        for (from, to) in &spellings {
            if from.is_empty() {
                return Err(ConfigError::new(format!("{path}.roles"), "has an empty spelling; take it out"));
            }
            known_role(&format!("{path}.roles.{from}"), to, roles)?;
        }
        let mut shape = shape.clone();
        if let Some(claims) = self.claims {
            let given = |field: &str, text: Option<String>| {
                text.map(|text| claim(&format!("{path}.claims.{field}"), &text, true)).transpose()
            };
            shape.tenant = given("tenant", claims.tenant)?.unwrap_or(shape.tenant);
            shape.roles = given("roles", claims.roles)?.map_or(shape.roles, |claim| vec![claim]);
            shape.permissions =
                given("permissions", claims.permissions)?.map_or(shape.permissions, |claim| vec![claim]);
        }
        let of_system = |claim: ClaimPath| claim.with_step(SYSTEM_STEP, &name);
        let shape = Shape {
            tenant: of_system(shape.tenant),
            roles: shape.roles.into_iter().map(of_system).collect(),
            permissions: shape.permissions.into_iter().map(of_system).collect(),
            ..shape
        };
        Ok(System { name, paths, spellings, shape })
    }
}

/// The path of a claim; `{system}` in it needs systems.
pub(super) fn claim(path: &str, text: &str, systems: bool) -> Result<ClaimPath, ConfigError> {
    let claim = ClaimPath::parse(text).map_err(|error| error.at(path))?;
    if !systems && claim.steps().iter().any(|step| step == SYSTEM_STEP) {
        return Err(ConfigError::new(path, "must not have {system}: there is no system here"));
    }
    Ok(claim)
}

/// The role of a path could be that of either.
pub(super) fn no_two_systems_of_a_path(systems: &[System]) -> Result<(), ConfigError> {
    let all = systems.iter().map(|system| system.paths.len()).sum();
    at_most("systems", all, MAX_PATHS, "paths of all systems together")?;
    for (n, system) in systems.iter().enumerate() {
        for other in systems.iter().take(n) {
            for (n, path) in system.paths.iter().enumerate() {
                if let Some(first) = other.paths.iter().find(|first| first.overlaps(path)) {
                    return Err(ConfigError::new(
                        format!("systems.{}.paths[{n}]", system.name),
                        format_args!(
                            "`{}` and `{}` of systems.{} have paths in common, and whose role counts there is open; \
                             leave them to one system",
                            path.as_str(),
                            first.as_str(),
                            other.name
                        ),
                    ));
                }
            }
        }
    }
    Ok(())
}

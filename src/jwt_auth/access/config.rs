//! The configuration: wire form in, checked form out.

use serde::Deserialize;

use crate::claims::ClaimPath;
use crate::config::{ConfigError, Named};
use crate::identity::{RightsWire, is_header_name};
use crate::matching::{MAX_MATCH_ENTRIES, Match, MatchWire};
use crate::path::{PathIndex, PathPattern};

use super::claims::Separator;
use super::role::{Role, Systems};
use super::rule::{Asks, Kind, Mode, Place, Requirement, Rule, StepUp, Tenant};
use super::system::{Shape, System};
use super::{Access, At, Index, REVENUE, lint};

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
/// Longest name of a system, role, permission, rule or webhook endpoint, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// The step of a claim's path that stands for the system's name.
const SYSTEM_STEP: &str = "{system}";

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

/// Roles and rules.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessWire {
    roles: Option<Named<RoleWire>>,
    rules: Vec<RuleWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RoleWire {
    systems: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    revenue: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RuleWire {
    name: Option<String>,
    #[serde(rename = "match")]
    matches: MatchWire,
    require: Option<RequireWire>,
    public: Option<bool>,
    webhook: Option<String>,
    mode: Option<Mode>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RequireWire {
    roles: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    tenant: Option<TenantWire>,
    step_up: Option<StepUpWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct TenantWire {
    segment: Option<usize>,
    header: Option<String>,
    #[serde(rename = "type")]
    kind: Kind,
    claim: Option<String>,
    unless: Option<RightsWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct StepUpWire {
    amr: Option<Vec<String>>,
    acr: Option<Vec<String>>,
    max_age_s: Option<u32>,
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

        let system_paths = Index::new(checked_systems.iter().map(|system| system.paths.as_slice()));
        let rule_paths = Index::new(rules.iter().map(|rule| rule.matches.paths()));
        Ok(Self { systems: checked_systems, system_paths, shape, roles, rules, rule_paths })
    }
}

impl Index {
    /// Of the paths of each owner.
    fn new<'a>(owners: impl Iterator<Item = &'a [PathPattern]> + Clone) -> Self {
        let places =
            owners.clone().enumerate().flat_map(|(rule, paths)| (0..paths.len()).map(move |path| At { rule, path }));
        Self { owners: places.collect(), patterns: PathIndex::new(owners.flatten()) }
    }
}

impl ClaimsWire {
    /// Where claims stand, `{system}` not yet replaced.
    fn shape(self, systems: bool) -> Result<Shape, ConfigError> {
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
    fn check(self, path: &str, name: String, shape: &Shape, roles: &[Role]) -> Result<System, ConfigError> {
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

impl RoleWire {
    fn check(self, path: &str, name: String, systems: &[String]) -> Result<Role, ConfigError> {
        let systems = counting(&format!("{path}.systems"), self.systems.as_deref().unwrap_or_default(), systems)?;
        let permissions = self.permissions.unwrap_or_default();
        at_most(&format!("{path}.permissions"), permissions.len(), MAX_GRANTED, "permissions")?;
        for (n, permission) in permissions.iter().enumerate() {
            let place = format!("{path}.permissions[{n}]");
            check_name(&place, permission)?;
            if permission == REVENUE {
                return Err(ConfigError::new(place, "is granted by `revenue` alone; write \"revenue\": true"));
            }
            let wild = permission.strip_suffix('*');
            let area = wild.unwrap_or(permission);
            if area.contains('*') || wild.is_some() && !area.is_empty() && !area.ends_with([':', '.']) {
                return Err(ConfigError::new(
                    place,
                    format_args!(
                        "`{permission}` could never be asked for; `*` stands alone or at the end after `:` or `.`"
                    ),
                ));
            }
        }
        let mut role = Role { name, systems, permissions };
        match self.revenue {
            Some(true) => role.permissions.push(REVENUE.to_owned()),
            Some(false) if role.grants(REVENUE) => {
                return Err(ConfigError::new(
                    format!("{path}.revenue"),
                    "is false, and a `*` in permissions includes it; name what the role may do instead",
                ));
            }
            Some(false) | None => {}
        }
        Ok(role)
    }
}

impl RuleWire {
    fn check(
        self,
        path: &str,
        n: usize,
        roles: &[Role],
        systems: &[System],
        shape: &Shape,
    ) -> Result<Rule, ConfigError> {
        let name = self.name.unwrap_or_else(|| format!("rule-{n}"));
        check_name(&format!("{path}.name"), &name)?;
        let matches = self.matches.check(&format!("{path}.match"))?;
        for (n, pattern) in matches.paths().iter().enumerate() {
            at_most(&format!("{path}.match.paths[{n}]"), pattern.segments(), MAX_SEGMENTS, "segments")?;
        }
        let mode = self.mode.unwrap_or(Mode::Enforce);
        let asks = match (self.require, self.public, self.webhook) {
            (Some(wire), None, None) => {
                Asks::Token(wire.check(&format!("{path}.require"), &matches, roles, systems, shape)?)
            }
            (None, Some(true), None) if mode == Mode::Shadow => {
                return Err(ConfigError::new(
                    format!("{path}.mode"),
                    "of a public rule must be left out: it asks for nothing",
                ));
            }
            (None, Some(true), None) => Asks::Public,
            (None, Some(false), None) => {
                return Err(ConfigError::new(
                    format!("{path}.public"),
                    "must be true, or left out with `require` in its place",
                ));
            }
            (None, None, Some(endpoint)) => {
                check_name(&format!("{path}.webhook"), &endpoint)?;
                Asks::Webhook(endpoint)
            }
            (_, _, _) => {
                return Err(ConfigError::new(path, "must have one of require, public and webhook"));
            }
        };
        Ok(Rule { name, matches, asks, mode })
    }
}

impl RequireWire {
    fn check(
        self,
        path: &str,
        matches: &Match,
        roles: &[Role],
        systems: &[System],
        shape: &Shape,
    ) -> Result<Requirement, ConfigError> {
        for (field, list) in [("roles", &self.roles), ("permissions", &self.permissions)] {
            let place = format!("{path}.{field}");
            if list.as_ref().is_some_and(Vec::is_empty) {
                return Err(ConfigError::new(place, "is empty; name what is needed, or leave it out"));
            }
            at_most(&place, list.as_ref().map_or(0, Vec::len), MAX_REQUIRED, field)?;
        }
        let (wanted, permissions) = (self.roles.unwrap_or_default(), self.permissions.unwrap_or_default());
        for (n, role) in wanted.iter().enumerate() {
            known_role(&format!("{path}.roles[{n}]"), role, roles)?;
        }
        for (n, permission) in permissions.iter().enumerate() {
            let place = format!("{path}.permissions[{n}]");
            check_name(&place, permission)?;
            if permission.contains('*') {
                return Err(ConfigError::new(
                    place,
                    format_args!("`{permission}` must name one permission; `*` stands only in what a role is granted"),
                ));
            }
        }
        let tenant =
            self.tenant.map(|wire| wire.check(&format!("{path}.tenant"), matches, systems, shape)).transpose()?;
        let step_up = self.step_up.map(|wire| wire.check(&format!("{path}.step_up"))).transpose()?;
        Ok(Requirement { roles: wanted, permissions, tenant, step_up })
    }
}

impl TenantWire {
    fn check(self, path: &str, matches: &Match, systems: &[System], shape: &Shape) -> Result<Tenant, ConfigError> {
        let place = match (self.segment, self.header) {
            (Some(n), None) => {
                if let Some(pattern) = matches.paths().iter().find(|pattern| !pattern.is_open_at(n)) {
                    return Err(ConfigError::new(
                        format!("{path}.segment"),
                        format_args!(
                            "{n} must be a `*` in every path, with no `**` before it; {} has none there",
                            pattern.as_str()
                        ),
                    ));
                }
                Place::Segment(n)
            }
            (None, Some(name)) => {
                if !is_header_name(&name) {
                    return Err(ConfigError::new(
                        format!("{path}.header"),
                        format_args!("`{name}` is no header name (RFC 9110, section 5.1); write one such as x-company"),
                    ));
                }
                Place::Header(name.to_ascii_lowercase())
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(ConfigError::new(path, "must have one of segment and header"));
            }
        };
        let given = self.claim.map(|text| claim(&format!("{path}.claim"), &text, !systems.is_empty())).transpose()?;
        let in_systems = systems.iter().map(|system| match &given {
            Some(claim) => claim.clone().with_step(SYSTEM_STEP, &system.name),
            None => system.shape.tenant.clone(),
        });
        // Beside the systems no claim is theirs: `{system}` leads nowhere there.
        let elsewhere = given.clone().unwrap_or_else(|| shape.tenant.clone());
        let claims = in_systems.chain([elsewhere]).collect();
        let unless = self.unless.map(|unless| unless.check(&format!("{path}.unless"))).transpose()?;
        Ok(Tenant { place, kind: self.kind, claims, unless })
    }
}

impl StepUpWire {
    fn check(self, path: &str) -> Result<StepUp, ConfigError> {
        for (field, list) in [("amr", &self.amr), ("acr", &self.acr)] {
            let Some(list) = list else { continue };
            let place = format!("{path}.{field}");
            if list.is_empty() {
                return Err(ConfigError::new(place, "is empty; name what is needed, or leave it out"));
            }
            at_most(&place, list.len(), MAX_STEP_UP_VALUES, "values")?;
            for (n, value) in list.iter().enumerate() {
                check_name(&format!("{place}[{n}]"), value)?;
                // They stand in a quoted list of the challenge.
                if value.contains(['"', '\\', ' ']) || !value.is_ascii() {
                    let message = "must be ASCII without blanks, quotes and backslashes";
                    return Err(ConfigError::new(format!("{place}[{n}]"), message));
                }
            }
        }
        if let Some(age) = self.max_age_s
            && !(1..=MAX_STEP_UP_AGE_S).contains(&age)
        {
            return Err(ConfigError::new(
                format!("{path}.max_age_s"),
                format_args!("is {age} and must be 1..={MAX_STEP_UP_AGE_S}"),
            ));
        }
        if self.amr.is_none() && self.acr.is_none() && self.max_age_s.is_none() {
            return Err(ConfigError::new(path, "must have one of amr, acr and max_age_s"));
        }
        Ok(StepUp {
            amr: self.amr.unwrap_or_default(),
            acr: self.acr.unwrap_or_default(),
            max_age_s: self.max_age_s.map(u64::from),
        })
    }
}

/// Where a role counts.
fn counting(path: &str, given: &[String], known: &[String]) -> Result<Systems, ConfigError> {
    if given == ["*"] || known.is_empty() && given.is_empty() {
        return Ok(Systems::All);
    }
    if given.is_empty() {
        return Err(ConfigError::new(
            path,
            "names no system: the role would count nowhere; name one, or [\"*\"] for all",
        ));
    }
    at_most(path, given.len(), MAX_SYSTEMS, "systems")?;
    let mut places = Vec::with_capacity(given.len());
    for (n, name) in given.iter().enumerate() {
        let Some(place) = known.iter().position(|known| known == name) else {
            let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
            return Err(ConfigError::new(
                format!("{path}[{n}]"),
                format_args!("`{name}` must be a system of `systems` ({known}), or the list [\"*\"]"),
            ));
        };
        places.push(place);
    }
    Ok(Systems::These(places))
}

/// The path of a claim; `{system}` in it needs systems.
fn claim(path: &str, text: &str, systems: bool) -> Result<ClaimPath, ConfigError> {
    let claim = ClaimPath::parse(text).map_err(|error| error.at(path))?;
    if !systems && claim.steps().iter().any(|step| step == SYSTEM_STEP) {
        return Err(ConfigError::new(path, "must not have {system}: there is no system here"));
    }
    Ok(claim)
}

/// The role of a path could be that of either.
fn no_two_systems_of_a_path(systems: &[System]) -> Result<(), ConfigError> {
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

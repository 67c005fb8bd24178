//! Rules.

use serde::Deserialize;

use crate::config::ConfigError;
use crate::identity::{RightsWire, is_header_name};
use crate::matching::{Match, MatchWire};

use super::super::role::Role;
use super::super::rule::{Asks, Kind, Mode, Place, Requirement, Rule, StepUp, Tenant};
use super::super::system::{Shape, System};
use super::system::{SYSTEM_STEP, claim};
use super::{
    MAX_DETAIL_BYTES, MAX_REQUIRED, MAX_SEGMENTS, MAX_STEP_UP_AGE_S, MAX_STEP_UP_VALUES, at_most, check_name,
    known_role,
};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RuleWire {
    name: Option<String>,
    #[serde(rename = "match")]
    matches: MatchWire,
    require: Option<RequireWire>,
    public: Option<bool>,
    webhook: Option<String>,
    detail: Option<String>,
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

impl RuleWire {
    pub(super) fn check(
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
        if let Some(detail) = &self.detail {
            let place = format!("{path}.detail");
            if self.require.is_none() {
                return Err(ConfigError::new(
                    place,
                    "must be left out: only `require` refuses somebody with a good token",
                ));
            }
            if detail.is_empty() || detail.len() > MAX_DETAIL_BYTES {
                return Err(ConfigError::new(place, format_args!("must be 1..={MAX_DETAIL_BYTES} bytes")));
            }
        }
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
        Ok(Rule { name, matches, asks, mode, detail: self.detail })
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

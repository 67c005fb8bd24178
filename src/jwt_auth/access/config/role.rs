//! Roles.

use serde::Deserialize;

use crate::config::ConfigError;

use super::super::REVENUE;
use super::super::role::{Role, Systems};
use super::{MAX_GRANTED, MAX_SYSTEMS, at_most, check_name};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RoleWire {
    systems: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    revenue: Option<bool>,
}

impl RoleWire {
    pub(super) fn check(self, path: &str, name: String, systems: &[String]) -> Result<Role, ConfigError> {
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

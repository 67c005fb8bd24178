//! What the types of `systems`, `claims` and `access` cannot say in the JSON Schema.

use serde_json::Value;

use super::config::{
    MAX_DETAIL_BYTES, MAX_GRANTED, MAX_MAPPED_ROLES, MAX_NAME_BYTES, MAX_REQUIRED, MAX_ROLES, MAX_RULES,
    MAX_STEP_UP_AGE_S, MAX_STEP_UP_VALUES, MAX_SYSTEMS,
};
use crate::claims::MAX_CLAIM_PATH_BYTES;
use crate::matching::MAX_MATCH_ENTRIES;

/// Where, which keyword, and its value.
pub(in crate::jwt_auth) fn additions() -> Vec<(&'static str, &'static str, Value)> {
    let mut additions: Vec<_> =
        DESCRIPTIONS.iter().map(|&(place, text)| (place, "description", Value::from(text))).collect();
    for (place, keyword, number) in [
        ("/properties/systems", "minProperties", 1),
        ("/properties/systems", "maxProperties", MAX_SYSTEMS),
        ("/$defs/SystemWire/properties/paths", "minItems", 1),
        ("/$defs/SystemWire/properties/paths", "maxItems", MAX_MATCH_ENTRIES),
        ("/$defs/SystemWire/properties/roles", "maxProperties", MAX_MAPPED_ROLES),
        ("/$defs/ClaimsWire/properties/subject", "maxLength", MAX_CLAIM_PATH_BYTES),
        ("/$defs/AccessWire/properties/roles", "maxProperties", MAX_ROLES),
        ("/$defs/AccessWire/properties/rules", "minItems", 1),
        ("/$defs/AccessWire/properties/rules", "maxItems", MAX_RULES),
        ("/$defs/RoleWire/properties/permissions", "maxItems", MAX_GRANTED),
        ("/$defs/RuleWire/properties/name", "minLength", 1),
        ("/$defs/RuleWire/properties/name", "maxLength", MAX_NAME_BYTES),
        ("/$defs/RuleWire/properties/webhook", "minLength", 1),
        ("/$defs/RuleWire/properties/detail", "minLength", 1),
        ("/$defs/RuleWire/properties/detail", "maxLength", MAX_DETAIL_BYTES),
        ("/$defs/RequireWire/properties/roles", "minItems", 1),
        ("/$defs/RequireWire/properties/roles", "maxItems", MAX_REQUIRED),
        ("/$defs/RequireWire/properties/permissions", "minItems", 1),
        ("/$defs/RequireWire/properties/permissions", "maxItems", MAX_REQUIRED),
        ("/$defs/StepUpWire", "minProperties", 1),
        ("/$defs/StepUpWire/properties/amr", "minItems", 1),
        ("/$defs/StepUpWire/properties/amr", "maxItems", MAX_STEP_UP_VALUES),
        ("/$defs/StepUpWire/properties/acr", "minItems", 1),
        ("/$defs/StepUpWire/properties/acr", "maxItems", MAX_STEP_UP_VALUES),
        ("/$defs/StepUpWire/properties/max_age_s", "minimum", 1),
        ("/$defs/StepUpWire/properties/max_age_s", "maximum", MAX_STEP_UP_AGE_S as usize),
    ] {
        additions.push((place, keyword, number.into()));
    }
    additions
}

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("/properties/systems", "The portals: which paths are theirs. No path is of two. Absent: all paths are of one."),
    ("/properties/claims", "Where claims stand: dotted paths, or JSON Pointers. {system} is the system's name."),
    ("/properties/access", "Who may do what. What no rule names is closed."),
    ("/$defs/SystemWire/properties/paths", "* is one segment, ** any number; letters and slashes as written."),
    (
        "/$defs/SystemWire/properties/roles",
        "The system's spelling of each role, and the matrix' own. Absent: the same. A role that is not here is none.",
    ),
    ("/$defs/SystemWire/properties/claims", "Where this system's claims stand, if elsewhere."),
    ("/$defs/ClaimsWire/properties/subject", "Default: sub."),
    ("/$defs/ClaimsWire/properties/tenant", "Default: systems.{system}.companyId; without systems: tenantId."),
    ("/$defs/ClaimsWire/properties/roles", "Default: systems.{system}.role; without systems: roles, or role."),
    (
        "/$defs/ClaimsWire/properties/permissions",
        "Default: systems.{system}.permissions; without systems: permissions, or scope.",
    ),
    ("/$defs/ClaimsWire/properties/role_separator", "What divides roles in one text. Default: none."),
    ("/$defs/ClaimsWire/properties/permission_separator", "What divides permissions in one text. Default: space."),
    ("/$defs/AccessWire/properties/roles", "The roles by name. Any other has no rights."),
    ("/$defs/AccessWire/properties/rules", "The first that fits counts; paths and methods as written."),
    (
        "/$defs/RoleWire/properties/systems",
        "Where the role counts; [\"*\"]: everywhere. Needed where there are systems.",
    ),
    ("/$defs/RoleWire/properties/permissions", "What it grants; * stands alone or at the end, after : or `.`."),
    ("/$defs/RoleWire/properties/revenue", "Whether it may see revenue: grants lockgate.revenue."),
    ("/$defs/RuleWire/properties/name", "In audit lines and counters. Default: rule- and its place."),
    ("/$defs/RuleWire/properties/match", "The requests that it is about."),
    ("/$defs/RuleWire/properties/require", "What a token must have; {}: any good one."),
    ("/$defs/RuleWire/properties/public", "true: nothing is asked for, and everybody is nobody."),
    ("/$defs/RuleWire/properties/webhook", "Only a webhook that webhook-verify took, of this endpoint of it."),
    ("/$defs/RuleWire/properties/detail", "What a client reads with a good token that does not suffice."),
    (
        "/$defs/RuleWire/properties/mode",
        "shadow decides, counts and records, and everybody passes as nobody. Default: enforce.",
    ),
    ("/$defs/RequireWire/properties/roles", "Any of these."),
    ("/$defs/RequireWire/properties/permissions", "All of these, from roles or from the token itself."),
    ("/$defs/RequireWire/properties/tenant", "The request must be about the token's tenant."),
    ("/$defs/RequireWire/properties/step_up", "A newer or stronger proof of identity: all that is given must hold."),
    ("/$defs/TenantWire/properties/segment", "The segment of the path with the tenant, from 1: a * in each path."),
    ("/$defs/TenantWire/properties/header", "The header with the tenant."),
    ("/$defs/TenantWire/properties/type", "What the claim is: 42 is an integer, \"42\" is text."),
    ("/$defs/TenantWire/properties/claim", "The claim. Default: that of claims.tenant."),
    ("/$defs/TenantWire/properties/unless", "Who may ask about every tenant: any of these."),
    ("/$defs/StepUpWire/properties/amr", "Any of these ways stands in amr."),
    ("/$defs/StepUpWire/properties/acr", "acr is one of these."),
    ("/$defs/StepUpWire/properties/max_age_s", "auth_time is at most so many seconds ago; 1 to 86400."),
];

#[cfg(test)]
mod tests {
    use super::additions;

    #[test]
    fn every_addition_has_its_place() {
        let mut schema = crate::jwt_auth::schema();
        for (place, keyword, value) in additions() {
            let there = schema.pointer_mut(place).unwrap_or_else(|| panic!("nothing is at {place}"));
            assert_eq!(there.get(keyword), Some(&value), "{place}");
        }
    }
}

//! The access matrix: systems, roles and what they grant, and the rules of the endpoints.
//!
//! [`Access`] answers three questions of a request, in this order: what does its endpoint ask for ([`Access::entry`]), who
//! is the caller there ([`Access::identity`]), and may he ([`Access::decide`]). What no rule grants is closed; a role that
//! is not declared, or does not count in the system of the path, is no role.

mod claims;
mod config;
mod error;
mod lint;
mod role;
mod rule;
#[cfg(feature = "schema")]
mod schema;
mod system;

#[cfg(test)]
mod tests;

use crate::claims::Value;
use crate::head::Head;
use crate::identity::Identity;
use crate::path::{PathIndex, PathPattern};

use self::role::Role;
use self::system::{Shape, System};

pub use self::claims::Separator;
pub(crate) use self::config::{AccessWire, ClaimsWire, SystemWire};
pub use self::config::{
    MAX_DETAIL_BYTES, MAX_GRANTED, MAX_MAPPED_ROLES, MAX_NAME_BYTES, MAX_PATHS, MAX_REQUIRED, MAX_ROLES, MAX_RULES,
    MAX_SEGMENTS, MAX_STEP_UP_AGE_S, MAX_STEP_UP_VALUES, MAX_SYSTEMS,
};
pub use self::error::Denied;
pub use self::lint::{Finding, Severity};
pub use self::rule::{AUTH_TIME_SKEW_S, Asks, Kind, Mode, Place, Requirement, Rule, StepUp, Tenant};
#[cfg(feature = "schema")]
pub(in crate::jwt_auth) use self::schema::additions;

/// The permission of a role with `revenue: true`. Nothing else grants it by name: not a token, not a list of
/// permissions; a `*` of a role includes it.
pub const REVENUE: &str = "lockgate.revenue";

/// A checked access matrix.
#[derive(Debug)]
pub struct Access {
    systems: Vec<System>,
    /// The systems' paths, each with the place of its system.
    system_paths: Index,
    /// Where claims stand for paths of no system.
    shape: Shape,
    roles: Vec<Role>,
    rules: Vec<Rule>,
    /// The rules' paths, each with the place of its rule.
    rule_paths: Index,
    /// The same, when letters of either case and a trailing slash are overlooked.
    near_paths: Index,
}

/// Patterns and what each belongs to.
#[derive(Debug)]
struct Index {
    patterns: PathIndex,
    owners: Vec<At>,
}

/// A rule, and the pattern of it that fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At {
    rule: usize,
    path: usize,
}

impl At {
    /// The rule's place in `access.rules`.
    #[must_use]
    pub fn rule(self) -> usize {
        self.rule
    }
}

/// A system, by its place in `systems`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemId(usize);

/// What an endpoint asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Nothing.
    Public(At),
    /// A webhook that webhook-verify has found good, from this endpoint of its configuration.
    Webhook(At, &'a str),
    /// A token, and what [`Access::decide`] finds in it.
    Token(At),
    /// No rule is about it: nobody comes in.
    Closed,
}

impl Access {
    /// What the endpoint of a request asks for. The path is normal and has no query. Allocates nothing.
    ///
    /// Closed is also what an earlier rule is about when letters of either case, a trailing slash and HEAD for GET are
    /// overlooked, as there are portals that do so: a later rule does not grant what that one may protect.
    #[must_use]
    pub fn entry(&self, method: &[u8], path: &[u8]) -> Entry<'_> {
        let wanted = |owner: At| self.rules.get(owner.rule).is_some_and(|rule| rule.matches.grants_method(method));
        let Some(at) = self.rule_paths.first(path, wanted) else { return Entry::Closed };
        // None of them fits exactly.
        let before = |owner: At| {
            let rule = self.rules.get(owner.rule).filter(|_| owner.rule < at.rule);
            rule.is_some_and(|rule| rule.matches.takes_away_method(method))
        };
        if self.near_paths.first(path, before).is_some() {
            return Entry::Closed;
        }
        match self.rules.get(at.rule).map(|rule| &rule.asks) {
            None => Entry::Closed,
            Some(Asks::Public) => Entry::Public(at),
            Some(Asks::Webhook(endpoint)) => Entry::Webhook(at, endpoint),
            Some(Asks::Token(_)) => Entry::Token(at),
        }
    }

    /// The system that a path belongs to. Allocates nothing.
    #[must_use]
    pub fn system(&self, path: &[u8]) -> Option<SystemId> {
        self.system_paths.first(path, |_| true).map(|owner| SystemId(owner.rule))
    }

    /// Who the holder of a token is where this path leads. Roles and permissions that do not count there are left out.
    #[must_use]
    pub fn identity(&self, path: &[u8], payload: &Value) -> Identity {
        self.identity_in(self.system(path), payload)
    }

    /// Who the holder of a token is in a system; `None`: on paths of no system. The same for every path of the system, so it
    /// may be kept with the token.
    #[must_use]
    pub fn identity_in(&self, system: Option<SystemId>, payload: &Value) -> Identity {
        let subject = self.shape.subject.find(payload).and_then(Value::text).map(str::to_owned);
        let Some((system, shape)) = self.counting(system) else {
            return Identity { subject, ..Identity::default() }.granted();
        };
        let tenant = shape.tenant.find(payload).and_then(claims::plain).map(str::to_owned);
        let (Some(given), Some(permissions)) = (shape.roles(payload), shape.permissions(payload)) else {
            return Identity { subject, tenant, system: name_of(system), ..Identity::default() }.granted();
        };
        let mut identity = Identity { subject, tenant, system: name_of(system), ..Identity::default() };
        for given in given {
            let name = system.map_or(Some(given), |system| system.unified(given));
            if let Some(role) = self.roles.iter().find(|role| Some(role.name.as_str()) == name) {
                self.grant(role, system, &mut identity);
            }
        }
        // What a token says counts literally, and cannot speak of what only a role is granted.
        for permission in permissions.iter().filter(|permission| !permission.contains('*') && **permission != REVENUE) {
            add(&mut identity.permissions, permission);
        }
        identity.granted()
    }

    /// Whether the caller may. `at` and `identity` are those of the same request and token.
    ///
    /// # Errors
    /// Why not; the first reason in the order of [`Denied`].
    pub fn decide(
        &self,
        at: At,
        identity: &Identity,
        payload: &Value,
        head: &Head,
        path: &[u8],
        now_s: u64,
    ) -> Result<(), Denied> {
        let Some(Asks::Token(requirement)) = self.rules.get(at.rule).map(|rule| &rule.asks) else {
            return Err(Denied::NoRule);
        };
        requirement.rights(identity)?;
        if let Some(tenant) = &requirement.tenant
            && !tenant.exempts(identity)
        {
            let system = self.system(path).map_or(self.systems.len(), |SystemId(place)| place);
            tenant.check(system, payload, head, path)?;
        }
        requirement.step_up.as_ref().map_or(Ok(()), |step_up| step_up.check(payload, now_s))
    }

    /// The rules in their order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of an entry.
    #[must_use]
    pub fn rule(&self, at: At) -> Option<&Rule> {
        self.rules.get(at.rule)
    }

    /// The pattern that fitted, for audit lines.
    #[must_use]
    pub fn pattern(&self, at: At) -> &str {
        let pattern = self.rules.get(at.rule).and_then(|rule| rule.matches.paths().get(at.path));
        pattern.map_or("", |pattern| pattern.as_str())
    }

    /// The systems in their order: names and paths.
    pub fn systems(&self) -> impl Iterator<Item = (&str, &[PathPattern])> {
        self.systems.iter().map(|system| (system.name.as_str(), system.paths.as_slice()))
    }

    /// The systems in their order.
    pub fn system_ids(&self) -> impl Iterator<Item = SystemId> {
        (0..self.systems.len()).map(SystemId)
    }

    /// A system's name.
    #[must_use]
    pub fn system_name(&self, SystemId(place): SystemId) -> &str {
        self.systems.get(place).map_or("", |system| system.name.as_str())
    }

    /// The names of the roles in their order.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| role.name.as_str())
    }

    /// The holder of one role and of nothing else in a system; `None` when there is no such role.
    #[must_use]
    pub fn holder(&self, role: &str, system: Option<SystemId>) -> Option<Identity> {
        let role = self.roles.iter().find(|given| given.name == role)?;
        let mut identity = Identity::default();
        if let Some((system, _)) = self.counting(system) {
            identity.system = name_of(system);
            self.grant(role, system, &mut identity);
        }
        Some(identity.granted())
    }

    /// The system whose roles count, and where its claims stand. Without `systems` all paths are of one without a name;
    /// with them, nobody has a right on paths of none.
    fn counting(&self, system: Option<SystemId>) -> Option<(Option<&System>, &Shape)> {
        match system {
            Some(SystemId(place)) => self.systems.get(place).map(|system| (Some(system), &system.shape)),
            None if self.systems.is_empty() => Some((None, &self.shape)),
            None => None,
        }
    }

    /// Adds a role and what it grants, where it counts.
    fn grant(&self, role: &Role, system: Option<&System>, identity: &mut Identity) {
        if !role.counts_in(system.and_then(|system| self.place_of(&system.name))) {
            return;
        }
        add(&mut identity.roles, &role.name);
        for permission in &role.permissions {
            add(&mut identity.permissions, permission);
        }
    }

    fn place_of(&self, system: &str) -> Option<usize> {
        self.systems.iter().position(|given| given.name == system)
    }
}

impl Index {
    /// The first pattern that fits and whose owner is wanted.
    fn first(&self, path: &[u8], wanted: impl Fn(At) -> bool) -> Option<At> {
        let owner = |place: usize| self.owners.get(place).copied();
        self.patterns.first(path, |place| owner(place).is_some_and(&wanted)).and_then(owner)
    }
}

fn name_of(system: Option<&System>) -> Option<String> {
    system.map(|system| system.name.clone())
}

fn add(list: &mut Vec<String>, text: &str) {
    // Beyond this the caller is nobody in any case.
    if list.len() <= crate::identity::MAX_RIGHTS && !list.iter().any(|given| given == text) {
        list.push(text.to_owned());
    }
}

//! What becomes of a request by whoever holds a role: the filter's own verdict.

use lockgate::identity::Identity;
use lockgate::jwt_auth::access::{Access, Asks, At, Denied, Entry, Mode, REVENUE, Requirement};
use serde::Serialize;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller<'a> {
    /// Somebody without a token.
    NoToken,
    /// Somebody whose token has no role that counts.
    NoRole,
    /// The holder of one role.
    Role(&'a str),
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(super) enum Cell {
    /// Everybody comes in, as nobody.
    Public,
    /// Everybody comes in, as nobody, because the rule only watches.
    Shadow,
    /// A good webhook comes in, and nobody else.
    Webhook,
    /// No rule is about it.
    Closed,
    /// Not with this role.
    No {
        /// The reason's code.
        reason: &'static str,
    },
    /// With this role, where the conditions are met.
    Yes {
        #[serde(flatten)]
        conditions: Conditions,
    },
}

/// What must be in the token besides the role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Conditions {
    /// Permissions that the role does not grant; a token may carry them itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) permissions: Vec<String>,
    /// The tenant of the request.
    pub(super) tenant: bool,
    /// A stronger or newer authentication.
    pub(super) step_up: bool,
}

impl Conditions {
    pub(super) fn none(&self) -> bool {
        self.permissions.is_empty() && !self.tenant && !self.step_up
    }

    /// Whether all of these are among the others.
    fn within(&self, other: &Self) -> bool {
        self.permissions.iter().all(|permission| other.permissions.contains(permission))
            && self.tenant <= other.tenant
            && self.step_up <= other.step_up
    }
}

/// Who has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    More,
    Less,
    Other,
}

impl Cell {
    /// What becomes of a request.
    pub(super) fn of(access: &Access, method: &str, path: &str, caller: Caller<'_>) -> Self {
        let (at, requirement) = match asked(access, method, path) {
            Asked::Closed => return Self::Closed,
            Asked::Public => return Self::Public,
            Asked::Webhook => return Self::Webhook,
            Asked::Token(at, requirement) => (at, requirement),
        };
        if access.rule(at).is_some_and(|rule| rule.mode() == Mode::Shadow) {
            return Self::Shadow;
        }
        if caller == Caller::NoToken {
            return Self::No { reason: "missing_token" };
        }
        let identity = identity(access, path, caller);
        match requirement.rights(&identity) {
            Err(Denied::Permission) => {}
            Err(denied) => return Self::No { reason: denied.code() },
            Ok(()) => {}
        }
        let missing: Vec<String> =
            requirement.permissions().iter().filter(|permission| !identity.may(permission)).cloned().collect();
        if missing.iter().any(|permission| permission == REVENUE) || !missing.is_empty() && !counts_here(access, path) {
            return Self::No { reason: Denied::Permission.code() };
        }
        let tenant = requirement.tenant().is_some_and(|tenant| !tenant.exempts(&identity));
        Self::Yes { conditions: Conditions { permissions: missing, tenant, step_up: requirement.step_up().is_some() } }
    }

    /// Whether the caller comes in with what the role grants, as far as the matrix knows.
    pub(super) fn comes_in(&self) -> bool {
        match self {
            Self::Public | Self::Shadow => true,
            Self::Yes { conditions } => conditions.permissions.is_empty(),
            Self::Webhook | Self::Closed | Self::No { .. } => false,
        }
    }

    /// Which way the rights go from this to another.
    pub(super) fn towards(&self, other: &Self) -> Direction {
        let level = |cell: &Self| match cell {
            Self::Closed | Self::No { .. } => 0,
            Self::Webhook => 1,
            Self::Yes { .. } => 2,
            Self::Public | Self::Shadow => 3,
        };
        match (self, other) {
            (Self::Yes { conditions: before }, Self::Yes { conditions: after }) => {
                match (before.within(after), after.within(before)) {
                    (true, false) => Direction::Less,
                    (false, true) => Direction::More,
                    (true, true) | (false, false) => Direction::Other,
                }
            }
            (before, after) => match level(before).cmp(&level(after)) {
                std::cmp::Ordering::Less => Direction::More,
                std::cmp::Ordering::Greater => Direction::Less,
                std::cmp::Ordering::Equal => Direction::Other,
            },
        }
    }

    /// Whether nobody would notice the difference.
    pub(super) fn same(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Closed | Self::No { .. }, Self::Closed | Self::No { .. })) || self == other
    }

    /// In a table.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Public => "public".to_owned(),
            Self::Shadow => "SHADOW".to_owned(),
            Self::Webhook => "webhook".to_owned(),
            Self::Closed => "closed".to_owned(),
            Self::No { .. } => "-".to_owned(),
            Self::Yes { conditions } => {
                let mut text = if conditions.permissions.is_empty() { "yes" } else { "perm" }.to_owned();
                for (mark, is) in [("T", conditions.tenant), ("S", conditions.step_up)] {
                    if is {
                        text.push(' ');
                        text.push_str(mark);
                    }
                }
                text
            }
        }
    }
}

/// What an endpoint asks for.
pub(super) enum Asked<'a> {
    Closed,
    Public,
    Webhook,
    Token(At, &'a Requirement),
}

/// What the endpoint of a request asks for.
pub(super) fn asked<'a>(access: &'a Access, method: &str, path: &str) -> Asked<'a> {
    let at = match access.entry(method.as_bytes(), path.as_bytes()) {
        Entry::Closed => return Asked::Closed,
        Entry::Public(_) => return Asked::Public,
        Entry::Webhook(..) => return Asked::Webhook,
        Entry::Token(at) => at,
    };
    match access.rule(at).map(|rule| rule.asks()) {
        Some(Asks::Token(requirement)) => Asked::Token(at, requirement),
        Some(Asks::Public | Asks::Webhook(_)) | None => Asked::Closed,
    }
}

/// Who the caller is where the path leads.
pub(super) fn identity(access: &Access, path: &str, caller: Caller<'_>) -> Identity {
    let system = access.system(path.as_bytes());
    match caller {
        Caller::Role(role) => access.holder(role, system).unwrap_or_default(),
        Caller::NoToken | Caller::NoRole => Identity::default(),
    }
}

/// Whether permissions of a token count on this path.
fn counts_here(access: &Access, path: &str) -> bool {
    access.systems().next().is_none() || access.system(path.as_bytes()).is_some()
}

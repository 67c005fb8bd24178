//! Why a caller may not.

use std::fmt;

/// Why a caller with a good token may not. Clients read none of it: it goes to audit and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denied {
    /// No rule is about the endpoint.
    NoRule,
    /// None of the roles that the rule names counts in this system.
    Role,
    /// A permission that the rule names is missing.
    Permission,
    /// The path or header is of another tenant than the token, or does not say.
    Tenant,
    /// The caller must authenticate again, or more strongly (RFC 9470).
    StepUp,
}

impl Denied {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::NoRule, Self::Role, Self::Permission, Self::Tenant, Self::StepUp];

    /// The reason's code in audit lines and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Role => "missing_role",
            Self::Permission => "missing_permission",
            Self::Tenant => "other_tenant",
            Self::StepUp => "step_up_needed",
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRule => "no rule is about the endpoint",
            Self::Role => "none of the roles that the rule names counts here",
            Self::Permission => "a permission that the rule names is missing",
            Self::Tenant => "the request is about another tenant",
            Self::StepUp => "a stronger or newer authentication is needed",
        })
    }
}

//! Systems (portals): which paths are theirs, how they spell roles, and where their claims stand.

use crate::claims::{ClaimPath, Value};
use crate::path::PathPattern;

use super::claims::{Separator, names};

/// A system of `systems`.
#[derive(Debug)]
pub(super) struct System {
    pub(super) name: String,
    pub(super) paths: Vec<PathPattern>,
    /// Its spelling of each role and the one spelling of the matrix. Empty: it spells them as the matrix does.
    pub(super) spellings: Vec<(String, String)>,
    pub(super) shape: Shape,
}

/// Where claims stand.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) subject: ClaimPath,
    pub(super) tenant: ClaimPath,
    /// The first that is there counts.
    pub(super) roles: Vec<ClaimPath>,
    /// The first that is there counts.
    pub(super) permissions: Vec<ClaimPath>,
    pub(super) role_separator: Separator,
    pub(super) permission_separator: Separator,
}

impl System {
    /// The matrix' spelling of a role; `None` when it is no role.
    pub(super) fn unified<'a>(&'a self, given: &'a str) -> Option<&'a str> {
        if self.spellings.is_empty() {
            return Some(given);
        }
        self.spellings.iter().find(|(from, _)| from == given).map(|(_, to)| to.as_str())
    }
}

impl Shape {
    /// The roles as the token spells them; `None` when the claim is unreadable.
    pub(super) fn roles<'a>(&self, payload: &'a Value) -> Option<Vec<&'a str>> {
        names(payload, &self.roles, self.role_separator)
    }

    /// The permissions; `None` when the claim is unreadable.
    pub(super) fn permissions<'a>(&self, payload: &'a Value) -> Option<Vec<&'a str>> {
        names(payload, &self.permissions, self.permission_separator)
    }
}

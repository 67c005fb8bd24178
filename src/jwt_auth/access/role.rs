//! Roles, and what they grant.

use crate::identity::Identity;

/// A role of `access.roles`.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) systems: Systems,
    /// What it grants, the right to revenue included. May end in `*`.
    pub(super) permissions: Vec<String>,
}

/// Where a role counts.
#[derive(Debug)]
pub(super) enum Systems {
    /// Everywhere.
    All,
    /// In the systems at these places.
    These(Vec<usize>),
}

impl Role {
    /// Whether it counts in the system at this place; `None`: there are no systems.
    pub(super) fn counts_in(&self, system: Option<usize>) -> bool {
        match (&self.systems, system) {
            (Systems::All, _) => true,
            (Systems::These(systems), Some(system)) => systems.contains(&system),
            (Systems::These(_), None) => false,
        }
    }

    /// Whether it grants the permission.
    pub(super) fn grants(&self, permission: &str) -> bool {
        Identity { permissions: self.permissions.clone(), ..Identity::default() }.granted().may(permission)
    }
}

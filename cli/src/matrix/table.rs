//! The matrix as rows: an endpoint each, with what becomes of every role.

use std::collections::BTreeSet;

use lockgate::jwt_auth::access::{Access, Asks, At, Entry, Mode, REVENUE, Rule};
use lockgate::path::PathPattern;
use serde::Serialize;

use super::cell::{Caller, Cell, identity};
use super::witness::{Ground, Witness, crossed};

/// All rows, in the order of the rules.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    /// The columns.
    pub(super) roles: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// An endpoint.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// None where it belongs to no system.
    pub(super) system: Option<String>,
    pub(super) path: String,
    /// `*`: all that no row before has.
    pub(super) methods: Vec<String>,
    /// The place in `access.rules`.
    pub(super) rule: usize,
    pub(super) name: String,
    /// By role, as in `roles`.
    pub(super) cells: Vec<Cell>,
    /// The roles that come in and may see revenue.
    pub(super) revenue: Vec<String>,
    /// Methods that other rules speak of, and that are closed here.
    pub(super) closed: Vec<String>,
}

/// All patterns of a matrix.
pub(super) fn patterns(access: &Access) -> impl Iterator<Item = &PathPattern> + Clone {
    let rules = access.rules().iter().flat_map(|rule| rule.matches().paths());
    let systems: Vec<&PathPattern> = access.systems().flat_map(|(_, paths)| paths).collect();
    rules.chain(systems)
}

/// The paths that stand for those of the systems.
pub(super) fn of_systems(access: &Access, ground: &Ground) -> BTreeSet<Witness> {
    access.systems().flat_map(|(_, paths)| paths).flat_map(|path| ground.paths(path)).collect()
}

/// The methods that rules name.
pub(super) fn methods(access: &Access) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    for method in access.rules().iter().flat_map(|rule| rule.matches().methods().unwrap_or_default()) {
        if !methods.contains(method) {
            methods.push(method.clone());
        }
    }
    methods
}

/// A method that none of them is.
pub(super) fn other_method(methods: &[String]) -> String {
    let mut other = "ANY".to_owned();
    while methods.contains(&other) {
        other.push('-');
    }
    other
}

impl Table {
    /// # Errors
    /// The rules tell too many paths apart.
    pub(super) fn of(access: &Access) -> Result<Self, String> {
        let ground = Ground::of(patterns(access));
        let systems = of_systems(access, &ground);
        let spoken = methods(access);
        let other = other_method(&spoken);
        let roles: Vec<String> = access.role_names().map(str::to_owned).collect();
        let mut rows: Vec<Row> = Vec::new();
        for (n, rule) in access.rules().iter().enumerate() {
            for pattern in rule.matches().paths() {
                let own: BTreeSet<Witness> = ground.paths(pattern).into_iter().collect();
                let mut witnesses: Vec<Witness> = crossed(&own, &systems)?.into_iter().collect();
                witnesses.sort_by_key(Witness::len);
                let shown = |method: &String| if *method == other { "*".to_owned() } else { method.clone() };
                let own_methods = rule.matches().methods().map_or(vec![other.clone()], <[String]>::to_vec);
                for method in own_methods {
                    // The first path of each system at which the rule is the first that fits.
                    let mut seen: Vec<Option<String>> = Vec::new();
                    for witness in &witnesses {
                        let path = ground.request(witness);
                        let system = access.system(path.as_bytes()).map(|system| access.system_name(system).to_owned());
                        let at = at(access.entry(method.as_bytes(), path.as_bytes()));
                        let here = at.is_some_and(|at| at.rule() == n && access.pattern(at) == pattern.as_str());
                        if !here || seen.contains(&system) {
                            continue;
                        }
                        seen.push(system.clone());
                        let closed =
                            |method: &&String| access.entry(method.as_bytes(), path.as_bytes()) == Entry::Closed;
                        let row = Row {
                            system,
                            path: pattern.as_str().to_owned(),
                            methods: vec![shown(&method)],
                            rule: n,
                            name: rule.name().to_owned(),
                            cells: roles
                                .iter()
                                .map(|role| Cell::of(access, &method, &path, Caller::Role(role)))
                                .collect(),
                            revenue: revenue(access, &method, &path),
                            closed: spoken.iter().filter(closed).cloned().collect(),
                        };
                        match rows.iter_mut().find(|other| other.same_but_method(&row)) {
                            Some(same) => same.methods.extend(row.methods),
                            None => rows.push(row),
                        }
                    }
                }
            }
        }
        Ok(Self { roles, rows })
    }
}

impl Row {
    fn same_but_method(&self, other: &Self) -> bool {
        self.rule == other.rule
            && self.path == other.path
            && self.system == other.system
            && self.cells == other.cells
            && self.revenue == other.revenue
    }
}

/// The roles that come in here and may see revenue.
fn revenue(access: &Access, method: &str, path: &str) -> Vec<String> {
    let sees = |role: &&str| {
        let caller = Caller::Role(role);
        let cell = Cell::of(access, method, path, caller);
        // Everybody is nobody on public endpoints.
        cell.comes_in() && matches!(cell, Cell::Yes { .. }) && identity(access, path, caller).may(REVENUE)
    };
    access.role_names().filter(sees).map(str::to_owned).collect()
}

pub(super) fn at(entry: Entry<'_>) -> Option<At> {
    match entry {
        Entry::Public(at) | Entry::Webhook(at, _) | Entry::Token(at) => Some(at),
        Entry::Closed => None,
    }
}

/// What a rule asks for, in words.
pub(super) fn asks(rule: &Rule) -> String {
    let mut parts = Vec::new();
    match rule.asks() {
        Asks::Public => return "nothing: it is public".to_owned(),
        Asks::Webhook(endpoint) => return format!("a good webhook of `{endpoint}`"),
        Asks::Token(requirement) => {
            match requirement.roles() {
                [] => {}
                [role] => parts.push(format!("the role {role}")),
                roles => parts.push(format!("one of the roles {}", roles.join(", "))),
            }
            match requirement.permissions() {
                [] => {}
                [permission] => parts.push(format!("the permission {permission}")),
                permissions => parts.push(format!("all of the permissions {}", permissions.join(", "))),
            }
            if requirement.tenant().is_some() {
                parts.push("the tenant of the token".to_owned());
            }
            if requirement.step_up().is_some() {
                parts.push("a step-up".to_owned());
            }
        }
    }
    let text = if parts.is_empty() { "any valid token".to_owned() } else { parts.join("; ") };
    if rule.mode() == Mode::Shadow { format!("{text}; but it only watches, and everybody comes in") } else { text }
}

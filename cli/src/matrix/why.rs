//! Why one cell says what it says.

use std::fmt::Write as _;

use lockgate::identity::Identity;
use lockgate::jwt_auth::access::{Access, Place};
use lockgate::path::check_normal;
use serde_json::{Value, json};

use super::cell::{Asked, Caller, Cell, asked, identity};
use super::table::{asks, at};

/// One cell.
#[derive(Debug)]
pub(super) struct Why {
    role: String,
    method: String,
    path: String,
    system: Option<String>,
    cell: Cell,
    /// The rule's place, name, pattern and what it asks for.
    rule: Option<(usize, String, String, String)>,
    identity: Identity,
    /// What is missing, or what else must be so.
    notes: Vec<String>,
}

impl Why {
    /// # Errors
    /// There is no such role, or the request would not come so far.
    pub(super) fn of(access: &Access, role: &str, method: &str, path: &str) -> Result<Self, String> {
        if access.holder(role, None).is_none() {
            let roles: Vec<&str> = access.role_names().collect();
            return Err(format!("--why: there is no role `{role}`; there is {}", roles.join(", ")));
        }
        if path.contains('?') {
            return Err("--why: leave out the query: no rule looks at it".to_owned());
        }
        check_normal(path.as_bytes()).map_err(|reason| {
            format!("--why: `{path}` never comes to the matrix: {reason}, and the filter answers 400 (or rewrites it)")
        })?;
        let caller = Caller::Role(role);
        let entry = access.entry(method.as_bytes(), path.as_bytes());
        let rule = at(entry).and_then(|at| {
            let rule = access.rule(at)?;
            Some((at.rule(), rule.name().to_owned(), access.pattern(at).to_owned(), asks(rule)))
        });
        let cell = Cell::of(access, method, path, caller);
        let identity = identity(access, path, caller);
        let system = access.system(path.as_bytes()).map(|system| access.system_name(system).to_owned());
        let notes = notes(access, method, path, &cell, &identity, role, system.as_deref());
        let (role, method, path) = (role.to_owned(), method.to_owned(), path.to_owned());
        Ok(Self { role, method, path, system, cell, rule, identity, notes })
    }

    /// 0: it comes in with what the role grants.
    pub(super) fn code(&self) -> u8 {
        u8::from(!self.cell.comes_in())
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{} {} {}: {}", self.role, self.method, self.path, self.answer());
        match &self.rule {
            Some((place, name, pattern, asks)) => {
                let _ = writeln!(out, "  rule    access.rules[{place}] `{name}`, as {pattern}");
                let _ = writeln!(out, "  asks    {asks}");
            }
            None => {
                let _ = writeln!(out, "  rule    none: what no rule names is closed");
            }
        }
        let _ = writeln!(out, "  system  {}", self.system.as_deref().unwrap_or("none"));
        let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let _ = writeln!(out, "  roles   {}", list(&self.identity.roles));
        let _ = writeln!(out, "  grants  {}", list(&self.identity.permissions));
        for note in &self.notes {
            let _ = writeln!(out, "  {note}");
        }
        out
    }

    pub(super) fn json(&self) -> Value {
        let rule = self
            .rule
            .as_ref()
            .map(|(place, name, pattern, asks)| json!({"place": place, "name": name, "path": pattern, "asks": asks}));
        json!({
            "role": self.role, "method": self.method, "path": self.path, "system": self.system,
            "comes_in": self.cell.comes_in(), "cell": self.cell, "rule": rule,
            "roles": self.identity.roles, "permissions": self.identity.permissions, "notes": self.notes,
        })
    }

    fn answer(&self) -> &'static str {
        match &self.cell {
            Cell::Public => "yes, as everybody",
            Cell::Shadow => "yes, as everybody: the rule only watches",
            Cell::Webhook => "no: only a good webhook comes in",
            Cell::Closed => "no: it is closed",
            Cell::No { .. } => "no",
            Cell::Yes { conditions } if conditions.none() => "yes",
            Cell::Yes { conditions } if conditions.permissions.is_empty() => "yes, on a condition",
            Cell::Yes { .. } => "no, unless the token itself carries what is missing",
        }
    }
}

/// What is missing, and what else must be so.
fn notes(
    access: &Access,
    method: &str,
    path: &str,
    cell: &Cell,
    identity: &Identity,
    role: &str,
    system: Option<&str>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let Asked::Token(_, requirement) = asked(access, method, path) else { return notes };
    if matches!(cell, Cell::Shadow) {
        return notes;
    }
    if !identity.roles.iter().any(|held| held == role) {
        let place = system.map_or("on paths of no system".to_owned(), |system| format!("in {system}"));
        notes.push(format!("{role} does not count {place}"));
    } else if !requirement.roles().is_empty() && !requirement.roles().iter().any(|wanted| wanted == role) {
        notes.push(format!("{role} is none of the roles that the rule names"));
    }
    let missing: Vec<&str> =
        requirement.permissions().iter().filter(|it| !identity.may(it)).map(String::as_str).collect();
    if !missing.is_empty() {
        notes.push(format!("missing {}", missing.join(", ")));
    }
    if let Some(tenant) = requirement.tenant() {
        let place = match tenant.place() {
            Place::Segment(n) => format!("segment {n} of the path"),
            Place::Header(name) => format!("the header {name}"),
        };
        if tenant.exempts(identity) {
            notes.push(format!("{role} may ask about every tenant"));
        } else {
            notes.push(format!("{place} must be the tenant of the token"));
        }
    }
    if let Some(step_up) = requirement.step_up() {
        notes.push(format!("a step-up is needed: {step_up}"));
    }
    notes
}

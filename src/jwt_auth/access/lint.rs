//! What is wrong with a matrix though each part of it is right.

use std::fmt;

use crate::config::ConfigError;
use crate::path::{PathPattern, Strictness};

use super::role::Role;
use super::rule::{Asks, Mode, Requirement, Rule};
use super::system::System;
use super::{Access, REVENUE};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Most likely not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// Something that the matrix says and that may not be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The field.
    pub path: String,
    /// What is odd, and the way out.
    pub message: String,
}

/// Most endpoints that one finding names.
const MAX_NAMED: usize = 5;

/// Refuses a rule that no request can reach, because earlier ones cover it.
pub(super) fn unreachable(rules: &[Rule]) -> Result<(), ConfigError> {
    for n in 0..rules.len() {
        if let Some(first) = covered_by(rules, n) {
            return Err(ConfigError::new(
                format!("access.rules[{n}].match"),
                format_args!(
                    "can never match: access.rules[{first}] stands before it and takes its requests; put this rule \
                     first, or take it out"
                ),
            ));
        }
    }
    Ok(())
}

/// The first of the rules that together take every request of a rule. Never wrongly; see [`PathPattern::covers`] for what
/// is missed.
pub(super) fn covered_by(rules: &[Rule], n: usize) -> Option<usize> {
    let (before, rule) = (rules.get(..n)?, rules.get(n)?);
    let mut first = None;
    for path in rule.matches.paths() {
        let (left, by) = left_by(before, path, rule, Strictness::Exact);
        if left != Left::Nothing {
            return None;
        }
        first = first.or(by);
    }
    first
}

/// Which requests of a path rules before leave to a rule.
#[derive(Debug, PartialEq, Eq)]
enum Left<'a> {
    Nothing,
    /// All but those of these methods.
    AllBut(Vec<&'a str>),
}

/// What `before` leaves of a path of `rule`, and the first that takes something.
fn left_by<'a>(before: &[Rule], path: &PathPattern, rule: &'a Rule, reading: Strictness) -> (Left<'a>, Option<usize>) {
    let about = |over: &PathPattern| match reading {
        Strictness::Exact => over.covers(path),
        Strictness::Lenient => over.covers_leniently(path),
    };
    let about_method = |first: &Rule, method: &str| match reading {
        Strictness::Exact => first.matches.grants_method(method.as_bytes()),
        Strictness::Lenient => first.matches.takes_away_method(method.as_bytes()),
    };
    let covers = |first: &Rule| first.matches.paths().iter().any(about);
    let over: Vec<_> = before.iter().enumerate().filter(|(_, first)| covers(first)).collect();
    if let Some((n, _)) = over.iter().find(|(_, first)| first.matches.methods().is_none()) {
        return (Left::Nothing, Some(*n));
    }
    let takes = |method: &str| over.iter().find(|(_, first)| about_method(first, method));
    let methods = rule.matches.methods().unwrap_or_default();
    let taken: Vec<&str> = methods.iter().map(String::as_str).filter(|method| takes(method).is_some()).collect();
    let by = taken.first().and_then(|method| takes(method)).map(|(n, _)| *n);
    if !methods.is_empty() && taken.len() == methods.len() { (Left::Nothing, by) } else { (Left::AllBut(taken), by) }
}

impl Access {
    /// What may not be meant. Looks at every pair of paths: not for the way of a request.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (n, system) in self.systems.iter().enumerate() {
            self.check_system(n, system, &mut findings);
        }
        for role in &self.roles {
            self.check_role(role, &mut findings);
        }
        for (n, rule) in self.rules.iter().enumerate() {
            if rule.mode == Mode::Shadow {
                let message = "SHADOW: the rule only watches, and everybody passes as nobody; write \"enforce\" as soon as \
                               its counters look right";
                findings.push(Finding::warning(format!("access.rules[{n}].mode"), message));
            }
            self.check_order(n, rule, &mut findings);
            match &rule.asks {
                Asks::Public => self.check_public(n, rule, &mut findings),
                Asks::Webhook(_) => {}
                Asks::Token(requirement) => {
                    self.check_requirement(n, rule, requirement, &mut findings);
                    self.check_rest(n, rule, requirement, &mut findings);
                }
            }
        }
        findings.extend(self.closed_methods());
        findings
    }

    fn check_system(&self, place: usize, system: &System, findings: &mut Vec<Finding>) {
        let used = self.rules.iter().any(|rule| meets(rule, system));
        if !used {
            let message = "has no rule: everything in it is closed; add one, or take the system out";
            findings.push(Finding::warning(format!("systems.{}", system.name), message));
        }
        for (from, to) in &system.spellings {
            if self.roles.iter().any(|role| role.name == *to && !role.counts_in(Some(place))) {
                let message = format!(
                    "leads to {to}, which does not count in this system: it is no role there; add the system to \
                     access.roles.{to}.systems, or take the spelling out"
                );
                findings.push(Finding::warning(format!("systems.{}.roles.{from}", system.name), message));
            }
        }
    }

    fn check_role(&self, role: &Role, findings: &mut Vec<Finding>) {
        let path = format!("access.roles.{}", role.name);
        let mut counting = self.systems.iter().enumerate().filter(|(place, _)| role.counts_in(Some(*place)));
        let spelled =
            |system: &System| system.spellings.is_empty() || system.spellings.iter().any(|(_, to)| *to == role.name);
        if !self.systems.is_empty() && !counting.any(|(_, system)| spelled(system)) {
            let message = "can never be held: no spelling of its systems leads to it; add one to their roles";
            findings.push(Finding::warning(&path, message));
        }
        if !role.permissions.iter().any(|permission| permission == REVENUE) && role.grants(REVENUE) {
            let message = format!(
                "has a `*`, which includes {REVENUE}: the role sees revenue; say so with \"revenue\": true, or name what \
                 the role may do"
            );
            findings.push(Finding::warning(format!("{path}.permissions"), message));
        }
    }

    /// What earlier rules take of a rule that they leave something.
    fn check_order(&self, n: usize, rule: &Rule, findings: &mut Vec<Finding>) {
        let before = self.rules.get(..n).unwrap_or_default();
        for (k, path) in rule.matches.paths().iter().enumerate() {
            let field = format!("access.rules[{n}].match.paths[{k}]");
            let (left, by) = left_by(before, path, rule, Strictness::Exact);
            self.check_closed(n, rule, path, &left, &field, findings);
            let Some(by) = by else { continue };
            match left {
                Left::Nothing => {
                    let message = format!(
                        "can never match: access.rules[{by}] stands before it and takes its requests; take the path out"
                    );
                    findings.push(Finding::warning(field, message));
                }
                Left::AllBut(methods) => {
                    let message = format!(
                        "does not get {}: access.rules[{by}] stands before it; take the methods out, or this rule first",
                        methods.join(", ")
                    );
                    findings.push(Finding::warning(field, message));
                }
            }
        }
    }

    /// What earlier rules close of a path of a rule, as they are about it but for what portals may overlook.
    fn check_closed(
        &self,
        n: usize,
        rule: &Rule,
        path: &PathPattern,
        exactly: &Left<'_>,
        field: &str,
        findings: &mut Vec<Finding>,
    ) {
        let before = self.rules.get(..n).unwrap_or_default();
        let (Left::AllBut(taken), (left, Some(by))) = (exactly, left_by(before, path, rule, Strictness::Lenient))
        else {
            return;
        };
        let methods: Vec<&str> = match left {
            Left::Nothing if taken.is_empty() => Vec::new(),
            Left::Nothing => rule.matches.methods().unwrap_or_default().iter().map(String::as_str).collect(),
            Left::AllBut(methods) if methods.len() == taken.len() => return,
            Left::AllBut(methods) => methods,
        };
        let methods: Vec<&str> = methods.into_iter().filter(|method| !taken.contains(method)).collect();
        let of = if methods.is_empty() { String::new() } else { format!(" for {}", methods.join(", ")) };
        let message = format!(
            "is closed{of}: access.rules[{by}] stands before it and is about the same but for the case of letters, a slash at the \
             end, or HEAD for GET, so that portals may take one for the other; add it to that rule, or put this one first"
        );
        findings.push(Finding::warning(field, message));
    }

    /// A public path inside what others protect.
    fn check_public(&self, n: usize, rule: &Rule, findings: &mut Vec<Finding>) {
        for (k, path) in rule.matches.paths().iter().enumerate() {
            let guard = self.rules.iter().enumerate().find_map(|(m, other)| {
                let guards = matches!(other.asks, Asks::Token(_)) && shares_method(rule, other);
                let over = other.matches.paths().iter().find(|over| over.covers(path));
                over.filter(|_| guards).map(|over| (m, over))
            });
            if let Some((m, over)) = guard {
                let message = format!(
                    "is open to everybody inside `{}`, which access.rules[{m}] protects; make sure that nothing there is \
                     secret",
                    over.as_str()
                );
                findings.push(Finding::warning(format!("access.rules[{n}].match.paths[{k}]"), message));
            }
        }
    }

    fn check_requirement(&self, n: usize, rule: &Rule, wants: &Requirement, findings: &mut Vec<Finding>) {
        let path = format!("access.rules[{n}].require");
        let here: Vec<usize> =
            self.systems.iter().enumerate().filter(|(_, system)| meets(rule, system)).map(|(place, _)| place).collect();
        let asks_rights = !wants.roles.is_empty() || !wants.permissions.is_empty();
        if !self.systems.is_empty() && here.is_empty() && asks_rights {
            let message = "can never be met: the paths belong to no system, and nobody has a right there; add them to a \
                           system's paths";
            findings.push(Finding::warning(&path, message));
            return;
        }
        for (k, name) in wants.roles.iter().enumerate() {
            let counts =
                |role: &&Role| self.systems.is_empty() || here.iter().any(|&place| role.counts_in(Some(place)));
            if !self.roles.iter().filter(|role| role.name == *name).any(|role| counts(&role)) {
                let message = format!("`{name}` does not count in the systems of these paths; see access.roles.{name}");
                findings.push(Finding::warning(format!("{path}.roles[{k}]"), message));
            }
        }
        // Where no role grants anything, permissions are meant to come from tokens.
        let granting = self.roles.iter().any(|role| role.permissions.iter().any(|permission| permission != REVENUE));
        for (k, permission) in wants.permissions.iter().enumerate() {
            if (granting || permission == REVENUE) && !self.roles.iter().any(|role| role.grants(permission)) {
                let only =
                    if permission == REVENUE { "nobody passes" } else { "only a token that says it itself passes" };
                let message = format!("`{permission}` is granted by no role: {only}; mind the spelling, or grant it");
                findings.push(Finding::warning(format!("{path}.permissions[{k}]"), message));
            }
        }
    }

    /// Methods that a rule does not name, and that a later rule for all methods takes which asks for less.
    fn check_rest(&self, n: usize, rule: &Rule, wants: &Requirement, findings: &mut Vec<Finding>) {
        if rule.matches.methods().is_none() || wants.asks_nothing() {
            return;
        }
        for (k, path) in rule.matches.paths().iter().enumerate() {
            let rest = self.rules.iter().enumerate().skip(n + 1).find(|(_, later)| {
                later.matches.methods().is_none() && later.matches.paths().iter().any(|over| over.covers(path))
            });
            let Some((m, later)) = rest else { continue };
            let less = match &later.asks {
                Asks::Public => true,
                Asks::Token(requirement) => requirement.asks_nothing(),
                Asks::Webhook(_) => false,
            };
            if less {
                let message = format!(
                    "leaves all other methods to access.rules[{m}], which asks for less; name the methods of that rule, or \
                     take those of this one out"
                );
                findings.push(Finding::warning(format!("access.rules[{n}].match.paths[{k}]"), message));
            }
        }
    }

    /// Paths of which some of the methods that the rules speak of are closed.
    fn closed_methods(&self) -> Option<Finding> {
        let mut spoken: Vec<&str> = Vec::new();
        for method in self.rules.iter().flat_map(|rule| rule.matches.methods().unwrap_or_default()) {
            if !spoken.contains(&method.as_str()) {
                spoken.push(method);
            }
        }
        let mut gaps: Vec<String> = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for path in self.rules.iter().flat_map(|rule| rule.matches.paths()) {
            if seen.contains(&path.as_str()) {
                continue;
            }
            seen.push(path.as_str());
            let covered = |method: &&&str| {
                !self.rules.iter().any(|rule| {
                    rule.matches.grants_method(method.as_bytes())
                        && rule.matches.paths().iter().any(|over| over.covers(path))
                })
            };
            let closed: Vec<&str> = spoken.iter().filter(covered).copied().collect();
            if !closed.is_empty() {
                gaps.push(format!("{} of {}", closed.join(", "), path.as_str()));
            }
        }
        let more = gaps.len().saturating_sub(MAX_NAMED);
        gaps.truncate(MAX_NAMED);
        let more = if more == 0 { String::new() } else { format!(", and of {more} paths more") };
        let message = format!(
            "leave methods closed that they speak of elsewhere: {}{more}; `lockgate matrix` shows all",
            gaps.join("; ")
        );
        (!gaps.is_empty()).then(|| Finding { severity: Severity::Note, path: "access.rules".to_owned(), message })
    }
}

impl Finding {
    fn warning(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { severity: Severity::Warning, path: path.into(), message: message.to_string() }
    }
}

impl Requirement {
    /// Whether any valid token will do.
    fn asks_nothing(&self) -> bool {
        self.roles.is_empty() && self.permissions.is_empty() && self.tenant.is_none() && self.step_up.is_none()
    }
}

/// Whether a rule is about a path of the system.
fn meets(rule: &Rule, system: &System) -> bool {
    rule.matches.paths().iter().any(|path| system.paths.iter().any(|its| its.overlaps(path)))
}

fn shares_method(one: &Rule, other: &Rule) -> bool {
    match (one.matches.methods(), other.matches.methods()) {
        (Some(methods), Some(_)) => methods.iter().any(|method| other.matches.grants_method(method.as_bytes())),
        (None, _) | (_, None) => true,
    }
}

//! What is wrong with a matrix though each part of it is right.

use std::fmt;

use crate::config::ConfigError;

use super::Access;
use super::rule::Rule;

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

impl Finding {
    fn new(severity: Severity, path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { severity, path: path.into(), message: message.to_string() }
    }
}

impl Access {
    /// What may not be meant. Not for the way of a request.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        lints(self)
    }
}

/// Refuses a rule that no request can reach, because earlier ones cover it.
pub(super) fn unreachable(rules: &[Rule]) -> Result<(), ConfigError> {
    for (n, rule) in rules.iter().enumerate() {
        let before = rules.get(..n).unwrap_or_default();
        let mut by = None;
        let dead = rule.matches.paths().iter().all(|path| {
            let over =
                before.iter().enumerate().filter(|(_, first)| first.matches.paths().iter().any(|p| p.covers(path)));
            let over: Vec<_> = over.collect();
            let all = over.iter().find(|(_, first)| first.matches.methods().is_none());
            let covered = match (all, rule.matches.methods()) {
                (Some(_), _) => true,
                (None, None) => false,
                (None, Some(methods)) => methods
                    .iter()
                    .all(|method| over.iter().any(|(_, first)| first.matches.grants_method(method.as_bytes()))),
            };
            by = by.or(all.or(over.first()).map(|(n, _)| *n));
            covered
        });
        if dead && let Some(by) = by {
            return Err(ConfigError::new(
                format!("access.rules[{n}].match"),
                format_args!(
                    "can never match: access.rules[{by}] stands before it and takes its requests; put this rule first, or take it out"
                ),
            ));
        }
    }
    Ok(())
}

fn lints(access: &Access) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (n, rule) in access.rules.iter().enumerate() {
        if rule.mode == super::Mode::Shadow {
            findings.push(Finding::new(Severity::Warning, format!("access.rules[{n}].mode"), "SHADOW"));
        }
    }
    findings
}

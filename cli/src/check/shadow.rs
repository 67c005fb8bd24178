//! Rules that only watch.

use serde_json::Value;

use super::finding::{Report, Severity};

/// Says loudly which rules let everything through; `line` is where a field of the configuration stands.
pub(super) fn check(json: &Value, line: &dyn Fn(&str) -> usize, report: &mut Report) {
    let leaves = "what it should take leaves in clear";
    let refuses = "refuses nobody";
    for (list, kind, what) in [
        ("rules", "rule", leaves),
        ("protected", "rule", leaves),
        ("policies", "policy", refuses),
        ("penalties", "penalty", refuses),
    ] {
        let rules = json.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (n, rule) in rules.iter().enumerate() {
            if rule.get("mode").and_then(Value::as_str) == Some("shadow") {
                let field = format!("{list}[{n}].mode");
                let name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
                let message = format!(
                    "SHADOW: {kind} `{name}` only watches, and {what}; write \"enforce\" as soon as its counters look right"
                );
                report.push(Severity::Warning, Some(line(&field)), &field, message);
            }
        }
    }
}

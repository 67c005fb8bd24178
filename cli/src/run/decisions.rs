//! Envoy's access log, readable.

use serde_json::{Map, Value};

/// The decisions in a line of Envoy's access log, a line each; none when the line is something else.
///
/// A request without any is one line as well, with what Envoy says about it.
pub(super) fn decisions(line: &str) -> Vec<String> {
    let Ok(Value::Object(entry)) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    let request = format!("{} {:6} {}", text(&entry, "status"), text(&entry, "method"), text(&entry, "path"));
    let audits = text(&entry, "audit");
    let decisions: Vec<_> = audits
        .lines()
        .filter_map(|audit| serde_json::from_str(audit).ok())
        .map(|audit: Map<String, Value>| format!("{request}  {}", decision(&audit)))
        .collect();
    if decisions.is_empty() { vec![format!("{request}  {}", by_envoy(&entry))] } else { decisions }
}

/// `revenue: stripped, 5 fields (caller 1f…)`
fn decision(audit: &Map<String, Value>) -> String {
    let rule = match (audit.get("rule"), audit.get("filter")) {
        (Some(Value::String(name)), _) | (_, Some(Value::String(name))) => name,
        _ => "-",
    };
    let mut words = format!("{rule}: {}", text(audit, "outcome"));
    if let Some(Value::String(reason)) = audit.get("reason") {
        words.push_str(&format!(" ({reason})"));
    }
    match audit.get("fields").and_then(Value::as_u64) {
        Some(0) | None => {}
        Some(1) => words.push_str(", 1 field"),
        Some(fields) => words.push_str(&format!(", {fields} fields")),
    }
    if audit.get("shadow") == Some(&Value::Bool(true)) {
        words.push_str(", only watched");
    }
    if let Some(Value::String(subject)) = audit.get("subject") {
        words.push_str(&format!("  caller {}", subject.get(..CALLER).unwrap_or(subject)));
    }
    words
}

/// Why a request has no decision of ours: `jwt_authn_access_denied{Jwt_is_missing}`, and `via_upstream` where the portal's
/// answer matched no rule.
fn by_envoy(entry: &Map<String, Value>) -> String {
    match text(entry, "details").as_str() {
        "via_upstream" => "no rule".to_owned(),
        details => format!("envoy: {details}"),
    }
}

fn text(entry: &Map<String, Value>, name: &str) -> String {
    match entry.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => "-".to_owned(),
    }
}

/// Digits of a caller's hash: enough to tell callers apart by eye.
const CALLER: usize = 8;

#[cfg(test)]
mod tests {
    use super::decisions;

    #[test]
    fn a_line_for_each_decision() {
        let cases: [(&str, &[&str]); 7] = [
            (
                r#"{"status":200,"method":"GET","path":"/api/x","audit":"{\"filter\":\"f\",\"rule\":\"r\",\"outcome\":\"stripped\",\"fields\":3,\"subject\":\"0123456789abcdef\"}\n{\"filter\":\"f\",\"outcome\":\"refused\",\"reason\":\"y\",\"shadow\":true,\"fields\":1}"}"#,
                &[
                    "200 GET    /api/x  r: stripped, 3 fields  caller 01234567",
                    "200 GET    /api/x  f: refused (y), 1 field, only watched",
                ],
            ),
            (
                r#"{"status":401,"method":"DELETE","path":"/x","audit":null,"details":"why"}"#,
                &["401 DELETE /x  envoy: why"],
            ),
            (
                r#"{"status":200,"method":"GET","path":"/x","details":"via_upstream","audit":"not JSON"}"#,
                &["200 GET    /x  no rule"],
            ),
            (r#"{"status":200,"audit":"{}"}"#, &["200 -      -  -: -"]),
            (r#"{"status":400,"method":null}"#, &["400 -      -  envoy: -"]),
            ("[warning] something else", &[]),
            ("[1]", &[]),
        ];
        for (line, want) in cases {
            assert_eq!(decisions(line), want, "{line}");
        }
    }
}

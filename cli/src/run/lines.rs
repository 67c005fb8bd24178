//! What `lockgate run` prints.

use serde_json::Value;

use super::setup::Addresses;

/// What to try, as lines to paste.
pub(super) fn what_to_try(addresses: &Addresses) -> String {
    let (gateway, issuer) = (addresses.gateway, addresses.portals.issuer);
    let token = |role: &str| format!("TOKEN=$(curl -s 'http://{issuer}/token?role={role}')");
    let get = |path: &str| format!("curl -s -H \"authorization: Bearer $TOKEN\" 'http://{gateway}{path}'");
    let parts = "/api/maintenance/parts?per_page=1";
    format!(
        "\n\
         Envoy stands in front of both portals. Try:\n\n\
         \x20 As a manager: no revenue field\n    {}\n    {}\n\n\
         \x20 As an administrator: the portal's answer, byte for byte\n    {}\n    {}\n\n\
         \x20 As a manager: a protected endpoint is closed (403)\n    {}\n    {}\n\n\
         \x20 As a manager: a large export, streamed\n    {} | head -c 600\n\n\
         \x20 Without a token: 401\n    curl -s -i 'http://{gateway}{parts}'\n\n\
         \x20 Statistics: http://{}/stats?filter=lockgate\n\n\
         Every decision is shown below. Ctrl-C stops everything.\n\n",
        token("MANAGER"),
        get(parts),
        token("SMS_ADMIN"),
        get(parts),
        token("MANAGER"),
        get("/api/reports/revenue"),
        get("/api/maintenance/exports/parts?rows=100000"),
        addresses.admin,
    )
}

/// The decisions in a line of Envoy's access log, a line each; none when the line is something else.
pub(super) fn decisions(line: &str) -> Vec<String> {
    let Ok(Value::Object(entry)) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    let text = |name: &str| match entry.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => "-".to_owned(),
    };
    let request = format!("{} {:4} {}", text("status"), text("method"), text("path"));
    let audits: Vec<Value> = text("audit").lines().filter_map(|audit| serde_json::from_str(audit).ok()).collect();
    if audits.is_empty() {
        return vec![format!("{request}  {}", text("details"))];
    }
    audits.iter().map(|audit| format!("{request}  {}", decision(audit))).collect()
}

fn decision(audit: &Value) -> String {
    let text = |name: &str| audit.get(name).and_then(Value::as_str);
    let mut words = vec![text("filter").unwrap_or("-").to_owned()];
    words.extend(text("rule").map(str::to_owned));
    if audit.get("shadow").is_some() {
        words.push("shadow".to_owned());
    }
    words.push(text("outcome").unwrap_or("-").to_owned());
    words.extend(text("reason").map(str::to_owned));
    words.extend(audit.get("fields").map(|fields| format!("{fields} fields")));
    words.extend(text("subject").map(|subject| format!("caller {subject}")));
    words.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::decisions;

    #[test]
    fn a_line_for_each_decision() {
        let line = r#"{"status":200,"method":"GET","path":"/api/x","audit":"{\"filter\":\"f\",\"rule\":\"r\",\"outcome\":\"stripped\",\"fields\":3}\n{\"filter\":\"f\",\"outcome\":\"refused\",\"reason\":\"y\",\"shadow\":true,\"subject\":\"ab\"}"}"#;
        assert_eq!(
            decisions(line),
            ["200 GET  /api/x  f · r · stripped · 3 fields", "200 GET  /api/x  f · shadow · refused · y · caller ab"]
        );
        let line = r#"{"status":503,"method":"DELETE","path":"/x","audit":null,"details":"why"}"#;
        assert_eq!(decisions(line), ["503 DELETE /x  why"]);
        assert_eq!(decisions("[warning] something else"), Vec::<String>::new());
    }
}

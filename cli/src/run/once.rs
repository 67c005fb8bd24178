//! `lockgate run --once`: the requests that it would print, made and judged.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;

use super::setup::Addresses;

/// Parts of names that no manager may see.
const TAKEN: [&str; 8] =
    ["markup", "profit", "margin", "revenue", "pricing", "unit_cost", "total_cost", "cost_internal"];
const PARTS: &str = "/api/maintenance/parts?per_page=5";
const EXPORT: &str = "/api/maintenance/exports/parts?rows=20000";
const WITHIN: Duration = Duration::from_secs(60);

/// An answer.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// How many reads it took: more than one for what streams.
    pieces: usize,
}

/// Makes the requests; 1 when an answer is wrong.
pub(super) fn run(addresses: &Addresses) -> Result<u8, String> {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(WITHIN)).build().into();
    let get = |address: SocketAddr, path: &str, token: &str| get(&agent, address, path, token);
    let token = |role: &str| {
        let answer = get(addresses.portals.issuer, &format!("/token?role={role}"), "")?;
        String::from_utf8(answer.body).map_err(|error| format!("token for {role}: {error}"))
    };
    let (manager, admin) = (token("MANAGER")?, token("SMS_ADMIN")?);
    let mut wrong = 0;
    let mut check = |what: &str, good: bool, seen: String| {
        println!("{} {what}: {seen}", if good { "ok  " } else { "FAIL" });
        wrong += u32::from(!good);
    };

    let direct = get(addresses.portals.maintenance, PARTS, "")?;
    check("the portal itself tells", tells(&direct).is_some(), summary(&direct));
    let answer = get(addresses.gateway, PARTS, &manager)?;
    check("a manager sees no revenue field", answer.status == 200 && tells(&answer).is_none(), summary(&answer));
    let answer = get(addresses.gateway, PARTS, &admin)?;
    check("an administrator gets the portal's bytes", answer.body == direct.body, summary(&answer));
    let answer = get(addresses.gateway, "/api/reports/revenue", &manager)?;
    check("a protected endpoint is closed to a manager", answer.status == 403, summary(&answer));
    let answer = get(addresses.gateway, "/api/reports/revenue", &admin)?;
    check("and open to an administrator", answer.status == 200, summary(&answer));
    let answer = get(addresses.gateway, PARTS, "")?;
    check("without a token nothing is open", answer.status == 401, summary(&answer));
    let answer = get(addresses.gateway, EXPORT, &manager)?;
    let good = answer.status == 200 && tells(&answer).is_none() && answer.pieces > 1;
    check("a large export streams", good, summary(&answer));
    let rows = serde_json::from_slice::<Vec<serde_json::Value>>(&answer.body).map_or(0, |rows| rows.len());
    check("and is whole", rows == 20_000, format!("{rows} rows"));
    Ok(u8::from(wrong != 0))
}

fn get(agent: &Agent, address: SocketAddr, path: &str, token: &str) -> Result<Answer, String> {
    let url = format!("http://{address}{path}");
    let mut request = agent.get(&url);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let fault = |error: &dyn std::fmt::Display| format!("GET {url}: {error}");
    let mut response = request.call().map_err(|error| fault(&error))?;
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let headers = headers.collect();
    let (mut body, mut pieces, mut buffer) = (Vec::new(), 0, vec![0; 64 * 1024]);
    let status = response.status().as_u16();
    let mut reader = response.body_mut().as_reader();
    loop {
        let read = reader.read(&mut buffer).map_err(|error| fault(&error))?;
        if read == 0 {
            return Ok(Answer { status, headers, body, pieces });
        }
        body.extend_from_slice(buffer.get(..read).unwrap_or_default());
        pieces += 1;
    }
}

/// The first name in the answer's head or body that no manager may see.
fn tells(answer: &Answer) -> Option<&'static str> {
    let body = String::from_utf8_lossy(&answer.body).to_lowercase();
    let named = |word: &str| answer.headers.iter().any(|(name, _)| name.replace('-', "_").contains(word));
    TAKEN.into_iter().find(|word| named(word) || body.contains(word))
}

fn summary(answer: &Answer) -> String {
    let told = tells(answer).map_or_else(|| "no revenue field".to_owned(), |word| format!("tells `{word}`"));
    format!("{}, {} bytes in {} piece(s), {told}", answer.status, answer.body.len(), answer.pieces)
}

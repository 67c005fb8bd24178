//! What takes more than one request to see.

use std::thread;
use std::time::{Duration, Instant};

use super::config::Addresses;
use super::trial::{FAULT, REVOKED_WITHIN_S};
use super::web::Client;

/// What was seen, or what was wrong.
pub(super) type Told = Result<Result<String, String>, String>;
/// Tells one.
pub(super) type Story = fn(&Client, &Addresses) -> Told;

/// A token passes, is revoked, and passes no more.
pub(super) fn revocation(client: &Client, addresses: &Addresses) -> Told {
    let issuer = addresses.portals.issuer;
    let token = client.token(issuer, "role=MANAGER")?;
    let ask = || client.get(addresses.gateway, FAULT, Some(&token), None).map(|answer| answer.status);
    let before = ask()?;
    let revoked = client.post(issuer, "/revoke", &format!("token={token}"))?;
    if (before, revoked) != (200, 200) {
        return Ok(Err(format!("before it {before}, the issuer says {revoked}")));
    }
    let begin = Instant::now();
    loop {
        let status = ask()?;
        let after_ms = begin.elapsed().as_millis();
        if status == 401 {
            return Ok(Ok(format!("200, and {after_ms} ms after it 401")));
        }
        if status != 200 || begin.elapsed() > Duration::from_secs(REVOKED_WITHIN_S) {
            return Ok(Err(format!("{after_ms} ms after it {status}")));
        }
        thread::sleep(BETWEEN);
    }
}

/// The issuer signs with its next key, and then with one that nobody has seen; tokens of all of them pass.
pub(super) fn rotation(client: &Client, addresses: &Addresses) -> Told {
    let issuer = addresses.portals.issuer;
    let mut tokens = vec![client.token(issuer, "role=MANAGER")?];
    let mut asked = 0_u32;
    for path in ["/rotate", "/rotate?unseen=true"] {
        let rotated = client.post(issuer, path, "")?;
        if rotated != 200 {
            return Ok(Err(format!("the issuer says {rotated}")));
        }
        tokens.push(client.token(issuer, "role=MANAGER")?);
        for _ in 0..ROUNDS {
            for (number, token) in tokens.iter().enumerate() {
                let status = client.get(addresses.gateway, FAULT, Some(token), None)?.status;
                asked = asked.saturating_add(1);
                if status != 200 {
                    return Ok(Err(format!("after {path}, the token of key {number} gets {status}")));
                }
            }
        }
    }
    Ok(Ok(format!("{asked} requests with tokens of {} keys, all of them 200", tokens.len())))
}

const BETWEEN: Duration = Duration::from_millis(100);
/// Enough for both workers to be asked.
const ROUNDS: u32 = 5;

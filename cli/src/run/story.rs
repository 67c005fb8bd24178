//! What takes more than one request to see.

use std::thread;
use std::time::{Duration, Instant};

use super::config::Addresses;
use super::trial::{AT_ONCE, FAULT, GUESSES, PAYMENTS, REVOKED_WITHIN_S};
use super::web::Client;

/// What was seen, or what was wrong.
pub(super) type Told = Result<Result<String, String>, String>;

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

/// Payments are refused when they come too fast, and pass again when the time is over that the answer says.
pub(super) fn limit(client: &Client, addresses: &Addresses) -> Told {
    let token = client.token(addresses.portals.issuer, "role=COMPANY_ADMIN")?;
    let ask = || client.get(addresses.gateway, PAYMENTS, Some(&token), None);
    let mut passed = 0_u32;
    let refused = loop {
        let answer = ask()?;
        match answer.status {
            // A slow machine gets back some of what it spends meanwhile.
            200 if passed < AT_ONCE * 2 => passed = passed.saturating_add(1),
            429 if passed >= AT_ONCE => break answer,
            status => return Ok(Err(format!("{status} after {passed} that passed"))),
        }
    };
    let Some(wait_s) = refused.header("retry-after").and_then(|text| text.parse().ok()) else {
        return Ok(Err("429 without Retry-After".to_owned()));
    };
    thread::sleep(Duration::from_secs(wait_s).min(LONGEST));
    let (status, left) = (ask()?.status, refused.header("ratelimit").unwrap_or_default().to_owned());
    if status != 200 {
        return Ok(Err(format!("{wait_s} s after the 429 {status}")));
    }
    Ok(Ok(format!("{passed} pass, then 429 ({left}), and {wait_s} s later 200")))
}

/// Who guesses tokens is locked out, good tokens or not. The last one: nobody comes from this address afterwards. Other answers 401 of the
/// last minute count as well.
pub(super) fn guessing(client: &Client, addresses: &Addresses) -> Told {
    let good = client.token(addresses.portals.issuer, "role=MANAGER")?;
    let guess = |number: u32| format!("{good}{number}");
    let mut guesses = 0;
    // The one that is not forgiven is still answered 401.
    while guesses < GUESSES.saturating_add(2) {
        guesses = guesses.saturating_add(1);
        match client.get(addresses.gateway, FAULT, Some(&guess(guesses)), None)?.status {
            401 => {}
            429 => {
                let answer = client.get(addresses.gateway, FAULT, Some(&good), None)?;
                let wait_s = answer.header("retry-after").unwrap_or("nothing").to_owned();
                let seen = format!("guess {guesses} gets 429, and so does a good token, for {wait_s} s");
                return Ok(if answer.status == 429 {
                    Ok(seen)
                } else {
                    Err(format!("a good token {}", answer.status))
                });
            }
            status => return Ok(Err(format!("guess {guesses} gets {status}"))),
        }
    }
    Ok(Err(format!("{guesses} guesses, and none is refused with 429")))
}

/// The longest time that is waited for.
const LONGEST: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(100);
/// Enough for both workers to be asked.
const ROUNDS: u32 = 5;

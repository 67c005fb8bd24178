//! `lockgate run --once`: the requests that `run` prints, made and judged.

use super::say;
use super::setup::Setup;
use super::story;
use super::trial::{CALLERS, Expect, Trial};
use super::web::{Answer, Client};
use super::webhook::{DELIVERIES, Secrets};

/// Makes the requests; 1 when an answer is wrong.
///
/// # Errors
/// There is no answer to judge.
pub(super) fn run(setup: &Setup, secrets: &Secrets) -> Result<u8, String> {
    let addresses = &setup.addresses;
    let client = Client::new();
    let mut wrong = 0_u32;
    for caller in CALLERS {
        let token = caller.token.map(|query| client.token(addresses.portals.issuer, query)).transpose()?;
        for trial in caller.trials {
            let accepted = (trial.expect == Expect::Packed).then_some("gzip");
            let answer = client.ask(trial.method, addresses.gateway, trial.path, token.as_deref(), accepted)?;
            // The portals trust the gateway, so asked directly they tell everything.
            let portal = addresses.portals.behind(trial.path);
            let fault = fault(trial, &answer, || client.get(portal, trial.path, None, None))?;
            wrong = wrong.saturating_add(u32::from(fault.is_some()));
            let verdict = if fault.is_some() { "FAIL" } else { "ok" };
            let seen = seen(&answer);
            say(&format!(
                "{verdict:4} {}, {}: {}",
                caller.who,
                trial.shows,
                fault.map_or(seen.clone(), |fault| format!("{fault}; {seen}"))
            ));
        }
    }
    let mut judge = |what: &str, told: Result<String, String>| {
        wrong = wrong.saturating_add(u32::from(told.is_err()));
        let verdict = if told.is_ok() { "ok" } else { "FAIL" };
        let (Ok(seen) | Err(seen)) = told;
        say(&format!("{verdict:4} {what}: {seen}"));
    };
    judge("A token is revoked", story::revocation(&client, addresses)?);
    judge("The issuer takes new keys", story::rotation(&client, addresses)?);
    judge("Payments come too fast", story::limit(&client, addresses)?);
    // Behind most of the others: with theirs, these answers 401 are as many as are forgiven, and the one that is not.
    for delivery in DELIVERIES {
        let told = delivery.deliver(secrets, &client, addresses.gateway)?;
        judge(&format!("A webhook, {}", delivery.shows), told);
    }
    judge("Somebody guesses tokens", story::guessing(&client, addresses)?);
    if wrong == 0 {
        say("All answers are as they must be.");
        return Ok(0);
    }
    say(&format!("{wrong} answers are wrong."));
    Ok(1)
}

/// What is wrong with an answer.
fn fault(
    trial: &Trial,
    answer: &Answer,
    portal: impl FnOnce() -> Result<Answer, String>,
) -> Result<Option<String>, String> {
    let status = match trial.expect {
        Expect::Status(status) => status,
        Expect::NoRevenue
        | Expect::NoRevenueInEvents
        | Expect::Masked
        | Expect::Unchanged
        | Expect::Packed
        | Expect::Says(_)
        | Expect::Streamed => 200,
    };
    if answer.status != status {
        return Ok(Some(format!("the status must be {status}")));
    }
    let found = |wrong: bool, text: &str| wrong.then(|| text.to_owned());
    Ok(match trial.expect {
        Expect::Status(_) => None,
        Expect::Says(texts) => {
            let body = String::from_utf8_lossy(&answer.body);
            texts.iter().find(|text| !body.contains(**text)).map(|text| format!("`{text}` is not in it"))
        }
        Expect::NoRevenue => no_revenue(answer, &portal()?),
        Expect::NoRevenueInEvents => no_revenue(answer, &portal()?).or(held_back(answer)),
        Expect::Packed if !answer.has_header("content-encoding") => Some("it is not packed".to_owned()),
        Expect::Packed => match answer.unpacked() {
            Ok(answer) => no_revenue(&answer, &portal()?),
            Err(error) => Some(format!("it is no gzip ({error})")),
        },
        Expect::Masked => {
            let portal = portal()?;
            found(!answer.names(MASK) || answer.body.len() == portal.body.len(), "nothing is masked")
                .or(found(portal.names(MASK), "the portal masks by itself, so this shows nothing"))
        }
        Expect::Unchanged => found(answer.body != portal()?.body, "the body is not the portal's"),
        Expect::Streamed => revenue_in(answer).map(|word| format!("`{word}` is in it")).or(held_back(answer)),
    })
}

/// What is wrong with an answer that must come bit by bit.
fn held_back(answer: &Answer) -> Option<String> {
    let late = answer.has_header("content-length") || answer.first_byte_after > answer.whole_after / 2;
    late.then(|| "it was held back".to_owned())
}

/// What is wrong with an answer that must have no revenue field where the portal's has some.
fn no_revenue(answer: &Answer, portal: &Answer) -> Option<String> {
    let nothing = "the portal has nothing to hide here, so this shows nothing";
    let word = revenue_in(answer).map(|word| format!("`{word}` is in it"));
    let empty = answer.body.is_empty().then(|| "it is empty".to_owned());
    word.or(empty)
        .or_else(|| portal.unpacked().is_ok_and(|portal| revenue_in(&portal).is_none()).then(|| nothing.to_owned()))
}

/// The first word of a revenue field's name in the head or the body.
fn revenue_in(answer: &Answer) -> Option<&'static str> {
    REVENUE.into_iter().find(|word| answer.names(word))
}

fn seen(answer: &Answer) -> String {
    let Answer { status, body, first_byte_after, whole_after, .. } = answer;
    let (first_ms, whole_ms) = (first_byte_after.as_millis(), whole_after.as_millis());
    format!("{status}, {} bytes, the first after {first_ms} ms, the last after {whole_ms} ms", body.len())
}

/// Parts of names that no manager may see.
const REVENUE: [&str; 8] =
    ["markup", "profit", "margin", "revenue", "pricing", "unit_cost", "total_cost", "cost_internal"];
/// In lower case, as [`Answer::names`] compares.
const MASK: &str = "***redacted***";

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_are_judged() {
        let (secret, plain, masked) = (r#"{"unit_cost":1}"#, "{}", r#"{"ssn":"***REDACTED***"}"#);
        let cases = [
            (Expect::NoRevenue, 200, plain, secret, None),
            (Expect::NoRevenue, 200, secret, secret, Some("`unit_cost` is in it")),
            (Expect::NoRevenue, 200, plain, plain, Some("this shows nothing")),
            (Expect::NoRevenue, 503, plain, secret, Some("must be 200")),
            (Expect::Masked, 200, masked, r#"{"ssn":"1"}"#, None),
            (Expect::Masked, 200, plain, r#"{"ssn":"1"}"#, Some("nothing is masked")),
            (Expect::Unchanged, 200, secret, secret, None),
            (Expect::Unchanged, 200, plain, secret, Some("not the portal's")),
            (Expect::Streamed, 200, plain, secret, None),
            (Expect::Streamed, 200, secret, secret, Some("`unit_cost`")),
            (Expect::NoRevenue, 200, "", secret, Some("empty")),
            (Expect::Packed, 200, plain, secret, Some("not packed")),
            (Expect::NoRevenueInEvents, 200, plain, secret, None),
            (Expect::NoRevenueInEvents, 200, secret, secret, Some("`unit_cost`")),
            (Expect::Says(&["ssn"]), 200, masked, plain, None),
            (Expect::Says(&["ssn", "tin"]), 200, masked, plain, Some("`tin` is not in it")),
            (Expect::Status(403), 403, plain, plain, None),
            (Expect::Status(403), 200, plain, plain, Some("must be 403")),
        ];
        for (expect, status, body, portal, want) in cases {
            let trial = Trial { shows: "", method: "GET", path: "/", expect };
            let fault = fault(&trial, &answer(status, body), || Ok(answer(200, portal))).unwrap();
            match (&fault, want) {
                (Some(fault), Some(part)) => assert!(fault.contains(part), "{expect:?} {body}: {fault}"),
                (fault, want) => assert_eq!(fault.as_deref(), want, "{expect:?} {body}"),
            }
        }
    }

    #[test]
    fn a_packed_answer_is_judged_by_what_is_in_it() {
        let secret = r#"{"unit_cost":1}"#;
        let packed = |text: &str| {
            let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            body.write_all(text.as_bytes()).unwrap();
            let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
            Answer { headers, body: body.finish().unwrap(), ..answer(200, "") }
        };
        let not_gzip = Answer { body: b"{}".to_vec(), ..packed("") };
        for (answer, portal, want) in [
            (packed("{}"), answer(200, secret), None),
            (packed("{}"), packed(secret), None),
            (packed(secret), answer(200, secret), Some("`unit_cost` is in it")),
            (packed("{}"), packed("{}"), Some("shows nothing")),
            (not_gzip, answer(200, secret), Some("no gzip")),
        ] {
            let trial = Trial { shows: "", method: "GET", path: "/", expect: Expect::Packed };
            let fault = fault(&trial, &answer, || Ok(portal)).unwrap();
            assert_eq!(fault.is_some(), want.is_some(), "{fault:?}");
            assert!(fault.unwrap_or_default().contains(want.unwrap_or_default()), "{want:?}");
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            first_byte_after: Duration::from_millis(1),
            whole_after: Duration::from_millis(9),
        }
    }
}

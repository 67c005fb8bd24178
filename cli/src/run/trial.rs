//! What to try on the running gate: printed by `run`, made and judged by `run --once`.

use super::config::Addresses;

/// One request to the gateway and what its answer shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) shows: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) expect: Expect,
}

/// Whose token the requests carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) who: &'static str,
    /// What the issuer is asked for; `None`: no token.
    pub(super) token: Option<&'static str>,
    pub(super) trials: &'static [Trial],
}

/// What the answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// 200 without a name of a revenue field, where the portal's own answer has some.
    NoRevenue,
    /// 200 with personal data masked, where the portal's own answer has it in clear.
    Masked,
    /// The portal's own answer, byte for byte.
    Unchanged,
    /// As [`Expect::NoRevenue`], the first event before the last is sent.
    NoRevenueInEvents,
    /// In gzip, and then as [`Expect::NoRevenue`].
    Packed,
    /// 200 in many pieces, the first long before the last, without a name of a revenue field.
    Streamed,
    /// 200 with all of these texts in it.
    Says(&'static [&'static str]),
    /// This status.
    Status(u16),
}

const fn get(shows: &'static str, path: &'static str, expect: Expect) -> Trial {
    Trial { shows, method: "GET", path, expect }
}

pub(super) const CALLERS: [Caller; 6] = [
    Caller {
        who: "As a manager",
        token: Some("role=MANAGER"),
        trials: &[
            get("no revenue field", PARTS, Expect::NoRevenue),
            get("personal data masked", STAFF, Expect::Masked),
            get("a protected endpoint: 403", REVENUE, Expect::Status(403)),
            get("what the portal is told of the caller", WHOAMI, Expect::Says(TOLD)),
            get("a large export, streamed", EXPORT, Expect::Streamed),
            get("a table without its revenue columns", EXPORT_CSV, Expect::NoRevenue),
            get("a record a line", EXPORT_NDJSON, Expect::NoRevenue),
            get("events as they happen", EVENTS, Expect::NoRevenueInEvents),
            get("packed for a client that asks for it", PARTS, Expect::Packed),
            get("unpacked where the portal packs unasked", UNASKED, Expect::NoRevenue),
            get("an answer cut short by the portal: 502", CUT_SHORT, Expect::Status(502)),
            get("an answer that stays packed: 502", PACKED_TWICE, Expect::Status(502)),
        ],
    },
    Caller {
        who: "As an administrator",
        token: Some("role=SMS_ADMIN&alg=RS256"),
        trials: &[
            get("the portal's answer, byte for byte", PARTS, Expect::Unchanged),
            get("the protected endpoint", REVENUE, Expect::Unchanged),
            get("the whole table", EXPORT_CSV, Expect::Unchanged),
        ],
    },
    Caller {
        who: "As a technician",
        token: Some("role=TECHNICIAN&alg=EdDSA"),
        trials: &[
            get("what is his", FAULT, Expect::Status(200)),
            Trial { shows: "a method that is not: 403", method: "DELETE", path: FAULT, expect: Expect::Status(403) },
            get("a part of the other portal that is not: 403", STAFF, Expect::Status(403)),
        ],
    },
    Caller {
        who: "With a token for another gateway",
        token: Some("role=SMS_ADMIN&aud=others"),
        trials: &[get("good elsewhere, not here: 401", PARTS, Expect::Status(401))],
    },
    Caller {
        who: "With a refresh token",
        token: Some("role=SMS_ADMIN&type=refresh"),
        trials: &[get("for the issuer only: 401", PARTS, Expect::Status(401))],
    },
    Caller { who: "As nobody", token: None, trials: &[get("no token: 401", PARTS, Expect::Status(401))] },
];

/// Lines to paste into a shell, those about webhooks among them. Explanations stand on lines of their own: not every shell takes a comment after a command.
pub(super) fn what_to_try(addresses: &Addresses, webhooks: &str) -> String {
    let (gateway, issuer) = (addresses.gateway, addresses.portals.issuer);
    let mut text = String::from("\nEnvoy stands in front of both portals. Try, in another terminal:\n");
    for caller in CALLERS {
        text.push_str(&format!("\n{}\n", caller.who));
        let mut header = "";
        if let Some(query) = caller.token {
            text.push_str(&format!("    TOKEN=$(curl -s 'http://{issuer}/token?{query}')\n"));
            header = r#" -H "authorization: Bearer $TOKEN""#;
        }
        for trial in caller.trials {
            let Trial { shows, method, path, expect } = trial;
            let options = match expect {
                Expect::NoRevenue | Expect::Masked | Expect::Unchanged | Expect::Says(_) => "-s",
                Expect::Status(_) => "-si",
                Expect::Packed => "-si --compressed",
                Expect::NoRevenueInEvents => "-sN",
                Expect::Streamed => EXPORT_OPTIONS,
            };
            let method = if *method == "GET" { String::new() } else { format!(" -X {method}") };
            text.push_str(&format!("  {shows}\n    curl {options}{method}{header} 'http://{gateway}{path}'\n"));
        }
    }
    let token = format!("    TOKEN=$(curl -s 'http://{issuer}/token?role=MANAGER')\n");
    let ask = format!(r#"    curl -si -H "authorization: Bearer $TOKEN" 'http://{gateway}{FAULT}'"#);
    text.push_str(&format!(
        "\nA token is revoked: {REVOKED_WITHIN_S} s later at most, 401\n{token}{ask}\n    curl -s -d \"token=$TOKEN\" 'http://{issuer}/revoke'\n    \
         sleep {REVOKED_WITHIN_S}\n{ask}\n"
    ));
    text.push_str(&format!(
        "\nThe issuer takes a new key, announced or not: no request fails\n{token}    curl -s -X POST 'http://{issuer}/rotate'\n{ask}\n    \
         curl -s -X POST 'http://{issuer}/rotate?unseen=true'\n{token}{ask}\n"
    ));
    let admin = format!("    TOKEN=$(curl -s 'http://{issuer}/token?role=COMPANY_ADMIN')\n");
    let bearer = r#"-H "authorization: Bearer $TOKEN""#;
    let pay = format!("    curl -si {bearer} 'http://{gateway}{PAYMENTS}'");
    text.push_str(&format!(
        "\n{AT_ONCE} payments at once, and one more: 429; when the seconds of Retry-After are over, 200\n{admin}    curl -s -o /dev/null -w \
         '%{{http_code}}\\n' {bearer} 'http://{gateway}{PAYMENTS}?n=[1-{AT_ONCE}]'\n{pay}\n    sleep 2\n{pay}\n"
    ));
    text.push_str(webhooks);
    text.push_str(&format!(
        "\nSomebody guesses tokens: after {GUESSES} within a minute nobody from this address gets in for a minute, 429\n{token}    curl -s -o \
         /dev/null -w '%{{http_code}}\\n' -H 'authorization: Bearer x.y.z' 'http://{gateway}{FAULT}?n=[0-{GUESSES}]'\n{ask}\n"
    ));
    text.push_str(&format!(
        "\nCounters: http://{}/stats?filter=lockgate\nEvery decision is shown below. Ctrl-C stops everything.\n",
        addresses.admin
    ));
    text
}

/// Within this time of its revocation a token must be refused: two seconds between two fetches, and what they take.
pub(super) const REVOKED_WITHIN_S: u64 = 6;
/// An endpoint for everybody.
pub(super) const FAULT: &str = "/api/maintenance/faults/1";
/// An endpoint that takes a few requests at once.
pub(super) const PAYMENTS: &str = "/api/payments";
/// So many.
pub(super) const AT_ONCE: u32 = 10;
/// So many answers 401 in a minute are forgiven.
pub(super) const GUESSES: u32 = 5;
const WHOAMI: &str = "/api/maintenance/whoami";
const TOLD: &[&str] = &[
    r#""x-user-id":"usr-2002""#,
    r#""x-role":"MANAGER""#,
    r#""x-tenant-id":"tenant-nordhavn""#,
    r#""authorization":false"#,
];
const PARTS: &str = "/api/maintenance/parts?per_page=2";
const STAFF: &str = "/api/onboarding/staff?per_page=1";
const REVENUE: &str = "/api/reports/revenue";
const UNASKED: &str = "/api/maintenance/test/bad/gzip-unasked";
const CUT_SHORT: &str = "/api/maintenance/test/bad/truncated";
const PACKED_TWICE: &str = "/api/maintenance/test/bad/stacked";
const EXPORT_CSV: &str = "/api/maintenance/exports/parts.csv?rows=3";
const EXPORT_NDJSON: &str = "/api/maintenance/exports/parts.ndjson?rows=3";
/// For half a second.
const EVENTS: &str = "/api/maintenance/events?events=6&every_ms=100";
/// About 15 MB.
const EXPORT: &str = "/api/maintenance/exports/parts?rows=100000";
const EXPORT_OPTIONS: &str = r"-s -o /dev/null -w '%{size_download} bytes, the first after %{time_starttransfer} s, the last after %{time_total} s\n'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_ready_to_paste() {
        let text = what_to_try(&Addresses::written(), "\nabout webhooks\n");
        for line in [
            "    TOKEN=$(curl -s 'http://127.0.0.1:3003/token?role=MANAGER')\n",
            "    TOKEN=$(curl -s 'http://127.0.0.1:3003/token?role=SMS_ADMIN&alg=RS256')\n",
            "    curl -si -X DELETE -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/maintenance/faults/1'\n",
            "    curl -s -d \"token=$TOKEN\" 'http://127.0.0.1:3003/revoke'\n",
            "    curl -s -X POST 'http://127.0.0.1:3003/rotate?unseen=true'\n",
            "    curl -s -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/maintenance/parts?per_page=2'\n",
            "    curl -si -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/reports/revenue'\n",
            "    curl -sN -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/maintenance/events?events=6&every_ms=100'\n",
            "    curl -si --compressed -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/maintenance/parts?per_page=2'\n",
            "    curl -si 'http://127.0.0.1:8080/api/maintenance/parts?per_page=2'\n",
            "    curl -s -o /dev/null -w '%{http_code}\\n' -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/payments?n=[1-10]'\n",
            "    curl -si -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/payments'\n",
            "\nabout webhooks\n",
            "    curl -s -o /dev/null -w '%{http_code}\\n' -H 'authorization: Bearer x.y.z' 'http://127.0.0.1:8080/api/maintenance/faults/1?n=[0-5]'\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}

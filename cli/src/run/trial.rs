//! What to try on the running gate: printed by `run`, made and judged by `run --once`.

use super::config::Addresses;

/// One request to the gateway and what its answer shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) shows: &'static str,
    pub(super) path: &'static str,
    pub(super) expect: Expect,
}

/// Whose token the requests carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) who: &'static str,
    /// The role to ask the issuer for; `None`: no token.
    pub(super) role: Option<&'static str>,
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
    /// This status.
    Status(u16),
}

pub(super) const CALLERS: [Caller; 3] = [
    Caller {
        who: "As a manager",
        role: Some("MANAGER"),
        trials: &[
            Trial { shows: "no revenue field", path: PARTS, expect: Expect::NoRevenue },
            Trial { shows: "personal data masked", path: STAFF, expect: Expect::Masked },
            Trial { shows: "a protected endpoint: 403", path: REVENUE, expect: Expect::Status(403) },
            Trial { shows: "a large export, streamed", path: EXPORT, expect: Expect::Streamed },
            Trial { shows: "a table without its revenue columns", path: EXPORT_CSV, expect: Expect::NoRevenue },
            Trial { shows: "a record a line", path: EXPORT_NDJSON, expect: Expect::NoRevenue },
            Trial { shows: "events as they happen", path: EVENTS, expect: Expect::NoRevenueInEvents },
            Trial { shows: "packed for a client that asks for it", path: PARTS, expect: Expect::Packed },
            Trial { shows: "unpacked where the portal packs unasked", path: UNASKED, expect: Expect::NoRevenue },
            Trial { shows: "an answer cut short by the portal: 502", path: CUT_SHORT, expect: Expect::Status(502) },
            Trial { shows: "an answer that stays packed: 502", path: PACKED_TWICE, expect: Expect::Status(502) },
        ],
    },
    Caller {
        who: "As an administrator",
        role: Some("SMS_ADMIN"),
        trials: &[
            Trial { shows: "the portal's answer, byte for byte", path: PARTS, expect: Expect::Unchanged },
            Trial { shows: "the protected endpoint", path: REVENUE, expect: Expect::Unchanged },
            Trial { shows: "the whole table", path: EXPORT_CSV, expect: Expect::Unchanged },
        ],
    },
    Caller {
        who: "As nobody",
        role: None,
        trials: &[Trial { shows: "no token: 401", path: PARTS, expect: Expect::Status(401) }],
    },
];

/// Lines to paste into a shell. Explanations stand on lines of their own: not every shell takes a comment after a command.
pub(super) fn what_to_try(addresses: &Addresses) -> String {
    let mut text = String::from("\nEnvoy stands in front of both portals. Try, in another terminal:\n");
    for caller in CALLERS {
        text.push_str(&format!("\n{}\n", caller.who));
        let mut header = "";
        if let Some(role) = caller.role {
            let issuer = addresses.portals.issuer;
            text.push_str(&format!("    TOKEN=$(curl -s 'http://{issuer}/token?role={role}')\n"));
            header = r#" -H "authorization: Bearer $TOKEN""#;
        }
        for trial in caller.trials {
            let Trial { shows, path, expect } = trial;
            let options = match expect {
                Expect::NoRevenue | Expect::Masked | Expect::Unchanged => "-s",
                Expect::Status(_) => "-si",
                Expect::Packed => "-si --compressed",
                Expect::NoRevenueInEvents => "-sN",
                Expect::Streamed => EXPORT_OPTIONS,
            };
            text.push_str(&format!("  {shows}\n    curl {options}{header} 'http://{}{path}'\n", addresses.gateway));
        }
    }
    text.push_str(&format!(
        "\nCounters: http://{}/stats?filter=lockgate\nEvery decision is shown below. Ctrl-C stops everything.\n",
        addresses.admin
    ));
    text
}

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
        let text = what_to_try(&Addresses::written());
        for line in [
            "    TOKEN=$(curl -s 'http://127.0.0.1:3003/token?role=MANAGER')\n",
            "    TOKEN=$(curl -s 'http://127.0.0.1:3003/token?role=SMS_ADMIN')\n",
            "    curl -s -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/maintenance/parts?per_page=2'\n",
            "    curl -si -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/reports/revenue'\n",
            "    curl -sN -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/maintenance/events?events=6&every_ms=100'\n",
            "    curl -si --compressed -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/api/maintenance/parts?per_page=2'\n",
            "    curl -si 'http://127.0.0.1:8080/api/maintenance/parts?per_page=2'\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}

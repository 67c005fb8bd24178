//! Webhooks to try: printed by `run`, delivered and judged by `run --once`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use lockgate::exchange::Policy as _;
use lockgate::webhook_verify::{Outgoing, Policy};
use serde_json::json;

use super::web::{Answer, Client};

/// The secrets of the senders, by variable. No `Debug`: they are nobody's business.
pub(super) struct Secrets(BTreeMap<String, String>);

/// One delivery of the maintenance portal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub(super) shows: &'static str,
    body: &'static str,
    /// What its sender has signed.
    signed: &'static str,
    /// When it says that it was sent; `None`: now.
    sent: Option<&'static str>,
    expect: Expect,
}

/// What the answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The portal's: the body that it got.
    Taken,
    /// 200, and the portal has not heard of it.
    Repeated,
    /// This status.
    Status(u16),
}

/// In the order in which they are delivered. What gets 401 counts as a guess of a token, so these are the last.
pub(super) const DELIVERIES: [Delivery; 5] = [
    Delivery { shows: "a good one", body: LOW_STOCK, signed: LOW_STOCK, sent: None, expect: Expect::Taken },
    Delivery {
        shows: "the same once more: 200 without the portal",
        body: LOW_STOCK,
        signed: LOW_STOCK,
        sent: None,
        expect: Expect::Repeated,
    },
    Delivery {
        shows: "an event that this portal does not send: 403",
        body: CREATED,
        signed: CREATED,
        sent: None,
        expect: Expect::Status(403),
    },
    Delivery { shows: "a forged one: 401", body: FORGED, signed: LOW_STOCK, sent: None, expect: Expect::Status(401) },
    Delivery {
        shows: "an old one: 401",
        body: CRITICAL,
        signed: CRITICAL,
        sent: Some(OLD),
        expect: Expect::Status(401),
    },
];

impl Secrets {
    /// Those of this process's environment, and random ones where it has none.
    ///
    /// # Errors
    /// There is no source of random bytes.
    pub(super) fn prepare() -> Result<Self, String> {
        let secrets = VARIABLES.into_iter().map(|name| {
            let secret = std::env::var(name).map_or_else(|_| random(), Ok)?;
            Ok((name.to_owned(), secret))
        });
        secrets.collect::<Result<_, String>>().map(Self)
    }

    /// As Envoy gets them.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    /// The header fields of a delivery, signed now, but for what it says otherwise.
    fn sign(&self, delivery: &Delivery) -> Result<Vec<(String, String)>, String> {
        let endpoint = json!({
            "name": ENDPOINT, "match": {"paths": [PATH]}, "scheme": "portal", "secrets": [{"env": MAINTENANCE}],
        });
        let text = json!({"endpoints": [endpoint]}).to_string();
        let policy = Policy::read(text.as_bytes(), &self.0)
            .map_err(|error| format!("the secret in {MAINTENANCE} cannot be used: {error}"))?;
        let outgoing = Outgoing {
            method: "POST",
            target: PATH,
            headers: &[],
            body: delivery.signed.as_bytes(),
            id: ID,
            now_ms: now_ms(),
        };
        let mut headers = policy.sign(ENDPOINT, &outgoing).map_err(|error| error.to_string())?;
        for (name, value) in &mut headers {
            if let (TIME, Some(sent)) = (&**name, delivery.sent) {
                sent.clone_into(value);
            }
        }
        Ok(headers)
    }
}

impl Delivery {
    /// Delivers it: what was seen, or what was wrong.
    ///
    /// # Errors
    /// There is no answer to judge.
    pub(super) fn deliver(
        &self,
        secrets: &Secrets,
        client: &Client,
        gateway: SocketAddr,
    ) -> Result<Result<String, String>, String> {
        let answer = client.deliver(gateway, PATH, &secrets.sign(self)?, self.body)?;
        let seen = format!("{}, {} bytes", answer.status, answer.body.len());
        Ok(match self.fault(&answer) {
            None => Ok(seen),
            Some(fault) => Err(format!("{fault}; {seen}")),
        })
    }

    /// What is wrong with an answer.
    fn fault(&self, answer: &Answer) -> Option<String> {
        let status = if let Expect::Status(status) = self.expect { status } else { 200 };
        if answer.status != status {
            return Some(format!("the status must be {status}"));
        }
        let heard = answer.has_header(RECEIVED);
        match self.expect {
            Expect::Taken if !heard || answer.body != self.body.as_bytes() => {
                Some("the portal did not get it".to_owned())
            }
            Expect::Repeated if heard => Some("the portal got it again".to_owned()),
            Expect::Status(_) if heard => Some("the portal got it".to_owned()),
            Expect::Taken | Expect::Repeated | Expect::Status(_) => None,
        }
    }
}

/// Lines to paste into a shell. The portals' format does not sign the time, so the shell says it.
///
/// # Errors
/// A secret of this process's environment cannot be used.
pub(super) fn what_to_try(secrets: &Secrets, gateway: SocketAddr) -> Result<String, String> {
    let mut text = "\nWebhooks of the maintenance portal; those that get 401 count as guesses, see below\n".to_owned();
    for delivery in DELIVERIES {
        let mut fields = String::new();
        for (name, value) in secrets.sign(&delivery)? {
            fields.push_str(&match (&*name, delivery.sent) {
                (TIME, None) => format!(r#" -H "{TIME}: $(date -u +%Y-%m-%dT%H:%M:%SZ)""#),
                (_, _) => format!(" -H '{name}: {value}'"),
            });
        }
        text.push_str(&format!(
            "  {}\n    curl -si -H 'content-type: application/json'{fields} -d '{}' 'http://{gateway}{PATH}'\n",
            delivery.shows, delivery.body
        ));
    }
    if std::env::var_os(MAINTENANCE).is_none() {
        text.push_str(&format!(
            "  The secret is random: to sign others with `lockgate webhook sign`, start with one of yours in {MAINTENANCE}\n"
        ));
    }
    Ok(text)
}

/// In hexadecimal digits.
fn random() -> Result<String, String> {
    let mut bytes = [0_u8; 32];
    let read = File::open(RANDOM).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| format!("no random bytes for a secret: {RANDOM}: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[expect(clippy::disallowed_methods, reason = "a command may ask what time it is; the core is told")]
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    now.and_then(|now| u64::try_from(now.as_millis()).ok()).unwrap_or_default()
}

/// What envoy.yaml has its secrets from.
const VARIABLES: [&str; 2] = [MAINTENANCE, "ONBOARDING_WEBHOOK_SECRET"];
const MAINTENANCE: &str = "MAINTENANCE_WEBHOOK_SECRET";
const ENDPOINT: &str = "maintenance";
const PATH: &str = "/api/onboarding/webhooks/maintenance";
const ID: &str = "wh-1";
const TIME: &str = "x-webhook-timestamp";
/// The portal says here how many bytes it got.
const RECEIVED: &str = "x-received-bytes";
const RANDOM: &str = "/dev/urandom";
const OLD: &str = "2026-01-01T00:00:00Z";
// The portals' events. In quotes of a shell later, so without any of theirs.
const LOW_STOCK: &str = r#"{"id":"evt-1","event":"parts.low_stock","source":{"system":"maintenance","version":"1"},"data":{"entity":"part","entityId":7}}"#;
const FORGED: &str = r#"{"id":"evt-1","event":"parts.low_stock","source":{"system":"maintenance","version":"1"},"data":{"entity":"part","entityId":8}}"#;
const CRITICAL: &str = r#"{"id":"evt-2","event":"fault.critical","source":{"system":"maintenance","version":"1"},"data":{"entity":"fault","entityId":1}}"#;
const CREATED: &str = r#"{"id":"evt-3","event":"vessel.created","source":{"system":"maintenance","version":"1"},"data":{"entity":"vessel","entityId":1}}"#;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn secrets() -> Secrets {
        Secrets(BTreeMap::from([(MAINTENANCE.to_owned(), "a secret for tests only".to_owned())]))
    }

    #[test]
    fn lines_are_ready_to_paste_and_have_no_secret() {
        let text = what_to_try(&secrets(), SocketAddr::from(([127, 0, 0, 1], 8080))).unwrap();
        // printf %s BODY | openssl dgst -sha256 -hmac SECRET
        let good = "-H 'x-webhook-signature: sha256=d401da82d2d1b225ab40badb50d795c95790dbbc1a9d5d4df21b24efbafbd3f9'";
        let url = "'http://127.0.0.1:8080/api/onboarding/webhooks/maintenance'";
        let now = r#"-H "x-webhook-timestamp: $(date -u +%Y-%m-%dT%H:%M:%SZ)""#;
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("    curl -si ")).collect();
        let [first, again, other, forged, old] = lines.as_slice() else { panic!("{text}") };
        assert_eq!(first, again);
        for (line, parts) in [
            (first, [good, now, LOW_STOCK]),
            (forged, [good, now, FORGED]),
            (old, ["x-webhook-signature: sha256=", "-H 'x-webhook-timestamp: 2026-01-01T00:00:00Z'", CRITICAL]),
            (other, ["x-webhook-signature: sha256=", now, CREATED]),
        ] {
            assert!(line.ends_with(url) && parts.iter().all(|part| line.contains(part)), "{line}\n{parts:?}");
            assert_eq!(line.matches('\'').count() % 2, 0, "{line}");
        }
        assert!(!old.contains(good) && !text.contains("a secret"), "{text}");
    }

    #[test]
    fn secrets_are_long_and_of_this_run() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert!(one.len() == 64 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", one.len());
        assert_ne!(one, other);
        let names = Secrets::prepare().unwrap();
        let names: Vec<&str> = names.variables().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, VARIABLES);
        let envoy = include_str!("../../../envoy.yaml");
        assert!(envoy.contains(&format!("host_env_keys: [{}]", VARIABLES.join(", "))));
    }

    #[test]
    fn a_secret_that_is_too_short_is_named_and_not_told() {
        let short = Secrets(BTreeMap::from([(MAINTENANCE.to_owned(), "zx".to_owned())]));
        let error = short.sign(&DELIVERIES[0]).unwrap_err();
        assert!(error.contains(MAINTENANCE) && !error.contains("zx"), "{error}");
    }

    #[test]
    fn answers_are_judged() {
        let answer = |status: u16, heard: bool, body: &str| Answer {
            status,
            headers: heard.then(|| (RECEIVED.to_owned(), "1".to_owned())).into_iter().collect(),
            body: body.as_bytes().to_vec(),
            first_byte_after: Duration::ZERO,
            whole_after: Duration::ZERO,
        };
        let [good, again, other, forged, _] = DELIVERIES;
        for (delivery, answer, want) in [
            (good, answer(200, true, LOW_STOCK), None),
            (good, answer(200, false, LOW_STOCK), Some("the portal did not get it")),
            (good, answer(200, true, "{}"), Some("the portal did not get it")),
            (good, answer(401, true, LOW_STOCK), Some("the status must be 200")),
            (again, answer(200, false, ""), None),
            (again, answer(200, true, LOW_STOCK), Some("the portal got it again")),
            (forged, answer(401, false, ""), None),
            (forged, answer(401, true, ""), Some("the portal got it")),
            (forged, answer(200, false, ""), Some("the status must be 401")),
            (other, answer(401, false, ""), Some("the status must be 403")),
        ] {
            assert_eq!(delivery.fault(&answer).as_deref(), want, "{}: {}", delivery.shows, answer.status);
        }
    }
}

//! Tables about the filter as a whole: a request in, a verdict out.

mod attacks;
mod claims;
mod configuration;
mod forwarding;
mod keys;
mod remembered;
mod remote;
mod revoked;
mod sources;
mod storms;
mod vectors;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use super::Policy;
use crate::exchange::Policy as _;
use crate::replay::{self, Answer, Content, Ending, Heads, MemoryHost, Outcome, Request};
use crate::signature::SigningKey;

/// The time of all tables, in Unix seconds.
const NOW_S: u64 = 1_700_000_000;
/// The provider's secret.
const SECRET: &str = "TopSecret-0123456789-0123456789-0123456789-0123456789-0123456789";
const ISSUER: &str = "https://issuer.example";

fn variables() -> BTreeMap<String, String> {
    BTreeMap::from([("SECRET".to_owned(), SECRET.to_owned())])
}

/// One provider of HS256, any good token anywhere, no leeway.
fn config() -> Json {
    json!({
        "providers": [{
            "name": "main", "issuer": ISSUER, "audiences": ["lockgate", "other"], "algorithms": ["HS256"],
            "hmac_secret": {"env": "SECRET"}, "leeway_s": 0
        }],
        "access": {"rules": [
            {"match": {"paths": ["/public/**"]}, "public": true},
            {"match": {"paths": ["/api/**"]}, "require": {}}
        ]},
        "limits": {"failed_signatures": {"limit": 0}}
    })
}

/// [`config`] with one field of its provider set.
fn with(field: &str, value: Json) -> Json {
    let mut config = config();
    config["providers"][0][field] = value;
    config
}

/// The claims of a good token.
fn claims() -> Json {
    json!({"iss": ISSUER, "aud": "lockgate", "sub": "u-1", "iat": NOW_S - 60, "exp": NOW_S + 600})
}

/// A token of these texts.
fn sign_texts(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    let mut token = URL_SAFE_NO_PAD.encode(header) + "." + &URL_SAFE_NO_PAD.encode(payload);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    token
}

fn secret() -> SigningKey {
    SigningKey::hmac(SECRET.as_bytes()).unwrap()
}

/// A token of HS256 with these claims.
fn token(claims: &Json) -> String {
    sign_texts(br#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string().as_bytes(), &secret())
}

/// A good token.
fn good() -> String {
    token(&claims())
}

/// A filter, and the host that it runs on.
struct Gate {
    policy: Policy,
    host: MemoryHost,
}

impl Gate {
    #[track_caller]
    fn new(config: &Json) -> Self {
        let mut gate = Self { policy: policy(config).unwrap(), host: MemoryHost::default() };
        gate.set_time(NOW_S);
        gate.policy.start(&mut gate.host);
        gate
    }

    fn set_time(&mut self, now_s: u64) {
        self.host.now_ms = Some(now_s * 1000);
    }

    fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &[u8])]) -> Outcome {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        let request = Request {
            method: method.to_owned(),
            path: target.to_owned(),
            content: Content { headers, ..Content::default() },
        };
        let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
        replay::run(&self.policy, &mut self.host, &request, &answer, Heads::Wait)
    }

    /// What comes of a token in `authorization`.
    fn bearer(&mut self, token: &str) -> Verdict {
        Verdict::of(&self.ask("GET", "/api/x", &[("authorization", format!("Bearer {token}").as_bytes())]))
    }

    /// What a portal reads of this header.
    fn forwarded(outcome: &Outcome, name: &str) -> Option<String> {
        let forwarded = outcome.forwarded.as_ref()?;
        let mut values = forwarded.headers.iter().filter(|(given, _)| given == name);
        let value = values.next().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    /// The identity record that later filters find.
    fn identity(&self) -> String {
        let record = self.host.attributes.get(&[crate::identity::FILTER_STATE.to_owned()][..]);
        String::from_utf8_lossy(record.map_or(&[], Vec::as_slice)).into_owned()
    }
}

fn policy(config: &Json) -> Result<Policy, String> {
    Policy::read(config.to_string().as_bytes(), &variables()).map_err(|error| error.to_string())
}

/// Status, reason, and what the challenge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// 401 without an error.
    NoToken(&'static str),
    /// 401 `invalid_token`.
    Bad(&'static str),
    /// 403 `insufficient_scope`.
    Forbidden(&'static str),
    /// Any other answer.
    Other(u16, &'static str),
}

impl Verdict {
    fn of(outcome: &Outcome) -> Self {
        let Ending::Reply(reason) = outcome.ending else {
            assert_eq!((&outcome.ending, outcome.status), (&Ending::Pass, 200));
            assert!(outcome.forwarded.is_some());
            return Self::Passed;
        };
        assert!(outcome.forwarded.is_none(), "{reason}: something reached the portal");
        let header = |wanted: &str| {
            let value = outcome.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
            value.map(|value| std::str::from_utf8(value).unwrap())
        };
        assert_eq!(header("content-type"), Some("application/problem+json"));
        assert_eq!(header("cache-control"), Some("no-store"));
        // Fixed text: nothing of the reason.
        let body: Json = serde_json::from_slice(&outcome.body).unwrap();
        assert_eq!(body["status"], outcome.status);
        let members: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["status", "title", "type"]);
        match (outcome.status, header("www-authenticate")) {
            (401, Some(r#"Bearer realm="lockgate""#)) => Self::NoToken(reason),
            (401, Some(r#"Bearer realm="lockgate", error="invalid_token""#)) => Self::Bad(reason),
            (403, Some(r#"Bearer realm="lockgate", error="insufficient_scope""#)) => Self::Forbidden(reason),
            (status @ (400 | 429 | 503), None) => Self::Other(status, reason),
            other => panic!("{other:?}"),
        }
    }
}

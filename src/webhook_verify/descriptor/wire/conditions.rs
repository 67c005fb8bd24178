//! What a request must have besides, and probes of providers.

use serde::Deserialize;

use super::{Algorithm, Encoding, PlaceWire, list, text};
use crate::config::ConfigError;
use crate::identity::is_header_name;
use crate::webhook_verify::descriptor::{Answer, Challenge, Require, Wanted};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RequireWire {
    from: PlaceWire,
    is: Option<Vec<String>>,
    setting: Option<String>,
    body_sha256_unless_form: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeWire {
    method: String,
    signed: bool,
    when: Option<Vec<WhenWire>>,
    secret: Option<PlaceWire>,
    token: Option<PlaceWire>,
    answer: AnswerWire,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct WhenWire {
    from: PlaceWire,
    is: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum AnswerWire {
    Empty,
    Text,
    Json(String),
    Mac(MacWire),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct MacWire {
    token_member: Option<String>,
    member: String,
    prefix: Option<String>,
    encoding: Encoding,
}

impl RequireWire {
    pub(super) fn check(self, path: &str) -> Result<Require, ConfigError> {
        let wanted = match (self.is, self.setting, self.body_sha256_unless_form) {
            (Some(is), None, None) => {
                list(&format!("{path}.is"), &is)?;
                Wanted::OneOf(is)
            }
            (None, Some(name), None) => Wanted::Setting(text(&format!("{path}.setting"), name)?),
            (None, None, Some(true)) => Wanted::BodySha256UnlessForm,
            (_, _, _) => {
                return Err(ConfigError::new(path, "must have one of is, setting and body_sha256_unless_form: true"));
            }
        };
        Ok(Require { place: self.from.check(&format!("{path}.from"))?, wanted })
    }
}

impl ChallengeWire {
    pub(super) fn check(self, path: &str, algorithm: Algorithm) -> Result<Challenge, ConfigError> {
        let refuse = |field: &str, why: &str| Err(ConfigError::new(format!("{path}.{field}"), why));
        if !is_header_name(&self.method) || self.method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return refuse("method", "is no method; methods are upper case, such as GET");
        }
        let mut when = Vec::new();
        for (n, wire) in self.when.unwrap_or_default().into_iter().enumerate() {
            when.push((wire.from.check(&format!("{path}.when[{n}].from"))?, wire.is));
        }
        let secret = self.secret.map(|place| place.check(&format!("{path}.secret"))).transpose()?;
        let token = self.token.map(|place| place.check(&format!("{path}.token"))).transpose()?;
        let answer = match self.answer {
            AnswerWire::Empty => Answer::Empty,
            AnswerWire::Text => Answer::Text,
            AnswerWire::Json(member) => Answer::Json { member },
            AnswerWire::Mac(mac) => Answer::Mac {
                token_member: mac.token_member,
                member: mac.member,
                prefix: mac.prefix.unwrap_or_default(),
                encoding: mac.encoding,
            },
        };
        if token.is_none() != matches!(answer, Answer::Empty) {
            return refuse("token", "is what is sent back, so it is there unless the answer is empty");
        }
        if matches!(answer, Answer::Mac { .. }) && algorithm.mac().is_none() {
            return refuse("answer", "is a MAC, and the scheme has none");
        }
        let challenge = Challenge { method: self.method, signed: self.signed, when, secret, token, answer };
        if !challenge.signed && challenge.reads_body() {
            return refuse("signed", "must be true where the body says what is asked");
        }
        Ok(challenge)
    }
}

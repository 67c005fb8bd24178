//! What comes out of a case, as one JSON object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate::audit::Audit;
use lockgate::replay::{Ending, Fields, Forwarded, Outcome};
use serde::Serialize;

/// What the client got and what the portal got.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Vec<(String, String)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_b64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded: Option<ForwardedOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow: Vec<ShadowOut>,
}

#[derive(Debug, Serialize)]
struct ForwardedOut {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body_b64: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trailers: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct ShadowOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Verdict {
    /// The configuration, or the case itself, is refused; the reason has the field's path.
    pub(crate) fn config_error(error: &dyn std::fmt::Display) -> Self {
        Self {
            outcome: "config_error",
            status: None,
            reason: Some(error.to_string()),
            headers: None,
            body_b64: None,
            trailers: Vec::new(),
            forwarded: None,
            shadow: Vec::new(),
        }
    }

    /// The outcome of an exchange with its records.
    pub(crate) fn new(outcome: &Outcome, audits: &[Audit]) -> Self {
        let (word, reason) = match outcome.ending {
            Ending::Pass => ("pass", None),
            Ending::Reply(reason) => ("reply", Some(reason)),
            Ending::Abort(reason) => ("abort", reason),
        };
        let shadow = audits.iter().filter(|audit| audit.shadow && audit.outcome != "passed");
        Self {
            outcome: word,
            status: (outcome.status != 0).then_some(outcome.status),
            reason: reason.map(str::to_owned),
            headers: Some(latin1(&outcome.headers)),
            body_b64: Some(STANDARD.encode(&outcome.body)),
            trailers: latin1(&outcome.trailers),
            forwarded: outcome.forwarded.as_ref().map(ForwardedOut::new),
            shadow: shadow
                .map(|audit| ShadowOut { rule: audit.rule.clone(), outcome: audit.outcome, reason: audit.reason })
                .collect(),
        }
    }

    /// 0 when the answer passed, 1 when it did not, 2 for the configuration.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.outcome {
            "pass" => 0,
            "config_error" => 2,
            _ => 1,
        }
    }
}

impl ForwardedOut {
    fn new(forwarded: &Forwarded) -> Self {
        Self {
            method: forwarded.method.clone(),
            path: forwarded.path.clone(),
            headers: latin1(&forwarded.headers),
            body_b64: STANDARD.encode(&forwarded.body),
            trailers: latin1(&forwarded.trailers),
        }
    }
}

/// Each byte of a value as one character.
fn latin1(fields: &Fields) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.clone(), value.iter().copied().map(char::from).collect())).collect()
}

//! A case: configuration, caller, request and the portal's answer, as one JSON object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate::host::CallResult;
use lockgate::replay::{Answer, Content, Fields, Request};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::filter::Variables;

/// A case, ready to run.
#[derive(Debug)]
pub(crate) struct Case {
    /// The configuration's text.
    pub(crate) config: String,
    /// Unix milliseconds.
    pub(crate) now_ms: Option<u64>,
    /// Cases of one session share the host's state.
    pub(crate) session: Option<String>,
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    pub(crate) identity: Option<IdentityWire>,
    pub(crate) address: Option<String>,
    /// Where secrets come from.
    pub(crate) variables: Variables,
    /// What the filter's own calls are answered, by cluster and path; any other fails.
    pub(crate) calls: Vec<((String, String), CallResult)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    /// As it is written: a repeated field is for the filter to refuse.
    #[serde(borrow)]
    config: &'a RawValue,
    /// `name` and `id` are for people and scripts.
    #[serde(rename = "name")]
    _name: Option<serde::de::IgnoredAny>,
    #[serde(rename = "id")]
    _id: Option<serde::de::IgnoredAny>,
    now: Option<f64>,
    env: Option<Variables>,
    answers: Option<Vec<CallWire>>,
    session: Option<Value>,
    identity: Option<IdentityWire>,
    request: RequestWire,
    response: Option<AnswerWire>,
}

/// A caller; absent: nobody.
#[derive(Debug, Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Identity")]
pub(crate) struct IdentityWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestWire {
    method: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body_b64: Option<String>,
    chunk: Option<usize>,
    address: Option<String>,
    #[serde(default)]
    trailers: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnswerWire {
    Word(String),
    Response(ResponseWire),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseWire {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body_b64: Option<String>,
    chunk: Option<usize>,
    #[serde(default)]
    trailers: Vec<(String, String)>,
    #[serde(default)]
    cut: bool,
}

/// How a call of the filter itself ends: with status (200) and body, or not at all.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Call")]
pub(crate) struct CallWire {
    /// The cluster that is called.
    cluster: String,
    /// Path and query.
    path: String,
    /// Default: 200.
    status: Option<u16>,
    /// The body as text.
    body: Option<String>,
    /// Whether no answer comes. Default: false.
    failed: Option<bool>,
}

impl CallWire {
    pub(crate) fn result(self) -> ((String, String), CallResult) {
        let result = match self.failed {
            Some(true) => CallResult::Failed,
            Some(false) | None => CallResult::Answered {
                status: self.status.unwrap_or(200),
                body: self.body.unwrap_or_default().into_bytes(),
            },
        };
        ((self.cluster, self.path), result)
    }
}

impl Case {
    /// Reads a case.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| format!("case: {error}"))?;
        let config = match serde_json::from_str(wire.config.get()) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) => String::new(),
            Ok(_) | Err(_) => wire.config.get().to_owned(),
        };
        let (request, address) = wire.request.request()?;
        Ok(Self {
            config,
            // Seconds from 1970 on, to the millisecond; what lies before counts as then.
            now_ms: wire.now.map(|seconds| (seconds * 1000.0).round() as u64),
            session: wire.session.map(|session| session.to_string()),
            identity: wire.identity,
            address,
            variables: wire.env.unwrap_or_default(),
            calls: wire.answers.unwrap_or_default().into_iter().map(CallWire::result).collect(),
            request,
            answer: wire.response.map_or_else(|| Ok(empty_answer()), AnswerWire::answer)?,
        })
    }

    /// Puts a request in place of the one that is there; from JSON text.
    pub(super) fn read_request(&mut self, text: &str) -> Result<(), String> {
        let wire: RequestWire = serde_json::from_str(text).map_err(|error| error.to_string())?;
        (self.request, self.address) = wire.request()?;
        Ok(())
    }

    /// The same for the portal's answer.
    pub(super) fn read_answer(&mut self, text: &str) -> Result<(), String> {
        let wire: AnswerWire = serde_json::from_str(text).map_err(|error| error.to_string())?;
        self.answer = wire.answer()?;
        Ok(())
    }

    /// The attributes that the host would have: the caller where the configuration looks for it, and the address.
    pub(crate) fn attributes(&self) -> Vec<(Vec<String>, Vec<u8>)> {
        let mut attributes = Vec::new();
        if let Some(address) = &self.address {
            let path = ["source", "address"].map(str::to_owned).to_vec();
            attributes.push((path, address.clone().into_bytes()));
        }
        let Some(identity) = &self.identity else { return attributes };
        let config: Value = serde_json::from_str(&self.config).unwrap_or_default();
        let source = config.get("identity").cloned().unwrap_or_default();
        if let Some(claims) = source.get("jwt_authn") {
            let payload = claims.get("payload").and_then(Value::as_str).unwrap_or_default();
            let mut put = |claim: Option<&str>, value: Vec<u8>| {
                let Some(claim) = claim else { return };
                let mut path = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", payload]
                    .map(str::to_owned)
                    .to_vec();
                match claim.strip_prefix('/') {
                    Some(pointer) => {
                        path.extend(pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")));
                    }
                    None => path.extend(claim.split('.').map(str::to_owned)),
                }
                attributes.push((path, value));
            };
            let claim = |name: &str| claims.get(name).and_then(Value::as_str);
            put(claim("roles"), list(&identity.roles));
            put(claim("permissions"), list(&identity.permissions));
            if let Some(subject) = &identity.subject {
                put(Some(claim("subject").unwrap_or("sub")), subject.clone().into_bytes());
            }
        } else if source.get("trusted_header").is_none() {
            let state = source.get("filter_state").and_then(Value::as_str).unwrap_or(lockgate::identity::FILTER_STATE);
            let record = serde_json::to_vec(identity).unwrap_or_default();
            attributes.push((vec![state.to_owned()], record));
        }
        attributes
    }
}

impl RequestWire {
    /// With the client's address.
    fn request(self) -> Result<(Request, Option<String>), String> {
        let Self { method, path, headers, body_b64, chunk, address, trailers } = self;
        let content = content("request", &headers, body_b64.as_deref(), chunk, &trailers)?;
        Ok((Request { method, path, content }, address))
    }
}

impl AnswerWire {
    fn answer(self) -> Result<Answer, String> {
        Ok(match self {
            Self::Word(word) => match word.as_str() {
                "reset" => Answer::Reset,
                "timeout" => Answer::Timeout,
                _ => return Err(format!("response: `{word}` is neither \"reset\" nor \"timeout\"")),
            },
            Self::Response(ResponseWire { status, headers, body_b64, chunk, trailers, cut }) => {
                let content = content("response", &headers, body_b64.as_deref(), chunk, &trailers)?;
                Answer::Response { status, content, cut }
            }
        })
    }
}

/// What a portal answers that nothing is said of.
pub(super) fn empty_answer() -> Answer {
    Answer::Response { status: 200, content: Content::default(), cut: false }
}

/// A list claim as Envoy hands it over: a pairs map of the elements and empty values.
fn list(texts: &[String]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(texts.len()).to_vec();
    for text in texts {
        bytes.extend(number(text.len()));
        bytes.extend(number(0));
    }
    for text in texts {
        bytes.extend(text.as_bytes());
        bytes.extend([0, 0]);
    }
    bytes
}

fn content(
    place: &str,
    headers: &[(String, String)],
    body_b64: Option<&str>,
    chunk: Option<usize>,
    trailers: &[(String, String)],
) -> Result<Content, String> {
    Ok(Content {
        headers: fields(place, headers)?,
        body: STANDARD.decode(body_b64.unwrap_or_default()).map_err(|error| format!("{place}.body_b64: {error}"))?,
        chunk: chunk.unwrap_or(0),
        trailers: fields(place, trailers)?,
    })
}

/// Each character of a value is one byte.
fn fields(place: &str, fields: &[(String, String)]) -> Result<Fields, String> {
    let field = |(name, value): &(String, String)| {
        let bytes: Option<Vec<u8>> = value.chars().map(|letter| u8::try_from(letter).ok()).collect();
        let bytes = bytes.ok_or_else(|| format!("{place}: header {name} has a character beyond U+00FF"))?;
        Ok((name.clone(), bytes))
    };
    fields.iter().map(field).collect()
}

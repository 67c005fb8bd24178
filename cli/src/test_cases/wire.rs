//! A file of policy tests as it is written.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::filter::{Filter, Variables};
use crate::try_case::{CallWire, IdentityWire};

use super::headers::{Expected, Headers};

/// Policy tests: what a filter must do with requests and answers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Lockgate policy tests")]
pub(crate) struct FileWire {
    /// The filter.
    pub(super) filter: Filter,
    /// Its configuration, here; as JSON text or as an object.
    #[serde(default, deserialize_with = "present")]
    pub(super) config: Option<Box<RawValue>>,
    /// Its configuration, in a JSON file beside this one.
    pub(super) config_file: Option<String>,
    /// Its configuration, inside a file for Envoy, Istio, Envoy Gateway or Higress.
    pub(super) envoy: Option<String>,
    /// Which plugin of that file, by its name, where it has several.
    pub(super) plugin: Option<String>,
    /// The variables that its secrets come from.
    pub(super) env: Option<Variables>,
    /// How the filter's own calls end, as for a key set. Any other call fails.
    pub(super) answers: Option<Vec<CallWire>>,
    /// The tests.
    pub(super) cases: Vec<CaseWire>,
}

/// One exchange and what must come of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Case")]
pub(crate) struct CaseWire {
    /// What it shows.
    pub(super) name: String,
    /// Who is calling. Absent: nobody.
    pub(super) identity: Option<IdentityWire>,
    /// The time, in Unix seconds.
    pub(super) now: Option<u64>,
    /// The size of the chunks in which both bodies come, in bytes. Absent: whole.
    pub(super) chunk: Option<usize>,
    /// The client's address.
    pub(super) address: Option<String>,
    /// Cases of one session follow each other on one gateway, which remembers what came before. Absent: a new one.
    pub(super) session: Option<String>,
    /// How often the request is made, one after another; each answer must be as expected. 1 (default) to 100,000.
    pub(super) times: Option<u32>,
    pub(super) request: RequestWire,
    /// What the portal answers. Absent: an empty 200.
    pub(super) response: Option<AnswerWire>,
    pub(super) expect: ExpectWire,
}

/// What the client sends.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Request")]
pub(crate) struct RequestWire {
    /// Default: GET.
    pub(super) method: Option<String>,
    /// Path and query.
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: Headers,
    /// The body as text.
    pub(super) body: Option<String>,
    /// The body as a JSON value; `content-type: application/json` unless the headers have another.
    #[serde(default, deserialize_with = "present")]
    pub(super) json: Option<Box<RawValue>>,
    /// The body in a file beside this one.
    pub(super) body_file: Option<String>,
    /// The body in Base64.
    pub(super) body_b64: Option<String>,
    #[serde(default)]
    pub(super) trailers: Headers,
}

/// What the portal does.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Response")]
pub(crate) struct ResponseWire {
    /// Default: 200.
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) headers: Headers,
    /// The body as text.
    pub(super) body: Option<String>,
    /// The body as a JSON value; `content-type: application/json` unless the headers have another.
    #[serde(default, deserialize_with = "present")]
    pub(super) json: Option<Box<RawValue>>,
    /// The body in a file beside this one.
    pub(super) body_file: Option<String>,
    /// The body in Base64.
    pub(super) body_b64: Option<String>,
    #[serde(default)]
    pub(super) trailers: Headers,
    /// Whether the connection breaks after the body.
    #[serde(default)]
    pub(super) cut: bool,
}

/// What must come out. What is absent may be anything; without `outcome`, `status` and `reason` the answer must pass.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Expect")]
pub(crate) struct ExpectWire {
    /// pass: the portal's (or Envoy's) answer; reply: one of the gate's; abort: a transfer that was broken off.
    pub(super) outcome: Option<OutcomeWire>,
    /// What the client sees.
    pub(super) status: Option<u16>,
    /// Why the gate replied or broke off, as in audit lines.
    pub(super) reason: Option<String>,
    /// Among the answer's headers; null: not there.
    #[serde(default)]
    pub(super) headers: Expected,
    /// The body, byte for byte.
    pub(super) body: Option<String>,
    /// The body as a JSON value: order of members and white space do not matter.
    #[serde(default, deserialize_with = "present")]
    pub(super) json: Option<Box<RawValue>>,
    /// The body, byte for byte, in a file beside this one.
    pub(super) body_file: Option<String>,
    /// The body, byte for byte, in Base64.
    pub(super) body_b64: Option<String>,
    /// Names that no member of the answer's body has, and that some member of the portal's has.
    #[serde(default)]
    pub(super) absent: Vec<String>,
    /// What reaches the portal; null: nothing does.
    #[serde(default, deserialize_with = "present")]
    pub(super) forwarded: Option<Option<ForwardedWire>>,
}

/// What must reach the portal.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Forwarded")]
pub(crate) struct ForwardedWire {
    pub(super) method: Option<String>,
    /// Path and query.
    pub(super) path: Option<String>,
    /// Among the request's headers; null: not there.
    #[serde(default)]
    pub(super) headers: Expected,
    /// The body, byte for byte.
    pub(super) body: Option<String>,
    /// The body as a JSON value: order of members and white space do not matter.
    #[serde(default, deserialize_with = "present")]
    pub(super) json: Option<Box<RawValue>>,
    /// The body, byte for byte, in a file beside this one.
    pub(super) body_file: Option<String>,
    /// The body, byte for byte, in Base64.
    pub(super) body_b64: Option<String>,
    /// Names that no member of the body has, and that some member of the client's has.
    #[serde(default)]
    pub(super) absent: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Outcome")]
pub(crate) enum OutcomeWire {
    Pass,
    Reply,
    Abort,
}

/// An answer, or that there is none.
pub(crate) enum AnswerWire {
    Response(Box<ResponseWire>),
    Reset,
    Timeout,
}

/// Tells null from absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for AnswerWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = AnswerWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an answer, \"reset\" or \"timeout\"")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<AnswerWire, E> {
                match word {
                    "reset" => Ok(AnswerWire::Reset),
                    "timeout" => Ok(AnswerWire::Timeout),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AnswerWire, A::Error> {
                let response = ResponseWire::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(AnswerWire::Response(Box::new(response)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for AnswerWire {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Answer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let response = generator.subschema_for::<ResponseWire>();
        json_schema!({"anyOf": [response, {"enum": ["reset", "timeout"]}]})
    }
}

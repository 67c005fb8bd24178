//! Header fields as people write them: names with a value or several, or pairs in order.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Header fields, in order.
#[derive(Default)]
pub(crate) struct Headers(pub(super) Vec<(String, String)>);

/// Header fields that must be there with these values, or must not be there.
#[derive(Default)]
pub(crate) struct Expected(pub(super) Vec<(String, Option<Vec<String>>)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with their values, or a list of [name, value]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut fields = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let Values(values) = map.next_value()?;
                    fields.extend(values.into_iter().map(|value| (name.clone(), value)));
                }
                Ok(Headers(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Headers, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, Value(value))) = seq.next_element::<(String, Value)>()? {
                    fields.push((name, value));
                }
                Ok(Headers(fields))
            }
        }
        deserializer.deserialize_any(Fields)
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Expected;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with their values, or null")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expected, A::Error> {
                let mut fields = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    fields.push((name, map.next_value::<Option<Values>>()?.map(|Values(values)| values)));
                }
                Ok(Expected(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A value, or the values of several fields of one name.
struct Values(Vec<String>);

/// A header's value; a number is one as it is written in decimal.
struct Value(String);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header's value, or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
                Ok(Values(vec![text.to_owned()]))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Values, E> {
                Ok(Values(vec![number.to_string()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(Value(value)) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl Visitor<'_> for One {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header's value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                Ok(Value(number.to_string()))
            }
        }
        deserializer.deserialize_any(One)
    }
}

impl JsonSchema for Headers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]});
        json_schema!({"anyOf": [
            {"type": "object", "additionalProperties": {"anyOf": [one, {"type": "array", "items": one}]}},
            {"type": "array", "items": {"type": "array", "prefixItems": [{"type": "string"}, one], "items": false, "minItems": 2}},
        ]})
    }
}

impl JsonSchema for Expected {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedHeaders".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]});
        json_schema!({"type": "object", "additionalProperties": {"anyOf": [one, {"type": "array", "items": one}, {"type": "null"}]}})
    }
}

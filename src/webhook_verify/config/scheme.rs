//! `scheme`: the name of a preset, or a scheme written out.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::config::ConfigError;
use crate::webhook_verify::descriptor::{Descriptor, DescriptorWire};
use crate::webhook_verify::presets;

pub(in crate::webhook_verify) enum SchemeWire {
    Preset(String),
    Written(Box<DescriptorWire>),
}

impl<'de> Deserialize<'de> for SchemeWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = SchemeWire;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a preset or an object")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<SchemeWire, E> {
        Ok(SchemeWire::Preset(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SchemeWire, A::Error> {
        DescriptorWire::deserialize(MapAccessDeserializer::new(map)).map(|wire| SchemeWire::Written(Box::new(wire)))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for SchemeWire {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scheme".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = presets::names().collect();
        schemars::json_schema!({"anyOf": [{"enum": names}, generator.subschema_for::<DescriptorWire>()]})
    }
}

impl SchemeWire {
    pub(super) fn check(self, path: &str) -> Result<Descriptor, ConfigError> {
        match self {
            Self::Written(wire) => wire.check(path),
            Self::Preset(name) => presets::find(&name).ok_or_else(|| {
                // The name may be a secret by mistake, as anything else.
                ConfigError::new(path, "is no preset; `lockgate webhook presets` lists them")
            })?,
        }
    }
}

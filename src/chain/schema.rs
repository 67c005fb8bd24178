//! The JSON Schema of the configuration: a list of blocks, each with the schema of its filter.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use super::block::Kind;
use crate::{jwt_auth, rate_limit, revenue_strip, webhook_verify};

/// The JSON Schema (2020-12) of the configuration. What it refuses, [`super::Policy`] refuses; the policy refuses more: what a schema
/// cannot say, such as a block that stands twice.
#[must_use]
pub fn schema() -> Schema {
    let mut definitions = Map::new();
    let mut blocks = Map::new();
    for kind in Kind::ALL {
        let mut block = match kind {
            Kind::RateLimit => rate_limit::schema(),
            Kind::WebhookVerify => webhook_verify::schema(),
            Kind::JwtAuth => jwt_auth::schema(),
            Kind::RevenueStrip => revenue_strip::schema(),
        }
        .to_value();
        rename(&mut block, kind.name());
        if let Some(members) = block.as_object_mut() {
            members.remove("$schema");
            if let Some(Value::Object(its)) = members.remove("$defs") {
                definitions.extend(its.into_iter().map(|(name, schema)| (format!("{}.{name}", kind.name()), schema)));
            }
        }
        blocks.insert(kind.name().to_owned(), block);
    }
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lockgate chain",
        "type": "object",
        "additionalProperties": false,
        "required": ["chain"],
        "properties": {
            "chain": {
                "description": "The blocks, in the order in which a request passes them.",
                "type": "array",
                "minItems": 1,
                "maxItems": Kind::ALL.len(),
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                    "properties": blocks,
                },
            },
        },
        "$defs": definitions,
    })
}

/// Blocks have definitions of the same name: each gets the block's before it.
fn rename(schema: &mut Value, block: &str) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "$ref" => {
                        if let Some(definition) = text.strip_prefix(DEFINITIONS) {
                            *value = json!(format!("{DEFINITIONS}{block}.{definition}"));
                        }
                    }
                    value => rename(value, block),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, block)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

const DEFINITIONS: &str = "#/$defs/";

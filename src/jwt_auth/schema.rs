//! The JSON Schema of the configuration: derived from the wire form, with what types cannot say added by hand.

use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::config::Wire;

/// The JSON Schema (2020-12) of the configuration. What it refuses, [`super::Policy`] refuses; the policy refuses more:
/// what a schema cannot say, such as a role that does not exist.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schema_for!(Wire);
    schema.insert("title".to_owned(), json!("Lockgate jwt-auth"));
    for (place, keyword, value) in additions() {
        if let Some(object) = schema.pointer_mut(place).and_then(Value::as_object_mut) {
            object.insert(keyword.to_owned(), value);
        }
    }
    schema
}

/// Where, which keyword, and its value.
fn additions() -> Vec<(&'static str, &'static str, Value)> {
    Vec::new()
}

//! Objects whose names the operator chooses.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// The members of such an object, in their order. No name stands twice: two readers could take different ones.
#[derive(Debug)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut members = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom("stands twice; keep one of them"));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Named(members))
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}

#[cfg(test)]
mod tests {
    use super::Named;
    use crate::config::read;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        roles: Named<u8>,
    }

    #[test]
    fn names_keep_their_order_and_stand_once() {
        let wire: Wire = read(br#"{"roles":{"b":1,"a":2}}"#).unwrap();
        assert_eq!(wire.roles.0, [("b".to_owned(), 1), ("a".to_owned(), 2)]);
        for (json, want) in [
            (r#"{"roles":{"a":1,"b":2,"a":3}}"#, "roles.a: stands twice; keep one of them"),
            (r#"{"roles":{"a":1,"\u0061":3}}"#, "roles.a: stands twice"),
            (r#"{"roles":{"a":true}}"#, "roles.a: invalid type: boolean `true`, expected u8"),
            (r#"{"roles":[]}"#, "roles: must be an object"),
        ] {
            let message = read::<Wire>(json.as_bytes()).unwrap_err().to_string();
            assert!(message.starts_with(want), "{message}");
        }
    }
}

//! The names of all members of a body, found without the filter's own code.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};

/// The names in a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Of the members of its JSON texts, decoded.
    Members(BTreeSet<String>),
    /// It is no JSON: any text counts.
    Text(String),
}

impl Names {
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Members(names) => names.contains(name),
            Self::Text(text) => text.contains(name),
        }
    }
}

/// The names in a JSON text or in several one after another; of any other body, its text.
pub(super) fn names_in(body: &[u8]) -> Names {
    let mut names = BTreeSet::new();
    let mut rest = body;
    loop {
        // NDJSON, and JSON text sequences.
        let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x1e;
        rest = rest.get(rest.iter().take_while(|&byte| blank(byte)).count()..).unwrap_or_default();
        if rest.is_empty() {
            return Names::Members(names);
        }
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        let is_json = matches!(stream.next(), Some(Ok(_)));
        let (text, after) = rest.split_at_checked(stream.byte_offset()).unwrap_or((rest, b""));
        let read = Collect(&mut names).deserialize(&mut serde_json::Deserializer::from_slice(text));
        if !is_json || read.is_err() {
            return Names::Text(String::from_utf8_lossy(body).into_owned());
        }
        rest = after;
    }
}

/// Puts every member's name into a set.
struct Collect<'a>(&'a mut BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Collect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            self.0.insert(name);
            map.next_value_seed(Collect(self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Collect(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_members_at_any_depth() {
        let members = |names: &[&str]| Names::Members(names.iter().map(|&name| name.to_owned()).collect());
        for (body, want) in [
            (r#"{"a":[{"b\u0063":{"d":"e"}},null,true,1,-1,0.5]}"#, members(&["a", "bc", "d"])),
            ("{\"a\":1}\n{\"b\":2}\n", members(&["a", "b"])),
            ("\u{1e}{\"a\":1}\n", members(&["a"])),
            (r#"{"a":1,"a":{"b":2}}"#, members(&["a", "b"])),
            ("", members(&[])),
            ("[1] 5 \"a\"", members(&[])),
            ("a,b\n1,2\n", Names::Text("a,b\n1,2\n".to_owned())),
            ("{\"a\":", Names::Text("{\"a\":".to_owned())),
        ] {
            assert_eq!(names_in(body.as_bytes()), want, "{body}");
        }
    }
}

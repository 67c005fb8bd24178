//! JSON as configurations are written: an object is an object, and a word is one of those that are known.
//!
//! What `serde` derives also reads an object's fields from an array, by their order, names types of ours where it refuses, and
//! takes a number in the place of a word for broken JSON.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};

/// A deserializer that is strict about objects and words, at every depth.
pub(super) struct Strict<D>(pub(super) D);

/// How a refusal of a word that is none begins.
pub(super) const ONE_OF: &str = "must be one of ";

/// Everything but objects and words as it is.
macro_rules! plainly {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(visitor)
        }
    )*};
}

/// The same for what may have objects and words inside.
macro_rules! strictly {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Inside(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    plainly! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
        deserialize_ignored_any
    }
    strictly! { deserialize_option deserialize_seq deserialize_map }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Object { fields, visitor })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let read = Cell::new(Read::Nothing);
        let word = Word { read: &read, visitor };
        self.0.deserialize_enum(name, variants, word).map_err(|error| match read.get() {
            Read::Nothing => D::Error::custom(format_args!("{ONE_OF}{}", List(variants))),
            Read::Word => error,
            Read::All => D::Error::custom(format_args!("{ONE_OF}{}, with nothing beside it", List(variants))),
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Inside(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Inside(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Inside(visitor))
    }
}

/// Names as they are written: `` `a`, `b` ``.
struct List(&'static [&'static str]);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for name in self.0 {
            write!(f, "{between}`{name}`")?;
            between = ", ";
        }
        Ok(())
    }
}

/// An object with these fields, and nothing else.
struct Object<V> {
    fields: &'static [&'static str],
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", List(self.fields))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Members(map))
    }
}

/// How far the reading of a word has come.
#[derive(Clone, Copy)]
enum Read {
    /// There is none.
    Nothing,
    /// One stands there, or an object with one, whether it is known or not.
    Word,
    /// It is read, with what it may have with it: what is wrong stands beside it.
    All,
}

/// Notes how far it has come.
struct Word<'a, V> {
    read: &'a Cell<Read>,
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Word<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, word: A) -> Result<V::Value, A::Error> {
        self.read.set(Read::Word);
        let value = self.visitor.visit_enum(Variant(word))?;
        self.read.set(Read::All);
        Ok(value)
    }
}

/// A visitor of what may have objects and words inside.
struct Inside<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Inside<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Members(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Members(map))
    }
}

/// The members of an object, or the elements of a list.
struct Members<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(value))
    }
}

/// A word, and what it may have with it.
struct Variant<A>(A);

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Variant<A> {
    type Error = A::Error;
    type Variant = Variant<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        self.0.variant_seed(seed).map(|(word, with)| (word, Variant(with)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Variant<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Inside(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Object { fields, visitor })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use crate::config::{Named, read, read_secret};

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Wire {
        inner: Option<Inner>,
        list: Option<Vec<Inner>>,
        named: Option<Named<Inner>>,
        mode: Option<Mode>,
        raw: Option<Box<RawValue>>,
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Inner {
        one: u8,
        two: Option<u8>,
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its reading is tested")]
    enum Mode {
        Plain,
        With(Inner),
    }

    #[test]
    fn an_object_is_an_object_and_a_word_is_one() {
        const OBJECT: &str = "must be an object with `one`, `two` at line 1 column";
        const WORD: &str = "must be one of `plain`, `with` at line 1 column";
        for (json, path, want) in [
            (r#"{"inner":[1,2]}"#, "inner", OBJECT),
            (r#"{"inner":"hush"}"#, "inner", OBJECT),
            (r#"{"inner":7}"#, "inner", OBJECT),
            (r#"{"list":{}}"#, "list", "invalid type"),
            (r#"{"list":[{"one":1},[1]]}"#, "list[1]", OBJECT),
            (r#"{"list":[null]}"#, "list[0]", OBJECT),
            (r#"{"named":{"a":[1]}}"#, "named.a", OBJECT),
            (r#"{"named":[]}"#, "named", "must be an object at line 1 column"),
            (r#"{"mode":true}"#, "mode", WORD),
            (r#"{"mode":["plain"]}"#, "mode", WORD),
            (r#"{"mode":1}"#, "mode", WORD),
            (r#"{"mode":{"with":[1]}}"#, "mode.with", OBJECT),
            (
                r#"{"mode":{"with":{"one":1},"plain":null}}"#,
                "mode.with",
                "must be one of `plain`, `with`, with nothing beside it at line 1 column",
            ),
            (r#"{"mode":"hush, expected an object"}"#, "mode", "unknown variant"),
            (r#"{"inner":{"one":"hush, expected an object with nothing at line 1"}}"#, "inner.one", "invalid type"),
        ] {
            for message in [
                read::<Wire>(json.as_bytes()).expect_err(json).to_string(),
                read_secret::<Wire>(json.as_bytes()).expect_err(json).to_string(),
            ] {
                assert!(message.starts_with(&format!("{path}: {want}")), "{json}: {message}");
                assert!(!message.contains("struct ") && !message.contains("enum "), "{message}");
            }
            let message = read_secret::<Wire>(json.as_bytes()).expect_err(json).to_string();
            assert!(!message.contains("hush"), "{message}");
        }
        for json in [
            r#"{"inner":{"one":1},"list":[{"one":1,"two":null}],"named":{"a":{"one":2}},"mode":"plain"}"#,
            r#"{"inner":null,"mode":{"with":{"one":1}},"raw":{"a":[1,{"b":2}]}}"#,
            r#"{"raw":[1,2]}"#,
        ] {
            assert!(read::<Wire>(json.as_bytes()).is_ok(), "{json}");
        }
        let wire: Wire = read(br#"{"raw":[1, {"b": 2}]}"#).unwrap();
        assert_eq!(wire.raw.unwrap().get(), r#"[1, {"b": 2}]"#);
    }
}

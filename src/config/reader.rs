//! JSON as configurations are written: an object is an object, and a word is one of those that are known.
//!
//! What `serde` derives is instantiated for the reader that it reads from, for each type of a configuration. With `serde_json`'s, which
//! is made to be fast, that took 113 KB more of `lockgate.wasm`. This one is made to be small: it reads text that
//! [`super::read`] has found to be JSON, and what depends on the type is a call. It is strict where `serde_json` is not: that
//! one also reads an object's fields from an array, by their order, names types of ours where it refuses, and takes a number in the
//! place of a word for broken JSON.

mod error;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use self::error::{Error, List, Object};

/// Deepest nesting of lists and objects that is read; parts that stay as they are written ([`super::Raw`]) are not.
pub(super) const MAX_DEPTH: usize = 127;

/// How a refusal of a word that is none begins.
pub(super) const ONE_OF: &str = "must be one of ";

/// As what a value is read that stays as it is written.
pub(super) const RAW: &str = "lockgate::Raw";

/// A text that is JSON, and how far it is read.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Of a text that is JSON: of another one it reads something, or refuses.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The next byte that is no white space; 0 at the end.
    fn peek(&mut self) -> u8 {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at = self.at.saturating_add(blank);
        rest.get(blank).copied().unwrap_or_default()
    }

    /// Whether this byte is next; then it is read.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        if is_next {
            self.at = self.at.saturating_add(1);
        }
        is_next
    }

    /// The next so many bytes.
    fn advance(&mut self, length: usize) -> &'a str {
        let end = self.at.saturating_add(length);
        let part = self.text.get(self.at..end).unwrap_or_default();
        self.at = end.min(self.text.len());
        part
    }

    /// The text of the next value.
    fn raw(&mut self) -> &'a str {
        self.peek();
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let mut length = 0_usize;
        let mut open = 0_usize;
        let mut within = false;
        while let Some(&byte) = rest.get(length) {
            match (within, byte) {
                // What is escaped is a byte at least.
                (true, b'\\') => length = length.saturating_add(1),
                (true, b'"') => within = false,
                (true, _) => {}
                (false, b'"') => within = true,
                (false, b'{' | b'[') => open = open.saturating_add(1),
                (false, b'}' | b']') if open > 0 => open = open.saturating_sub(1),
                (false, b'}' | b']' | b',' | b' ' | b'\n' | b'\r' | b'\t') if open == 0 => break,
                (false, _) => {}
            }
            length = length.saturating_add(1);
            if open == 0 && !within && matches!(byte, b'"' | b'}' | b']') {
                break;
            }
        }
        self.advance(length.min(rest.len()))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        let begin = self.at;
        let quoted = self.raw();
        if !quoted.contains('\\') {
            return Ok(Cow::Borrowed(quoted.trim_matches('"')));
        }
        // It is JSON but for halves of surrogate pairs.
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|error: serde_json::Error| {
            let at = begin.saturating_add(error.column());
            Error::new("invalid unicode code point".to_owned()).at(at)
        })
    }

    fn number(&mut self) -> Result<serde_json::Number, Error> {
        serde_json::from_str(self.raw()).map_err(|_| Error::new("number out of range".to_owned()).at(self.at))
    }

    /// Something else stands there.
    #[cold]
    fn wrong(&mut self, expected: &dyn Expected) -> Error {
        let error = match self.peek() {
            b'{' => Error::invalid_type(Unexpected::Map, expected),
            b'[' => Error::invalid_type(Unexpected::Seq, expected),
            b'"' => match self.string() {
                Ok(text) => Error::invalid_type(Unexpected::Str(&text), expected),
                Err(error) => error,
            },
            b'n' => {
                self.raw();
                Error::invalid_type(Unexpected::Unit, expected)
            }
            b't' | b'f' => Error::invalid_type(Unexpected::Bool(self.raw() == "true"), expected),
            _ => match self.number() {
                Ok(number) => {
                    let float = || Unexpected::Float(number.as_f64().unwrap_or_default());
                    let whole = number.as_u64().map(Unexpected::Unsigned);
                    let found = whole.or_else(|| number.as_i64().map(Unexpected::Signed)).unwrap_or_else(float);
                    Error::invalid_type(found, expected)
                }
                Err(error) => error,
            },
        };
        error.at(self.at)
    }

    /// Steps into a list or an object.
    fn enter(&mut self) -> Result<(), Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::new("recursion limit exceeded".to_owned()).at(self.at));
        }
        self.depth = self.depth.saturating_add(1);
        self.at = self.at.saturating_add(1);
        Ok(())
    }

    /// Whether one more member or element follows.
    fn follows(&mut self, close: u8, first: &mut bool) -> bool {
        if !std::mem::take(first) {
            self.take(b',');
        }
        // Nothing follows at the end of a text that is no JSON.
        let next = self.peek();
        next != close && next != 0
    }

    /// Steps out of what is read.
    fn leave(&mut self, close: u8) -> Result<(), Error> {
        self.depth = self.depth.saturating_sub(1);
        if self.take(close) {
            return Ok(());
        }
        Err(Error::new("has more elements than belong there".to_owned()).at(self.at))
    }

    /// The place of what is wrong with all of it is its end, and else where its reader has stopped.
    #[cold]
    fn stopped(&mut self, close: u8, error: Error) -> Error {
        self.take(close);
        error.at(self.at)
    }

    fn wrong_word(&mut self, words: &[&str], more: &str) -> Error {
        Error::new(format!("{ONE_OF}{}{more}", List(words))).at(self.at)
    }
}

/// Numbers of any type.
macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if !matches!(self.peek(), b'-' | b'0'..=b'9') {
                return Err(self.wrong(&visitor));
            }
            let number = self.number()?;
            let value = if let Some(number) = number.as_u64() {
                visitor.visit_u64(number)
            } else if let Some(number) = number.as_i64() {
                visitor.visit_i64(number)
            } else {
                visitor.visit_f64(number.as_f64().unwrap_or_default())
            };
            value.map_err(|error: Error| error.at(self.at))
        }
    )*};
}

/// Texts of any type.
macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            if self.peek() != b'"' {
                return Err(self.wrong(&visitor));
            }
            let text = self.string()?;
            visitor.visit_str(&text).map_err(|error: Error| error.at(self.at))
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = Error;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64
    }
    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier deserialize_bytes deserialize_byte_buf }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'"' => self.deserialize_str(visitor),
            b'n' => self.deserialize_unit(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            _ => self.deserialize_f64(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !matches!(self.peek(), b't' | b'f') {
            return Err(self.wrong(&visitor));
        }
        let is_true = self.raw() == "true";
        visitor.visit_bool(is_true).map_err(|error: Error| error.at(self.at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == b'n' {
            self.raw();
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() != b'n' {
            return Err(self.wrong(&visitor));
        }
        self.raw();
        visitor.visit_unit().map_err(|error: Error| error.at(self.at))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name == RAW { visitor.visit_str(self.raw()) } else { visitor.visit_newtype_struct(self) }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.raw();
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() != b'[' {
            return Err(self.wrong(&visitor));
        }
        self.enter()?;
        match visitor.visit_seq(Members { reader: self, first: true }) {
            Ok(value) => self.leave(b']').map(|()| value),
            Err(error) => Err(self.stopped(b']', error)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() != b'{' {
            return Err(self.wrong(&visitor));
        }
        self.enter()?;
        match visitor.visit_map(Members { reader: self, first: true }) {
            Ok(value) => self.leave(b'}').map(|()| value),
            Err(error) => Err(self.stopped(b'}', error)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.peek() != b'{' {
            return Err(self.wrong(&Object(fields)));
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.peek() {
            b'"' => {
                let value = visitor.visit_enum(Word { reader: self, with: With::Nothing });
                value.map_err(|error: Error| error.at(self.at))
            }
            b'{' => {
                self.enter()?;
                if self.peek() != b'"' {
                    return Err(self.wrong_word(words, ""));
                }
                let value = visitor.visit_enum(Word { reader: self, with: With::Value });
                let value = value.map_err(|error: Error| error.at(self.at))?;
                self.depth = self.depth.saturating_sub(1);
                if !self.take(b'}') {
                    return Err(self.wrong_word(words, ", with nothing beside it"));
                }
                Ok(value)
            }
            _ => Err(self.wrong_word(words, "")),
        }
    }
}

/// The members of an object, or the elements of a list.
struct Members<'r, 'a> {
    reader: &'r mut Reader<'a>,
    first: bool,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !self.reader.follows(b'}', &mut self.first) {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.take(b':');
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Members<'_, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if !self.reader.follows(b']', &mut self.first) {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// A word, alone or with what belongs to it.
struct Word<'r, 'a> {
    reader: &'r mut Reader<'a>,
    with: With,
}

/// What stands with a word.
#[derive(Clone, Copy)]
enum With {
    /// It is a text.
    Nothing,
    /// It is the name of an object's member, and this is its value.
    Value,
}

impl<'de> EnumAccess<'de> for Word<'_, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let word = seed.deserialize(&mut *self.reader)?;
        match self.with {
            With::Nothing => {}
            With::Value => drop(self.reader.take(b':')),
        }
        Ok((word, self))
    }
}

impl Word<'_, '_> {
    /// # Errors
    /// It stands alone.
    fn value(&self, expected: &dyn Expected) -> Result<(), Error> {
        match self.with {
            With::Nothing => Err(Error::invalid_type(Unexpected::UnitVariant, expected)),
            With::Value => Ok(()),
        }
    }
}

impl<'de> VariantAccess<'de> for Word<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.with {
            With::Nothing => Ok(()),
            With::Value => serde::Deserialize::deserialize(self.reader),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.value(&"newtype variant")?;
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.value(&"tuple variant")?;
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.value(&"struct variant")?;
        self.reader.deserialize_struct("", fields, visitor)
    }
}

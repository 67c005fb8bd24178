//! Where a request has its documents.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::document::in_document;
use super::error::{Error, Fault};
use super::{Found, Limits};

/// Names that servers give to stored documents: beside one of them a text says nothing.
const STORED: [&str; 9] =
    ["id", "documentId", "document_id", "doc_id", "queryId", "query_id", "queryHash", "query_hash", "hash"];

/// Looks into a body that is a document itself (`application/graphql`).
///
/// # Errors
/// It cannot be read, or is beyond the limits.
pub fn in_document_body(body: &[u8], limits: &Limits, taken: &mut impl FnMut(&str) -> bool) -> Result<Found, Error> {
    let text = std::str::from_utf8(body).map_err(|error| Error { at: error.valid_up_to(), fault: Fault::NotUtf8 })?;
    in_document(text, limits, taken)
}

/// Looks into a JSON body: a request, or a list of them. Every member named `query` counts.
///
/// The text behind a hash of `extensions.persistedQuery` is taken to be the one beside it, as that protocol wants it.
///
/// # Errors
/// It cannot be read, or is beyond the limits.
pub fn in_json(body: &[u8], limits: &Limits, taken: &mut impl FnMut(&str) -> bool) -> Result<Found, Error> {
    if body.len() > limits.max_bytes {
        return Err(Error { at: limits.max_bytes, fault: Fault::TooLong });
    }
    let Batch(requests) = serde_json::from_slice(body).map_err(|error| {
        let lines = body.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1));
        let at = lines.map(<[u8]>::len).sum::<usize>() + error.column();
        Error { at: at.min(body.len()), fault: Fault::Json }
    })?;
    let mut search = Search::new(limits, taken);
    for Texts { texts, stored } in &requests {
        search.request(texts, *stored)?;
    }
    Ok(search.result())
}

/// Looks into the query of a request's target.
///
/// # Errors
/// It cannot be read, or is beyond the limits.
pub fn in_target(target: &[u8], limits: &Limits, taken: &mut impl FnMut(&str) -> bool) -> Result<Found, Error> {
    let query = target.iter().position(|&byte| byte == b'?').and_then(|at| target.get(at + 1..));
    in_form(query.unwrap_or_default(), limits, taken)
}

/// Looks into parameters: a target's query, or a body of type `application/x-www-form-urlencoded`. Every one named
/// `query` counts, also as a list (`query[]`).
///
/// # Errors
/// It cannot be read, or is beyond the limits.
pub fn in_form(form: &[u8], limits: &Limits, taken: &mut impl FnMut(&str) -> bool) -> Result<Found, Error> {
    if form.len() > limits.max_bytes {
        return Err(Error { at: limits.max_bytes, fault: Fault::TooLong });
    }
    if let Some(at) = form.iter().position(|&byte| byte == b';') {
        return Err(Error { at, fault: Fault::Semicolon });
    }
    let mut texts = Vec::new();
    let mut stored = false;
    let mut at = 0;
    for parameter in form.split(|&byte| byte == b'&') {
        let (name, value) = match parameter.iter().position(|&byte| byte == b'=') {
            Some(sign) => (parameter.get(..sign), parameter.get(sign + 1..)),
            None => (Some(parameter), None),
        };
        let decode = |part: Option<&[u8]>| decoded(part.unwrap_or_default()).map_err(|fault| Error { at, fault });
        let name = decode(name)?;
        // Spaces around a name and what stands in brackets after it are lost on the way into some servers.
        let name = name.split(['[', '.']).next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("query") {
            texts.push(decode(value)?);
        }
        stored |= is_stored(name);
        at += parameter.len() + 1;
    }
    let mut search = Search::new(limits, taken);
    search.request(&texts, stored)?;
    Ok(search.result())
}

/// All texts of a request.
struct Search<'a, T> {
    limits: &'a Limits,
    taken: &'a mut T,
    found: Option<Found>,
    texts: usize,
}

impl<'a, T: FnMut(&str) -> bool> Search<'a, T> {
    fn new(limits: &'a Limits, taken: &'a mut T) -> Self {
        Self { limits, taken, found: None, texts: 0 }
    }

    fn request(&mut self, texts: &[String], stored: bool) -> Result<(), Error> {
        if texts.is_empty() || stored {
            self.found = self.found.max(Some(Found::NoText));
        }
        for text in texts {
            self.texts += 1;
            if self.texts > self.limits.max_texts {
                return Err(Error { at: 0, fault: Fault::TooMany });
            }
            self.found = self.found.max(Some(in_document(text, self.limits, self.taken)?));
        }
        Ok(())
    }

    fn result(self) -> Found {
        self.found.unwrap_or(Found::NoText)
    }
}

fn is_stored(name: &str) -> bool {
    STORED.iter().any(|stored| name.eq_ignore_ascii_case(stored))
}

/// The text of a parameter's name or value: `+` is a space.
fn decoded(part: &[u8]) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|&digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(Fault::Percent);
                };
                u8::try_from(high << 4 | low).unwrap_or_default()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

/// The requests of a body.
struct Batch(Vec<Texts>);

/// The texts of one request, and whether it names a stored one.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    stored: bool,
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BatchVisitor)
    }
}

struct BatchVisitor;

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GraphQL request or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Batch, A::Error> {
        Ok(Batch(vec![TextsVisitor.visit_map(map)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Batch, A::Error> {
        let mut requests = Vec::new();
        while let Some(request) = list.next_element()? {
            requests.push(request);
        }
        Ok(Batch(requests))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GraphQL request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut request = Texts::default();
        while let Some(name) = map.next_key::<String>()? {
            // Some servers find members in any case of letters.
            if name.eq_ignore_ascii_case("query") {
                request.texts.extend(map.next_value::<Option<String>>()?);
            } else if is_stored(&name) {
                request.stored |= map.next_value::<Option<IgnoredAny>>()?.is_some();
            } else {
                let _: IgnoredAny = map.next_value()?;
            }
        }
        Ok(request)
    }
}

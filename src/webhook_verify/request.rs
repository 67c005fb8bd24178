//! What of a request a scheme reads: kept from its head, and completed by the body where that is needed.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::config::Endpoint;
use super::descriptor::{Descriptor, Place, SignatureSource};
use super::error::Reason;
use super::form;
use crate::claims::{Limits, Value};
use crate::head::{Head, Single};

/// Objects and arrays inside each other in a body that is read as a whole.
pub const MAX_BODY_DEPTH: usize = 64;
/// Members of one object in a body that is read as a whole.
pub const MAX_BODY_MEMBERS: usize = 4096;

/// Commas and opening brackets in a body that is read as a whole: no more values than these can be in it, and each takes
/// memory.
pub const MAX_BODY_MARKS: usize = 64 * 1024;

const JSON: Limits = Limits { max_depth: MAX_BODY_DEPTH, max_members: MAX_BODY_MEMBERS };

/// A request's head, as far as its scheme reads it.
#[derive(Debug)]
pub(super) struct Kept {
    /// Method and target, one behind the other.
    line: Vec<u8>,
    /// How long the method is, in bytes.
    method: usize,
    /// The fields that the scheme names.
    pub(super) head: Head,
}

impl Kept {
    pub(super) fn new(descriptor: &Descriptor, method: &[u8], target: &[u8], head: &Head) -> Self {
        let facts = &descriptor.facts;
        let known = |name: &str| facts.header_names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let head = match &descriptor.signature.source {
            _ if facts.keeps_all => head.only(|_| true),
            SignatureSource::Numbered(stem) => head.only(|name| {
                name.get(..stem.len()).is_some_and(|start| start.eq_ignore_ascii_case(stem)) || known(name)
            }),
            SignatureSource::One(_) | SignatureSource::Lines(_) | SignatureSource::Keyed(_) => {
                head.of(facts.header_names.iter().map(String::as_str))
            }
        };
        Self { line: [method, target].concat(), method: method.len(), head }
    }

    pub(super) fn method(&self) -> &[u8] {
        self.line.get(..self.method).unwrap_or_default()
    }

    /// Path and query, as they were received.
    pub(super) fn target(&self) -> &[u8] {
        self.line.get(self.method..).unwrap_or_default()
    }

    /// What stands after the first `?`.
    fn query(&self) -> &[u8] {
        let target = self.target();
        let at = target.iter().position(|&byte| byte == b'?');
        at.and_then(|at| target.get(at + 1..)).unwrap_or_default()
    }

    /// Whether the body says that it is a form.
    pub(super) fn is_form(&self) -> bool {
        let Single::One(value) = self.head.single("content-type") else { return false };
        let media = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        media.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    }
}

/// A request as a scheme reads it: its head and, where it is needed, all of its body.
pub(super) struct Request<'a> {
    pub(super) kept: &'a Kept,
    pub(super) endpoint: &'a Endpoint,
    /// `None`: not here, as it is hashed while it goes by.
    pub(super) body: Option<&'a [u8]>,
    json: OnceCell<Option<Value>>,
    /// The part of the body that places in JSON are of.
    part: Option<&'a Value>,
    /// Values beside the signatures.
    pub(super) pairs: Vec<(String, String)>,
}

impl<'a> Request<'a> {
    pub(super) fn new(kept: &'a Kept, endpoint: &'a Endpoint, body: Option<&'a [u8]>) -> Self {
        Self { kept, endpoint, body, json: OnceCell::new(), part: None, pairs: Vec::new() }
    }

    /// The same request, seen from one part of its body.
    pub(super) fn of_part(&self, part: &'a Value) -> Self {
        Self { part: Some(part), ..Self::new(self.kept, self.endpoint, self.body) }
    }

    pub(super) fn query(&self) -> &'a [u8] {
        self.kept.query()
    }

    /// The body as JSON: strict, and no name stands twice in an object.
    pub(super) fn json(&self) -> Result<&Value, Reason> {
        if let Some(part) = self.part {
            return Ok(part);
        }
        let few =
            |body: &&[u8]| body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() <= MAX_BODY_MARKS;
        let read = || self.body.filter(few).and_then(|body| Value::read(body, JSON).ok());
        self.json.get_or_init(read).as_ref().ok_or(Reason::Malformed)
    }

    /// Whether the value can be asked for here, or only with the body.
    pub(super) fn knows(&self, place: &Place) -> bool {
        self.body.is_some() || !place.is_in_body()
    }

    /// The value of a header field that stands at most once.
    pub(super) fn header(&self, name: &str) -> Result<Option<&'a [u8]>, Reason> {
        match self.kept.head.single(name) {
            Single::Absent => Ok(None),
            Single::One(value) => Ok(Some(trimmed(value))),
            Single::Many => Err(Reason::Malformed),
        }
    }

    /// A value; `None` when it is not there.
    ///
    /// # Errors
    /// [`Reason::Malformed`]: it stands twice, or is no single value, or where it should stand is unreadable.
    pub(super) fn value(&self, place: &Place) -> Result<Option<Cow<'_, [u8]>>, Reason> {
        match place {
            Place::Header(name) => Ok(self.header(name)?.map(Cow::Borrowed)),
            Place::Query(name) => field(self.query(), name),
            Place::Form(name) => {
                let body = self.body.filter(|_| self.kept.is_form()).ok_or(Reason::Malformed)?;
                field(body, name)
            }
            Place::Json(path) => match path.find(self.json()?) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::Text(text) | Value::Number(text)) => Ok(Some(Cow::Borrowed(text.as_bytes()))),
                Some(Value::Bool(value)) => Ok(Some(Cow::Owned(value.to_string().into_bytes()))),
                Some(Value::List(_) | Value::Object(_)) => Err(Reason::Malformed),
            },
            Place::Pair(name) => {
                let mut values = self.pairs.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
                match (values.next(), values.next()) {
                    (first, None) => Ok(first.map(|value| Cow::Borrowed(value.as_bytes()))),
                    (_, Some(_)) => Err(Reason::Malformed),
                }
            }
        }
    }
}

/// A field of a form.
fn field<'a>(form: &'a [u8], name: &str) -> Result<Option<Cow<'a, [u8]>>, Reason> {
    form::one(form, name).map(|value| value.map(Cow::Owned)).map_err(|_| Reason::Malformed)
}

/// Without blanks and tabs around it (RFC 9110, section 5.5), and nothing else.
pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().take_while(|byte| blank(byte)).count();
    let value = value.get(start..).unwrap_or_default();
    let end = value.iter().rev().take_while(|byte| blank(byte)).count();
    value.get(..value.len() - end).unwrap_or_default()
}

//! What a test expects, compared with what came out.

use std::fmt;

use lockgate::replay::{Answer, Ending, Fields, Outcome, Request};
use serde_json::Value;

use super::difference;
use super::names::names_in;
use super::wire::OutcomeWire;

/// What must come out; what is absent may be anything.
#[derive(Debug)]
pub(super) struct Expect {
    pub(super) outcome: Option<OutcomeWire>,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<String>,
    pub(super) headers: ExpectHeaders,
    pub(super) body: ExpectBody,
    /// `Some(None)`: nothing reaches the portal.
    pub(super) forwarded: Option<Option<ExpectForwarded>>,
}

/// Names with their values; without values: not there.
pub(super) type ExpectHeaders = Vec<(String, Option<Vec<String>>)>;

#[derive(Debug)]
pub(super) struct ExpectBody {
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) json: Option<Value>,
    pub(super) absent: Vec<String>,
}

#[derive(Debug)]
pub(super) struct ExpectForwarded {
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) headers: ExpectHeaders,
    pub(super) body: ExpectBody,
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Unmet {
    /// The part of `expect`.
    pub(super) field: String,
    /// What is, and what must be; may have several lines.
    pub(super) message: String,
}

impl Expect {
    pub(super) fn is_empty(&self) -> bool {
        let Self { outcome, status, reason, headers, body, forwarded } = self;
        outcome.is_none()
            && status.is_none()
            && reason.is_none()
            && headers.is_empty()
            && body.is_empty()
            && forwarded.is_none()
    }

    /// What is not as it must be; nothing, when the test holds.
    pub(super) fn unmet(&self, request: &Request, answer: &Answer, outcome: &Outcome) -> Vec<Unmet> {
        let mut unmet = List(Vec::new());
        let (ending, reason) = match outcome.ending {
            Ending::Pass => (OutcomeWire::Pass, None),
            Ending::Reply(reason) => (OutcomeWire::Reply, Some(reason)),
            Ending::Abort(reason) => (OutcomeWire::Abort, reason),
        };
        // A refused answer has no fields either: that is not what somebody means who only says that fields are gone.
        let silent = self.status.is_none() && self.reason.is_none();
        if let Some(must) = self.outcome.or(silent.then_some(OutcomeWire::Pass))
            && must != ending
        {
            let why = reason.map_or(String::new(), |reason| format!(" ({reason})"));
            unmet.add("outcome", format_args!("is {ending}{why}, must be {must}"));
        }
        if let Some(must) = self.status.filter(|&status| status != outcome.status) {
            match outcome.status {
                0 => unmet.add("status", format_args!("there is none, must be {must}")),
                is => unmet.add("status", format_args!("is {is}, must be {must}")),
            }
        }
        if let Some(must) = self.reason.as_deref().filter(|&must| Some(must) != reason) {
            unmet.add("reason", format_args!("is {}, must be {must}", reason.unwrap_or("absent")));
        }
        check_headers("headers", &self.headers, &outcome.headers, &mut unmet);
        let sent: &[u8] = match answer {
            Answer::Response { content, .. } => &content.body,
            Answer::Reset | Answer::Timeout | Answer::Reply { .. } => b"",
        };
        self.body.check("", sent, &outcome.body, &mut unmet);
        match (&self.forwarded, &outcome.forwarded) {
            (None, _) | (Some(None), None) => {}
            (Some(None), Some(forwarded)) => {
                let (method, path) = (&forwarded.method, &forwarded.path);
                unmet.add("forwarded", format_args!("{method} {path} reached the portal, nothing must"));
            }
            (Some(Some(_)), None) => unmet.add("forwarded", format_args!("nothing reached the portal")),
            (Some(Some(must)), Some(is)) => {
                for (field, must, is) in [("method", &must.method, &is.method), ("path", &must.path, &is.path)] {
                    if let Some(must) = must.as_ref().filter(|&must| must != is) {
                        unmet.add(&format!("forwarded.{field}"), format_args!("is {is}, must be {must}"));
                    }
                }
                check_headers("forwarded.headers", &must.headers, &is.headers, &mut unmet);
                must.body.check("forwarded.", &request.content.body, &is.body, &mut unmet);
            }
        }
        unmet.0
    }
}

impl ExpectBody {
    fn is_empty(&self) -> bool {
        self.bytes.is_none() && self.json.is_none() && self.absent.is_empty()
    }

    /// `before`: the body before the gate.
    fn check(&self, place: &str, before: &[u8], is: &[u8], unmet: &mut List) {
        if let Some(must) = self.bytes.as_ref().filter(|must| must.as_slice() != is) {
            unmet.add(&format!("{place}body"), difference::of_texts(must, is));
        }
        if let Some(must) = &self.json {
            match serde_json::from_slice::<Value>(is) {
                Ok(is) if &is == must => {}
                Ok(is) => unmet.add(&format!("{place}json"), difference::of_values(must, &is)),
                Err(error) => {
                    let is = difference::excerpt(is);
                    unmet.add(&format!("{place}json"), format_args!("the body is no JSON ({error}): {is}"));
                }
            }
        }
        if self.absent.is_empty() {
            return;
        }
        let (names, given) = (names_in(is), names_in(before));
        for name in &self.absent {
            let field = format!("{place}absent");
            if names.has(name) {
                unmet.add(&field, format_args!("`{name}` is in the body and must not be"));
            } else if !given.has(name) {
                let message = "was not in the body before the gate either, so its absence shows nothing";
                unmet.add(&field, format_args!("`{name}` {message}"));
            }
        }
    }
}

fn check_headers(place: &str, expected: &ExpectHeaders, fields: &Fields, unmet: &mut List) {
    for (name, must) in expected {
        let same = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let is: Vec<String> = same.map(|(_, value)| value.iter().copied().map(char::from).collect()).collect();
        let field = format!("{place}.{name}");
        match must {
            None if is.is_empty() => {}
            None => unmet.add(&field, format_args!("is {}, must not be there", is.join(" | "))),
            Some(must) if *must == is => {}
            Some(must) if is.is_empty() => unmet.add(&field, format_args!("is absent, must be {}", must.join(" | "))),
            Some(must) => unmet.add(&field, format_args!("is {}, must be {}", is.join(" | "), must.join(" | "))),
        }
    }
}

struct List(Vec<Unmet>);

impl List {
    fn add(&mut self, field: &str, message: impl fmt::Display) {
        self.0.push(Unmet { field: field.to_owned(), message: message.to_string() });
    }
}

impl fmt::Display for OutcomeWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Reply => "reply",
            Self::Abort => "abort",
        })
    }
}

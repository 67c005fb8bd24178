//! The chain over plain data.

mod bodies;
mod configuration;
mod heads;
mod probe;
mod webhooks;
mod whole;

use crate::replay::{Answer, Content, Fields, Outcome, Request};

fn fields(given: &[(&str, &str)]) -> Fields {
    given.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn get(path: &str, headers: &[(&str, &str)]) -> Request {
    let content = Content { headers: fields(headers), ..Content::default() };
    Request { method: "GET".to_owned(), path: path.to_owned(), content }
}

fn json(body: &str, chunk: usize) -> Answer {
    let headers = fields(&[("content-type", "application/json")]);
    let content = Content { headers, body: body.as_bytes().to_vec(), chunk, ..Content::default() };
    Answer::Response { status: 200, content, cut: false }
}

fn empty() -> Answer {
    Answer::Response { status: 200, content: Content::default(), cut: false }
}

/// The order of header fields is free.
fn sorted(mut outcome: Outcome) -> Outcome {
    outcome.headers.sort();
    if let Some(forwarded) = &mut outcome.forwarded {
        forwarded.headers.sort();
    }
    outcome
}

//! The filter as a whole, over plain data.

mod attacks;
mod configuration;
mod delivery;
mod joints;
mod probes;
mod replayed;
mod signing;
mod tamper;
mod vectors;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Policy;
use crate::exchange::Policy as _;
use crate::replay::{self, Answer, Content, Ending, Fields, Heads, MemoryHost, Outcome, Request};

/// A gate with its host.
struct Gate {
    policy: Policy,
    host: MemoryHost,
    /// What the portal answers.
    answer: Answer,
}

/// The variables S0, S1 and so on.
fn variables<'a>(secrets: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, String> {
    secrets.into_iter().enumerate().map(|(n, secret)| (format!("S{n}"), secret.to_owned())).collect()
}

impl Gate {
    fn new(config: &Value, secrets: &[&str]) -> Self {
        Self::try_new(config, secrets).unwrap_or_else(|error| panic!("{error}: {config}"))
    }

    fn try_new(config: &Value, secrets: &[&str]) -> Result<Self, String> {
        let variables = variables(secrets.iter().copied());
        let policy = Policy::read(config.to_string().as_bytes(), &variables).map_err(|error| error.to_string())?;
        Ok(Self { policy, host: MemoryHost::default(), answer: answer(200) })
    }

    fn at(&mut self, seconds: u64) -> &mut Self {
        self.host.now_ms = Some(seconds * 1000);
        self
    }

    fn answers(&mut self, status: u16) -> &mut Self {
        self.answer = answer(status);
        self
    }

    fn send(&mut self, request: &Request) -> Outcome {
        replay::run(&self.policy, &mut self.host, request, &self.answer, Heads::Wait)
    }

    /// A counter by what follows the filter's name.
    fn counter(&self, name: &str) -> u64 {
        let name = format!("lockgate.webhook_verify.{name}");
        let at = self.policy.counters().iter().position(|known| *known == name).unwrap_or_else(|| panic!("no {name}"));
        self.host.counters.get(&at).copied().unwrap_or(0)
    }
}

fn answer(status: u16) -> Answer {
    Answer::Response { status, content: Content::default(), cut: false }
}

/// One endpoint about everything, with more members or others.
fn endpoint(scheme: &Value, secrets: usize, more: &Value) -> Value {
    let secrets: Vec<Value> = (0..secrets).map(|n| json!({"env": format!("S{n}")})).collect();
    let mut endpoint = json!({"name": "hook", "match": {"paths": ["/**"]}, "scheme": scheme, "secrets": secrets});
    for (name, value) in more.as_object().expect("members") {
        endpoint[name] = value.clone();
    }
    json!({"endpoints": [endpoint]})
}

fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let content = Content { headers, body: body.to_vec(), ..Content::default() };
    Request { method: "POST".to_owned(), path: path.to_owned(), content }
}

fn field<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    let its = fields.iter().filter(|(given, _)| given == name);
    its.map(|(_, value)| std::str::from_utf8(value).expect("text")).collect()
}

fn reason(outcome: &Outcome) -> &'static str {
    match outcome.ending {
        Ending::Reply(reason) => reason,
        Ending::Pass => "pass",
        Ending::Abort(_) => "abort",
    }
}

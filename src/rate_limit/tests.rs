//! The filter as a whole, over plain data.

mod answers;
mod penalties;
mod policies;
mod refused;

use serde_json::{Value, json};

use super::Policy;
use crate::exchange::Policy as _;
use crate::identity::Identity;
use crate::replay::{self, Answer, Content, Ending, Fields, Heads, MemoryHost, Outcome, Request};

/// Some time in 2025.
const NOW: u64 = 1_750_000_000_000;

/// A gate with its host.
struct Gate {
    policy: Policy,
    host: MemoryHost,
    /// What the portal answers.
    answer: Answer,
}

impl Gate {
    fn new(config: &Value) -> Self {
        let policy =
            Policy::from_json(config.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {config}"));
        let mut host = MemoryHost { now_ms: Some(NOW), ..MemoryHost::default() };
        host.set_attribute(&["source", "address"], b"192.0.2.1:1234");
        Self { policy, host, answer: answer(200) }
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.host.now_ms = Some(NOW + ms);
        self
    }

    fn from(&mut self, address: &str) -> &mut Self {
        self.host.attributes.remove(&["source", "address"].map(str::to_owned)[..]);
        if !address.is_empty() {
            self.host.set_attribute(&["source", "address"], address.as_bytes());
        }
        self
    }

    /// The caller of what follows, as jwt-auth leaves it.
    fn by(&mut self, identity: Value) -> &mut Self {
        let identity: Identity = serde_json::from_value(identity).expect("an identity");
        self.host.set_attribute(&[crate::identity::FILTER_STATE], &identity.to_record());
        self
    }

    fn answers(&mut self, status: u16) -> &mut Self {
        self.answer = answer(status);
        self
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Outcome {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let content = Content { headers, ..Content::default() };
        let request = Request { method: method.to_owned(), path: path.to_owned(), content };
        replay::run(&self.policy, &mut self.host, &request, &self.answer, Heads::GoOn)
    }

    fn get(&mut self, path: &str) -> u16 {
        self.send("GET", path, &[]).status
    }

    /// How many of so many requests pass.
    fn passes(&mut self, requests: usize, path: &str) -> usize {
        (0..requests).filter(|_| self.get(path) == 200).count()
    }

    /// A counter by what follows the filter's name.
    fn counter(&self, name: &str) -> u64 {
        let name = format!("lockgate.rate_limit.{name}");
        let at = self.policy.counters().iter().position(|known| *known == name).unwrap_or_else(|| panic!("no {name}"));
        self.host.counters.get(&at).copied().unwrap_or(0)
    }
}

fn answer(status: u16) -> Answer {
    Answer::Response { status, content: Content::default(), cut: false }
}

/// One policy about everything, with more members or others.
fn policy(more: &Value) -> Value {
    let mut policy =
        json!({"name": "all", "match": {"paths": ["/**"]}, "key": ["address"], "limit": 2, "window_s": 60});
    merge(&mut policy, more);
    policy
}

fn merge(into: &mut Value, more: &Value) {
    for (name, value) in more.as_object().expect("members") {
        into[name] = value.clone();
    }
}

fn one(more: &Value) -> Value {
    json!({"policies": [policy(more)]})
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

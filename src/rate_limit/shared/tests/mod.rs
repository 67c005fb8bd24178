//! Gateways with several workers and a service, over plain data and in simulated time.

mod bounds;
mod configuration;
mod failures;
mod leases;
mod messages;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use serde_json::{Value, json};

use super::message::{self, Value as Field, each, frame};
use crate::audit::Audit;
use crate::exchange::{Exchange as _, Policy as _, Step};
use crate::head::Head;
use crate::host::{Call, CallId, CallResult, Check, GrpcCall, Host, Slot, Written};
use crate::rate_limit::{Exchange, Policy};
use crate::replay::MemoryHost;

/// Some time in 2025; a multiple of a day.
const NOW: u64 = 20_250 * 86_400_000;
/// How far the clock goes in a step of the simulation, in milliseconds.
const STEP_MS: u64 = 5;

/// A rate-limit service: calendar windows, one limit for everything.
#[derive(Debug)]
struct Service {
    limit: u32,
    window_s: u64,
    mood: Mood,
    /// Whether what is refused counts, as it does with envoyproxy/ratelimit and not with Limitador.
    counts_refused: bool,
    /// Whether an answer says what is left, and for how long.
    says: bool,
    /// How long an answer takes, in milliseconds.
    takes_ms: u64,
    /// By descriptor and window.
    counts: BTreeMap<(Vec<u8>, u64), u64>,
    calls: Vec<Vec<(String, String)>>,
    hits: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    /// Nobody listens.
    Dead,
    /// It counts, and its answer is lost.
    Mute,
    /// Its answers are none.
    Mad,
    /// It knows no limit.
    Lax,
}

impl Service {
    fn new(limit: u32, window_s: u64) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            limit,
            window_s,
            mood: Mood::Well,
            counts_refused: true,
            says: true,
            takes_ms: 1,
            counts: BTreeMap::new(),
            calls: Vec::new(),
            hits: Vec::new(),
        }))
    }

    fn answer(&mut self, body: &[u8], now_ms: u64) -> CallResult {
        let (mut descriptor, mut hits) = (Vec::new(), 0);
        each(&body[5..], |field, value| {
            match (field, value) {
                (1, Field::Bytes(domain)) => assert_eq!(domain, b"portals"),
                (2, Field::Bytes(bytes)) => descriptor = bytes.to_vec(),
                (3, Field::Number(number)) => hits = u32::try_from(number).expect("hits"),
                _ => panic!("field {field}"),
            }
            Ok(())
        })
        .expect("a request");
        self.calls.push(entries(&descriptor));
        self.hits.push(hits);
        let now_s = now_ms / 1_000;
        let window = now_s / self.window_s;
        let count = self.counts.entry((descriptor, window)).or_default();
        let after = *count + u64::from(hits);
        let over = after > u64::from(self.limit);
        if self.mood != Mood::Dead && (self.counts_refused || !over) {
            *count = after;
        }
        match self.mood {
            Mood::Well => {
                let left = u64::from(self.limit).saturating_sub(after);
                let reset_s = self.window_s - now_s % self.window_s;
                let says = self.says.then_some((self.limit, u32::try_from(left).expect("few"), reset_s));
                CallResult::Answered { status: 200, body: response(over, says) }
            }
            Mood::Dead => CallResult::Answered { status: 503, body: Vec::new() },
            Mood::Mute => CallResult::Failed,
            Mood::Mad => CallResult::Answered { status: 200, body: b"\0\0\0\0\x01\xff".to_vec() },
            Mood::Lax => CallResult::Answered { status: 200, body: frame(&[8, 1, 18, 2, 8, 1]) },
        }
    }
}

/// The answer about one descriptor; with the limit, what is left of it, and for how many seconds.
fn response(over: bool, says: Option<(u32, u32, u64)>) -> Vec<u8> {
    let number = |mut number: u64| {
        let mut bytes = Vec::new();
        while number > 127 {
            bytes.push((number & 127) as u8 | 128);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let bytes = |tag: u8, bytes: Vec<u8>| [vec![tag], number(bytes.len() as u64), bytes].concat();
    let code = if over { 2 } else { 1 };
    let mut message = vec![8, code];
    if let Some((limit, left, reset_s)) = says {
        let mut status = vec![8, code];
        status.extend(bytes(18, [vec![8], number(limit.into()), vec![16, 2]].concat()));
        if left > 0 {
            status.extend([vec![24], number(left.into())].concat());
        }
        status.extend(bytes(34, [vec![8], number(reset_s)].concat()));
        message.extend(bytes(18, status));
    }
    frame(&message)
}

/// A descriptor's entries.
fn entries(descriptor: &[u8]) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    each(descriptor, |_, value| {
        let Field::Bytes(entry) = value else { return Err(message::Error::Wire) };
        let mut texts = Vec::new();
        each(entry, |_, value| {
            let Field::Bytes(text) = value else { return Err(message::Error::Wire) };
            texts.push(String::from_utf8(text.to_vec()).expect("text"));
            Ok(())
        })?;
        let [key, value] = <[String; 2]>::try_from(texts).expect("key and value");
        entries.push((key, value));
        Ok(())
    })
    .expect("a descriptor");
    entries
}

/// A process: what its workers share, and its calls.
#[derive(Debug)]
struct Process {
    memory: MemoryHost,
    service: Rc<RefCell<Service>>,
    /// Calls under way: whose, and when they end.
    calls: VecDeque<(usize, CallId, u64, CallResult)>,
    next: u32,
    /// Whose callback it is.
    worker: usize,
}

impl Host for Process {
    fn now_ms(&mut self) -> Option<u64> {
        self.memory.now_ms
    }

    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        self.memory.attribute(path)
    }

    fn leave(&mut self, name: &str, value: &[u8]) {
        self.memory.leave(name, value);
    }

    fn count(&mut self, counter: usize, by: u64) {
        self.memory.count(counter, by);
    }

    fn audit(&mut self, audit: &Audit) {
        self.memory.audit(audit);
    }

    fn slot(&mut self, key: &str) -> Option<Slot> {
        self.memory.slot(key)
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        self.memory.set_slot(key, bytes, stamp)
    }

    fn call(&mut self, _call: &Call<'_>) -> Option<CallId> {
        None
    }

    fn grpc(&mut self, call: &GrpcCall<'_>) -> Option<CallId> {
        assert_eq!((call.cluster, call.authority), ("limits", "limits"));
        assert_eq!(call.method, "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
        let mut service = self.service.borrow_mut();
        let now_ms = self.memory.now_ms?;
        let (mut result, mut takes_ms) = (service.answer(call.body, now_ms), service.takes_ms);
        if takes_ms >= u64::from(call.timeout_ms) || service.mood == Mood::Mute {
            (result, takes_ms) = (CallResult::Answered { status: 504, body: Vec::new() }, call.timeout_ms.into());
        }
        self.next += 1;
        self.calls.push_back((self.worker, CallId(self.next), now_ms + takes_ms, result));
        Some(CallId(self.next))
    }

    fn verify(&mut self, _check: &Check<'_>) -> Option<bool> {
        None
    }
}

/// A gateway: some workers over one process.
#[derive(Debug)]
struct Gateway {
    process: Process,
    workers: Vec<Policy>,
    /// Requests that wait: a number, whose they are, since when.
    waiting: Vec<(usize, usize, Exchange, u64)>,
    sent: usize,
    /// Where requests go and come from, and where those did that were sent.
    route: (&'static str, String),
    routes: Vec<(&'static str, String)>,
    /// What became of requests: number, status, how long they waited.
    done: Vec<(usize, u16, u64)>,
}

impl Gateway {
    fn new(config: &Value, workers: usize, service: &Rc<RefCell<Service>>) -> Self {
        let memory = MemoryHost { now_ms: Some(NOW), ..MemoryHost::default() };
        let service = Rc::clone(service);
        let mut process = Process { memory, service, calls: VecDeque::new(), next: 0, worker: 0 };
        let read = || Policy::from_json(config.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let workers: Vec<Policy> = (0..workers).map(|_| read()).collect();
        for policy in &workers {
            policy.start(&mut process);
        }
        let route = ("/api/x", "192.0.2.1:1234".to_owned());
        Self { process, workers, waiting: Vec::new(), sent: 0, route, routes: Vec::new(), done: Vec::new() }
    }

    fn now_ms(&self) -> u64 {
        self.process.memory.now_ms.expect("a clock")
    }

    fn from(&mut self, address: &str) -> &mut Self {
        address.clone_into(&mut self.route.1);
        self
    }

    fn to(&mut self, path: &'static str) -> &mut Self {
        self.route.0 = path;
        self
    }

    /// The head of a request, whose callback it is.
    fn head_of(&mut self, number: usize) -> Head {
        let (path, address) = &self.routes[number];
        self.process.memory.set_attribute(&["source", "address"], address.as_bytes());
        head(path)
    }

    /// A request at a worker; its status, if it need not wait.
    fn send(&mut self, worker: usize) -> Option<u16> {
        self.process.worker = worker;
        let mut exchange = self.workers[worker].open();
        let number = self.sent;
        self.sent += 1;
        self.routes.push(self.route.clone());
        let step = exchange.request_head(&mut self.head_of(number), &mut self.process);
        self.take(number, worker, exchange, self.now_ms(), step)
    }

    fn take(&mut self, number: usize, worker: usize, exchange: Exchange, since_ms: u64, step: Step) -> Option<u16> {
        let status = match step {
            Step::Wait => {
                self.waiting.push((number, worker, exchange, since_ms));
                return None;
            }
            Step::Continue => 200,
            Step::Reply(reply) => reply.status,
            Step::Hold => panic!("nothing is held"),
        };
        self.done.push((number, status, self.now_ms() - since_ms));
        Some(status)
    }

    /// The clock goes on; results come, ticks are made, and who waits is asked again.
    fn step(&mut self, ms: u64) {
        let now_ms = self.now_ms() + ms;
        self.process.memory.now_ms = Some(now_ms);
        while let Some(at) = self.process.calls.iter().position(|(_, _, end_ms, _)| *end_ms <= now_ms) {
            let (worker, id, _, result) = self.process.calls.remove(at).expect("it is there");
            self.process.worker = worker;
            self.workers[worker].call_result(id, result, &mut self.process);
        }
        for worker in 0..self.workers.len() {
            self.process.worker = worker;
            self.workers[worker].tick(&mut self.process);
        }
        for (number, worker, mut exchange, since_ms) in std::mem::take(&mut self.waiting) {
            self.process.worker = worker;
            let step = exchange.resume(&mut self.head_of(number), &mut self.process);
            self.take(number, worker, exchange, since_ms, step);
        }
    }

    /// Until nobody waits.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.waiting.is_empty() {
                return;
            }
            self.step(STEP_MS);
        }
        panic!("somebody waits for ever");
    }

    /// A request at a worker, to its end.
    fn ask(&mut self, worker: usize) -> u16 {
        let number = self.sent;
        if let Some(status) = self.send(worker) {
            return status;
        }
        self.settle();
        self.done.iter().find(|(done, _, _)| *done == number).expect("it ended").1
    }

    fn admitted(&self) -> usize {
        self.done.iter().filter(|(_, status, _)| *status == 200).count()
    }

    /// A counter by what follows the filter's name.
    fn counter(&self, name: &str) -> u64 {
        let name = format!("lockgate.rate_limit.{name}");
        let names = self.workers[0].counters();
        let at = names.iter().position(|known| *known == name).unwrap_or_else(|| panic!("no {name}"));
        self.process.memory.counters.get(&at).copied().unwrap_or(0)
    }
}

fn head(path: &str) -> Head {
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Head::new(vec![field(":method", "GET"), field(":path", path), field("x-key", "secret-key")], true)
}

fn config(limit: u32, window_s: u64, shared: &Value) -> Value {
    let mut config = json!({
        "policies": [{"name": "all", "match": {"paths": ["/**"]}, "key": ["address"], "limit": limit, "window_s": window_s}],
        "shared": {"cluster": "limits", "domain": "portals"},
    });
    for (name, value) in shared.as_object().expect("members") {
        config["shared"][name] = value.clone();
    }
    config
}

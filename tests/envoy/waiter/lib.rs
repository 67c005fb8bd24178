//! A policy whose exchanges wait for what the header `x-wait` says. For tests of the adapter only.
//!
//! - `tick`: until the policy has worked once more.
//! - `call`: until a call to the configured cluster has ended; `x-result` tells the portal how.
//! - `reply`: as `tick`, and then the answer is 418.
//! - `signal`: until a request comes with `x-wait: give`.
//! - `never`: until somebody else ends it.
//!
//! With `x-hold` the head is held until the body has ended: `soft` as far as the host likes, `fast` in any case. Then `x-released`
//! tells the portal.
//!
//! `signal` is asked only after one; `x-asked` tells the portal how often it was. With `x-body` the body is put into upper case.
//! `x-starts` tells the portal how many VMs have started, and `x-alien` what became of a call that the exchange tried to make itself.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use lockgate::audit::Audit;
use lockgate::config::{ConfigError, Environment};
use lockgate::exchange::{self, Body, Chunk, HeadState, Part, Side, Step};
use lockgate::head::{Head, Single};
use lockgate::host::{Call, CallId, CallResult, Host, Written};
use lockgate::reply::Reply;

proxy_wasm::main! {{
    lockgate_host::install::<Policy>();
}}

struct Policy {
    cluster: String,
    path: String,
    timeout_ms: u32,
    max_body_bytes: usize,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    works: Cell<u32>,
    results: Cell<u32>,
    wanted: Cell<bool>,
    given: Cell<u32>,
    last: RefCell<String>,
}

/// Where each start counts itself.
const STARTS: &str = "starts/1/0";

impl exchange::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = "waiter";

    /// `cluster path timeout_ms max_body_bytes`
    fn read(text: &[u8], _: &dyn Environment) -> Result<Self, ConfigError> {
        let text = String::from_utf8_lossy(text).into_owned();
        let wrong = || ConfigError::new("(configuration)", "is not `cluster path timeout_ms max_body_bytes`");
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or_else(wrong);
        Ok(Self {
            cluster: word()?.to_owned(),
            path: word()?.to_owned(),
            timeout_ms: word()?.parse().map_err(|_| wrong())?,
            max_body_bytes: word()?.parse().map_err(|_| wrong())?,
            state: Rc::default(),
        })
    }

    fn counters(&self) -> Vec<String> {
        vec!["lockgate.waiter.works".to_owned()]
    }

    fn open(&self) -> Exchange {
        Exchange { state: Rc::clone(&self.state), wait: Wait::Tick, since: 0, asked: 0, upper: false, hold: Hold::No }
    }

    fn start(&self, host: &mut dyn Host) {
        loop {
            let Some(slot) = host.slot(STARTS) else { return };
            let mut bytes = slot.bytes;
            bytes.push(b'x');
            if host.set_slot(STARTS, &bytes, slot.stamp) != Written::Changed {
                return;
            }
        }
    }

    fn tick_ms(&self) -> Option<u32> {
        Some(60_000)
    }

    fn tick(&self, host: &mut dyn Host) {
        self.state.works.set(self.state.works.get() + 1);
        host.count(0, 1);
        // None of these has anything to act on here, and nothing may come of it.
        host.leave("lockgate.nowhere", b"x");
        host.audit(&audit("tick"));
        if self.state.wanted.replace(false) {
            let call = Call {
                cluster: &self.cluster,
                authority: "waiter",
                path: &self.path,
                headers: &[("x-from", "waiter")],
                timeout_ms: self.timeout_ms,
                max_body_bytes: self.max_body_bytes,
            };
            if host.call(&call).is_none() {
                self.state.ended("refused".to_owned());
            }
        }
    }

    fn call_result(&self, _: CallId, result: CallResult, _: &mut dyn Host) {
        self.state.ended(match result {
            CallResult::Answered { status, body } => format!("{status}:{}", body.len()),
            CallResult::TooLong => "too long".to_owned(),
            CallResult::Failed => "failed".to_owned(),
        });
    }
}

impl State {
    fn ended(&self, result: String) {
        *self.last.borrow_mut() = result;
        self.results.set(self.results.get() + 1);
    }
}

struct Exchange {
    state: Rc<State>,
    wait: Wait,
    since: u32,
    asked: u32,
    upper: bool,
    hold: Hold,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    No,
    Soft,
    Fast,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Tick,
    Call,
    Reply,
    Signal,
    Never,
}

impl exchange::Exchange for Exchange {
    fn wants(&self, side: Side, part: Part) -> bool {
        side == Side::Request && (part != Part::Body || self.upper || self.hold != Hold::No)
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.upper = head.has("x-body");
        self.hold = match head.single("x-hold") {
            Single::One(b"soft") => Hold::Soft,
            Single::One(b"fast") => Hold::Fast,
            Single::One(_) | Single::Absent | Single::Many => Hold::No,
        };
        if self.hold != Hold::No {
            return Step::Hold;
        }
        let starts = host.slot(STARTS).map_or(0, |slot| slot.bytes.len());
        let call = Call {
            cluster: "portal",
            authority: "x",
            path: "/alien",
            headers: &[],
            timeout_ms: 1000,
            max_body_bytes: 1,
        };
        let alien = if host.call(&call).is_none() { "refused" } else { "made" };
        self.wait = match head.single("x-wait") {
            Single::One(b"tick") => Wait::Tick,
            Single::One(b"call") => Wait::Call,
            Single::One(b"reply") => Wait::Reply,
            Single::One(b"signal") => Wait::Signal,
            Single::One(b"never") => Wait::Never,
            Single::One(b"give") => {
                self.state.given.set(self.state.given.get() + 1);
                return Step::Continue;
            }
            Single::One(_) | Single::Absent | Single::Many => {
                head.set("x-starts", starts.to_string().as_bytes());
                head.set("x-alien", alien.as_bytes());
                return Step::Continue;
            }
        };
        self.since = match self.wait {
            Wait::Call => {
                self.state.wanted.set(true);
                self.state.results.get()
            }
            Wait::Signal => self.state.given.get(),
            Wait::Tick | Wait::Reply | Wait::Never => self.state.works.get(),
        };
        Step::Wait
    }

    fn may_resume(&self, _: Option<u64>) -> bool {
        self.wait != Wait::Signal || self.state.given.get() != self.since
    }

    fn resume(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.asked += 1;
        let worked = self.state.works.get() != self.since;
        match self.wait {
            Wait::Tick if worked => {}
            Wait::Reply if worked => return Step::Reply(Reply::problem(418, "teapot", None, None)),
            Wait::Call if self.state.results.get() != self.since => {
                head.set("x-result", self.state.last.borrow().as_bytes());
            }
            Wait::Signal if self.state.given.get() != self.since => {}
            Wait::Tick | Wait::Reply | Wait::Call | Wait::Signal | Wait::Never => return Step::Wait,
        }
        host.leave("lockgate.waited", b"yes");
        host.audit(&audit("waited"));
        head.remove("x-wait");
        head.set("x-waited", b"yes");
        head.set("x-asked", self.asked.to_string().as_bytes());
        Step::Continue
    }

    fn decides_by_body(&self) -> bool {
        self.hold == Hold::Fast
    }

    fn release(&mut self, head: &mut Head) {
        head.set("x-released", b"yes");
    }

    fn request_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, _: &mut dyn Host) -> Body {
        if self.hold != Hold::No {
            return if chunk.head == HeadState::Held && !chunk.end { Body::Hold } else { Body::Unchanged };
        }
        out.extend(chunk.bytes.iter().map(u8::to_ascii_uppercase));
        Body::Replaced
    }

    fn request_trailers(&mut self, trailers: &mut Head, _: &mut Vec<u8>, _: &mut dyn Host) -> Body {
        trailers.set("x-seen", b"yes");
        Body::Unchanged
    }
}

fn audit(outcome: &'static str) -> Audit {
    Audit {
        time_ms: None,
        id: None,
        filter: "waiter",
        rule: None,
        outcome,
        reason: None,
        shadow: false,
        fields: 0,
        subject: None,
        system: None,
        path: None,
        version: 0,
    }
}

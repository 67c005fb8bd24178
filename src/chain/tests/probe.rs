//! A filter that does what a test says.

use std::cell::RefCell;
use std::rc::Rc;

use crate::config::{ConfigError, Environment};
use crate::exchange::{self as steps, Body, Chunk, HeadState, Part, Side, Step};
use crate::head::Head;
use crate::host::{Call, CallId, CallResult, GrpcCall, Host};
use crate::reply::Reply;

/// What it does, and the record of what it was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Probe {
    /// Stands in its records.
    pub(super) name: &'static str,
    pub(super) head: Does,
    pub(super) answer: Does,
    pub(super) pre_auth: Option<Does>,
    pub(super) body: Bytes,
    pub(super) decides: bool,
    /// How often it waits, before it goes on.
    pub(super) waits: usize,
    pub(super) tick_ms: Option<u32>,
    /// Whether its calls are gRPC.
    pub(super) grpc: bool,
    pub(super) log: Rc<RefCell<Vec<String>>>,
}

/// What becomes of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Does {
    #[default]
    Continue,
    Hold,
    Reply(u16),
}

/// What becomes of bodies.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes {
    pub(super) edit: Edit,
    /// So many are held.
    pub(super) hold: usize,
    /// With this one it is refused.
    pub(super) refuse: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Edit {
    /// It does not concern the probe.
    #[default]
    None,
    Keep,
    Upper,
    /// Without this letter.
    Drop(u8),
    Double,
}

impl Edit {
    pub(super) fn apply(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None | Self::Keep => bytes.to_vec(),
            Self::Upper => bytes.to_ascii_uppercase(),
            Self::Drop(letter) => bytes.iter().copied().filter(|&byte| byte != letter).collect(),
            Self::Double => bytes.iter().flat_map(|&byte| [byte, byte]).collect(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Running {
    probe: Probe,
    left: usize,
    sides: [Passing; 2],
}

#[derive(Debug, Default)]
struct Passing {
    seen: usize,
    /// What it has made of what it holds.
    made: Vec<u8>,
}

impl steps::Policy for Probe {
    type Exchange = Running;
    const NAME: &'static str = "probe";

    fn read(_: &[u8], _: &dyn Environment) -> Result<Self, ConfigError> {
        Ok(Self::default())
    }

    fn counters(&self) -> Vec<String> {
        ["asked", "answered"].map(|what| format!("lockgate.probe.{}.{what}", self.name)).to_vec()
    }

    fn has_pre_auth(&self) -> bool {
        self.pre_auth.is_some()
    }

    fn takes_request_bodies(&self) -> bool {
        self.body.edit != Edit::None
    }

    fn open(&self) -> Running {
        Running { probe: self.clone(), left: self.waits, sides: Default::default() }
    }

    fn start(&self, host: &mut dyn Host) {
        let _ = host.set_slot("slot", self.name.as_bytes(), 0);
    }

    fn tick_ms(&self) -> Option<u32> {
        self.tick_ms
    }

    fn tick(&self, host: &mut dyn Host) {
        let call =
            Call { cluster: self.name, authority: "a", path: "/", headers: &[], timeout_ms: 1, max_body_bytes: 10 };
        let id = if self.grpc {
            let call = GrpcCall {
                cluster: self.name,
                authority: "a",
                method: "/a.B/C",
                body: b"",
                timeout_ms: 1,
                max_body_bytes: 10,
            };
            host.grpc(&call)
        } else {
            host.call(&call)
        };
        host.note(self.name);
        self.log.borrow_mut().push(format!("{} calls {id:?}", self.name));
    }

    fn call_result(&self, id: CallId, _: CallResult, _: &mut dyn Host) {
        self.log.borrow_mut().push(format!("{} hears of {id:?}", self.name));
    }
}

impl Running {
    fn say(&self, what: &str) {
        self.probe.log.borrow_mut().push(format!("{} {what}", self.probe.name));
    }

    fn does(&self, does: Does) -> Step {
        match does {
            Does::Continue => Step::Continue,
            Does::Hold => Step::Hold,
            Does::Reply(status) => Step::Reply(Reply::problem(status, "probe", None, None)),
        }
    }

    fn push(&mut self, side: Side, chunk: Chunk<'_>, out: &mut Vec<u8>) -> Body {
        let Bytes { edit, hold, refuse } = self.probe.body;
        let passing = &mut self.sides[usize::from(side == Side::Response)];
        passing.seen += chunk.bytes.len();
        if refuse.is_some_and(|at| at < passing.seen) {
            return Body::Refuse(Reply::problem(415, "probe", None, None));
        }
        passing.made.extend(edit.apply(chunk.bytes));
        if chunk.head == HeadState::Held && passing.seen < hold && !chunk.end {
            return Body::Hold;
        }
        self.let_go(side, out)
    }

    fn let_go(&mut self, side: Side, out: &mut Vec<u8>) -> Body {
        let made = std::mem::take(&mut self.sides[usize::from(side == Side::Response)].made);
        if matches!(self.probe.body.edit, Edit::None | Edit::Keep) {
            return Body::Unchanged;
        }
        out.extend(made);
        Body::Replaced
    }

    fn end(&mut self, side: Side, trailers: &mut Head, out: &mut Vec<u8>) -> Body {
        trailers.set(&format!("x-{}", self.probe.name), b"seen");
        self.let_go(side, out)
    }
}

impl steps::Exchange for Running {
    fn wants(&self, _: Side, part: Part) -> bool {
        part == Part::Head || self.probe.body.edit != Edit::None
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.say("asked");
        host.count(0, 1);
        head.remove("x-forged");
        head.set(&format!("x-{}", self.probe.name), b"asked");
        if self.left > 0 {
            return Step::Wait;
        }
        self.does(self.probe.head)
    }

    fn pre_auth(&mut self, _: &mut Head, _: &mut dyn Host) -> Step {
        self.say("asked early");
        self.does(self.probe.pre_auth.unwrap_or_default())
    }

    fn resume(&mut self, _: &mut Head, _: &mut dyn Host) -> Step {
        self.say("asked again");
        self.left = self.left.saturating_sub(1);
        if self.left > 0 { Step::Wait } else { self.does(self.probe.head) }
    }

    fn request_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, _: &mut dyn Host) -> Body {
        self.push(Side::Request, chunk, out)
    }

    fn request_trailers(&mut self, trailers: &mut Head, out: &mut Vec<u8>, _: &mut dyn Host) -> Body {
        self.end(Side::Request, trailers, out)
    }

    fn decides_by_body(&self) -> bool {
        self.probe.decides
    }

    fn release(&mut self, head: &mut Head) {
        head.set(&format!("x-{}-released", self.probe.name), b"yes");
    }

    fn response_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.say("answered");
        host.count(1, 1);
        head.set(&format!("x-{}", self.probe.name), b"answered");
        self.does(self.probe.answer)
    }

    fn response_body(&mut self, chunk: Chunk<'_>, out: &mut Vec<u8>, _: &mut dyn Host) -> Body {
        self.push(Side::Response, chunk, out)
    }

    fn response_trailers(&mut self, trailers: &mut Head, out: &mut Vec<u8>, _: &mut dyn Host) -> Body {
        self.end(Side::Response, trailers, out)
    }

    fn done(&mut self, _: &mut dyn Host) {
        self.say("done");
    }
}

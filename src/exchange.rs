//! The steps of one request and its answer, and the policy that opens them.

use crate::config::{ConfigError, Environment, NoEnvironment};
use crate::head::{Edit, Head};
use crate::host::{CallId, CallResult, Host};
use crate::reply::Reply;

/// The most exchanges of one plugin that wait in a VM at a time ([`Step::Wait`]), whatever its configuration says; a host answers a
/// further one 503.
pub const MAX_WAITING: usize = 1024;

/// A checked configuration with its caches: one for each VM and plugin.
pub trait Policy: Sized {
    /// One request and its answer.
    type Exchange: Exchange;

    /// The filter's name in metrics, audit lines and logs, such as `revenue_strip`.
    const NAME: &'static str;

    /// Whether [`Exchange::done`] has something to do. Where it has not, a host need not hear of the end: it keeps what a head step
    /// has recorded at once, and its module may leave the callback out.
    const HEARS_OF_THE_END: bool = true;

    /// Reads the plugin's configuration; secrets come from the environment.
    ///
    /// # Errors
    /// The first fault, with its place. Never a secret.
    fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError>;

    /// The same without an environment.
    ///
    /// # Errors
    /// See [`Policy::read`].
    fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        Self::read(text, &NoEnvironment)
    }

    /// The names of all counters; [`Host::count`] takes places in this list.
    fn counters(&self) -> Vec<String>;

    /// What it leaves in filter state for filters after it. A chain that has these the other way round is refused.
    fn leaves(&self) -> Vec<Left> {
        Vec::new()
    }

    /// What it reads of filter state that another filter leaves.
    fn reads(&self) -> Vec<Read> {
        Vec::new()
    }

    /// The field of the configuration that has requests' bodies signed, if one does. No later block of a chain may edit them.
    fn signs_bodies(&self) -> Option<String> {
        None
    }

    /// The field of the configuration that has requests' bodies edited, if one does.
    fn edits_bodies(&self) -> Option<String> {
        None
    }

    /// Of the fields of the configuration that have requests' bodies held until they are whole the one that allows the longest, with
    /// its bytes. A chain keeps what one block holds for a later one that takes bodies, and refuses what it could never keep.
    fn holds_request_bodies(&self) -> Option<(String, usize)> {
        None
    }

    /// Whether a part of it runs before it is known who calls; see [`Exchange::pre_auth`].
    fn has_pre_auth(&self) -> bool {
        false
    }

    /// Whether an exchange may ever want a request's body ([`Exchange::wants`]). Where a chain knows that no later block does, it
    /// keeps no copy of what one holds.
    fn takes_request_bodies(&self) -> bool {
        true
    }

    /// Starts an exchange.
    fn open(&self) -> Self::Exchange;

    /// Called once in each VM after its configuration: on every worker, on the main thread, and in a trial VM whose calls
    /// never end. Shared slots are prepared here.
    fn start(&self, _host: &mut dyn Host) {}

    /// How often [`Policy::tick`] is to be called, in milliseconds; `None`: there is no background work.
    fn tick_ms(&self) -> Option<u32> {
        None
    }

    /// Background work: called about every [`Policy::tick_ms`], and sooner while exchanges wait ([`Step::Wait`]). On every
    /// worker and on the main thread.
    fn tick(&self, _host: &mut dyn Host) {}

    /// The end of a call that this VM has started.
    fn call_result(&self, _id: CallId, _result: CallResult, _host: &mut dyn Host) {}
}

/// The steps of one exchange in the order in which a host calls them. Each defaults to "continue, unchanged".
pub trait Exchange {
    /// Whether this part of a message concerns the exchange. A host asks before every step but the first, and leaves out,
    /// with all its reading and copying, what does not. A body that does not when its first piece comes never does.
    fn wants(&self, _side: Side, _part: Part) -> bool {
        true
    }

    /// What [`Exchange::response_head`] asks for of the answer's head. If that is not all, it lets the head go, what it sets or removes
    /// there is so whatever else the host has ([`Head::part`]), and no body step of the answer may follow. If it is nothing, a host may
    /// take [`Exchange::response_fields`] instead, which does the same.
    fn asks(&self) -> Asks {
        Asks::All
    }

    /// Gives `set` each field that is to stand in the answer's head in the place of all that the host has of its name. Only where
    /// nothing of the head is asked for. Values are [fit](crate::head::fit) for a head.
    fn response_fields(&mut self, _set: &mut dyn FnMut(&str, &[u8]), _host: &mut dyn Host) {}

    /// The request's head. [`Step::Hold`] keeps it until a body step decides.
    fn request_head(&mut self, _head: &mut Head, _host: &mut dyn Host) -> Step {
        Step::Continue
    }

    /// The part of [`Exchange::request_head`] that a chain runs before all blocks, where [`Policy::has_pre_auth`] says that there
    /// is one. Then [`Exchange::post_auth`] is the rest, where the block stands.
    fn pre_auth(&mut self, _head: &mut Head, _host: &mut dyn Host) -> Step {
        Step::Continue
    }

    /// The rest of [`Exchange::request_head`] after [`Exchange::pre_auth`].
    fn post_auth(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.request_head(head, host)
    }

    /// Whether [`Exchange::resume`] could answer anything but [`Step::Wait`] now. A host asks a waiting exchange this after each
    /// tick and call result, and before it reads its head again: so it must cost next to nothing. Where many wait, most are
    /// asked for nothing.
    fn may_resume(&self, _now_ms: Option<u64>) -> bool {
        true
    }

    /// Asked again, with the same head, after [`Step::Wait`]: soon, and after each tick and call result of this VM that may
    /// have changed something ([`Exchange::may_resume`]), and for the last time when the host waits no longer.
    /// Only exchanges that wait are asked: any other answers 503 here.
    fn resume(&mut self, _head: &mut Head, _host: &mut dyn Host) -> Step {
        Step::Reply(Reply::problem(503, "not_waiting", None, None))
    }

    /// A piece of the request's body.
    fn request_body(&mut self, _chunk: Chunk<'_>, _out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        Body::Unchanged
    }

    /// The request's trailers, which end its body. Body bytes still held go on as the result says.
    fn request_trailers(&mut self, _trailers: &mut Head, _out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        Body::Unchanged
    }

    /// Whether a request whose head it holds may be forged. Then the head is held until a body step lets it go, however long that
    /// takes, and in a chain no filter behind this one sees it before. Else a host may send it on when the body is long in coming.
    fn decides_by_body(&self) -> bool {
        false
    }

    /// Answers a request that [`Exchange::decides_by_body`] is about on a host that cannot hold its head: it never goes on.
    fn unheld(&mut self, _host: &mut dyn Host) -> Reply {
        Reply::problem(503, "not_held", None, None)
    }

    /// What is still to change in the request's held head, asked once when a body step lets it go. The host reads the head
    /// no second time: `head` has no fields, and those set here replace what is there.
    fn release(&mut self, _head: &mut Head) {}

    /// The same for a host that keeps no head: `edit` is given what the host has to do, one after the other.
    fn release_edits(&mut self, edit: &mut dyn FnMut(Edit<'_>)) {
        let mut head = Head::unread();
        self.release(&mut head);
        head.edits().for_each(edit);
    }

    /// The answer's head, also of an answer that the proxy itself made. In a chain also that of another block's reply, which may
    /// take the place of an answer whose head this block has seen.
    fn response_head(&mut self, _head: &mut Head, _host: &mut dyn Host) -> Step {
        Step::Continue
    }

    /// The same for a host that has read no more of the answer's head than `:status`, where no more is asked for. `false`: it is to take
    /// [`Exchange::response_head`]; else the head goes on as it is.
    fn response_status(&mut self, _status: Option<&[u8]>, _host: &mut dyn Host) -> bool {
        false
    }

    /// A piece of the answer's body.
    fn response_body(&mut self, _chunk: Chunk<'_>, _out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        Body::Unchanged
    }

    /// The answer's trailers, which end its body. Body bytes still held go on as the result says.
    fn response_trailers(&mut self, _trailers: &mut Head, _out: &mut Vec<u8>, _host: &mut dyn Host) -> Body {
        Body::Unchanged
    }

    /// The exchange is over, in whatever way. Counters and audit lines are written here.
    fn done(&mut self, _host: &mut dyn Host) {}
}

/// A filter state that a policy leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its name.
    pub state: &'static str,
    /// All values that it can have, where the configuration says them.
    pub values: Option<Vec<String>>,
}

/// A filter state that a policy reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its name.
    pub state: &'static str,
    /// The value that counts; `None`: all do.
    pub value: Option<String>,
    /// The field of the configuration that asks for it.
    pub path: String,
}

/// Which message of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The client's.
    Request,
    /// The answer.
    Response,
}

/// Which part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its header section.
    Head,
    /// Its content.
    Body,
    /// Its trailer section.
    Trailers,
}

/// How much of a head is to be read: a host leaves out the rest, which costs more than most steps do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    /// Nothing.
    Nothing,
    /// `:status`.
    Status,
    /// All fields.
    All,
}

/// What becomes of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// It goes on, with the changes made to it.
    Continue,
    /// It waits, with the changes made to it, until a body step says otherwise. A host that cannot wait sends it on
    /// and says so in [`Chunk::head`].
    Hold,
    /// Only of a request: it waits, unchanged and without its body, for background work of the policy; [`Exchange::resume`]
    /// is asked next. A host that cannot wait answers 503.
    Wait,
    /// The client gets this answer, and nothing goes on.
    Reply(Reply),
}

/// A piece of a body.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The bytes; each byte of the body comes once. May be empty.
    pub bytes: &'a [u8],
    /// Whether the message ends with it. A message with trailers never says so here.
    pub end: bool,
    /// Whether the head is still here.
    pub head: HeadState,
}

/// Where a message's head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadState {
    /// Held: nothing of the message has gone on.
    Held,
    /// On its way.
    Sent,
}

/// What becomes of a piece of a body, together with what [`Body::Hold`] has kept before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Body {
    /// It goes on as it is; nothing was appended to `out`.
    Unchanged,
    /// `out` goes on in its place.
    Replaced,
    /// It waits with the head. Only while the head is [`HeadState::Held`].
    Hold,
    /// Nothing more goes on. The client gets this answer when nothing of another one has reached it; otherwise the
    /// transfer is broken off, so that nobody takes it for complete.
    Refuse(Reply),
}

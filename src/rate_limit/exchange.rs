//! The steps of one request and its answer.

mod answer;
mod judge;
mod report;
mod sharing;

use std::borrow::Cow;
use std::rc::Rc;

use self::answer::Failure;
use self::report::Who;
use self::sharing::Sharing;
use super::Shared;
use super::config::{Others, Phase, Unnormalized};
use super::error::Reason;
use super::headers::{self, Standing};
use crate::exchange::{self as steps, Asks, Part, Side, Step};
use crate::few::Few;
use crate::head::{Head, Single};
use crate::host::Host;
use crate::path::{normal_path, normalize};

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    shared: Rc<Shared>,
    /// How the request stands with the policies that act.
    standings: Few<Standing>,
    /// What the answer may count for.
    failures: Vec<Failure>,
    who: Who,
    sharing: Sharing,
    /// Whether this filter has answered itself.
    replied: bool,
}

/// What rules ask of a request's head.
struct Request<'a> {
    /// In upper case: there are portals that take `get` for GET.
    method: Cow<'a, [u8]>,
    path: &'a [u8],
}

impl Exchange {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self {
            shared,
            standings: Few::default(),
            failures: Vec::new(),
            who: Who::default(),
            sharing: Sharing::default(),
            replied: false,
        }
    }

    fn run(&mut self, phases: &'static [Phase], head: &mut Head, host: &mut dyn Host) -> Step {
        self.sharing.begin(phases, self.failures.len());
        self.go_on(phases, head, host)
    }

    fn go_on(&mut self, phases: &[Phase], head: &mut Head, host: &mut dyn Host) -> Step {
        match Request::of(head) {
            Ok(request) => return self.judge(phases, &request, head, host),
            Err(Unread::Refused) => {}
            Err(Unread::Unnormal) => match self.shared.config.unnormalized {
                Unnormalized::Reject => {}
                Unnormalized::Rewrite => {
                    rewrite(head);
                    if let Ok(request) = Request::of(head) {
                        return self.judge(phases, &request, head, host);
                    }
                }
            },
        }
        self.refuse_unread(Reason::UnsafePath, head, host)
    }
}

/// Why a request has not one reading.
enum Unread {
    /// There is no method or no path, or more than one.
    Refused,
    /// Its path is not in its normal form.
    Unnormal,
}

impl<'a> Request<'a> {
    /// Method and path, with one reading only.
    fn of(head: &'a Head) -> Result<Self, Unread> {
        let Single::One(method) = head.single(":method") else { return Err(Unread::Refused) };
        let method = match method.iter().any(u8::is_ascii_lowercase) {
            true => Cow::Owned(method.to_ascii_uppercase()),
            false => Cow::Borrowed(method),
        };
        let target = match head.single(":path") {
            Single::One(target) => target,
            Single::Absent if *method == *b"CONNECT" => b"",
            Single::Absent | Single::Many => return Err(Unread::Refused),
        };
        // A tunnel, or about the server as a whole: it counts as a request for the root.
        if target.is_empty() && *method == *b"CONNECT" || target == b"*" && *method == *b"OPTIONS" {
            return Ok(Self { method, path: b"/" });
        }
        normal_path(target).map(|path| Self { method, path }).map_err(|_| Unread::Unnormal)
    }
}

/// Writes the normal form of the path back, where there is one.
fn rewrite(head: &mut Head) {
    let Single::One(target) = head.single(":path") else { return };
    if let Ok(target) = normalize(target) {
        head.set(":path", &target);
    }
}

impl steps::Exchange for Exchange {
    fn wants(&self, side: Side, part: Part) -> bool {
        match (side, part) {
            (Side::Request, Part::Head) => true,
            (Side::Response, Part::Head) => {
                let says = self.shared.config.headers.any() && !self.standings.all().is_empty();
                !self.replied && (says || !self.failures.is_empty())
            }
            (Side::Request | Side::Response, Part::Body | Part::Trailers) => false,
        }
    }

    /// The portal's own fields of these names are replaced unread.
    fn asks(&self) -> Asks {
        let says = self.shared.config.headers.any() && !self.standings.all().is_empty();
        match (self.shared.config.headers.others, self.failures.is_empty()) {
            (Others::Remove, _) if says => Asks::All,
            (Others::Keep | Others::Remove, true) => Asks::Nothing,
            (Others::Keep | Others::Remove, false) => Asks::Status,
        }
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.run(&[Phase::PreAuth, Phase::PostAuth], head, host)
    }

    /// Penalties, and policies with the phase `pre-auth`. Alone a filter runs both at once, and then what a post-auth policy
    /// refuses is not counted by a pre-auth one either.
    fn pre_auth(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.run(&[Phase::PreAuth], head, host)
    }

    fn post_auth(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.run(&[Phase::PostAuth], head, host)
    }

    fn resume(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        let phases = self.sharing.phases();
        self.go_on(phases, head, host)
    }

    fn response_fields(&mut self, set: &mut dyn FnMut(&str, &[u8]), _: &mut dyn Host) {
        if !self.replied {
            let mut value = self.shared.value.take();
            headers::each(&self.shared.config, self.standings.all(), &mut value, set);
            self.shared.value.replace(value);
        }
    }

    fn response_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        if !self.replied {
            self.answer(head, host);
        }
        Step::Continue
    }
}

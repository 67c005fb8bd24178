//! The one step of a request: its head is judged, and goes on with the identity that it has.

mod authenticate;
mod report;

use std::cell::Cell;
use std::rc::Rc;

use self::authenticate::{Asked, Stop};
use self::report::Note;
use super::Shared;
use super::access::{Asks, At, Entry, Mode};
use super::config::{Preflight, Unnormalized};
use super::counters::Rule;
use super::error::Reason;
use super::session::View;
use crate::exchange::{self as steps, Part, Side, Step};
use crate::head::Head;
use crate::host::Host;
use crate::identity::Identity;
use crate::line::{Line, Unread, rewrite};
use crate::reply::Reply;

/// The filter state in which webhook-verify names the endpoint of a webhook that it has found good.
pub const WEBHOOK_STATE: &str = "lockgate.webhook";

/// The identity record of nobody.
pub(super) const NOBODY: &[u8] = br#"{"roles":[],"permissions":[]}"#;

/// Nobody, as the record says it.
pub(super) fn nobody() -> Rc<Identity> {
    Rc::new(Identity::default().granted())
}

/// One request.
#[derive(Debug)]
pub struct Exchange {
    shared: Rc<Shared>,
    waiting: Option<Waiting>,
}

/// What a request waits for.
#[derive(Debug)]
struct Waiting {
    since_ms: u64,
    /// When the keys were fetched that do not have the token's `kid`; `None`: it waits for any keys.
    lacking: Option<Option<u64>>,
    /// [`Shared::news`] when it was looked at last.
    news: u64,
    _place: Place,
}

impl Waiting {
    /// Whether it has waited for so long; also when the clock went back behind its beginning.
    fn is_over(&self, now_ms: u64, wait_ms: u64) -> bool {
        now_ms < self.since_ms || now_ms.saturating_sub(self.since_ms) >= wait_ms
    }
}

/// One of the places of requests that wait; free again when it is dropped.
#[derive(Debug)]
struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Exchange {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self { shared, waiting: None }
    }

    fn judge(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        let shared = Rc::clone(&self.shared);
        let now_ms = host.now_ms();
        let read = match (Line::of(head), shared.config.unnormalized) {
            (Err(Unread::Unnormal), Unnormalized::Rewrite) => {
                rewrite(head);
                Line::of(head)
            }
            (read, _) => read,
        };
        let Ok(request) = read else {
            return self.refuse(Reason::UnsafePath, None, &Note::default(), now_ms, head, host);
        };
        if let Some(reply) = self.public_key(request) {
            return Step::Reply(reply);
        }
        if shared.config.preflight == Preflight::Pass && is_preflight(request.method, head) {
            return self.pass_as_nobody("preflight", None, now_ms, head, host);
        }
        let access = &shared.config.access;
        let (at, mode) = match access.entry(request.method, request.path) {
            Entry::Public(at) => return self.pass_as_nobody("public", Some(at), now_ms, head, host),
            Entry::Webhook(at, endpoint) => {
                let mode = access.rule(at).map_or(Mode::Enforce, super::access::Rule::mode);
                if host.attribute(&[WEBHOOK_STATE]).is_some_and(|record| record == endpoint.as_bytes()) {
                    return self.pass_as_nobody("webhook", Some(at), now_ms, head, host);
                }
                if mode == Mode::Shadow {
                    return self.shadow(Err(Reason::NoWebhook), at, &Note::default(), now_ms, head, host);
                }
                return self.refuse(Reason::NoWebhook, Some(at), &Note::default(), now_ms, head, host);
            }
            Entry::Token(at) => (Some(at), access.rule(at).map_or(Mode::Enforce, super::access::Rule::mode)),
            Entry::Closed => (None, Mode::Enforce),
        };
        let asked = Asked { head, target: request.target, waits: mode == Mode::Enforce };
        let session = match now_ms {
            Some(now_ms) => self.authenticate(&asked, now_ms, host),
            // A token cannot be dated, but that there is none can be said.
            None => Err(match shared.config.sources.find(asked.head, asked.target) {
                Ok(_) => Stop::Refuse(Reason::NoClock),
                Err(reason) => Stop::Refuse(reason),
            }),
        };
        let view = session.and_then(|session| {
            let view = session.view(&shared.config, access.system(request.path)).map_err(Stop::Refuse)?;
            Ok((session, view))
        });
        let (session, view) = match view {
            Ok(found) => found,
            Err(Stop::Wait) => return Step::Wait,
            Err(stop) => {
                self.waiting = None;
                let (reason, note) = match stop {
                    Stop::Limited { wait_ms } => (Reason::SignatureLimit, Note { wait_ms, ..Note::default() }),
                    Stop::Refuse(reason) => (reason, Note::default()),
                    Stop::Wait => (Reason::Busy, Note::default()),
                };
                return match (at, mode) {
                    (Some(at), Mode::Shadow) => self.shadow(Err(reason), at, &note, now_ms, head, host),
                    (_, _) => self.refuse(reason, at, &note, now_ms, head, host),
                };
            }
        };
        self.waiting = None;
        let now_s = now_ms.unwrap_or_default() / 1000;
        let note = Note { view: Some(&view), wait_ms: 0 };
        let decision = match at {
            None => Err(Reason::NoRule),
            Some(at) => access
                .decide(at, &view.identity, &session.payload, head, request.path, now_s)
                .map_err(|denied| Reason::Denied(denied.code())),
        };
        match (at, mode, decision) {
            (Some(at), Mode::Shadow, decision) => self.shadow(decision, at, &note, now_ms, head, host),
            (Some(at), Mode::Enforce, Ok(())) => self.pass(&view, at, now_ms, head, host),
            (at, _, Err(reason)) => self.refuse(reason, at, &note, now_ms, head, host),
            (None, _, Ok(())) => self.refuse(Reason::NoRule, None, &note, now_ms, head, host),
        }
    }

    /// The key with which portals verify service tokens, where it is asked for.
    fn public_key(&self, request: Line<'_>) -> Option<Reply> {
        let service = self.shared.config.forward.service.as_ref()?;
        let asked =
            service.public_key_path.as_ref()?.as_bytes() == request.path && matches!(request.method, b"GET" | b"HEAD");
        let body = asked.then(|| service.public_set()).flatten()?;
        Some(Reply {
            status: 200,
            headers: vec![
                ("content-type".into(), "application/jwk-set+json".to_owned()),
                ("cache-control".into(), "public, max-age=300".to_owned()),
            ],
            body,
            reason: "public_key",
        })
    }

    /// A request that no token is needed for.
    fn pass_as_nobody(
        &mut self,
        outcome: &'static str,
        at: Option<At>,
        now_ms: Option<u64>,
        head: &mut Head,
        host: &mut dyn Host,
    ) -> Step {
        let config = &self.shared.config;
        config.forward.clean(head);
        // A webhook's credentials are the sender's, for the portal.
        if config.forward.token_ends && outcome != "webhook" {
            config.sources.remove(head);
        }
        host.leave_identity(&nobody(), NOBODY);
        if let Some(at) = at {
            host.count(self.shared.counters.rule(at.rule(), Rule::Allowed), 1);
        }
        self.record(outcome, None, at, false, &Note::default(), now_ms, head, host);
        Step::Continue
    }

    /// What a rule in shadow mode decided; the request goes on as nobody's.
    fn shadow(
        &mut self,
        decision: Result<(), Reason>,
        at: At,
        note: &Note<'_>,
        now_ms: Option<u64>,
        head: &mut Head,
        host: &mut dyn Host,
    ) -> Step {
        let (outcome, what) = match decision {
            Ok(()) => ("passed", Rule::ShadowAllowed),
            Err(Reason::Denied(_)) => ("denied", Rule::ShadowDenied),
            Err(_) => ("refused", Rule::ShadowRefused),
        };
        self.shared.config.forward.clean(head);
        host.leave_identity(&nobody(), NOBODY);
        host.count(self.shared.counters.rule(at.rule(), what), 1);
        self.record(outcome, decision.err(), Some(at), true, note, now_ms, head, host);
        Step::Continue
    }

    /// A good request, with what the portal is told of the caller.
    fn pass(&mut self, view: &View, at: At, now_ms: Option<u64>, head: &mut Head, host: &mut dyn Host) -> Step {
        let shared = Rc::clone(&self.shared);
        let forward = &shared.config.forward;
        forward.clean(head);
        if forward.token_ends {
            shared.config.sources.remove(head);
        }
        for ((name, _), value) in forward.headers.iter().zip(&view.values) {
            if let Some(value) = value {
                head.set_fit(name, value);
            }
        }
        if let Some(key) = &forward.service
            && let Some(token) = view.service_token(key, now_ms.unwrap_or_default() / 1000)
        {
            head.set(&key.header, &token);
        }
        host.leave_identity(&view.identity, &view.record);
        host.count(shared.counters.rule(at.rule(), Rule::Allowed), 1);
        let note = Note { view: Some(view), wait_ms: 0 };
        self.record("allowed", None, Some(at), false, &note, now_ms, head, host);
        Step::Continue
    }

    /// The challenge of a step-up rule.
    fn step_up(&self, at: Option<At>) -> Option<String> {
        match self.shared.config.access.rule(at?)?.asks() {
            Asks::Token(requirement) => requirement.step_up().map(super::access::StepUp::challenge),
            Asks::Public | Asks::Webhook(_) => None,
        }
    }
}

impl steps::Exchange for Exchange {
    fn wants(&self, side: Side, part: Part) -> bool {
        side == Side::Request && part == Part::Head
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.judge(head, host)
    }

    /// Nothing about the request changes while it waits, so only news and its time can end that.
    fn may_resume(&self, now_ms: Option<u64>) -> bool {
        let Some(waiting) = &self.waiting else { return true };
        let over = now_ms.is_none_or(|now_ms| waiting.is_over(now_ms, self.shared.config.limits.wait_ms));
        over || waiting.news != self.shared.news()
    }

    fn resume(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        if self.waiting.is_none() {
            return Step::Reply(Reply::problem(503, "not_waiting", None, None));
        }
        self.judge(head, host)
    }
}

/// What a browser asks before a request to another origin (Fetch, section 4.8).
fn is_preflight(method: &[u8], head: &Head) -> bool {
    method == b"OPTIONS" && head.has("origin") && head.has("access-control-request-method")
}

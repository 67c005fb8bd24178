//! A request that waits for background work of the policy ([`Step::Wait`]).

use lockgate::audit::Audit;
use lockgate::exchange::{Exchange, Part, Policy, Side, Step};
use lockgate::head::{Head, Spare};
use lockgate::host::Host;
use lockgate::reply::{Reply, correlation_id};
use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, MapType};

use super::{Stream, read, write};
use crate::states::{Come, Open, Way};
use crate::waiting::Patience;

/// What a waiting request is asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// A tick or the result of a call, outside its callbacks.
    Tick,
    /// More of it.
    Piece,
}

impl<P: Policy + 'static> Stream<P> {
    /// Asks the exchange again that waits for background work, outside its own callbacks.
    pub(crate) fn ask_again(&mut self, patience: Patience, now_ms: u64) {
        let (Open::Yes, Way::Asking(come)) = (self.open, self.request) else {
            return self.plugin.waiting.forget(self.id);
        };
        // Most of those that wait have nothing new to hear: their heads stay in the host.
        if patience == Patience::Left && !self.exchange.may_resume(Some(now_ms)) {
            return;
        }
        if let Err(status) = hostcalls::set_effective_context(self.id) {
            log::error!("{}: exchange {} is gone: {status:?}", P::NAME, self.id);
            return self.plugin.waiting.forget(self.id);
        }
        // Envoy has answered by itself, to a client that was too slow for it: no portal was asked.
        if matches!(hostcalls::get_property(vec!["response", "code_details"]), Ok(Some(_))) {
            return self.close(Open::Answered);
        }
        let action = self.resumed(come, patience, By::Tick);
        if self.keep(action) == Action::Continue
            && self.open == Open::Yes
            && let Err(status) = hostcalls::resume_http_request()
        {
            self.fail(format_args!("resume request: {status:?}"));
        }
    }

    /// What becomes of the request now. The head is still in the host: it was never let go.
    fn resumed(&mut self, come: Come, patience: Patience, by: By) -> Action {
        let map = MapType::HttpRequestHeaders;
        let mut head = match read(map, come == Come::All, Spare::default()) {
            Ok(head) if head.fields().next().is_some() => head,
            Ok(_) => return self.fail(format_args!("a waiting head is gone")),
            Err(why) => return self.fail(format_args!("read a waiting head: {why}")),
        };
        let mut host = self.plugin.calls(&mut self.audit);
        let step = self.exchange.resume(&mut head, &mut host);
        match (&step, patience) {
            (Step::Wait, Patience::Left) => return Action::Pause,
            (Step::Wait, Patience::Gone) => return self.cannot_wait(&head, "waited_too_long"),
            (Step::Reply(reply), _) => return self.reply(reply),
            (Step::Continue | Step::Hold, _) => {}
        }
        if let Err(status) = write(map, &head) {
            return self.fail(format_args!("write a waiting head: {status:?}"));
        }
        // It keeps no place on any list, however slow its client is.
        self.plugin.waiting.forget(self.id);
        if by == By::Tick && come.is_cut() {
            self.request = Way::Ready(come);
            return Action::Pause;
        }
        self.goes_on_with(come, &step)
    }

    /// A request goes on with what has come of it.
    pub(super) fn goes_on_with(&mut self, come: Come, step: &Step) -> Action {
        // What has come meanwhile is in the host's buffer, and no callback will show it again.
        match come {
            Come::All | Come::Head => {
                self.request = Way::Sent;
                self.head_goes_on(Side::Request, step, come == Come::All)
            }
            Come::Body { size, end } => {
                self.request = Way::Held { seen: 0 };
                self.body_come(size, end)
            }
            Come::Trailers { size } => {
                self.request = Way::Held { seen: 0 };
                // Trailers end a body: whether it would go on without them does not matter.
                let _ = self.body_come(size, false);
                if self.open == Open::Yes { self.trailers(Side::Request) } else { Action::Pause }
            }
        }
    }

    /// More of the body has come of a request whose head waits for background work. If that is done the request goes on here and now.
    ///
    /// It must not go on between two pieces: an Envoy without the mend of its issue 46841 (1.36 to 1.39, 2026) then loses the next one.
    /// So a request of which a piece has come and not the last is decided in a tick as all others are, and goes on with the next piece.
    pub(super) fn more_came(&mut self, come: Come) -> Action {
        if let Way::Ready(_) = self.request {
            return self.goes_on_with(come, &Step::Continue);
        }
        let now_ms = self.plugin.calls(&mut self.audit).now_ms();
        if !self.exchange.may_resume(now_ms) {
            return Action::Pause;
        }
        self.resumed(come, Patience::Left, By::Piece)
    }

    /// The body that came while its head waited for background work.
    fn body_come(&mut self, size: usize, end: bool) -> Action {
        if self.exchange.wants(Side::Request, Part::Body) {
            return self.body(Side::Request, size, end);
        }
        self.request = Way::Sent;
        Action::Continue
    }

    /// The host or its patience is at an end. The exchange does not hear of it, so it is recorded here.
    pub(super) fn cannot_wait(&mut self, head: &Head, reason: &'static str) -> Action {
        let id = correlation_id(head);
        let reply = Reply::problem(503, reason, None, id.as_deref());
        let mut host = self.plugin.calls(&mut self.audit);
        let time_ms = host.now_ms();
        host.audit(&Audit {
            time_ms,
            id,
            filter: P::NAME,
            rule: None,
            outcome: "refused",
            reason: Some(reason),
            shadow: false,
            fields: 0,
            subject: None,
            system: None,
            path: None,
            version: 0,
        });
        self.reply(&reply)
    }

    /// Notes that more of a request has come whose head waits for background work; `true`: it does.
    pub(super) fn note_come(&mut self, side: Side, more: impl FnOnce(Come) -> Come) -> bool {
        match (side, self.request) {
            (Side::Request, Way::Asking(come)) => {
                self.request = Way::Asking(more(come));
                true
            }
            (Side::Request, Way::Ready(come)) => {
                self.request = Way::Ready(more(come));
                true
            }
            (Side::Request, Way::Sent | Way::Waiting | Way::Held { .. } | Way::Settled { .. })
            | (Side::Response, _) => false,
        }
    }
}

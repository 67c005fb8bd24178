//! The steps of an event that leaves, and is signed on its way.

use std::rc::Rc;

use super::report::Rule;
use super::{Exchange, State};
use crate::exchange::{Body, Chunk, Exchange as _, HeadState, Step};
use crate::head::{Head, Single};
use crate::host::Host;
use crate::line::Line;
use crate::reply::{Reply, correlation_id};
use crate::webhook_verify::config::Signer;
use crate::webhook_verify::error::Reason;
use crate::webhook_verify::sign::{Signing, Unsigned};
use crate::webhook_verify::verify::MAX_HANDED_BYTES;

/// An event whose body is awaited.
pub(super) struct Leaving {
    signer: usize,
    /// One for each scheme of the signer.
    signings: Vec<Signing>,
    bytes: usize,
    /// Whether the head says how long the body is.
    sized: bool,
}

/// What an event leaves with.
#[derive(Debug, Default)]
pub(super) struct Signed {
    headers: Vec<(String, String)>,
    /// How long the body is, where the head does not say so.
    bytes: Option<usize>,
}

impl Leaving {
    pub(super) fn signer(&self) -> usize {
        self.signer
    }
}

impl Signed {
    pub(super) fn write(&mut self, edit: &mut dyn FnMut(&str, Option<&[u8]>)) {
        for (name, value) in self.headers.drain(..) {
            edit(&name, Some(value.as_bytes()));
        }
        if let Some(bytes) = self.bytes.take() {
            edit("content-length", Some(bytes.to_string().as_bytes()));
        }
    }
}

impl Exchange {
    /// What the head of an event says that is to be signed; `None`: no rule is about it.
    pub(super) fn leave(&mut self, line: Line<'_>, head: &Head, host: &mut dyn Host) -> Option<Result<Leaving, Reply>> {
        let shared = Rc::clone(&self.shared);
        let (at, signer, pattern) = shared.config.signer(line.method, line.path)?;
        self.who.id = correlation_id(head);
        self.who.rule = Some(Rule::Signer { at, pattern });
        let begun = self.begin_leaving(at, signer, line, head, host);
        Some(begun.map_err(|reason| self.refuse_leaving(at, reason, host)))
    }

    fn begin_leaving(
        &self,
        at: usize,
        signer: &Signer,
        line: Line<'_>,
        head: &Head,
        host: &mut dyn Host,
    ) -> Result<Leaving, Reason> {
        if head.has("upgrade") {
            return Err(Reason::Unsigned);
        }
        let length = match head.single("content-length") {
            Single::One(length) => std::str::from_utf8(length).ok().and_then(|length| length.parse::<usize>().ok()),
            Single::Absent | Single::Many => None,
        };
        if length.is_some_and(|length| length > signer.max_body_bytes) {
            return Err(Reason::BodyLength);
        }
        let now_ms = host.now_ms().ok_or(Reason::NoClock)?;
        let id = self.event_id(signer, head, host)?;
        let mut signings = Vec::with_capacity(signer.schemes.len());
        for scheme in &signer.schemes {
            let signing = Signing::begin(scheme, (line.method, line.target, head), None, &id, now_ms);
            signings.push(signing.map_err(reason)?);
        }
        Ok(Leaving { signer: at, signings, bytes: 0, sized: length.is_some() })
    }

    /// The id under which the receiver knows the event again: the portal's, or a new one. This is asked once, and Envoy's retries
    /// come after it, so that all of them have the same.
    fn event_id(&self, signer: &Signer, head: &Head, host: &mut dyn Host) -> Result<String, Reason> {
        let Some(name) = &signer.id_from else {
            let numbers = host.random().zip(host.random());
            let fresh = numbers.map(|(high, low)| format!("msg_{high:016x}{low:016x}"));
            // Without random numbers, as in `lockgate try`, the correlation id is what no other request has.
            return fresh.or_else(|| self.who.id.clone()).ok_or(Reason::Unsigned);
        };
        // A dot would stand for the end of the id in the signed string.
        let good = |byte: &u8| byte.is_ascii_graphic() && *byte != b'.';
        match head.single(name) {
            Single::One(id) if (1..=MAX_HANDED_BYTES).contains(&id.len()) && id.iter().all(good) => {
                String::from_utf8(id.to_vec()).map_err(|_| Reason::Unsigned)
            }
            Single::One(_) | Single::Absent | Single::Many => Err(Reason::Unsigned),
        }
    }

    pub(super) fn leave_head(&mut self, leaving: Leaving, head: &mut Head, host: &mut dyn Host) -> Step {
        self.state = State::Leaving(Box::new(leaving));
        if !head.ends() {
            return Step::Hold;
        }
        match self.leave_end(false, host) {
            Body::Refuse(reply) => Step::Reply(reply),
            Body::Unchanged | Body::Replaced | Body::Hold => {
                self.release(head);
                Step::Continue
            }
        }
    }

    pub(super) fn leave_piece(&mut self, chunk: Chunk<'_>, host: &mut dyn Host) -> Body {
        let State::Leaving(leaving) = &mut self.state else { return Body::Unchanged };
        let at = leaving.signer;
        leaving.bytes = leaving.bytes.saturating_add(chunk.bytes.len());
        let most = self.shared.config.signers.get(at).map_or(0, |signer| signer.max_body_bytes);
        let fault = if chunk.head == HeadState::Sent {
            Some(Reason::NotHeld)
        } else {
            (leaving.bytes > most).then_some(Reason::BodyLength)
        };
        if let Some(reason) = fault {
            self.state = State::Beside;
            return Body::Refuse(self.refuse_leaving(at, reason, host));
        }
        leaving.signings.iter_mut().for_each(|signing| signing.push(chunk.bytes));
        if chunk.end { self.leave_end(true, host) } else { Body::Hold }
    }

    /// The body has ended, with its last piece or with trailers, which go only with chunks.
    pub(super) fn leave_end(&mut self, sizes: bool, host: &mut dyn Host) -> Body {
        let State::Leaving(leaving) = std::mem::replace(&mut self.state, State::Beside) else {
            return Body::Unchanged;
        };
        let Leaving { signer: at, signings, bytes, sized } = *leaving;
        let shared = Rc::clone(&self.shared);
        let schemes = shared.config.signers.get(at).map(|signer| signer.schemes.as_slice()).unwrap_or_default();
        let mut headers = Vec::new();
        for (signing, scheme) in signings.into_iter().zip(schemes) {
            match signing.finish(scheme) {
                Ok(fields) => headers.extend(fields),
                Err(unsigned) => return Body::Refuse(self.refuse_leaving(at, reason(unsigned), host)),
            }
        }
        self.record_signed(at, host);
        self.state = State::Signed(Signed { headers, bytes: (sizes && !sized).then_some(bytes) });
        Body::Unchanged
    }
}

fn reason(unsigned: Unsigned) -> Reason {
    match unsigned {
        Unsigned::NoSecret => Reason::NoSecret,
        Unsigned::Missing | Unsigned::Scheme | Unsigned::NoEndpoint => Reason::Unsigned,
    }
}

//! GraphQL requests: a field that rules take may not be asked for under another name.

use std::rc::Rc;

use super::Exchange;
use crate::exchange::{Body, Chunk, HeadState};
use crate::graphql::{self, Fault, Found};
use crate::head::{Head, Single};
use crate::host::Host;
use crate::revenue_strip::Shared;
use crate::revenue_strip::error::{Direction, Reason};
use crate::revenue_strip::matcher::RuleMask;
use crate::revenue_strip::media::inspectable_type;

/// A request's body, gathered to be looked at as a whole: at most [`graphql::Limits::max_bytes`] of it.
#[derive(Debug)]
pub(super) struct Query {
    form: Form,
    body: Vec<u8>,
    /// Whether the host was told to send nothing instead of it, because the head has gone.
    withheld: bool,
}

/// Where the documents stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Document,
    Parameters,
}

impl Exchange {
    /// Looks at the head of what may be a GraphQL request by somebody for whom rules act on the answer. A body has to be
    /// gathered when [`Exchange::query`] is set.
    pub(super) fn open_query(&mut self, method: &[u8], path: &[u8], head: &Head) -> Result<(), Reason> {
        let shared = Rc::clone(&self.shared);
        let rules = self.outgoing.active.enforce;
        let Some(matches) = &shared.config.modes.graphql else { return Ok(()) };
        if rules == 0 || matches.takes_away(method, path).is_none() {
            return Ok(());
        }
        let target = match head.single(":path") {
            Single::One(target) => target,
            Single::Absent | Single::Many => return Err(Reason::UnsafePath),
        };
        let asks = target.contains(&b'?');
        if head.ends() {
            // Without parameters nothing is asked for.
            return if asks {
                judge(&shared, rules, |limits, mut taken| graphql::in_target(target, limits, &mut taken))
            } else {
                Ok(())
            };
        }
        if asks {
            // The body has the document; one more here is looked at as well, and the name of a stored one refused.
            let target = [target, HARMLESS].concat();
            judge(&shared, rules, |limits, mut taken| graphql::in_target(&target, limits, &mut taken))?;
        }
        self.query = Some(Query { form: form(head)?, body: Vec::new(), withheld: false });
        Ok(())
    }

    /// Gathers a piece of the body. When it is whole, it is looked at, and goes on as one chunk.
    pub(super) fn gather(
        &mut self,
        mut query: Query,
        chunk: Chunk<'_>,
        out: &mut Vec<u8>,
        host: &mut dyn Host,
    ) -> Body {
        if let Err(reason) = self.add(&mut query, chunk.bytes) {
            return self.refuse_query(reason, host);
        }
        if !chunk.end {
            let body = match chunk.head {
                HeadState::Held => Body::Hold,
                HeadState::Sent => {
                    query.withheld = true;
                    Body::Replaced
                }
            };
            self.query = Some(query);
            return body;
        }
        if let Err(reason) = self.inspect(&query) {
            return self.refuse_query(reason, host);
        }
        match self.push(Direction::Request, Chunk { bytes: &query.body, ..chunk }, out) {
            Body::Unchanged if query.withheld => {
                out.append(&mut query.body);
                Body::Replaced
            }
            body => body,
        }
    }

    /// Ends a body that trailers end.
    pub(super) fn finish_query(&mut self, query: &Query, out: &mut Vec<u8>, host: &mut dyn Host) -> Body {
        // No host takes bytes of a body after its end.
        let too_late = query.withheld && !query.body.is_empty();
        let looked_at = match self.inspect(query) {
            Ok(()) if too_late => Err(Reason::GraphqlDocument),
            looked_at => looked_at,
        };
        if let Err(reason) = looked_at {
            return self.refuse_query(reason, host);
        }
        let chunk = Chunk { bytes: &query.body, end: false, head: HeadState::Sent };
        let body = self.push(Direction::Request, chunk, out);
        match self.finish(Direction::Request, &mut Vec::new()) {
            Body::Unchanged | Body::Replaced | Body::Hold => body,
            refused @ Body::Refuse(_) => refused,
        }
    }

    fn add(&mut self, query: &mut Query, bytes: &[u8]) -> Result<(), Reason> {
        let shared = Rc::clone(&self.shared);
        if query.body.len() + bytes.len() > graphql::Limits::default().max_bytes {
            return Err(Reason::GraphqlLength);
        }
        query.body.extend_from_slice(bytes);
        let more = self.held.hold(&shared, Direction::Request, query.body.len());
        if more && shared.held_bytes.get() > shared.config.limits.max_held_bytes {
            return Err(Reason::Busy);
        }
        Ok(())
    }

    fn inspect(&mut self, query: &Query) -> Result<(), Reason> {
        let shared = Rc::clone(&self.shared);
        self.held.hold(&shared, Direction::Request, 0);
        let body = query.body.as_slice();
        if body.is_empty() {
            return Ok(());
        }
        judge(&shared, self.outgoing.active.enforce, |limits, mut taken| match query.form {
            Form::Json => graphql::in_json(body, limits, &mut taken),
            Form::Document => graphql::in_document_body(body, limits, &mut taken),
            Form::Parameters => graphql::in_form(body, limits, &mut taken),
        })
    }

    fn refuse_query(&mut self, reason: Reason, host: &mut dyn Host) -> Body {
        self.held.hold(&Rc::clone(&self.shared), Direction::Request, 0);
        let id = self.request.as_ref().and_then(|request| request.id.clone());
        Body::Refuse(self.refuse(reason, id, host))
    }
}

/// A document that asks for nothing that anybody would hide, as one more parameter.
const HARMLESS: &[u8] = b"&query=%7B__typename%7D";

/// Asks `find` about a request whose fields these rules take.
fn judge(
    shared: &Shared,
    rules: RuleMask,
    find: impl FnOnce(&graphql::Limits, &mut dyn FnMut(&str) -> bool) -> Result<Found, graphql::Error>,
) -> Result<(), Reason> {
    let mut matcher = shared.matcher.try_borrow_mut().map_err(|_| Reason::Busy)?;
    let mut taken = |name: &str| matcher.member_named(name) & rules != 0;
    match find(&graphql::Limits::default(), &mut taken) {
        Ok(Found::Nothing) => Ok(()),
        Ok(Found::Alias) => Err(Reason::GraphqlAlias),
        Ok(Found::NoText) => Err(Reason::GraphqlDocument),
        Err(error) if error.fault == Fault::TooLong => Err(Reason::GraphqlLength),
        Err(_) => Err(Reason::GraphqlDocument),
    }
}

fn form(head: &Head) -> Result<Form, Reason> {
    let essence = inspectable_type(head)?;
    match essence.split_once('/') {
        Some(("application", "graphql")) => Ok(Form::Document),
        Some(("application", "x-www-form-urlencoded")) => Ok(Form::Parameters),
        Some(("application" | "text", "json")) => Ok(Form::Json),
        Some((_, sub)) if sub.ends_with("+json") => Ok(Form::Json),
        Some(_) | None => Err(Reason::ContentType),
    }
}

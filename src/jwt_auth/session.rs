//! A good token, and what was made of it for each system: all that later requests with it need.

use std::cell::RefCell;
use std::rc::Rc;

use super::access::SystemId;
use super::binding::Print;
use super::config::{Config, ServiceKey};
use super::date::Span;
use super::error::Reason;
use super::revocation::Marks;
use crate::audit::subject_hash;
use crate::claims::Value;
use crate::identity::{Identity, MAX_IDENTITY_BYTES};

/// A token whose signature is good.
#[derive(Debug)]
pub(super) struct Session {
    /// The provider's place.
    pub(super) provider: usize,
    /// Of which generation of its keys.
    pub(super) generation: u32,
    pub(super) span: Span,
    pub(super) marks: Marks,
    /// What the holder must show; `None`: nobody can.
    pub(super) print: Option<Print>,
    pub(super) payload: Value,
    views: RefCell<Vec<(Option<SystemId>, Rc<View>)>>,
}

/// The holder as one system sees him.
#[derive(Debug)]
pub(super) struct View {
    pub(super) identity: Rc<Identity>,
    /// The identity record.
    pub(super) record: Vec<u8>,
    /// The values of the forwarded headers.
    pub(super) values: Vec<Option<Vec<u8>>>,
    /// For audit lines.
    pub(super) subject: Option<u64>,
    service: RefCell<Option<(Rc<[u8]>, u64)>>,
}

impl Session {
    pub(super) fn new(
        provider: usize,
        generation: u32,
        span: Span,
        marks: Marks,
        print: Option<Print>,
        payload: Value,
    ) -> Self {
        Self { provider, generation, span, marks, print, payload, views: RefCell::default() }
    }

    /// The holder in a system.
    pub(super) fn view(&self, config: &Config, system: Option<SystemId>) -> Result<Rc<View>, Reason> {
        if let Some((_, view)) = self.views.borrow().iter().find(|(of, _)| *of == system) {
            return Ok(Rc::clone(view));
        }
        let identity = config.access.identity_in(system, &self.payload);
        let record = identity.to_record();
        if record.len() > MAX_IDENTITY_BYTES {
            return Err(Reason::NotForwardable);
        }
        let view = Rc::new(View {
            record,
            values: config.forward.values(&self.payload, &identity)?,
            subject: identity.subject.as_deref().map(subject_hash),
            identity: Rc::new(identity),
            service: RefCell::default(),
        });
        self.views.borrow_mut().push((system, Rc::clone(&view)));
        Ok(view)
    }
}

impl View {
    /// The service token, made anew when half of its time is over.
    pub(super) fn service_token(&self, key: &ServiceKey, now_s: u64) -> Option<Rc<[u8]>> {
        if let Some((token, until_s)) = &*self.service.borrow() {
            let left_s = until_s.saturating_sub(now_s);
            // More than its whole time: the clock went back.
            if left_s > key.lifetime_s / 2 && left_s <= key.lifetime_s {
                return Some(Rc::clone(token));
            }
        }
        let (token, until_s) = key.token(&self.identity, now_s)?;
        let token: Rc<[u8]> = token.into();
        self.service.replace(Some((Rc::clone(&token), until_s)));
        Some(token)
    }
}

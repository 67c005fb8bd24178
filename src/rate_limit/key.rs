//! Keys: by what requests are told apart, and what stands for a part that a request does not have.

use std::cell::Cell;
use std::rc::Rc;

use super::config::Config;
use crate::address::Prefixes;
use crate::head::{Head, Single};
use crate::host::Host;
use crate::identity::Identity;
use crate::table::{Counters, Key, Parts, Seed};

/// One thing that tells requests apart. The order is that in which parts are hashed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Address,
    Consumer,
    Tenant,
    Method,
    Path,
    Header(String),
    Constant(String),
}

/// A key's parts, and the table of those who have it.
#[derive(Debug)]
pub(super) struct Plan {
    /// In their order.
    pub(super) parts: Vec<Part>,
    /// The parts as text.
    pub(super) name: String,
    pub(super) table: Counters,
    /// Whether callers of one key differ by the pattern that has fitted.
    pub(super) by_path: bool,
    /// Its keys as far as they are the same for all, under a seed.
    begun: Cell<Option<(Seed, Parts)>>,
}

impl Plan {
    pub(super) fn new(parts: Vec<Part>, name: String, table: Counters) -> Self {
        let by_path = parts.contains(&Part::Path);
        Self { parts, name, table, by_path, begun: Cell::new(None) }
    }

    /// A key's beginning: hashed once, not for every request.
    fn begin(&self, seed: &Seed) -> Parts {
        if let Some((known, begun)) = self.begun.get()
            && known == *seed
        {
            return begun;
        }
        let mut begun = seed.begin();
        begun.part(b"", self.name.as_bytes());
        self.begun.set(Some((*seed, begun)));
        begun
    }
}

impl Part {
    /// As it is named among tables.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Address => "address".to_owned(),
            Self::Consumer => "consumer".to_owned(),
            Self::Tenant => "tenant".to_owned(),
            Self::Method => "method".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Header(name) => format!("header={name}"),
            Self::Constant(text) => format!("constant={text}"),
        }
    }

    /// Whether callers choose it, so that there is no end to its values.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Address | Self::Consumer | Self::Tenant | Self::Header(_) => true,
            Self::Method | Self::Path | Self::Constant(_) => false,
        }
    }
}

/// Methods that have a count of their own; all others have one together, as a client could invent any number of them.
pub(super) const METHODS: [&[u8]; 7] = [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"];

/// How many counts a key with the method has: those, `CONNECT` is among the others.
pub(super) const METHOD_COUNTS: usize = METHODS.len() + 1;

/// What is known of a request, read when a rule first asks.
pub(super) struct Caller<'a> {
    pub(super) config: &'a Config,
    pub(super) head: &'a Head,
    pub(super) host: &'a mut dyn Host,
    /// In upper case.
    pub(super) method: &'a [u8],
    identity: Option<Rc<Identity>>,
    address: Option<Option<Vec<u8>>>,
}

impl<'a> Caller<'a> {
    pub(super) fn new(config: &'a Config, head: &'a Head, host: &'a mut dyn Host, method: &'a [u8]) -> Self {
        Self { config, head, host, method, identity: None, address: None }
    }

    pub(super) fn identity(&mut self) -> &Identity {
        let (source, head, host) = (&self.config.identity, self.head, &mut *self.host);
        self.identity.get_or_insert_with(|| source.identify(head, host))
    }

    /// The identity, where a rule has asked for it.
    pub(super) fn known(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    fn address(&mut self) -> Option<&[u8]> {
        let (prefixes, host): (Prefixes, _) = (self.config.prefixes, &mut *self.host);
        let address = self.address.get_or_insert_with(|| {
            host.attribute(&["source", "address"]).and_then(|address| prefixes.client(&address))
        });
        address.as_deref()
    }

    /// The place of this request's records under a plan, for a rule whose `pattern` has fitted.
    pub(super) fn place(&mut self, seed: &Seed, plan: &Plan, pattern: &str) -> Key {
        let mut key = plan.begin(seed);
        plan.parts.iter().for_each(|part| self.value(part, pattern, &mut |lead, rest| key.part(lead, rest)));
        key.end()
    }

    /// A part's value behind a letter that says what it is: a caller without a subject is told apart by address, and never
    /// meets a caller of that name; who has no address either shares one count with all such.
    pub(super) fn value(&mut self, part: &Part, pattern: &str, put: &mut dyn FnMut(&[u8], &[u8])) {
        let value = match part {
            Part::Address => None,
            Part::Consumer => self.identity().subject.as_deref().filter(|text| !text.is_empty()).map(str::as_bytes),
            Part::Tenant => self.identity().tenant.as_deref().filter(|text| !text.is_empty()).map(str::as_bytes),
            Part::Header(name) => match self.head.single(name) {
                Single::One(value) if !value.is_empty() => Some(value),
                // Which of several counts is for the client to choose: none does.
                Single::One(_) | Single::Absent | Single::Many => None,
            },
            Part::Method => Some(counted_method(self.method)),
            Part::Path => Some(pattern.as_bytes()),
            Part::Constant(text) => Some(text.as_bytes()),
        };
        if let Some(value) = value {
            return put(b"=", value);
        }
        match self.address() {
            Some(address) => put(b"@", address),
            None => put(b"?", b""),
        }
    }
}

/// The method by which a request counts: HEAD is a GET.
fn counted_method(method: &[u8]) -> &'static [u8] {
    let method = if method == b"HEAD" { b"GET" } else { method };
    METHODS.into_iter().find(|&known| known == method).unwrap_or(b"other")
}

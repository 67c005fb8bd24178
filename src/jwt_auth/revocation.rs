//! Tokens that are dead before their time: one by one, by `iss` and `jti`, or all of an issuer from before some time.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::config::{Target, Timing};
use super::date::Date;
use super::remote::Remote;
use crate::claims::{Limits, Value};

/// Most tokens of one list.
pub const MAX_REVOKED: usize = 20_000;
/// Most issuers of `not_before` in one list.
pub const MAX_REVOKED_ISSUERS: usize = 256;

/// What is revoked by one list.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    /// Hashes of issuer and `jti`, sorted. Two tokens with one hash would both be dead: the side to err on.
    ids: Vec<u64>,
    not_before: Vec<(String, Date)>,
}

/// What a token is revoked by, worked out once.
#[derive(Debug)]
pub(super) struct Marks {
    /// With its issuer and with none; `None` without `jti`.
    ids: Option<[u64; 2]>,
    issuer: Option<String>,
    issued: Option<Date>,
}

impl Marks {
    pub(super) fn of(payload: &Value) -> Self {
        let issuer = payload.member("iss").and_then(Value::text);
        let id = payload.member("jti").and_then(Value::text);
        Self {
            ids: id.map(|id| [hash(issuer, id), hash(None, id)]),
            issuer: issuer.map(str::to_owned),
            issued: payload.member("iat").and_then(Date::read),
        }
    }
}

impl Revoked {
    /// Adds a token; without an issuer, of every issuer.
    pub(super) fn add(&mut self, issuer: Option<&str>, id: &str) {
        self.ids.push(hash(issuer, id));
    }

    /// Adds that tokens of an issuer from before a time are dead.
    pub(super) fn not_before(&mut self, issuer: &str, time: Date) {
        self.not_before.push((issuer.to_owned(), time));
    }

    /// To be called after the last addition.
    pub(super) fn settle(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
    }

    /// Reads a list that was fetched:
    /// `{"revoked": [{"jti": "…", "iss"?: "…", …}…], "not_before"?: {"<iss>": <Unix seconds>}}`. What cannot be read in whole is
    /// refused in whole: a token might be in the part that cannot.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let limits = Limits { max_depth: 8, max_members: MAX_REVOKED_ISSUERS };
        let list = Value::read(text, limits).ok()?;
        let Value::Object(members) = &list else { return None };
        if members.iter().any(|(name, _)| name != "revoked" && name != "not_before") {
            return None;
        }
        let Some(Value::List(tokens)) = list.member("revoked") else { return None };
        if tokens.len() > MAX_REVOKED {
            return None;
        }
        let mut revoked = Self::default();
        for token in tokens {
            let issuer = match token.member("iss") {
                None => None,
                Some(issuer) => Some(issuer.text()?),
            };
            revoked.add(issuer, token.member("jti")?.text()?);
        }
        match list.member("not_before") {
            None => {}
            Some(Value::Object(issuers)) => {
                for (issuer, time) in issuers {
                    revoked.not_before(issuer, Date::read(time)?);
                }
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) => return None,
        }
        revoked.settle();
        Some(revoked)
    }

    fn has(&self, marks: &Marks) -> bool {
        let listed = |id: &u64| self.ids.binary_search(id).is_ok();
        if !self.ids.is_empty() && marks.ids.is_some_and(|ids| ids.iter().any(listed)) {
            return true;
        }
        // A token that does not say when it was issued may be from before.
        self.not_before.iter().any(|(issuer, time)| {
            marks.issuer.as_ref() == Some(issuer) && marks.issued.is_none_or(|issued| issued.floor_ms < time.ceil_ms)
        })
    }
}

/// All that is revoked, as one VM knows it.
#[derive(Debug)]
pub(super) struct Revocation {
    fixed: Revoked,
    by_id: bool,
    remote: Option<(Remote, RefCell<Revoked>)>,
}

impl Revocation {
    /// `by_id`: tokens must have a `jti`, without which they could not be revoked one by one.
    pub(super) fn new(fixed: Revoked, by_id: bool, remote: Option<(Target, Timing)>) -> Self {
        let remote = remote.map(|(target, timing)| {
            let mut hasher = DefaultHasher::new();
            target.hash(&mut hasher);
            (Remote::new(&format!("revoked-{:016x}", hasher.finish()), target, timing), RefCell::default())
        });
        Self { fixed, by_id, remote }
    }

    pub(super) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref().map(|(remote, _)| remote)
    }

    /// The issuers of `not_before` in the configuration.
    pub(super) fn fixed_issuers(&self) -> impl Iterator<Item = &str> {
        self.fixed.not_before.iter().map(|(issuer, _)| issuer.as_str())
    }

    /// Takes a list that was fetched, here or by another worker; false when it cannot be read, and the old one stays.
    pub(super) fn adopt(&self, text: &[u8]) -> bool {
        let Some(revoked) = Revoked::read(text) else { return false };
        if let Some((_, list)) = &self.remote {
            list.replace(revoked);
        }
        true
    }

    /// Whether a token is dead, or cannot be told from a dead one.
    pub(super) fn kills(&self, marks: &Marks) -> bool {
        self.by_id && marks.ids.is_none()
            || self.fixed.has(marks)
            || self.remote.as_ref().is_some_and(|(_, list)| list.borrow().has(marks))
    }
}

fn hash(issuer: Option<&str>, id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (issuer, id).hash(&mut hasher);
    hasher.finish()
}

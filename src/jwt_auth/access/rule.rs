//! Rules: what an endpoint asks for.

use std::fmt;

use serde::Deserialize;

use crate::claims::{ClaimPath, Decimal, Value};
use crate::head::{Head, Single};
use crate::identity::{Identity, Rights};
use crate::matching::Match;
use crate::path;

use super::claims::integer;
use super::error::Denied;

/// How far into the future `auth_time` may lie, in seconds: clocks differ.
pub const AUTH_TIME_SKEW_S: u64 = 60;

/// A rule of `access.rules`.
#[derive(Debug)]
pub struct Rule {
    pub(super) name: String,
    pub(super) matches: Match,
    pub(super) asks: Asks,
    pub(super) mode: Mode,
    pub(super) detail: Option<String>,
}

/// What a rule asks for.
#[derive(Debug)]
pub enum Asks {
    /// Nothing.
    Public,
    /// The record of webhook-verify for this endpoint.
    Webhook(String),
    /// A token.
    Token(Requirement),
}

/// Whether a rule acts or only watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What it asks for is needed.
    Enforce,
    /// It decides and is counted, and everybody passes, as nobody.
    Shadow,
}

/// What must be in a token. With nothing said, any valid token will do.
#[derive(Debug)]
pub struct Requirement {
    /// Any of these; empty: whatever the role.
    pub(super) roles: Vec<String>,
    /// All of these.
    pub(super) permissions: Vec<String>,
    pub(super) tenant: Option<Tenant>,
    pub(super) step_up: Option<StepUp>,
}

/// The tenant of the request must be that of the token.
#[derive(Debug)]
pub struct Tenant {
    pub(super) place: Place,
    pub(super) kind: Kind,
    /// The claim in each system; the last one is for paths of none.
    pub(super) claims: Vec<ClaimPath>,
    pub(super) unless: Option<Rights>,
}

/// Where a request names its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this segment of the path, from 1.
    Segment(usize),
    /// In this header.
    Header(String),
}

/// What the claim of the tenant is. 42 is not "42": a claim of the other kind is no tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A JSON integer; the request has its digits, no leading zero and no sign but a minus.
    Integer,
    /// A JSON string; the request has the same characters.
    Text,
}

/// A proof of identity beyond the token itself: all that is given must hold.
#[derive(Clone, Debug)]
pub struct StepUp {
    /// Any of these ways stands in `amr` (RFC 8176).
    pub(super) amr: Vec<String>,
    /// `acr` is one of these.
    pub(super) acr: Vec<String>,
    /// `auth_time` is at most so long ago.
    pub(super) max_age_s: Option<u64>,
}

impl Rule {
    /// Its name, in audit lines and counters: `rule-<place>` unless it was given one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The requests that it is about.
    #[must_use]
    pub fn matches(&self) -> &Match {
        &self.matches
    }

    /// What it asks for.
    #[must_use]
    pub fn asks(&self) -> &Asks {
        &self.asks
    }

    /// What a client with a good token reads who may not.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Whether it acts.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

impl Requirement {
    /// Any of these roles; none: whatever the role.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// All of these permissions.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.permissions
    }

    /// The tenant that the request must be about.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// A proof beyond the token.
    #[must_use]
    pub fn step_up(&self) -> Option<&StepUp> {
        self.step_up.as_ref()
    }

    /// Whether roles and permissions suffice: what depends on the rule and the identity alone.
    ///
    /// # Errors
    /// [`Denied::Role`] or [`Denied::Permission`].
    pub fn rights(&self, identity: &Identity) -> Result<(), Denied> {
        if !self.roles.is_empty() && !self.roles.iter().any(|role| identity.roles.contains(role)) {
            return Err(Denied::Role);
        }
        if !self.permissions.iter().all(|permission| identity.may(permission)) {
            return Err(Denied::Permission);
        }
        Ok(())
    }
}

impl Tenant {
    /// Where the request names it.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What the claim must be.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the caller may ask about every tenant.
    #[must_use]
    pub fn exempts(&self, identity: &Identity) -> bool {
        self.unless.as_ref().is_some_and(|unless| identity.holds(unless))
    }

    pub(super) fn check(&self, system: usize, payload: &Value, head: &Head, path: &[u8]) -> Result<(), Denied> {
        let claim = self.claims.get(system).and_then(|claim| claim.find(payload));
        let own = match self.kind {
            Kind::Integer => claim.and_then(integer),
            Kind::Text => claim.and_then(Value::text).filter(|text| !text.is_empty()),
        };
        let own = own.ok_or(Denied::Tenant)?.as_bytes();
        let same = match &self.place {
            Place::Segment(n) => path::segment(path, *n).is_some_and(|segment| path::segment_is(segment, own)),
            Place::Header(name) => head.single(name) == Single::One(own) && !has_twin(head, name),
        };
        if same { Ok(()) } else { Err(Denied::Tenant) }
    }
}

/// Whether a field is there whose name differs from this one in `-` and `_` alone: there are portals that read both alike, and
/// may take the other one.
fn has_twin(head: &Head, name: &str) -> bool {
    let alike =
        |(one, other): (u8, u8)| one.eq_ignore_ascii_case(&other) || matches!((one, other), (b'-' | b'_', b'-' | b'_'));
    head.fields().any(|(given, _)| {
        given.len() == name.len() && !given.eq_ignore_ascii_case(name) && given.bytes().zip(name.bytes()).all(alike)
    })
}

impl StepUp {
    /// What a client is told that may not yet: the parameters of RFC 9470, section 3, after `Bearer `.
    #[must_use]
    pub fn challenge(&self) -> String {
        let mut text = "error=\"insufficient_user_authentication\"".to_owned();
        if !self.acr.is_empty() {
            text.push_str(&format!(", acr_values=\"{}\"", self.acr.join(" ")));
        }
        if let Some(max_age_s) = self.max_age_s {
            text.push_str(&format!(", max_age=\"{max_age_s}\""));
        }
        text
    }

    /// The claims are those of OpenID Connect Core 1.0, section 2.
    pub(super) fn check(&self, payload: &Value, now_s: u64) -> Result<(), Denied> {
        let text = |claim: &Value, wanted: &[String]| claim.text().is_some_and(|text| wanted.iter().any(|w| w == text));
        let ways = match payload.member("amr") {
            Some(Value::List(ways)) => ways.as_slice(),
            Some(_) | None => &[],
        };
        let amr = self.amr.is_empty() || ways.iter().any(|way| text(way, &self.amr));
        let acr = self.acr.is_empty() || payload.member("acr").is_some_and(|class| text(class, &self.acr));
        let fresh = self.max_age_s.is_none_or(|max_age_s| {
            let ahead_ms = seconds_ms(now_s.saturating_add(AUTH_TIME_SKEW_S));
            let oldest_ms = seconds_ms(now_s.saturating_sub(max_age_s));
            let time = match payload.member("auth_time") {
                Some(Value::Number(number)) => Decimal::read(number).and_then(|time| time.thousandths()),
                Some(_) | None => None,
            };
            time.is_some_and(|(floor_ms, ceil_ms)| floor_ms >= oldest_ms && ceil_ms <= ahead_ms)
        });
        if amr && acr && fresh { Ok(()) } else { Err(Denied::StepUp) }
    }
}

/// What is needed, for those who write the rules.
impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (claim, values) in [("amr", &self.amr), ("acr", &self.acr)] {
            if !values.is_empty() {
                write!(f, "{between}{claim} with one of {}", values.join(", "))?;
                between = "; ";
            }
        }
        match self.max_age_s {
            Some(age_s) => write!(f, "{between}auth_time at most {age_s} s ago"),
            None => Ok(()),
        }
    }
}

/// Seconds in milliseconds.
fn seconds_ms(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

//! From a request to the token that it is made with.

use std::rc::Rc;

use super::{Exchange, Place, Waiting};
use crate::claims::Value;
use crate::head::Head;
use crate::host::Host;
use crate::jwt_auth::config::Provider;
use crate::jwt_auth::counters::Provider as Count;
use crate::jwt_auth::date::When;
use crate::jwt_auth::error::Reason;
use crate::jwt_auth::keys::Verdict;
use crate::jwt_auth::remote::Remote;
use crate::jwt_auth::revocation::Marks;
use crate::jwt_auth::session::Session;
use crate::jwt_auth::sources::is_one_token;
use crate::jwt_auth::token::Token;
use crate::jwt_auth::verify::check_types;

/// Where the token is to be found, and whether the request may wait for keys.
pub(super) struct Asked<'a> {
    pub(super) head: &'a Head,
    /// Path and query.
    pub(super) target: &'a [u8],
    pub(super) waits: bool,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Refuse(Reason),
    /// Too many wrong signatures from there; for so long.
    Limited {
        wait_ms: u64,
    },
    /// Not yet.
    Wait,
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refuse(reason)
    }
}

/// Why a provider has not verified a signature.
enum Unverified<'a> {
    Stop(Stop),
    /// Its keys are not there, and may come.
    NoKeys(&'a Remote),
    /// The key is not among them, and may be among the next ones.
    NoKey(&'a Remote),
}

impl From<Reason> for Unverified<'_> {
    fn from(reason: Reason) -> Self {
        Self::Stop(reason.into())
    }
}

impl Exchange {
    /// The session of the request's token: remembered, or new.
    pub(super) fn authenticate(
        &mut self,
        asked: &Asked<'_>,
        now_ms: u64,
        host: &mut dyn Host,
    ) -> Result<Rc<Session>, Stop> {
        let shared = Rc::clone(&self.shared);
        let token = shared.config.sources.find(asked.head, asked.target)?;
        let known = shared.cache.borrow_mut().find(token);
        let known = known.filter(|session| {
            let ring = shared.config.providers.get(session.provider).map(|provider| &provider.keys);
            ring.and_then(|ring| ring.generation(now_ms)) == Some(session.generation)
        });
        let session = match known {
            Some(session) => session,
            None => {
                let session = Rc::new(self.verify(token, asked, now_ms, host)?);
                let over = |session: &Session| session.span.at(to_i64(now_ms)) == When::Expired;
                shared.cache.borrow_mut().put(token, &session, over);
                session
            }
        };
        match session.span.at(to_i64(now_ms)) {
            When::Within => {}
            When::NotYet => return Err(Reason::NotYet.into()),
            When::IssuedAhead => return Err(Reason::IssuedAhead.into()),
            When::Expired => {
                shared.cache.borrow_mut().forget(token);
                return Err(Reason::Expired.into());
            }
        }
        if let Some(revocation) = &shared.config.revocation {
            if let Some(remote) = revocation.remote()
                && !remote.counts(now_ms)
            {
                return Err(self.wait(remote, None, Reason::RevocationUnavailable, asked, now_ms));
            }
            if revocation.kills(&session.marks) {
                return Err(Reason::Revoked.into());
            }
        }
        if let Some(binding) = &shared.config.binding
            && !session.print.as_ref().is_some_and(|print| binding.holds(print, asked.head))
        {
            return Err(Reason::NotBound.into());
        }
        Ok(session)
    }

    fn verify(&mut self, text: &[u8], asked: &Asked<'_>, now_ms: u64, host: &mut dyn Host) -> Result<Session, Stop> {
        let shared = Rc::clone(&self.shared);
        let max_bytes = shared.config.limits.max_token_bytes;
        // Not before: what is remembered is known to be one.
        if text.len() <= max_bytes && !is_one_token(text) {
            return Err(Reason::BadCredentials.into());
        }
        let token = Token::read(text, max_bytes)?;
        check_types(&token.payload)?;
        let issuer = token.payload.member("iss").and_then(Value::text);
        let named =
            shared.config.providers.iter().any(|provider| issuer.is_some() && provider.issuer.as_deref() == issuer);
        // The last provider's.
        let (mut last, mut stop) = (0, Stop::Refuse(Reason::Issuer));
        let mut lacking = Vec::new();
        // Providers whose keys find the signature wrong.
        let mut wrong = Vec::new();
        for (n, provider) in shared.config.providers.iter().enumerate() {
            // Where providers name this issuer, it is theirs alone.
            if !provider.issues(issuer) || named && provider.issuer.is_none() {
                continue;
            }
            let span = match provider.check(&token, to_i64(now_ms)) {
                Ok(span) => span,
                Err(reason) => {
                    (last, stop) = (n, reason.into());
                    continue;
                }
            };
            match self.check_signature(n, provider, &token, now_ms, host) {
                Ok(generation) => {
                    let marks = Marks::of(&token.payload);
                    let print = shared.config.binding.as_ref().and_then(|binding| binding.print(&token.payload));
                    return Ok(Session::new(n, generation, span, marks, print, token.payload));
                }
                Err(Unverified::Stop(other)) => {
                    if other == Reason::Signature.into() {
                        wrong.push(n);
                    }
                    (last, stop) = (n, other);
                }
                Err(lacks) => lacking.push((n, lacks)),
            }
        }
        // Not before: another provider might have verified it.
        let mut unknown = None;
        for (n, lacks) in lacking {
            let other = match lacks {
                Unverified::Stop(other) => other,
                Unverified::NoKeys(remote) => self.wait(remote, None, Reason::KeysUnavailable, asked, now_ms),
                Unverified::NoKey(remote) => self.wait_for_key(remote, asked, now_ms),
            };
            if other == Stop::Wait {
                return Err(other);
            }
            // The keys that are not here might verify it: nobody knows, whatever those of others say.
            if let Stop::Refuse(Reason::KeysUnavailable | Reason::Busy) = other {
                unknown = Some(other);
            }
            if n >= last {
                (last, stop) = (n, other);
            }
        }
        if let Some(unknown) = unknown {
            return Err(unknown);
        }
        if !wrong.is_empty()
            && let Some(failures) = &shared.failures
        {
            failures.note(host, now_ms);
        }
        for n in wrong {
            host.count(shared.counters.provider(n, Count::BadSignature), 1);
        }
        Err(stop)
    }

    /// The generation of the keys that have verified the signature.
    fn check_signature<'a>(
        &self,
        n: usize,
        provider: &'a Provider,
        token: &Token<'_>,
        now_ms: u64,
        host: &mut dyn Host,
    ) -> Result<u32, Unverified<'a>> {
        let shared = &self.shared;
        let source = provider.keys.source();
        let Some((set, generation)) = provider.keys.now(now_ms) else {
            return Err(match source {
                Some(remote) => Unverified::NoKeys(remote),
                None => Reason::KeysUnavailable.into(),
            });
        };
        if !set.has(token.algorithm, token.kid.as_deref()) {
            return Err(match (source, &token.kid) {
                (Some(remote), Some(_)) => Unverified::NoKey(remote),
                (_, _) => Reason::UnknownKey.into(),
            });
        }
        if let Some(wait_ms) = shared.failures.as_ref().and_then(|failures| failures.refused_ms(host, now_ms)) {
            return Err(Unverified::Stop(Stop::Limited { wait_ms }));
        }
        match set.verify(host, token.algorithm, token.kid.as_deref(), token.message, &token.signature) {
            Verdict::Verified => {
                host.count(shared.counters.provider(n, Count::Verified), 1);
                Ok(generation)
            }
            Verdict::Wrong => Err(Reason::Signature.into()),
            Verdict::NoKey => Err(Reason::UnknownKey.into()),
        }
    }

    /// A `kid` that is not in the set: perhaps it is in the next one, which is fetched once for all that ask.
    fn wait_for_key(&mut self, remote: &Remote, asked: &Asked<'_>, now_ms: u64) -> Stop {
        let fetched_ms = remote.fetched_ms();
        let refetched = match self.waiting.as_ref().and_then(|waiting| waiting.lacking) {
            Some(lacking) => lacking != fetched_ms,
            None => false,
        };
        if refetched || !remote.want(now_ms) {
            return Reason::UnknownKey.into();
        }
        self.wait(remote, Some(fetched_ms), Reason::UnknownKey, asked, now_ms)
    }

    /// Waits for a document, if one may come, and not for ever.
    fn wait(
        &mut self,
        remote: &Remote,
        lacking: Option<Option<u64>>,
        without: Reason,
        asked: &Asked<'_>,
        now_ms: u64,
    ) -> Stop {
        if !asked.waits || !remote.may_come(now_ms) {
            return without.into();
        }
        let limits = self.shared.config.limits;
        let news = self.shared.news();
        match &mut self.waiting {
            Some(waiting) => {
                if waiting.is_over(now_ms, limits.wait_ms) {
                    remote.give_up(now_ms);
                    // Nobody knows whether the key exists.
                    let missing = if without == Reason::UnknownKey { Reason::KeysUnavailable } else { without };
                    return missing.into();
                }
                (waiting.lacking, waiting.news) = (lacking, news);
                Stop::Wait
            }
            None => {
                if limits.wait_ms == 0 {
                    return without.into();
                }
                let places = &self.shared.waiting;
                if places.get() >= limits.max_waiting {
                    return Reason::Busy.into();
                }
                places.set(places.get() + 1);
                self.waiting = Some(Waiting { since_ms: now_ms, lacking, news, _place: Place(Rc::clone(places)) });
                Stop::Wait
            }
        }
    }
}

fn to_i64(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

//! Mixed traffic: both portals, good and bad tokens, webhooks, what must be stripped and what is forbidden.

use std::collections::BTreeMap;

use super::load::Due;
use super::work::{Callers, FORBIDDEN, HOOK_BYTES, PARTS, Work};
use crate::token::forged;
use crate::{Ask, Error};

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Stripped,
    Long,
    Empty,
    OtherPortal,
    Forbidden,
    Forged,
    Nobody,
    Hook,
}

/// So many of a hundred requests.
const SHARES: [(Kind, u64, &str); 8] = [
    (Kind::Stripped, 40, "1 KB, stripped"),
    (Kind::Long, 5, "100 KB, stripped"),
    (Kind::Empty, 15, "no body"),
    (Kind::OtherPortal, 10, "the other portal, 1 KB, stripped"),
    (Kind::Forbidden, 5, "what a manager may not read"),
    (Kind::Forged, 10, "a forged token"),
    (Kind::Nobody, 5, "no token"),
    (Kind::Hook, 10, "a webhook of 1 KB"),
];

/// Who asks.
#[derive(Debug)]
pub(super) struct Mix<'a> {
    callers: &'a Callers,
    /// Good ones, of as many consumers.
    tokens: Vec<String>,
    forged: Vec<String>,
}

impl<'a> Mix<'a> {
    pub(super) fn new(callers: &'a Callers) -> Self {
        let tokens: Vec<String> =
            (0..CONSUMERS).map(|n| format!("Bearer {}", callers.issuer.token(&format!("usr-{n}")))).collect();
        let forged = tokens.iter().map(|token| forged(token)).collect();
        Self { callers, tokens, forged }
    }

    /// The works that the portal needs bodies for.
    pub(super) fn works() -> Vec<Work> {
        ["0", "1k", "100k"].into_iter().filter_map(Work::parse).collect()
    }

    /// What the mix is made of.
    pub(super) fn describe() -> String {
        let parts: Vec<String> = SHARES.iter().map(|(_, share, name)| format!("{share} % {name}")).collect();
        format!("{}; {CONSUMERS} consumers, {ADDRESSES} addresses", parts.join(", "))
    }

    /// The kind of the n-th request: the same in every run.
    pub(super) fn kind(number: u64) -> Kind {
        // Any odd number without a factor of 100 mixes the shares well.
        let mut left = number.wrapping_mul(37) % 100;
        for (kind, share, _) in SHARES {
            if left < share {
                return kind;
            }
            left -= share;
        }
        Kind::Stripped
    }

    /// The n-th request. Where nothing guards the portal, all of them get 200.
    pub(super) fn due(&self, number: u64, guarded: bool) -> Result<Due, Error> {
        let kind = Self::kind(number);
        let mut ask = match kind {
            Kind::Hook => self.callers.sender.delivery(HOOK_BYTES)?,
            Kind::Stripped | Kind::Forged | Kind::Nobody => get(&format!("{PARTS}1k")),
            Kind::Long => get(&format!("{PARTS}100k")),
            Kind::Empty => get(&format!("{PARTS}0")),
            Kind::OtherPortal => get("/api/onboarding/vessels/1k"),
            Kind::Forbidden => get(FORBIDDEN),
        };
        // What is multiplied keeps consumers, addresses and kinds apart.
        let at = |list: &[String]| list.get(usize::try_from(number % CONSUMERS).unwrap_or_default()).cloned();
        let token = match kind {
            Kind::Stripped | Kind::Long | Kind::Empty | Kind::OtherPortal | Kind::Forbidden => at(&self.tokens),
            Kind::Forged => at(&self.forged),
            Kind::Nobody | Kind::Hook => None,
        };
        ask.headers.extend(token.map(|token| ("authorization".to_owned(), token)));
        let address = number.wrapping_mul(7) % ADDRESSES;
        ask.headers.push(("x-forwarded-for".to_owned(), format!("198.18.{}.{}", address / 250, address % 250)));
        let status = match kind {
            Kind::Forbidden if guarded => 403,
            Kind::Forged | Kind::Nobody if guarded => 401,
            _ => 200,
        };
        Ok(Due { ask, status })
    }
}

/// What each path must answer, learnt from the first answer, which is checked: Lockgate keeps every other byte.
pub(super) type Learnt = BTreeMap<String, Vec<u8>>;

fn get(path: &str) -> Ask {
    Ask { path: path.to_owned(), ..Ask::default() }
}

const CONSUMERS: u64 = 50;
const ADDRESSES: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_requests_have_the_shares() {
        assert_eq!(SHARES.iter().map(|(_, share, _)| share).sum::<u64>(), 100);
        let mut seen: BTreeMap<Kind, u64> = BTreeMap::new();
        for number in 700..800 {
            *seen.entry(Mix::kind(number)).or_default() += 1;
        }
        for (kind, share, _) in SHARES {
            assert_eq!(seen.get(&kind), Some(&share), "{kind:?}");
        }
    }

    #[test]
    fn requests_that_must_be_refused_are_so_only_where_somebody_guards() {
        let callers = Callers::start(&[]).unwrap();
        let mix = Mix::new(&callers);
        for number in 0..200 {
            assert_eq!(mix.due(number, false).unwrap().status, 200);
            let due = mix.due(number, true).unwrap();
            let token = due.ask.headers.iter().any(|(name, _)| name == "authorization");
            let (status, has) = match Mix::kind(number) {
                Kind::Forbidden => (403, true),
                Kind::Forged => (401, true),
                Kind::Nobody => (401, false),
                Kind::Hook => (200, false),
                Kind::Stripped | Kind::Long | Kind::Empty | Kind::OtherPortal => (200, true),
            };
            assert_eq!((due.status, token), (status, has), "{:?}", Mix::kind(number));
        }
    }
}

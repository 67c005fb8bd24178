//! What takes turns.

use std::path::PathBuf;

use serde_json::Value;

use super::work::Work;
use crate::native::{Cache, Payload, Script};
use crate::policies::{self, Keys, Told, alone};
use crate::token::{ISSUER, Issuer};
use crate::{Error, Listener, Modules, hook, native, wasm};

/// What stands in front of the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Variant {
    /// Nothing: what everything else is compared with.
    None,
    /// A Wasm filter that does nothing.
    Empty,
    /// Tokens and rights.
    JwtAuth,
    /// Two limits.
    RateLimit,
    /// Fields of answers.
    RevenueStrip,
    /// Signatures of webhooks.
    WebhookVerify,
    /// All four in one: `lockgate.wasm`.
    Chain,
    /// The same, and clients are told of their limits.
    ChainTelling,
    /// Envoy's `jwt_authn`.
    JwtAuthn,
    /// Envoy's `local_ratelimit`.
    LocalRatelimit,
    /// Envoy's `rbac` behind `jwt_authn`, whose claims it reads.
    Rbac,
    /// A Lua script that parses the body, takes fields out and prints the rest.
    Lua,
    /// A Lua script that cuts fields out of the text.
    LuaScan,
    /// A Wasm filter that gathers the body and parses it with `serde_json`.
    SerdeStrip,
    /// `jwt_authn`, `local_ratelimit` and the Lua script that parses one after another.
    Native,
    /// The same with the Lua script that cuts.
    NativeScan,
}

impl Variant {
    /// All of them, as tables have them.
    pub const ALL: [Self; 16] = [
        Self::None,
        Self::Empty,
        Self::JwtAuth,
        Self::RateLimit,
        Self::RevenueStrip,
        Self::WebhookVerify,
        Self::Chain,
        Self::ChainTelling,
        Self::JwtAuthn,
        Self::LocalRatelimit,
        Self::Rbac,
        Self::Lua,
        Self::LuaScan,
        Self::SerdeStrip,
        Self::Native,
        Self::NativeScan,
    ];

    /// As users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Empty => "empty",
            Self::JwtAuth => "jwt-auth",
            Self::RateLimit => "rate-limit",
            Self::RevenueStrip => "revenue-strip",
            Self::WebhookVerify => "webhook-verify",
            Self::Chain => "chain",
            Self::ChainTelling => "chain-telling",
            Self::JwtAuthn => "jwt_authn",
            Self::LocalRatelimit => "local_ratelimit",
            Self::Rbac => "rbac",
            Self::Lua => "lua",
            Self::LuaScan => "lua-scan",
            Self::SerdeStrip => "serde-strip",
            Self::Native => "native",
            Self::NativeScan => "native-scan",
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn means(self) -> &'static str {
        match self {
            Self::None => "no filter",
            Self::Empty => "a Wasm filter that does nothing",
            Self::JwtAuth => "jwt-auth: token, and rights by the reference matrix",
            Self::RateLimit => "rate-limit: two limits, by address and by consumer",
            Self::RevenueStrip => "revenue-strip: the default lists",
            Self::WebhookVerify => "webhook-verify: the portals' scheme",
            Self::Chain => "lockgate.wasm: all four in one; clients are told nothing of limits",
            Self::ChainTelling => "the same, with `RateLimit` fields in answers",
            Self::JwtAuthn => "Envoy's jwt_authn: token",
            Self::LocalRatelimit => "Envoy's local_ratelimit: one bucket",
            Self::Rbac => "Envoy's jwt_authn, and rbac by its claims",
            Self::Lua => {
                "a Lua script with the default lists, which gathers the body, parses it into tables and prints them"
            }
            Self::LuaScan => {
                "a Lua script with the default lists, which gathers the body and cuts fields out of its text"
            }
            Self::SerdeStrip => {
                "a Wasm filter with the default lists, which gathers the body and parses it with serde_json"
            }
            Self::Native => "`jwt_authn`, `local_ratelimit` and `lua`",
            Self::NativeScan => "`jwt_authn`, `local_ratelimit` and `lua-scan`",
        }
    }

    /// The variant of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// Whether it is ours: what is not ours may be unable to do something.
    #[must_use]
    pub fn is_ours(self) -> bool {
        match self {
            Self::JwtAuth
            | Self::RateLimit
            | Self::RevenueStrip
            | Self::WebhookVerify
            | Self::Chain
            | Self::ChainTelling => true,
            Self::None
            | Self::Empty
            | Self::JwtAuthn
            | Self::LocalRatelimit
            | Self::Rbac
            | Self::Lua
            | Self::LuaScan
            | Self::SerdeStrip
            | Self::Native
            | Self::NativeScan => false,
        }
    }

    /// Whether V8 runs something of it.
    pub(super) fn is_wasm(self) -> bool {
        self.is_ours() || matches!(self, Self::Empty | Self::SerdeStrip)
    }

    /// Whether it refuses forged tokens.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::JwtAuth | Self::Chain | Self::ChainTelling | Self::JwtAuthn | Self::Rbac | Self::Native)
    }

    /// Whether it refuses what the caller has no right to.
    pub(super) fn decides(self) -> bool {
        matches!(self, Self::JwtAuth | Self::Chain | Self::ChainTelling | Self::Rbac)
    }

    /// Whether revenue fields do not pass it.
    pub(super) fn strips(self) -> bool {
        matches!(
            self,
            Self::RevenueStrip
                | Self::Chain
                | Self::ChainTelling
                | Self::Lua
                | Self::LuaScan
                | Self::SerdeStrip
                | Self::Native
                | Self::NativeScan
        )
    }

    /// Whether it holds a whole answer before any of it goes on.
    pub(super) fn gathers(self) -> bool {
        matches!(self, Self::Lua | Self::LuaScan | Self::SerdeStrip | Self::Native | Self::NativeScan)
    }

    /// The statistics that say that it counts, by their ends.
    pub(super) fn counters(self) -> &'static [&'static str] {
        match self {
            Self::RateLimit | Self::Chain | Self::ChainTelling => &["address.allowed", "consumer.allowed"],
            Self::LocalRatelimit | Self::Native | Self::NativeScan => &["native.http_local_rate_limit.ok"],
            Self::None
            | Self::Empty
            | Self::JwtAuth
            | Self::RevenueStrip
            | Self::WebhookVerify
            | Self::JwtAuthn
            | Self::Rbac
            | Self::Lua
            | Self::LuaScan
            | Self::SerdeStrip => &[],
        }
    }

    /// Whether it has something to do with this work, so that it is measured at it.
    #[must_use]
    pub fn does(self, work: Work) -> bool {
        let at_hooks =
            matches!(self, Self::None | Self::Empty | Self::WebhookVerify | Self::Chain | Self::ChainTelling);
        match work {
            Work::Get { .. } => self != Self::WebhookVerify,
            Work::Hook => at_hooks,
        }
    }
}

/// A variant with or without its memory of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which variant.
    pub variant: Variant,
    /// Whether it remembers verified tokens. Those that verify none are [`Cache::Warm`].
    pub cache: Cache,
}

impl Entry {
    /// As tables and listeners have it.
    #[must_use]
    pub fn name(self) -> String {
        match self.cache {
            Cache::Warm => self.variant.name().to_owned(),
            Cache::Off => format!("{}, cold token", self.variant.name()),
        }
    }

    /// Each of these variants, and once more without memory where that is asked for and makes a difference.
    #[must_use]
    pub fn all(variants: &[Variant], caches: &[Cache]) -> Vec<Self> {
        let mut entries = Vec::new();
        for &variant in variants {
            for cache in [Cache::Warm, Cache::Off] {
                let differs = variant.verifies() && caches.contains(&cache);
                let alike = !variant.verifies() && cache == Cache::Warm;
                // Compared with in any case.
                if differs || alike {
                    entries.push(Self { variant, cache });
                }
            }
        }
        entries
    }

    /// What stands before the router. Builds the module that it needs.
    pub(super) fn listener(self, modules: &Modules<'_>, issuer: &Issuer) -> Result<Listener, Error> {
        let name = self.name();
        let keys = issuer.key_set();
        // One VM for each module: it is compiled once, and no two modules share memory.
        let ours = |package: &str, configuration: Value, variables: &[&str]| -> Result<Value, Error> {
            let module: PathBuf = modules.filter(package)?;
            Ok(wasm(&name, package, &module, &configuration.to_string(), variables))
        };
        let inline = Keys::Inline(&keys);
        let jwt_authn = |payload| native::jwt_authn(ISSUER, &keys, self.cache, payload);
        let together = |script| vec![jwt_authn(Payload::Dropped), native::local_ratelimit(), native::lua(script)];
        let filters = match self.variant {
            Variant::None => Vec::new(),
            Variant::Empty => vec![wasm(&name, "empty", &modules.empty()?, "", &[])],
            Variant::JwtAuth => vec![ours("jwt-auth", policies::jwt_auth(inline, self.cache)?, &[])?],
            Variant::RateLimit => vec![ours("rate-limit", alone(policies::rate_limit(Told::Nothing)), &[])?],
            Variant::RevenueStrip => vec![ours("revenue-strip", alone(policies::revenue_strip()), &[])?],
            Variant::WebhookVerify => vec![ours("webhook-verify", policies::webhook_verify(), &[hook::VARIABLE])?],
            Variant::Chain => {
                vec![ours(CHAIN, policies::chain(inline, self.cache, Told::Nothing)?, &[hook::VARIABLE])?]
            }
            Variant::ChainTelling => {
                vec![ours(CHAIN, policies::chain(inline, self.cache, Told::Fields)?, &[hook::VARIABLE])?]
            }
            Variant::JwtAuthn => vec![jwt_authn(Payload::Dropped)],
            Variant::LocalRatelimit => vec![native::local_ratelimit()],
            Variant::Rbac => vec![jwt_authn(Payload::InMetadata), native::rbac()],
            Variant::Lua => vec![native::lua(Script::Parse)],
            Variant::LuaScan => vec![native::lua(Script::Scan)],
            Variant::SerdeStrip => vec![wasm(&name, "serde-strip", &modules.serde_strip()?, "", &[])],
            Variant::Native => together(Script::Parse),
            Variant::NativeScan => together(Script::Scan),
        };
        Ok(Listener { name, filters })
    }
}

/// The package of `lockgate.wasm`.
pub(super) const CHAIN: &str = "lockgate-filter";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_cold_tokens_only_asked_of_who_verifies() {
        for variant in Variant::ALL {
            assert_eq!(Variant::parse(variant.name()), Some(variant));
        }
        assert_eq!(Variant::parse("kong"), None);
        let names = |caches: &[Cache]| -> Vec<String> {
            Entry::all(&[Variant::None, Variant::Chain, Variant::Lua], caches).into_iter().map(Entry::name).collect()
        };
        assert_eq!(names(&[Cache::Warm]), ["none", "chain", "lua"]);
        assert_eq!(names(&[Cache::Off]), ["none", "chain, cold token", "lua"]);
        assert_eq!(names(&[Cache::Off, Cache::Warm]), ["none", "chain", "chain, cold token", "lua"]);
    }
}

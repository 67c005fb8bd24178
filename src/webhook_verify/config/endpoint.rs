//! `endpoints`: whose webhooks, where, and what they must be.

use serde::Deserialize;

use super::scheme::SchemeWire;
use super::secret::{Secret, SecretWire};
use crate::config::{ConfigError, Environment, Named};
use crate::matching::{Match, MatchWire};
use crate::secret;
use crate::webhook_verify::descriptor::{
    Algorithm, DEFAULT_WINDOW_S, Descriptor, MAX_TEXT_BYTES, MAX_WINDOW_S, Segment, SignatureSource, Style, Wanted,
};
use crate::webhook_verify::keys::Token;

/// Longest name of an endpoint, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// Most secrets of one endpoint.
pub const MAX_SECRETS: usize = 8;
/// Most events of one endpoint.
pub const MAX_EVENTS: usize = 256;
/// Most settings of one endpoint.
pub const MAX_SETTINGS: usize = 8;
/// Longest body unless the configuration says otherwise, in bytes.
pub const DEFAULT_MAX_BODY_BYTES: u32 = 1024 * 1024;
/// Longest body that a configuration may allow, in bytes: Envoy has to hold it.
pub const MAX_BODY_BYTES: u32 = 32 * 1024 * 1024;
/// The same where a scheme needs the whole body at once, which then is in the VM.
pub const MAX_GATHERED_BODY_BYTES: u32 = 4 * 1024 * 1024;
/// The same where it reads the whole body as JSON, of which each value takes memory.
pub const MAX_JSON_BODY_BYTES: u32 = 1024 * 1024;
/// How long a delivery is remembered where its time is not signed, in seconds (a day).
pub const DEFAULT_REPLAY_S: u32 = 86_400;
/// Longest time that a delivery is remembered, in seconds (ten days).
pub const MAX_REPLAY_S: u32 = 864_000;
/// How long a delivery may be under way before another try is let in, in seconds.
pub const DEFAULT_LEASE_S: u32 = 60;
/// The same at most, in seconds (an hour).
pub const MAX_LEASE_S: u32 = 3600;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointWire {
    pub(super) name: String,
    #[serde(rename = "match")]
    pub(super) matches: MatchWire,
    pub(super) scheme: SchemeWire,
    pub(super) secrets: Vec<SecretWire>,
    pub(super) settings: Option<Named<String>>,
    pub(super) base_url: Option<String>,
    pub(super) tolerance_s: Option<u32>,
    pub(super) future_s: Option<u32>,
    pub(super) events: Option<Vec<String>>,
    pub(super) replay: Option<ReplayWire>,
    pub(super) max_body_bytes: Option<u32>,
    pub(super) verify_token: Option<VerifyTokenWire>,
    pub(super) accept_weak_scheme: Option<bool>,
    pub(super) mode: Option<Mode>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayWire {
    window_s: u32,
    lease_s: Option<u32>,
    repeated: Option<Repeated>,
    keys: Option<u32>,
}

/// What a provider's probe has to bring.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyTokenWire {
    env: String,
}

/// Whether a rule acts or only watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::webhook_verify) enum Mode {
    Enforce,
    Shadow,
}

/// How a delivery is answered that was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::webhook_verify) enum Repeated {
    /// 200, without the portal: senders take anything else for a failure.
    Accept,
    /// 409.
    Refuse,
}

/// Whose webhooks, where, and what they must be.
#[derive(Debug)]
pub(in crate::webhook_verify) struct Endpoint {
    pub(in crate::webhook_verify) name: String,
    /// What a delivery is remembered as, before what was signed.
    pub(in crate::webhook_verify) purpose: String,
    pub(in crate::webhook_verify) matches: Match,
    pub(in crate::webhook_verify) descriptor: Descriptor,
    pub(in crate::webhook_verify) secrets: Vec<Secret>,
    settings: Vec<(String, String)>,
    pub(in crate::webhook_verify) base_url: Option<BaseUrl>,
    pub(in crate::webhook_verify) past_ms: i64,
    pub(in crate::webhook_verify) future_ms: i64,
    /// Events that pass; `None`: all.
    pub(in crate::webhook_verify) events: Option<Vec<String>>,
    pub(in crate::webhook_verify) replay: Option<Replay>,
    pub(in crate::webhook_verify) max_body_bytes: usize,
    /// What a probe has to bring; `None`: probes that bring something are refused.
    pub(in crate::webhook_verify) verify_token: Option<Token>,
    pub(in crate::webhook_verify) mode: Mode,
    /// Fields that say something, and the scheme has no use for it.
    pub(in crate::webhook_verify) unused: Vec<&'static str>,
}

/// How deliveries are remembered.
#[derive(Clone, Copy, Debug)]
pub(in crate::webhook_verify) struct Replay {
    pub(in crate::webhook_verify) lease_ms: u64,
    pub(in crate::webhook_verify) keep_ms: u64,
    pub(in crate::webhook_verify) repeated: Repeated,
    /// How many at once, where the endpoint says so.
    pub(in crate::webhook_verify) keys: Option<u32>,
    /// The place of its table: its own, or that of all who share a secret.
    pub(in crate::webhook_verify) table: usize,
}

/// Scheme and authority, as the sender knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::webhook_verify) struct BaseUrl(String);

impl Endpoint {
    pub(in crate::webhook_verify) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Whether every request of `other` comes here first.
    pub(super) fn takes_all_of(&self, other: &Self) -> bool {
        covers(&self.matches, &other.matches)
    }
}

/// Whether everything that `other` is about, `first` is about.
pub(super) fn covers(first: &Match, other: &Match) -> bool {
    let methods = match (first.methods(), other.methods()) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(ours), Some(theirs)) => theirs.iter().all(|method| ours.contains(method)),
    };
    let taken = |theirs| first.paths().iter().any(|ours| ours.covers(theirs));
    methods && other.paths().iter().all(taken)
}

impl BaseUrl {
    /// Reads `https://user:password@host:port` and a path before that of each request, if any.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let authority = rest.split('/').next()?;
        let good = !authority.is_empty() && text.len() <= MAX_TEXT_BYTES;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\\"<>".contains(&byte));
        (good && plain).then(|| Self(text.trim_end_matches('/').to_owned()))
    }

    /// Scheme, host and port, and the path before that of each request, as a URL's normal form has them: in lower case, without
    /// the default port, and without a user.
    pub(in crate::webhook_verify) fn parts(&self) -> (&str, String, &str) {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let default = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(default).map(str::to_owned).unwrap_or(host);
        (scheme, host, path)
    }

    pub(in crate::webhook_verify) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same with its port removed, or the default one added.
    pub(in crate::webhook_verify) fn other_port(&self) -> Option<String> {
        let (scheme, rest) = self.0.split_once("://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host_at = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, host) = authority.split_at(host_at);
        let port = host.rfind(':').filter(|&at| {
            host.get(at + 1..).is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let host = match port {
            Some(at) => host.get(..at)?.to_owned(),
            None => format!("{host}:{}", if scheme == "https" { 443 } else { 80 }),
        };
        Some(format!("{scheme}://{user}{host}{path}"))
    }
}

impl ReplayWire {
    /// Nothing is remembered.
    pub(super) const OFF: Self = Self { window_s: 0, lease_s: None, repeated: None, keys: None };
}

impl EndpointWire {
    /// With what must be there.
    pub(super) fn new(name: String, matches: MatchWire, scheme: SchemeWire, secrets: Vec<SecretWire>) -> Self {
        Self {
            name,
            matches,
            scheme,
            secrets,
            settings: None,
            base_url: None,
            tolerance_s: None,
            future_s: None,
            events: None,
            replay: None,
            max_body_bytes: None,
            verify_token: None,
            accept_weak_scheme: None,
            mode: None,
        }
    }

    pub(super) fn check(self, path: &str, environment: &dyn Environment) -> Result<Endpoint, ConfigError> {
        let at = |field: &str| format!("{path}.{field}");
        check_name(&at("name"), &self.name)?;
        let descriptor = self.scheme.check(&at("scheme"))?;
        if descriptor.algorithm == Algorithm::Sha256SecretPrefix && self.accept_weak_scheme != Some(true) {
            return Err(ConfigError::new(
                at("scheme"),
                "is a hash and no MAC: who has seen one delivery can make others. Use the provider's newer scheme, \
                 or say accept_weak_scheme: true",
            ));
        }
        if self.secrets.is_empty() || self.secrets.len() > MAX_SECRETS {
            return Err(ConfigError::new(
                at("secrets"),
                format_args!("must have 1..={MAX_SECRETS} entries: without a secret nothing can be verified"),
            ));
        }
        let mut secrets = Vec::with_capacity(self.secrets.len());
        for (n, secret) in self.secrets.into_iter().enumerate() {
            secrets.push(secret.check(&at(&format!("secrets[{n}]")), &descriptor, environment)?);
        }
        if let SignatureSource::Keyed(names) = &descriptor.signature.source
            && secrets.len() > names.len()
        {
            return Err(ConfigError::new(
                at("secrets"),
                format_args!("has more entries than the scheme has headers ({}): each has its own", names.len()),
            ));
        }
        let mut unused = Vec::new();
        let base_url = match (self.base_url, descriptor.signs_url()) {
            (None, false) => None,
            (Some(url), true) => Some(BaseUrl::parse(&url).ok_or_else(|| {
                ConfigError::new(
                    at("base_url"),
                    "must be http:// or https:// with a host, as the sender knows it, and neither query nor fragment",
                )
            })?),
            (None, true) => {
                return Err(ConfigError::new(
                    at("base_url"),
                    "is missing: the scheme signs the URL, and what a request says of its host anybody can write",
                ));
            }
            (Some(_), false) => {
                unused.push("base_url");
                None
            }
        };
        let settings = check_settings(&at("settings"), self.settings, &descriptor)?;
        let window = |field: &str, given: Option<u32>, preset: Option<u32>| match given {
            None => Ok(i64::from(preset.unwrap_or(DEFAULT_WINDOW_S)).saturating_mul(1000)),
            Some(seconds) if seconds <= MAX_WINDOW_S => Ok(i64::from(seconds).saturating_mul(1000)),
            Some(seconds) => {
                Err(ConfigError::new(at(field), format_args!("is {seconds} and must be 0..={}", MAX_WINDOW_S)))
            }
        };
        if !descriptor.is_timed() {
            unused.extend(self.tolerance_s.map(|_| "tolerance_s"));
            unused.extend(self.future_s.map(|_| "future_s"));
        }
        let time = descriptor.timestamp.as_ref();
        let past_ms = window("tolerance_s", self.tolerance_s, time.map(|time| time.past_s))?;
        let future_ms = window("future_s", self.future_s, time.map(|time| time.future_s))?;
        let events = check_events(&at("events"), self.events, &descriptor)?;
        let replay = check_replay(&at("replay"), self.replay, &descriptor, past_ms.saturating_add(future_ms))?;
        let most = match (descriptor.reads_json(), descriptor.gathers()) {
            (true, _) => MAX_JSON_BODY_BYTES,
            (false, true) => MAX_GATHERED_BODY_BYTES,
            (false, false) => MAX_BODY_BYTES,
        };
        let max_body_bytes = self.max_body_bytes.unwrap_or(DEFAULT_MAX_BODY_BYTES.min(most));
        if !(1..=most).contains(&max_body_bytes) {
            return Err(ConfigError::new(
                at("max_body_bytes"),
                format_args!("is {max_body_bytes} and must be 1..={most} with this scheme"),
            ));
        }
        let probes = descriptor.challenges.iter().any(|challenge| challenge.secret.is_some());
        let verify_token = match self.verify_token {
            None => None,
            Some(_) if !probes => {
                return Err(ConfigError::new(at("verify_token"), "is not used: the scheme has no probe with one"));
            }
            Some(VerifyTokenWire { env }) => {
                let text = secret::read(&at("verify_token"), &env, environment)?;
                text.as_ref().map(|text| Token::new(text.as_bytes()))
            }
        };
        Ok(Endpoint {
            verify_token,
            purpose: format!("webhook {}", self.name),
            name: self.name,
            matches: self.matches.check(&at("match"))?,
            descriptor,
            secrets,
            settings,
            base_url,
            past_ms,
            future_ms,
            events,
            replay,
            max_body_bytes: usize::try_from(max_body_bytes).unwrap_or(usize::MAX),
            mode: self.mode.unwrap_or(Mode::Enforce),
            unused,
        })
    }
}

fn check_name(path: &str, name: &str) -> Result<(), ConfigError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(good) {
        return Err(ConfigError::new(
            path,
            format_args!("must be 1..={MAX_NAME_BYTES} letters, digits and - _ . : /: it stands in a header"),
        ));
    }
    Ok(())
}

/// The settings that a scheme signs or compares, all of them and no others.
fn check_settings(
    path: &str,
    settings: Option<Named<String>>,
    descriptor: &Descriptor,
) -> Result<Vec<(String, String)>, ConfigError> {
    let settings = settings.map_or(Vec::new(), |settings| settings.0);
    let signed = descriptor
        .segments()
        .filter_map(|segment| if let Segment::Setting(name) = segment { Some(name.as_str()) } else { None });
    let compared = descriptor
        .require
        .iter()
        .filter_map(|require| if let Wanted::Setting(name) = &require.wanted { Some(name.as_str()) } else { None });
    let wanted: Vec<&str> = signed.chain(compared).collect();
    if let Some(name) = wanted.iter().find(|name| settings.iter().all(|(given, _)| given != *name)) {
        return Err(ConfigError::new(path, format_args!("lacks `{name}`, which the scheme needs")));
    }
    if settings.len() > MAX_SETTINGS || settings.iter().any(|(name, _)| !wanted.contains(&name.as_str())) {
        return Err(ConfigError::new(path, "has an entry that the scheme does not use"));
    }
    if settings.iter().any(|(_, value)| value.is_empty() || value.len() > MAX_TEXT_BYTES) {
        return Err(ConfigError::new(path, format_args!("has a value that is not of 1..={MAX_TEXT_BYTES} bytes")));
    }
    Ok(settings)
}

fn check_events(
    path: &str,
    events: Option<Vec<String>>,
    descriptor: &Descriptor,
) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(events) = events else { return Ok(None) };
    if descriptor.event.is_none() {
        return Err(ConfigError::new(path, "cannot be checked: the scheme does not say where an event is named"));
    }
    let good = |event: &String| !event.is_empty() && event.len() <= MAX_TEXT_BYTES;
    if events.is_empty() || events.len() > MAX_EVENTS || !events.iter().all(good) {
        return Err(ConfigError::new(
            path,
            format_args!("must be 1..={MAX_EVENTS} names of 1..={MAX_TEXT_BYTES} bytes; leave it out for all events"),
        ));
    }
    if let Some(event) =
        events.iter().find(|event| event.trim_end_matches(".*").contains('*') || event.as_str() == ".*")
    {
        return Err(ConfigError::new(path, format_args!("`{event}` has a * that is not the last part, as in `ncr.*`")));
    }
    Ok(Some(events))
}

fn check_replay(
    path: &str,
    wire: Option<ReplayWire>,
    descriptor: &Descriptor,
    window_ms: i64,
) -> Result<Option<Replay>, ConfigError> {
    let signs_time = descriptor.covers_time();
    // To its last millisecond and beyond: one second more, and a token's leeway.
    let by_dates = matches!(&descriptor.signature.style, Style::Token(token) if token.issued.is_none());
    let good_ms = window_ms
        .saturating_add(if by_dates { crate::webhook_verify::verify::TOKEN_LEEWAY_MS } else { 0 })
        .saturating_add(1000);
    let window_s = u32::try_from(good_ms / 1000).unwrap_or(DEFAULT_REPLAY_S);
    let default_s = match (descriptor.algorithm, signs_time) {
        // What is the same twice need not be a replay: nothing tells one delivery from another.
        (Algorithm::StaticToken, _) => 0,
        (_, true) => window_s,
        (_, false) => DEFAULT_REPLAY_S,
    };
    let wire = wire.unwrap_or(ReplayWire { window_s: default_s, ..ReplayWire::OFF });
    if wire.window_s == 0 {
        return Ok(None);
    }
    if wire.window_s > MAX_REPLAY_S {
        return Err(ConfigError::new(
            format!("{path}.window_s"),
            format_args!("is {} and must be 0 (off) or 1..={MAX_REPLAY_S}", wire.window_s),
        ));
    }
    if signs_time && wire.window_s < window_s {
        return Err(ConfigError::new(
            format!("{path}.window_s"),
            format_args!(
                "is {} and must be {window_s} at least: so long a delivery stays good (tolerance_s, future_s and a second)",
                wire.window_s
            ),
        ));
    }
    let lease_s = wire.lease_s.unwrap_or(DEFAULT_LEASE_S);
    if !(1..=MAX_LEASE_S).contains(&lease_s) {
        return Err(ConfigError::new(
            format!("{path}.lease_s"),
            format_args!("is {lease_s} and must be 1..={MAX_LEASE_S}"),
        ));
    }
    Ok(Some(Replay {
        lease_ms: u64::from(lease_s).saturating_mul(1000),
        keep_ms: u64::from(wire.window_s).saturating_mul(1000),
        repeated: wire.repeated.unwrap_or(Repeated::Accept),
        keys: wire.keys,
        table: 0,
    }))
}

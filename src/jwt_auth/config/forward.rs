//! What portals are told of a caller, and what clients may not say themselves.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{MAX_ENTRIES, MAX_TEXT_BYTES, at_most, check_text, read_raw, within};
use crate::claims::{ClaimPath, Value};
use crate::config::{ConfigError, Environment, Raw};
use crate::identity::is_header_name;
use crate::path::check_normal;
use crate::secret::{self, Format};
use crate::signature::SigningKey;

/// Header fields that no client may send, beside those that the configuration names: identity, also as proxies that sign people in
/// hand it on, and what makes portals take another method or path than the one that was judged (`x-forwarded-prefix` is put
/// before the path by frameworks that then match on the whole). `_` counts as `-`: there are portals that read both alike.
pub const REMOVED_HEADERS: [&str; 33] = [
    "x-user-id",
    "x-user-name",
    "x-user-email",
    "x-user-role",
    "x-user-roles",
    "x-user-permissions",
    "x-user-tenant",
    "x-tenant-id",
    "x-tenant",
    "x-company-id",
    "x-role",
    "x-roles",
    "x-permissions",
    "x-scopes",
    "x-service-token",
    "x-authenticated-user",
    "x-auth-user",
    "remote-user",
    "x-remote-user",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-forwarded-method",
    "x-forwarded-prefix",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-override-url",
];
/// Header fields that no client may send, by the beginning of their names.
pub const REMOVED_PREFIXES: [&str; 2] = ["x-jwt-", "x-lockgate-"];
/// Most headers with claims.
pub const MAX_FORWARD_HEADERS: usize = 32;
/// How long a service token lives, in seconds, unless the configuration says otherwise.
pub const DEFAULT_SERVICE_LIFETIME_S: u32 = 30;
/// How long a service token lives at most, in seconds.
pub const MAX_SERVICE_LIFETIME_S: u32 = 300;
/// Where the public key of service tokens is served, unless the configuration says otherwise.
pub const DEFAULT_PUBLIC_KEY_PATH: &str = "/.well-known/lockgate/jwks.json";

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::jwt_auth) struct ForwardWire {
    headers: Option<Raw>,
    remove: Option<Vec<String>>,
    token: Option<TokenWire>,
    service_token: Option<ServiceTokenWire>,
}

/// What becomes of the client's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum TokenWire {
    /// The portal gets it.
    Keep,
    /// It ends here.
    Remove,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ServiceTokenWire {
    key: KeyWire,
    algorithm: ServiceAlgorithm,
    issuer: Option<String>,
    audience: Option<String>,
    lifetime_s: Option<u32>,
    header: Option<String>,
    kid: Option<String>,
    public_key_path: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct KeyWire {
    env: String,
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum ServiceAlgorithm {
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "HS256")]
    Hs256,
}

/// The hand-over to the portal.
#[derive(Debug)]
pub(in crate::jwt_auth) struct Forward {
    /// Header names in lower case, and what they say.
    pub(in crate::jwt_auth) headers: Vec<(String, Handover)>,
    pub(in crate::jwt_auth) removed: Taken,
    /// Whether the client's token ends here.
    pub(in crate::jwt_auth) token_ends: bool,
    pub(in crate::jwt_auth) service: Option<ServiceKey>,
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::jwt_auth) enum Handover {
    /// A claim as it stands in the token.
    Claim(ClaimPath),
    /// What was decided about the caller: roles mapped, permissions granted.
    Subject,
    Roles,
    Permissions,
    Tenant,
    System,
}

/// How the gate vouches for a caller to a portal.
#[derive(Debug)]
pub(in crate::jwt_auth) struct ServiceKey {
    pub(in crate::jwt_auth) key: SigningKey,
    pub(in crate::jwt_auth) kid: Option<String>,
    pub(in crate::jwt_auth) issuer: String,
    /// For paths of no system.
    pub(in crate::jwt_auth) audience: Option<String>,
    pub(in crate::jwt_auth) lifetime_s: u64,
    pub(in crate::jwt_auth) header: String,
    /// Where the public key is served; there is none for a secret.
    pub(in crate::jwt_auth) public_key_path: Option<String>,
}

/// Header fields that are taken from every request.
#[derive(Debug)]
pub(in crate::jwt_auth) struct Taken {
    /// In lower case, `-` for `_`.
    names: Vec<String>,
    /// A bit for each length that a name has (63 and more share one), for each first letter, and for the first and third letter
    /// that one has: most fields need no further look.
    lengths: u64,
    firsts: u64,
    letters: u64,
}

impl ForwardWire {
    pub(super) fn check(self, has_systems: bool, environment: &dyn Environment) -> Result<Forward, ConfigError> {
        let headers = self.headers.map(|raw| read_headers(&raw)).transpose()?.unwrap_or_default();
        let service = self.service_token.map(|wire| wire.check(has_systems, environment)).transpose()?;
        let remove = self.remove.unwrap_or_default();
        at_most("forward.remove", remove.len(), MAX_ENTRIES)?;
        for (n, name) in remove.iter().enumerate() {
            check_header(&format!("forward.remove[{n}]"), name)?;
        }
        if let Some(service) = &service
            && headers.iter().any(|(name, _)| *name == service.header)
        {
            return Err(ConfigError::new("forward.service_token.header", "is the name of another forwarded header"));
        }
        let names = headers.iter().map(|(name, _)| name.as_str());
        let names = names.chain(remove.iter().map(String::as_str)).chain(REMOVED_HEADERS);
        let removed = Taken::new(names.chain(service.iter().map(|service| service.header.as_str())));
        Ok(Forward { headers, removed, token_ends: self.token == Some(TokenWire::Remove), service })
    }
}

/// `{name: "claim"}` or `{name: {"identity": "roles"}}`.
fn read_headers(raw: &Raw) -> Result<Vec<(String, Handover)>, ConfigError> {
    const PATH: &str = "forward.headers";
    let Value::Object(members) = read_raw(PATH, raw)? else {
        return Err(ConfigError::new(PATH, "must be an object of header names and claims"));
    };
    at_most(PATH, members.len(), MAX_FORWARD_HEADERS)?;
    let mut headers: Vec<(String, Handover)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let path = format!("{PATH}.{name}");
        check_header(&path, &name)?;
        let name = name.to_ascii_lowercase();
        if headers.iter().any(|(other, _)| plain(other) == plain(&name)) {
            return Err(ConfigError::new(path, "stands there twice; case does not matter, and _ counts as -"));
        }
        let handover = match (&value, value.member("identity").and_then(Value::text)) {
            (Value::Text(claim), _) => Handover::Claim(ClaimPath::parse(claim).map_err(|error| error.at(&path))?),
            (Value::Object(members), Some(field)) if members.len() == 1 => match field {
                "subject" => Handover::Subject,
                "roles" => Handover::Roles,
                "permissions" => Handover::Permissions,
                "tenant" => Handover::Tenant,
                "system" => Handover::System,
                _ => {
                    return Err(ConfigError::new(
                        format!("{path}.identity"),
                        "must be subject, roles, permissions, tenant or system",
                    ));
                }
            },
            (_, _) => {
                return Err(ConfigError::new(
                    path,
                    "must be a claim, or {\"identity\": \"roles\"} for what was decided",
                ));
            }
        };
        headers.push((name, handover));
    }
    Ok(headers)
}

/// A header that the gate may set: none that carries the message itself.
fn check_header(path: &str, name: &str) -> Result<(), ConfigError> {
    let unfit =
        ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "cookie", "x-request-id"];
    if !is_header_name(name) || unfit.iter().any(|unfit| name.eq_ignore_ascii_case(unfit)) {
        return Err(ConfigError::new(path, "is no header that could be handed on (RFC 9110, section 5.1)"));
    }
    Ok(())
}

impl ServiceTokenWire {
    fn check(self, has_systems: bool, environment: &dyn Environment) -> Result<ServiceKey, ConfigError> {
        let field = |name: &str| format!("forward.service_token.{name}");
        let key_path = field("key");
        let text = secret::read(&key_path, &self.key.env, environment)?;
        let default = match self.algorithm {
            ServiceAlgorithm::EdDsa => Format::Pem,
            ServiceAlgorithm::Hs256 => Format::Raw,
        };
        let format = self.key.format.unwrap_or(default);
        if (self.algorithm, format) == (ServiceAlgorithm::Hs256, Format::Pem) {
            return Err(ConfigError::new(field("key.format"), "is for EdDSA; a secret for HS256 is no PEM"));
        }
        let key = match (text, self.algorithm, format) {
            (None, ServiceAlgorithm::EdDsa, _) => {
                SigningKey::ed25519_seed(secret::assumed().get(..32).unwrap_or_default())
            }
            (None, ServiceAlgorithm::Hs256, _) => SigningKey::hmac(&secret::assumed()),
            (Some(text), ServiceAlgorithm::EdDsa, Format::Pem) => {
                SigningKey::ed25519_pkcs8_pem(&Zeroizing::new(text.replace("\\n", "\n")))
            }
            (Some(text), ServiceAlgorithm::EdDsa, format) => {
                SigningKey::ed25519_seed(&secret::decode(&key_path, &text, format)?)
            }
            (Some(text), ServiceAlgorithm::Hs256, format) => {
                SigningKey::hmac(&secret::decode(&key_path, &text, format)?)
            }
        };
        let key = key.map_err(|error| ConfigError::new(field("key.env"), error))?;
        let issuer = self.issuer.unwrap_or_else(|| "lockgate".to_owned());
        check_text(&field("issuer"), &issuer, MAX_TEXT_BYTES)?;
        if let Some(audience) = &self.audience {
            check_text(&field("audience"), audience, MAX_TEXT_BYTES)?;
        }
        if let Some(kid) = &self.kid {
            check_text(&field("kid"), kid, MAX_TEXT_BYTES)?;
        }
        if self.audience.is_none() && !has_systems {
            return Err(ConfigError::new(
                field("audience"),
                "is missing: without `systems` nothing else says whom the token is for",
            ));
        }
        let header = self.header.unwrap_or_else(|| "x-service-token".to_owned());
        check_header(&field("header"), &header)?;
        let public_key_path = match (self.algorithm, self.public_key_path) {
            (ServiceAlgorithm::Hs256, Some(_)) => {
                return Err(ConfigError::new(field("public_key_path"), "is for EdDSA; a secret has no public key"));
            }
            (ServiceAlgorithm::Hs256, None) => None,
            (ServiceAlgorithm::EdDsa, path) => {
                let path = path.unwrap_or_else(|| DEFAULT_PUBLIC_KEY_PATH.to_owned());
                if check_normal(path.as_bytes()).is_err() || path.contains(['?', '*']) || path.len() > MAX_TEXT_BYTES {
                    return Err(ConfigError::new(field("public_key_path"), "is no path that a request could have"));
                }
                Some(path)
            }
        };
        Ok(ServiceKey {
            key,
            kid: self.kid,
            issuer,
            audience: self.audience,
            lifetime_s: within(
                &field("lifetime_s"),
                self.lifetime_s,
                5,
                MAX_SERVICE_LIFETIME_S,
                DEFAULT_SERVICE_LIFETIME_S,
            )?
            .into(),
            header: header.to_ascii_lowercase(),
            public_key_path,
        })
    }
}

impl Taken {
    fn new<'a>(taken: impl Iterator<Item = &'a str>) -> Self {
        // Sorted one by one: there are few, and an algorithm for many is 4 KB of Wasm.
        let mut names: Vec<String> = Vec::new();
        for name in taken.map(plain) {
            if let Err(at) = names.binary_search(&name) {
                names.insert(at, name);
            }
        }
        let beginnings = names.iter().map(String::as_str).chain(REMOVED_PREFIXES);
        Self {
            firsts: beginnings.clone().fold(0, |firsts, name| firsts | first_bit(name.as_bytes())),
            letters: beginnings.fold(0, |letters, name| letters | letters_bit(name.as_bytes())),
            lengths: names.iter().fold(0, |lengths, name| lengths | length_bit(name.len())),
            names,
        }
    }

    /// Whether a field of this name is taken from requests.
    pub(in crate::jwt_auth) fn takes(&self, name: &[u8]) -> bool {
        if self.firsts & first_bit(name) == 0 || self.letters & letters_bit(name) == 0 {
            return false;
        }
        let same =
            |one: &str, two: &[u8]| one.len() == two.len() && one.bytes().eq(two.iter().map(|&byte| letter(byte)));
        self.lengths & length_bit(name.len()) != 0 && self.names.iter().any(|taken| same(taken, name))
            || REMOVED_PREFIXES.iter().any(|prefix| name.get(..prefix.len()).is_some_and(|part| same(prefix, part)))
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

fn first_bit(name: &[u8]) -> u64 {
    1 << (name.first().map_or(0, |&byte| letter(byte)) % 64)
}

/// What is compared alike shares a bit, and so do some other letters. The second letter of most is a dash.
fn letters_bit(name: &[u8]) -> u64 {
    let letter_at = |at: usize| name.get(at).map_or(0, |&byte| letter(byte));
    1 << ((letter_at(0).wrapping_mul(5) ^ letter_at(2)) % 64)
}

/// As names are compared: lower case, `-` for `_`.
fn plain(name: &str) -> String {
    name.bytes().map(|byte| char::from(letter(byte))).collect()
}

fn letter(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

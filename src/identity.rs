//! Who is calling, as far as a filter trusts it. Missing, unreadable or ambiguous means nobody: no rights.

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::claims::MAX_CLAIM_PATH_BYTES;
use crate::config::ConfigError;
use crate::exchange::Read;
use crate::head::{Head, Single};
use crate::host::Host;

/// Largest identity that is read from any source, in bytes.
pub const MAX_IDENTITY_BYTES: usize = 16 * 1024;
/// Most roles and most permissions of one caller.
pub const MAX_RIGHTS: usize = 256;

/// The filter state in which one Wasm filter leaves the identity for the next.
pub const FILTER_STATE: &str = "lockgate.identity";

/// A caller. [`Identity::default`] is nobody.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// Whom the identity is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Roles, compared exactly.
    pub roles: Vec<String>,
    /// Permissions. In a record of jwt-auth one may end in `*`, as granted to a role.
    pub permissions: Vec<String>,
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The system (portal) whose roles these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Whether `*` in a permission is a wildcard; see [`Identity::granted`].
    #[serde(skip)]
    pub(crate) wildcards: bool,
}

/// What a policy says that reads the identity of jwt-auth for this field ([`Policy::reads`](crate::exchange::Policy::reads)).
pub(crate) fn read_at(path: String) -> Read {
    Read { state: FILTER_STATE, value: None, path }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the record that jwt-auth leaves in filter state: a JSON object of this type's fields.
    #[must_use]
    pub fn from_record(record: &[u8]) -> Self {
        if record.len() > MAX_IDENTITY_BYTES {
            return Self::default();
        }
        let identity: Self = serde_json::from_slice(record).unwrap_or_default();
        Self { wildcards: true, ..identity }.bounded()
    }

    /// The record that [`Identity::from_record`] reads.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        // Texts always fit into JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The same caller as jwt-auth makes it: `*` in a permission is a wildcard. Nobody when there are more rights than
    /// [`MAX_RIGHTS`].
    pub(crate) fn granted(self) -> Self {
        Self { wildcards: true, ..self.bounded() }
    }

    /// Whether the caller has one of the roles or one of the permissions.
    #[must_use]
    pub fn holds(&self, rights: &Rights) -> bool {
        rights.roles.iter().any(|role| self.roles.contains(role))
            || rights.permissions.iter().any(|permission| self.may(permission))
    }

    /// Whether the caller has the permission.
    #[must_use]
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|granted| {
            granted == permission
                || self.wildcards
                    && match granted.strip_suffix('*') {
                        Some("") => true,
                        Some(area) => area.ends_with([':', '.']) && permission.starts_with(area),
                        None => false,
                    }
        })
    }

    fn bounded(self) -> Self {
        if self.roles.len() > MAX_RIGHTS || self.permissions.len() > MAX_RIGHTS { Self::default() } else { self }
    }
}

/// Any of these roles, or any of these permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    roles: Vec<String>,
    permissions: Vec<String>,
}

impl Rights {
    /// Whether everybody who holds these holds one of the others.
    pub(crate) fn is_within(&self, others: &[&Self]) -> bool {
        let all = |mine: &[String], theirs: fn(&Self) -> &[String]| {
            mine.iter().all(|right| others.iter().any(|other| theirs(other).contains(right)))
        };
        all(&self.roles, |other| &other.roles) && all(&self.permissions, |other| &other.permissions)
    }

    /// Whether somebody can hold them where callers have roles, or permissions, at all.
    pub(crate) fn can_be_held(&self, roles: bool, permissions: bool) -> bool {
        roles && !self.roles.is_empty() || permissions && !self.permissions.is_empty()
    }
}

/// The wire form of [`Rights`].
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RightsWire {
    roles: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
}

impl RightsWire {
    pub(crate) fn check(self, path: &str) -> Result<Rights, ConfigError> {
        let rights =
            Rights { roles: self.roles.unwrap_or_default(), permissions: self.permissions.unwrap_or_default() };
        if rights.roles.is_empty() && rights.permissions.is_empty() {
            return Err(ConfigError::new(path, "names neither roles nor permissions; leave it out to exempt nobody"));
        }
        for (field, list) in [("roles", &rights.roles), ("permissions", &rights.permissions)] {
            for (n, right) in list.iter().enumerate() {
                if right.is_empty() || right.contains('*') {
                    return Err(ConfigError::new(
                        format!("{path}.{field}[{n}]"),
                        "is empty or has `*`; wildcards stand only in what a role is granted",
                    ));
                }
            }
        }
        Ok(rights)
    }
}

/// Where a filter finds the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A record that jwt-auth has left in filter state.
    FilterState(String),
    /// Claims that Envoy's own `jwt_authn` has left in its metadata.
    JwtAuthn {
        /// The `payload_in_metadata` of the provider.
        payload: String,
        /// The claim with the subject.
        subject: Vec<String>,
        /// The claim with the roles: a text or a list of texts.
        roles: Option<Vec<String>>,
        /// The claim with the permissions: a list, or a text separated by spaces (RFC 8693 `scope`).
        permissions: Option<Vec<String>>,
    },
    /// Headers that an earlier hop sets and that no client can: lists separated by commas.
    TrustedHeader {
        /// The header with the subject.
        subject: Option<String>,
        /// The header with the roles.
        roles: Option<String>,
        /// The header with the permissions.
        permissions: Option<String>,
        /// The header with the tenant.
        tenant: Option<String>,
    },
}

impl Default for Source {
    fn default() -> Self {
        Self::FilterState(FILTER_STATE.to_owned())
    }
}

/// The wire form of [`Source`]: one of its members.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceWire {
    filter_state: Option<String>,
    jwt_authn: Option<JwtAuthnWire>,
    trusted_header: Option<TrustedHeaderWire>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtAuthnWire {
    payload: String,
    subject: Option<String>,
    roles: Option<String>,
    permissions: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustedHeaderWire {
    subject: Option<String>,
    roles: Option<String>,
    permissions: Option<String>,
    tenant: Option<String>,
}

impl SourceWire {
    pub(crate) fn check(self, path: &str) -> Result<Source, ConfigError> {
        let claim = |field: &str, text: Option<String>| {
            text.map(|text| claim_path(&text).map_err(|error| error.at(format!("{path}.jwt_authn.{field}"))))
                .transpose()
        };
        Ok(match (self.filter_state, self.jwt_authn, self.trusted_header) {
            (Some(name), None, None) if name.is_empty() => {
                return Err(ConfigError::new(format!("{path}.filter_state"), "is empty"));
            }
            (Some(name), None, None) => Source::FilterState(name),
            (None, Some(wire), None) => {
                if wire.payload.is_empty() {
                    return Err(ConfigError::new(
                        format!("{path}.jwt_authn.payload"),
                        "is empty; it is the provider's payload_in_metadata",
                    ));
                }
                if wire.roles.is_none() && wire.permissions.is_none() {
                    return Err(ConfigError::new(format!("{path}.jwt_authn"), "names neither roles nor permissions"));
                }
                Source::JwtAuthn {
                    payload: wire.payload,
                    subject: claim("subject", wire.subject)?.unwrap_or_else(|| vec!["sub".to_owned()]),
                    roles: claim("roles", wire.roles)?,
                    permissions: claim("permissions", wire.permissions)?,
                }
            }
            (None, None, Some(wire)) => {
                let header = |field: &str, name: Option<String>| match name {
                    Some(name) if !is_header_name(&name) => Err(ConfigError::new(
                        format!("{path}.trusted_header.{field}"),
                        format_args!("`{name}` is no header name (RFC 9110, section 5.1)"),
                    )),
                    name => Ok(name.map(|name| name.to_ascii_lowercase())),
                };
                let source = Source::TrustedHeader {
                    subject: header("subject", wire.subject)?,
                    roles: header("roles", wire.roles)?,
                    permissions: header("permissions", wire.permissions)?,
                    tenant: header("tenant", wire.tenant)?,
                };
                if source.headers().is_empty() {
                    return Err(ConfigError::new(format!("{path}.trusted_header"), "names no header"));
                }
                source
            }
            (_, _, _) => {
                return Err(ConfigError::new(path, "must name one source: filter_state, jwt_authn or trusted_header"));
            }
        })
    }
}

impl Source {
    /// The request headers that carry the identity where this source is trusted headers.
    #[must_use]
    pub fn headers(&self) -> Vec<&str> {
        match self {
            Self::TrustedHeader { subject, roles, permissions, tenant } => {
                [subject, roles, permissions, tenant].into_iter().flatten().map(String::as_str).collect()
            }
            Self::FilterState(_) | Self::JwtAuthn { .. } => Vec::new(),
        }
    }

    /// Whether this is what jwt-auth leaves.
    #[must_use]
    pub fn is_jwt_auth(&self) -> bool {
        matches!(self, Self::FilterState(name) if name == FILTER_STATE)
    }

    /// The caller of this request.
    pub fn identify(&self, request: &Head, host: &mut dyn Host) -> Rc<Identity> {
        match if self.is_jwt_auth() { host.identity() } else { None } {
            Some(identity) => identity,
            None => Rc::new(self.read(request, host)),
        }
    }

    fn read(&self, request: &Head, host: &mut dyn Host) -> Identity {
        match self {
            Self::FilterState(name) => {
                host.attribute(&[name]).map(|record| Identity::from_record(&record)).unwrap_or_default()
            }
            Self::JwtAuthn { payload, subject, roles, permissions } => {
                let mut claim = |path: &[String]| {
                    let mut full = vec!["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", payload];
                    full.extend(path.iter().map(String::as_str));
                    host.attribute(&full).filter(|value| value.len() <= MAX_IDENTITY_BYTES)
                };
                let mut list = |path: &Option<Vec<String>>, separated| {
                    let Some(value) = path.as_ref().and_then(|path| claim(path)) else {
                        return Some(Vec::new());
                    };
                    claim_list(&value, separated)
                };
                let (Some(roles), Some(permissions)) = (list(roles, false), list(permissions, true)) else {
                    return Identity::default();
                };
                let subject = claim(subject).and_then(|value| String::from_utf8(value).ok());
                Identity { subject, roles, permissions, ..Identity::default() }.bounded()
            }
            Self::TrustedHeader { subject, roles, permissions, tenant } => {
                identify_by_headers(request, [subject, roles, permissions, tenant]).unwrap_or_default().bounded()
            }
        }
    }
}

/// `None` when a header is repeated, too long or not text.
fn identify_by_headers(request: &Head, names: [&Option<String>; 4]) -> Option<Identity> {
    let mut values = [const { None }; 4];
    for (value, name) in values.iter_mut().zip(names) {
        let Some(name) = name else { continue };
        *value = match request.single(name) {
            Single::Absent => None,
            Single::One(bytes) if bytes.len() <= MAX_IDENTITY_BYTES => Some(std::str::from_utf8(bytes).ok()?),
            Single::One(_) | Single::Many => return None,
        };
    }
    let [subject, roles, permissions, tenant] = values;
    let list = |value: Option<&str>| {
        let entries = value.unwrap_or_default().split(',').map(str::trim);
        entries.filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    };
    Some(Identity {
        subject: subject.map(str::to_owned),
        roles: list(roles),
        permissions: list(permissions),
        tenant: tenant.map(str::to_owned),
        ..Identity::default()
    })
}

/// The texts of a claim as Envoy hands it over: a list comes as a pairs map of the elements and empty values, a text
/// as it is. `None` for anything else.
fn claim_list(value: &[u8], separated: bool) -> Option<Vec<String>> {
    if let Some(elements) = pairs(value) {
        return elements
            .into_iter()
            .map(|(element, nothing)| {
                let text = std::str::from_utf8(element).ok()?;
                (nothing.is_empty() && !text.is_empty()).then(|| text.to_owned())
            })
            .collect();
    }
    let text = std::str::from_utf8(value).ok().filter(|text| !text.contains(char::is_control))?;
    if separated {
        return Some(text.split(' ').filter(|entry| !entry.is_empty()).map(str::to_owned).collect());
    }
    Some(if text.is_empty() { Vec::new() } else { vec![text.to_owned()] })
}

/// The entries of a proxy-wasm pairs map: a count, the sizes of each name and value, then both with a NUL each, all
/// numbers as four little-endian bytes. `None` unless the bytes are exactly that.
fn pairs(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    fn number(bytes: &mut &[u8]) -> Option<usize> {
        let (four, rest) = bytes.split_first_chunk::<4>()?;
        *bytes = rest;
        usize::try_from(u32::from_le_bytes(*four)).ok()
    }
    fn text<'a>(bytes: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
        let (text, rest) = bytes.split_at_checked(size)?;
        let (&0, rest) = rest.split_first()? else {
            return None;
        };
        *bytes = rest;
        Some(text)
    }
    let mut sizes = bytes;
    let count = number(&mut sizes)?;
    let mut texts = sizes.get(count.checked_mul(8)?..)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let (name, value) = (number(&mut sizes)?, number(&mut sizes)?);
        entries.push((text(&mut texts, name)?, text(&mut texts, value)?));
    }
    texts.is_empty().then_some(entries)
}

/// A claim's place: a dotted path, or a JSON Pointer (RFC 6901) when it starts with `/`. The error's path is empty.
pub(crate) fn claim_path(text: &str) -> Result<Vec<String>, ConfigError> {
    let refuse = |why: &str| Err(ConfigError::new("", format_args!("`{text}` is no claim: {why}")));
    if text.len() > MAX_CLAIM_PATH_BYTES {
        return Err(ConfigError::new("", format_args!("is longer than {MAX_CLAIM_PATH_BYTES} bytes")));
    }
    let steps: Vec<String> = match text.strip_prefix('/') {
        Some(pointer) => {
            if pointer.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
                return refuse("`~` must be written ~0, and `/` in a name ~1");
            }
            pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
        }
        None => text.split('.').map(str::to_owned).collect(),
    };
    if steps.iter().any(String::is_empty) {
        return refuse("an empty step");
    }
    Ok(steps)
}

/// RFC 9110, section 5.6.2: a token.
pub(crate) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{Identity, MAX_CLAIM_PATH_BYTES, Rights, claim_list, claim_path};

    fn rights(roles: &[&str], permissions: &[&str]) -> Rights {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Rights { roles: list(roles), permissions: list(permissions) }
    }

    #[test]
    fn an_unreadable_record_is_nobody() {
        let good = br#"{"subject":"u","roles":["A"],"permissions":["p"],"tenant":"t","system":"s"}"#;
        assert!(Identity::from_record(good).holds(&rights(&["A"], &[])));
        let long = format!(r#"{{"roles":["A"],"subject":"{}"}}"#, "x".repeat(super::MAX_IDENTITY_BYTES));
        let many = format!(r#"{{"roles":["A"{}]}}"#, r#","B""#.repeat(super::MAX_RIGHTS));
        let cases: [(&str, &[u8]); 8] = [
            ("empty", b""),
            ("not JSON", b"A"),
            ("unknown member", br#"{"roles":["A"],"admin":true}"#),
            ("repeated member", br#"{"roles":["A"],"roles":["A"]}"#),
            ("wrong type", br#"{"roles":"A"}"#),
            ("bytes after", br#"{"roles":["A"]}x"#),
            ("too long", long.as_bytes()),
            ("too many", many.as_bytes()),
        ];
        for (name, record) in cases {
            assert!(!Identity::from_record(record).holds(&rights(&["A"], &["A"])), "{name}");
        }
    }

    #[test]
    fn what_is_left_is_what_is_read() {
        let text = |text: &str| Some(text.to_owned());
        let identity = Identity {
            subject: text("u\"\n\u{e9}"),
            roles: vec!["A".to_owned()],
            permissions: vec!["read:*".to_owned(), "x".to_owned()],
            tenant: text("42"),
            system: text("s"),
            ..Identity::default()
        }
        .granted();
        assert!(Identity::from_record(&identity.to_record()) == identity);
        let nobody = Identity::default().granted();
        assert_eq!(nobody.to_record(), br#"{"roles":[],"permissions":[]}"#);
        assert!(Identity::from_record(&nobody.to_record()) == nobody);
    }

    #[test]
    fn wildcards_count_only_in_what_jwt_auth_granted() {
        let cases = [
            (r#"["view"]"#, "view", true),
            (r#"["view"]"#, "views", false),
            (r#"["*"]"#, "view", true),
            (r#"["read:*"]"#, "read:parts", true),
            (r#"["read:*"]"#, "reading", false),
            (r#"["read*"]"#, "reading", false),
            (r#"["write:*"]"#, "read:parts", false),
        ];
        for (granted, wanted, want) in cases {
            let record = format!(r#"{{"permissions":{granted}}}"#);
            let identity = Identity::from_record(record.as_bytes());
            assert_eq!(identity.holds(&rights(&[], &[wanted])), want, "{granted} {wanted}");
            if granted.contains('*') {
                let token = Identity { permissions: identity.permissions.clone(), ..Identity::default() };
                assert!(!token.holds(&rights(&[], &[wanted])), "{granted} {wanted} in a token");
            }
        }
    }

    #[test]
    fn a_claim_is_a_text_or_a_list_of_texts() {
        let list = b"\x02\0\0\0\x07\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0MANAGER\0\0X\0\0";
        let object = b"\x01\0\0\0\x01\0\0\0\x01\0\0\0a\0b\0";
        let cases: [(&str, &[u8], Option<&[&str]>); 7] = [
            ("a text", b"MANAGER", Some(&["MANAGER"])),
            ("a list", list, Some(&["MANAGER", "X"])),
            ("an empty list", b"\0\0\0\0", Some(&[])),
            ("an object", object, None),
            ("a number", b"\0\0\0DI\xc0\xa8A", None),
            ("a cut list", &list[..list.len() - 1], None),
            ("spaces in one role", b"A B", Some(&["A B"])),
        ];
        for (name, value, want) in cases {
            let got = claim_list(value, false);
            let want = want.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(got, want, "{name}");
        }
        assert_eq!(claim_list(b"a  b", true), Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn claims_are_dotted_paths_or_pointers() {
        assert_eq!(claim_path("systems.maintenance.role").unwrap(), ["systems", "maintenance", "role"]);
        assert_eq!(claim_path("/https:~1~1x.example~1roles").unwrap(), ["https://x.example/roles"]);
        assert_eq!(claim_path("/a~01/b~0").unwrap(), ["a~1", "b~"]);
        assert_eq!(claim_path("a~b").unwrap(), ["a~b"]);
        assert!(claim_path(&"a".repeat(MAX_CLAIM_PATH_BYTES)).is_ok());
        let long = "a".repeat(MAX_CLAIM_PATH_BYTES + 1);
        for wrong in ["a..b", "", "/", "/a//b", "/a~", "/a~2", "/a~/b", &long] {
            assert!(claim_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_subject() {
        let identity = Identity { subject: Some("alice".to_owned()), ..Identity::default() };
        assert_eq!(format!("{identity:?}"), "Identity { roles: [], .. }");
    }
}

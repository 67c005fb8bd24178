//! What portals are told: headers from claims, and a token of our own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::config::{Forward, Handover, ServiceKey};
use super::error::Reason;
use crate::audit::push_text;
use crate::claims::Value;
use crate::head::Head;
use crate::identity::Identity;

/// Longest value of a header made from a claim, in bytes.
pub const MAX_FORWARD_VALUE_BYTES: usize = 8 * 1024;

impl Forward {
    /// The values of the configured headers, without control bytes; `None` where the token does not have the claim.
    ///
    /// # Errors
    /// [`Reason::NotForwardable`]: a value that a header could not carry, or that would be read as another one.
    pub(super) fn values(&self, payload: &Value, identity: &Identity) -> Result<Vec<Option<Vec<u8>>>, Reason> {
        let text = |text: &Option<String>| text.as_deref().map(single).transpose();
        let values = self.headers.iter().map(|(_, handover)| match handover {
            Handover::Claim(claim) => claim.find(payload).map_or(Ok(None), of_claim),
            Handover::Subject => text(&identity.subject),
            Handover::Roles => list(identity.roles.iter().map(String::as_str)),
            Handover::Permissions => list(identity.permissions.iter().map(String::as_str)),
            Handover::Tenant => text(&identity.tenant),
            Handover::System => text(&identity.system),
        });
        values.collect()
    }

    /// Takes from a request what only the gate may say.
    pub(super) fn clean(&self, head: &mut Head) {
        head.remove_those(|name| self.removed.takes(name));
    }
}

/// A claim as a header's value: a text, a number or a truth value, or a list of these.
fn of_claim(value: &Value) -> Result<Option<Vec<u8>>, Reason> {
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => Err(Reason::NotForwardable),
        Value::List(elements) => {
            let texts: Option<Vec<&str>> = elements.iter().map(scalar).collect();
            list(texts.ok_or(Reason::NotForwardable)?.into_iter())
        }
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => {
            single(scalar(value).ok_or(Reason::NotForwardable)?).map(Some)
        }
    }
}

fn scalar(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) | Value::Number(text) => Some(text),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        Value::Null | Value::List(_) | Value::Object(_) => None,
    }
}

/// A value that stands alone.
fn single(text: &str) -> Result<Vec<u8>, Reason> {
    // Blanks at an end would be lost on the way, and the portal would read another value.
    let kept = text.trim_matches([' ', '\t']).len() == text.len();
    if !kept || text.len() > MAX_FORWARD_VALUE_BYTES || text.contains(char::is_control) {
        return Err(Reason::NotForwardable);
    }
    Ok(text.as_bytes().to_vec())
}

/// Values with commas between them, none of which has one. `None` for none.
fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Option<Vec<u8>>, Reason> {
    let mut value = Vec::new();
    for (n, text) in texts.enumerate() {
        if text.is_empty() || text.contains(',') {
            return Err(Reason::NotForwardable);
        }
        if n > 0 {
            value.push(b',');
        }
        value.extend(single(text)?);
        if value.len() > MAX_FORWARD_VALUE_BYTES {
            return Err(Reason::NotForwardable);
        }
    }
    Ok((!value.is_empty()).then_some(value))
}

/// The claims of a service token.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    aud: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    roles: &'a [String],
    permissions: &'a [String],
}

impl ServiceKey {
    /// A token for the system that the caller goes to; `None` where there is none to name.
    pub(super) fn token(&self, identity: &Identity, now_s: u64) -> Option<(Vec<u8>, u64)> {
        let audience = identity.system.as_deref().or(self.audience.as_deref())?;
        let until_s = now_s.saturating_add(self.lifetime_s);
        let claims = Claims {
            iss: &self.issuer,
            sub: identity.subject.as_deref(),
            aud: audience,
            iat: now_s,
            exp: until_s,
            tenant: identity.tenant.as_deref(),
            roles: &identity.roles,
            permissions: &identity.permissions,
        };
        let mut header = b"{".to_vec();
        self.name_key(&mut header);
        header.extend_from_slice(b",\"typ\":\"JWT\"}");
        let claims = serde_json::to_vec(&claims).ok()?;
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some((token.into_bytes(), until_s))
    }

    /// The JWK set with the public key.
    pub(super) fn public_set(&self) -> Option<Vec<u8>> {
        let mut set = b"{\"keys\":[{".to_vec();
        self.name_key(&mut set);
        for (name, value) in self.key.public_jwk_members()? {
            set.extend_from_slice(b",\"");
            set.extend_from_slice(name.as_bytes());
            push_text(&mut set, b"\":\"", Some(&value), b"\"");
        }
        set.extend_from_slice(b",\"use\":\"sig\"}]}");
        Some(set)
    }

    /// Its algorithm and its name, as the members of a JSON object that both have.
    fn name_key(&self, out: &mut Vec<u8>) {
        push_text(out, b"\"alg\":\"", Some(&self.key.algorithm().name()), b"\"");
        push_text(out, b",\"kid\":\"", self.kid.as_ref(), b"\"");
    }
}

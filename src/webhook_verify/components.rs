//! HTTP Message Signatures (RFC 9421): the sender says in `signature-input` which parts of its request it has signed, and the
//! scheme which of them have to be among these.
//!
//! Read to the letter: what is in it must be in the one form in which it is signed (RFC 8941), so that its text is what is
//! signed. What stands for something else than its name says (the parameters `sf`, `key`, `bs`, `req` and `tr`) is refused, and so is
//! a part that is there twice. The host is that of `base_url`, never what the request says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};

use super::config::Endpoint;
use super::descriptor::{Algorithm, Components, MAX_SIGNATURE_BYTES};
use super::error::Reason;
use super::form;
use super::request::{Request, trimmed};
use crate::audit::push_number;
use crate::head::Single;
use crate::identity::is_header_name;

/// Most parts of a request that one signature covers.
pub const MAX_COMPONENTS: usize = 32;
/// Most signatures that a request says something of; one of them is taken.
const MAX_LABELS: usize = 16;
/// The header field that says what is signed.
pub(super) const INPUT: &str = "signature-input";
/// The header field with digests of the body.
pub(super) const DIGEST: &str = "content-digest";
/// What is said of a request itself, and can be signed.
const DERIVED: [&str; 8] =
    ["@method", "@authority", "@scheme", "@target-uri", "@request-target", "@path", "@query", "@query-param"];

/// What was signed, and its signature.
pub(super) struct Signed {
    pub(super) base: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// Whether a scheme may ask that this is signed.
pub(super) fn can_be_covered(name: &str) -> bool {
    let plain = is_header_name(name) && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    plain || DERIVED.contains(&name) && name != "@query-param"
}

/// The name of an algorithm in `alg` (section 6.2), where it has one.
pub(super) fn name_of(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::HmacSha256 => Some("hmac-sha256"),
        Algorithm::Ed25519 => Some("ed25519"),
        Algorithm::EcdsaP256Sha256 => Some("ecdsa-p256-sha256"),
        Algorithm::RsaPkcs1Sha256 => Some("rsa-v1_5-sha256"),
        Algorithm::RsaPssSha512 => Some("rsa-pss-sha512"),
        Algorithm::HmacSha1
        | Algorithm::HmacSha384
        | Algorithm::HmacSha512
        | Algorithm::StaticToken
        | Algorithm::Sha256SecretPrefix
        | Algorithm::EcdsaP256Sha256Der
        | Algorithm::RsaPkcs1Sha1
        | Algorithm::Jws => None,
    }
}

/// What a request says is signed, rebuilt, with all that must hold beside the signature. `signatures` is the value of `signature`.
pub(super) fn read(
    wanted: &Components,
    request: &Request<'_>,
    signatures: &[u8],
    now_ms: Option<i64>,
) -> Result<Signed, Reason> {
    let endpoint = request.endpoint;
    let input = match request.kept.head.single(INPUT) {
        Single::One(input) => trimmed(input),
        Single::Absent => return Err(Reason::Missing),
        Single::Many => return Err(Reason::Malformed),
    };
    if input.len() > MAX_SIGNATURE_BYTES {
        return Err(Reason::Malformed);
    }
    let members = dictionary(input, member)?;
    let mut fitting = members.iter().filter(|(label, member)| {
        wanted.label.as_deref().is_none_or(|wanted| wanted.as_bytes() == *label)
            && wanted.tag.as_deref().is_none_or(|wanted| member.tag.as_deref() == Some(wanted.as_bytes()))
    });
    let (label, member) = match (fitting.next(), fitting.next()) {
        (Some(one), None) => one,
        (None, _) => return Err(Reason::Missing),
        (Some(_), Some(_)) => return Err(Reason::Malformed),
    };
    let signatures = dictionary(signatures, |text| text.bytes().ok_or(Reason::Malformed))?;
    let signature = signatures.into_iter().find(|(given, _)| given == label);
    let (_, signature) = signature.ok_or(Reason::Missing)?;
    let covered = |name: &str| member.components.iter().any(|component| component.is(name));
    for name in &wanted.covered {
        // The whole target says what its parts say.
        let by_target = match name.as_str() {
            "@authority" | "@scheme" => covered("@target-uri"),
            "@path" => covered("@target-uri") || covered("@request-target"),
            // Where there is none, none can be put there: then it must be covered.
            "@query" => !request.kept.target().contains(&b'?') || covered("@target-uri") || covered("@request-target"),
            _ => false,
        };
        if !by_target && !covered(name) {
            return Err(Reason::Malformed);
        }
    }
    if let Some(algorithm) = &member.algorithm
        && name_of(endpoint.descriptor.algorithm).is_none_or(|name| name.as_bytes() != algorithm)
    {
        return Err(Reason::Malformed);
    }
    check_dates(member, endpoint, now_ms)?;
    let mut base = Vec::new();
    let by_field = member.components.iter().any(|component| component.field.is_some());
    let fields = if by_field { query_fields(request)? } else { Vec::new() };
    for component in &member.components {
        append_line(component, request, &fields, &mut base)?;
    }
    if covered(DIGEST) {
        check_digest(request)?;
    }
    append_parameters(member, &mut base);
    Ok(Signed { base, signature })
}

/// What a sender writes and signs.
pub(super) struct Outline {
    /// The value of [`INPUT`].
    pub(super) input: String,
    /// The signed string, in which the value of [`DIGEST`] stands between the two, where it is signed.
    pub(super) before: Vec<u8>,
    pub(super) after: Vec<u8>,
    pub(super) signs_digest: bool,
}

/// The name of a signature, where the scheme asks for none.
const LABEL: &str = "sig1";

/// The name of the signature that a sender makes.
pub(super) fn label(wanted: &Components) -> &str {
    wanted.label.as_deref().unwrap_or(LABEL)
}

/// What a sender signs of a request, and says that it does: all that the scheme asks for, and the time.
pub(super) fn outline(wanted: &Components, request: &Request<'_>, created_s: u64) -> Result<Outline, Reason> {
    let mut text = String::from("(");
    for (n, name) in wanted.covered.iter().enumerate() {
        push_quoted(&mut text, if n == 0 { "" } else { " " }, name);
    }
    push_number(&mut text, ");created=", created_s);
    if let Some(name) = name_of(request.endpoint.descriptor.algorithm) {
        push_quoted(&mut text, ";alg=", name);
    }
    if let Some(tag) = &wanted.tag {
        push_quoted(&mut text, ";tag=", tag);
    }
    // As a receiver reads it; what it would not take is not written.
    let member = member(&mut Text(text.as_bytes()))?;
    let (mut before, mut after, mut signs_digest) = (Vec::new(), Vec::new(), false);
    for component in &member.components {
        if component.is(DIGEST) {
            signs_digest = true;
            begin_line(component, &mut before);
            after.push(b'\n');
        } else {
            // No scheme asks for single fields of the query.
            append_line(component, request, &[], if signs_digest { &mut after } else { &mut before })?;
        }
    }
    append_parameters(&member, if signs_digest { &mut after } else { &mut before });
    let input = [label(wanted), "=", &text].concat();
    Ok(Outline { input, before, after, signs_digest })
}

/// Appends a text, and another one as a string (RFC 8941, section 3.3.3).
fn push_quoted(to: &mut String, before: &str, text: &str) {
    to.push_str(before);
    to.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            to.push('\\');
        }
        to.push(character);
    }
    to.push('"');
}

/// The value of [`DIGEST`] for a body with this SHA-256 (RFC 9530, section 2).
pub(super) fn digest_field(sha256: &[u8]) -> String {
    ["sha-256=:", &STANDARD.encode(sha256), ":"].concat()
}

/// A component's name, which begins its line of the signed string.
fn begin_line(component: &Component<'_>, to: &mut Vec<u8>) {
    to.extend_from_slice(component.text);
    to.extend_from_slice(b": ");
}

fn append_line(
    component: &Component<'_>,
    request: &Request<'_>,
    fields: &[(Vec<u8>, Vec<u8>)],
    to: &mut Vec<u8>,
) -> Result<(), Reason> {
    begin_line(component, to);
    append(component, request, fields, to)?;
    to.push(b'\n');
    Ok(())
}

/// The last line.
fn append_parameters(member: &Member<'_>, to: &mut Vec<u8>) {
    to.extend_from_slice(b"\"@signature-params\": ");
    to.extend_from_slice(member.text);
}

/// `created` is required: without it a delivery would stay good for ever.
fn check_dates(member: &Member<'_>, endpoint: &Endpoint, now_ms: Option<i64>) -> Result<(), Reason> {
    let now_ms = now_ms.ok_or(Reason::NoClock)?;
    let created_ms = member.created.ok_or(Reason::Missing)?.saturating_mul(1000);
    if now_ms.saturating_sub(created_ms) > endpoint.past_ms {
        return Err(Reason::Stale);
    }
    if created_ms.saturating_sub(now_ms) > endpoint.future_ms {
        return Err(Reason::Future);
    }
    if member.expires.is_some_and(|expires| now_ms >= expires.saturating_mul(1000)) {
        return Err(Reason::Stale);
    }
    Ok(())
}

/// The body against all digests of it that are known (RFC 9530), of which there must be one.
fn check_digest(request: &Request<'_>) -> Result<(), Reason> {
    let body = request.body.ok_or(Reason::Malformed)?;
    let Single::One(value) = request.kept.head.single(DIGEST) else { return Err(Reason::Malformed) };
    let digests = dictionary(trimmed(value), |text| text.bytes().ok_or(Reason::Malformed))?;
    let mut any = false;
    for (name, digest) in digests {
        let holds = match name {
            b"sha-256" => Sha256::digest(body).as_slice() == digest,
            b"sha-512" => Sha512::digest(body).as_slice() == digest,
            _ => continue,
        };
        if !holds {
            return Err(Reason::Mismatch);
        }
        any = true;
    }
    if any { Ok(()) } else { Err(Reason::Malformed) }
}

/// A signature's parts and what is said of it.
struct Member<'a> {
    /// As it stands there, from its bracket.
    text: &'a [u8],
    components: Vec<Component<'a>>,
    created: Option<i64>,
    expires: Option<i64>,
    algorithm: Option<Vec<u8>>,
    tag: Option<Vec<u8>>,
}

/// A part of a request.
struct Component<'a> {
    /// As it stands there: a name in quotation marks and perhaps a parameter.
    text: &'a [u8],
    name: Vec<u8>,
    /// The field of the query.
    field: Option<Vec<u8>>,
}

impl Component<'_> {
    fn is(&self, name: &str) -> bool {
        self.field.is_none() && self.name == name.as_bytes()
    }
}

/// The fields of the query, their names as a signature says them. Made once, however many are signed: whoever is not known yet chooses
/// both numbers.
fn query_fields(request: &Request<'_>) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Reason> {
    let fields = form::fields(request.query()).map_err(|_| Reason::Malformed)?;
    let each = fields.into_iter().map(|(name, value)| {
        let mut encoded = Vec::with_capacity(name.len());
        form::encode(&name, &mut encoded);
        (encoded, value)
    });
    Ok(each.collect())
}

/// Appends a component's value (sections 2.1 and 2.2). `fields` are those of the query.
fn append(
    component: &Component<'_>,
    request: &Request<'_>,
    fields: &[(Vec<u8>, Vec<u8>)],
    to: &mut Vec<u8>,
) -> Result<(), Reason> {
    let base = request.endpoint.base_url.as_ref().ok_or(Reason::Malformed)?;
    let (scheme, authority, prefix) = base.parts();
    let target = request.kept.target();
    let at = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at_checked(at).unwrap_or((target, &[]));
    match component.name.as_slice() {
        b"@method" => to.extend_from_slice(request.kept.method()),
        b"@authority" => to.extend_from_slice(authority.as_bytes()),
        b"@scheme" => to.extend_from_slice(scheme.as_bytes()),
        b"@target-uri" => {
            to.extend_from_slice(format!("{scheme}://{authority}{prefix}").as_bytes());
            to.extend_from_slice(target);
        }
        b"@request-target" => {
            to.extend_from_slice(prefix.as_bytes());
            to.extend_from_slice(target);
        }
        b"@path" => {
            to.extend_from_slice(prefix.as_bytes());
            to.extend_from_slice(path);
        }
        b"@query" if query.is_empty() => to.push(b'?'),
        b"@query" => to.extend_from_slice(query),
        b"@query-param" => {
            let wanted = component.field.as_ref().ok_or(Reason::Malformed)?;
            let mut values = fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (Some(value), None) => form::encode(value, to),
                (None, _) => return Err(Reason::Missing),
                (Some(_), Some(_)) => return Err(Reason::Malformed),
            }
        }
        name => {
            let name = std::str::from_utf8(name).ok().filter(|name| can_be_covered(name) && !name.starts_with('@'));
            let mut values = request.kept.head.values(name.ok_or(Reason::Malformed)?).map(trimmed).peekable();
            if values.peek().is_none() {
                return Err(Reason::Missing);
            }
            for (n, value) in values.enumerate() {
                if n > 0 {
                    to.extend_from_slice(b", ");
                }
                to.extend_from_slice(value);
            }
        }
    }
    Ok(())
}

/// A list of parts and its parameters.
fn member<'a>(text: &mut Text<'a>) -> Result<Member<'a>, Reason> {
    let start = text.0;
    let mut member =
        Member { text: &[], components: Vec::new(), created: None, expires: None, algorithm: None, tag: None };
    let mut read = || -> Option<()> {
        text.eat(b'(')?;
        while text.eat(b')').is_none() {
            if !member.components.is_empty() {
                text.eat(b' ')?;
            }
            let component = component(text)?;
            let is_new = !member.components.iter().any(|other| other.text == component.text);
            if !is_new || member.components.len() >= MAX_COMPONENTS {
                return None;
            }
            member.components.push(component);
        }
        let mut seen: Vec<&[u8]> = Vec::new();
        while text.eat(b';').is_some() {
            let name = text.key()?;
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            text.eat(b'=')?;
            match name {
                b"created" => member.created = Some(text.integer()?),
                b"expires" => member.expires = Some(text.integer()?),
                b"alg" => member.algorithm = Some(text.string()?),
                b"tag" => member.tag = Some(text.string()?),
                b"nonce" | b"keyid" => drop(text.string()?),
                _ => return None,
            }
        }
        (!member.components.is_empty()).then_some(())
    };
    read().ok_or(Reason::Malformed)?;
    member.text = start.get(..start.len() - text.0.len()).unwrap_or_default();
    Ok(member)
}

fn component<'a>(text: &mut Text<'a>) -> Option<Component<'a>> {
    let start = text.0;
    let name = text.string()?;
    let mut field = None;
    if text.eat(b';').is_some() {
        // No other parameter of a component is taken.
        if name != b"@query-param" || text.key()? != b"name" {
            return None;
        }
        text.eat(b'=')?;
        field = Some(text.string()?);
    }
    Some(Component { text: start.get(..start.len() - text.0.len())?, name, field })
}

/// The members of a dictionary (RFC 8941, section 3.2); none stands twice.
fn dictionary<'a, T>(
    text: &'a [u8],
    mut value: impl FnMut(&mut Text<'a>) -> Result<T, Reason>,
) -> Result<Vec<(&'a [u8], T)>, Reason> {
    let mut text = Text(text);
    let mut members: Vec<(&[u8], T)> = Vec::new();
    loop {
        let name = text.key().ok_or(Reason::Malformed)?;
        text.eat(b'=').ok_or(Reason::Malformed)?;
        if members.len() >= MAX_LABELS || members.iter().any(|(other, _)| *other == name) {
            return Err(Reason::Malformed);
        }
        members.push((name, value(&mut text)?));
        text.blanks();
        if text.0.is_empty() {
            return Ok(members);
        }
        text.eat(b',').ok_or(Reason::Malformed)?;
        text.blanks();
    }
}

/// What is left of a text.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn eat(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn take(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().take_while(|byte| is(**byte)).count();
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }

    fn blanks(&mut self) {
        self.take(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.take(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte));
        key.first().filter(|first| first.is_ascii_lowercase() || **first == b'*').map(|_| key)
    }

    fn integer(&mut self) -> Option<i64> {
        let digits = self.take(|byte| byte.is_ascii_digit());
        // As it is written: not with zeros before it; 15 digits at most.
        let plain = digits.len() <= 15 && (digits.len() == 1 || digits.first() != Some(&b'0'));
        std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        self.eat(b'"')?;
        let mut string = Vec::new();
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => return Some(string),
                b'\\' => {
                    let (&escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    string.push(Some(escaped).filter(|escaped| b"\"\\".contains(escaped))?);
                }
                b' '..=b'~' => string.push(byte),
                _ => return None,
            }
        }
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.eat(b':')?;
        let text = self.take(|byte| byte != b':');
        self.eat(b':')?;
        STANDARD.decode(text).ok()
    }
}

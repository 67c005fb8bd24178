//! The sender's side: the headers that make a delivery verifiable, by the same data.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Policy;
use super::components;
use super::config::Endpoint;
use super::descriptor::{
    Descriptor, Encoding, Listed, Place, Prefix, Segment, SignatureSource, Style, Timestamp, Wanted,
};
use super::keys::Key;
use super::message::{self, Message, Read};
use super::request::{Kept, Request};
use super::signatures::encode;
use super::timestamp;
use crate::head::Head;
use crate::signature::Mac;

/// A delivery that is to leave.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Its method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Header fields that it has already, for schemes that sign some.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body.
    pub body: &'a [u8],
    /// Its id, for schemes that have one: the same each time that it is tried.
    pub id: &'a str,
    /// When it is signed, in Unix milliseconds.
    pub now_ms: u64,
}

/// Why a delivery cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsigned {
    /// There is no endpoint of this name.
    NoEndpoint,
    /// Only HMACs in headers are made here.
    Scheme,
    /// None of the secrets is valid at this time.
    NoSecret,
    /// Something that the scheme signs is not there, or not as it must be.
    Missing,
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoEndpoint => "there is no endpoint of this name",
            Self::Scheme => {
                "the scheme is none that can be signed here: HMACs in header fields are, not what needs a private key"
            }
            Self::NoSecret => "none of the endpoint's secrets is valid at this time",
            Self::Missing => "something that the scheme signs is missing, or not as it must be",
        })
    }
}

impl std::error::Error for Unsigned {}

impl Policy {
    /// The header fields that a sender adds under this endpoint's scheme: id, time and signature; by the first secret that is
    /// valid, and by all of them where the scheme has a list of signatures.
    ///
    /// # Errors
    /// See [`Unsigned`].
    pub fn sign(&self, endpoint: &str, delivery: &Outgoing<'_>) -> Result<Vec<(String, String)>, Unsigned> {
        let endpoints = &self.0.config.endpoints;
        sign(endpoints.iter().find(|known| known.name == endpoint).ok_or(Unsigned::NoEndpoint)?, delivery)
    }
}

fn sign(endpoint: &Endpoint, delivery: &Outgoing<'_>) -> Result<Vec<(String, String)>, Unsigned> {
    let fields = delivery.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let head = Head::new(fields.collect(), false);
    let (method, target) = (delivery.method.as_bytes(), delivery.target.as_bytes());
    let mut signing =
        Signing::begin(endpoint, (method, target, &head), Some(delivery.body), delivery.id, delivery.now_ms)?;
    signing.push(delivery.body);
    signing.finish(endpoint)
}

/// A delivery whose body goes by while it is signed.
pub(super) struct Signing {
    /// Id and time.
    added: Vec<(String, String)>,
    /// The time, where it stands beside the signatures.
    pair: Option<(String, String)>,
    message: Message,
    /// The digest of the body, where that is signed in its place, between the two parts of the message.
    digest: Option<Sha256>,
    /// One for each header field or entry of a list, with the place of its secret.
    macs: Vec<(usize, Mac)>,
}

impl Signing {
    /// What the head alone says. `body` is needed by schemes that gather it.
    pub(super) fn begin(
        endpoint: &Endpoint,
        (method, target, head): (&[u8], &[u8], &Head),
        body: Option<&[u8]>,
        id: &str,
        now_ms: u64,
    ) -> Result<Self, Unsigned> {
        let descriptor = &endpoint.descriptor;
        // Before anything is said to be missing that only such a scheme asks for.
        if !writes_mac(descriptor) {
            return Err(Unsigned::Scheme);
        }
        let clock_ms = i64::try_from(now_ms).map_err(|_| Unsigned::Missing)?;
        let mut added: Vec<(String, String)> = Vec::new();
        if let Some(Place::Header(name)) = &descriptor.id
            && !id.is_empty()
        {
            added.push((name.clone(), id.to_owned()));
        }
        let time = descriptor.timestamp.as_ref().map(|time| (time, written(time, now_ms)));
        let mut pair = None;
        match &time {
            Some((Timestamp { place: Place::Header(name), .. }, text)) => added.push((name.clone(), text.clone())),
            Some((Timestamp { place: Place::Pair(name), .. }, text)) => pair = Some((name.clone(), text.clone())),
            Some(_) | None => {}
        }
        for segment in descriptor.segments() {
            // What the scheme asks for, and no more: the receiver reads which fields are signed from here.
            if let Segment::Listed(Listed { from: Some(Place::Header(name)), covered, .. }) = segment {
                added.push((name.clone(), covered.join(",")));
            }
        }
        let mut kept = Kept::new(descriptor, method, target, head);
        added.iter().for_each(|(name, value)| kept.head.set(name, value.as_bytes()));
        let request = Request::new(&kept, endpoint, body);
        let read = Read {
            timestamp: match &time {
                Some((Timestamp { place: Place::Header(_) | Place::Pair(_), .. }, text)) => {
                    Some(Cow::Borrowed(text.as_bytes()))
                }
                Some((time, _)) if request.knows(&time.place) => {
                    request.value(&time.place).map_err(|_| Unsigned::Missing)?
                }
                Some(_) | None => None,
            },
            id: match &descriptor.id {
                Some(place) => request.value(place).map_err(|_| Unsigned::Missing)?,
                None => None,
            },
            listed: Vec::new(),
        };
        let (message, digest) = match &descriptor.signature.style {
            Style::Components(wanted) => {
                let outline = components::outline(wanted, &request, now_ms / 1000).map_err(|_| Unsigned::Missing)?;
                added.push((components::INPUT.to_owned(), outline.input));
                let message = Message { before: outline.before, body: false, after: outline.after };
                (message, outline.signs_digest.then(Sha256::new))
            }
            Style::Whole { .. }
            | Style::Pairs { .. }
            | Style::Versions { .. }
            | Style::Token(_)
            | Style::Detached(_) => {
                let messages = message::build(&request, &read).map_err(|_| Unsigned::Missing)?;
                (messages.into_iter().next().ok_or(Unsigned::Missing)?, None)
            }
        };
        let mut macs = Vec::new();
        for (n, secret) in endpoint.secrets.iter().enumerate().filter(|(_, secret)| secret.is_valid(Some(clock_ms))) {
            let Key::Mac(mac) = &secret.key else { return Err(Unsigned::Scheme) };
            let mut mac = Mac::clone(mac);
            mac.update(&message.before);
            macs.push((n, mac));
        }
        if macs.is_empty() {
            return Err(Unsigned::NoSecret);
        }
        if !takes_several(descriptor) {
            macs.truncate(1);
        }
        Ok(Self { added, pair, message, digest, macs })
    }

    /// The next piece of the body.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        if self.message.body {
            self.macs.iter_mut().for_each(|(_, mac)| mac.update(chunk));
        }
        if let Some(digest) = &mut self.digest {
            digest.update(chunk);
        }
    }

    /// The header fields that the sender adds.
    pub(super) fn finish(self, endpoint: &Endpoint) -> Result<Vec<(String, String)>, Unsigned> {
        let Self { mut added, pair, message, digest, macs } = self;
        let descriptor = &endpoint.descriptor;
        let digest = digest.map(|digest| components::digest_field(&digest.finalize()));
        let encoding = match descriptor.signature.style {
            // A byte sequence of RFC 8941.
            Style::Components(_) => Encoding::Base64,
            Style::Whole { .. }
            | Style::Pairs { .. }
            | Style::Versions { .. }
            | Style::Token(_)
            | Style::Detached(_) => descriptor.signature.encoding,
        };
        let mut tags = Vec::with_capacity(macs.len());
        for (n, mut mac) in macs {
            mac.update(digest.as_deref().unwrap_or_default().as_bytes());
            mac.update(&message.after);
            let tag = encode(mac.finish().expose(), encoding);
            tags.push((n, String::from_utf8(tag).map_err(|_| Unsigned::Scheme)?));
        }
        let (first, tag) = tags.first().ok_or(Unsigned::NoSecret)?;
        let value = match &descriptor.signature.style {
            Style::Whole { prefix: Prefix::Must(prefix) | Prefix::May(prefix) } => format!("{prefix}{tag}"),
            Style::Whole { prefix: Prefix::None } => tag.clone(),
            Style::Pairs { separator, names, .. } => {
                let label = names.first().ok_or(Unsigned::Scheme)?;
                let time = pair.map(|(name, text)| format!("{name}={text}"));
                let signatures = tags.iter().map(|(_, tag)| format!("{label}={tag}"));
                joined(time.into_iter().chain(signatures), *separator)
            }
            Style::Versions { separator, mark, versions } => {
                let version = versions.first().ok_or(Unsigned::Scheme)?;
                joined(tags.iter().map(|(_, tag)| format!("{version}{mark}{tag}")), *separator)
            }
            Style::Components(wanted) => [components::label(wanted), "=:", tag, ":"].concat(),
            Style::Token(_) | Style::Detached(_) => return Err(Unsigned::Scheme),
        };
        added.extend(digest.map(|digest| (components::DIGEST.to_owned(), digest)));
        match &descriptor.signature.source {
            SignatureSource::One(Place::Header(name)) | SignatureSource::Lines(name) => {
                added.push((name.clone(), value))
            }
            // Each secret has its own header.
            SignatureSource::Keyed(names) => added.push((names.get(*first).ok_or(Unsigned::Scheme)?.clone(), value)),
            SignatureSource::Numbered(stem) => added.push((format!("{stem}1"), value)),
            SignatureSource::One(_) => return Err(Unsigned::Scheme),
        }
        // What the scheme requires to stand there in one form alone.
        for require in &descriptor.require {
            if let (Place::Header(name), Wanted::OneOf(wanted)) = (&require.place, &require.wanted)
                && let Some(value) = wanted.first()
            {
                added.push((name.clone(), value.clone()));
            }
        }
        Ok(added)
    }
}

/// Whether a value holds the signatures of all secrets that are valid, as senders write while they change over.
fn takes_several(descriptor: &Descriptor) -> bool {
    match descriptor.signature.style {
        Style::Pairs { .. } | Style::Versions { .. } => true,
        Style::Whole { .. } | Style::Token(_) | Style::Components(_) | Style::Detached(_) => false,
    }
}

/// Whether deliveries can be signed by this scheme while they go by: an HMAC in a header field, over what the head says and the
/// body as it is, or its digest in the head. A public key's scheme would need the private one, which is not given here.
pub(super) fn is_signable(descriptor: &Descriptor) -> bool {
    if matches!(descriptor.signature.style, Style::Components(_)) {
        return writes_mac(descriptor);
    }
    // A version of its own has no name here; a list of signed fields must have a place in the head.
    let styled = match &descriptor.signature.style {
        Style::Whole { .. } | Style::Pairs { .. } => true,
        Style::Versions { versions, .. } => !versions.is_empty(),
        Style::Token(_) | Style::Components(_) | Style::Detached(_) => false,
    };
    let listed = |segment: &Segment| match segment {
        Segment::Listed(Listed { from, .. }) => matches!(from, Some(Place::Header(_))),
        _ => true,
    };
    let styled = styled && descriptor.segments().all(listed);
    let timed =
        descriptor.timestamp.as_ref().is_none_or(|time| matches!(time.place, Place::Header(_) | Place::Pair(_)));
    writes_mac(descriptor) && styled && timed && !descriptor.gathers()
}

/// Whether a signature is an HMAC in a header field.
fn writes_mac(descriptor: &Descriptor) -> bool {
    let in_header = match &descriptor.signature.source {
        SignatureSource::One(place) => matches!(place, Place::Header(_)),
        SignatureSource::Lines(_) | SignatureSource::Keyed(_) | SignatureSource::Numbered(_) => true,
    };
    in_header && descriptor.mac().is_some()
}

/// The header fields that a scheme writes, each with what stands there.
pub(super) fn written_fields(descriptor: &Descriptor) -> Vec<(String, &'static str)> {
    let mut names = Vec::new();
    match &descriptor.signature.source {
        SignatureSource::One(Place::Header(name)) | SignatureSource::Lines(name) => {
            names.push((name.clone(), "signature"))
        }
        SignatureSource::Keyed(keyed) => names.extend(keyed.iter().map(|name| (name.clone(), "signature"))),
        SignatureSource::Numbered(stem) => names.push((format!("{stem}1"), "signature")),
        SignatureSource::One(_) => {}
    }
    if let Some(Place::Header(name)) = &descriptor.id {
        names.push((name.clone(), "id"));
    }
    for segment in descriptor.segments() {
        if let Segment::Listed(Listed { from: Some(Place::Header(name)), .. }) = segment {
            names.push((name.clone(), "signature"));
        }
    }
    if let Style::Components(wanted) = &descriptor.signature.style {
        names.push((components::INPUT.to_owned(), "signature"));
        if wanted.covered.iter().any(|name| name == components::DIGEST) {
            names.push((components::DIGEST.to_owned(), "digest"));
        }
    }
    if let Some(Timestamp { place: Place::Header(name), format, .. }) = &descriptor.timestamp {
        let kind = match format {
            timestamp::Format::Unix => "seconds",
            timestamp::Format::UnixMs | timestamp::Format::UnixAuto => "milliseconds",
            timestamp::Format::Rfc3339 => "RFC 3339",
        };
        names.push((name.clone(), kind));
    }
    names
}

fn joined(parts: impl Iterator<Item = String>, separator: char) -> String {
    parts.collect::<Vec<_>>().join(&separator.to_string())
}

fn written(time: &Timestamp, now_ms: u64) -> String {
    match time.format {
        timestamp::Format::Unix => (now_ms / 1000).to_string(),
        timestamp::Format::UnixMs | timestamp::Format::UnixAuto => now_ms.to_string(),
        timestamp::Format::Rfc3339 => timestamp::print_rfc3339(now_ms),
    }
}

//! The sender's side: the headers that make a delivery verifiable, by the same data.

use std::fmt;

use super::Policy;
use super::config::Endpoint;
use super::descriptor::{Place, Prefix, SignatureSource, Style, Timestamp};
use super::keys::Key;
use super::message::{self, Read};
use super::request::{Kept, Request};
use super::signatures::encode;
use super::timestamp;
use crate::head::Head;

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
            Self::Scheme => "the scheme is none that can be signed here: HMACs in header fields are",
            Self::NoSecret => "none of the endpoint's secrets is valid at this time",
            Self::Missing => "something that the scheme signs is missing, or not as it must be",
        })
    }
}

impl std::error::Error for Unsigned {}

impl Policy {
    /// The header fields that a sender adds under this endpoint's scheme: id, time and signature; by the first secret that is
    /// valid.
    ///
    /// # Errors
    /// See [`Unsigned`].
    pub fn sign(&self, endpoint: &str, delivery: &Outgoing<'_>) -> Result<Vec<(String, String)>, Unsigned> {
        let endpoints = &self.0.config.endpoints;
        sign(endpoints.iter().find(|known| known.name == endpoint).ok_or(Unsigned::NoEndpoint)?, delivery)
    }
}

fn sign(endpoint: &Endpoint, delivery: &Outgoing<'_>) -> Result<Vec<(String, String)>, Unsigned> {
    let descriptor = &endpoint.descriptor;
    let now_ms = i64::try_from(delivery.now_ms).map_err(|_| Unsigned::Missing)?;
    let valid = endpoint.secrets.iter().find(|secret| secret.is_valid(Some(now_ms))).ok_or(Unsigned::NoSecret)?;
    let Key::Mac(mac) = &valid.key else { return Err(Unsigned::Scheme) };
    let name = match &descriptor.signature.source {
        SignatureSource::One(Place::Header(name)) | SignatureSource::Lines(name) => name.clone(),
        SignatureSource::Keyed(names) => names.first().cloned().ok_or(Unsigned::Scheme)?,
        SignatureSource::Numbered(stem) => format!("{stem}1"),
        SignatureSource::One(_) => return Err(Unsigned::Scheme),
    };
    let mut added: Vec<(String, String)> = Vec::new();
    if let Some(Place::Header(name)) = &descriptor.id
        && !delivery.id.is_empty()
    {
        added.push((name.clone(), delivery.id.to_owned()));
    }
    let time = descriptor.timestamp.as_ref().map(|time| (time, written(time, delivery.now_ms)));
    if let Some((Timestamp { place: Place::Header(name), .. }, text)) = &time {
        added.push((name.clone(), text.clone()));
    }
    let given = delivery.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let ours = added.iter().map(|(name, value)| (name.clone(), value.as_bytes().to_vec()));
    let ours: Vec<(String, Vec<u8>)> = ours.collect();
    let fields = given.filter(|(name, _)| ours.iter().all(|(other, _)| !other.eq_ignore_ascii_case(name)));
    let head = Head::new(fields.chain(ours.iter().cloned()).collect(), false);
    let kept = Kept::new(descriptor, delivery.method.as_bytes(), delivery.target.as_bytes(), &head);
    let request = Request::new(&kept, endpoint, Some(delivery.body));
    let read = Read {
        timestamp: match &time {
            Some((Timestamp { place: Place::Header(_) | Place::Pair(_), .. }, text)) => Some(text.clone().into_bytes()),
            Some((time, _)) => request.value(&time.place).map_err(|_| Unsigned::Missing)?,
            None => None,
        },
        id: match &descriptor.id {
            Some(place) => request.value(place).map_err(|_| Unsigned::Missing)?,
            None => None,
        },
    };
    let messages = message::build(&request, &read).map_err(|_| Unsigned::Missing)?;
    let message = messages.first().ok_or(Unsigned::Missing)?;
    let mut mac = mac.clone();
    message.pieces(delivery.body).iter().for_each(|piece| mac.update(piece));
    let tag = encode(mac.finish().expose(), descriptor.signature.encoding);
    let tag = String::from_utf8(tag).map_err(|_| Unsigned::Scheme)?;
    let value = match &descriptor.signature.style {
        Style::Whole { prefix: Prefix::Must(prefix) | Prefix::May(prefix) } => format!("{prefix}{tag}"),
        Style::Whole { prefix: Prefix::None } => tag,
        Style::Pairs { separator, names, .. } => {
            let label = names.first().ok_or(Unsigned::Scheme)?;
            match &time {
                Some((Timestamp { place: Place::Pair(time), .. }, text)) => {
                    format!("{time}={text}{separator}{label}={tag}")
                }
                Some(_) | None => format!("{label}={tag}"),
            }
        }
        Style::Versions { mark, versions, .. } => {
            format!("{}{mark}{tag}", versions.first().ok_or(Unsigned::Scheme)?)
        }
        Style::Token(_) => return Err(Unsigned::Scheme),
    };
    added.push((name, value));
    // What the scheme requires to stand there in one form alone.
    for require in &descriptor.require {
        if let (Place::Header(name), super::descriptor::Wanted::OneOf(wanted)) = (&require.place, &require.wanted)
            && let Some(value) = wanted.first()
        {
            added.push((name.clone(), value.clone()));
        }
    }
    Ok(added)
}

fn written(time: &Timestamp, now_ms: u64) -> String {
    match time.format {
        timestamp::Format::Unix => (now_ms / 1000).to_string(),
        timestamp::Format::UnixMs | timestamp::Format::UnixAuto => now_ms.to_string(),
        timestamp::Format::Rfc3339 => timestamp::print_rfc3339(now_ms),
    }
}

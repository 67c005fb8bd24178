//! Whether a request is what its sender signed: begun with the head, fed with the body as it comes, and decided at its end.

mod whole;

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::challenge::{self, MAX_MAC_TOKEN_BYTES};
use super::config::Endpoint;
use super::descriptor::{Encoding, MAX_SIGNATURES, Place, Style, Wanted};
use super::error::Reason;
use super::keys::Key as SecretKey;
use super::message::{self, Message, Read};
use super::pick::{Pick, Picked};
use super::request::{Kept, Request};
use super::signatures::{self, Candidate, Found, MAX_PUBLIC_SIGNATURES, encode};
use super::timestamp::Format as TimeFormat;
use crate::host::Host;
use crate::room::may_keep;
use crate::signature::Mac;
use crate::table::{Key, KeyHasher, Seed};

pub(super) use self::whole::verdict;
use self::whole::whole;

/// Longest id and longest name of an event that is handed over, in bytes.
pub const MAX_HANDED_BYTES: usize = 256;
/// Most bytes of bodies that are in one VM at a time, of schemes that need them whole; beyond, 503. When half of it is in use a body takes
/// at most an eighth, and when three quarters are, at most 16 KiB: nobody is known yet who sends them.
pub const MAX_GATHERED_BYTES: usize = 8 * 1024 * 1024;
/// How far a token's `nbf` and `exp` may be passed, in milliseconds.
pub(super) const TOKEN_LEEWAY_MS: i64 = 1_000;
/// Longest token, in bytes.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What all verifications of a VM hold of bodies together.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Rc<Cell<usize>>);

/// A verification under way.
pub(super) struct Verification {
    kept: Kept,
    live: Live,
    picks: Vec<Pick>,
    bytes: usize,
    /// Whether all of the body could be a text that is signed for a probe.
    is_token: bool,
    work: Work,
}

enum Work {
    /// Each chunk goes into the MACs, and nothing is kept.
    Stream(Stream),
    /// The body is kept.
    Gather(Gathered),
}

struct Stream {
    candidates: Vec<Candidate>,
    id: Option<String>,
    /// One for each signed string that may be meant.
    strings: Vec<Running>,
}

/// A signed string under way.
struct Running {
    message: Message,
    digest: Option<KeyHasher>,
    /// With the place of its secret.
    macs: Vec<(usize, Mac)>,
}

struct Gathered {
    body: Vec<u8>,
    memory: Memory,
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.memory.0.set(self.memory.0.get().saturating_sub(self.body.len()));
    }
}

/// A request that is what its sender signed.
#[derive(Debug)]
pub(super) struct Good {
    /// The place of the secret.
    pub(super) secret: usize,
    pub(super) keys: Keys,
    pub(super) id: Option<String>,
    pub(super) event: Option<String>,
    /// Values of the body that were found on the way.
    pub(super) picked: Vec<Picked>,
    /// What of its head the scheme reads.
    pub(super) kept: Kept,
}

/// What was signed, as keys of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Keys {
    /// Nothing is remembered.
    #[default]
    None,
    One(Key),
    /// One for each part of a list.
    Parts(Vec<Key>),
}

impl Keys {
    pub(super) fn as_slice(&self) -> &[Key] {
        match self {
            Self::None => &[],
            Self::One(key) => std::slice::from_ref(key),
            Self::Parts(keys) => keys,
        }
    }
}

impl Verification {
    /// Everything that the head alone says, so that what is bad by it costs no more.
    pub(super) fn begin(
        endpoint: &Endpoint,
        kept: Kept,
        now_ms: Option<i64>,
        seed: Option<&Seed>,
        memory: &Memory,
    ) -> Result<Self, Reason> {
        let descriptor = &endpoint.descriptor;
        let timed = descriptor.is_timed() || matches!(descriptor.signature.style, Style::Token(_));
        if now_ms.is_none() && (timed || endpoint.secrets.iter().any(|secret| secret.needs_clock())) {
            return Err(Reason::NoClock);
        }
        let live = Live(now_ms);
        let gathers = descriptor.facts.gathers;
        let (candidates, id, messages) = if descriptor.each.is_some() {
            (None, None, Vec::new())
        } else {
            let mut request = Request::new(&kept, endpoint, None);
            let candidates = look(&mut request)?;
            let read = read(&request, candidates.as_deref(), now_ms)?;
            let messages = if gathers { Vec::new() } else { message::build(&request, &read)? };
            // What is gathered is looked at again.
            (candidates, read.id.filter(|_| !gathers).and_then(to_text), messages)
        };
        if !live.is_any(endpoint) {
            return Err(Reason::NoSecret);
        }
        let work = match candidates {
            Some(candidates) if !gathers => {
                let strings = messages.into_iter().map(|message| {
                    let mut digest = seed.map(|seed| seed.hasher(endpoint.purpose.as_bytes()));
                    if let Some(digest) = &mut digest {
                        digest.update(&message.before);
                    }
                    let start = |(n, key): (usize, &SecretKey)| match key {
                        SecretKey::Mac(mac) => {
                            let mut mac = Mac::clone(mac);
                            mac.update(&message.before);
                            Some((n, mac))
                        }
                        SecretKey::Token(_) | SecretKey::Prefix(_) | SecretKey::Public(_) | SecretKey::Shared(_) => {
                            None
                        }
                    };
                    let macs = live.secrets(endpoint).filter_map(start).collect();
                    Running { message, digest, macs }
                });
                Work::Stream(Stream { candidates, id, strings: strings.collect() })
            }
            Some(_) | None => Work::Gather(Gathered { body: Vec::new(), memory: memory.clone() }),
        };
        let picks = descriptor.facts.picked.iter().map(|path| Pick::new(Rc::clone(path))).collect();
        Ok(Self { kept, live, picks, bytes: 0, is_token: true, work })
    }

    /// The next piece of the body.
    pub(super) fn push(&mut self, endpoint: &Endpoint, chunk: &[u8]) -> Result<(), Reason> {
        self.bytes = self.bytes.saturating_add(chunk.len());
        if self.bytes > endpoint.max_body_bytes {
            return Err(Reason::BodyLength);
        }
        self.is_token =
            self.is_token && self.bytes <= MAX_MAC_TOKEN_BYTES && chunk.iter().copied().all(challenge::is_of_mac_token);
        for pick in &mut self.picks {
            pick.push(chunk);
        }
        match &mut self.work {
            Work::Stream(Stream { strings, .. }) => {
                for Running { message, digest, macs } in strings {
                    if message.body {
                        macs.iter_mut().for_each(|(_, mac)| mac.update(chunk));
                        if let Some(digest) = digest {
                            digest.update(chunk);
                        }
                    }
                }
            }
            Work::Gather(Gathered { body, memory }) => {
                let held = memory.0.get().saturating_add(chunk.len());
                if !may_keep(body.len().saturating_add(chunk.len()), held, MAX_GATHERED_BYTES) {
                    return Err(Reason::Memory);
                }
                memory.0.set(held);
                body.extend_from_slice(chunk);
            }
        }
        Ok(())
    }

    /// The verdict.
    pub(super) fn finish(
        self,
        endpoint: &Endpoint,
        now_ms: Option<i64>,
        seed: Option<&Seed>,
        host: &mut dyn Host,
    ) -> Result<Good, Reason> {
        let Self { kept, live, picks, bytes, is_token, work } = self;
        if is_token && bytes > 0 && challenge::signs_for_anybody(&endpoint.descriptor.challenges) {
            return Err(Reason::Malformed);
        }
        let mut picked: Vec<Picked> = picks.into_iter().map(Pick::finish).collect();
        let (secret, keys, id) = match work {
            Work::Stream(mut stream) => {
                let id = stream.id.take();
                let (secret, key) = stream.verdict()?;
                (secret, key.map_or(Keys::None, Keys::One), id)
            }
            Work::Gather(gathered) => {
                let request = Request::new(&kept, endpoint, Some(&gathered.body));
                whole(request, live, now_ms, seed, host)?
            }
        };
        check_picked_time(endpoint, &picked, now_ms)?;
        let event = match &endpoint.descriptor.event {
            Some(Place::Json(path)) => {
                let there = picked.iter_mut().find(|(there, _)| **there == *path).map(|(_, value)| value);
                // A probe may be known by it as well.
                let asked = !endpoint.descriptor.challenges.is_empty();
                there.and_then(|value| if asked { value.clone() } else { value.take() })
            }
            Some(place) => Request::new(&kept, endpoint, None).value(place)?.and_then(to_text),
            None => None,
        };
        Ok(Good { secret, keys, id, event, picked, kept })
    }
}

impl Stream {
    /// All MACs are compared with all signatures, however early one fits.
    fn verdict(self) -> Result<(usize, Option<Key>), Reason> {
        let Self { candidates, strings, .. } = self;
        let mut good = None;
        for Running { message, mut digest, macs } in strings {
            if let Some(digest) = &mut digest {
                digest.update(&message.after);
            }
            for (n, mut mac) in macs {
                mac.update(&message.after);
                let tag = mac.finish();
                let fits = candidates.iter().filter(|candidate| candidate.secret.is_none_or(|secret| secret == n));
                if fits.fold(false, |good, candidate| good | tag.matches(&candidate.bytes)) {
                    good = good.or(Some((n, digest.as_ref().map(KeyHasher::finish))));
                }
            }
        }
        good.ok_or(Reason::Mismatch)
    }
}

/// The secrets that are valid at the time when a request began.
#[derive(Clone, Copy)]
struct Live(Option<i64>);

impl Live {
    /// Each with its place.
    fn secrets(self, endpoint: &Endpoint) -> impl Iterator<Item = (usize, &SecretKey)> {
        let secrets = endpoint.secrets.iter().enumerate();
        secrets.filter(move |(_, secret)| secret.is_valid(self.0)).map(|(n, secret)| (n, &secret.key))
    }

    fn is_any(self, endpoint: &Endpoint) -> bool {
        self.secrets(endpoint).next().is_some()
    }

    /// The place of the first one that made a signature. All are tried, however early one did.
    fn signer(self, endpoint: &Endpoint, made: &mut dyn FnMut(usize, &SecretKey) -> bool) -> Option<usize> {
        self.secrets(endpoint).fold(None, |good, (n, key)| {
            let made = made(n, key);
            good.or(made.then_some(n))
        })
    }
}

/// Whether a request has what it must, as far as that can be known, and its signatures, if they are not in a body that is not here.
/// [`read`] is next.
pub(super) fn look(request: &mut Request<'_>) -> Result<Option<Vec<Candidate>>, Reason> {
    let endpoint = request.endpoint;
    let descriptor = &endpoint.descriptor;
    for require in &descriptor.require {
        if !request.knows(&require.place) {
            continue;
        }
        let value = request.value(&require.place)?;
        let holds = match &require.wanted {
            Wanted::OneOf(wanted) => {
                let value = value.ok_or(Reason::Missing)?;
                wanted.iter().any(|wanted| wanted.as_bytes() == &*value)
            }
            Wanted::Setting(name) => {
                let value = value.ok_or(Reason::Missing)?;
                endpoint.setting(name).is_some_and(|wanted| wanted.as_bytes() == &*value)
            }
            Wanted::BodySha256UnlessForm => match request.body {
                None => true,
                Some(_) if request.kept.is_form() => true,
                Some(body) if body.is_empty() && value.is_none() => true,
                Some(body) => value
                    .is_some_and(|value| value.to_ascii_lowercase() == encode(&Sha256::digest(body), Encoding::Hex)),
            },
        };
        if !holds {
            return Err(match &require.wanted {
                Wanted::OneOf(_) | Wanted::Setting(_) => Reason::Malformed,
                Wanted::BodySha256UnlessForm => Reason::Mismatch,
            });
        }
    }
    let in_body = match &descriptor.signature.source {
        super::descriptor::SignatureSource::One(place) => !request.knows(place),
        super::descriptor::SignatureSource::Lines(_)
        | super::descriptor::SignatureSource::Keyed(_)
        | super::descriptor::SignatureSource::Numbered(_) => false,
    };
    if in_body {
        return Ok(None);
    }
    let most = match endpoint.secrets.first().map(|secret| &secret.key) {
        Some(SecretKey::Public(_)) => MAX_PUBLIC_SIGNATURES,
        _ => MAX_SIGNATURES,
    };
    let Found { candidates, pairs } = signatures::read(&descriptor.signature, request, most)?;
    request.pairs = pairs;
    Ok(Some(candidates))
}

/// The time and the id of a request that was [looked at](look), and whether they are good, as far as they can be known.
pub(super) fn read<'a>(
    request: &'a Request<'_>,
    candidates: Option<&[Candidate]>,
    now_ms: Option<i64>,
) -> Result<Read<'a>, Reason> {
    let endpoint = request.endpoint;
    let descriptor = &endpoint.descriptor;
    let mut read = Read::default();
    if let Some(time) = &descriptor.timestamp
        && request.knows(&time.place)
    {
        match request.value(&time.place)? {
            Some(text) => {
                check_time(endpoint, time.format, &text, now_ms)?;
                read.timestamp = Some(text);
            }
            None if !time.required => {}
            // The list is there, and lacks it.
            None if matches!(time.place, Place::Pair(_)) => return Err(Reason::Malformed),
            None => return Err(Reason::Missing),
        }
    }
    if candidates.is_some_and(<[Candidate]>::is_empty) {
        return Err(Reason::Mismatch);
    }
    if let Some(place) = &descriptor.id
        && request.knows(place)
    {
        let id = request.value(place)?;
        if descriptor.facts.covers_id {
            // Nothing in it may be taken for what stands beside it in the signed string.
            let id = id.as_ref().ok_or(Reason::Missing)?;
            if !is_handed(id) || id.contains(&b'.') {
                return Err(Reason::Malformed);
            }
        }
        read.id = id.filter(|id| is_handed(id));
    }
    Ok(read)
}

fn to_text(value: Cow<'_, [u8]>) -> Option<String> {
    String::from_utf8(value.into_owned()).ok()
}

/// Whether a value may stand in a header of ours.
fn is_handed(value: &[u8]) -> bool {
    (1..=MAX_HANDED_BYTES).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}

fn check_time(endpoint: &Endpoint, format: TimeFormat, text: &[u8], now_ms: Option<i64>) -> Result<(), Reason> {
    let time_ms = format.read(text).ok_or(Reason::Malformed)?;
    let now_ms = now_ms.ok_or(Reason::NoClock)?;
    if now_ms.saturating_sub(time_ms) > endpoint.past_ms {
        return Err(Reason::Stale);
    }
    if time_ms.saturating_sub(now_ms) > endpoint.future_ms {
        return Err(Reason::Future);
    }
    Ok(())
}

/// A time in the body that was found on the way.
fn check_picked_time(endpoint: &Endpoint, picked: &[Picked], now_ms: Option<i64>) -> Result<(), Reason> {
    let Some(time) = &endpoint.descriptor.timestamp else { return Ok(()) };
    let Place::Json(path) = &time.place else { return Ok(()) };
    let Some((_, value)) = picked.iter().find(|(there, _)| **there == *path) else { return Ok(()) };
    match value {
        Some(text) => check_time(endpoint, time.format, text.as_bytes(), now_ms),
        None if time.required => Err(Reason::Missing),
        None => Ok(()),
    }
}

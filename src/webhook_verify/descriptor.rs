//! What a provider does, as data: the presets and what a configuration writes out are of this one form.

mod wire;

use std::collections::BTreeSet;
use std::rc::Rc;

use super::timestamp;
use crate::claims::ClaimPath;
use crate::signature::{self, MacHash};

pub use self::wire::MAX_WINDOW_S;
pub(super) use self::wire::{Algorithm, DEFAULT_WINDOW_S, DescriptorWire, Encoding, Format};

/// Most segments of a signed string.
pub const MAX_SEGMENTS: usize = 64;
/// Longest literal text of a segment, prefix or required value, in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// Most signatures that one request may carry: with the number of secrets it bounds the work.
pub const MAX_SIGNATURES: usize = 16;
/// Longest header value that signatures are read from, in bytes.
pub const MAX_SIGNATURE_BYTES: usize = 8 * 1024;
/// Most elements of a body that is a list of signed parts.
pub const MAX_PARTS: usize = 64;

/// A scheme.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    pub(super) algorithm: Algorithm,
    /// How its secrets are written, unless one says otherwise.
    pub(super) format: Format,
    /// The shortest secret that it takes, in bytes.
    pub(super) min_secret_bytes: usize,
    pub(super) signature: Signature,
    /// What is signed, piece by piece. Empty for tokens.
    pub(super) signed: Vec<Segment>,
    /// The one signed value that may hold the text that ends it; all others are refused with it in them.
    pub(super) free: Option<Place>,
    /// A body that is a list of signed parts: where that is. Places in JSON are then those of a part.
    pub(super) each: Option<ClaimPath>,
    /// Under which other names the sender may know the URL.
    pub(super) urls: Urls,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) id: Option<Place>,
    pub(super) event: Option<Place>,
    pub(super) require: Vec<Require>,
    pub(super) challenges: Vec<Challenge>,
    pub(super) facts: Facts,
}

/// What every request asks of its scheme, found out once.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// See [`Descriptor::gathers`].
    pub(super) gathers: bool,
    /// See [`Descriptor::signs_url`].
    pub(super) signs_url: bool,
    /// See [`Descriptor::covers_id`].
    pub(super) covers_id: bool,
    /// See [`Descriptor::picked`].
    pub(super) picked: Vec<Rc<ClaimPath>>,
    /// Whether the sender says which header fields are signed, so that all of them are kept.
    pub(super) keeps_all: bool,
    /// The header fields that are kept: [`Descriptor::header_names`], and what says of which type a body is. Each once.
    pub(super) header_names: Vec<String>,
    /// Whether a value is signed that stands beside a text, or has to be looked at for another reason ([`super::message`]).
    pub(super) has_values: bool,
}

/// Where a value of a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A header field, by its lower-case name.
    Header(String),
    /// A parameter of the query.
    Query(String),
    /// A field of a form in the body.
    Form(String),
    /// A value in the body's JSON.
    Json(ClaimPath),
    /// A value beside the signatures, in the same list.
    Pair(String),
}

impl Place {
    /// Whether it cannot be known before the body is.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self, Self::Form(_) | Self::Json(_))
    }
}

/// Where signatures are, and how they are written.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) source: SignatureSource,
    pub(super) style: Style,
    pub(super) encoding: Encoding,
}

/// Where signatures are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignatureSource {
    /// In one place, once.
    One(Place),
    /// In a header field that may stand several times.
    Lines(String),
    /// In header fields of which each has its own secret, by place.
    Keyed(Vec<String>),
    /// In header fields that end in a number of 1 to 100 after this text.
    Numbered(String),
}

/// How a value holds signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// It is one, after this text.
    Whole { prefix: Prefix },
    /// `name=value` and so on.
    Pairs {
        separator: char,
        /// The names of signatures.
        names: Vec<String>,
        /// Whether other names are refused.
        strict: bool,
    },
    /// `version,value` and so on.
    Versions {
        separator: char,
        mark: char,
        /// Those that count; none: all do.
        versions: Vec<String>,
    },
    /// A JSON Web Signature in its compact form, which binds the rest by its claims.
    Token(Token),
    /// HTTP Message Signatures, which say themselves what is signed ([`super::components`]).
    Components(Components),
    /// A JSON Web Signature without its payload, which is the signed string ([`super::detached`]).
    Detached(Detached),
}

/// What must be signed of a request, of what its sender says is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Components {
    /// The signature that is meant, where there are several.
    pub(super) label: Option<String>,
    /// What it is made for.
    pub(super) tag: Option<String>,
    /// Names of fields in lower case, and derived ones such as `@method`.
    pub(super) covered: Vec<String>,
}

/// What a token without a payload must say in its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detached {
    pub(super) algorithms: Vec<signature::Algorithm>,
    /// The member with the names of signed header fields.
    pub(super) headers: String,
    /// Members and what they must be.
    pub(super) is: Vec<(String, String)>,
}

/// What stands before a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    None,
    Must(String),
    May(String),
}

/// What a token must say of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) algorithms: Vec<signature::Algorithm>,
    pub(super) issuer: Option<String>,
    /// The claim with the body's SHA-256 in hex.
    pub(super) body_sha256: Option<String>,
    /// Whether that claim is left out for an empty body.
    pub(super) empty_without: bool,
    /// The claim with the URL's SHA-256 in hex.
    pub(super) url_sha256: Option<String>,
    /// The claim that dates it; else `nbf` and `exp` do.
    pub(super) issued: Option<String>,
}

/// A piece of the signed string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Text(Vec<u8>),
    /// The body as it came.
    Body,
    /// As it was received.
    Timestamp,
    Id,
    Method,
    /// The URL as the sender knows it.
    Url,
    /// Path and query.
    Target,
    /// A value that must be there.
    Value(Place),
    /// A value, or nothing where there is none.
    ValueOrNothing(Place),
    /// A value of the endpoint's `settings`.
    Setting(String),
    /// The body's SHA-256.
    BodySha256(Encoding),
    /// The body's CRC-32, in decimal.
    BodyCrc32,
    /// Fields, sorted by their names.
    Fields(Fields),
    /// Header fields that the sender names.
    Listed(Listed),
    /// These, or nothing where one of their values is not there.
    Optional(Vec<Segment>),
}

/// Header fields that are signed because the sender says so, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Where their names are, between commas: they are signed in lower case, in their order. `None`: the token says them, and they
    /// are signed as they stand there.
    pub(super) from: Option<Place>,
    /// Between a name and its value.
    pub(super) equals: String,
    /// Between two fields.
    pub(super) between: String,
    /// After the last.
    pub(super) end: String,
    /// The names that must be among them, in lower case.
    pub(super) covered: Vec<String>,
}

/// Fields that are signed in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) source: FieldSource,
    /// Between a name and its value.
    pub(super) equals: String,
    /// Between two fields.
    pub(super) between: String,
    /// Before the first.
    pub(super) before: String,
    /// Whether a value that stands twice under one name counts once.
    pub(super) distinct: bool,
    /// Names left out, such as that of the signature.
    pub(super) without: Vec<String>,
    /// Whether names and values are percent-encoded anew.
    pub(super) encoded: bool,
    /// The sender signs `_` for `&` and `=`, so that two texts have one signature: what has one of them is refused.
    pub(super) underscored: bool,
}

/// Where fields come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldSource {
    Query,
    /// The body, when its type says that it is a form; else there are none.
    Form,
}

/// Other spellings of a URL that a sender may have signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Urls {
    /// With its default port added, or its port removed.
    pub(super) ports: bool,
    /// With its query encoded as browsers do.
    pub(super) encoded: bool,
}

/// When it was signed.
#[derive(Clone, Debug)]
pub(super) struct Timestamp {
    pub(super) place: Place,
    pub(super) format: timestamp::Format,
    pub(super) past_s: u32,
    pub(super) future_s: u32,
    /// Whether a request without it is refused.
    pub(super) required: bool,
}

/// A value that a request must have.
#[derive(Clone, Debug)]
pub(super) struct Require {
    pub(super) place: Place,
    pub(super) wanted: Wanted,
}

/// What it must be.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// One of these.
    OneOf(Vec<String>),
    /// The value of this one of the endpoint's `settings`.
    Setting(String),
    /// The body's SHA-256 in hex, unless the body is a form.
    BodySha256UnlessForm,
}

/// A probe of a provider that the gate answers itself.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    pub(super) method: String,
    /// Whether the request must be signed as any other.
    pub(super) signed: bool,
    /// Values that make a request this probe.
    pub(super) when: Vec<(Place, String)>,
    /// A value that must be one of the endpoint's secrets.
    pub(super) secret: Option<Place>,
    /// What is asked to be sent back; none: an empty 200.
    pub(super) token: Option<Place>,
    pub(super) answer: Answer,
}

/// How a probe is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Empty,
    /// The token as text.
    Text,
    /// An object with the token in this member.
    Json {
        member: String,
    },
    /// An object with the token and its MAC.
    Mac {
        token_member: Option<String>,
        member: String,
        prefix: String,
        encoding: Encoding,
    },
}

impl Facts {
    /// Of a scheme that is whole.
    pub(super) fn of(descriptor: &Descriptor) -> Self {
        let mut header_names = descriptor.header_names();
        header_names.insert("content-type");
        Self {
            gathers: descriptor.gathers(),
            signs_url: descriptor.signs_url(),
            covers_id: descriptor.covers_id(),
            picked: descriptor.picked().into_iter().cloned().map(Rc::new).collect(),
            keeps_all: matches!(descriptor.signature.style, Style::Components(_))
                || descriptor.segments().any(|segment| matches!(segment, Segment::Listed(_))),
            header_names: header_names.into_iter().map(str::to_owned).collect(),
            has_values: descriptor
                .segments()
                .any(|segment| matches!(segment, Segment::Value(_) | Segment::ValueOrNothing(_))),
        }
    }
}

impl Descriptor {
    /// The hash of its MAC, where it is one.
    pub(super) fn mac(&self) -> Option<MacHash> {
        self.algorithm.mac()
    }

    /// Everything that is signed, with what is optional in one list.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        fn flat<'a>(segments: &'a [Segment], all: &mut Vec<&'a Segment>) {
            for segment in segments {
                match segment {
                    Segment::Optional(inner) => flat(inner, all),
                    segment => all.push(segment),
                }
            }
        }
        let mut all = Vec::new();
        flat(&self.signed, &mut all);
        all.into_iter()
    }

    /// Whether the whole body is needed at once, so that it stays in memory: else it is hashed as it comes.
    pub(super) fn gathers(&self) -> bool {
        let in_body = |segment: &Segment| match segment {
            Segment::Value(place) | Segment::ValueOrNothing(place) => place.is_in_body(),
            Segment::BodySha256(_) | Segment::BodyCrc32 => true,
            Segment::Fields(fields) => fields.source == FieldSource::Form,
            Segment::Text(_)
            | Segment::Body
            | Segment::Timestamp
            | Segment::Id
            | Segment::Method
            | Segment::Url
            | Segment::Target
            | Segment::Setting(_)
            | Segment::Listed(_)
            | Segment::Optional(_) => false,
        };
        let signature = matches!(&self.signature.source, SignatureSource::One(place) if place.is_in_body());
        let timed = self.timestamp.as_ref().is_some_and(|time| time.place.is_in_body());
        let signs_time = self.segments().any(|segment| *segment == Segment::Timestamp);
        let identified = self.id.as_ref().is_some_and(Place::is_in_body);
        self.mac().is_none()
            || matches!(self.signature.style, Style::Components(_))
            || self.each.is_some()
            || signature
            || timed && signs_time
            || identified
            || self.segments().any(in_body)
            || self.asks_digest()
            || self.require.iter().any(|require| require.place.is_in_body())
    }

    /// Whether a body that is no form has its digest in the request.
    pub(super) fn asks_digest(&self) -> bool {
        self.require.iter().any(|require| matches!(require.wanted, Wanted::BodySha256UnlessForm))
    }

    /// Whether the whole body is read as JSON.
    pub(super) fn reads_json(&self) -> bool {
        let json = |place: &Place| matches!(place, Place::Json(_));
        let picked: Vec<_> = self.picked();
        self.gathers()
            && (self.each.is_some()
                || self.places().into_iter().any(|place| {
                    json(place) && !picked.iter().any(|path| matches!(place, Place::Json(there) if there == *path))
                }))
    }

    /// Values in JSON that do not take part in the verification: found while the body goes by.
    pub(super) fn picked(&self) -> Vec<&ClaimPath> {
        let signs_time = self.segments().any(|segment| *segment == Segment::Timestamp);
        let time = self.timestamp.as_ref().filter(|_| !signs_time && self.each.is_none()).map(|time| &time.place);
        let challenges = self.challenges.iter().filter(|challenge| challenge.signed);
        let challenges =
            challenges.flat_map(|challenge| challenge.when.iter().map(|(place, _)| place).chain(&challenge.token));
        let mut paths = Vec::new();
        for place in self.event.iter().chain(time).chain(challenges) {
            if let Place::Json(path) = place
                && !paths.contains(&path)
            {
                paths.push(path);
            }
        }
        paths
    }

    /// Whether the body is signed, all of it.
    pub(super) fn covers_body(&self) -> bool {
        let whole = |segment: &Segment| match segment {
            Segment::Body | Segment::BodySha256(_) => true,
            Segment::Fields(fields) => fields.source == FieldSource::Form,
            Segment::Text(_)
            | Segment::Timestamp
            | Segment::Id
            | Segment::Method
            | Segment::Url
            | Segment::Target
            | Segment::Value(_)
            | Segment::ValueOrNothing(_)
            | Segment::Setting(_)
            | Segment::BodyCrc32
            | Segment::Listed(_)
            | Segment::Optional(_) => false,
        };
        let by_token = match &self.signature.style {
            Style::Token(token) => token.body_sha256.is_some(),
            Style::Components(components) => components.covered.iter().any(|name| name == super::components::DIGEST),
            Style::Whole { .. } | Style::Pairs { .. } | Style::Versions { .. } | Style::Detached(_) => false,
        };
        by_token || self.signed.iter().any(whole)
    }

    /// Whether a time says when it was signed.
    pub(super) fn is_timed(&self) -> bool {
        let by_signature = match &self.signature.style {
            Style::Token(token) => token.issued.is_some(),
            Style::Components(_) => true,
            Style::Whole { .. } | Style::Pairs { .. } | Style::Versions { .. } | Style::Detached(_) => false,
        };
        self.timestamp.is_some() || by_signature
    }

    /// Whether the time is signed.
    pub(super) fn covers_time(&self) -> bool {
        match (&self.signature.style, &self.timestamp) {
            (Style::Token(_) | Style::Components(_), _) => true,
            (_, None) => false,
            (_, Some(time)) => {
                self.covers(&time.place) || self.segments().any(|segment| *segment == Segment::Timestamp)
            }
        }
    }

    /// Whether the id is signed.
    pub(super) fn covers_id(&self) -> bool {
        let Some(id) = &self.id else { return false };
        self.covers(id) || self.segments().any(|segment| *segment == Segment::Id)
    }

    /// Whether a value is signed where it stands.
    pub(super) fn covers(&self, place: &Place) -> bool {
        let itself = |segment: &Segment| matches!(segment, Segment::Value(there) | Segment::ValueOrNothing(there) if there == place);
        let among_fields = |segment: &Segment| match (segment, place) {
            (Segment::Listed(listed), Place::Header(name)) => listed.covered.contains(name),
            (Segment::Fields(fields), Place::Query(name)) => {
                fields.source == FieldSource::Query && !fields.without.contains(name)
            }
            _ => false,
        };
        let by_name = matches!((&self.signature.style, place),
            (Style::Components(components), Place::Header(name)) if components.covered.contains(name));
        by_name
            || place.is_in_body() && self.covers_body()
            || self.segments().any(|segment| itself(segment) || among_fields(segment))
    }

    /// Whether the URL's text is needed.
    pub(super) fn signs_url(&self) -> bool {
        let by_signature = match &self.signature.style {
            Style::Token(token) => token.url_sha256.is_some(),
            Style::Components(_) => true,
            Style::Whole { .. } | Style::Pairs { .. } | Style::Versions { .. } | Style::Detached(_) => false,
        };
        by_signature || self.segments().any(|segment| *segment == Segment::Url)
    }

    /// The header fields that it reads, in lower case; what ends in a number is named in [`SignatureSource::Numbered`].
    pub(super) fn header_names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for place in self.places() {
            if let Place::Header(name) = place {
                names.insert(name.as_str());
            }
        }
        match &self.signature.source {
            SignatureSource::Lines(name) => drop(names.insert(name.as_str())),
            SignatureSource::Keyed(keyed) => names.extend(keyed.iter().map(String::as_str)),
            SignatureSource::One(_) | SignatureSource::Numbered(_) => {}
        }
        names
    }

    /// Every place that it reads a value from.
    pub(super) fn places(&self) -> Vec<&Place> {
        let mut places = Vec::new();
        if let SignatureSource::One(place) = &self.signature.source {
            places.push(place);
        }
        for segment in self.segments() {
            match segment {
                Segment::Value(place) | Segment::ValueOrNothing(place) => places.push(place),
                Segment::Listed(listed) => places.extend(&listed.from),
                _ => {}
            }
        }
        places.extend(self.timestamp.as_ref().map(|time| &time.place));
        places.extend(&self.id);
        places.extend(&self.event);
        places.extend(self.require.iter().map(|require| &require.place));
        for challenge in &self.challenges {
            places.extend(challenge.when.iter().map(|(place, _)| place));
            places.extend(&challenge.secret);
            places.extend(&challenge.token);
        }
        places
    }
}

impl Challenge {
    /// Whether the body says that it is one.
    pub(super) fn reads_body(&self) -> bool {
        let places = self.when.iter().map(|(place, _)| place).chain(&self.secret).chain(&self.token);
        places.into_iter().any(Place::is_in_body)
    }
}

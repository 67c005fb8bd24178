//! Why a request does not go on, and what the client is told.

/// Why a request is refused. The client sees the status and one of three words (RFC 6750, section 3.1); this goes to audit
/// lines and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The request's path has two readings, or there is none.
    UnsafePath,
    /// No token was sent where one is looked for.
    NoToken,
    /// A webhook that `webhook-verify` has not marked as verified.
    NoWebhook,
    /// Tokens in two places, or two in one.
    TwoTokens,
    /// `Bearer` with something after it that is not one token.
    BadCredentials,
    /// The token is longer than it may be.
    TokenLength,
    /// The token is not three parts in base64url as RFC 7515 writes them.
    TokenFormat,
    /// The token's header is not one strict JSON object.
    HeaderFormat,
    /// The token's payload is not one strict JSON object.
    PayloadFormat,
    /// `alg` is missing, unknown, or not among the provider's.
    Algorithm,
    /// `crit` or `b64`: an extension that would have to be understood.
    Critical,
    /// A token in a token.
    Nested,
    /// `kid` is no text, or too long.
    KeyIdFormat,
    /// `typ` is not one of the provider's.
    Type,
    /// No provider has this issuer.
    Issuer,
    /// The token is for somebody else.
    Audience,
    /// `exp` is missing.
    NoExpiry,
    /// The token's time is over.
    Expired,
    /// `nbf` lies ahead.
    NotYet,
    /// `iat` lies ahead.
    IssuedAhead,
    /// `exp`, `nbf` or `iat` is no date.
    DateFormat,
    /// The token lives longer than the provider's tokens may, or does not say since when.
    Lifetime,
    /// A registered claim has the wrong type.
    ClaimType,
    /// A required claim is missing.
    ClaimMissing,
    /// A claim has not the value that is required.
    ClaimValue,
    /// No key of the provider has this `kid` and fits the algorithm.
    UnknownKey,
    /// The signature is wrong.
    Signature,
    /// The token was revoked, or cannot be told from one that was.
    Revoked,
    /// The token is bound to a holder who is not this one.
    NotBound,
    /// A claim cannot be handed on in a header.
    NotForwardable,
    /// A good token, and no rule for the endpoint.
    NoRule,
    /// A good token without the right; the access matrix says why.
    Denied(&'static str),
    /// Too many wrong signatures from this address.
    SignatureLimit,
    /// The provider's keys are not here.
    KeysUnavailable,
    /// The list of revoked tokens is not here.
    RevocationUnavailable,
    /// As many requests wait as may.
    Busy,
    /// The host has no clock, so no token can be dated.
    NoClock,
}

/// What the client is told beside the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Nothing: it is not about tokens.
    None,
    /// That a token is needed.
    Plain,
    /// `invalid_token`.
    InvalidToken,
    /// `insufficient_scope`.
    InsufficientScope,
}

impl Reason {
    /// A word for metrics, audit lines and `lockgate try`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::UnsafePath => "unsafe_path",
            Self::NoToken => "no_token",
            Self::NoWebhook => "no_webhook",
            Self::TwoTokens => "two_tokens",
            Self::BadCredentials => "bad_credentials",
            Self::TokenLength => "token_length",
            Self::TokenFormat => "token_format",
            Self::HeaderFormat => "header_format",
            Self::PayloadFormat => "payload_format",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::Nested => "nested",
            Self::KeyIdFormat => "key_id_format",
            Self::Type => "type",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::IssuedAhead => "issued_ahead",
            Self::DateFormat => "date_format",
            Self::Lifetime => "lifetime",
            Self::ClaimType => "claim_type",
            Self::ClaimMissing => "claim_missing",
            Self::ClaimValue => "claim_value",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Revoked => "revoked",
            Self::NotBound => "not_bound",
            Self::NotForwardable => "not_forwardable",
            Self::NoRule => "no_rule",
            Self::Denied(code) => code,
            Self::SignatureLimit => "signature_limit",
            Self::KeysUnavailable => "keys_unavailable",
            Self::RevocationUnavailable => "revocation_unavailable",
            Self::Busy => "busy",
            Self::NoClock => "no_clock",
        }
    }

    /// The status and the challenge that the client gets.
    pub(super) fn answer(self) -> (u16, Challenge) {
        match self {
            Self::UnsafePath => (400, Challenge::None),
            Self::NoToken | Self::NoWebhook => (401, Challenge::Plain),
            Self::TwoTokens
            | Self::BadCredentials
            | Self::TokenLength
            | Self::TokenFormat
            | Self::HeaderFormat
            | Self::PayloadFormat
            | Self::Algorithm
            | Self::Critical
            | Self::Nested
            | Self::KeyIdFormat
            | Self::Type
            | Self::Issuer
            | Self::Audience
            | Self::NoExpiry
            | Self::Expired
            | Self::NotYet
            | Self::IssuedAhead
            | Self::DateFormat
            | Self::Lifetime
            | Self::ClaimType
            | Self::ClaimMissing
            | Self::ClaimValue
            | Self::UnknownKey
            | Self::Signature
            | Self::Revoked
            | Self::NotBound
            | Self::NotForwardable => (401, Challenge::InvalidToken),
            Self::NoRule | Self::Denied(_) => (403, Challenge::InsufficientScope),
            Self::SignatureLimit => (429, Challenge::None),
            Self::KeysUnavailable | Self::RevocationUnavailable | Self::Busy | Self::NoClock => (503, Challenge::None),
        }
    }

    /// Every reason that is counted by its own name; what the matrix denies is counted for its rule.
    pub(super) const COUNTED: [Self; 36] = [
        Self::UnsafePath,
        Self::NoToken,
        Self::NoWebhook,
        Self::TwoTokens,
        Self::BadCredentials,
        Self::TokenLength,
        Self::TokenFormat,
        Self::HeaderFormat,
        Self::PayloadFormat,
        Self::Algorithm,
        Self::Critical,
        Self::Nested,
        Self::KeyIdFormat,
        Self::Type,
        Self::Issuer,
        Self::Audience,
        Self::NoExpiry,
        Self::Expired,
        Self::NotYet,
        Self::IssuedAhead,
        Self::DateFormat,
        Self::Lifetime,
        Self::ClaimType,
        Self::ClaimMissing,
        Self::ClaimValue,
        Self::UnknownKey,
        Self::Signature,
        Self::Revoked,
        Self::NotBound,
        Self::NotForwardable,
        Self::NoRule,
        Self::SignatureLimit,
        Self::KeysUnavailable,
        Self::RevocationUnavailable,
        Self::Busy,
        Self::NoClock,
    ];
}

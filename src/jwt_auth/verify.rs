//! What a provider asks of a token, its signature apart.

use super::config::Provider;
use super::date::{Date, Span, When};
use super::error::Reason;
use super::token::{Token, media_type};
use crate::claims::Value;

impl Provider {
    /// Whether the provider's tokens may say this in `iss`.
    pub(super) fn issues(&self, issuer: Option<&str>) -> bool {
        self.issuer.is_none() || self.issuer.as_deref() == issuer
    }

    /// Everything but the signature. It is done first, because it costs little; what a token says is used only after its
    /// signature was verified.
    pub(super) fn check(&self, token: &Token<'_>, now_ms: i64) -> Result<Span, Reason> {
        if !self.algorithms.contains(&token.algorithm) {
            return Err(Reason::Algorithm);
        }
        if !self.typ.is_empty() {
            let typ = token.typ.as_deref().map(media_type).ok_or(Reason::Type)?;
            if !self.typ.contains(&typ) {
                return Err(Reason::Type);
            }
        }
        let payload = &token.payload;
        if !self.audiences.is_empty() && !self.is_for_us(payload.member("aud")) {
            return Err(Reason::Audience);
        }
        let span = self.span(payload)?;
        match span.at(now_ms) {
            When::Within => {}
            When::NotYet => return Err(Reason::NotYet),
            When::IssuedAhead => return Err(Reason::IssuedAhead),
            When::Expired => return Err(Reason::Expired),
        }
        if self.required.iter().any(|claim| matches!(claim.find(payload), None | Some(Value::Null))) {
            return Err(Reason::ClaimMissing);
        }
        let holds = |value: &Value, wanted: &[Value]| wanted.iter().any(|wanted| wanted.same(value));
        if !self.require.iter().all(|(claim, wanted)| claim.find(payload).is_some_and(|value| holds(value, wanted))) {
            return Err(Reason::ClaimValue);
        }
        Ok(span)
    }

    /// A text, or a list of nothing but texts, one of which is ours.
    fn is_for_us(&self, audience: Option<&Value>) -> bool {
        let ours = |text: &str| self.audiences.iter().any(|audience| audience == text);
        match audience {
            Some(Value::Text(text)) => ours(text),
            Some(Value::List(texts)) => {
                texts.iter().all(|text| text.text().is_some()) && texts.iter().filter_map(Value::text).any(ours)
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }

    fn span(&self, payload: &Value) -> Result<Span, Reason> {
        let date = |name: &str| match payload.member(name) {
            None => Ok(None),
            Some(value) => Date::read(value).map(Some).ok_or(Reason::DateFormat),
        };
        let expires = date("exp")?.ok_or(Reason::NoExpiry)?;
        let (not_before, issued) = (date("nbf")?, date("iat")?);
        if let Some(max_lifetime_ms) = self.max_lifetime_ms {
            let issued = issued.ok_or(Reason::Lifetime)?;
            if expires.ceil_ms.saturating_sub(issued.floor_ms) > max_lifetime_ms {
                return Err(Reason::Lifetime);
            }
        }
        let from = |date: Option<Date>| date.map_or(i64::MIN, |date| date.ceil_ms.saturating_sub(self.leeway_ms));
        Ok(Span {
            not_before_ms: from(not_before),
            issued_ms: from(issued),
            expires_ms: expires.floor_ms.saturating_add(self.leeway_ms),
        })
    }
}

/// `iss`, `sub` and `jti` are texts where they are given (RFC 7519, section 4.1).
pub(super) fn check_types(payload: &Value) -> Result<(), Reason> {
    let wrong = |name: &&str| payload.member(name).is_some_and(|value| value.text().is_none());
    if ["iss", "sub", "jti"].iter().any(wrong) { Err(Reason::ClaimType) } else { Ok(()) }
}

//! Tokens that are revoked before their time.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::token::ISSUER;

/// What is revoked, until it would have expired by itself.
#[derive(Default)]
pub(crate) struct Revoked(Mutex<Vec<Entry>>);

/// What says which token it is.
#[derive(Clone, Deserialize)]
struct Entry {
    jti: String,
    exp: u64,
}

impl Revoked {
    /// Adds the token of a form `token=…` (RFC 7009). `None`: it is none.
    pub(crate) fn add(&self, form: &str, now_s: u64) -> Option<()> {
        let token = form.trim().strip_prefix("token=")?;
        // Nobody is harmed who has his token revoked by somebody else: this issuer gives him another.
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let entry: Entry = serde_json::from_slice(&claims).ok()?;
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.exp.saturating_add(KEPT_S) > now_s);
        if entries.len() < REVOKED_MOST && !entries.iter().any(|other| other.jti == entry.jti) {
            entries.push(entry);
        }
        Some(())
    }

    /// The list as gateways fetch it.
    pub(crate) fn list(&self) -> Value {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = entries.iter().map(|Entry { jti, exp }| json!({"iss": ISSUER, "jti": jti, "exp": exp}));
        json!({ "revoked": each.collect::<Value>() })
    }
}

/// A gateway's leeway counts longer than the token's end.
const KEPT_S: u64 = 60;
const REVOKED_MOST: usize = 1000;

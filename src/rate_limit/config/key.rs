//! `key`: by what requests are told apart.

use serde::Deserialize;

use super::at_most;
use crate::config::ConfigError;
use crate::identity::{Source, is_header_name};
use crate::rate_limit::key::Part;

/// Most parts of a key.
pub const MAX_KEY_PARTS: usize = 8;
/// Longest constant, in bytes.
pub const MAX_CONSTANT_BYTES: usize = 64;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum PartWire {
    Address,
    Consumer,
    Tenant,
    Method,
    Path,
    Header(String),
    Constant(String),
}

/// What is known of a caller where a rule stands.
#[derive(Clone, Copy)]
pub(super) enum Known<'a> {
    /// Nothing: nobody has asked yet who it is.
    Nobody,
    /// What this source says.
    By(&'a Source),
}

/// Parts in their order. Two keys with the same parts in another order are one.
pub(super) fn check(path: &str, wire: Vec<PartWire>, known: Known<'_>) -> Result<Vec<Part>, ConfigError> {
    at_most(path, wire.len(), MAX_KEY_PARTS)?;
    if wire.is_empty() {
        return Err(ConfigError::new(
            path,
            "is empty; one count for all requests together is [{\"constant\": \"all\"}]",
        ));
    }
    let mut parts = Vec::with_capacity(wire.len());
    for (n, part) in wire.into_iter().enumerate() {
        let refuse = |why: &str| Err(ConfigError::new(format!("{path}[{n}]"), why));
        let part = match part {
            PartWire::Address => Part::Address,
            PartWire::Consumer => match known {
                Known::Nobody => return refuse("is never known here: it runs before the caller is; take \"address\""),
                Known::By(Source::TrustedHeader { subject: None, .. }) => {
                    return refuse("is never known: `identity.trusted_header` names no `subject`");
                }
                Known::By(_) => Part::Consumer,
            },
            PartWire::Tenant => match known {
                Known::Nobody => return refuse("is never known here: it runs before the caller is; take \"address\""),
                Known::By(Source::JwtAuthn { .. }) => {
                    return refuse("is never known: `identity.jwt_authn` has no tenant; take \"consumer\"");
                }
                Known::By(Source::TrustedHeader { tenant: None, .. }) => {
                    return refuse("is never known: `identity.trusted_header` names no `tenant`");
                }
                Known::By(_) => Part::Tenant,
            },
            PartWire::Method => Part::Method,
            PartWire::Path => Part::Path,
            PartWire::Header(name) if is_header_name(&name) => Part::Header(name.to_ascii_lowercase()),
            PartWire::Header(_) => return refuse("is no header name (RFC 9110, section 5.1)"),
            PartWire::Constant(text) if (1..=MAX_CONSTANT_BYTES).contains(&text.len()) => Part::Constant(text),
            PartWire::Constant(_) => {
                return Err(ConfigError::new(
                    format!("{path}[{n}]"),
                    format_args!("must be a text of 1..={MAX_CONSTANT_BYTES} bytes"),
                ));
            }
        };
        // Sorted one by one: there are few.
        match parts.binary_search(&part) {
            Ok(_) => return refuse("stands there twice"),
            Err(at) => parts.insert(at, part),
        }
    }
    Ok(parts)
}

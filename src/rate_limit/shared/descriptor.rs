//! What the service counts by: the entries of a request's descriptor.
//!
//! `policy` and, for a caller in a tier, `tier`; then the parts of the key in their order: `address`, `consumer`, `tenant`,
//! `method`, `path`, `header.NAME`. A constant is the same for all requests of a policy and says nothing. What clients choose or
//! what tells who they are goes as a hash: of one length, without a character that a service joins its own keys with, and
//! no use to whoever reads the service's store.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::message;
use crate::rate_limit::key::{Caller, Part};

/// How many bytes of a value's SHA-256 tell it apart.
const HASH_BYTES: usize = 16;

/// The descriptor of a request that falls under a policy by this `pattern`.
pub(in crate::rate_limit) fn descriptor(
    policy: &str,
    tier: Option<&str>,
    parts: &[Part],
    pattern: &str,
    caller: &mut Caller<'_>,
) -> Vec<u8> {
    let mut entries = vec![("policy".to_owned(), policy.to_owned())];
    entries.extend(tier.map(|tier| ("tier".to_owned(), tier.to_owned())));
    for part in parts {
        let mut value = Vec::new();
        caller.value(part, pattern, &mut |lead, rest| value = [lead, rest].concat());
        let name = match part {
            Part::Address => "address".to_owned(),
            Part::Consumer => "consumer".to_owned(),
            Part::Tenant => "tenant".to_owned(),
            Part::Header(name) => format!("header.{name}"),
            Part::Method | Part::Path => {
                // Behind its sign. The operator's words, or one of a few.
                let text = value.get(1..).unwrap_or_default();
                let name = if *part == Part::Method { "method" } else { "path" };
                entries.push((name.to_owned(), String::from_utf8_lossy(text).into_owned()));
                continue;
            }
            Part::Constant(_) => continue,
        };
        entries.push((name, hash(&value)));
    }
    message::descriptor(entries.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn hash(value: &[u8]) -> String {
    let mut text = String::with_capacity(2 * HASH_BYTES);
    for byte in Sha256::digest(value).into_iter().take(HASH_BYTES) {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

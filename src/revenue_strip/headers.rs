//! The header fields that change when a body may change, and those that keep shared caches apart.

use crate::bytes::is_named;
use crate::head::Head;

/// Fields that describe the bytes of a body or give away its size; an edited body has none of them.
const OF_THE_BYTES: [&str; 9] = [
    "content-length",
    "etag",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "want-digest",
    "want-content-digest",
    "want-repr-digest",
];
/// Signatures over the portal's bytes: wrong after an edit.
const SIGNATURES: [&str; 2] = ["signature", "signature-input"];
/// Prefixes of checksums, as storage services and repositories send them.
const CHECKSUM_PREFIXES: [&str; 3] = ["x-amz-checksum-", "x-goog-hash", "x-checksum"];

/// Fields by which any cache keeps an answer, or tells it from others.
const KEPT_BY: [&str; 4] = ["cache-control", "expires", "last-modified", "vary"];
/// The end of the names of fields that tell one kind of cache what to do.
const AT_THE_END: &str = "-cache-control";
/// The others of these.
const AIMED_AT_CACHES: [&str; 3] = ["surrogate-control", "edge-control", "x-accel-expires"];

/// Which fields of a message would be wrong, or would tell, after an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Describing {
    /// An answer: sizes, validators, digests and signatures.
    Response,
    /// A request: sizes and digests. Signatures stay: over an unchanged body they are right, over a changed one the
    /// receiver refuses them.
    Request,
}

/// Removes the fields that describe the unedited bytes. Also fits trailers.
pub(super) fn forget_bytes(head: &mut Head, of: Describing) {
    head.remove_those(|name| describes_bytes(name, of));
}

/// Whether a field of this name describes the bytes of a body.
fn describes_bytes(name: &[u8], of: Describing) -> bool {
    let signs = of == Describing::Response;
    is_one_of(name, &OF_THE_BYTES)
        || signs && is_one_of(name, &SIGNATURES)
        || begins_with(name, "x-")
            && (CHECKSUM_PREFIXES.iter().any(|prefix| begins_with(name, prefix)) || signs && says_signature(name))
}

/// A loop: every name of every answer is asked for, and what an iterator calls would be a call for each.
#[inline(always)]
fn is_one_of(name: &[u8], known: &[&str]) -> bool {
    for known in known {
        if is_named(name, known) {
            return true;
        }
    }
    false
}

fn begins_with(name: &[u8], prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|beginning| is_named(beginning, prefix))
}

/// Whether a name has a word such as those of `x-hub-signature-256` and `x-shopify-hmac-sha256`.
fn says_signature(name: &[u8]) -> bool {
    let mut words = name.split(|byte| matches!(byte, b'-' | b'_'));
    words.any(|word| is_named(word, "signature") || is_named(word, "hmac"))
}

/// Whether nothing of an answer without content concerns a cache, a validator, or a reader of its bytes: no field says how long it may be
/// kept, or of which bytes it speaks.
pub(super) fn is_bare(head: &Head) -> bool {
    let kept = |name: &[u8]| is_one_of(name, &KEPT_BY) || is_aimed_at_caches(name);
    !head.names().any(|name| kept(name) || describes_bytes(name, Describing::Response))
}

/// Whether caches obey a field of this name before `cache-control` (RFC 9213, and what came before it).
fn is_aimed_at_caches(name: &[u8]) -> bool {
    let end = name.len().checked_sub(AT_THE_END.len()).and_then(|from| name.get(from..));
    end.is_some_and(|end| is_named(end, AT_THE_END)) || is_one_of(name, &AIMED_AT_CACHES)
}

/// Keeps shared caches from giving one caller's answer to another: `cache-control` loses `public` and `s-maxage` and
/// gains `private` unless it says `no-store`; `vary` gains the headers that carry the identity.
pub(super) fn keep_caches_apart(head: &mut Head, identity_headers: &[String]) {
    let says = |directives: &[String], name: &str| directives.iter().any(|text| text.eq_ignore_ascii_case(name));
    if head.has("cache-control") {
        let mut directives = list(head, "cache-control");
        directives.retain(|directive| !matches!(directive_name(directive).as_str(), "public" | "s-maxage"));
        if !says(&directives, "no-store") && !says(&directives, "private") {
            directives.push("private".to_owned());
        }
        head.set("cache-control", directives.join(", ").as_bytes());
    } else {
        // As most portals leave it.
        head.set("cache-control", b"private");
    }
    head.remove_those(is_aimed_at_caches);

    let mut vary = list(head, "vary");
    if says(&vary, "*") {
        return;
    }
    for name in identity_headers {
        if !says(&vary, name) {
            vary.push(name.clone());
        }
    }
    head.set("vary", vary.join(", ").as_bytes());
}

/// The entries of a list field (RFC 9110, section 5.6.1) over all its lines; commas in quoted strings do not divide.
fn list(head: &Head, name: &str) -> Vec<String> {
    let mut entries = Vec::new();
    for value in head.values(name) {
        let value = String::from_utf8_lossy(value);
        let mut entry = String::new();
        let mut quoted = false;
        let mut escaped = false;
        for letter in value.chars() {
            match (letter, quoted, escaped) {
                (',', false, _) => entries.push(std::mem::take(&mut entry)),
                ('"', _, false) => {
                    quoted = !quoted;
                    entry.push(letter);
                }
                (_, _, _) => entry.push(letter),
            }
            escaped = quoted && letter == '\\' && !escaped;
        }
        entries.push(entry);
    }
    entries.iter_mut().for_each(|entry| *entry = entry.trim().to_owned());
    entries.retain(|entry| !entry.is_empty());
    entries
}

fn directive_name(directive: &str) -> String {
    directive.split('=').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{Describing, forget_bytes, keep_caches_apart};
    use crate::head::{Head, Single};

    fn head(fields: &[(&str, &str)]) -> Head {
        Head::new(fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(), false)
    }

    #[test]
    fn no_shared_cache_may_keep_the_answer() {
        for (given, want) in [
            (vec![], "private"),
            (vec!["max-age=60"], "max-age=60, private"),
            (vec!["public, max-age=60, s-maxage=600"], "max-age=60, private"),
            (vec!["Public", "S-MaxAge = 5,max-age=1"], "max-age=1, private"),
            (vec!["no-store"], "no-store"),
            (vec!["public, no-store"], "no-store"),
            (vec!["private, max-age=1"], "private, max-age=1"),
            (vec!["PRIVATE"], "PRIVATE"),
            (vec!["private=\"set-cookie, x\", max-age=1"], "private=\"set-cookie, x\", max-age=1, private"),
            (vec!["ext=\"a\\\", public\", public"], "ext=\"a\\\", public\", private"),
            (vec!["no-cache"], "no-cache, private"),
        ] {
            let fields: Vec<_> = given.iter().map(|value| ("Cache-Control", *value)).collect();
            let mut head = head(&fields);
            keep_caches_apart(&mut head, &["authorization".to_owned()]);
            assert_eq!(head.single("cache-control"), Single::One(want.as_bytes()), "{given:?}");
        }
        let aimed =
            ["surrogate-control", "cdn-cache-control", "Vendor-CDN-Cache-Control", "edge-control", "x-accel-expires"];
        let mut head = head(&aimed.map(|name| (name, "max-age=9")));
        keep_caches_apart(&mut head, &[]);
        assert_eq!(head.fields().map(|(name, _)| name).collect::<Vec<_>>(), ["cache-control", "vary"]);
    }

    #[test]
    fn vary_names_what_carries_the_identity() {
        for (given, want) in [
            (vec![], "authorization, cookie"),
            (vec!["Origin"], "Origin, authorization, cookie"),
            (vec!["Authorization", "accept"], "Authorization, accept, cookie"),
            (vec!["*"], "*"),
        ] {
            let fields: Vec<_> = given.iter().map(|value| ("vary", *value)).collect();
            let mut head = head(&fields);
            keep_caches_apart(&mut head, &["authorization".to_owned(), "cookie".to_owned()]);
            let got: Vec<_> = head.values("vary").collect();
            assert_eq!(got.join(&b", "[..]), want.as_bytes(), "{given:?}");
        }
    }

    #[test]
    fn nothing_describes_bytes_that_may_have_changed() {
        let fields = [
            ("content-length", "5"),
            ("ETag", "\"x\""),
            ("content-md5", "x"),
            ("digest", "x"),
            ("content-digest", "x"),
            ("repr-digest", "x"),
            ("want-repr-digest", "x"),
            ("x-checksum", "x"),
            ("x-checksum-sha1", "x"),
            ("x-goog-hash", "x"),
            ("x-amz-checksum-sha256", "x"),
            ("signature", "x"),
            ("Signature-Input", "x"),
            ("x-webhook-signature", "x"),
            ("x-hub-signature-256", "x"),
            ("x-shopify-hmac-sha256", "x"),
            ("x-signatures", "x"),
            ("last-modified", "x"),
            ("content-type", "x"),
        ];
        let left = |of| {
            let mut head = head(&fields);
            forget_bytes(&mut head, of);
            head.fields().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(left(Describing::Response), ["x-signatures", "last-modified", "content-type"]);
        assert_eq!(
            left(Describing::Request),
            [
                "signature",
                "Signature-Input",
                "x-webhook-signature",
                "x-hub-signature-256",
                "x-shopify-hmac-sha256",
                "x-signatures",
                "last-modified",
                "content-type"
            ]
        );
    }
}

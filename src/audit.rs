//! Audit records: one for each decision, without a token, key, body byte or query.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::bytes::{MAX_DIGITS, Word, any, digits};

/// A decision, as it is recorded. Its texts are its own, or borrowed (`Audit<&str>`) where nobody keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit<Text = String> {
    /// Unix milliseconds; `None` when the host has no clock.
    pub time_ms: Option<u64>,
    /// The correlation id.
    pub id: Option<Text>,
    /// Which filter decided.
    pub filter: &'static str,
    /// Which rule; `None` for what holds without a rule, such as an unsafe path.
    pub rule: Option<Text>,
    /// What was decided, such as `stripped` or `denied`.
    pub outcome: &'static str,
    /// Why, when the outcome alone does not say it.
    pub reason: Option<&'static str>,
    /// Whether the rule only watches.
    pub shadow: bool,
    /// Fields removed or redacted.
    pub fields: u64,
    /// A hash of the subject: tells exchanges of one caller apart, not who it is.
    pub subject: Option<u64>,
    /// The system (portal) that the identity was made for.
    pub system: Option<Text>,
    /// The pattern that the path fitted; never the path itself.
    pub path: Option<Text>,
    /// Which configuration decided; see [`version`].
    pub version: u64,
}

impl Audit<&str> {
    /// The same with texts of its own.
    #[must_use]
    pub fn owned(&self) -> Audit {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let &Self { time_ms, filter, outcome, reason, shadow, fields, subject, version, .. } = self;
        let (id, rule, system, path) = (own(self.id), own(self.rule), own(self.system), own(self.path));
        Audit { time_ms, id, filter, rule, outcome, reason, shadow, fields, subject, system, path, version }
    }
}

impl<Text: AsRef<str>> Audit<Text> {
    /// The record as one line of JSON, absent members left out.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut line = Vec::new();
        self.write_json(&mut line);
        // All that is written are texts.
        String::from_utf8(line).unwrap_or_default()
    }

    /// Appends the same, in UTF-8. Written by hand, since every request comes by here. The texts that are `'static` are our own names,
    /// which need no escapes.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.reserve(LINE_BYTES);
        out.push(b'{');
        if let Some(time_ms) = self.time_ms {
            out.extend_from_slice(b"\"time_ms\":");
            out.extend_from_slice(digits(time_ms, &mut [0; MAX_DIGITS]));
            out.push(b',');
        }
        push_text(out, b"\"id\":\"", self.id.as_ref(), b"\",");
        out.extend_from_slice(b"\"filter\":\"");
        out.extend_from_slice(self.filter.as_bytes());
        push_text(out, b"\",\"rule\":\"", self.rule.as_ref(), b"");
        out.extend_from_slice(b"\",\"outcome\":\"");
        out.extend_from_slice(self.outcome.as_bytes());
        if let Some(reason) = self.reason {
            out.extend_from_slice(b"\",\"reason\":\"");
            out.extend_from_slice(reason.as_bytes());
        }
        out.push(b'"');
        if self.shadow {
            out.extend_from_slice(b",\"shadow\":true");
        }
        if self.fields != 0 {
            out.extend_from_slice(b",\"fields\":");
            out.extend_from_slice(digits(self.fields, &mut [0; MAX_DIGITS]));
        }
        if let Some(subject) = self.subject {
            push_hash(out, b",\"subject\":", subject);
        }
        push_text(out, b",\"system\":\"", self.system.as_ref(), b"\"");
        push_text(out, b",\"path\":\"", self.path.as_ref(), b"\"");
        push_hash(out, b",\"version\":", self.version);
        out.push(b'}');
    }
}

/// More than most lines take, in bytes.
const LINE_BYTES: usize = 384;

pub(crate) fn push_text(out: &mut Vec<u8>, before: &[u8], text: Option<&impl AsRef<str>>, after: &[u8]) {
    if let Some(text) = text {
        out.extend_from_slice(before);
        push_escaped(out, text.as_ref().as_bytes());
        out.extend_from_slice(after);
    }
}

/// Appends a text, and a number in decimal.
pub(crate) fn push_number(out: &mut String, before: &str, number: u64) {
    out.push_str(before);
    digits(number, &mut [0; MAX_DIGITS]).iter().for_each(|&digit| out.push(char::from(digit)));
}

/// As sixteen hex digits.
fn push_hash(out: &mut Vec<u8>, before: &[u8], hash: u64) {
    out.extend_from_slice(before);
    let mut digits = [b'"'; 18];
    if let [_, high @ .., _] = &mut digits
        && let ([high, low], []) = high.as_chunks_mut::<8>()
    {
        *high = hex(hash >> 32);
        *low = hex(hash);
    }
    out.extend_from_slice(&digits);
}

/// The low half of a number in hex, all eight digits at once.
fn hex(number: u64) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // A digit's value in each byte, the first one lowest.
    let number = number & 0xffff_ffff;
    let pairs = (number & 0xffff) << 32 | number >> 16;
    let pairs = (pairs & 0x0000_00ff_0000_00ff) << 16 | (pairs >> 8) & 0x0000_00ff_0000_00ff;
    let values = (pairs & 0x000f_000f_000f_000f) << 8 | (pairs >> 4) & 0x000f_000f_000f_000f;
    // 1 where it is a letter.
    let letters = (values + EACH * 6) >> 4 & EACH;
    (values + EACH * u64::from(b'0') + letters * u64::from(b'a' - b'0' - 10)).to_le_bytes()
}

/// The last hex digit of a value.
fn digit_of(value: u64) -> u8 {
    match (value & 15) as u8 {
        value @ 0..=9 => b'0' + value,
        value => b'a' + (value - 10),
    }
}

/// RFC 8259, section 7: what must be escaped, and no more. What is not ASCII stays as it is.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    if !any(text, odd, is_odd) {
        return out.extend_from_slice(text);
    }
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..b' ' => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit_of(u64::from(byte >> 4)), digit_of(u64::from(byte))]);
            }
            _ => out.push(byte),
        }
    }
}

/// Whether a byte must not stand in a JSON text as it is.
fn is_odd(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// The same for eight bytes: their high bits.
fn odd(word: Word) -> u64 {
    word.below(b' ') | word.is(b'"') | word.is(b'\\')
}

/// A hash that tells one subject from another in audit lines. It is no protection against somebody who can guess the
/// subject.
#[must_use]
pub fn subject_hash(subject: &str) -> u64 {
    hash(&("subject", subject))
}

/// A configuration's version in audit lines: a hash of its text.
#[must_use]
pub fn version(config: &[u8]) -> u64 {
    hash(&("configuration", config))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{Audit, hex, is_odd, odd};
    use crate::bytes::tests::assert_alike;

    fn audit() -> Audit {
        Audit {
            time_ms: Some(1),
            id: Some("a\n\"b".to_owned()),
            filter: "revenue_strip",
            rule: Some("revenue".to_owned()),
            outcome: "stripped",
            reason: None,
            shadow: false,
            fields: 2,
            subject: Some(0xab),
            system: None,
            path: Some("/api/**".to_owned()),
            version: 1,
        }
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        assert_eq!(
            audit().to_json(),
            r#"{"time_ms":1,"id":"a\n\"b","filter":"revenue_strip","rule":"revenue","outcome":"stripped","fields":2,"subject":"00000000000000ab","path":"/api/**","version":"0000000000000001"}"#
        );
        let least = Audit { time_ms: None, id: None, rule: None, fields: 0, subject: None, path: None, ..audit() };
        assert_eq!(least.to_json(), r#"{"filter":"revenue_strip","outcome":"stripped","version":"0000000000000001"}"#);
    }

    #[test]
    fn a_borrowed_record_says_the_same() {
        let own = Audit { system: Some("s".to_owned()), reason: Some("why"), ..audit() };
        let Audit { time_ms, filter, outcome, reason, shadow, fields, subject, version, .. } = own;
        let (id, rule, system, path) =
            (own.id.as_deref(), own.rule.as_deref(), own.system.as_deref(), own.path.as_deref());
        let borrowed =
            Audit { time_ms, id, filter, rule, outcome, reason, shadow, fields, subject, system, path, version };
        assert_eq!(borrowed.owned(), own);
        assert_eq!(borrowed.to_json(), own.to_json());
    }

    #[test]
    fn eight_bytes_are_as_odd_as_one() {
        assert_alike(odd, is_odd);
    }

    #[test]
    fn hex_digits_are_those_of_the_standard_library() {
        for number in [0, 9, 10, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, u64::MAX, 0xf0f0_f0f0_0f0f_0f0f] {
            let digits = [hex(number >> 32), hex(number)].concat();
            assert_eq!(String::from_utf8(digits).unwrap(), format!("{number:016x}"));
        }
    }

    #[test]
    fn whatever_stands_in_it_is_read_back() {
        let odd: String = (0..=0x7f).map(char::from).chain("\u{85}\u{e9}\u{2028}\u{1f6a2}".chars()).collect();
        for number in [0, 1, 9, 10, 1_800_000_000_123, u64::MAX] {
            let audit = Audit {
                time_ms: Some(number),
                id: Some(odd.clone()),
                rule: Some(String::new()),
                reason: Some("why"),
                shadow: true,
                fields: number,
                subject: Some(number),
                system: Some("\\".to_owned()),
                version: number,
                ..audit()
            };
            let line = audit.to_json();
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            let hash = format!("{number:016x}");
            let mut want = serde_json::json!({
                "time_ms": number, "id": odd, "filter": "revenue_strip", "rule": "", "outcome": "stripped", "reason": "why",
                "shadow": true, "fields": number, "subject": hash, "system": "\\", "path": "/api/**", "version": hash,
            });
            if number == 0 {
                want.as_object_mut().unwrap().remove("fields");
            }
            assert_eq!(read, want);
            assert!(!line.bytes().any(|byte| byte < b' '), "one line");
        }
    }
}

//! A member's name as it stands in the text.

/// The bytes between a name's quotation marks: valid UTF-8 and valid escapes, not decoded.
#[derive(Clone, Copy, Debug)]
pub struct RawKey<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) escaped: bool,
}

impl<'a> RawKey<'a> {
    /// The name of these bytes, which an editor has read.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, escaped: bytes.contains(&b'\\') }
    }

    /// The name of this text, which has no escapes.
    pub(crate) fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, escaped: false }
    }

    /// The bytes as they stand in the text.
    #[must_use]
    #[inline(always)]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The name's text, in `space` when escapes had to be decoded. A lone surrogate becomes U+FFFD, so that what
    /// stands around it is still matched.
    pub fn text<'s>(self, space: &'s mut String) -> &'s str
    where
        'a: 's,
    {
        if !self.escaped
            && let Ok(text) = std::str::from_utf8(self.bytes)
        {
            return text;
        }
        space.clear();
        decode(self.bytes, space);
        space
    }
}

/// Appends the text of a string's inside. Total: what the editor has already refused becomes U+FFFD.
fn decode(bytes: &[u8], out: &mut String) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(&String::from_utf8_lossy(plain));
        let (text, used) = unescape(escape);
        out.push(text);
        rest = escape.get(used..).unwrap_or_default();
    }
    out.push_str(&String::from_utf8_lossy(rest));
}

/// The character that an escape stands for, and how many bytes it takes (at least one).
fn unescape(escape: &[u8]) -> (char, usize) {
    let simple = match escape.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(escape),
        Some(_) | None => return (char::REPLACEMENT_CHARACTER, 2.min(escape.len().max(1))),
    };
    (simple, 2)
}

fn unescape_unicode(escape: &[u8]) -> (char, usize) {
    let Some(first) = hex4(escape) else {
        return (char::REPLACEMENT_CHARACTER, 2);
    };
    if let Some(text) = char::from_u32(first) {
        return (text, 6);
    }
    let second = escape.get(6..).and_then(hex4);
    match (first, second) {
        (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        (_, _) => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The number of `\uXXXX` at the start of `escape`.
fn hex4(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |code, &digit| Some(code << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::RawKey;

    #[test]
    fn names_are_decoded_as_rfc_8259_says() {
        let cases = [
            ("plain", "unit_cost", "unit_cost"),
            ("one escape", r"\u0075nit_cost", "unit_cost"),
            ("every short escape", r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            ("surrogate pair", r"\ud83d\ude00x", "😀x"),
            ("upper-case hex", r"\u00E9", "é"),
            ("lone high surrogate", r"markup\ud800", "markup\u{fffd}"),
            ("lone low surrogate", r"\udc00markup", "\u{fffd}markup"),
            ("high surrogate before an escape", r"\ud800\u0041", "\u{fffd}A"),
            ("two high surrogates", r"\ud800\ud83d\ude00", "\u{fffd}😀"),
            ("NUL is a character", r"a\u0000b", "a\0b"),
            ("not ASCII and escaped", r"é\u0041", "éA"),
        ];
        for (name, raw, want) in cases {
            let key = RawKey { bytes: raw.as_bytes(), escaped: raw.contains('\\') };
            assert_eq!(key.text(&mut String::new()), want, "{name}");
        }
    }

    #[test]
    fn decoding_agrees_with_serde_json() {
        for raw in [r"a\u00fc\ud834\udd1eb", r#"\"\u005c\/"#, r"\u0000\u001f", "ü\\n"] {
            let want: String = serde_json::from_str(&format!("\"{raw}\"")).expect("a JSON string");
            assert_eq!(RawKey { bytes: raw.as_bytes(), escaped: true }.text(&mut String::new()), want);
        }
    }
}

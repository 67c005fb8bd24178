//! What JSON has and YAML has not: a character beyond U+FFFF as two escapes.

use std::borrow::Cow;

/// The text with each such pair of escapes as the character that it stands for, if the text looks like JSON. Lines stay.
pub(crate) fn joined(source: &str) -> Cow<'_, str> {
    if !source.trim_start().starts_with(['{', '[']) || !source.contains("\\u") {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (written, length) = match pair(escape) {
            Some(letter) => (letter.to_string(), 12),
            // The escape and the character after it, so that `\\\\u` is no escape of `u`.
            None => {
                let length = escape.chars().take(2).map(char::len_utf8).sum();
                (escape.get(..length).unwrap_or_default().to_owned(), length)
            }
        };
        out.push_str(&written);
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `\\ud83d\\ude00` at the beginning of a text.
fn pair(text: &str) -> Option<char> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    char::decode_utf16([unit(0)?, unit(6)?]).next()?.ok().filter(|letter| letter.len_utf16() == 2)
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn pairs_become_characters_and_the_rest_stays() {
        for (source, want) in [
            (r#"{"a":"\ud83d\ude00\u00e9"}"#, "{\"a\":\"\u{1f600}\\u00e9\"}"),
            (r#"{"a":"\\ud83d\ude00"}"#, r#"{"a":"\\ud83d\ude00"}"#),
            (r#"{"a":"\ud83d"}"#, r#"{"a":"\ud83d"}"#),
            (r#"a: "\ud83d\ude00""#, r#"a: "\ud83d\ude00""#),
            (r#"["\u"#, r#"["\u"#),
            (r#"["\"#, r#"["\"#),
        ] {
            assert_eq!(joined(source), want, "{source}");
        }
    }
}

//! Forms (`application/x-www-form-urlencoded`), in queries and bodies: names and values as bytes, each once decoded.

/// Most fields of a form.
pub const MAX_FIELDS: usize = 1024;

/// A form that is not one, or has more than [`MAX_FIELDS`] fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoForm;

#[cfg(test)]
thread_local! {
    /// How often a form was read.
    pub(super) static READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The fields in their order.
pub(super) fn fields(text: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, NoForm> {
    #[cfg(test)]
    READ.set(READ.get() + 1);
    let mut fields = Vec::new();
    for field in text.split(|&byte| byte == b'&').filter(|field| !field.is_empty()) {
        if fields.len() >= MAX_FIELDS {
            return Err(NoForm);
        }
        let at = field.iter().position(|&byte| byte == b'=').unwrap_or(field.len());
        let (name, value) = field.split_at_checked(at).ok_or(NoForm)?;
        fields.push((decoded(name)?, decoded(value.get(1..).unwrap_or_default())?));
    }
    Ok(fields)
}

/// The one field of this name; `None` when it is not there.
pub(super) fn one(text: &[u8], name: &str) -> Result<Option<Vec<u8>>, NoForm> {
    let mut values = fields(text)?.into_iter().filter(|(given, _)| given == name.as_bytes()).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(NoForm),
    }
}

/// `+` is a blank, `%` begins a byte in hex.
fn decoded(text: &[u8]) -> Result<Vec<u8>, NoForm> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (&[high, low], after) = after.split_first_chunk::<2>().ok_or(NoForm)?;
                rest = after;
                digit(high)? << 4 | digit(low)?
            }
            byte => byte,
        });
    }
    Ok(bytes)
}

fn digit(byte: u8) -> Result<u8, NoForm> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(NoForm)
}

/// Encodes what RFC 3986 does not leave unreserved. By hand: anybody may send much of it, and `format!` takes ten times as long.
pub(super) fn encode(bytes: &[u8], into: &mut Vec<u8>) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'A' - 10 + value };
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte);
        } else {
            into.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_FIELDS, NoForm, encode, fields, one};

    #[test]
    fn fields_are_decoded_once() {
        let texts = |text: &str| {
            fields(text.as_bytes()).map(|fields| {
                let text = |bytes| String::from_utf8(bytes).unwrap();
                fields.into_iter().map(|(name, value)| (text(name), text(value))).collect::<Vec<_>>()
            })
        };
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (text, want) in [
            ("", Ok(vec![])),
            ("a", Ok(vec![field("a", "")])),
            ("a=&=b&&", Ok(vec![field("a", ""), field("", "b")])),
            ("a=b=c&a=%2B+%2526", Ok(vec![field("a", "b=c"), field("a", "+ %26")])),
            ("a;b=c", Ok(vec![field("a;b", "c")])),
            ("a=%", Err(NoForm)),
            ("a=%4", Err(NoForm)),
            ("a=%4g", Err(NoForm)),
        ] {
            assert_eq!(texts(text), want, "{text}");
        }
        assert_eq!(fields(&b"a&".repeat(MAX_FIELDS)).map(|fields| fields.len()), Ok(MAX_FIELDS));
        assert_eq!(fields(&b"a&".repeat(MAX_FIELDS + 1)), Err(NoForm));
    }

    #[test]
    fn a_field_that_stands_twice_is_none() {
        assert_eq!(one(b"a=1&b=2", "a"), Ok(Some(b"1".to_vec())));
        assert_eq!(one(b"a=1&b=2", "c"), Ok(None));
        assert_eq!(one(b"a=1&%61=2", "a"), Err(NoForm));
    }

    #[test]
    fn unreserved_bytes_stay() {
        let mut out = Vec::new();
        encode(b"aZ0-._~ +/\x9a\xff", &mut out);
        assert_eq!(out, b"aZ0-._~%20%2B%2F%9A%FF");
    }
}

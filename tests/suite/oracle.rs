//! What the editor promises to accept and to leave, by a simple reader: RFC 8259 everywhere but inside objects and arrays
//! that are removed, where only strings, brackets and the alphabet count.

/// How many texts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    One,
    /// NDJSON: a line feed between two.
    Lines,
    /// RFC 7464: a record separator before each.
    Records,
}

/// Whether the editor must accept `body`, of whose members those that `is_taken` are removed or replaced.
pub(crate) fn accepts(body: &[u8], is_taken: impl Fn(&str) -> bool) -> bool {
    texts(body, Form::One, is_taken, None).is_some()
}

/// What must be left of each text, without the white space between tokens. Members that `is_taken` go, or get another
/// value. `None`: the body must be refused.
pub(crate) fn texts(
    body: &[u8],
    form: Form,
    is_taken: impl Fn(&str) -> bool,
    replacement: Option<&str>,
) -> Option<Vec<String>> {
    let text = std::str::from_utf8(body).ok()?;
    // Records have no order mark.
    let text = if form == Form::Records { text } else { text.strip_prefix('\u{feff}').unwrap_or(text) };
    let mut reader = Reader { rest: text, out: String::new(), is_taken, replacement };
    let mut texts = Vec::new();
    let mut divided = true;
    loop {
        let before = reader.rest;
        reader.space();
        let space = &before[..before.len() - reader.rest.len()];
        divided |= form == Form::Lines && space.contains('\n');
        if reader.rest.is_empty() {
            return Some(texts);
        }
        if form == Form::Records {
            reader.eat('\u{1e}')?;
            reader.space();
            // Of two record separators, one after another, there is no text between (RFC 7464, section 2.1).
            if reader.rest.is_empty() || reader.rest.starts_with('\u{1e}') {
                continue;
            }
        } else if !divided {
            return None;
        }
        reader.value()?;
        texts.push(std::mem::take(&mut reader.out));
        divided = false;
    }
}

/// Whether another parser takes the bytes for one JSON text (or nothing at all) in UTF-8.
pub(crate) fn is_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let blank = body.iter().all(|byte| b" \t\r\n".contains(byte));
    std::str::from_utf8(body).is_ok() && (blank || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok())
}

struct Reader<'a, F> {
    rest: &'a str,
    /// What is left of the text.
    out: String,
    is_taken: F,
    replacement: Option<&'a str>,
}

impl<'a, F: Fn(&str) -> bool> Reader<'a, F> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn eat(&mut self, sign: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(sign)?;
        Some(())
    }

    /// A scalar, checked by another parser.
    fn scalar(&mut self) -> Option<&'a str> {
        let end = if self.rest.starts_with('"') {
            let mut escaped = false;
            let closing = self.rest[1..].bytes().position(|byte| {
                let closes = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                closes
            });
            closing? + 2
        } else {
            let ends = [',', ']', '}', ' ', '\t', '\r', '\n', ':', '"', '[', '{', '\u{1e}'];
            self.rest.find(ends).unwrap_or(self.rest.len())
        };
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        serde_json::from_str::<serde::de::IgnoredAny>(token).is_ok().then_some(token)
    }

    fn value(&mut self) -> Option<()> {
        self.space();
        match self.rest.chars().next()? {
            '[' => {
                self.eat('[')?;
                self.out.push('[');
                self.space();
                if self.eat(']').is_none() {
                    loop {
                        self.value()?;
                        self.space();
                        if self.eat(',').is_none() {
                            break;
                        }
                        self.out.push(',');
                    }
                    self.eat(']')?;
                }
                self.out.push(']');
            }
            '{' => {
                self.eat('{')?;
                self.out.push('{');
                self.space();
                if self.eat('}').is_none() {
                    let mut first = true;
                    loop {
                        first &= !self.member(first)?;
                        self.space();
                        if self.eat(',').is_none() {
                            break;
                        }
                    }
                    self.eat('}')?;
                }
                self.out.push('}');
            }
            _ => {
                let token = self.scalar()?;
                self.out.push_str(token);
            }
        }
        Some(())
    }

    /// Whether the member stays.
    fn member(&mut self, first: bool) -> Option<bool> {
        self.space();
        if !self.rest.starts_with('"') {
            return None;
        }
        let before = self.out.len();
        if !first {
            self.out.push(',');
        }
        let name = self.scalar()?;
        self.out.push_str(name);
        self.out.push(':');
        self.space();
        self.eat(':')?;
        self.space();
        if !(self.is_taken)(&text_of(name)?) {
            self.value()?;
            return Some(true);
        }
        let value = self.out.len();
        if self.rest.starts_with(['[', '{']) { self.removed() } else { self.value() }?;
        self.out.truncate(if self.replacement.is_some() { value } else { before });
        self.out.push_str(self.replacement.unwrap_or_default());
        Some(self.replacement.is_some())
    }

    fn removed(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            let sign = self.rest.chars().next()?;
            match sign {
                '"' => {
                    self.scalar()?;
                    continue;
                }
                '[' => open.push(']'),
                '{' => open.push('}'),
                ']' | '}' => {
                    if open.pop() != Some(sign) {
                        return None;
                    }
                }
                ' ' | '\t' | '\r' | '\n' | ',' | ':' | '0'..='9' | '+' | '-' | '.' | 'E' => {}
                sign if "aeflnrstu".contains(sign) => {}
                _ => return None,
            }
            self.rest = &self.rest[1..];
            if open.is_empty() {
                return Some(());
            }
        }
    }
}

/// The text of a JSON string, in which lone surrogates are U+FFFD.
fn text_of(token: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    let mut letters = token.strip_prefix('"')?.strip_suffix('"')?.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = letters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).ok()?);
                    continue;
                }
                sign => sign,
            },
            letter => letter,
        };
        units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

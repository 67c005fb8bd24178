//! What the editor promises to accept, by a simple reader: RFC 8259 everywhere but inside objects and arrays that are
//! removed, where only strings, brackets and the alphabet count.

/// Whether the editor must accept `body`, of whose members those that `is_taken` are removed or replaced.
pub(crate) fn accepts(body: &[u8], is_taken: impl Fn(&str) -> bool) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text, is_taken };
    reader.space();
    if reader.rest.is_empty() {
        return true;
    }
    let good = reader.value().is_some();
    reader.space();
    good && reader.rest.is_empty()
}

/// Whether another parser takes the bytes for one JSON text (or nothing at all) in UTF-8.
pub(crate) fn is_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let blank = body.iter().all(|byte| b" \t\r\n".contains(byte));
    std::str::from_utf8(body).is_ok() && (blank || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok())
}

struct Reader<'a, F> {
    rest: &'a str,
    is_taken: F,
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
            self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n', ':', '"', '[', '{']).unwrap_or(self.rest.len())
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
                self.space();
                if self.eat(']').is_some() {
                    return Some(());
                }
                loop {
                    self.value()?;
                    self.space();
                    if self.eat(',').is_none() {
                        return self.eat(']');
                    }
                }
            }
            '{' => {
                self.eat('{')?;
                self.space();
                if self.eat('}').is_some() {
                    return Some(());
                }
                loop {
                    self.member()?;
                    self.space();
                    if self.eat(',').is_none() {
                        return self.eat('}');
                    }
                }
            }
            _ => self.scalar().map(|_| ()),
        }
    }

    fn member(&mut self) -> Option<()> {
        self.space();
        if !self.rest.starts_with('"') {
            return None;
        }
        let name = self.scalar()?.replace(r"\ud800", "\u{fffd}");
        let name: String = serde_json::from_str(&name).ok()?;
        self.space();
        self.eat(':')?;
        self.space();
        if (self.is_taken)(&name) && self.rest.starts_with(['[', '{']) { self.removed() } else { self.value() }
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

//! Tokens of a document (GraphQL specification, October 2021, section 2.1).

use super::error::{Error, Fault};

/// A token; the insides of numbers and strings do not matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Sign(u8),
    /// `...`
    Spread,
    /// A number or string.
    Value,
}

/// Reads tokens one after another.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it stands; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Token<'a>)>, Error> {
        self.skip_ignored()?;
        let at = self.at;
        let Some(byte) = self.peek(0) else {
            return Ok(None);
        };
        let token = match byte {
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|' | b'}' => {
                self.at += 1;
                Token::Sign(byte)
            }
            b'.' if self.rest().starts_with("...") => {
                self.at += 3;
                Token::Spread
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.skip_while(is_name_byte);
                Token::Name(self.text.get(at..self.at).unwrap_or_default())
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b'"' => self.string()?,
            _ => return self.fail(Fault::Token),
        };
        Ok(Some((at, token)))
    }

    /// White space, line ends, commas, comments, order marks. What some reader takes for a line end and this one does not
    /// is refused, also in comments: what comes after it would be a comment for one and a selection for the other.
    fn skip_ignored(&mut self) -> Result<(), Error> {
        let mut comment = false;
        for letter in self.rest().chars() {
            match letter {
                '\n' | '\r' => comment = false,
                '\t' => {}
                ..' ' | '\u{7f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => return self.fail(Fault::Token),
                _ if comment => {}
                '#' => comment = true,
                ' ' | ',' | '\u{feff}' => {}
                _ => break,
            }
            self.at += letter.len_utf8();
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Token<'a>, Error> {
        if self.peek(0) == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek(0) == Some(b'0');
        let whole = self.digits();
        if whole == 0 || zero && whole > 1 {
            return self.fail(Fault::Token);
        }
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail(Fault::Token);
            }
        }
        if let Some(b'e' | b'E') = self.peek(0) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek(0) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail(Fault::Token);
            }
        }
        if self.peek(0).is_some_and(|byte| byte == b'.' || is_name_byte(byte)) {
            return self.fail(Fault::Token);
        }
        Ok(Token::Value)
    }

    fn string(&mut self) -> Result<Token<'a>, Error> {
        if self.rest().starts_with("\"\"\"") {
            return self.block_string();
        }
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Token::Value);
                }
                Some(b'\\') => self.escape()?,
                Some(b'\t') => self.at += 1,
                None | Some(..b' ') => return self.fail(Fault::Text),
                Some(_) => self.at += 1,
            }
        }
    }

    /// To the next `"""` that has no backslash before it.
    fn block_string(&mut self) -> Result<Token<'a>, Error> {
        self.at += 3;
        loop {
            let rest = self.rest();
            if rest.starts_with("\"\"\"") {
                self.at += 3;
                return Ok(Token::Value);
            }
            match self.peek(0) {
                Some(b'\\') if rest.starts_with("\\\"\"\"") => self.at += 4,
                Some(b'\t' | b'\n' | b'\r') => self.at += 1,
                None | Some(..b' ') => return self.fail(Fault::Text),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        let kind = self.peek(1);
        self.at += 2;
        match kind {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => {
                let braced = self.peek(0) == Some(b'{');
                self.at += usize::from(braced);
                let start = self.at;
                self.skip_while(|byte| byte.is_ascii_hexdigit());
                let digits = self.at - start;
                if !braced && digits >= 4 {
                    self.at = start + 4;
                    return Ok(());
                }
                if braced && (1..=8).contains(&digits) && self.peek(0) == Some(b'}') {
                    self.at += 1;
                    return Ok(());
                }
                self.fail(Fault::Text)
            }
            Some(_) | None => self.fail(Fault::Text),
        }
    }

    /// Reads digits: how many.
    fn digits(&mut self) -> usize {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_digit());
        self.at - start
    }

    fn skip_while(&mut self, fits: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&fits) {
            self.at += 1;
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// What is not read; empty when the last byte read was not the last one of its character.
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fail<T>(&self, fault: Fault) -> Result<T, Error> {
        Err(Error { at: self.at.min(self.text.len()), fault })
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

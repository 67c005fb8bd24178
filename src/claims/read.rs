//! A JSON text as a value: strict, and bounded before anything is allocated for it.

use std::fmt;

use super::Value;

/// What a text may have. Its length is the caller's to bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Objects and arrays inside each other.
    pub max_depth: usize,
    /// Members of one object.
    pub max_members: usize,
}

/// Why a text is no value. Says nothing of what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Not UTF-8.
    NotUtf8,
    /// Not the grammar of RFC 8259; also a byte order mark, or anything after the value.
    Syntax,
    /// `\u` of half a surrogate pair.
    LoneSurrogate,
    /// A name stands twice in one object, also when the escapes differ.
    Duplicate,
    /// More levels than [`Limits::max_depth`].
    TooDeep,
    /// More members than [`Limits::max_members`].
    TooManyMembers,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "is not UTF-8",
            Self::Syntax => "is not JSON",
            Self::LoneSurrogate => "has half a surrogate pair",
            Self::Duplicate => "has a name twice in one object",
            Self::TooDeep => "is nested too deep",
            Self::TooManyMembers => "has an object with too many members",
        })
    }
}

pub(super) fn read(text: &[u8], limits: Limits) -> Result<Value, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::NotUtf8)?;
    let mut reader = Reader { text, at: 0, limits };
    let value = reader.value(0)?;
    reader.skip_blanks();
    if reader.at == text.len() { Ok(value) } else { Err(Fault::Syntax) }
}

struct Reader<'a> {
    text: &'a str,
    /// The byte to be read next.
    at: usize,
    limits: Limits,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, word: &str) -> Result<(), Fault> {
        let there = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if !there {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    /// A value at this depth; calls itself at most [`Limits::max_depth`] times.
    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(|text| Value::Number(text.to_owned())),
            Some(b't') => self.expect("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.expect("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.expect("null").map(|()| Value::Null),
            Some(_) | None => Err(Fault::Syntax),
        }
    }

    fn enter(&self, depth: usize) -> Result<usize, Fault> {
        if depth >= self.limits.max_depth { Err(Fault::TooDeep) } else { Ok(depth + 1) }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let inside = self.enter(depth)?;
        self.expect("{")?;
        let mut members: Vec<(String, Value)> = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_blanks();
            let name = self.string()?;
            if members.len() >= self.limits.max_members {
                return Err(Fault::TooManyMembers);
            }
            self.skip_blanks();
            self.expect(":")?;
            let value = self.value(inside)?;
            members.push((name, value));
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return if has_twice(&members) { Err(Fault::Duplicate) } else { Ok(Value::Object(members)) };
                }
                Some(_) | None => return Err(Fault::Syntax),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let inside = self.enter(depth)?;
        self.expect("[")?;
        let mut elements = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(elements));
        }
        loop {
            elements.push(self.value(inside)?);
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(elements));
                }
                Some(_) | None => return Err(Fault::Syntax),
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.expect("\"")?;
        let mut out = String::new();
        loop {
            let from = self.at;
            let rest = self.text.as_bytes().get(from..).unwrap_or_default();
            let plain = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            self.at = from + plain.ok_or(Fault::Syntax)?;
            let run = self.text.get(from..self.at).unwrap_or_default();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    if out.is_empty() {
                        return Ok(run.to_owned());
                    }
                    out.push_str(run);
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push_str(run);
                    out.push(self.escape()?);
                }
                Some(_) | None => return Err(Fault::Syntax),
            }
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let letter = self.peek().ok_or(Fault::Syntax)?;
        self.at += 1;
        Ok(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits()?;
                match first {
                    0xd800..=0xdbff => {
                        if self.expect("\\u").is_err() {
                            return Err(Fault::LoneSurrogate);
                        }
                        let second = self.four_digits()?;
                        if !(0xdc00..=0xdfff).contains(&second) {
                            return Err(Fault::LoneSurrogate);
                        }
                        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        char::from_u32(code).ok_or(Fault::LoneSurrogate)?
                    }
                    _ => char::from_u32(first).ok_or(Fault::LoneSurrogate)?,
                }
            }
            _ => return Err(Fault::Syntax),
        })
    }

    fn four_digits(&mut self) -> Result<u32, Fault> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Fault::Syntax)?;
        let mut code = 0;
        for &digit in digits {
            code = code << 4 | char::from(digit).to_digit(16).ok_or(Fault::Syntax)?;
        }
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(from..self.at).ok_or(Fault::Syntax)
    }

    /// At least one.
    fn digits(&mut self) -> Result<(), Fault> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == from { Err(Fault::Syntax) } else { Ok(()) }
    }
}

/// Whether a name stands twice. Sorts the names: comparing each with each takes too long where there are many.
fn has_twice(members: &[(String, Value)]) -> bool {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [one, next] if one == next))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Fault, Limits, Value};

    const LIMITS: Limits = Limits { max_depth: 4, max_members: 3 };

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn values_are_read_to_the_letter() {
        let number = |text: &str| Value::Number(text.to_owned());
        let cases: [(&str, Value); 18] = [
            ("null", Value::Null),
            (" true\t", Value::Bool(true)),
            ("\r\nfalse\n", Value::Bool(false)),
            ("0", number("0")),
            ("-0", number("-0")),
            ("-12.50e+07", number("-12.50e+07")),
            ("1E400", number("1E400")),
            ("123456789012345678901234567890", number("123456789012345678901234567890")),
            (r#""""#, text("")),
            (r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#, text("a\"\\/\u{8}\u{c}\n\r\té😀z")),
            (r#""\u0000""#, text("\0")),
            ("\"é\u{7f}\"", text("é\u{7f}")),
            ("[]", Value::List(vec![])),
            ("[1 ,\"a\"]", Value::List(vec![number("1"), text("a")])),
            ("{}", Value::Object(vec![])),
            (r#"{"a":1,"A":2}"#, Value::Object(vec![("a".into(), number("1")), ("A".into(), number("2"))])),
            (r#"{"":null}"#, Value::Object(vec![(String::new(), Value::Null)])),
            ("[[[[]]]]", Value::List(vec![Value::List(vec![Value::List(vec![Value::List(vec![])])])])),
        ];
        for (json, want) in cases {
            let got = Value::read(json.as_bytes(), LIMITS);
            assert!(got.as_ref() == Ok(&want), "{json}: {got:?}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let cases: [(&str, &[u8], Fault); 52] = [
            ("nothing", b"", Fault::Syntax),
            ("blanks", b" ", Fault::Syntax),
            ("order mark", b"\xef\xbb\xbf{}", Fault::Syntax),
            ("two values", b"{}{}", Fault::Syntax),
            ("a word after", b"{}x", Fault::Syntax),
            ("NUL after", b"{}\0", Fault::Syntax),
            ("form feed", b"\x0c{}", Fault::Syntax),
            ("trailing comma", br#"{"a":1,}"#, Fault::Syntax),
            ("comma in a list", b"[1,]", Fault::Syntax),
            ("no comma", b"[1 2]", Fault::Syntax),
            ("no colon", br#"{"a" 1}"#, Fault::Syntax),
            ("no value", br#"{"a":}"#, Fault::Syntax),
            ("bare name", b"{a:1}", Fault::Syntax),
            ("single quotes", b"{'a':1}", Fault::Syntax),
            ("a comment", b"{}//", Fault::Syntax),
            ("a comment inside", b"{/**/}", Fault::Syntax),
            ("cut object", br#"{"a":1"#, Fault::Syntax),
            ("cut list", b"[1", Fault::Syntax),
            ("cut string", br#""a"#, Fault::Syntax),
            ("cut escape", br#""\"#, Fault::Syntax),
            ("cut \\u", br#""\u12"#, Fault::Syntax),
            ("wrong bracket", b"[1}", Fault::Syntax),
            ("raw line feed", b"\"a\nb\"", Fault::Syntax),
            ("raw NUL", b"\"\0\"", Fault::Syntax),
            ("unknown escape", br#""\x41""#, Fault::Syntax),
            ("signed \\u", br#""\u+041""#, Fault::Syntax),
            ("lone high", br#""\ud800""#, Fault::LoneSurrogate),
            ("high and text", br#""\ud800a""#, Fault::LoneSurrogate),
            ("high and high", br#""\ud800\ud800""#, Fault::LoneSurrogate),
            ("lone low", br#""\udc00""#, Fault::LoneSurrogate),
            ("encoded surrogate", b"\"\xed\xa0\x80\"", Fault::NotUtf8),
            ("overlong", b"\"\xc0\xaf\"", Fault::NotUtf8),
            ("half a letter", b"\"\xc3\"", Fault::NotUtf8),
            ("leading zero", b"01", Fault::Syntax),
            ("plus", b"+1", Fault::Syntax),
            ("bare point", b".5", Fault::Syntax),
            ("point at the end", b"1.", Fault::Syntax),
            ("bare exponent", b"1e", Fault::Syntax),
            ("signed bare exponent", b"1e+", Fault::Syntax),
            ("minus alone", b"-", Fault::Syntax),
            ("hexadecimal", b"0x10", Fault::Syntax),
            ("NaN", b"NaN", Fault::Syntax),
            ("infinity", b"-Infinity", Fault::Syntax),
            ("other case", b"True", Fault::Syntax),
            ("a name twice", br#"{"a":1,"a":1}"#, Fault::Duplicate),
            ("twice in other escapes", br#"{"a":1,"\u0061":1}"#, Fault::Duplicate),
            ("twice, nested", br#"[{"b":{"a":1,"b":2,"a":3}}]"#, Fault::Duplicate),
            ("deep lists", b"[[[[[", Fault::TooDeep),
            ("deep objects", br#"{"a":{"a":{"a":{"a":{}}}}}"#, Fault::TooDeep),
            ("many members", br#"{"a":1,"b":1,"c":1,"d":1}"#, Fault::TooManyMembers),
            ("a name that is no string", b"{1:1}", Fault::Syntax),
            ("only a quote", b"\"", Fault::Syntax),
        ];
        for (name, json, want) in cases {
            assert!(Value::read(json, LIMITS) == Err(want), "{name}: {:?}", Value::read(json, LIMITS));
        }
        let deep = "[".repeat(1_000_000);
        assert!(Value::read(deep.as_bytes(), LIMITS) == Err(Fault::TooDeep));
    }

    #[test]
    fn many_names_are_read_in_time() {
        let limits = Limits { max_members: 100_001, ..LIMITS };
        let names: Vec<String> = (0..100_000).rev().map(|n| format!("{n:06}")).collect();
        let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
        let members = members.join(",");
        let began = Instant::now();
        let Ok(Value::Object(read)) = Value::read(format!("{{{members}}}").as_bytes(), limits) else {
            panic!("an object")
        };
        assert!(read.iter().map(|(name, _)| name).eq(&names), "the order is that of the text");
        let twice = format!("{{{members},\"050000\":2}}");
        assert!(Value::read(twice.as_bytes(), limits) == Err(Fault::Duplicate));
        // Each with each is billions of comparisons.
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[test]
    fn equality_is_typed() {
        for (one, two, same) in [
            ("42", "42.0", true),
            ("42", "\"42\"", false),
            ("null", "false", false),
            ("0", "false", false),
            ("[1,2]", "[1.0,2]", true),
            ("[1,2]", "[2,1]", false),
            ("[1]", "[1,1]", false),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"c":2}"#, false),
            ("\"a\"", "\"A\"", false),
            ("1e9999999999", "1e9999999999", true),
            ("1e9999999999", "1e9999999998", false),
        ] {
            let read = |json: &str| Value::read(json.as_bytes(), LIMITS).unwrap();
            assert_eq!(read(one).same(&read(two)), same, "{one} {two}");
            assert_eq!(read(two).same(&read(one)), same, "{two} {one}");
        }
    }
}

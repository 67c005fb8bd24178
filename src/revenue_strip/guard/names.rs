//! Names in JSON texts, found by the colon behind them.

use super::Demand;

/// Reads JSON texts, one after another, a byte at a time.
#[derive(Debug)]
pub(in crate::revenue_strip) struct Names {
    at: At,
    /// The string being read, or read last, as it stands in the text.
    text: Vec<u8>,
    /// Whether there was more of it than is kept.
    longer: bool,
    max_bytes: usize,
    known: Known,
}

/// The names seen last and what is demanded of them, which is the same throughout a body.
#[derive(Debug)]
struct Known(Vec<(Vec<u8>, Demand)>);

/// What is kept of the buffer for strings from one to the next, in bytes.
const KEPT_CAPACITY: usize = 1024;
/// Places for known names.
const KNOWN: usize = 64;
/// Longer names are not remembered.
const KNOWN_BYTES: usize = 32;

impl Known {
    fn demand(&mut self, name: &[u8], ask: impl FnOnce(&str) -> Demand) -> Demand {
        let place = name.iter().fold(name.len(), |sum, &byte| sum.wrapping_mul(31) ^ usize::from(byte)) % KNOWN;
        if self.0.is_empty() {
            // No name is this byte, which is not UTF-8.
            self.0.resize(KNOWN, (vec![0xff], Demand::Nothing));
        }
        match self.0.get_mut(place) {
            Some((known, demand)) if known == name => *demand,
            Some(slot) if name.len() <= KNOWN_BYTES => {
                slot.1 = ask(&decoded(name));
                slot.0.clear();
                slot.0.extend_from_slice(name);
                slot.1
            }
            Some(_) | None => ask(&decoded(name)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Outside,
    Text,
    Backslash,
    /// Behind a string.
    Behind,
    /// Behind the colon of a redacted member.
    Value(u32),
    /// Inside its literal, of which so many bytes have come.
    Literal(u32, usize),
    /// Behind its literal.
    LiteralEnd,
}

impl Names {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { at: At::Outside, text: Vec::new(), longer: false, max_bytes, known: Known(Vec::new()) }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.text.len() + self.known.0.len() * (KNOWN_BYTES + size_of::<(Vec<u8>, Demand)>())
    }

    /// Forgets where it was: another text begins.
    pub(super) fn forget(&mut self) {
        self.at = At::Outside;
        self.text.clear();
    }

    /// Reads a byte; whether all is well so far.
    pub(super) fn read<'a>(
        &mut self,
        byte: u8,
        demand: impl FnOnce(&str) -> Demand,
        literal: impl FnOnce(u32) -> &'a [u8],
    ) -> bool {
        let is_space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.at = match (self.at, byte) {
            (At::Outside | At::Behind, b'"') => {
                self.text.clear();
                self.text.shrink_to(KEPT_CAPACITY);
                self.longer = false;
                At::Text
            }
            (At::Outside, _) => At::Outside,
            (At::Text, b'"') => At::Behind,
            (At::Text | At::Backslash, _) => {
                if self.text.len() < self.max_bytes {
                    self.text.push(byte);
                } else {
                    self.longer = true;
                }
                if self.at == At::Text && byte == b'\\' { At::Backslash } else { At::Text }
            }
            (At::Behind, b':') => {
                // No editor lets such a name go on.
                if self.longer {
                    return false;
                }
                match self.known.demand(&self.text, demand) {
                    Demand::Nothing => At::Outside,
                    Demand::Absent => return false,
                    Demand::Literal(n) => At::Value(n),
                }
            }
            (At::Behind, _) if is_space => At::Behind,
            (At::Behind, _) => At::Outside,
            (At::Value(n), _) if is_space => At::Value(n),
            (At::Value(n), _) => return self.compare(byte, n, 0, literal(n)),
            (At::Literal(n, come), _) => return self.compare(byte, n, come, literal(n)),
            (At::LiteralEnd, b',' | b'}') => At::Outside,
            (At::LiteralEnd, _) if is_space => At::LiteralEnd,
            (At::LiteralEnd, _) => return false,
        };
        true
    }

    fn compare(&mut self, byte: u8, n: u32, come: usize, literal: &[u8]) -> bool {
        self.at = if come + 1 == literal.len() { At::LiteralEnd } else { At::Literal(n, come + 1) };
        literal.get(come) == Some(&byte)
    }
}

/// A name's text, character by character; what is no text becomes U+FFFD.
pub(super) fn decoded(raw: &[u8]) -> String {
    let raw = String::from_utf8_lossy(raw);
    let mut units: Vec<u16> = Vec::with_capacity(raw.len());
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        let letter = if letter != '\\' {
            letter
        } else {
            match letters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
                    continue;
                }
                Some(other) => other,
                None => char::REPLACEMENT_CHARACTER,
            }
        };
        units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

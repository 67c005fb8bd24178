//! Columns of tables.

use serde_json::Value;

use crate::revenue_strip::body::{Decision, Rulebook, decide, literal};
use crate::revenue_strip::matcher::RuleMask;

/// Reads a table, a byte at a time. The editor has seen to it that it has one kind of separator, and that quotation
/// marks stand where they mean something.
#[derive(Debug)]
pub(in crate::revenue_strip) struct Table {
    /// For each column: whether it is redacted. Complete when the header row is.
    redacted: Vec<bool>,
    /// What a redacted cell may be. `None`: not to be told.
    accepted: Option<Vec<Vec<u8>>>,
    in_header: bool,
    separator: Option<u8>,
    column: usize,
    quoted: bool,
    /// Whether the line has had a byte.
    begun: bool,
    /// The cell as it stands, of the header row or a redacted column.
    cell: Vec<u8>,
    max_bytes: usize,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Table {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            redacted: Vec::new(),
            accepted: None,
            in_header: true,
            separator: None,
            column: 0,
            quoted: false,
            begun: false,
            cell: Vec::new(),
            max_bytes,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.cell.len() + self.redacted.len()
    }

    /// Reads a byte; whether all is well so far.
    pub(super) fn read(&mut self, byte: u8, book: &mut Rulebook<'_>) -> bool {
        let separates = match self.separator {
            // The header row has one kind outside quotation marks.
            None => matches!(byte, b',' | b';' | b'\t' | b'|'),
            Some(separator) => byte == separator,
        };
        match byte {
            b'\r' | b'\n' if !self.quoted => {
                // Empty lines, and the line feed behind a carriage return, end nothing.
                let fine = !self.begun || self.end_cell(book);
                self.in_header &= !self.begun;
                self.begun = false;
                self.column = 0;
                fine
            }
            _ if separates && !self.quoted => {
                self.separator = Some(byte);
                self.begun = true;
                self.end_cell(book)
            }
            _ => {
                // Of two marks in a row the first ends the quotation, and the second begins it anew.
                self.quoted ^= byte == b'"';
                self.begun = true;
                if self.in_header || self.redacted.get(self.column) == Some(&true) {
                    self.cell.push(byte);
                }
                self.cell.len() <= self.max_bytes
            }
        }
    }

    /// Ends the table; whether all is well.
    pub(super) fn finish(&mut self, book: &mut Rulebook<'_>) -> bool {
        !self.begun || self.end_cell(book)
    }

    fn end_cell(&mut self, book: &mut Rulebook<'_>) -> bool {
        let text = decoded(&self.cell);
        self.cell.clear();
        let column = self.column;
        self.column += 1;
        if !self.in_header {
            let check = self.redacted.get(column) == Some(&true);
            return !check || self.accepted.as_ref().is_none_or(|accepted| accepted.contains(&text));
        }
        let name = String::from_utf8_lossy(&text).into_owned();
        match decision(&name, book) {
            Decision::Remove => return false,
            Decision::Keep => self.redacted.push(false),
            Decision::Redact(_) => {
                self.accepted = accepted(book);
                self.redacted.push(true);
            }
        }
        true
    }
}

/// What the rules make of a column by those of its spellings that are sure.
fn decision(name: &str, book: &mut Rulebook<'_>) -> Decision {
    decide(book.rules, sure_rules(name, book), 0)
}

/// The rules that act on a name by those of its spellings that are sure. Rules that except a name like it, or redact where
/// they remove, are left to the editor.
pub(super) fn sure_rules(name: &str, book: &mut Rulebook<'_>) -> RuleMask {
    let mut mask = 0;
    for spelling in spellings(name) {
        mask |= book.matcher.member_named(&spelling);
    }
    mask & book.active.enforce & !book.matcher.excepted_like(name)
}

/// The name as it stands, without white space around it, and its words in lower case when all of them are plain.
fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned(), name.trim().to_owned()];
    let words: Vec<&str> =
        name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_plain = |word: &&str| {
        let rest = word.as_bytes().get(1..).unwrap_or_default();
        word.bytes().all(|byte| byte.is_ascii_alphabetic())
            && (rest.iter().all(u8::is_ascii_lowercase) || word.bytes().all(|byte| byte.is_ascii_uppercase()))
    };
    if words.len() > 1 && words.iter().all(is_plain) {
        all.push(words.join("_").to_ascii_lowercase());
    }
    all
}

/// What the cells of redacted columns may be: which rule's literal it is depends on spellings that only the editor knows.
fn accepted(book: &Rulebook<'_>) -> Option<Vec<Vec<u8>>> {
    let acting = (0..).zip(book.rules).filter(|(n, _)| book.active.enforce & 1 << n != 0);
    let texts = acting.map(|(n, _)| cell_text(literal(book.rules, n)));
    texts.chain([Some(Vec::new())]).collect()
}

/// A cell's text.
fn decoded(raw: &[u8]) -> Vec<u8> {
    // At the start of a table.
    let raw = raw.strip_prefix(BOM).unwrap_or(raw);
    let Some(inside) = raw.strip_prefix(b"\"") else {
        return raw.to_vec();
    };
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'"' && bytes.next().is_none() {
            break;
        }
        text.push(byte);
    }
    text
}

/// What a redaction literal is in a cell: a string's text, nothing for `null`, else the literal. `None` with escapes,
/// which the editor may have to write in another way.
fn cell_text(literal: &[u8]) -> Option<Vec<u8>> {
    if literal.contains(&b'\\') {
        return None;
    }
    Some(match serde_json::from_slice(literal) {
        Ok(Value::Null) => Vec::new(),
        Ok(Value::String(text)) => text.into_bytes(),
        Ok(_) | Err(_) => literal.trim_ascii().to_vec(),
    })
}

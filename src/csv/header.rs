//! The header row, read whole.

use std::ops::Range;

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::error::Fault;
use super::{Dialect, Limits};

/// What may separate fields.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Whether fields could be separated by this.
pub(super) fn is_separator(byte: u8) -> bool {
    SEPARATORS.contains(&byte)
}

/// The header row's cells.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) separator: u8,
    /// Where each cell stands, with its quotation marks.
    pub(super) cells: Vec<Range<usize>>,
    /// Each cell's text.
    pub(super) names: Vec<String>,
}

/// A fault, and where it stands in the row.
type Place = (usize, Fault);

impl Header {
    /// Reads a row without order mark and line end.
    pub(super) fn read(row: &[u8], dialect: Dialect, limits: &Limits) -> Result<Self, Place> {
        let text = std::str::from_utf8(row).map_err(|error| (error.valid_up_to(), Fault::NotUtf8))?;
        let start = text.trim_start_matches(['"', '\'', ' ']);
        if start.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("sep=")) {
            return Err((0, Fault::NoHeader));
        }
        // `csv-core` would leave a second order mark out of the first name.
        if text.starts_with('\u{feff}') {
            return Err((0, Fault::NoHeader));
        }
        let separator = separator(row, dialect)?;
        let cells = split(row, separator, limits.max_columns)?;
        let names = names(row, separator, cells.len()).ok_or((0, Fault::NoHeader))?;
        for (cell, name) in cells.iter().zip(&names) {
            if !is_name(name) {
                return Err((cell.start, Fault::NoHeader));
            }
        }
        Ok(Self { separator, cells, names })
    }
}

/// The one kind of separator outside quotation marks. A row of one cell gets the dialect's own.
fn separator(row: &[u8], dialect: Dialect) -> Result<u8, Place> {
    let (mut found, fallback) = match dialect {
        Dialect::Detect => (None, b','),
        Dialect::Tabs => (Some(b'\t'), b'\t'),
    };
    let mut quoted = false;
    for (at, &byte) in row.iter().enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        } else if !quoted && is_separator(byte) && *found.get_or_insert(byte) != byte {
            return Err((at, Fault::AmbiguousSeparator));
        }
    }
    Ok(found.unwrap_or(fallback))
}

/// Where the cells stand. The rules are those for records in [`Editor`](super::Editor).
fn split(row: &[u8], separator: u8, max_columns: usize) -> Result<Vec<Range<usize>>, Place> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        if cells.len() >= max_columns {
            return Err((at, Fault::TooManyColumns));
        }
        let start = at;
        at = if row.get(at) == Some(&b'"') {
            quoted_end(row, at + 1, separator)?
        } else {
            plain_end(row, at, separator)?
        };
        cells.push(start..at);
        match row.get(at) {
            None => return Ok(cells),
            Some(&byte) if byte == separator => at += 1,
            Some(_) => return Err((at, Fault::TextAfterQuote)),
        }
    }
}

/// The end of a cell without quotation marks.
fn plain_end(row: &[u8], mut at: usize, separator: u8) -> Result<usize, Place> {
    while let Some(&byte) = row.get(at) {
        match byte {
            _ if byte == separator => break,
            b'"' => return Err((at, Fault::BareQuote)),
            b'\t' => {}
            ..b' ' => return Err((at, Fault::ControlCharacter)),
            _ => {}
        }
        at += 1;
    }
    Ok(at)
}

/// The place after the closing quotation mark.
fn quoted_end(row: &[u8], mut at: usize, separator: u8) -> Result<usize, Place> {
    loop {
        match row.get(at) {
            None => return Err((at, Fault::Truncated)),
            Some(b'"') if row.get(at + 1) == Some(&b'"') => at += 1,
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if row.get(at + 1) == Some(&b'"') => return Err((at + 1, Fault::BackslashQuote)),
            Some(b'\t' | b'\r' | b'\n') => {
                if separator == b'\t' {
                    return Err((at, Fault::QuotedBreak));
                }
            }
            Some(..b' ') => return Err((at, Fault::ControlCharacter)),
            Some(_) => {}
        }
        at += 1;
    }
}

/// The cells' texts by `csv-core`, which must see as many of them.
fn names(row: &[u8], separator: u8, count: usize) -> Option<Vec<String>> {
    let mut reader = ReaderBuilder::new().delimiter(separator).build();
    let mut text = vec![0; row.len()];
    let mut ends = vec![0; count];
    // The row, and then its end.
    let (result, read, written, ended) = reader.read_record(row, &mut text, &mut ends);
    if result != ReadRecordResult::InputEmpty || read != row.len() {
        return None;
    }
    let rest = text.get_mut(written..)?;
    // Room for nothing is no room, although only the last cell's end is missing.
    let mut spare = [0];
    let rest = if rest.is_empty() { &mut spare } else { rest };
    let (result, _, more, last) = reader.read_record(b"", rest, ends.get_mut(ended..)?);
    if result != ReadRecordResult::Record || more != 0 || ended + last != count {
        return None;
    }
    let mut from = 0;
    let mut names = Vec::with_capacity(count);
    for end in ends {
        names.push(std::str::from_utf8(text.get(from..end)?).ok()?.to_owned());
        from = end;
    }
    Some(names)
}

/// Whether a cell can be a column's name: see [`Fault::NoHeader`].
fn is_name(text: &str) -> bool {
    text.chars().any(char::is_alphabetic) && !text.chars().any(is_invisible)
}

/// Characters that hide in a name without being seen: format characters and controls that are no white space.
fn is_invisible(letter: char) -> bool {
    let format = matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    format || letter.is_control() && !letter.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Fault, Header, Limits};

    fn read(row: &str, dialect: Dialect) -> Result<(char, Vec<String>), Fault> {
        let header = Header::read(row.as_bytes(), dialect, &Limits::default()).map_err(|(_, fault)| fault)?;
        let cells: Vec<&str> = header.cells.iter().map(|cell| &row[cell.clone()]).collect();
        assert_eq!(cells.join(&char::from(header.separator).to_string()), row, "cells and separators are the row");
        Ok((header.separator.into(), header.names))
    }

    #[test]
    fn a_header_row_has_names_and_one_separator() {
        let cases: [(&str, char, &[&str]); 14] = [
            ("a,b", ',', &["a", "b"]),
            ("a;b", ';', &["a", "b"]),
            ("a\tb", '\t', &["a", "b"]),
            ("a|b", '|', &["a", "b"]),
            ("alone", ',', &["alone"]),
            ("\"alone\"", ',', &["alone"]),
            ("a,a", ',', &["a", "a"]),
            (" a , b ", ',', &[" a ", " b "]),
            (r#""a;b|c","d,e""#, ',', &["a;b|c", "d,e"]),
            (r#""a ""b"" c",d"#, ',', &[r#"a "b" c"#, "d"]),
            ("\"a\nb\",c", ',', &["a\nb", "c"]),
            ("\"a,b\";c", ';', &["a,b", "c"]),
            ("Preis €,größe,漢字,1st", ',', &["Preis €", "größe", "漢字", "1st"]),
            (r"a\b,c", ',', &[r"a\b", "c"]),
        ];
        for (row, separator, names) in cases {
            let want = names.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(read(row, Dialect::Detect), Ok((separator, want)), "{row}");
        }
        assert_eq!(read("a\tb", Dialect::Tabs), Ok(('\t', vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(read("alone", Dialect::Tabs), Ok(('\t', vec!["alone".to_owned()])));
    }

    #[test]
    fn what_is_no_header_row_is_refused() {
        let cases = [
            ("a,b;c", Fault::AmbiguousSeparator),
            ("a;b;c,d", Fault::AmbiguousSeparator),
            ("a\tb|c", Fault::AmbiguousSeparator),
            ("a,", Fault::NoHeader),
            (",a", Fault::NoHeader),
            ("a,,b", Fault::NoHeader),
            ("a,\"\"", Fault::NoHeader),
            ("a, ,b", Fault::NoHeader),
            ("PO-1,5.00", Fault::NoHeader),
            ("a,2026", Fault::NoHeader),
            ("a,2026-01-02", Fault::NoHeader),
            ("a,-1,5 %", Fault::NoHeader),
            ("sep=;", Fault::NoHeader),
            ("SEP=,", Fault::NoHeader),
            ("sep=^", Fault::NoHeader),
            ("\"sep=;\"", Fault::NoHeader),
            ("a,unit\u{200b}cost", Fault::NoHeader),
            ("\u{feff}a,b", Fault::NoHeader),
            ("a,b\u{ad}", Fault::NoHeader),
            ("a,b\u{85}\u{80}", Fault::NoHeader),
            ("a,b\"c", Fault::BareQuote),
            ("a, \"b\"", Fault::BareQuote),
            ("\"a\"b,c", Fault::TextAfterQuote),
            ("\"a\" ,b", Fault::TextAfterQuote),
            ("\"a\":\"b\"", Fault::TextAfterQuote),
            (r#""a\"","b""#, Fault::BackslashQuote),
            (r#""a\\",b"#, Fault::BackslashQuote),
            ("a,b\0", Fault::ControlCharacter),
            ("a\u{1f}b", Fault::ControlCharacter),
            ("\"a\u{1}\",b", Fault::ControlCharacter),
            ("\"a\tb\"\tc", Fault::QuotedBreak),
            ("\"a\nb\"\tc", Fault::QuotedBreak),
            ("\"a", Fault::Truncated),
        ];
        for (row, want) in cases {
            assert_eq!(read(row, Dialect::Detect), Err(want), "{row}");
        }
        assert_eq!(read("a,b", Dialect::Tabs), Err(Fault::AmbiguousSeparator), "the type says tabs");
        let not_utf8 = Header::read(b"a,\xc0\xaf", Dialect::Detect, &Limits::default());
        assert_eq!(not_utf8.unwrap_err(), (2, Fault::NotUtf8));
    }
}

//! A text with its place in the file, line by line.

use std::ops::Range;

use saphyr_parser::{ScalarStyle, Span};

/// A text and where in the file each part of it stands.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    text: String,
    style: ScalarStyle,
    /// The line of the first byte of `span`, from 1.
    line: usize,
    /// The bytes of the file that the text was made from.
    span: Range<usize>,
}

/// Where the characters of a file begin: the parser counts characters.
pub(super) struct Places {
    /// None where each character is a byte.
    starts: Option<Vec<usize>>,
    end: usize,
}

impl Places {
    pub(super) fn of(source: &str) -> Self {
        let starts = (!source.is_ascii()).then(|| source.char_indices().map(|(at, _)| at).collect());
        Self { starts, end: source.len() }
    }

    fn byte_of(&self, letter: usize) -> usize {
        match &self.starts {
            None => letter.min(self.end),
            Some(starts) => starts.get(letter).copied().unwrap_or(self.end),
        }
    }
}

impl Text {
    pub(super) fn new(text: &str, style: ScalarStyle, span: Span, places: &Places) -> Self {
        let span_bytes = places.byte_of(span.start.index())..places.byte_of(span.end.index());
        Self { text: text.to_owned(), style, line: span.start.line(), span: span_bytes }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }

    /// The line of the file in which the byte `offset` of the text stands.
    ///
    /// Folding and indentation only move white space about, so the letters that are none are counted in both.
    pub(crate) fn line_of(&self, offset: usize, source: &str) -> usize {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let mut letters = before.chars().filter(|letter| !letter.is_whitespace()).count();
        let mut line = self.line;
        let mut written = source.get(self.span.clone()).unwrap_or_default().chars().peekable();
        if matches!(self.style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
            written.next();
        }
        while let Some(letter) = written.next() {
            if letter == '\n' {
                line += 1;
            }
            if letter.is_whitespace() {
                continue;
            }
            if letters == 0 {
                break;
            }
            match (self.style, letter) {
                (ScalarStyle::DoubleQuoted, '\\') => {
                    let digits = match written.next() {
                        Some('\n') => {
                            line += 1;
                            continue;
                        }
                        Some('x') => 2,
                        Some('u') => 4,
                        Some('U') => 8,
                        // Stand for white space.
                        Some('n' | 't' | 'r' | 'v' | 'f' | ' ' | 'N' | '_' | 'L' | 'P') => continue,
                        Some(_) | None => 0,
                    };
                    for _ in 0..digits {
                        written.next();
                    }
                }
                (ScalarStyle::SingleQuoted, '\'') => drop(written.next_if_eq(&'\'')),
                (_, _) => {}
            }
            letters -= 1;
        }
        line
    }
}

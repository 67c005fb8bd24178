//! One event, whole.

use std::borrow::Cow;
use std::ops::Range;

use super::editor::{Error, NotJson, Settings};
use super::lines::{Line, find_end, lines};
use crate::json::{Edit, Judge};

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Unchanged,
    /// What was appended goes on in its place; so many lines were dropped.
    Replaced {
        lines_dropped: u64,
    },
    Dropped,
}

/// Edits an event, or a comment that stands alone. `bytes` ends with a line's end; `mark` of its first bytes are an
/// order mark. `space` is empty, and emptied by the caller.
pub(super) fn edit(
    bytes: &[u8],
    mark: usize,
    settings: &Settings,
    judge: &mut impl Judge,
    space: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<Fate, Error> {
    let (mark, block) = bytes.split_at_checked(mark).unwrap_or_default();
    let parts = Parts::of(block);
    // What is no text is read in different ways by different clients. The editor checks what is JSON.
    let verdict = if parts.is_text { inspect(parts.data.as_deref(), settings, judge, space) } else { Data::NotJson };
    let edited = match verdict {
        Data::Fine => None,
        Data::Edited => Some(space.as_slice()),
        Data::NotJson => match settings.not_json {
            NotJson::Drop => return Ok(Fate::Dropped),
            NotJson::Refuse => return Err(Error::NotJson),
        },
    };
    match (edited, parts.only_value) {
        (None, _) if parts.unknown == 0 => return Ok(Fate::Unchanged),
        (Some(text), Some(place)) if parts.unknown == 0 && find_end(text, 0).is_none() => {
            out.extend_from_slice(mark);
            out.extend_from_slice(block.get(..place.start).unwrap_or_default());
            out.extend_from_slice(text);
            out.extend_from_slice(block.get(place.end..).unwrap_or_default());
        }
        (_, _) => {
            out.extend_from_slice(mark);
            write(block, edited, out);
        }
    }
    Ok(Fate::Replaced { lines_dropped: parts.unknown })
}

/// What an event's lines are.
struct Parts<'a> {
    /// The data lines joined with line feeds. `None` when there is no such line.
    data: Option<Cow<'a, [u8]>>,
    /// Where the value of the only data line stands.
    only_value: Option<Range<usize>>,
    /// Lines of fields that clients ignore.
    unknown: u64,
    /// Whether the lines beside the data are UTF-8.
    is_text: bool,
}

impl<'a> Parts<'a> {
    fn of(block: &'a [u8]) -> Self {
        let mut parts = Self { data: None, only_value: None, unknown: 0, is_text: true };
        let mut at = 0;
        for (line, end) in lines(block) {
            match Line::read(line) {
                Line::Data { value, begins } => match &mut parts.data {
                    None => {
                        parts.data = Some(Cow::Borrowed(value));
                        parts.only_value = (begins != NO_COLON).then_some(at + begins..at + line.len());
                    }
                    Some(data) => {
                        let data = data.to_mut();
                        data.push(b'\n');
                        data.extend_from_slice(value);
                        parts.only_value = None;
                    }
                },
                Line::Blank => {}
                Line::Comment | Line::Known => parts.is_text &= std::str::from_utf8(line).is_ok(),
                Line::Unknown => {
                    parts.is_text &= std::str::from_utf8(line).is_ok();
                    parts.unknown += 1;
                }
            }
            at += line.len() + end.len();
        }
        parts
    }
}

/// Where the value of a line `data` would begin.
const NO_COLON: usize = "data".len();

/// What an event's data is.
enum Data {
    /// Nothing is taken: there is none, it is a sentinel, or the rules keep all of it.
    Fine,
    /// What was written goes on in its place.
    Edited,
    NotJson,
}

fn inspect(data: Option<&[u8]>, settings: &Settings, judge: &mut impl Judge, space: &mut Vec<u8>) -> Data {
    let Some(data) = data else {
        return Data::Fine;
    };
    if settings.sentinels.iter().any(|sentinel| sentinel.as_bytes() == data) {
        return Data::Fine;
    }
    match judge.edit(data, settings.json, space) {
        Ok(Edit::Unchanged) => Data::Fine,
        Ok(Edit::Replaced) => Data::Edited,
        Err(_) => Data::NotJson,
    }
}

/// The event without lines that clients ignore and, where its data was edited, with the new data on its data lines in
/// order. Removals can leave fewer lines; then the last ones go.
fn write(block: &[u8], edited: Option<&[u8]>, out: &mut Vec<u8>) {
    let mut new = edited.map(|text| lines(text).map(|(line, _)| line).peekable());
    for (line, end) in lines(block) {
        match (Line::read(line), &mut new) {
            (Line::Unknown, _) => continue,
            (Line::Data { begins, .. }, Some(new)) => {
                // No token stands on two lines: a client that joins them anew reads the same text.
                let Some(value) = new.next() else { continue };
                put_data(line.get(..begins).unwrap_or_default(), value, out);
            }
            (Line::Blank, Some(new)) => {
                // A replacement with line ends of its own.
                for value in new {
                    put_data(b"data:", value, out);
                    out.extend_from_slice(end);
                }
            }
            (Line::Data { .. }, None) | (Line::Blank, None) | (Line::Comment | Line::Known, _) => {
                out.extend_from_slice(line);
            }
        }
        // The lines between these two ends are gone: together they would be one end, and the event would go on.
        if out.last() == Some(&b'\r') && end.first() == Some(&b'\n') {
            out.push(b'\n');
        }
        out.extend_from_slice(end);
    }
}

fn put_data(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    if !name.contains(&b':') && !value.is_empty() {
        out.push(b':');
    }
    out.extend_from_slice(value);
}

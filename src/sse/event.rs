//! One event, whole.

use std::borrow::Cow;

use super::editor::{Error, NotJson, Settings};
use super::lines::{Line, lines};
use crate::json::{Edit, Editor, Judge};

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

/// What an event's data is.
enum Data {
    /// Nothing to inspect: none, or a sentinel.
    Plain,
    Untouched,
    Edited(Vec<u8>),
    NotJson,
}

/// Edits an event, or a comment that stands alone. `bytes` ends with a line's end; `mark` of its first bytes are an
/// order mark.
pub(super) fn edit(
    bytes: &[u8],
    mark: usize,
    settings: &Settings,
    judge: &mut impl Judge,
    out: &mut Vec<u8>,
) -> Result<Fate, Error> {
    let (mark, block) = bytes.split_at_checked(mark).unwrap_or_default();
    let data = match inspect(block, settings, judge) {
        Data::NotJson => match settings.not_json {
            NotJson::Drop => return Ok(Fate::Dropped),
            NotJson::Refuse => return Err(Error::NotJson),
        },
        data @ (Data::Plain | Data::Untouched | Data::Edited(_)) => data,
    };
    let unknown = lines(block).filter(|(line, _)| Line::read(line) == Line::Unknown).count() as u64;
    let edited = match &data {
        Data::Edited(text) => Some(text.as_slice()),
        Data::Plain | Data::Untouched | Data::NotJson => None,
    };
    if unknown == 0 && edited.is_none() {
        return Ok(Fate::Unchanged);
    }
    out.extend_from_slice(mark);
    write(block, edited, out);
    Ok(Fate::Replaced { lines_dropped: unknown })
}

fn inspect(block: &[u8], settings: &Settings, judge: &mut impl Judge) -> Data {
    // What is no text is read in different ways by different clients.
    if std::str::from_utf8(block).is_err() {
        return Data::NotJson;
    }
    let Some(data) = joined(block) else {
        return Data::Plain;
    };
    if settings.sentinels.iter().any(|sentinel| sentinel.as_bytes() == &*data) {
        return Data::Plain;
    }
    let mut editor = Editor::new(settings.json);
    let mut text = Vec::new();
    let edit = editor.push(&data, judge, &mut text).and_then(|edit| editor.finish().map(|()| edit));
    match edit {
        Ok(Edit::Unchanged) => Data::Untouched,
        Ok(Edit::Replaced) => Data::Edited(text),
        Err(_) => Data::NotJson,
    }
}

/// The event's data: its lines joined with line feeds. `None` when it has no such line.
fn joined(block: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut values = lines(block).filter_map(|(line, _)| match Line::read(line) {
        Line::Data { value, .. } => Some(value),
        Line::Blank | Line::Comment | Line::Known | Line::Unknown => None,
    });
    let mut data = Cow::Borrowed(values.next()?);
    for value in values {
        let data = data.to_mut();
        data.push(b'\n');
        data.extend_from_slice(value);
    }
    Some(data)
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

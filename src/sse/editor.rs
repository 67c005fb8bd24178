//! The stream: events found, held until they are whole, released at once.

use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use super::event::{self, Fate};
use super::lines::find_end;
use crate::json::{Edit, Judge, Limits};

/// What an event stream may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Data that passes as it is, compared with the whole of an event's data.
    pub sentinels: Vec<String>,
    /// What becomes of an event whose data is something else than JSON.
    pub not_json: NotJson,
    /// Bytes of one event, all of which are held until it is complete. Beyond: [`Error::TooLong`].
    pub max_event_bytes: usize,
    /// The ceilings of each event's text.
    pub json: Limits,
}

/// What becomes of an event whose data is something else than JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// It is left out.
    Drop,
    /// The stream ends: [`Error::NotJson`].
    Refuse,
}

/// Why a stream cannot go on; the sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An event is longer than [`Settings::max_event_bytes`].
    TooLong,
    /// An event's data is not JSON, and [`NotJson::Refuse`] is set.
    NotJson,
    /// The stream failed before; nothing more is read.
    Failed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "event too long",
            Self::NotJson => "event without JSON",
            Self::Failed => "stream failed before",
        })
    }
}

impl std::error::Error for Error {}

/// Removes members from the JSON texts of an event stream that comes in chunks.
///
/// An event goes on as soon as it is complete, and not before; a comment between events as soon as its line is. What
/// is incomplete when the stream ends was never written: clients discard it. Any split of the same bytes gives the
/// same stream. Held on the heap: `max_event_bytes`, at most.
#[derive(Debug)]
pub struct EventEditor {
    settings: Rc<Settings>,
    /// What earlier chunks gave of the event that is not complete.
    held: Vec<u8>,
    /// Where in `held` its last line begins.
    held_line: usize,
    after: After,
    /// Whether nothing has been released: an order mark may still stand at the start.
    first: bool,
    failed: bool,
    dropped: u64,
}

/// What the last byte of the last chunk was: a line feed after a carriage return belongs to the same line's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Other,
    /// The carriage return of a line that is held.
    HeldLine,
    /// That of something that has gone on.
    Passed,
    /// That of something that was dropped.
    Dropped,
}

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Where the events of one chunk are edited and written. Between chunks a stream keeps no memory but what it holds: there
/// may be thousands that are silent.
#[derive(Default)]
struct Space {
    data: Vec<u8>,
    event: Vec<u8>,
}

/// The kept bytes of a chunk from `from` on are not yet written.
struct Written {
    from: usize,
    changed: bool,
}

impl EventEditor {
    /// An editor for one stream.
    #[must_use]
    pub fn new(settings: Rc<Settings>) -> Self {
        Self { settings, held: Vec::new(), held_line: 0, after: After::Other, first: true, failed: false, dropped: 0 }
    }

    /// Bytes held on the heap for later chunks.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Events and lines that were dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Reads all of `chunk`. Unless it goes on unchanged, appends to `out` what goes on in its place.
    ///
    /// # Errors
    /// See [`Error`]. Final for this stream: what was appended to `out` by this call must not be sent.
    pub fn push(&mut self, chunk: &[u8], judge: &mut impl Judge, out: &mut Vec<u8>) -> Result<Edit, Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        let result = self.read(chunk, judge, out);
        self.failed = result.is_err();
        result
    }

    fn read(&mut self, chunk: &[u8], judge: &mut impl Judge, out: &mut Vec<u8>) -> Result<Edit, Error> {
        let mut written = Written { from: 0, changed: false };
        let mut space = Space::default();
        // The chunk's part of the incomplete event, and of its last line.
        let mut start = self.second_half_of_crlf(chunk, &mut written);
        let mut line = start;
        while let Some(found) = find_end(chunk, line) {
            let crlf = chunk.get(found..found + 2) == Some(b"\r\n");
            let end = found + 1 + usize::from(crlf);
            let at_chunk_end_after_cr = end == chunk.len() && chunk.get(found) == Some(&b'\r') && !crlf;
            let whole = self.is_whole(chunk, start, line, found);
            line = end;
            if !whole {
                if at_chunk_end_after_cr {
                    self.after = After::HeldLine;
                }
                continue;
            }
            // The line feed of the last CRLF may come when the event has gone: it does not count.
            let bytes = self.held.len() + (end - start) - usize::from(crlf);
            if bytes > self.settings.max_event_bytes {
                return Err(Error::TooLong);
            }
            let fate = self.release(chunk, start..end, &mut written, &mut space, judge, out)?;
            start = end;
            if at_chunk_end_after_cr {
                self.after = if fate == Fate::Dropped { After::Dropped } else { After::Passed };
            }
        }
        self.keep(chunk, start, line)?;
        if start < chunk.len() {
            written.flush(chunk, start, out);
            written.changed = true;
        }
        if !written.changed {
            return Ok(Edit::Unchanged);
        }
        // Without an incomplete event all of the chunk has been read.
        written.flush(chunk, start, out);
        Ok(Edit::Replaced)
    }

    /// Deals with a line feed whose carriage return ended the last chunk; gives where the next line begins.
    fn second_half_of_crlf(&mut self, chunk: &[u8], written: &mut Written) -> usize {
        let Some(&first) = chunk.first() else { return 0 };
        let after = std::mem::replace(&mut self.after, After::Other);
        if first != b'\n' {
            return 0;
        }
        match after {
            After::Other => return 0,
            After::Passed => {}
            After::Dropped => *written = Written { from: 1, changed: true },
            After::HeldLine => {
                self.held.push(first);
                self.held_line = self.held.len();
                *written = Written { from: 1, changed: true };
            }
        }
        1
    }

    /// Whether the line that ends before `found` completes an event, or is a comment between two.
    fn is_whole(&mut self, chunk: &[u8], start: usize, line: usize, found: usize) -> bool {
        let begun = line == start && !self.held.is_empty();
        let here = chunk.get(line..found).unwrap_or_default();
        // The event's first line is this one.
        let alone = line == start && self.held_line == 0;
        let mark = if alone { self.mark_length(chunk, start) } else { 0 };
        let earlier = if begun { self.held.get(self.held_line..).unwrap_or_default() } else { b"" };
        let length = earlier.len() + here.len() - mark.min(earlier.len() + here.len());
        let first = earlier.iter().chain(here).nth(mark);
        length == 0 || alone && first == Some(&b':')
    }

    /// How many bytes of the stream's first line, which is pending, are an order mark.
    fn mark_length(&self, chunk: &[u8], start: usize) -> usize {
        let bytes = self.held.iter().chain(chunk.get(start..).unwrap_or_default());
        if self.first && bytes.take(BOM.len()).eq(BOM) { BOM.len() } else { 0 }
    }

    /// Lets go what is complete: what is held and this part of the chunk.
    fn release(
        &mut self,
        chunk: &[u8],
        part: Range<usize>,
        written: &mut Written,
        space: &mut Space,
        judge: &mut impl Judge,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Error> {
        let Range { start, end } = part;
        let mark = self.mark_length(chunk, start);
        let here = chunk.get(part).unwrap_or_default();
        let was_held = !self.held.is_empty();
        if was_held {
            self.held.extend_from_slice(here);
        }
        let bytes = if was_held { self.held.as_slice() } else { here };
        let fate = event::edit(bytes, mark, &self.settings, judge, &mut space.data, &mut space.event)?;
        match fate {
            Fate::Unchanged if !was_held => {}
            Fate::Unchanged => {
                written.flush(chunk, start, out);
                out.append(&mut self.held);
                written.skip_to(end);
            }
            Fate::Replaced { lines_dropped } => {
                written.flush(chunk, start, out);
                out.extend_from_slice(&space.event);
                written.skip_to(end);
                self.dropped += lines_dropped;
            }
            Fate::Dropped => {
                written.flush(chunk, start, out);
                written.skip_to(end);
                self.dropped += 1;
            }
        }
        self.first = false;
        space.data.clear();
        space.event.clear();
        self.held = Vec::new();
        self.held_line = 0;
        Ok(fate)
    }

    /// Holds the chunk from `start` on, whose last line begins at `line`.
    fn keep(&mut self, chunk: &[u8], start: usize, line: usize) -> Result<(), Error> {
        let rest = chunk.get(start..).unwrap_or_default();
        if self.held.len() + rest.len() > self.settings.max_event_bytes {
            return Err(Error::TooLong);
        }
        if line > start {
            self.held_line = self.held.len() + (line - start);
        }
        self.held.extend_from_slice(rest);
        Ok(())
    }
}

impl Written {
    fn flush(&mut self, chunk: &[u8], to: usize, out: &mut Vec<u8>) {
        if self.from < to {
            out.extend_from_slice(chunk.get(self.from..to).unwrap_or_default());
            self.from = to;
        }
    }

    fn skip_to(&mut self, at: usize) {
        self.from = at;
        self.changed = true;
    }
}

//! The editor: one pass, chunk in, chunk out.

mod records;

use crate::json::scan;
use crate::json::utf8::Utf8;
use crate::json::{Edit, Verdict};

use super::Dialect;
use super::error::{Error, Fault};
use super::header::Header;
use super::plan::{Fate, Plan};
use super::spellings::Spellings;

/// Decides about columns. Asked once for each, when the header row has come.
pub trait Judge {
    /// What becomes of the column with this name: the strictest of what rules say of any of its spellings
    /// ([`Spellings::strictest`]).
    fn judge(&mut self, name: &Spellings) -> Verdict;

    /// The JSON text that stands for cells after [`Verdict::Replace`].
    fn replacement(&self, number: u32) -> &[u8];
}

/// The editor's ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the header row with its order mark, all of which are held until it is complete. Beyond:
    /// [`Fault::HeaderTooLong`].
    pub max_header_bytes: usize,
    /// Columns; eight bytes each are held. Beyond: [`Fault::TooManyColumns`].
    pub max_columns: usize,
    /// What is left of a record, which is held until it is complete. Beyond: [`Fault::RecordTooLong`].
    pub max_record_bytes: usize,
}

impl Default for Limits {
    /// 64 KiB, 4,096 columns, 256 KiB.
    fn default() -> Self {
        Self { max_header_bytes: 64 * 1024, max_columns: 4096, max_record_bytes: 256 * 1024 }
    }
}

/// Removes columns from one table that comes in chunks.
///
/// Nothing is written before the header row is complete. Where columns are taken, a record goes on when it is complete: it may
/// have too many fields, and then no name says what its cells are. Any split of the same bytes gives the same table.
#[derive(Debug)]
pub struct Editor {
    at: At,
    dialect: Dialect,
    separator: u8,
    line_end: LineEnd,
    plan: Plan,
    /// The column of the cell that is being read.
    column: usize,
    /// Whether the bytes at this place go on.
    writing: bool,
    /// A UTF-8 sequence cut by the last chunk's end; complete outside fields.
    utf8: Utf8,
    /// What earlier chunks gave of the header row.
    held: Vec<u8>,
    /// What is left of the record that is not complete.
    record: Vec<u8>,
    /// Where in the body it begins.
    record_at: u64,
    /// Bytes of the body before the current chunk.
    read: u64,
    limits: Limits,
}

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Chunks that are worth a look for what is simplest.
const SHORT_BYTES: usize = 64;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The header row, or empty lines alone.
    Start,
    /// Empty lines have come and no header row.
    Blank,
    /// More of the header row.
    Header {
        quoted: bool,
    },
    /// The LF after the header row's CR, or a record.
    HeaderEnd,
    /// A record, or an empty line.
    Record,
    Cell,
    Plain,
    Quoted,
    /// After a backslash between quotation marks.
    Backslash,
    /// After a quotation mark that closes the cell, or the first of two.
    Quote,
    /// The LF after a CR.
    LineFeed,
    Failed,
}

/// How lines end. The header row decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Lf,
    CrLf,
    Cr,
}

/// The editor's place in a chunk.
struct Place {
    /// The next byte to read.
    i: usize,
    /// The kept bytes from here on are not yet written, while the editor is writing.
    from: usize,
    /// Whether what goes on differs from the chunk.
    changed: bool,
    /// Where what this chunk gives begins in what goes on.
    begin: usize,
    /// Where in what goes on the last record ends that is complete.
    whole: usize,
}

impl Editor {
    /// An editor for one body.
    #[must_use]
    pub fn new(dialect: Dialect, limits: Limits) -> Self {
        Self {
            at: At::Start,
            dialect,
            separator: b',',
            line_end: LineEnd::Lf,
            plan: Plan::default(),
            column: 0,
            writing: true,
            utf8: Utf8::default(),
            held: Vec::new(),
            record: Vec::new(),
            record_at: 0,
            read: 0,
            limits,
        }
    }

    /// Bytes held on the heap for later chunks.
    #[must_use]
    #[inline]
    pub fn held_bytes(&self) -> usize {
        self.held.len() + self.record.len() + self.plan.held_bytes()
    }

    /// Reads all of `chunk`. Unless it goes on unchanged, appends to `out` what goes on in its place.
    ///
    /// # Errors
    /// The table is not what RFC 4180 and the limits allow. Final for this body: what was appended to `out` by this call
    /// must not be sent, and every later call fails.
    pub fn push(&mut self, chunk: &[u8], judge: &mut impl Judge, out: &mut Vec<u8>) -> Result<Edit, Error> {
        if self.at == At::Failed {
            return self.fail(0, Fault::Failed);
        }
        if chunk.is_empty() {
            return Ok(Edit::Unchanged);
        }
        if chunk.len() < SHORT_BYTES && self.takes_piece(chunk) {
            return self.push_piece(chunk);
        }
        let begin = out.len();
        let mut place = Place { i: 0, from: 0, changed: !self.writing || !self.record.is_empty(), begin, whole: begin };
        self.read_start(chunk, &mut place, judge, out)?;
        if matches!(self.at, At::HeaderEnd | At::Record) && self.record.is_empty() {
            place.whole = self.written(&place, out);
            self.record_at = self.read + place.i as u64;
        }
        self.read_records(chunk, &mut place, out)?;
        self.read = self.read.saturating_add(chunk.len() as u64);
        let holds = self.holds();
        if !place.changed && !holds {
            return Ok(Edit::Unchanged);
        }
        if self.writing {
            copy(chunk, place.from, chunk.len(), out);
        }
        if holds {
            // What is held already stays where it is: a record that comes byte by byte costs no more than one in whole.
            let whole = place.whole.min(out.len());
            self.record.extend_from_slice(out.get(whole..).unwrap_or_default());
            out.truncate(whole);
            self.check_record(self.record.len())?;
        }
        Ok(Edit::Replaced)
    }

    /// Whether a chunk is but a piece of a cell, as in bodies that come in very short chunks.
    #[inline(always)]
    fn takes_piece(&self, chunk: &[u8]) -> bool {
        let stop = match self.at {
            At::Plain => self.separator,
            At::Quoted => b'\\',
            At::Start
            | At::Blank
            | At::Header { .. }
            | At::HeaderEnd
            | At::Record
            | At::Cell
            | At::Backslash
            | At::Quote
            | At::LineFeed
            | At::Failed => return false,
        };
        // Beside a lone column nothing may stand that could be a separator.
        self.plan.len() != 1
            && self.utf8.is_complete()
            && (self.record.is_empty() || self.holds())
            && scan::is_plain(chunk, stop)
    }

    /// The quick way through such a piece.
    fn push_piece(&mut self, chunk: &[u8]) -> Result<Edit, Error> {
        self.read = self.read.saturating_add(chunk.len() as u64);
        if self.holds() {
            if self.writing {
                self.record.extend_from_slice(chunk);
            }
            self.check_record(self.record.len())?;
            return Ok(Edit::Replaced);
        }
        Ok(if self.writing { Edit::Unchanged } else { Edit::Replaced })
    }

    /// Whether a record is not complete of which columns are taken.
    #[inline(always)]
    fn holds(&self) -> bool {
        let inside = matches!(self.at, At::Cell | At::Plain | At::Quoted | At::Backslash | At::Quote);
        inside && matches!(self.plan.fate(), Fate::Changed | Fate::OneLeft)
    }

    /// A record, or a line without one, has ended before `place.i`.
    #[inline(always)]
    fn end_whole(&mut self, place: &mut Place, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.record.is_empty() {
            self.release(place, out);
        }
        let end = self.written(place, out);
        let length = end - place.whole;
        if length > self.limits.max_record_bytes && self.plan.fate() != Fate::Unchanged {
            self.check_record(length)?;
        }
        place.whole = end;
        self.record_at = self.read + place.i as u64;
        Ok(())
    }

    /// Puts what earlier chunks gave of the record before what this one has given.
    #[inline(never)]
    fn release(&mut self, place: &Place, out: &mut Vec<u8>) {
        out.splice(place.begin.min(out.len())..place.begin.min(out.len()), self.record.drain(..));
    }

    /// How much goes on of what comes before `place.i`.
    #[inline(always)]
    fn written(&self, place: &Place, out: &[u8]) -> usize {
        out.len() + if self.writing { place.i - place.from } else { 0 }
    }

    #[inline(always)]
    fn check_record(&mut self, length: usize) -> Result<(), Error> {
        if length <= self.limits.max_record_bytes {
            return Ok(());
        }
        self.at = At::Failed;
        self.record = Vec::new();
        Err(Error { at: self.record_at, fault: Fault::RecordTooLong })
    }

    /// Ends the body. What is left to write, the header row or the last record of a table without a line end, is
    /// appended to `out`: [`Edit::Replaced`] when there was any. The chunk before has then been replaced as well, unless it
    /// was empty.
    ///
    /// # Errors
    /// The table is not complete, or its header row is not what RFC 4180 and the limits allow.
    pub fn finish(&mut self, judge: &mut impl Judge, out: &mut Vec<u8>) -> Result<Edit, Error> {
        let before = out.len();
        match std::mem::replace(&mut self.at, At::Failed) {
            At::Start | At::Blank | At::HeaderEnd | At::Record => {}
            At::Header { .. } => {
                let row = std::mem::take(&mut self.held);
                // A mark and nothing else is an empty body.
                if row == BOM {
                    out.extend_from_slice(BOM);
                } else {
                    self.read_header(&row, judge, true, out)?;
                }
            }
            at @ (At::Cell | At::Plain | At::Quote) => {
                if !self.utf8.is_complete() {
                    return self.fail(0, Fault::NotUtf8);
                }
                if self.column + 1 != self.plan.len() {
                    return self.fail(0, Fault::FieldCount);
                }
                out.append(&mut self.record);
                if self.plan.fate() == Fate::OneLeft && self.writing && at == At::Cell {
                    out.extend_from_slice(b"\"\"");
                }
            }
            At::Quoted | At::Backslash | At::LineFeed => return self.fail(0, Fault::Truncated),
            At::Failed => return self.fail(0, Fault::Failed),
        }
        Ok(if out.len() == before { Edit::Unchanged } else { Edit::Replaced })
    }

    /// Reads the header row, and empty lines when there is none. Gives up the chunk to records at [`At::Record`].
    fn read_start(
        &mut self,
        chunk: &[u8],
        place: &mut Place,
        judge: &mut impl Judge,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        while let Some(&byte) = chunk.get(place.i) {
            match (self.at, byte) {
                (At::Start | At::Blank, b'\r' | b'\n') => {
                    place.i += 1;
                    self.at = At::Blank;
                }
                (At::Start, _) => self.at = At::Header { quoted: false },
                (At::Blank, _) => return self.fail(place.i, Fault::NoHeader),
                (At::Header { quoted }, _) => self.read_header_part(chunk, quoted, place, judge, out)?,
                (At::HeaderEnd, b'\n') => {
                    place.i += 1;
                    self.line_end = LineEnd::CrLf;
                    self.at = At::Record;
                }
                (At::HeaderEnd, _) => {
                    self.line_end = LineEnd::Cr;
                    self.at = At::Record;
                }
                (At::Record | At::Cell | At::Plain | At::Quoted, _) => break,
                (At::Backslash | At::Quote | At::LineFeed | At::Failed, _) => break,
            }
        }
        Ok(())
    }

    /// Reads on in the header row, which begins with the body and so with a chunk.
    fn read_header_part(
        &mut self,
        chunk: &[u8],
        mut quoted: bool,
        place: &mut Place,
        judge: &mut impl Judge,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let room = self.limits.max_header_bytes.saturating_sub(self.held.len());
        let end = chunk.iter().take(room.saturating_add(1)).position(|&byte| {
            quoted ^= byte == b'"';
            !quoted && matches!(byte, b'\r' | b'\n')
        });
        let Some(end) = end else {
            if chunk.len() > room {
                return self.fail(room, Fault::HeaderTooLong);
            }
            self.held.extend_from_slice(chunk);
            self.at = At::Header { quoted };
            *place = Place { i: chunk.len(), from: chunk.len(), changed: true, ..*place };
            return Ok(());
        };
        let part = chunk.get(..end).unwrap_or_default();
        let written = if self.held.is_empty() {
            self.read_header(part, judge, false, out)?
        } else {
            let mut row = std::mem::take(&mut self.held);
            row.extend_from_slice(part);
            self.read_header(&row, judge, true, out)?
        };
        self.at = if chunk.get(end) == Some(&b'\r') { At::HeaderEnd } else { At::Record };
        *place = Place { i: end + 1, from: if written { end } else { 0 }, changed: written, ..*place };
        Ok(())
    }

    /// Reads the whole header row and decides about the columns. Writes what is left of it, if it differs or
    /// `always`; whether it did.
    fn read_header(
        &mut self,
        row: &[u8],
        judge: &mut impl Judge,
        always: bool,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let (mark, row) = match row.strip_prefix(BOM) {
            Some(row) => (BOM, row),
            None => (&[][..], row),
        };
        let header = Header::read(row, self.dialect, &self.limits).map_err(|(at, fault)| {
            self.at = At::Failed;
            Error { at: (mark.len() + at) as u64, fault }
        })?;
        self.separator = header.separator;
        self.plan = Plan::new(&header, judge);
        self.writing = self.plan.fate() != Fate::NothingLeft;
        let write = always || self.plan.fate() != Fate::Unchanged;
        if write && self.writing {
            out.extend_from_slice(mark);
            self.plan.write_header(row, &header, out);
        }
        Ok(write)
    }

    /// Checks a field's part; a sequence may be open only at the chunk's end.
    #[inline(never)]
    fn check_utf8(&mut self, chunk: &[u8], start: usize, end: usize) -> Result<(), Error> {
        let run = chunk.get(start..end).unwrap_or_default();
        let Err(bad) = self.utf8.push(run, end == chunk.len()) else {
            return Ok(());
        };
        self.at = At::Failed;
        Err(Error { at: (self.read + start as u64).saturating_add_signed(bad.start), fault: Fault::NotUtf8 })
    }

    #[cold]
    fn fail<T>(&mut self, i: usize, fault: Fault) -> Result<T, Error> {
        self.at = At::Failed;
        (self.held, self.record) = (Vec::new(), Vec::new());
        Err(Error { at: self.read.saturating_add(i as u64), fault })
    }
}

#[inline(always)]
fn copy(chunk: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    if from < to {
        out.extend_from_slice(chunk.get(from..to).unwrap_or_default());
    }
}

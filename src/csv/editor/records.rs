//! Records: which bytes of them go on.

use super::{At, Editor, LineEnd, Place, copy};
use crate::csv::error::{Error, Fault};
use crate::csv::header::is_separator;
use crate::csv::plan::{Column, Fate};
use crate::json::scan;

impl Editor {
    /// Reads records to the end of the chunk.
    pub(super) fn read_records(&mut self, chunk: &[u8], place: &mut Place, out: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(&byte) = chunk.get(place.i) {
            let i = place.i;
            match self.at {
                At::Record => {
                    if matches!(byte, b'\r' | b'\n') {
                        self.read_line_end(byte, place, out)?;
                    } else {
                        self.column = 0;
                        self.begin_cell(chunk, place, out);
                        self.at = At::Cell;
                    }
                }
                At::Cell => {
                    if self.read_whole_cells(chunk, place, out)? {
                        continue;
                    }
                    if byte == b'"' {
                        place.i += 1;
                        self.at = At::Quoted;
                    } else {
                        let empty = byte == self.separator || matches!(byte, b'\r' | b'\n');
                        if empty && self.plan.fate() == Fate::OneLeft && self.writing {
                            copy(chunk, place.from, i, out);
                            out.extend_from_slice(b"\"\"");
                            place.from = i;
                            place.changed = true;
                        }
                        self.at = At::Plain;
                    }
                }
                At::Plain => {
                    let run = scan::run_until(chunk, i, self.separator);
                    let end = if self.plan.len() == 1 { lone_end(chunk, i, run.end) } else { run.end };
                    if run.high || !self.utf8.is_complete() {
                        self.check_utf8(chunk, i, end)?;
                    }
                    place.i = end;
                    match chunk.get(end) {
                        None => break,
                        Some(&byte) if byte == self.separator => self.next_cell(chunk, place, out)?,
                        Some(&byte @ (b'\r' | b'\n')) => self.end_record(byte, place, out)?,
                        Some(b'"') => return self.fail(end, Fault::BareQuote),
                        Some(&byte) if is_separator(byte) => {
                            // A tab between other separators is content; beside a lone column nothing is.
                            if self.plan.len() == 1 {
                                return self.fail(end, Fault::FieldCount);
                            }
                            place.i += 1;
                        }
                        Some(_) => return self.fail(end, Fault::ControlCharacter),
                    }
                }
                At::Quoted => {
                    let run = scan::run_until(chunk, i, b'\\');
                    if run.high || !self.utf8.is_complete() {
                        self.check_utf8(chunk, i, run.end)?;
                    }
                    place.i = run.end + 1;
                    match chunk.get(run.end) {
                        None => {
                            place.i = run.end;
                            break;
                        }
                        Some(b'"') => self.at = At::Quote,
                        Some(b'\\') => self.at = At::Backslash,
                        Some(b'\t' | b'\r' | b'\n') if self.separator != b'\t' => {}
                        Some(b'\t' | b'\r' | b'\n') => return self.fail(run.end, Fault::QuotedBreak),
                        Some(_) => return self.fail(run.end, Fault::ControlCharacter),
                    }
                }
                At::Backslash => {
                    if byte == b'"' {
                        return self.fail(i, Fault::BackslashQuote);
                    }
                    self.at = At::Quoted;
                }
                At::Quote => match byte {
                    b'"' => {
                        place.i += 1;
                        self.at = At::Quoted;
                    }
                    b'\r' | b'\n' => self.end_record(byte, place, out)?,
                    _ if byte == self.separator => self.next_cell(chunk, place, out)?,
                    _ => return self.fail(i, Fault::TextAfterQuote),
                },
                At::LineFeed => {
                    if byte != b'\n' {
                        return self.fail(i, Fault::LineEnd);
                    }
                    place.i += 1;
                    self.at = At::Record;
                    self.end_whole(place, out)?;
                }
                // Left behind before.
                At::Start | At::Blank | At::Header { .. } | At::HeaderEnd | At::Failed => {
                    return self.fail(i, Fault::Failed);
                }
            }
        }
        Ok(())
    }

    /// The quick way through cells that are here in whole with what ends them, and have nothing but text in them. What is
    /// not so is left to the states, at the beginning of a cell. Whether it came any further.
    fn read_whole_cells(&mut self, chunk: &[u8], place: &mut Place, out: &mut Vec<u8>) -> Result<bool, Error> {
        let start = place.i;
        let columns = self.plan.len();
        if columns == 1 {
            return Ok(false);
        }
        while let Some(&first) = chunk.get(place.i) {
            let (run, end) = if first == b'"' {
                let run = scan::run_until(chunk, place.i + 1, b'\\');
                if chunk.get(run.end) != Some(&b'"') {
                    break;
                }
                (run, run.end + 1)
            } else {
                let run = scan::run_until(chunk, place.i, self.separator);
                if run.end == place.i && self.plan.fate() == Fate::OneLeft {
                    break;
                }
                (run, run.end)
            };
            let Some(&after) = chunk.get(end) else { break };
            let ends_record = after != self.separator;
            let fits = match (self.line_end, after) {
                _ if !ends_record => self.column + 1 < columns,
                (LineEnd::Lf, b'\n') | (LineEnd::Cr, b'\r') => self.column + 1 == columns,
                (LineEnd::CrLf, b'\r') => self.column + 1 == columns && chunk.get(end + 1) == Some(&b'\n'),
                (LineEnd::Lf | LineEnd::CrLf | LineEnd::Cr, _) => false,
            };
            if !fits || run.high && std::str::from_utf8(chunk.get(place.i..end).unwrap_or_default()).is_err() {
                break;
            }
            place.i = end;
            if !ends_record {
                self.column += 1;
                self.begin_cell(chunk, place, out);
                place.i += 1;
                continue;
            }
            if !self.writing && self.plan.fate() != Fate::NothingLeft {
                self.writing = true;
                place.from = end;
            }
            place.i += if self.line_end == LineEnd::CrLf { 2 } else { 1 };
            self.at = At::Record;
            self.end_whole(place, out)?;
            match chunk.get(place.i) {
                None | Some(b'\r' | b'\n') => return Ok(true),
                Some(_) => {
                    self.column = 0;
                    self.begin_cell(chunk, place, out);
                    self.at = At::Cell;
                }
            }
        }
        Ok(place.i > start)
    }

    /// Takes the separator that ends a cell.
    #[inline(always)]
    fn next_cell(&mut self, chunk: &[u8], place: &mut Place, out: &mut Vec<u8>) -> Result<(), Error> {
        self.column += 1;
        if self.column >= self.plan.len() {
            return self.fail(place.i, Fault::FieldCount);
        }
        self.begin_cell(chunk, place, out);
        place.i += 1;
        self.at = At::Cell;
        Ok(())
    }

    /// Goes over to the column's cell. At `place.i` stands the separator before it, or the first cell itself.
    #[inline(always)]
    fn begin_cell(&mut self, chunk: &[u8], place: &mut Place, out: &mut Vec<u8>) {
        let number = match self.plan.column(self.column) {
            Some(Column::Keep) => {
                if !self.writing {
                    self.writing = true;
                    place.from = place.i;
                }
                return;
            }
            Some(Column::KeepFirst) => {
                self.writing = true;
                place.from = place.i + 1;
                return;
            }
            Some(Column::Replace(number) | Column::ReplaceFirst(number)) => Some(number),
            Some(Column::Remove) | None => None,
        };
        if self.writing {
            copy(chunk, place.from, place.i, out);
            self.writing = false;
        }
        place.changed = true;
        if let Some(number) = number {
            if matches!(self.plan.column(self.column), Some(Column::Replace(_))) {
                out.push(self.separator);
            }
            out.extend_from_slice(self.plan.replacement(number));
        }
    }

    /// Takes the line end that ends a record's last cell.
    #[inline(always)]
    fn end_record(&mut self, byte: u8, place: &mut Place, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.column + 1 != self.plan.len() {
            return self.fail(place.i, Fault::FieldCount);
        }
        if !self.writing && self.plan.fate() != Fate::NothingLeft {
            self.writing = true;
            place.from = place.i;
        }
        self.read_line_end(byte, place, out)
    }

    /// Takes a line end, or the CR of one.
    #[inline(always)]
    fn read_line_end(&mut self, byte: u8, place: &mut Place, out: &mut Vec<u8>) -> Result<(), Error> {
        self.at = match (self.line_end, byte) {
            (LineEnd::Lf, b'\n') | (LineEnd::Cr, b'\r') => At::Record,
            (LineEnd::CrLf, b'\r') => At::LineFeed,
            (LineEnd::Lf | LineEnd::CrLf | LineEnd::Cr, _) => return self.fail(place.i, Fault::LineEnd),
        };
        place.i += 1;
        self.end_whole(place, out)
    }
}

/// The first thing that could be a separator: beside a lone column, everything is taken for one.
fn lone_end(chunk: &[u8], start: usize, end: usize) -> usize {
    let run = chunk.get(start..end).unwrap_or_default();
    run.iter().position(|&byte| is_separator(byte)).map_or(end, |at| start + at)
}

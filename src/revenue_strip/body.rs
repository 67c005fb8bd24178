//! One body on its way through the rules.

mod content;
mod judge;
mod pairing;
mod prefix;

use crate::csv::Fault;
use crate::exchange::{Chunk, HeadState};
use crate::json::Edit;

use super::config::Config;
use super::error::Reason;
use super::guard::Guard;
use super::media::Media;

use self::content::Content;

pub(super) use self::judge::{Active, Decision, Rulebook, decide, literal};
pub(super) use self::prefix::Prefixes;
pub use self::prefix::{MAX_PREFIX_BYTES, MAX_PREFIXES};

/// A body being edited.
#[derive(Debug)]
pub(super) struct Stream {
    content: Content,
    /// Looks at what goes on once more.
    guard: Option<Guard>,
    /// Whether a line's end completes something that a client may be waiting for.
    lines: bool,
    /// The whole body's length where its head declares one, in bytes.
    declared: Option<u64>,
    /// What goes on of the chunks for which the answer was [`Progress::Hold`].
    kept_back: Vec<u8>,
    /// Whether that differs from what the host holds.
    changed: bool,
    /// Whether the host holds bytes of the body.
    held_by_host: bool,
    /// Bytes of the body so far.
    bytes: u64,
    /// A test's broken editor: it keeps every member.
    #[cfg(test)]
    pub(super) keeps_all: bool,
}

/// What becomes of a chunk, together with those held before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Unchanged,
    Replaced,
    Hold,
}

impl Stream {
    pub(super) fn new(media: Media, config: &Config, declared: Option<u64>) -> Self {
        Self {
            content: Content::new(media, config),
            guard: config.modes.guard.then(|| Guard::new(media, config.limits.json.max_key_bytes)),
            lines: matches!(media, Media::Lines | Media::Records),
            declared,
            kept_back: Vec::new(),
            changed: false,
            held_by_host: false,
            bytes: 0,
            #[cfg(test)]
            keeps_all: false,
        }
    }

    /// Bytes held for later.
    #[inline]
    pub(super) fn held_bytes(&self) -> usize {
        self.kept_back.len() + self.content.held_bytes() + self.guard.as_ref().map_or(0, Guard::held_bytes)
    }

    /// Bytes of the body so far.
    #[inline]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Events, and lines of them, that were left out so far.
    #[inline]
    pub(super) fn dropped(&self) -> u64 {
        self.content.dropped()
    }

    /// Edits a chunk. On [`Progress::Replaced`] `out` has all that has not gone on yet.
    ///
    /// # Errors
    /// The body cannot be inspected. `out` must not be sent, nor may anything after it.
    pub(super) fn push(
        &mut self,
        chunk: Chunk<'_>,
        hold_bytes: usize,
        book: Rulebook<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Reason> {
        self.bytes = self.bytes.saturating_add(chunk.bytes.len() as u64);
        // What is known to be longer never waits: Envoy answers 500 (413 for requests) when more comes at once than its buffer
        // takes while bytes wait in it, as after a beginning that was sent for itself.
        let length = self.declared.unwrap_or(0).max(self.bytes);
        // A body of lines may be a live one: it is held until its first line is known to be good.
        let live = self.lines && chunk.bytes.contains(&b'\n');
        let hold = chunk.head == HeadState::Held && !chunk.end && !live && length <= hold_bytes as u64;
        if !hold && self.kept_back.is_empty() && !self.changed {
            return Ok(match self.edit(chunk, book, out)? {
                Edit::Unchanged => Progress::Unchanged,
                Edit::Replaced => Progress::Replaced,
            });
        }
        let mut gathered = std::mem::take(&mut self.kept_back);
        match self.edit(chunk, book, &mut gathered)? {
            Edit::Unchanged => gathered.extend_from_slice(chunk.bytes),
            Edit::Replaced => self.changed = true,
        }
        self.kept_back = gathered;
        self.held_by_host = hold && self.bytes != 0;
        Ok(if hold { Progress::Hold } else { self.release(out) })
    }

    /// Reads a chunk for rules that only watch: nothing is changed or held back.
    ///
    /// # Errors
    /// The body could not be inspected.
    pub(super) fn watch(&mut self, chunk: Chunk<'_>, book: Rulebook<'_>) -> Result<(), Reason> {
        self.bytes = self.bytes.saturating_add(chunk.bytes.len() as u64);
        // The portal's bytes go on: there is nothing to guard.
        self.guard = None;
        self.edit(chunk, book, &mut Vec::new()).map(|_| ())
    }

    /// Ends a body that trailers end. On [`Progress::Replaced`] `out` has all that has not gone on yet.
    ///
    /// # Errors
    /// The body is not complete. Neither is a table that still has something to write when nothing of it is held: no
    /// host takes bytes of a body after its end.
    pub(super) fn finish(&mut self, mut book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Progress, Reason> {
        let mut rest = Vec::new();
        self.finish_content(book.reborrow(), &mut rest)?;
        self.guard(&rest, book.reborrow())?;
        self.guard_end(book)?;
        if !rest.is_empty() {
            if !self.held_by_host {
                return Err(Reason::Csv(Fault::Truncated));
            }
            self.kept_back.append(&mut rest);
            self.changed = true;
        }
        Ok(self.release(out))
    }

    /// Hands over what was held.
    fn release(&mut self, out: &mut Vec<u8>) -> Progress {
        let mut gathered = std::mem::take(&mut self.kept_back);
        if !std::mem::take(&mut self.changed) {
            return Progress::Unchanged;
        }
        out.append(&mut gathered);
        Progress::Replaced
    }

    fn edit(&mut self, chunk: Chunk<'_>, mut book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        let before = out.len();
        let mut edit = self.push_content(chunk.bytes, book.reborrow(), out)?;
        if chunk.end {
            let written = out.len();
            self.finish_content(book.reborrow(), out)?;
            if edit == Edit::Unchanged && out.len() > written {
                let rest = out.split_off(before);
                out.extend_from_slice(chunk.bytes);
                out.extend_from_slice(&rest);
                edit = Edit::Replaced;
            }
        }
        let outgoing = match edit {
            Edit::Unchanged => chunk.bytes,
            Edit::Replaced => out.get(before..).unwrap_or_default(),
        };
        self.guard(outgoing, book.reborrow())?;
        if chunk.end {
            self.guard_end(book)?;
        }
        Ok(edit)
    }

    #[inline]
    fn push_content(&mut self, bytes: &[u8], book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        #[cfg(test)]
        if self.keeps_all {
            return Ok(Edit::Unchanged);
        }
        self.content.push(bytes, book, out)
    }

    fn finish_content(&mut self, book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        #[cfg(test)]
        if self.keeps_all {
            return Ok(());
        }
        self.content.finish(book, out)
    }

    #[inline]
    fn guard(&mut self, outgoing: &[u8], book: Rulebook<'_>) -> Result<(), Reason> {
        match &mut self.guard {
            Some(guard) => guard.scan(outgoing, book),
            None => Ok(()),
        }
    }

    fn guard_end(&mut self, book: Rulebook<'_>) -> Result<(), Reason> {
        match &mut self.guard {
            Some(guard) => guard.finish(book),
            None => Ok(()),
        }
    }
}

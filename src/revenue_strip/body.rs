//! One body on its way through the editor.

use crate::exchange::{Chunk, HeadState};
use crate::json::{Edit, Editor, Error, Judge, Limits, RawKey, Verdict};

use super::config::{Action, Rule};
use super::error::Reason;
use super::matcher::{Matcher, RuleMask};
use super::media::Media;

/// The rules that act on a message, and what they have done so far.
#[derive(Debug)]
pub(super) struct Active {
    /// Rules that act.
    pub(super) enforce: RuleMask,
    /// Those of them that remove.
    pub(super) removing: RuleMask,
    /// Rules that only watch.
    pub(super) shadow: RuleMask,
    /// For each rule: fields it took, or would have taken.
    pub(super) fields: Vec<u64>,
}

impl Active {
    pub(super) fn is_empty(&self) -> bool {
        self.enforce | self.shadow == 0
    }

    /// Adds a rule that acts.
    pub(super) fn enforce(&mut self, bit: RuleMask, action: &Action) {
        self.enforce |= bit;
        if matches!(action, Action::Remove) {
            self.removing |= bit;
        }
    }

    /// Notes that the rules of `mask` meet a field; gives those of them that act.
    #[inline]
    pub(super) fn meet(&mut self, mask: RuleMask) -> RuleMask {
        let mut met = mask & (self.enforce | self.shadow);
        while met != 0 {
            if let Some(fields) = self.fields.get_mut(met.trailing_zeros() as usize) {
                *fields += 1;
            }
            met &= met - 1;
        }
        mask & self.enforce
    }
}

/// Asks the rules about each member.
struct RuleJudge<'a>(Rulebook<'a>);

impl RuleJudge<'_> {
    #[inline]
    fn verdict(&mut self, mask: RuleMask) -> Verdict {
        if mask == 0 {
            return Verdict::Keep;
        }
        let mask = self.0.active.meet(mask);
        if mask & self.0.active.removing != 0 {
            return Verdict::Remove;
        }
        match decide(self.0.rules, mask) {
            None => Verdict::Keep,
            Some((_, Action::Remove)) => Verdict::Remove,
            Some((n, Action::Redact { .. })) => Verdict::Replace(n),
        }
    }
}

impl Judge for RuleJudge<'_> {
    #[inline]
    fn judge(&mut self, key: RawKey<'_>) -> Verdict {
        let mask = self.0.matcher.member(key);
        self.verdict(mask)
    }

    #[inline]
    fn foresee(&mut self, text: &[u8], at: usize) -> Option<(Verdict, usize)> {
        let (mask, end) = self.0.matcher.foresee(text, at)?;
        Some((self.verdict(mask), end))
    }

    fn replacement(&self, number: u32) -> &[u8] {
        match self.0.rules.get(number as usize).map(|rule| &rule.action) {
            Some(Action::Redact { json, .. }) => json.as_bytes(),
            Some(Action::Remove) | None => b"null",
        }
    }
}

/// Which of the rules in `mask` decides: the first that removes, else the first that redacts.
pub(super) fn decide(rules: &[Rule], mask: RuleMask) -> Option<(u32, &Action)> {
    let mut rest = mask;
    let mut first = None;
    while rest != 0 {
        let n = rest.trailing_zeros();
        rest &= rest - 1;
        let Some(rule) = rules.get(n as usize) else {
            continue;
        };
        if matches!(rule.action, Action::Remove) {
            return Some((n, &rule.action));
        }
        first = first.or(Some((n, &rule.action)));
    }
    first
}

/// A body being edited.
#[derive(Debug)]
pub(super) struct Stream {
    editor: Editor,
    /// Whether the first byte must still show an object or array.
    sniff: bool,
    /// The whole body's length where its head declares one, in bytes.
    declared: Option<u64>,
    /// What goes on of the chunks for which the answer was [`Progress::Hold`].
    kept_back: Vec<u8>,
    /// Whether that differs from what the host holds.
    changed: bool,
    /// Bytes of the body so far.
    bytes: u64,
}

/// What becomes of a chunk, together with those held before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Unchanged,
    Replaced,
    Hold,
}

/// What the editor needs to judge members.
pub(super) struct Rulebook<'a> {
    pub(super) matcher: &'a mut Matcher,
    pub(super) rules: &'a [Rule],
    pub(super) active: &'a mut Active,
}

impl Stream {
    pub(super) fn new(media: Media, limits: Limits, declared: Option<u64>) -> Self {
        Self {
            editor: Editor::new(limits),
            sniff: media == Media::Sniff,
            declared,
            kept_back: Vec::new(),
            changed: false,
            bytes: 0,
        }
    }

    /// Bytes held for later.
    pub(super) fn held_bytes(&self) -> usize {
        self.kept_back.len() + self.editor.held_bytes()
    }

    /// Bytes of the body so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
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
        let hold = chunk.head == HeadState::Held && !chunk.end && length <= hold_bytes as u64;
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
        Ok(if hold { Progress::Hold } else { self.release(out) })
    }

    /// Reads a chunk for rules that only watch: nothing is changed or held back.
    ///
    /// # Errors
    /// The body could not be inspected.
    pub(super) fn watch(&mut self, chunk: Chunk<'_>, book: Rulebook<'_>) -> Result<(), Reason> {
        self.bytes = self.bytes.saturating_add(chunk.bytes.len() as u64);
        self.edit(chunk, book, &mut Vec::new()).map(|_| ())
    }

    /// Ends a body that trailers end. On [`Progress::Replaced`] `out` has all that has not gone on yet.
    ///
    /// # Errors
    /// The body is not complete.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<Progress, Reason> {
        self.editor.finish().map_err(|error| Reason::Json(error.fault))?;
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

    fn edit(&mut self, chunk: Chunk<'_>, book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        // The editor sees to it that an order mark stands whole and only at the start.
        let telling = |byte: &&u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf);
        if self.sniff
            && let Some(first) = chunk.bytes.iter().find(telling)
        {
            if !matches!(first, b'{' | b'[') {
                return Err(Reason::NotJson);
            }
            self.sniff = false;
        }
        let reason = |error: Error| Reason::Json(error.fault);
        let edit = self.editor.push(chunk.bytes, &mut RuleJudge(book), out).map_err(reason)?;
        if chunk.end {
            self.editor.finish().map_err(reason)?;
        }
        Ok(edit)
    }
}

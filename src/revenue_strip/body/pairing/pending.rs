//! Values whose fate is open: what has been read since the first of them, and what becomes of each.

use crate::revenue_strip::body::judge::Decision;
use crate::revenue_strip::pairs::PairSet;

/// A pair's value that is held until its name, or the end of the object, has come. Places are offsets in the held bytes.
#[derive(Clone, Debug)]
struct Entry {
    pairs: PairSet,
    /// The comma before the member, or the place after the object's bracket.
    start: usize,
    has_comma: bool,
    /// The value's first byte.
    value: usize,
    /// The place after the value; 0 while it is being read.
    end: usize,
    /// The place after the comma that follows; 0 while there is none.
    next: usize,
    /// The entry before this one in the same object.
    before: Option<usize>,
    /// Whether a member that stays in any case stands before it in the object.
    after_kept: bool,
    /// `None`: open.
    fate: Option<Decision>,
}

/// Held bytes, and the values in them whose fate is open or waits for that of one before.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Empty for rules that only watch.
    bytes: Vec<u8>,
    length: usize,
    entries: Vec<Entry>,
}

impl Pending {
    /// Whether anything is held.
    pub(super) fn is_open(&self) -> bool {
        !self.entries.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }

    /// What is counted of it when `more` bytes will be held.
    pub(super) fn counted(&self, more: usize) -> usize {
        let held = if self.is_open() { self.length + more } else { 0 };
        held + self.entries.len() * size_of::<Entry>()
    }

    /// Holds bytes; those that are only watched are counted.
    pub(super) fn hold(&mut self, bytes: &[u8], keep: bool) {
        self.length += bytes.len();
        if keep {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Adds a value whose member begins `ahead` bytes after the held ones. Gives its number.
    pub(super) fn open(&mut self, pairs: PairSet, before: Option<usize>, member: Member, ahead: usize) -> usize {
        let start = self.length + ahead;
        let Member { has_comma, after_kept } = member;
        self.entries.push(Entry {
            pairs,
            start,
            has_comma,
            value: start,
            end: 0,
            next: 0,
            before,
            after_kept,
            fate: None,
        });
        self.entries.len() - 1
    }

    /// The value begins `ahead` bytes after the held ones.
    pub(super) fn begin(&mut self, number: usize, ahead: usize) {
        let here = self.length + ahead;
        if let Some(entry) = self.entries.get_mut(number) {
            entry.value = here;
        }
    }

    /// The value ends there, if it has not ended before.
    pub(super) fn end(&mut self, number: usize, ahead: usize) {
        let here = self.length + ahead;
        if let Some(entry) = self.entries.get_mut(number)
            && entry.end == 0
        {
            entry.end = here;
        }
    }

    /// A comma ends there, in the object of which this is the last value so far.
    pub(super) fn comma(&mut self, number: usize, ahead: usize) {
        let here = self.length + ahead;
        if let Some(entry) = self.entries.get_mut(number)
            && entry.next == 0
        {
            entry.next = here;
        }
    }

    /// The pairs of one object's open values, of which `last` is the last one.
    pub(super) fn pairs(&self, last: Option<usize>) -> PairSet {
        let (mut number, mut pairs) = (last, 0);
        while let Some(entry) = number.and_then(|number| self.entries.get(number)) {
            pairs |= if entry.fate.is_none() { entry.pairs } else { 0 };
            number = entry.before;
        }
        pairs
    }

    /// Decides about the open values of one object, of which `last` is the last one.
    pub(super) fn decide(&mut self, last: Option<usize>, mut fate: impl FnMut(PairSet) -> Decision) {
        let mut number = last;
        while let Some(entry) = number.and_then(|number| self.entries.get_mut(number)) {
            if entry.fate.is_none() {
                entry.fate = Some(fate(entry.pairs));
            }
            number = entry.before;
        }
    }

    /// Lets go what stands before the first value that is open. Gives how many entries have gone: their numbers are those
    /// of the ones after them now.
    pub(super) fn release<'l>(&mut self, literal: impl Fn(u32) -> &'l [u8], out: &mut Vec<u8>) -> usize {
        let count = self.entries.iter().position(|entry| entry.fate.is_none()).unwrap_or(self.entries.len());
        let until = self.entries.get(count).map_or(self.length, |entry| entry.start);
        if count == 0 {
            return 0;
        }
        self.write(count, until, literal, out);
        self.length -= until;
        self.bytes.drain(..until.min(self.bytes.len()));
        self.entries.drain(..count);
        for entry in &mut self.entries {
            for place in [&mut entry.start, &mut entry.value, &mut entry.end, &mut entry.next] {
                *place = place.saturating_sub(until);
            }
            // The ones before it in its object stay: else it would not be open.
            entry.after_kept |= entry.before.is_some_and(|before| before < count);
            entry.before = entry.before.and_then(|before| before.checked_sub(count));
        }
        count
    }

    /// Writes the bytes before `until`, less what is taken; all of these entries are decided.
    fn write<'l>(&mut self, count: usize, until: usize, literal: impl Fn(u32) -> &'l [u8], out: &mut Vec<u8>) {
        let mut from = 0;
        for number in 0..count {
            let before = self.entries.get(number).and_then(|entry| entry.before);
            // Those of one object are decided together, and written in their order.
            let kept_before = before.and_then(|before| self.entries.get(before)).is_some_and(|entry| entry.after_kept);
            let Some(entry) = self.entries.get_mut(number) else { break };
            let kept = entry.after_kept || kept_before;
            let (to, literal, go_on) = match entry.fate {
                Some(Decision::Remove) if kept => (entry.start, None, entry.end),
                Some(Decision::Remove) => (entry.start + usize::from(entry.has_comma), None, entry.next.max(entry.end)),
                Some(Decision::Redact(number)) => (entry.value, Some(literal(number)), entry.end),
                Some(Decision::Keep) | None => (from, None, from),
            };
            // From here on: whether a member that stays stands before the next one.
            entry.after_kept = kept || entry.fate != Some(Decision::Remove);
            // It stays, or stands in one that does not.
            if to < from || go_on <= from {
                continue;
            }
            out.extend_from_slice(self.bytes.get(from..to).unwrap_or_default());
            out.extend_from_slice(literal.unwrap_or_default());
            from = go_on;
        }
        out.extend_from_slice(self.bytes.get(from..until).unwrap_or_default());
    }
}

/// Where a member stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) has_comma: bool,
    pub(super) after_kept: bool,
}

//! What members mean: names that have come, values that go at once or are held.

use super::{At, Frame, Hit, NOT_CUTTING, Part, Place, Stage, UNCHECKED};
use crate::json::{RawKey, scan};
use crate::revenue_strip::body::judge::{Decision, Rulebook, decide, literal};
use crate::revenue_strip::body::pairing::pending::Member;
use crate::revenue_strip::error::Reason;
use crate::revenue_strip::matcher::RuleMask;
use crate::revenue_strip::pairs::{PairSet, Role};

impl Stage {
    /// Reads a member's name. At `start` stands the comma before it, or what comes after its object's bracket. Gives the
    /// place after the name.
    pub(super) fn member(
        &mut self,
        start: usize,
        has_comma: bool,
        place: &mut Place<'_>,
        book: &mut Rulebook<'_>,
        out: &mut Vec<u8>,
    ) -> Result<usize, Reason> {
        let chunk = place.chunk;
        let quote = scan::space_end(chunk, start + usize::from(has_comma));
        let mut end = quote + 1;
        loop {
            end = scan::text_run(chunk, end).end;
            match chunk.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) | None => return Err(UNCHECKED),
            }
        }
        self.at = At::Value(Part::Other);
        if self.cut != NOT_CUTTING {
            return Ok(end + 1);
        }
        let key = RawKey::new(chunk.get(quote + 1..end).unwrap_or_default());
        match self.pairs.role(key, self.set) {
            Role::Other => {
                if let Some(frame) = self.frame() {
                    frame.kept = true;
                }
            }
            Role::Name(pairs) => {
                self.check(start, 0, place, book, out)?;
                self.open_frame(true);
                if let Some(frame) = self.frame() {
                    frame.kept = true;
                }
                self.at = At::Value(Part::Name(pairs));
            }
            Role::Value(pairs) => {
                self.check(start, 0, place, book, out)?;
                let (rules, texts) = self.taken(pairs);
                let part = if rules == 0 {
                    self.hold_value(start, has_comma, pairs, place, out)
                } else {
                    self.take_value(start, rules, texts, place, book, out)
                };
                self.at = At::Value(part);
            }
        }
        Ok(end + 1)
    }

    /// A value after a taken name.
    fn take_value(
        &mut self,
        start: usize,
        rules: RuleMask,
        texts: RuleMask,
        place: &mut Place<'_>,
        book: &mut Rulebook<'_>,
        out: &mut Vec<u8>,
    ) -> Part {
        let met = book.active.meet(rules);
        match decide(book.rules, met, texts) {
            Decision::Redact(number) if self.acts => Part::Redacted(number),
            Decision::Remove if self.acts => {
                self.write(start, place, out);
                place.changed = true;
                self.cut = self.levels.depth();
                Part::Other
            }
            Decision::Keep | Decision::Redact(_) | Decision::Remove => Part::Other,
        }
    }

    /// A value of which it is open whether it goes.
    fn hold_value(
        &mut self,
        start: usize,
        has_comma: bool,
        pairs: PairSet,
        place: &mut Place<'_>,
        out: &mut Vec<u8>,
    ) -> Part {
        if !self.pending.is_open() {
            self.write(start, place, out);
            place.changed = true;
        }
        self.open_frame(has_comma);
        let (before, after_kept) = self.frame().map_or((None, has_comma), |frame| (frame.last, frame.kept));
        let number = self.pending.open(pairs, before, Member { has_comma, after_kept }, start - place.from);
        if let Some(frame) = self.frame() {
            frame.last = Some(number);
        }
        Part::Held
    }

    /// A pair's name has come, of which `text..end` of the chunk is the last part.
    pub(super) fn read_name(
        &mut self,
        pairs: PairSet,
        text: usize,
        end: usize,
        place: &mut Place<'_>,
        book: &mut Rulebook<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let here = place.chunk.get(text..end).unwrap_or_default();
        self.check(end, self.name.len() + here.len(), place, book, out)?;
        let mut name = std::mem::take(&mut self.name);
        let raw = if name.is_empty() {
            here
        } else {
            name.extend_from_slice(here);
            &name
        };
        let mask = book.matcher.pair_name(RawKey::new(raw)) & self.rules;
        let texts = if mask == 0 { 0 } else { book.matcher.pair_texts(RawKey::new(raw)) };
        let Some(frame) = self.frame() else { return Err(UNCHECKED) };
        frame.named |= pairs;
        let (gone, since) = (frame.gone, frame.hits);
        let mut rest = pairs;
        while rest != 0 {
            let number = rest.trailing_zeros();
            let bit = 1 << number;
            rest &= rest - 1;
            let rules = mask & self.pairs.rules(number);
            if rules == 0 {
                continue;
            }
            // Its value is on its way.
            if gone & bit != 0 {
                return Err(Reason::PairLength);
            }
            let known = self.hits.iter_mut().skip(since).find(|hit| hit.pair == bit);
            match known {
                Some(hit) => {
                    hit.rules |= rules;
                    hit.texts |= texts & rules;
                }
                None => self.hits.push(Hit { pair: bit, rules, texts: texts & rules }),
            }
        }
        Ok(())
    }

    /// Decides about the values of the object that ends at `i`.
    pub(super) fn end_object(
        &mut self,
        i: usize,
        place: &mut Place<'_>,
        book: &mut Rulebook<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let Some(frame) = self.frame() else { return Ok(()) };
        let (last, since) = (frame.last, frame.hits);
        // Before anything is given back, so that every split is refused at the same place.
        self.check(i, 0, place, book, out)?;
        if last.is_some() {
            self.write(i, place, out);
        }
        // That may have let some of them go.
        let last = self.frame().and_then(|frame| frame.last);
        let hits = self.hits.get(since..).unwrap_or_default();
        self.pending.decide(last, |pairs| decision_of(hits, pairs, book));
        self.hits.truncate(since);
        self.frames.pop();
        if last.is_some() {
            self.release(book, out);
        }
        Ok(())
    }

    /// Sees to it that no more is held than may be.
    pub(super) fn check(
        &mut self,
        i: usize,
        name: usize,
        place: &mut Place<'_>,
        book: &mut Rulebook<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let ahead = if self.cut == NOT_CUTTING { i - place.from } else { 0 };
        if self.pending.counted(ahead) + name + self.frames_bytes() <= self.pairs.max_bytes {
            return Ok(());
        }
        if self.pending.is_open() {
            self.write(i, place, out);
            self.decide_early(book);
            self.release(book, out);
        }
        if self.pending.counted(0) + name + self.frames_bytes() <= self.pairs.max_bytes {
            return Ok(());
        }
        Err(Reason::PairLength)
    }

    /// Decides about the values of open objects by the names that have come, where none is missing.
    fn decide_early(&mut self, book: &mut Rulebook<'_>) {
        let mut end = self.hits.len();
        for frame in self.frames.iter_mut().rev() {
            let hits = self.hits.get(frame.hits..end).unwrap_or_default();
            end = frame.hits;
            // All or none: what is left of one depends on the others.
            if self.pending.pairs(frame.last) & !frame.named != 0 {
                continue;
            }
            let Frame { gone, kept, .. } = frame;
            self.pending.decide(frame.last, |pairs| {
                let decision = decision_of(hits, pairs, book);
                *kept = true;
                *gone |= if decision == Decision::Keep { pairs } else { 0 };
                decision
            });
        }
    }

    /// Writes the held bytes of which the fate is known.
    fn release(&mut self, book: &Rulebook<'_>, out: &mut Vec<u8>) {
        let rules = book.rules;
        let gone = self.pending.release(|number| literal(rules, number), out);
        if gone == 0 {
            return;
        }
        for frame in &mut self.frames {
            frame.last = frame.last.and_then(|last| last.checked_sub(gone));
        }
    }

    /// The rules that take the innermost object's values of these pairs, by the names that have come.
    fn taken(&mut self, pairs: PairSet) -> (RuleMask, RuleMask) {
        let Some(since) = self.frame().map(|frame| frame.hits) else { return (0, 0) };
        rules_of(self.hits.get(since..).unwrap_or_default(), pairs)
    }
}

/// What becomes of a value of these pairs, by the names of its object. It is counted.
fn decision_of(hits: &[Hit], pairs: PairSet, book: &mut Rulebook<'_>) -> Decision {
    match rules_of(hits, pairs) {
        (0, _) => Decision::Keep,
        (rules, texts) => decide(book.rules, book.active.meet(rules), texts),
    }
}

fn rules_of(hits: &[Hit], pairs: PairSet) -> (RuleMask, RuleMask) {
    let of_these = hits.iter().filter(|hit| hit.pair & pairs != 0);
    of_these.fold((0, 0), |(rules, texts), hit| (rules | hit.rules, texts | hit.texts))
}

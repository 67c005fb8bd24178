//! One pass over checked JSON: which object has which names of pairs, and what becomes of its values.

use super::pending::{Member, Pending};
use crate::json::levels::{Level, Levels};
use crate::json::{Edit, Fault, RawKey, scan};
use crate::revenue_strip::body::judge::{Decision, Rulebook, decide, literal};
use crate::revenue_strip::error::Reason;
use crate::revenue_strip::matcher::RuleMask;
use crate::revenue_strip::pairs::{PairSet, Pairs, Role};

/// Takes values of pairs from checked JSON, in which every name comes in one piece with the comma before it.
///
/// A value that stands after a taken name goes at once. Every other one is held until its object ends, for a second name
/// may come: at most [`Pairs::max_bytes`]. Beyond that a value whose name has come and stays is let go, and a taken name after it
/// is refused; a value whose name has not come is refused.
#[derive(Debug)]
pub(super) struct Stage {
    pairs: Pairs,
    /// Those of the rules that act (or watch) here.
    set: PairSet,
    rules: RuleMask,
    /// Whether values are taken, or only counted.
    acts: bool,
    levels: Levels,
    at: At,
    /// The open objects that have had a pair's name or value.
    frames: Vec<Frame>,
    /// What the names of these objects say.
    hits: Vec<Hit>,
    pending: Pending,
    /// What earlier chunks gave of a text under a pair's name.
    name: Vec<u8>,
    /// The depth of the object whose member is being taken, or [`NOT_CUTTING`].
    cut: u32,
}

const NOT_CUTTING: u32 = u32::MAX;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A value or what stands between values, outside objects or behind a member's value.
    Between,
    /// The first member of an object, or its end.
    FirstMember,
    /// The colon behind a name, or the value.
    Value(Part),
    /// In a string: whether the last byte was a backslash that begins an escape.
    Text {
        part: Part,
        escape: bool,
    },
    /// In a number or a literal name that is a member's value.
    Scalar,
}

/// What a member's value is to the pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Other,
    /// If it is a text: the name of these pairs.
    Name(PairSet),
    /// A value that is held.
    Held,
    /// The literal of this rule stands in its place.
    Redacted(u32),
}

/// An object that has had a name or a value of a pair.
#[derive(Clone, Debug)]
struct Frame {
    depth: u32,
    /// Whether a member that stays in any case has come.
    kept: bool,
    /// The last of its values that are held.
    last: Option<usize>,
    /// How many hits there were before it.
    hits: usize,
    /// The pairs whose name has come.
    named: PairSet,
    /// The pairs of which a value was let go.
    gone: PairSet,
}

/// A name that rules take.
#[derive(Clone, Debug)]
struct Hit {
    pair: PairSet,
    rules: RuleMask,
    texts: RuleMask,
}

/// What the stage before this one sees to does not hold: our fault.
const UNCHECKED: Reason = Reason::Json(Fault::Failed);

/// The bytes of a chunk from `from` on are not yet written.
struct Place<'a> {
    chunk: &'a [u8],
    from: usize,
    changed: bool,
}

impl Stage {
    /// `None` when none of these rules has pairs.
    pub(super) fn new(pairs: &Pairs, rules: RuleMask, acts: bool) -> Option<Self> {
        let set = pairs.of(rules);
        (set != 0).then(|| Self {
            pairs: pairs.clone(),
            set,
            rules,
            acts,
            levels: Levels::default(),
            at: At::Between,
            frames: Vec::new(),
            hits: Vec::new(),
            pending: Pending::default(),
            name: Vec::new(),
            cut: NOT_CUTTING,
        })
    }

    /// Bytes held on the heap.
    pub(super) fn held_bytes(&self) -> usize {
        self.pending.heap_bytes() + self.name.len() + self.frames_bytes() + self.levels.held_bytes()
    }

    fn frames_bytes(&self) -> usize {
        self.frames.len() * size_of::<Frame>() + self.hits.len() * size_of::<Hit>()
    }

    /// Reads all of `chunk`. Unless it goes on unchanged, appends to `out` what goes on in its place.
    ///
    /// # Errors
    /// [`Reason::PairLength`], or the text was not checked; final.
    pub(super) fn push(&mut self, chunk: &[u8], mut book: Rulebook<'_>, out: &mut Vec<u8>) -> Result<Edit, Reason> {
        let changed = self.cut != NOT_CUTTING || self.pending.is_open();
        let mut place = Place { chunk, from: 0, changed };
        // Where this chunk's part of a pair's name begins.
        let mut text = 0;
        let mut i = 0;
        while let Some(&byte) = chunk.get(i) {
            match self.at {
                At::Between => match byte {
                    b'"' => {
                        i += 1;
                        self.at = At::Text { part: Part::Other, escape: false };
                    }
                    b',' if matches!(self.levels.innermost(), Level::Object { .. }) => {
                        if let Some(last) = self.frame().and_then(|frame| frame.last) {
                            self.pending.comma(last, i + 1 - place.from);
                        }
                        i = self.member(i, true, &mut place, &mut book, out)?;
                    }
                    b'{' => {
                        self.levels.open_object();
                        i += 1;
                        self.at = At::FirstMember;
                    }
                    b'[' => {
                        self.levels.open_array();
                        i += 1;
                    }
                    b'}' | b']' => {
                        if byte == b'}' {
                            self.end_object(i, &mut place, &mut book, out)?;
                        }
                        self.levels.close();
                        i += 1;
                        self.end_value(i, &mut place);
                    }
                    _ => i += 1,
                },
                At::FirstMember => {
                    let start = i;
                    i = scan::space_end(chunk, i);
                    match chunk.get(i) {
                        Some(b'"') => i = self.member(start, false, &mut place, &mut book, out)?,
                        Some(b'}') => self.at = At::Between,
                        Some(_) | None => return Err(UNCHECKED),
                    }
                }
                At::Value(part) => {
                    if byte == b':' || scan::is_space(byte) {
                        i += 1;
                        continue;
                    }
                    self.begin_value(part, i, &mut place, &book, out);
                    self.at = match byte {
                        b'"' => {
                            i += 1;
                            text = i;
                            At::Text { part, escape: false }
                        }
                        b'{' | b'[' => At::Between,
                        _ => At::Scalar,
                    };
                }
                At::Text { part, escape: true } => {
                    i += 1;
                    self.at = At::Text { part, escape: false };
                }
                At::Text { part, escape: false } => {
                    i = scan::text_run(chunk, i).end;
                    match chunk.get(i) {
                        None => break,
                        Some(b'\\') => {
                            i += 1;
                            self.at = At::Text { part, escape: true };
                        }
                        Some(_) => {
                            if let Part::Name(pairs) = part {
                                self.read_name(pairs, text, i, &mut place, &mut book, out)?;
                            }
                            i += 1;
                            self.at = At::Between;
                            self.end_value(i, &mut place);
                        }
                    }
                }
                At::Scalar => {
                    if matches!(byte, b',' | b'}' | b']') || scan::is_space(byte) {
                        self.at = At::Between;
                        self.end_value(i, &mut place);
                    } else {
                        i += 1;
                    }
                }
            }
        }
        if let At::Text { part: Part::Name(_), .. } = self.at {
            self.name.extend_from_slice(chunk.get(text..).unwrap_or_default());
        }
        self.check(chunk.len(), self.name.len(), &mut place, &mut book, out)?;
        if !place.changed {
            return Ok(Edit::Unchanged);
        }
        self.write(chunk.len(), &mut place, out);
        Ok(Edit::Replaced)
    }

    /// Reads a member's name. At `start` stands the comma before it, or what comes after its object's bracket. Gives the
    /// place after the name.
    fn member(
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

    /// Notes where a member's value begins.
    fn begin_value(&mut self, part: Part, i: usize, place: &mut Place<'_>, book: &Rulebook<'_>, out: &mut Vec<u8>) {
        match part {
            Part::Other | Part::Name(_) => {}
            Part::Held => {
                if let Some(last) = self.frame().and_then(|frame| frame.last) {
                    self.pending.begin(last, i - place.from);
                }
            }
            Part::Redacted(number) => {
                self.write(i, place, out);
                let literal = literal(book.rules, number);
                if self.pending.is_open() {
                    self.pending.hold(literal, self.acts);
                } else {
                    out.extend_from_slice(literal);
                }
                place.changed = true;
                self.cut = self.levels.depth();
            }
        }
    }

    /// Notes that a value ends before `i`; when it was being taken, what follows stays.
    fn end_value(&mut self, i: usize, place: &mut Place<'_>) {
        if self.levels.depth() == self.cut {
            self.cut = NOT_CUTTING;
            place.from = i;
        } else if let Some(last) = self.frame().and_then(|frame| frame.last) {
            self.pending.end(last, i - place.from);
        }
    }

    /// A pair's name has come, of which `text..end` of the chunk is the last part.
    fn read_name(
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
    fn end_object(
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
    fn check(
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

    /// Writes what is kept of the chunk before `to`, or holds it behind what is held.
    fn write(&mut self, to: usize, place: &mut Place<'_>, out: &mut Vec<u8>) {
        if self.cut != NOT_CUTTING {
            return;
        }
        let bytes = place.chunk.get(place.from..to).unwrap_or_default();
        if self.pending.is_open() {
            self.pending.hold(bytes, self.acts);
        } else if self.acts {
            out.extend_from_slice(bytes);
        }
        place.from = to;
    }

    /// The innermost object's frame.
    #[inline]
    fn frame(&mut self) -> Option<&mut Frame> {
        let depth = self.levels.depth();
        self.frames.last_mut().filter(|frame| frame.depth == depth)
    }

    /// Makes it, if it is not there; `kept`: whether a member stands before this one.
    fn open_frame(&mut self, kept: bool) {
        if self.frame().is_none() {
            let (depth, hits) = (self.levels.depth(), self.hits.len());
            self.frames.push(Frame { depth, kept, last: None, hits, named: 0, gone: 0 });
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

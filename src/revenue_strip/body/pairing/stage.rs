//! One pass over checked JSON: which object has which names of pairs, and what becomes of its values.

mod members;

use super::pending::Pending;
use crate::json::levels::{Level, Levels};
use crate::json::{Edit, Fault, scan};
use crate::revenue_strip::body::judge::{Rulebook, literal};
use crate::revenue_strip::error::Reason;
use crate::revenue_strip::matcher::RuleMask;
use crate::revenue_strip::pairs::{PairSet, Pairs};

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
    Text { part: Part, escape: bool },
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
}

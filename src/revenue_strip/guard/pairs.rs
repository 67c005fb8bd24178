//! Values of pairs in JSON texts: `{"name": "unit_cost", "value": 5}`.

use super::names::decoded;
use super::table::sure_rules;
use crate::json::RawKey;
use crate::revenue_strip::body::{Rulebook, literal};
use crate::revenue_strip::config::MAX_REDACTION_BYTES;
use crate::revenue_strip::matcher::RuleMask;
use crate::revenue_strip::pairs::{PairSet, Role};

/// Reads JSON texts, one after another, a byte at a time.
#[derive(Debug)]
pub(in crate::revenue_strip) struct PairValues {
    at: At,
    depth: u32,
    /// The open objects that have had a name or a value of a pair: no more than the editor lets nest.
    open: Vec<Seen>,
    /// The string being read, or read last; or a value, as far as it can be a literal.
    text: Vec<u8>,
    max_bytes: usize,
}

#[derive(Debug)]
struct Seen {
    depth: u32,
    /// The pairs whose name rules take.
    taken: PairSet,
    /// The pairs of which there is a value that is no rule's literal.
    bare: PairSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Outside,
    /// In a string: whether a backslash came last, and of which pairs it is the name.
    Text {
        escape: bool,
        name: PairSet,
    },
    /// Behind a string that may be a name.
    Behind,
    /// Behind the colon of a pair's name.
    Name(PairSet),
    /// Behind the colon of a pair's value.
    Value(PairSet),
    /// In a string, or a number or literal name, that is the value of these pairs.
    ValueText {
        escape: bool,
        pairs: PairSet,
    },
    Scalar(PairSet),
}

impl PairValues {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { at: At::Outside, depth: 0, open: Vec::new(), text: Vec::new(), max_bytes }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.text.len() + self.open.len() * size_of::<Seen>()
    }

    /// Forgets where it was: another text begins.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.max_bytes);
    }

    /// Reads a byte; whether all is well so far.
    pub(super) fn read(&mut self, byte: u8, book: &mut Rulebook<'_>) -> bool {
        let is_space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.at = match (self.at, byte) {
            (At::Text { escape: false, name: 0 }, b'"') => At::Behind,
            (At::Text { escape: false, name }, b'"') => {
                // Of a longer one than is kept nothing can be said.
                let whole = self.text.len() < self.max_bytes;
                let taken = if whole { self.pairs_that_take(name, book) } else { 0 };
                self.at = At::Outside;
                return self.see(taken, 0);
            }
            (At::Text { escape, name }, _) => {
                if self.text.len() < self.max_bytes {
                    self.text.push(byte);
                }
                At::Text { escape: !escape && byte == b'\\', name }
            }
            (At::ValueText { escape: false, pairs }, b'"') => {
                self.text.push(byte);
                return self.end_value(pairs, book);
            }
            (At::ValueText { escape, pairs }, _) => {
                self.keep_of_value(byte);
                At::ValueText { escape: !escape && byte == b'\\', pairs }
            }
            (At::Scalar(pairs), b',' | b'}' | b']') => return self.end_value(pairs, book) && self.read(byte, book),
            (At::Scalar(pairs), _) if is_space => return self.end_value(pairs, book),
            (At::Scalar(pairs), _) => {
                self.keep_of_value(byte);
                At::Scalar(pairs)
            }
            (At::Behind, b':') => {
                let name = decoded(&self.text);
                let pairs = book.matcher.pairs();
                match pairs.role(RawKey::plain(name.as_bytes()), pairs.of(book.active.enforce)) {
                    Role::Other => At::Outside,
                    Role::Name(pairs) => At::Name(pairs),
                    Role::Value(pairs) => At::Value(pairs),
                }
            }
            (here @ (At::Behind | At::Name(_) | At::Value(_)), _) if is_space => here,
            (At::Name(name), b'"') => {
                self.text.clear();
                At::Text { escape: false, name }
            }
            (At::Value(pairs), b'"') => {
                self.text.clear();
                self.text.push(byte);
                At::ValueText { escape: false, pairs }
            }
            (At::Value(pairs), b'{' | b'[') => {
                let fine = self.see(0, pairs);
                self.depth += 1;
                self.at = At::Outside;
                return fine;
            }
            (At::Value(pairs), _) => {
                self.text.clear();
                self.text.push(byte);
                At::Scalar(pairs)
            }
            (At::Outside | At::Behind | At::Name(_), b'{' | b'[') => {
                self.depth += 1;
                At::Outside
            }
            (At::Outside | At::Behind, b'}' | b']') => {
                if self.open.last().is_some_and(|seen| seen.depth == self.depth) {
                    self.open.pop();
                }
                self.depth = self.depth.saturating_sub(1);
                At::Outside
            }
            (At::Outside, b'"') => {
                self.text.clear();
                At::Text { escape: false, name: 0 }
            }
            (At::Outside | At::Behind | At::Name(_), _) => At::Outside,
        };
        true
    }

    fn keep_of_value(&mut self, byte: u8) {
        // One byte more than any literal has is enough to tell.
        if self.text.len() <= MAX_REDACTION_BYTES {
            self.text.push(byte);
        }
    }

    fn end_value(&mut self, pairs: PairSet, book: &Rulebook<'_>) -> bool {
        self.at = At::Outside;
        let is_literal = (0..)
            .zip(book.rules)
            .any(|(n, _)| book.active.enforce & 1 << n != 0 && literal(book.rules, n) == self.text.as_slice());
        self.see(0, if is_literal { 0 } else { pairs })
    }

    /// Notes a taken name or a bare value in the innermost object; whether it does not have both.
    fn see(&mut self, taken: PairSet, bare: PairSet) -> bool {
        if taken | bare == 0 {
            return true;
        }
        let depth = self.depth;
        if self.open.last().is_none_or(|seen| seen.depth != depth) {
            self.open.push(Seen { depth, taken: 0, bare: 0 });
        }
        let Some(seen) = self.open.last_mut() else { return true };
        seen.taken |= taken;
        seen.bare |= bare;
        seen.taken & seen.bare == 0
    }

    fn pairs_that_take(&self, pairs: PairSet, book: &mut Rulebook<'_>) -> PairSet {
        let rules: RuleMask = sure_rules(&decoded(&self.text), book);
        let mut taken = 0;
        for number in 0..PairSet::BITS {
            if pairs & 1 << number != 0 && book.matcher.pairs().rules(number) & rules != 0 {
                taken |= 1 << number;
            }
        }
        taken
    }
}

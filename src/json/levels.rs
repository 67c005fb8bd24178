//! The open objects and arrays: two bits each, on no call stack.

/// What encloses the current position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Nothing: the text itself.
    Top,
    /// An array.
    Array,
    /// An object; `kept` once a member of it has been kept.
    Object {
        /// Whether a kept member stands before this place, so that the next one needs its comma.
        kept: bool,
    },
}

/// A stack of [`Level`]s. The innermost 32 are in `word`, the rest in `outer`: a quarter of a byte a level.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    /// Two bits a level, innermost lowest: `OBJECT`, `KEPT`.
    word: u64,
    /// Full words of 32 levels, outermost first.
    outer: Vec<u64>,
    depth: u32,
}

const KEPT: u64 = 1;
const OBJECT: u64 = 2;
const PER_WORD: u32 = 32;

impl Levels {
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    #[inline]
    pub(crate) fn innermost(&self) -> Level {
        if self.depth == 0 {
            Level::Top
        } else if self.word & OBJECT == 0 {
            Level::Array
        } else {
            Level::Object { kept: self.word & KEPT != 0 }
        }
    }

    #[inline]
    pub(crate) fn open_object(&mut self) {
        self.open(OBJECT);
    }

    #[inline]
    pub(crate) fn open_array(&mut self) {
        self.open(0);
    }

    #[inline]
    fn open(&mut self, bits: u64) {
        if self.depth != 0 && self.depth.is_multiple_of(PER_WORD) {
            self.outer.push(self.word);
        }
        self.word = self.word << 2 | bits;
        self.depth = self.depth.saturating_add(1);
    }

    /// Closes the innermost level; at the top nothing happens.
    #[inline]
    pub(crate) fn close(&mut self) {
        if self.depth == 0 {
            return;
        }
        self.depth -= 1;
        self.word >>= 2;
        if self.depth != 0 && self.depth.is_multiple_of(PER_WORD) {
            self.word = self.outer.pop().unwrap_or(0);
        }
    }

    /// Notes that the innermost object has a kept member.
    #[inline]
    pub(crate) fn keep_member(&mut self) {
        self.word |= KEPT;
    }

    /// Bytes held on the heap.
    pub(crate) fn held_bytes(&self) -> usize {
        self.outer.len() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, Levels};

    #[test]
    fn levels_come_back_in_reverse_over_word_ends() {
        for depth in [1_u32, 2, 31, 32, 33, 64, 65, 1000] {
            let mut levels = Levels::default();
            for n in 0..depth {
                if n % 3 == 0 {
                    levels.open_array();
                } else {
                    levels.open_object();
                    if n % 3 == 2 {
                        levels.keep_member();
                    }
                }
            }
            for n in (0..depth).rev() {
                let want = match n % 3 {
                    0 => Level::Array,
                    1 => Level::Object { kept: false },
                    _ => Level::Object { kept: true },
                };
                assert_eq!(levels.innermost(), want, "depth {depth}, level {n}");
                levels.close();
            }
            assert_eq!(levels.innermost(), Level::Top);
            assert_eq!(levels.held_bytes(), 0);
        }
    }
}

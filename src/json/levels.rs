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
    inner: Inner,
    /// Full words of 32 levels, outermost first.
    outer: Vec<u64>,
}

/// The innermost levels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inner {
    /// Two bits a level, innermost lowest: `OBJECT`, `KEPT`.
    word: u64,
    /// How many levels there are in all.
    depth: u32,
}

const KEPT: u64 = 1;
const OBJECT: u64 = 2;
const PER_WORD: u32 = 32;

impl Levels {
    pub(crate) fn depth(&self) -> u32 {
        self.inner.depth
    }

    #[inline(always)]
    pub(crate) fn innermost(&self) -> Level {
        if self.inner.depth == 0 {
            Level::Top
        } else if self.inner.word & OBJECT == 0 {
            Level::Array
        } else {
            Level::Object { kept: self.inner.word & KEPT != 0 }
        }
    }

    #[inline(always)]
    pub(crate) fn open_object(&mut self) {
        self.open(OBJECT);
    }

    #[inline(always)]
    pub(crate) fn open_array(&mut self) {
        self.open(0);
    }

    #[inline(always)]
    fn open(&mut self, bits: u64) {
        if self.inner.depth != 0 && self.inner.depth.is_multiple_of(PER_WORD) {
            self.outer.push(self.inner.word);
        }
        self.inner.word = self.inner.word << 2 | bits;
        self.inner.depth = self.inner.depth.saturating_add(1);
    }

    /// Closes the innermost level; at the top nothing happens.
    #[inline(always)]
    pub(crate) fn close(&mut self) {
        if self.inner.depth == 0 {
            return;
        }
        self.inner.depth -= 1;
        self.inner.word >>= 2;
        if self.inner.depth != 0 && self.inner.depth.is_multiple_of(PER_WORD) {
            self.inner.word = self.outer.pop().unwrap_or(0);
        }
    }

    /// Notes that the innermost object has a kept member.
    #[inline(always)]
    pub(crate) fn keep_member(&mut self) {
        self.inner.word |= KEPT;
    }

    /// The innermost ones, with which [`Inner::take`] goes on; they must be put back.
    #[inline(always)]
    pub(super) fn inner(&mut self) -> &mut Inner {
        &mut self.inner
    }

    /// Bytes held on the heap.
    pub(crate) fn held_bytes(&self) -> usize {
        self.outer.len() * size_of::<u64>()
    }
}

impl Inner {
    /// Takes this step, when these are the levels that it is for, `max_depth` allows it, and no word ends on its way: whether it did.
    #[inline(always)]
    pub(super) fn take(&mut self, step: &Step, max_depth: u32) -> bool {
        let Step { leave, enter, care, want, put } = *step;
        // How many levels of the word there are around the innermost.
        let around = self.depth.wrapping_sub(1) % PER_WORD;
        let (leave, enter) = (u32::from(leave), u32::from(enter));
        let depth = self.depth.wrapping_sub(leave) + enter;
        if self.word & u64::from(care) != u64::from(want)
            || around < leave
            || around - leave + enter >= PER_WORD
            || depth > max_depth
        {
            return false;
        }
        self.word = (self.word >> (2 * leave)) << (2 * enter) | u64::from(put);
        self.depth = depth;
        true
    }
}

impl Inner {
    /// As [`Inner::take`], of a step that leaves all levels there are.
    pub(super) fn take_from_top(&mut self, step: &Step, max_depth: u32) -> bool {
        let Step { leave, enter, care, want, put } = *step;
        let (leave, enter) = (u32::from(leave), u32::from(enter));
        if self.depth != leave || self.word & u64::from(care) != u64::from(want) || enter > max_depth {
            return false;
        }
        self.word = u64::from(put);
        self.depth = enter;
        true
    }
}

/// The levels that a text leaves, the one in which it goes on, and those that it enters from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    leave: u8,
    enter: u8,
    /// Of the levels that it leaves, and the one in which it goes on: their `OBJECT` bits.
    care: u32,
    /// Those that must be set.
    want: u32,
    /// The levels that it enters; objects are entered by a member that is kept.
    put: u32,
}

/// Most levels that a step leaves, and most that it enters.
const MAX_STEP: u8 = 7;

impl Step {
    /// Staying in an array.
    pub(super) const NONE: Self = Self { leave: 0, enter: 0, care: OBJECT as u32, want: 0, put: 0 };

    /// Whether it leaves or enters anything.
    #[inline(always)]
    pub(super) fn moves(&self) -> bool {
        self.leave | self.enter != 0
    }

    #[inline(always)]
    pub(super) fn enters(&self) -> bool {
        self.enter != 0
    }

    pub(super) fn leave_object(&mut self) -> Option<()> {
        self.want |= (OBJECT as u32) << (2 * self.leave);
        self.leave_array()
    }

    /// `None` when it leaves too many.
    pub(super) fn leave_array(&mut self) -> Option<()> {
        self.leave = Some(self.leave + 1).filter(|&leave| leave <= MAX_STEP)?;
        self.care |= (OBJECT as u32) << (2 * self.leave);
        Some(())
    }

    /// Where it goes on is no level: all have been left. `None` when none was.
    pub(super) fn leave_text(&mut self) -> Option<()> {
        if self.leave == 0 {
            return None;
        }
        self.care &= !((OBJECT as u32) << (2 * self.leave));
        Some(())
    }

    /// Where it goes on is an object.
    pub(super) fn stay_in_object(&mut self) {
        self.want |= (OBJECT as u32) << (2 * self.leave);
    }

    pub(super) fn enter_object(&mut self) -> Option<()> {
        self.enter_array()?;
        self.put |= (OBJECT | KEPT) as u32;
        Some(())
    }

    /// `None` when it enters too many.
    pub(super) fn enter_array(&mut self) -> Option<()> {
        self.enter = Some(self.enter + 1).filter(|&enter| enter <= MAX_STEP)?;
        self.put <<= 2;
        Some(())
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

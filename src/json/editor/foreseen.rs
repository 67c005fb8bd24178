//! The quickest way: values whose [`Joints`] are foreseen, one comparison and one search a member.

use super::quick::{Place, odd_text_end};
use super::{At, Editor, Judge, Texts, Verdict, copy};
use crate::json::error::Error;
use crate::json::joints::{Joint, Joints, foresee};
use crate::json::levels::Inner;
use crate::json::scan::JOINT_BYTES;

/// The bytes that must be here of a joint and the value after it.
const WINDOW_BYTES: usize = JOINT_BYTES + 32;

/// The kept runs that are gathered before they are copied.
const CUTS: usize = 64;

/// How far the foreseen way has come.
#[repr(C)]
struct Run {
    /// Kept runs that are to be copied.
    cuts: [(usize, usize); CUTS],
    /// Where the next joint begins: at the closing quotation mark when the last value was a string, else at its end.
    i: usize,
    /// Those of [`Editor::levels`], after all such values.
    levels: Inner,
    max_depth: u32,
    texts: Texts,
    /// The kept bytes from here on are not among `cuts`.
    from: usize,
    /// A mark of names whose members go, and how many there were.
    taken: u64,
    times: u64,
    /// The mark of a name whose member stays.
    met: u64,
    cut_count: usize,
    /// The first byte of a string that needs a closer look, and its closing quotation mark.
    odd: (usize, usize),
}

/// Why the foreseen way does not go on by itself.
enum Stop {
    /// What comes is not foreseen, or not here in whole.
    Unforeseen,
    /// A removed container begins at [`Run::i`].
    Container,
    /// A string needs a closer look: [`Run::odd`].
    OddText,
    /// There is no more room for cuts, or members of another mark go.
    Full,
    /// A member with a mark stays: [`Run::met`].
    Met,
}

impl Editor {
    /// Goes on from a value's end at `place.i` in an object with a kept member to another value's end in such an object, as far as
    /// joints are foreseen. What may come next where that is not [`At::After`]: the rest of a removed container.
    pub(super) fn foreseen(
        &mut self,
        chunk: &[u8],
        judge: &mut impl Judge,
        joints: &mut Joints,
        out: &mut Vec<u8>,
        place: &mut Place,
    ) -> Result<Option<At>, Error> {
        let end = place.i;
        // Joints begin with the closing quotation mark of a string, and with none after another value.
        let i = if end != 0 && chunk.get(end - 1) == Some(&b'"') { end - 1 } else { end };
        if self.limits.max_key_bytes < JOINT_BYTES || i == end && chunk.get(i) == Some(&b'"') {
            return Ok(None);
        }
        // Nothing is set up in vain.
        let window = chunk.get(i..).and_then(<[u8]>::first_chunk);
        let first = joints.lend().zip(window).and_then(|((all, last, _), window)| foresee(all, last, window));
        if first.is_none() {
            return Ok(None);
        }
        let mut run = Run {
            cuts: [(0, 0); CUTS],
            cut_count: 0,
            i,
            from: place.from,
            levels: *self.levels.inner(),
            max_depth: self.limits.max_depth,
            texts: self.texts,
            taken: 0,
            times: 0,
            met: 0,
            odd: (0, 0),
        };
        let mut next = None;
        let mut after_container = false;
        loop {
            let stop = run.go(chunk, judge, joints);
            if matches!(stop, Stop::Unforeseen | Stop::Full) {
                run.flush(chunk, judge, out);
            }
            match stop {
                Stop::Unforeseen => break,
                Stop::Full => {}
                Stop::Met => judge.meet(run.met, 1),
                Stop::OddText => match odd_text_end(chunk, run.odd.0) {
                    Some(end) => run.odd.1 = end - 1,
                    None => {
                        run.flush(chunk, judge, out);
                        break;
                    }
                },
                Stop::Container => {
                    *self.levels.inner() = run.levels;
                    self.cut = self.levels.depth();
                    let (at, after) = self.tree(chunk, run.i, joints.searches())?;
                    run.levels = *self.levels.inner();
                    (run.i, run.from) = (after, after);
                    if at != At::After || chunk.get(after) == Some(&b'"') {
                        run.flush(chunk, judge, out);
                        next = (at != At::After).then_some(at);
                        after_container = true;
                        break;
                    }
                }
            }
        }
        *self.levels.inner() = run.levels;
        place.changed |= run.from != place.from;
        place.from = run.from;
        place.i = run.i + usize::from(!after_container && chunk.get(run.i) == Some(&b'"'));
        Ok(next)
    }
}

impl Run {
    /// The loop of it. It calls nothing, so that what it works with may stay in registers.
    #[inline(never)]
    fn go(&mut self, chunk: &[u8], judge: &impl Judge, joints: &mut Joints) -> Stop {
        let Some((all, mut last, searches)) = joints.lend() else { return Stop::Unforeseen };
        let mut i = self.i;
        let stop = loop {
            let Some(window) = chunk.get(i..).and_then(<[u8]>::first_chunk::<WINDOW_BYTES>) else {
                break Stop::Unforeseen;
            };
            let Some(joint_window) = window.first_chunk() else { break Stop::Unforeseen };
            let Some(joint) = foresee(all, last, joint_window) else { break Stop::Unforeseen };
            let length = usize::from(joint.length) & (JOINT_BYTES - 1);
            let start = i + length;
            let Some(value) = window.get(length..).and_then(<[u8]>::first_chunk) else { break Stop::Unforeseen };
            let value = searches.sixteen(value);
            // Where the next joint begins.
            let next = if joint.traits & Joint::BEFORE_TEXT != 0 {
                let plain = value.plain_bytes();
                let mut mark = start + plain;
                if plain == 16 {
                    match searches.plain_end(chunk, mark) {
                        Some(end) => mark = end,
                        None => break Stop::Unforeseen,
                    }
                }
                if chunk.get(mark) != Some(&b'"') {
                    if mark != self.odd.0 {
                        self.odd.0 = mark;
                        break Stop::OddText;
                    }
                    mark = self.odd.1;
                }
                mark
            } else {
                let Some(&first) = window.get(length) else { break Stop::Unforeseen };
                let value_length = if first.is_ascii_digit() {
                    value.number_length(first, |at| window.get(length + at).copied())
                } else if first | 0x20 == b'{' {
                    if joint.traits & Joint::MARKED == 0 || joint.traits & Joint::ENTERS != 0 {
                        break Stop::Unforeseen;
                    }
                    if joint.mark != self.taken && judge.recall(joint.mark) != Some(Verdict::Remove) {
                        break Stop::Unforeseen;
                    }
                    if joint.mark != self.taken && self.times != 0 || self.cut_count == CUTS {
                        break Stop::Full;
                    }
                    if !self.step(joint) || !self.take(i, joint, start) {
                        break Stop::Unforeseen;
                    }
                    self.taken = joint.mark;
                    last = joint;
                    i = start;
                    break Stop::Container;
                } else {
                    value.literal_length()
                };
                let Some(value_length) = value_length else { break Stop::Unforeseen };
                let after = window.get(length + value_length).copied().unwrap_or_default();
                if !ENDS_VALUE.get(usize::from(after)).copied().unwrap_or_default() {
                    break Stop::Unforeseen;
                }
                start + value_length
            };
            if joint.traits & (Joint::MARKED | Joint::MOVES) == 0 {
                last = joint;
                i = next;
                continue;
            }
            if joint.traits & (Joint::MARKED | Joint::MOVES) == Joint::MARKED && joint.mark == self.taken {
                if !self.take(i, joint, next + usize::from(joint.traits & Joint::BEFORE_TEXT)) {
                    break Stop::Full;
                }
                last = joint;
                i = next;
                continue;
            }
            let mut kept = joint.traits & Joint::MARKED == 0;
            if !kept && joint.mark != self.taken {
                match judge.recall(joint.mark) {
                    Some(Verdict::Keep) => kept = true,
                    Some(Verdict::Remove) if self.times == 0 => self.taken = joint.mark,
                    Some(Verdict::Remove) => break Stop::Full,
                    Some(Verdict::Replace(_)) | None => break Stop::Unforeseen,
                }
            }
            if kept {
                if !self.step(joint) {
                    break Stop::Unforeseen;
                }
                last = joint;
                i = next;
                if joint.mark != 0 {
                    self.met = joint.mark;
                    break Stop::Met;
                }
                continue;
            }
            // An object that is entered by a member that goes has no kept one.
            if joint.traits & Joint::ENTERS != 0 {
                break Stop::Unforeseen;
            }
            if self.cut_count == CUTS {
                break Stop::Full;
            }
            if !self.step(joint) || !self.take(i, joint, next + usize::from(joint.traits & Joint::BEFORE_TEXT)) {
                break Stop::Unforeseen;
            }
            last = joint;
            i = next;
        };
        if i != self.i {
            let last = last.place;
            joints.go_on(last);
        }
        self.i = i;
        stop
    }

    /// Leaves and enters levels as `joint` does; whether it may.
    #[inline(always)]
    fn step(&mut self, joint: &Joint) -> bool {
        if joint.traits & (Joint::MOVES | Joint::NEXT_TEXT) == Joint::MOVES {
            return self.levels.take(&joint.step, self.max_depth);
        }
        // What was learnt of a body of many texts is no joint of one that has to be one text.
        joint.traits & Joint::MOVES == 0
            || joint.texts == self.texts && self.levels.take_from_top(&joint.step, self.max_depth)
    }

    /// Copies and counts what was gathered.
    fn flush(&mut self, chunk: &[u8], judge: &mut impl Judge, out: &mut Vec<u8>) {
        for &(from, to) in self.cuts.get(..self.cut_count).unwrap_or_default() {
            copy(chunk, from, to, out);
        }
        self.cut_count = 0;
        if self.times != 0 {
            judge.meet(self.taken, self.times);
            (self.taken, self.times) = (0, 0);
        }
    }

    /// Takes the member after `joint` away, which is at `i`; its value ends at `end`. `false`: there is no room for the cut.
    #[inline(always)]
    fn take(&mut self, i: usize, joint: &Joint, end: usize) -> bool {
        let hold = i + usize::from(joint.comma);
        if self.from < hold {
            let Some(cut) = self.cuts.get_mut(self.cut_count) else { return false };
            *cut = (self.from, hold);
            self.cut_count += 1;
        }
        self.times += 1;
        self.from = end;
        true
    }
}

/// What may come after a number or a literal name, by byte. An exponent is left to others; and with quotation marks joints begin after
/// strings only.
static ENDS_VALUE: [bool; 256] = {
    let mut ends = [false; 256];
    let mut left: &[u8] = b",}] \t\n\r";
    while let Some((&byte, rest)) = left.split_first() {
        #[expect(clippy::indexing_slicing, reason = "at compile time, and a byte is below 256")]
        {
            ends[byte as usize] = true;
        }
        left = rest;
    }
    ends
};

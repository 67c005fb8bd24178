//! The quickest way: values whose [`Joints`] are foreseen, one comparison and one search a member.

use super::quick::{Place, odd_text_end};
use super::{At, Editor, Judge, Verdict, copy};
use crate::json::error::Error;
use crate::json::joints::{Joint, Joints};
use crate::json::scan::JOINT_BYTES;

/// The bytes that must be here of a joint and the value after it.
const WINDOW_BYTES: usize = JOINT_BYTES + 32;

/// The kept runs that are gathered before they are copied.
const CUTS: usize = 32;

/// How far the foreseen way has come.
#[repr(C)]
struct Run {
    /// Kept runs that are to be copied.
    cuts: [(usize, usize); CUTS],
    /// Where the next joint begins: at the closing quotation mark when the last value was a string, else at its end.
    i: usize,
    /// The kept bytes from here on are not among `cuts`.
    from: usize,
    /// The mark of the last name that has one, whether its members go, and how many there were.
    mark: u64,
    removes: bool,
    times: u64,
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
    /// There is no more room for cuts, or another mark comes.
    Full,
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
        let mut run =
            Run { i, from: place.from, mark: 0, removes: false, times: 0, cuts: [(0, 0); CUTS], cut_count: 0, odd: (0, 0) };
        let mut next = None;
        let mut after_container = false;
        loop {
            let stop = self.run(chunk, judge, joints, &mut run);
            for &(from, to) in run.cuts.get(..run.cut_count).unwrap_or_default() {
                copy(chunk, from, to, out);
            }
            run.cut_count = 0;
            if run.times != 0 {
                judge.meet(run.mark, run.times);
                (run.mark, run.times) = (0, 0);
            }
            match stop {
                Stop::Unforeseen => break,
                Stop::Full => {}
                Stop::OddText => match odd_text_end(chunk, run.odd.0) {
                    Some(end) => run.odd.1 = end - 1,
                    None => break,
                },
                Stop::Container => {
                    self.cut = self.levels.depth();
                    let (at, after) = self.tree(chunk, run.i, joints.searches())?;
                    (run.i, run.from) = (after, after);
                    if at != At::After {
                        next = Some(at);
                        break;
                    }
                    if chunk.get(after) == Some(&b'"') {
                        after_container = true;
                        break;
                    }
                }
            }
        }
        place.changed |= run.from != place.from;
        place.from = run.from;
        place.i = run.i + usize::from(next.is_none() && !after_container && chunk.get(run.i) == Some(&b'"'));
        Ok(next)
    }

    /// The loop of it. It calls nothing, so that what it works with may stay in registers.
    #[inline(never)]
    fn run(&mut self, chunk: &[u8], judge: &mut impl Judge, joints: &mut Joints, run: &mut Run) -> Stop {
        let (Some(mut last), Some(searches)) = (joints.last(), joints.searches()) else { return Stop::Unforeseen };
        let mut i = run.i;
        let stop = loop {
            let Some(window) = chunk.get(i..).and_then(<[u8]>::first_chunk::<WINDOW_BYTES>) else {
                break Stop::Unforeseen;
            };
            let Some(joint_window) = window.first_chunk() else { break Stop::Unforeseen };
            let Some(joint) = joints.after(last, joint_window) else { break Stop::Unforeseen };
            let length = usize::from(joint.length) & (JOINT_BYTES - 1);
            let start = i + length;
            let Some(value) = window.get(length..).and_then(<[u8]>::first_chunk) else { break Stop::Unforeseen };
            let value = searches.sixteen(value);
            // Where the next joint begins.
            let mut container = false;
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
                    if mark != run.odd.0 {
                        run.odd.0 = mark;
                        break Stop::OddText;
                    }
                    mark = run.odd.1;
                }
                mark
            } else {
                let Some(&first) = window.get(length) else { break Stop::Unforeseen };
                let value_length = if first.is_ascii_digit() {
                    value.number_length(first, |at| window.get(length + at).copied())
                } else if first | 0x20 == b'{' {
                    container = true;
                    Some(0)
                } else {
                    value.literal_length()
                };
                let Some(value_length) = value_length else { break Stop::Unforeseen };
                // An exponent, or a quotation mark, with which joints begin after strings only.
                let after = window.get(length + value_length).copied().unwrap_or_default();
                if after == b'"' || after | 0x20 == b'e' {
                    break Stop::Unforeseen;
                }
                start + value_length
            };
            if joint.traits & (Joint::MARKED | Joint::MOVES) == 0 && !container {
                last = joint;
                i = next;
                continue;
            }
            let removed = joint.traits & Joint::MARKED != 0 && {
                if joint.mark != run.mark {
                    if run.times != 0 {
                        break Stop::Full;
                    }
                    run.removes = match judge.recall(joint.mark) {
                        Some(Verdict::Keep) => false,
                        Some(Verdict::Remove) => true,
                        Some(Verdict::Replace(_)) | None => break Stop::Unforeseen,
                    };
                    run.mark = joint.mark;
                }
                run.removes
            };
            if removed {
                // An object that is entered by a member that goes has no kept one.
                if joint.step.enters() {
                    break Stop::Unforeseen;
                }
                if run.cut_count == CUTS {
                    break Stop::Full;
                }
            } else if container {
                break Stop::Unforeseen;
            }
            if joint.traits & Joint::MOVES != 0 && !self.levels.take(&joint.step, self.limits.max_depth) {
                break Stop::Unforeseen;
            }
            let hold = i + usize::from(joint.comma);
            last = joint;
            i = next;
            if joint.traits & Joint::MARKED == 0 {
                continue;
            }
            run.times += 1;
            if removed {
                if run.from < hold
                    && let Some(cut) = run.cuts.get_mut(run.cut_count)
                {
                    *cut = (run.from, hold);
                    run.cut_count += 1;
                }
                run.from = next + usize::from(joint.traits & Joint::BEFORE_TEXT);
                if container {
                    break Stop::Container;
                }
            }
        };
        let last = last.place;
        joints.go_on(last);
        run.i = i;
        stop
    }
}

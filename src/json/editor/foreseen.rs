//! The quickest way: values whose [`Joints`] are foreseen, one comparison and one search a member.

use super::quick::{Place, odd_text_end};
use super::{At, Editor, Judge, Verdict, copy};
use crate::json::error::Error;
use crate::json::joints::Joints;
use crate::json::scan::{self, JOINT_BYTES};

/// The bytes that must be here of a joint and the value after it.
const WINDOW_BYTES: usize = JOINT_BYTES + 32;

/// The kept runs that are gathered before they are copied.
const CUTS: usize = 32;

/// How far the foreseen way has come.
struct Run {
    /// Where the next joint begins: at the closing quotation mark when the last value was a string, else at `end`.
    i: usize,
    /// The end of the last value.
    end: usize,
    /// The kept bytes from here on are not among `cuts`.
    from: usize,
    /// The mark of the last name that has one, whether its members go, and how many there were.
    mark: u64,
    removes: bool,
    times: u64,
    /// Kept runs that are to be copied.
    cuts: [(usize, usize); CUTS],
    cut_count: usize,
    /// The first byte of a string that needs a closer look, and its closing quotation mark.
    odd: (usize, usize),
}

/// Why the foreseen way does not go on by itself.
enum Stop {
    /// What comes is not foreseen, or not here in whole.
    Unforeseen,
    /// A removed container begins at [`Run::end`].
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
            Run { i, end, from: place.from, mark: 0, removes: false, times: 0, cuts: [(0, 0); CUTS], cut_count: 0, odd: (0, 0) };
        let mut next = None;
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
                    let (at, after) = self.tree(chunk, run.end)?;
                    (run.i, run.end, run.from) = (after, after, after);
                    if at != At::After {
                        next = Some(at);
                        break;
                    }
                    if chunk.get(after) == Some(&b'"') {
                        break;
                    }
                }
            }
        }
        place.changed |= run.from != place.from;
        (place.i, place.from) = (run.end, run.from);
        Ok(next)
    }

    /// The loop of it. It calls nothing, so that what it works with may stay in registers.
    #[inline(never)]
    fn run(&mut self, chunk: &[u8], judge: &mut impl Judge, joints: &mut Joints, run: &mut Run) -> Stop {
        let Run { mut i, mut end, mut from, mut mark, mut removes, mut times, mut cut_count, odd, .. } = *run;
        let stop = loop {
            let Some(window) = chunk.get(i..).and_then(<[u8]>::first_chunk::<WINDOW_BYTES>) else {
                break Stop::Unforeseen;
            };
            let Some(joint_window) = window.first_chunk() else { break Stop::Unforeseen };
            let Some((number, joint)) = joints.foresee(joint_window) else { break Stop::Unforeseen };
            let length = usize::from(joint.length) & (JOINT_BYTES - 1);
            let start = i + length;
            // Where the next joint begins, and whether after a quotation mark.
            let mut text = 0;
            let mut container = false;
            let next = if joint.before_text {
                let Some(value) = window.get(length..).and_then(<[u8]>::first_chunk) else { break Stop::Unforeseen };
                let plain = scan::plain_bytes(value);
                let mut mark = start + plain;
                if plain == value.len() {
                    match scan::plain_end_here(chunk, mark) {
                        Some(end) => mark = end,
                        None => break Stop::Unforeseen,
                    }
                }
                if chunk.get(mark) != Some(&b'"') {
                    if mark != odd.0 {
                        run.odd.0 = mark;
                        break Stop::OddText;
                    }
                    mark = odd.1;
                }
                text = 1;
                mark
            } else {
                let Some(&first) = window.get(length) else { break Stop::Unforeseen };
                let value_length = if first.is_ascii_digit() {
                    let after = window.get(length + 1..).and_then(<[u8]>::first_chunk);
                    after.and_then(|after| scan::number_rest(first, after)).map(|rest| rest + 1)
                } else if matches!(first, b'{' | b'[') {
                    container = true;
                    Some(0)
                } else {
                    literal_length(window.get(length..).and_then(<[u8]>::first_chunk))
                };
                let Some(value_length) = value_length else { break Stop::Unforeseen };
                // No exponent; and no quotation mark, with which joints begin after strings only.
                let after = window.get(length + value_length).copied().unwrap_or_default();
                if after != b',' && !container && !matches!(after, b'}' | b']') && !scan::is_space(after) {
                    break Stop::Unforeseen;
                }
                start + value_length
            };
            let hold = i + usize::from(joint.comma);
            let mut removed = false;
            if joint.mark != 0 {
                if joint.mark != mark {
                    if times != 0 {
                        break Stop::Full;
                    }
                    removes = match judge.recall(joint.mark) {
                        Some(Verdict::Keep) => false,
                        Some(Verdict::Remove) => true,
                        Some(Verdict::Replace(_)) | None => break Stop::Unforeseen,
                    };
                    mark = joint.mark;
                }
                removed = removes;
            }
            if removed {
                // An object that is entered by a member that goes has no kept one.
                if joint.step.enters() {
                    break Stop::Unforeseen;
                }
                if cut_count == CUTS {
                    break Stop::Full;
                }
            } else if container {
                break Stop::Unforeseen;
            }
            if joint.step.moves() && !self.levels.take(&joint.step, self.limits.max_depth) {
                break Stop::Unforeseen;
            }
            times += u64::from(joint.mark != 0);
            joints.go_on(number);
            i = next;
            end = next + text;
            if removed {
                if from < hold
                    && let Some(cut) = run.cuts.get_mut(cut_count)
                {
                    *cut = (from, hold);
                    cut_count += 1;
                }
                from = end;
                if container {
                    break Stop::Container;
                }
            }
        };
        (run.i, run.end, run.from) = (i, end, from);
        (run.mark, run.removes, run.times, run.cut_count) = (mark, removes, times, cut_count);
        stop
    }
}

/// The length of `true`, `false` or `null`.
#[inline(always)]
fn literal_length(bytes: Option<&[u8; 8]>) -> Option<usize> {
    let word = u64::from_le_bytes(*bytes?);
    let is = |name: &[u8; 8], length: u32| word << (64 - 8 * length) == u64::from_le_bytes(*name) << (64 - 8 * length);
    if is(b"true    ", 4) || is(b"null    ", 4) {
        Some(4)
    } else {
        is(b"false   ", 5).then_some(5)
    }
}

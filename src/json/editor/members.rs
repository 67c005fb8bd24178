//! The quick way through runs of plain members: names and values that are here in whole, ASCII, without escapes. Whatever
//! is not plain is left to the states of the editor, at a place from which they can go on.

use super::{At, Editor, Judge, NO_HOLD, NOT_CUTTING, copy};
use crate::json::editor::Verdict;
use crate::json::key::RawKey;
use crate::json::levels::Level;
use crate::json::scan;

impl Editor {
    /// Reads members whose names and values are plain, from a name's first byte on. `None`: at a name's first byte again.
    #[inline]
    pub(super) fn members(
        &mut self,
        chunk: &[u8],
        judge: &mut impl Judge,
        out: &mut Vec<u8>,
        run: &mut Run,
    ) -> Option<At> {
        let Run { mut i, mut from, mut hold, mut changed } = *run;
        let cutting = self.cut != NOT_CUTTING;
        let mut kept = matches!(self.levels.innermost(), Level::Object { kept: true });
        let next = loop {
            let Some(end) = plain_text_end(chunk, i) else { break None };
            if chunk.get(end) != Some(&b':') || (!cutting && end - hold > self.limits.max_key_bytes) {
                break None;
            }
            let mut removing = false;
            if !cutting {
                let bytes = chunk.get(i..end - 1).unwrap_or_default();
                match judge.judge(RawKey { bytes, escaped: false }) {
                    Verdict::Keep => {
                        if !kept {
                            kept = true;
                            self.levels.keep_member();
                        }
                    }
                    Verdict::Remove => {
                        copy(chunk, from, hold, out);
                        changed = true;
                        removing = true;
                    }
                    Verdict::Replace(number) => {
                        self.levels.keep_member();
                        i = end;
                        hold = NO_HOLD;
                        break Some(At::ColonThenReplace(number));
                    }
                }
                hold = NO_HOLD;
            }
            i = end + 1;
            if chunk.get(i) == Some(&b' ') {
                i += 1;
            }
            let Some(end) = plain_value_end(chunk, i) else {
                if removing {
                    self.cut = self.levels.depth();
                }
                break Some(At::Value);
            };
            i = end;
            if removing {
                from = i;
            }
            if chunk.get(i) != Some(&b',') {
                break Some(At::After);
            }
            if !cutting {
                if kept {
                    hold = i;
                } else {
                    copy(chunk, from, i, out);
                    changed = true;
                    from = i + 1;
                    hold = i + 1;
                }
            }
            i = scan::space_end(chunk, i + 1);
            if chunk.get(i) != Some(&b'"') {
                break Some(At::Key);
            }
            i += 1;
            self.escaped = false;
        };
        *run = Run { i, from, hold, changed };
        next
    }
}

/// The editor's place in a chunk: see the variables of the same names in [`Editor::push`].
pub(super) struct Run {
    pub(super) i: usize,
    pub(super) from: usize,
    pub(super) hold: usize,
    pub(super) changed: bool,
}

/// The place after the closing quotation mark of an ASCII string without escapes.
#[inline(always)]
pub(super) fn plain_text_end(chunk: &[u8], i: usize) -> Option<usize> {
    let run = scan::text_run(chunk, i);
    (!run.high && chunk.get(run.end) == Some(&b'"')).then_some(run.end + 1)
}

/// The place after a plain string, a number without exponent or a literal name that is here in whole.
#[inline(always)]
fn plain_value_end(chunk: &[u8], i: usize) -> Option<usize> {
    match chunk.get(i)? {
        b'"' => plain_text_end(chunk, i + 1),
        b't' => (chunk.get(i..i + 4)? == b"true").then_some(i + 4),
        b'f' => (chunk.get(i..i + 5)? == b"false").then_some(i + 5),
        b'n' => (chunk.get(i..i + 4)? == b"null").then_some(i + 4),
        b'0'..=b'9' | b'-' => plain_number_end(chunk, i),
        _ => None,
    }
}

#[inline(always)]
fn plain_number_end(chunk: &[u8], mut i: usize) -> Option<usize> {
    if *chunk.get(i)? == b'-' {
        i += 1;
    }
    let whole = digits(chunk, i)?;
    if whole == 0 || (whole > 1 && *chunk.get(i)? == b'0') {
        return None;
    }
    i += whole;
    if *chunk.get(i)? == b'.' {
        let fraction = digits(chunk, i + 1)?;
        if fraction == 0 {
            return None;
        }
        i += 1 + fraction;
    }
    (!matches!(chunk.get(i)?, b'e' | b'E')).then_some(i)
}

/// How many digits stand at `i`; `None` when more than seven, or near the end of the chunk.
#[inline(always)]
fn digits(chunk: &[u8], i: usize) -> Option<usize> {
    let word = u64::from_le_bytes(*chunk.get(i..)?.first_chunk::<8>()?) ^ 0x3030_3030_3030_3030;
    let others = (((word & 0x7f7f_7f7f_7f7f_7f7f) + 0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
    (others != 0).then_some((others.trailing_zeros() / 8) as usize)
}

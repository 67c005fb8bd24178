//! The quick way: whole members and elements, token by token without the states of [`Editor::push`]. Whatever is odd, or
//! may not be here in whole, is left to the states, at a place from which they can go on.

use super::{At, Editor, Judge, NO_HOLD, Verdict, copy};
use crate::json::error::Error;
use crate::json::joints::Joints;
use crate::json::key::RawKey;
use crate::json::levels::Level;
use crate::json::scan;

/// The editor's place in a chunk: see the variables of the same names in [`Editor::push`].
pub(super) struct Place {
    pub(super) i: usize,
    pub(super) from: usize,
    pub(super) hold: usize,
    pub(super) changed: bool,
}

/// What encloses the current position, in one register: an array, an object, or an object with a kept member.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Inside {
    Array,
    Object,
    KeptObject,
}

impl Editor {
    /// Goes on from a name's first byte. What may come next; `None` when that is a name at its first byte.
    ///
    /// The order of the checks and what stands in locals is chosen by counting V8's instructions: ARCHITECTURE.md says how.
    pub(super) fn quick(
        &mut self,
        chunk: &[u8],
        judge: &mut impl Judge,
        joints: &mut Joints,
        out: &mut Vec<u8>,
        place: &mut Place,
    ) -> Result<Option<At>, Error> {
        let Place { mut i, mut hold, .. } = *place;
        let mut inside = self.inside();
        // Where the last value ended, when all that has come since belongs to one joint.
        let mut joint = None;
        let next = 'items: loop {
            let mut removing = false;
            let mut mark = None;
            if inside != Inside::Array {
                // Names with escapes or beyond ASCII are left to the states.
                let end = scan::plain_end(chunk, i) + 1;
                if chunk.get(end - 1..=end) != Some(b"\":") || end - hold > self.limits.max_key_bytes {
                    break None;
                }
                let bytes = chunk.get(i..end - 1).unwrap_or_default();
                i = end + 1;
                let verdict;
                (verdict, mark) = judge.mark(RawKey { bytes, escaped: false });
                match verdict {
                    Verdict::Keep => {
                        if inside == Inside::Object {
                            inside = Inside::KeptObject;
                            self.levels.keep_member();
                        }
                    }
                    Verdict::Remove => {
                        copy(chunk, place.from, hold, out);
                        place.changed = true;
                        removing = true;
                    }
                    Verdict::Replace(number) => {
                        self.levels.keep_member();
                        break Some(At::ReplacedValue(number));
                    }
                }
            }
            let mut byte = chunk.get(i).copied().unwrap_or_default();
            if byte == b' ' {
                i += 1;
                byte = chunk.get(i).copied().unwrap_or_default();
            }
            if let (Some(begin), Some(mark)) = (joint, mark)
                && (removing || !matches!(byte, b'{' | b'['))
            {
                joints.learn(chunk.get(begin..i + usize::from(byte == b'"')).unwrap_or_default(), mark);
            }
            let end = if byte == b'"' {
                text_end(chunk, i + 1)
            } else if byte.is_ascii_digit() {
                number_end(chunk, i, byte)
            } else if matches!(byte, b'{' | b'[') {
                if removing {
                    self.cut = self.levels.depth();
                    let next;
                    (next, i) = self.tree(chunk, i, joints.searches())?;
                    if next != At::After {
                        break Some(next);
                    }
                    Some(i)
                } else {
                    let Some(inner) = self.enter(chunk, i) else { break Some(At::Value) };
                    if inside != Inside::Array && mark != Some(0) {
                        joint = None;
                    }
                    if byte == b'{' {
                        inside = Inside::Object;
                        hold = i + 1;
                        i = inner + 1;
                    } else {
                        inside = Inside::Array;
                        i = inner;
                    }
                    continue;
                }
            } else {
                rare_scalar_end(chunk, i, byte)
            };
            let Some(end) = end else {
                if removing {
                    self.cut = self.levels.depth();
                }
                break Some(At::Value);
            };
            i = end;
            if removing {
                place.from = i;
            }
            joint = None;
            if inside == Inside::KeptObject && joints.are_worth_it() {
                place.i = i;
                if let Some(next) = self.foreseen(chunk, judge, joints, out, place)? {
                    i = place.i;
                    break Some(next);
                }
                i = place.i;
                joint = Some(if chunk.get(i - 1) == Some(&b'"') { i - 1 } else { i });
            }
            // The next member: at once in a minified text, on its own line in a pretty one.
            if inside == Inside::KeptObject {
                if chunk.get(i..i + 2) == Some(b",\"") {
                    hold = i;
                    i += 2;
                    continue;
                }
                if chunk.get(i..i + 2) == Some(b",\n") {
                    hold = i;
                    i = scan::space_end(chunk, i + 2);
                    if chunk.get(i) != Some(&b'"') {
                        break Some(At::Key);
                    }
                    i += 1;
                    continue;
                }
            }
            loop {
                match chunk.get(i) {
                    Some(b',') if inside != Inside::Array => {
                        if inside == Inside::KeptObject {
                            hold = i;
                        } else {
                            // The comma goes with the removed members before it.
                            copy(chunk, place.from, i, out);
                            place.changed = true;
                            place.from = i + 1;
                            hold = i + 1;
                        }
                        i = scan::space_end(chunk, i + 1);
                        if chunk.get(i) != Some(&b'"') {
                            break 'items Some(At::Key);
                        }
                        i += 1;
                        continue 'items;
                    }
                    Some(b',') => {
                        i = scan::space_end(chunk, i + 1);
                        continue 'items;
                    }
                    Some(&byte @ (b'}' | b']')) if (inside != Inside::Array) == (byte == b'}') => {
                        i += 1;
                        self.levels.close();
                        if self.levels.depth() == 0 {
                            // The next of many texts, when its first name is here.
                            let next = self
                                .texts
                                .gap()
                                .and_then(|gap| chunk.get(i..)?.starts_with(gap).then(|| i + gap.len()));
                            let Some(open) = next.filter(|&open| chunk.get(open) == Some(&b'{')) else {
                                break 'items Some(At::End);
                            };
                            let Some(inner) = self.enter(chunk, open) else { break 'items Some(At::End) };
                            inside = Inside::Object;
                            hold = open + 1;
                            i = inner + 1;
                            continue 'items;
                        }
                        inside = self.inside();
                    }
                    Some(&byte) if scan::is_space(byte) => i = scan::space_end(chunk, i),
                    Some(_) | None => break 'items Some(At::After),
                }
            }
        };
        place.i = i;
        place.hold = if matches!(next, None | Some(At::Key)) { hold } else { NO_HOLD };
        if next.is_none() {
            self.escaped = false;
        }
        Ok(next)
    }

    #[inline(always)]
    fn inside(&self) -> Inside {
        match self.levels.innermost() {
            Level::Object { kept: true } => Inside::KeptObject,
            Level::Object { kept: false } => Inside::Object,
            Level::Array | Level::Top => Inside::Array,
        }
    }

    /// Enters the object or array at `i` when its first name or element is here: where that begins. Empty ones and those
    /// beyond the limits are left to the states.
    #[inline(always)]
    fn enter(&mut self, chunk: &[u8], i: usize) -> Option<usize> {
        if self.levels.depth() >= self.limits.max_depth {
            return None;
        }
        let inside = scan::space_end(chunk, i + 1);
        match (chunk.get(i)?, chunk.get(inside)?) {
            (b'{', b'"') => self.levels.open_object(),
            (b'{', _) | (_, b']') => return None,
            (_, _) => self.levels.open_array(),
        }
        Some(inside)
    }
}

/// The place after a literal name or a negative number without exponent that is here in whole.
fn rare_scalar_end(chunk: &[u8], i: usize, first: u8) -> Option<usize> {
    match first {
        b't' => (chunk.get(i..i + 4)? == b"true").then_some(i + 4),
        b'f' => (chunk.get(i..i + 5)? == b"false").then_some(i + 5),
        b'n' => (chunk.get(i..i + 4)? == b"null").then_some(i + 4),
        b'-' => match chunk.get(i + 1)? {
            &digit @ b'0'..=b'9' => number_end(chunk, i + 1, digit),
            _ => None,
        },
        _ => None,
    }
}

/// The place after a number without sign and exponent, of which `first` is the first digit.
#[inline(always)]
fn number_end(chunk: &[u8], i: usize, first: u8) -> Option<usize> {
    let (mut end, after) = scan::digits_ends(chunk, i + 1)?;
    if first == b'0' && end > i + 1 {
        return None;
    }
    if *chunk.get(end)? == b'.' {
        if after == end + 1 {
            return None;
        }
        end = after;
    }
    (!matches!(chunk.get(end)?, b'e' | b'E')).then_some(end)
}

/// The place after a string's closing quotation mark.
#[inline(always)]
pub(super) fn text_end(chunk: &[u8], i: usize) -> Option<usize> {
    let end = scan::plain_end(chunk, i);
    match chunk.get(end)? {
        b'"' => Some(end + 1),
        _ => odd_text_end(chunk, end),
    }
}

/// The place after the closing quotation mark of a string that has escapes or is not ASCII.
#[inline(never)]
pub(super) fn odd_text_end(chunk: &[u8], mut i: usize) -> Option<usize> {
    loop {
        i = match chunk.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => escape_end(chunk, i)?,
            _ => sequence_end(chunk, i)?,
        };
        i = scan::plain_end(chunk, i);
    }
}

/// The place after an escape.
fn escape_end(chunk: &[u8], i: usize) -> Option<usize> {
    match chunk.get(i + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(i + 2),
        b'u' => chunk.get(i + 2..i + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(i + 6),
        _ => None,
    }
}

/// The place after a UTF-8 sequence of two bytes or more (RFC 3629, section 4).
fn sequence_end(chunk: &[u8], i: usize) -> Option<usize> {
    const ANY: std::ops::RangeInclusive<u8> = 0x80..=0xbf;
    let (second, length) = match chunk.get(i)? {
        0xc2..=0xdf => (ANY, 2),
        0xe0 => (0xa0..=0xbf, 3),
        0xed => (0x80..=0x9f, 3),
        0xe1..=0xef => (ANY, 3),
        0xf0 => (0x90..=0xbf, 4),
        0xf1..=0xf3 => (ANY, 4),
        0xf4 => (0x80..=0x8f, 4),
        _ => return None,
    };
    let (first, rest) = chunk.get(i + 1..i + length)?.split_first()?;
    (second.contains(first) && rest.iter().all(|byte| ANY.contains(byte))).then_some(i + length)
}

#[cfg(test)]
mod tests {
    use super::sequence_end;

    #[test]
    fn sequences_are_those_of_the_standard_library() {
        for first in 0x80..=0xff_u8 {
            for second in 0..=0xff_u8 {
                for rest in [[0x80, 0x80], [0xbf, 0xbf], [0x7f, 0x80], [0x80, 0xc0]] {
                    let bytes = [first, second, rest[0], rest[1]];
                    let want = (2..=4).find(|&length| std::str::from_utf8(&bytes[..length]).is_ok());
                    assert_eq!(sequence_end(&bytes, 0), want, "{bytes:x?}");
                }
            }
        }
        assert_eq!(sequence_end("漢".as_bytes().get(..2).unwrap(), 0), None, "cut");
    }
}

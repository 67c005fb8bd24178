//! Objects and arrays that are being removed: nobody will read them, so all that counts is where they end.
//!
//! Strings, brackets and depth are checked as everywhere, and no byte may stand outside strings that JSON does not have
//! there: no comment, no other quotation mark, nothing beyond ASCII. The order of the tokens between is not looked at.

use super::quick::text_end;
use super::{At, Editor, NOT_CUTTING};
use crate::json::error::{Error, Fault};
use crate::json::levels::Level;
use crate::json::scan;

impl Editor {
    /// Reads on in a container that is being removed, or from its first byte on: [`At::Tree`] or [`At::TreeText`] at
    /// the chunk's end, or [`At::After`] and the place after it.
    #[inline(never)]
    pub(super) fn tree(&mut self, chunk: &[u8], mut i: usize) -> Result<(At, usize), Error> {
        let mut in_text = false;
        while let Some(block) = scan::block(chunk, i) {
            let texts = prefix_xor(block.quotes) ^ if in_text { u64::MAX } else { 0 };
            // What only the slower ways can read, and what is none of JSON's.
            let odd = block.odd & texts;
            let stop = odd | block.strange & !texts;
            let before = if stop == 0 { u64::MAX } else { (stop & stop.wrapping_neg()) - 1 };
            let mut brackets = block.brackets & !texts & before;
            while brackets != 0 {
                let place = i + brackets.trailing_zeros() as usize;
                brackets &= brackets - 1;
                if self.bracket(chunk, place)? {
                    return Ok((At::After, place + 1));
                }
            }
            if stop == 0 {
                in_text = texts >> 63 != 0;
                i += scan::BLOCK_BYTES;
                continue;
            }
            let place = i + stop.trailing_zeros() as usize;
            if odd & (before + 1) == 0 {
                return self.fail(place, Fault::Unexpected);
            }
            match text_end(chunk, place) {
                Some(end) => i = end,
                None => return Ok((At::TreeText, place)),
            }
            in_text = false;
        }
        if in_text {
            match text_end(chunk, i) {
                Some(end) => i = end,
                None => return Ok((At::TreeText, i)),
            }
        }
        while let Some(&byte) = chunk.get(i) {
            match byte {
                b'"' => match text_end(chunk, i + 1) {
                    Some(end) => i = end,
                    None => return Ok((At::TreeText, i + 1)),
                },
                b'{' | b'[' | b'}' | b']' => {
                    i += 1;
                    if self.bracket(chunk, i - 1)? {
                        return Ok((At::After, i));
                    }
                }
                _ => {
                    let end = scan::filler_end(chunk, i);
                    if end == i {
                        return self.fail(i, Fault::Unexpected);
                    }
                    i = end;
                }
            }
        }
        Ok((At::Tree, i))
    }

    /// Enters or leaves a level at the bracket at `i`; whether that ends the removal.
    #[inline(always)]
    fn bracket(&mut self, chunk: &[u8], i: usize) -> Result<bool, Error> {
        let byte = chunk.get(i).copied().unwrap_or_default();
        match byte {
            b'{' | b'[' => {
                self.check_depth(i)?;
                if byte == b'{' {
                    self.levels.open_object();
                } else {
                    self.levels.open_array();
                }
                Ok(false)
            }
            _ => {
                if matches!(self.levels.innermost(), Level::Object { .. }) != (byte == b'}') {
                    return self.fail(i, Fault::Unexpected);
                }
                self.levels.close();
                let ends = self.levels.depth() == self.cut;
                if ends {
                    self.cut = NOT_CUTTING;
                }
                Ok(ends)
            }
        }
    }
}

/// For each bit: whether the number of ones up to and including it is odd.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

//! Objects and arrays that are being removed: nobody will read them, so all that counts is where they end.
//!
//! Strings, brackets and depth are checked as everywhere, and no byte may stand outside strings that JSON does not have
//! there: no comment, no other quotation mark, nothing beyond ASCII. The order of the tokens between is not looked at.

use super::quick::text_end;
use super::{At, Editor, NOT_CUTTING};
use crate::json::error::{Error, Fault};
use crate::json::levels::Level;
use crate::json::scan::{self, BLOCK_BYTES, Searches};

/// The levels entered since [`Editor::levels`] was last brought up to date.
struct Nest {
    /// One bit each, innermost lowest: whether it is an object.
    objects: u64,
    count: u32,
    /// Most that may be here: 64, or fewer where the limit is near.
    room: u32,
    /// Whether the removal ends where all of them are left.
    to_cut: bool,
}

/// Why [`blocks`] does not go on by itself, and where.
enum Stop {
    /// The removal ends with the bracket here.
    Ended(usize),
    /// A bracket that leaves a level of [`Editor::levels`], enters one for which there is no room, or does not fit.
    Bracket(usize),
    /// A byte in a string that the slower ways must read.
    Odd(usize),
    /// What no JSON text has there.
    Strange(usize),
    /// Less than a block is left; in a string or not.
    Rest(usize, bool),
}

impl Editor {
    /// Reads on in a container that is being removed, or from its first byte on: [`At::Tree`] or [`At::TreeText`] at
    /// the chunk's end, or [`At::After`] and the place after it.
    #[inline(never)]
    pub(super) fn tree(
        &mut self,
        chunk: &[u8],
        mut i: usize,
        searches: Option<&Searches>,
    ) -> Result<(At, usize), Error> {
        let mut in_text = false;
        let searches = searches.filter(|_| scan::READS_BLOCKS);
        while let Some(searches) = searches {
            let depth = self.levels.depth();
            let room = self.limits.max_depth.saturating_sub(depth).min(u64::BITS);
            let mut nest = Nest { objects: 0, count: 0, room, to_cut: depth == self.cut };
            let stop = blocks(chunk, i, searches, &mut nest);
            if let Stop::Ended(place) = stop {
                self.cut = NOT_CUTTING;
                return Ok((At::After, place + 1));
            }
            for level in (0..nest.count).rev() {
                if nest.objects >> level & 1 != 0 {
                    self.levels.open_object();
                } else {
                    self.levels.open_array();
                }
            }
            match stop {
                Stop::Ended(_) => {}
                Stop::Bracket(place) => {
                    i = place + 1;
                    if self.bracket(chunk, place)? {
                        return Ok((At::After, i));
                    }
                }
                Stop::Odd(place) => match text_end(chunk, place) {
                    Some(end) => i = end,
                    None => return Ok((At::TreeText, place)),
                },
                Stop::Strange(place) => return self.fail(place, Fault::Unexpected),
                Stop::Rest(place, within) => {
                    (i, in_text) = (place, within);
                    break;
                }
            }
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

/// Reads on from `i`, which is in no string, block by block. It calls nothing, so that what it works with may stay in registers.
#[inline(never)]
fn blocks(chunk: &[u8], mut i: usize, searches: &Searches, nest: &mut Nest) -> Stop {
    // All ones in a string.
    let mut within = 0_u64;
    let (room, to_cut) = (nest.room, nest.to_cut);
    let (mut objects, mut count) = (0_u64, 0);
    let stop = loop {
        let Some(bytes) = chunk.get(i..).and_then(<[u8]>::first_chunk::<BLOCK_BYTES>) else {
            break Stop::Rest(i, within != 0);
        };
        let block = searches.block(bytes);
        let texts = prefix_xor(block.quotes) ^ within;
        // What only the slower ways can read, and what is none of JSON's.
        let odd = block.odd & texts;
        let stop = odd | block.strange & !texts;
        let before = if stop == 0 { u64::MAX } else { (stop & stop.wrapping_neg()) - 1 };
        let mut brackets = block.brackets & !texts & before;
        let mut unfit = None;
        let mut ended = false;
        while brackets != 0 {
            let at = brackets.trailing_zeros() as usize % BLOCK_BYTES;
            let Some(&byte) = bytes.get(at) else { break };
            brackets &= brackets - 1;
            // `{` is 0x7b, `[` 0x5b, `}` 0x7d, `]` 0x5d.
            let object = u64::from(byte >> 5 & 1);
            if byte & 2 != 0 {
                if count == room {
                    unfit = Some(at);
                    break;
                }
                objects = objects << 1 | object;
                count += 1;
            } else {
                if count == 0 || objects & 1 != object {
                    unfit = Some(at);
                    break;
                }
                objects >>= 1;
                count -= 1;
                if count == 0 && to_cut {
                    ended = true;
                    unfit = Some(at);
                    break;
                }
            }
        }
        if let Some(at) = unfit {
            break if ended { Stop::Ended(i + at) } else { Stop::Bracket(i + at) };
        }
        if stop != 0 {
            let place = i + stop.trailing_zeros() as usize;
            break if odd & (before + 1) == 0 { Stop::Strange(place) } else { Stop::Odd(place) };
        }
        within = 0_u64.wrapping_sub(texts >> 63);
        i += BLOCK_BYTES;
    };
    (nest.objects, nest.count) = (objects, count);
    stop
}

/// For each bit: whether the number of ones up to and including it is odd.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

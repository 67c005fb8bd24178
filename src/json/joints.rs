//! What stands between two values: learnt once, then compared as a whole.
//!
//! Records of one kind have their names in one order and are written in one way, so the bytes from a value's end to the next
//! value's beginning (brackets, a comma, white space, a name, a colon) come again and again. Such a [`Joint`] is remembered with
//! what it means; where it is foreseen, comparing its bytes takes the place of reading them token by token.

use super::Texts;
use super::levels::Step;
use super::scan::{self, JOINT_BYTES, Searches};

/// The joints that editors have learnt of a kind of bodies. Of fixed size, kept by a [`Judge`] from body to body.
///
/// A joint is compared in full before it is used, so nothing that was learnt can make an editor read a text otherwise.
///
/// [`Judge`]: super::Judge
#[derive(Debug, Default)]
pub struct Joints {
    learnt: Option<Box<Learnt>>,
    /// The place of the last one.
    last: usize,
    /// Counts the times that nothing was foreseen, one after another.
    misses: u16,
}

/// What is too much to be moved with each chunk.
#[derive(Debug)]
struct Learnt {
    all: [Joint; COUNT],
    searches: Searches,
}

/// What stands between two values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joint {
    /// From the closing quotation mark of a string, or else the first byte after a value, to the colon of a name and
    /// the white space after it, and the opening quotation mark of a string.
    text: [u8; JOINT_BYTES],
    /// Bit n: whether byte n of `text` counts. Sixteen bits each; the last are often empty.
    care: [u32; 4],
    /// How many bytes of `text` count.
    pub(super) length: u8,
    /// Where the comma stands.
    pub(super) comma: u8,
    /// See [`Joint::BEFORE_TEXT`] and those after it.
    pub(super) traits: u8,
    /// Where it is among all.
    pub(super) place: u16,
    /// What [`Judge::mark`] gave for the last name.
    ///
    /// [`Judge::mark`]: super::Judge::mark
    pub(super) mark: u64,
    /// The levels that it leaves and enters.
    pub(super) step: Step,
    /// Where it leads from one text to the next: in bodies of which texts.
    pub(super) texts: Texts,
    /// The places of the joints that came after this one.
    next: [u16; 2],
}

const COUNT: usize = 512;
/// Where texts have no order, learning is not worth its cost: of so many places in a row at which nothing was foreseen, the first
/// are learnt from, the others not.
const MISSES: u16 = 1024;
const LEARNT_MISSES: u16 = 64;
/// Places in which the same bytes may stand.
const WAYS: usize = 4;

impl Joint {
    /// A string follows; its quotation mark is part of the text.
    pub(super) const BEFORE_TEXT: u8 = 1;
    /// It has a mark.
    pub(super) const MARKED: u8 = 2;
    /// It leaves or enters levels.
    pub(super) const MOVES: u8 = 4;
    /// It enters levels.
    pub(super) const ENTERS: u8 = 8;
    /// It leaves a text and enters the next.
    pub(super) const NEXT_TEXT: u8 = 16;

    /// What stands in no text.
    const NONE: Self = Self {
        text: [0xff; JOINT_BYTES],
        care: [1, 0, 0, 0],
        length: 1,
        comma: 0,
        traits: 0,
        place: 0,
        mark: 0,
        step: Step::NONE,
        texts: Texts::One,
        next: [0; 2],
    };

    /// `None` when `bytes` is longer than is remembered, or more or less than one joint.
    fn new(bytes: &[u8], mark: u64) -> Option<Self> {
        let length = Some(bytes.len()).filter(|&length| length < JOINT_BYTES)?;
        let mut joint = Self { mark, length: u8::try_from(length).ok()?, ..Self::NONE };
        joint.text.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let care = u64::MAX.checked_shr(u64::BITS - u32::from(joint.length))?;
        joint.care = [care, care >> 16, care >> 32, care >> 48].map(|bits| (bits & 0xffff) as u32);

        let mut rest = bytes.strip_prefix(b"\"").unwrap_or(bytes);
        let here = |rest: &[u8]| bytes.len() - rest.len();
        loop {
            let (&byte, after) = rest.split_first()?;
            if let Some((texts, next)) = next_text(rest) {
                joint.step.leave_text()?;
                joint.texts = texts;
                rest = next;
                break;
            }
            match byte {
                b'}' => joint.step.leave_object()?,
                b']' => joint.step.leave_array()?,
                b',' => {
                    joint.comma = u8::try_from(here(rest)).ok()?;
                    rest = after;
                    break;
                }
                _ if scan::is_space(byte) => {}
                _ => return None,
            }
            rest = after;
        }
        rest = blank(rest);
        if rest.first() == Some(&b'"') {
            joint.step.stay_in_object();
        }
        loop {
            match rest.split_first()? {
                // A name and its colon, then a value.
                (b'"', after) => {
                    let end = after.iter().position(|&byte| byte == b'"')?;
                    rest = blank(after.get(end + 1..)?).strip_prefix(b":")?;
                    rest = blank(rest);
                    joint.traits = [
                        (mark != 0, Self::MARKED),
                        (joint.step.moves(), Self::MOVES),
                        (joint.step.enters(), Self::ENTERS),
                        (joint.texts != Texts::One, Self::NEXT_TEXT),
                    ]
                    .into_iter()
                    .fold(0, |traits, (has, one)| if has { traits | one } else { traits });
                    match rest {
                        [] => return Some(joint),
                        [b'"'] => return Some(Self { traits: joint.traits | Self::BEFORE_TEXT, ..joint }),
                        [b'"', ..] => return None,
                        [_, ..] => {}
                    }
                }
                (b'{', after) => {
                    joint.step.enter_object()?;
                    rest = blank(after);
                    if rest.first() != Some(&b'"') {
                        return None;
                    }
                }
                (b'[', after) => {
                    joint.step.enter_array()?;
                    rest = blank(after);
                    if rest.first() == Some(&b'"') {
                        return None;
                    }
                }
                (_, _) => return None,
            }
        }
    }

    /// Whether it is these bytes.
    fn is(&self, bytes: &[u8]) -> bool {
        self.text.get(..usize::from(self.length)) == Some(bytes)
    }

    /// Whether `window` begins with it.
    #[inline(always)]
    fn begins(&self, window: &[u8; JOINT_BYTES]) -> bool {
        scan::begins(window, &self.text, &self.care)
    }
}

/// The joint that is foreseen after `last` and with which `window` begins.
#[inline(always)]
pub(super) fn foresee<'j>(all: &'j [Joint; COUNT], last: &Joint, window: &[u8; JOINT_BYTES]) -> Option<&'j Joint> {
    let [first, second] = last.next.map(|place| usize::from(place) % COUNT);
    let joint = all.get(first)?;
    if joint.begins(window) {
        return Some(joint);
    }
    let joint = all.get(second)?;
    joint.begins(window).then_some(joint)
}

impl Joints {
    /// Room for 512 joints.
    #[must_use]
    pub fn new() -> Self {
        Self {
            learnt: Some(Box::new(Learnt { all: [Joint::NONE; COUNT], searches: Searches::new() })),
            last: 0,
            misses: 0,
        }
    }

    /// All joints, the last one, and what text is searched with.
    #[inline(always)]
    pub(super) fn lend(&self) -> Option<(&[Joint; COUNT], &Joint, &Searches)> {
        let Learnt { all, searches } = self.learnt.as_deref()?;
        Some((all, all.get(self.last)?, searches))
    }

    pub(super) fn searches(&self) -> Option<&Searches> {
        self.learnt.as_deref().map(|learnt| &learnt.searches)
    }

    /// Whether to foresee and to learn here.
    #[inline]
    pub(super) fn are_worth_it(&mut self) -> bool {
        self.misses = (self.misses + 1) % MISSES;
        self.misses <= LEARNT_MISSES
    }

    /// Goes on to the joint at `place`, after some that were foreseen.
    #[inline(always)]
    pub(super) fn go_on(&mut self, place: u16) {
        self.last = place.into();
        self.misses = 0;
    }

    /// Remembers a joint that came after the last one. `mark`: see [`Joint::mark`].
    pub(super) fn learn(&mut self, bytes: &[u8], mark: u64) {
        let set = place_of(bytes);
        let Some(Learnt { all, .. }) = self.learnt.as_deref_mut() else { return };
        let Some(joints) = all.get_mut(set..).and_then(<[Joint]>::first_chunk_mut::<WAYS>) else { return };
        let way = match joints.iter().position(|joint| joint.is(bytes) && joint.mark == mark) {
            Some(way) => way,
            None => {
                let Some(new) = Joint::new(bytes, mark) else { return };
                let free = joints.iter().position(|joint| joint.mark == 0 && joint.is(&[0xff]));
                // Any may go; which one differs from time to time.
                let way = free.unwrap_or(self.last % WAYS);
                if let Some(joint) = joints.get_mut(way) {
                    *joint = Joint { place: u16::try_from(set + way).unwrap_or_default(), ..new };
                }
                way
            }
        };
        let place = set + way;
        let (last, place) = (std::mem::replace(&mut self.last, place), place as u16);
        if let Some(Joint { next: [first, second], .. }) = all.get_mut(last)
            && *first != place
        {
            *second = std::mem::replace(first, place);
        }
    }
}

/// What comes after the gap between two of many texts, if that is an object.
fn next_text(rest: &[u8]) -> Option<(Texts, &[u8])> {
    [Texts::Lines, Texts::Records].into_iter().find_map(|texts| {
        let next = rest.strip_prefix(texts.gap()?)?;
        next.starts_with(b"{").then_some((texts, next))
    })
}

fn blank(bytes: &[u8]) -> &[u8] {
    bytes.get(scan::space_end(bytes, 0)..).unwrap_or_default()
}

/// Where these bytes are remembered.
fn place_of(bytes: &[u8]) -> usize {
    let mut hash = bytes.len() as u64;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        rest = after;
    }
    for &byte in rest {
        hash = (hash.rotate_left(23) ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (hash >> 48) as usize % COUNT / WAYS * WAYS
}

//! The editor: one pass, chunk in, chunk out.

mod foreseen;
mod quick;
mod tree;

use self::quick::Place;
use super::error::{Error, Fault};
use super::joints::Joints;
use super::key::RawKey;
use super::levels::{Level, Levels};
use super::lexeme::{Name, Number};
use super::scan::{self, JOINT_BYTES};
use super::utf8::Utf8;

/// What becomes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, byte for byte; members inside it are judged on their own.
    Keep,
    /// Name, value and one comma go.
    Remove,
    /// The name stays, the value becomes [`Judge::replacement`] of this number.
    Replace(u32),
}

/// Decides about members. Asked once for each name outside removed values.
pub trait Judge {
    /// What becomes of the member with this name.
    fn judge(&mut self, key: RawKey<'_>) -> Verdict;

    /// As [`Judge::judge`], with a mark by which [`Judge::recall`] knows the name again. 0: it is always kept.
    #[inline]
    fn mark(&mut self, key: RawKey<'_>) -> (Verdict, Option<u64>) {
        (self.judge(key), None)
    }

    /// What becomes of a member with a name of this mark. It counts when [`Judge::meet`] follows; `None`: the name must be judged.
    #[inline]
    fn recall(&self, mark: u64) -> Option<Verdict> {
        let _ = mark;
        None
    }

    /// Notes so many members with names of this mark, of which [`Judge::recall`] has told what becomes.
    #[inline]
    fn meet(&mut self, mark: u64, times: u64) {
        let _ = (mark, times);
    }

    /// What was learnt of texts, if this judge keeps that, and marks.
    #[inline]
    fn joints(&mut self) -> Option<&mut Joints> {
        None
    }

    /// The JSON text that stands for a value after [`Verdict::Replace`].
    fn replacement(&self, number: u32) -> &[u8];

    /// Edits a text that is here in whole: as an [`Editor`] does, unless there is more to judge than members.
    ///
    /// # Errors
    /// As for [`Editor::push`] and [`Editor::finish`].
    fn edit(&mut self, text: &[u8], limits: Limits, out: &mut Vec<u8>) -> Result<Edit, Error>
    where
        Self: Sized,
    {
        let mut editor = Editor::new(limits);
        let edit = editor.push(text, self, out)?;
        editor.finish().map(|()| edit)
    }
}

/// The editor's ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting; two bits each are held. Beyond: [`Fault::TooDeep`].
    pub max_depth: u32,
    /// Bytes of a name with the comma and white space before it, all of which are held. Beyond: [`Fault::KeyTooLong`].
    pub max_key_bytes: usize,
}

impl Default for Limits {
    /// 100,000 levels (25 KB) and 64 KiB.
    fn default() -> Self {
        Self { max_depth: 100_000, max_key_bytes: 64 * 1024 }
    }
}

/// How many texts a body has, and what stands between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Texts {
    /// One (RFC 8259).
    #[default]
    One,
    /// Any number, a line feed after each but the last; empty lines in between (NDJSON). A text may run over several
    /// lines: no line feed stands inside a token, so a client that reads line by line sees no name that was not judged.
    Lines,
    /// Any number, a record separator (0x1E) before each (RFC 7464).
    Records,
}

impl Texts {
    /// What most writers put between two of many texts; what else may stand there costs more time.
    #[inline(always)]
    pub(super) const fn gap(self) -> Option<&'static [u8]> {
        match self {
            Self::One => None,
            Self::Lines => Some(b"\n"),
            Self::Records => Some(b"\n\x1e"),
        }
    }
}

/// What a chunk became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Edit {
    /// The chunk goes on as it is; nothing was appended.
    Unchanged,
    /// What was appended to `out` goes on in its place.
    Replaced,
}

/// Removes members from JSON texts that come in chunks.
///
/// A byte is written only when no continuation could make it part of a removed member. Any split of the same bytes
/// gives the same text. Held on the heap: `max_key_bytes` and a quarter byte a level, at most.
#[derive(Debug)]
pub struct Editor {
    at: At,
    /// Where in a string the last byte left us.
    text: Text,
    /// Whether the name being read has an escape.
    escaped: bool,
    /// A UTF-8 sequence cut by the last chunk's end; complete outside strings.
    utf8: Utf8,
    levels: Levels,
    /// The depth of the object whose member is being dropped, or [`NOT_CUTTING`].
    cut: u32,
    /// What earlier chunks gave of a comma, white space and name whose fate is open.
    held: Vec<u8>,
    /// Where in `held` the name begins.
    held_key: usize,
    /// Bytes of the body before the current chunk.
    read: u64,
    texts: Texts,
    limits: Limits,
}

const RECORD_SEPARATOR: u8 = 0x1e;
const NOT_CUTTING: u32 = u32::MAX;
/// `hold` outside commas and names: no chunk has this many bytes.
const NO_HOLD: usize = usize::MAX;
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A byte order mark of which this many bytes have come, or the text.
    Bom(u8),
    /// The first record separator.
    NoRecord,
    /// The text, or only white space.
    Top,
    Value,
    /// The value that is to be replaced.
    ReplacedValue(u32),
    /// A value or the end of the array.
    FirstElement,
    /// A name or the end of the object.
    FirstKey,
    Key,
    KeyText,
    Colon,
    /// The colon before the value that is to be replaced.
    ColonThenReplace(u32),
    Text,
    Number(Number),
    /// A literal name of which this many bytes have come.
    Name(Name, u8),
    /// A comma or the end of the array or object.
    After,
    /// Inside an object or array that is being removed, outside its strings.
    Tree,
    /// In a string there.
    TreeText,
    /// White space, or what stands between texts.
    End,
    Failed,
}

/// Where in a string the last byte left us (RFC 8259, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Plain,
    Backslash,
    /// This many digits of `\uXXXX` are missing.
    Hex(u8),
}

impl Editor {
    /// An editor for a body of one text.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::of(Texts::One, limits)
    }

    /// An editor for a body of such texts.
    #[must_use]
    pub fn of(texts: Texts, limits: Limits) -> Self {
        Self {
            at: if texts == Texts::Records { At::NoRecord } else { At::Bom(0) },
            text: Text::Plain,
            escaped: false,
            utf8: Utf8::default(),
            levels: Levels::default(),
            cut: NOT_CUTTING,
            held: Vec::new(),
            held_key: 0,
            read: 0,
            texts,
            limits,
        }
    }

    /// Bytes held on the heap for later chunks.
    #[must_use]
    #[inline]
    pub fn held_bytes(&self) -> usize {
        self.held.len() + self.levels.held_bytes()
    }

    /// Reads all of `chunk`. Unless it goes on unchanged, appends to `out` what goes on in its place.
    ///
    /// # Errors
    /// The text is not what RFC 8259 and the limits allow. Final for this body: what was appended to `out` by this
    /// call must not be sent, and every later call fails.
    pub fn push(&mut self, chunk: &[u8], judge: &mut impl Judge, out: &mut Vec<u8>) -> Result<Edit, Error> {
        if chunk.len() < JOINT_BYTES {
            if let Some(edit) = self.push_piece(chunk) {
                return Ok(edit);
            }
            // Nothing is foreseen in so little.
            return self.edit(chunk, judge, &mut Joints::default(), out);
        }
        let mut joints = judge.joints().map(std::mem::take).unwrap_or_default();
        let result = self.edit(chunk, judge, &mut joints, out);
        if let Some(place) = judge.joints() {
            *place = joints;
        }
        result
    }

    /// The quick way through a piece of a string, for bodies that come in very short chunks. `None`: there is more to it.
    #[inline]
    fn push_piece(&mut self, chunk: &[u8]) -> Option<Edit> {
        let plain = self.text == Text::Plain && self.utf8.is_complete() && scan::is_plain(chunk, b'\\');
        if !plain || chunk.is_empty() {
            return None;
        }
        if self.at == At::KeyText && self.held.len() + chunk.len() <= self.limits.max_key_bytes {
            self.held.extend_from_slice(chunk);
        } else if !matches!(self.at, At::Text | At::TreeText) {
            return None;
        }
        self.read = self.read.saturating_add(chunk.len() as u64);
        Some(if self.at == At::Text && self.cut == NOT_CUTTING { Edit::Unchanged } else { Edit::Replaced })
    }

    fn edit(
        &mut self,
        chunk: &[u8],
        judge: &mut impl Judge,
        joints: &mut Joints,
        out: &mut Vec<u8>,
    ) -> Result<Edit, Error> {
        let mut at = self.at;
        let mut i = 0;
        // The kept bytes from here on are not yet written.
        let mut from = 0;
        // Where this chunk's part of an undecided comma, white space and name begins.
        let holding = matches!(at, At::FirstKey | At::Key | At::KeyText);
        let mut hold = if holding { 0 } else { NO_HOLD };
        let mut key_start = 0;
        let mut key_began_earlier = at == At::KeyText;
        let mut changed = self.cut != NOT_CUTTING;

        while let Some(&byte) = chunk.get(i) {
            match at {
                At::After => match byte {
                    b',' => match self.levels.innermost() {
                        Level::Object { kept } => {
                            if kept {
                                hold = i;
                            } else {
                                // The comma goes with the removed members before it.
                                copy(chunk, from, i, out);
                                changed = true;
                                from = i + 1;
                                hold = i + 1;
                            }
                            i += 1;
                            at = At::Key;
                            if chunk.get(i) == Some(&b'"') {
                                i += 1;
                                key_start = i;
                                self.escaped = false;
                                at = At::KeyText;
                            }
                        }
                        Level::Array => {
                            i += 1;
                            at = At::Value;
                        }
                        Level::Top => return self.fail(i, Fault::Unexpected),
                    },
                    b'}' | b']' => {
                        let fits = match self.levels.innermost() {
                            Level::Object { .. } => byte == b'}',
                            Level::Array => byte == b']',
                            Level::Top => false,
                        };
                        if !fits {
                            return self.fail(i, Fault::Unexpected);
                        }
                        i += 1;
                        self.levels.close();
                        at = self.end_value(i, &mut from);
                    }
                    _ if scan::is_space(byte) => i = scan::space_end(chunk, i),
                    _ => return self.fail(i, Fault::Unexpected),
                },
                At::KeyText => {
                    if !key_began_earlier && self.held.is_empty() {
                        let mut place = Place { i, from, hold, changed };
                        let next = self.quick(chunk, judge, joints, out, &mut place)?;
                        Place { i, from, hold, changed } = place;
                        match next {
                            Some(next) => {
                                at = next;
                                continue;
                            }
                            None => key_start = i,
                        }
                    }
                    let Some(end) = self.read_text(chunk, i)? else {
                        break;
                    };
                    i = end;
                    at = At::Colon;
                    if self.held.len() + (i - hold) > self.limits.max_key_bytes {
                        return self.fail(i, Fault::KeyTooLong);
                    }
                    let escaped = self.escaped;
                    let verdict = if self.held.is_empty() {
                        let bytes = chunk.get(key_start..i - 1).unwrap_or_default();
                        judge.judge(RawKey { bytes, escaped })
                    } else {
                        if !key_began_earlier {
                            self.held_key = self.held.len() + key_start;
                        }
                        copy(chunk, 0, i, &mut self.held);
                        let bytes = self.held.get(self.held_key..self.held.len() - 1).unwrap_or_default();
                        judge.judge(RawKey { bytes, escaped })
                    };
                    if verdict == Verdict::Remove {
                        copy(chunk, from, hold, out);
                        changed = true;
                        self.cut = self.levels.depth();
                    } else {
                        self.levels.keep_member();
                        if !self.held.is_empty() {
                            out.extend_from_slice(&self.held);
                            changed = true;
                            from = i;
                        }
                        if let Verdict::Replace(number) = verdict {
                            at = At::ColonThenReplace(number);
                        }
                    }
                    self.held.clear();
                    hold = NO_HOLD;
                    key_began_earlier = false;
                    if at == At::Colon && chunk.get(i) == Some(&b':') {
                        i += 1;
                        at = At::Value;
                    }
                }
                At::Value | At::FirstElement | At::Top => match byte {
                    b'"' => {
                        i += 1;
                        at = At::Text;
                    }
                    b'{' | b'[' if self.cut != NOT_CUTTING => {
                        (at, i) = self.tree(chunk, i, joints.searches())?;
                        from = i;
                    }
                    b'{' => {
                        self.check_depth(i)?;
                        self.levels.open_object();
                        i += 1;
                        at = At::FirstKey;
                        hold = i;
                    }
                    b'[' => {
                        self.check_depth(i)?;
                        self.levels.open_array();
                        i += 1;
                        at = At::FirstElement;
                    }
                    b']' if at == At::FirstElement => {
                        i += 1;
                        self.levels.close();
                        at = self.end_value(i, &mut from);
                    }
                    _ if scan::is_space(byte) => i = scan::space_end(chunk, i),
                    // A record may be empty (RFC 7464, section 2.1).
                    RECORD_SEPARATOR if at == At::Top && self.texts == Texts::Records => i += 1,
                    _ => {
                        at = if let Some(number) = Number::start(byte) {
                            At::Number(number)
                        } else if let Some(name) = Name::start(byte) {
                            At::Name(name, 1)
                        } else {
                            return self.fail(i, Fault::Unexpected);
                        };
                        i += 1;
                    }
                },
                At::Text => {
                    let Some(end) = self.read_text(chunk, i)? else {
                        break;
                    };
                    i = end;
                    at = self.end_value(i, &mut from);
                }
                At::Number(number) => {
                    let (number, end) = number.run(chunk, i);
                    i = end;
                    at = At::Number(number);
                    if i < chunk.len() {
                        if !number.is_complete() {
                            return self.fail(i, Fault::Unexpected);
                        }
                        at = self.end_value(i, &mut from);
                    }
                }
                At::Name(name, come) => {
                    if name.text().get(usize::from(come)) != Some(&byte) {
                        return self.fail(i, Fault::Unexpected);
                    }
                    i += 1;
                    at = if usize::from(come) + 1 == name.text().len() {
                        self.end_value(i, &mut from)
                    } else {
                        At::Name(name, come + 1)
                    };
                }
                At::FirstKey | At::Key => match byte {
                    b'"' => {
                        i += 1;
                        key_start = i;
                        self.escaped = false;
                        at = At::KeyText;
                    }
                    b'}' if at == At::FirstKey => {
                        if self.held.len() + (i - hold) > self.limits.max_key_bytes {
                            return self.fail(i, Fault::KeyTooLong);
                        }
                        changed |= !self.held.is_empty();
                        out.append(&mut self.held);
                        hold = NO_HOLD;
                        i += 1;
                        self.levels.close();
                        at = self.end_value(i, &mut from);
                    }
                    _ if scan::is_space(byte) => i = scan::space_end(chunk, i),
                    _ => return self.fail(i, Fault::Unexpected),
                },
                At::Colon | At::ColonThenReplace(_) => match byte {
                    b':' => {
                        i += 1;
                        at = match at {
                            At::ColonThenReplace(number) => At::ReplacedValue(number),
                            _ => At::Value,
                        };
                    }
                    _ if scan::is_space(byte) => i = scan::space_end(chunk, i),
                    _ => return self.fail(i, Fault::Unexpected),
                },
                At::ReplacedValue(number) => {
                    if scan::is_space(byte) {
                        i = scan::space_end(chunk, i);
                    } else {
                        copy(chunk, from, i, out);
                        out.extend_from_slice(judge.replacement(number));
                        changed = true;
                        self.cut = self.levels.depth();
                        at = At::Value;
                    }
                }
                At::Tree => {
                    (at, i) = self.tree(chunk, i, joints.searches())?;
                    from = i;
                }
                At::TreeText => {
                    let Some(end) = self.read_text(chunk, i)? else {
                        break;
                    };
                    i = end;
                    at = At::Tree;
                }
                At::End | At::NoRecord => {
                    i += 1;
                    match (self.texts, byte) {
                        (Texts::Lines, b'\n') | (Texts::Records, RECORD_SEPARATOR) => at = At::Top,
                        (_, _) if scan::is_space(byte) => {}
                        (_, _) => return self.fail(i - 1, Fault::Unexpected),
                    }
                }
                At::Bom(come) => match BOM.get(usize::from(come)) {
                    Some(&want) if want == byte => {
                        i += 1;
                        at = At::Bom(come + 1);
                    }
                    // All of it has come, or none: what else begins with part of one is not UTF-8 JSON.
                    Some(_) if come != 0 => return self.fail(i, Fault::Unexpected),
                    Some(_) | None => at = At::Top,
                },
                At::Failed => return self.fail(i, Fault::Failed),
            }
        }

        self.at = at;
        self.read = self.read.saturating_add(chunk.len() as u64);
        if hold != NO_HOLD {
            if at == At::KeyText && !key_began_earlier {
                self.held_key = self.held.len() + (key_start - hold);
            }
            let withheld = chunk.len().saturating_sub(hold);
            if self.held.len() + withheld > self.limits.max_key_bytes {
                self.at = At::Failed;
                return Err(Error { at: self.read, fault: Fault::KeyTooLong });
            }
            copy(chunk, hold, chunk.len(), &mut self.held);
            if withheld == 0 && !changed {
                return Ok(Edit::Unchanged);
            }
            copy(chunk, from, hold, out);
            return Ok(Edit::Replaced);
        }
        if !changed {
            return Ok(Edit::Unchanged);
        }
        if self.cut == NOT_CUTTING {
            copy(chunk, from, chunk.len(), out);
        }
        Ok(Edit::Replaced)
    }

    /// Whether the body may end here. Nothing is ever left to write: a complete text has been written in full.
    ///
    /// # Errors
    /// [`Fault::Truncated`] when the text is not complete; a body of nothing but white space is.
    pub fn finish(&self) -> Result<(), Error> {
        let fault = match self.at {
            At::Bom(0 | 3) | At::NoRecord | At::Top | At::End => return Ok(()),
            At::Number(number) if number.is_complete() && self.levels.depth() == 0 => return Ok(()),
            At::Failed => Fault::Failed,
            At::Bom(_)
            | At::Value
            | At::ReplacedValue(_)
            | At::FirstElement
            | At::FirstKey
            | At::Key
            | At::KeyText
            | At::Colon
            | At::ColonThenReplace(_)
            | At::Text
            | At::Number(_)
            | At::Name(..)
            | At::After
            | At::Tree
            | At::TreeText => Fault::Truncated,
        };
        Err(Error { at: self.read, fault })
    }

    /// What may come after a value that ended before `i`; when it was being dropped, what follows is kept again.
    #[inline(always)]
    fn end_value(&mut self, i: usize, from: &mut usize) -> At {
        let depth = self.levels.depth();
        if depth == self.cut {
            self.cut = NOT_CUTTING;
            *from = i;
        }
        if depth == 0 { At::End } else { At::After }
    }

    #[inline(always)]
    fn check_depth(&mut self, i: usize) -> Result<(), Error> {
        if self.levels.depth() >= self.limits.max_depth {
            return self.fail(i, Fault::TooDeep);
        }
        Ok(())
    }

    /// Reads a string on from `i`: the place after its closing quotation mark, or `None` when the chunk ends in it.
    fn read_text(&mut self, chunk: &[u8], mut i: usize) -> Result<Option<usize>, Error> {
        loop {
            match self.text {
                Text::Plain => {
                    let run = scan::text_run(chunk, i);
                    if run.high || !self.utf8.is_complete() {
                        self.check_utf8(chunk, i, run.end)?;
                    }
                    i = run.end;
                    match chunk.get(i) {
                        None => return Ok(None),
                        Some(b'"') => return Ok(Some(i + 1)),
                        Some(b'\\') => self.text = Text::Backslash,
                        Some(_) => return self.fail(i, Fault::ControlCharacter),
                    }
                    self.escaped = true;
                }
                Text::Backslash => {
                    self.text = match chunk.get(i) {
                        None => return Ok(None),
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Text::Plain,
                        Some(b'u') => Text::Hex(4),
                        Some(_) => return self.fail(i, Fault::BadEscape),
                    };
                }
                Text::Hex(missing) => match chunk.get(i) {
                    None => return Ok(None),
                    Some(byte) if byte.is_ascii_hexdigit() => {
                        self.text = if missing > 1 { Text::Hex(missing - 1) } else { Text::Plain };
                    }
                    Some(_) => return self.fail(i, Fault::BadEscape),
                },
            }
            i += 1;
        }
    }

    /// Checks a string's plain part; a sequence may be open only at the chunk's end.
    #[inline(never)]
    fn check_utf8(&mut self, chunk: &[u8], start: usize, end: usize) -> Result<(), Error> {
        let run = chunk.get(start..end).unwrap_or_default();
        let Err(bad) = self.utf8.push(run, end == chunk.len()) else {
            return Ok(());
        };
        self.at = At::Failed;
        Err(Error { at: (self.read + start as u64).saturating_add_signed(bad.start), fault: Fault::NotUtf8 })
    }

    #[cold]
    fn fail<T>(&mut self, i: usize, fault: Fault) -> Result<T, Error> {
        self.at = At::Failed;
        self.held = Vec::new();
        Err(Error { at: self.read.saturating_add(i as u64), fault })
    }
}

#[inline(always)]
fn copy(chunk: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    // Neighbouring members removed one after another leave nothing between them.
    if from < to {
        out.extend_from_slice(chunk.get(from..to).unwrap_or_default());
    }
}

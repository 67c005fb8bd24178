//! Header sections and trailers: fetched once, edited in memory, written back as differences.

use std::borrow::Cow;

use crate::bytes::{Word, any, same};

/// The fields of a head or of trailers, in order, as the host gave them. Names compare without ASCII case.
#[derive(Clone, Debug, Default)]
pub struct Head {
    texts: Texts,
    fields: Vec<Field>,
    /// A bit for each name that is there, or was: most names that are asked for are not, and are looked for no further.
    there: u64,
    /// A bit for each name that more than one field may have.
    again: u64,
    /// What differs from what the host gave: each name once.
    changed: Vec<Changed>,
    end: bool,
    /// Whether the host was asked which fields it has. [`Head::default`] is of a head that nobody has read: what is set there takes
    /// the place of whatever the host has.
    read: bool,
}

/// All names and values. Names are ASCII.
#[derive(Clone, Debug, Default)]
struct Texts {
    /// Those that came, with whatever stood between them.
    came: Vec<u8>,
    /// Those of changes, as if they stood behind the others: what came is never copied.
    added: Vec<u8>,
}

/// Where a field's texts are.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: Name,
    value: Span,
}

/// Where a name is, and what all its spellings have in common: most names differ in it, and are looked at no further.
#[derive(Clone, Copy, Debug)]
struct Name {
    mark: u32,
    at: Span,
}

/// What was made of the fields of a name.
#[derive(Clone, Copy, Debug)]
struct Changed {
    /// In lower case.
    name: Name,
    known: Known,
    /// `None`: there is none of them.
    value: Option<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    from: usize,
    to: usize,
}

/// A field that may stand at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single<'a> {
    /// It is not there.
    Absent,
    /// It is there once.
    One(&'a [u8]),
    /// It is there more than once: for a decision, ambiguous.
    Many,
}

/// Whether the host has a field of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// It has: adding a value would leave the old ones there.
    Yes,
    /// It has none. Adding to these is cheaper than replacing what is not there.
    #[default]
    No,
}

/// A field name with which the host has something to do: its values from now on are those of [`Head::values`]; none means that
/// it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The field's name, in lower case.
    pub name: &'a str,
    /// Whether the host has one of this name.
    pub known: Known,
}

/// What a host does about one of the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// All fields of this name go.
    Remove(&'a [u8]),
    /// This value takes the place of all fields of this name.
    Replace(&'a [u8], &'a [u8]),
    /// A field of this name and value comes; there is none.
    Add(&'a [u8], &'a [u8]),
}

impl Head {
    /// A head; `end` when no body and no trailers follow.
    #[must_use]
    pub fn new(fields: Vec<(String, Vec<u8>)>, end: bool) -> Self {
        let mut head = Self { end, read: true, ..Self::default() };
        for (name, value) in fields {
            let name = Name { mark: mark(name.as_bytes()), at: head.texts.put(name.as_bytes()) };
            let value = head.texts.put(&value);
            head.push(Field { name, value });
        }
        head
    }

    /// A head as a proxy-wasm host hands it over: a count, the sizes of each name and value, then both with a NUL each, all
    /// numbers as four little-endian bytes. No bytes are no fields. Nothing is copied.
    ///
    /// `None` unless the bytes are exactly that, and the names ASCII.
    #[must_use]
    pub fn from_pairs(pairs: Vec<u8>, end: bool) -> Option<Self> {
        let Some((count, rest)) = pairs.split_first_chunk::<4>() else {
            return pairs.is_empty().then(|| Self { end, read: true, ..Self::default() });
        };
        let size = number(*count)?.checked_mul(8)?;
        // Before anything is set aside for so many.
        let (sizes, []) = rest.get(..size)?.as_chunks::<8>() else { return None };
        let mut at = size.checked_add(4)?;
        let mut fields = Vec::with_capacity(sizes.len().checked_add(ADDED_FIELDS)?);
        let (mut there, mut again) = (0, 0);
        for &[a, b, c, d, e, f, g, h] in sizes {
            let name = text(&pairs, &mut at, number([a, b, c, d])?)?;
            let value = text(&pairs, &mut at, number([e, f, g, h])?)?;
            let bytes = pairs.get(name.from..name.to)?;
            if any(bytes, Word::beyond_ascii, |byte| !byte.is_ascii()) {
                return None;
            }
            let mark = mark(bytes);
            again |= there & bit(mark);
            there |= bit(mark);
            fields.push(Field { name: Name { mark, at: name }, value });
        }
        let texts = Texts { came: pairs, added: Vec::new() };
        (at == texts.came.len()).then_some(Self { texts, fields, there, again, changed: Vec::new(), end, read: true })
    }

    /// A head of which one field was asked for, and no other: what is set in it, or removed, is so whatever else the host has.
    #[must_use]
    pub fn part(name: &str, value: Option<Vec<u8>>, end: bool) -> Self {
        let mut head = Self { end, ..Self::default() };
        if let Some(value) = value {
            let at = Span { from: 0, to: value.len() };
            head.texts.came = value;
            let name = Name { mark: mark(name.as_bytes()), at: head.texts.put(name.as_bytes()) };
            head.push(Field { name, value: at });
        }
        head
    }

    /// The fields whose names are wanted, as a head of their own, with their names in lower case.
    #[must_use]
    pub(crate) fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let mut head = Self { read: true, ..Self::default() };
        for (name, value) in self.fields().filter(|(name, _)| wanted(name)) {
            let name = Name { mark: mark(name.as_bytes()), at: head.put_lower(name.as_bytes()) };
            let value = head.texts.put(value);
            head.push(Field { name, value });
        }
        head
    }

    /// The fields of these names, as a head of their own, with their names in lower case and in this order. No name may come twice.
    #[must_use]
    pub(crate) fn of<'n>(&self, names: impl Iterator<Item = &'n str>) -> Self {
        let mut head = Self { read: true, ..Self::default() };
        for name in names {
            let mark = mark(name.as_bytes());
            let bit = bit(mark);
            if self.there & bit == 0 {
                continue;
            }
            for field in self.fields.iter().filter(|field| self.texts.is(field.name, name, mark)) {
                let name = Name { mark, at: head.put_lower(name.as_bytes()) };
                let value = head.texts.put(self.texts.at(field.value));
                head.push(Field { name, value });
                if self.again & bit == 0 {
                    break;
                }
            }
        }
        head
    }

    /// A head that was not read: it has no fields, and what is set in it, or removed, is so whatever the host has.
    #[must_use]
    pub fn unread() -> Self {
        Self::default()
    }

    /// Whether the message ends here: no body, no trailers.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.end
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (self.texts.name(field.name), self.texts.of(field.value)))
    }

    /// The names of all fields in order, which are ASCII.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().map(|field| self.texts.at(field.name.at))
    }

    /// The values of all fields of this name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let mark = mark(name.as_bytes());
        let fields = if self.there & bit(mark) == 0 { &[][..] } else { &self.fields };
        Values { fields: fields.iter(), texts: &self.texts, name, mark }
    }

    /// The value of a field that may stand at most once.
    #[must_use]
    pub fn single(&self, name: &str) -> Single<'_> {
        self.marked(name, mark(name.as_bytes()))
    }

    fn marked(&self, name: &str, mark: u32) -> Single<'_> {
        // Most names that are asked for are not there.
        if self.there & bit(mark) == 0 {
            return Single::Absent;
        }
        let alone = self.again & bit(mark) == 0;
        let mut found = None;
        for field in &self.fields {
            if self.texts.is(field.name, name, mark) {
                if alone {
                    return Single::One(self.texts.at(field.value));
                }
                if found.is_some() {
                    return Single::Many;
                }
                found = Some(field.value);
            }
        }
        found.map_or(Single::Absent, |value| Single::One(self.texts.of(value)))
    }

    /// Whether a field of this name is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.single(name) != Single::Absent
    }

    /// Removes all fields with such names, which are given as they stand.
    pub(crate) fn remove_those(&mut self, taken: impl Fn(&[u8]) -> bool) {
        let mut names = Vec::new();
        for field in &self.fields {
            let name = self.texts.at(field.name.at);
            if taken(name) {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        for name in names {
            self.remove(&name);
        }
    }

    /// Removes every field of this name; whether there was one, as far as is known.
    pub fn remove(&mut self, name: &str) -> bool {
        if self.read && !self.has(name) {
            return false;
        }
        let mark = mark(name.as_bytes());
        self.take(name, mark);
        self.note(name, mark, Known::Yes, None);
        true
    }

    /// Replaces all fields of this name by one. Control bytes in the value become `?`: the host checks nothing, and a
    /// line feed would start a new field. Nothing happens when the field already is as asked.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.put_in_place(name, &fit(value));
    }

    fn put_in_place(&mut self, name: &str, value: &[u8]) {
        let mark = mark(name.as_bytes());
        let known = match self.marked(name, mark) {
            Single::Absent if self.read => Known::No,
            Single::Absent => Known::Yes,
            Single::One(there) if same(there, value) => return,
            Single::One(_) | Single::Many => {
                self.take(name, mark);
                Known::Yes
            }
        };
        let value = self.texts.put(value);
        let name = self.note(name, mark, known, Some(value));
        self.push(Field { name, value });
    }

    /// The same head when the host has been told what differs.
    #[must_use]
    pub fn written(self) -> Self {
        Self { changed: Vec::new(), ..self }
    }

    /// What differs from what the host gave.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.changed.iter().map(|changed| Change { name: self.texts.name(changed.name), known: changed.known })
    }

    /// What a host has to do about it.
    pub fn edits(&self) -> impl Iterator<Item = Edit<'_>> {
        self.changed.iter().filter_map(|changed| {
            let name = self.texts.at(changed.name.at);
            match (changed.known, changed.value) {
                (Known::Yes, None) => Some(Edit::Remove(name)),
                (Known::Yes, Some(value)) => Some(Edit::Replace(name, self.texts.at(value))),
                (Known::No, Some(value)) => Some(Edit::Add(name, self.texts.at(value))),
                (Known::No, None) => None,
            }
        })
    }

    /// Takes all fields of this name out.
    fn take(&mut self, name: &str, mark: u32) {
        let texts = &self.texts;
        self.fields.retain(|field| !texts.is(field.name, name, mark));
    }

    /// Notes a change. What the host has was said by the first one. Where the name stands now, in lower case.
    fn note(&mut self, name: &str, mark: u32, known: Known, value: Option<Span>) -> Name {
        let texts = &self.texts;
        // Of a name that was never there, nothing was noted: a head that was read notes no removal of what is not there.
        let fresh = self.read && self.there & bit(mark) == 0;
        if !fresh && let Some(noted) = self.changed.iter_mut().find(|noted| texts.is(noted.name, name, mark)) {
            noted.value = value;
            return noted.name;
        }
        let name = Name { mark, at: self.put_lower(name.as_bytes()) };
        if self.changed.capacity() == 0 {
            self.changed.reserve(ADDED_FIELDS);
        }
        self.changed.push(Changed { name, known, value });
        name
    }

    fn push(&mut self, field: Field) {
        let bit = bit(field.name.mark);
        self.again |= self.there & bit;
        self.there |= bit;
        self.fields.push(field);
    }

    fn put_lower(&mut self, name: &[u8]) -> Span {
        if name.iter().any(u8::is_ascii_uppercase) {
            self.texts.put(&name.to_ascii_lowercase())
        } else {
            self.texts.put(name)
        }
    }
}

/// A value as it may stand in a head: its control bytes become `?`.
#[must_use]
pub fn fit(value: &[u8]) -> Cow<'_, [u8]> {
    if any(value, unfit, is_unfit) {
        Cow::Owned(value.iter().map(|&byte| if is_unfit(byte) { b'?' } else { byte }).collect())
    } else {
        Cow::Borrowed(value)
    }
}

/// The values of the fields of one name.
struct Values<'a, 'n> {
    fields: std::slice::Iter<'a, Field>,
    texts: &'a Texts,
    name: &'n str,
    mark: u32,
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let field = self.fields.next()?;
            if self.texts.is(field.name, self.name, self.mark) {
                return Some(self.texts.of(field.value));
            }
        }
    }
}

/// Room for fields that are added to a head, and for their texts in bytes.
const ADDED_FIELDS: usize = 8;
const ADDED_BYTES: usize = 512;

impl Texts {
    fn put(&mut self, text: &[u8]) -> Span {
        let from = self.came.len() + self.added.len();
        if self.added.capacity() == 0 {
            self.added.reserve(ADDED_BYTES.max(text.len()));
        }
        self.added.extend_from_slice(text);
        Span { from, to: from + text.len() }
    }

    fn of(&self, span: Span) -> &[u8] {
        self.at(span)
    }

    /// The same, inlined into what every request does most often.
    #[inline(always)]
    fn at(&self, Span { from, to }: Span) -> &[u8] {
        let came = self.came.len();
        if from < came {
            return self.came.get(from..to).unwrap_or_default();
        }
        self.added.get(from - came..to - came).unwrap_or_default()
    }

    fn name(&self, name: Name) -> &str {
        std::str::from_utf8(self.of(name.at)).unwrap_or_default()
    }

    /// Whether a name is this one, which has this mark.
    #[inline(always)]
    fn is(&self, own: Name, name: &str, mark: u32) -> bool {
        own.mark == mark && self.says(own, name)
    }

    #[inline(never)]
    fn says(&self, own: Name, name: &str) -> bool {
        let own = self.at(own.at);
        // Hosts write names in lower case, as we do.
        same(own, name.as_bytes()) || own.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// What the spellings of a name have in common: its length, and its first, middle and last letter.
#[inline(always)]
fn mark(name: &[u8]) -> u32 {
    // Without case; that other bytes share it, too, does not matter.
    let letter = |byte: Option<&u8>| byte.map_or(0, |byte| byte | 0x20);
    let [length, ..] = name.len().to_le_bytes();
    u32::from_le_bytes([length, letter(name.first()), letter(name.get(name.len() / 2)), letter(name.last())])
}

/// The bit of a mark.
#[inline(always)]
fn bit(mark: u32) -> u64 {
    1 << (mark.wrapping_mul(0x9e37_79b1) >> 26)
}

/// Whether a byte must not stand in a value.
fn is_unfit(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == 0x7f
}

/// The same for eight bytes: their high bits.
fn unfit(word: Word) -> u64 {
    word.below(b' ') & !word.is(b'\t') | word.is(0x7f)
}

fn number(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// Where a text of so many bytes is, with its NUL behind it.
#[inline(always)]
fn text(bytes: &[u8], at: &mut usize, size: usize) -> Option<Span> {
    let from = *at;
    let to = from.checked_add(size)?;
    *at = to.checked_add(1)?;
    (bytes.get(to) == Some(&0)).then_some(Span { from, to })
}

#[cfg(test)]
mod tests {
    use super::{Change, Edit, Head, Known, Single, Word, is_unfit, unfit};
    use crate::bytes::tests::assert_alike;

    fn head(fields: &[(&str, &str)]) -> Head {
        Head::new(fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(), false)
    }

    #[test]
    fn a_repeated_field_is_ambiguous() {
        let head = head(&[("a", "1"), ("b", "2"), ("A", "3")]);
        assert_eq!(head.single("a"), Single::Many);
        assert_eq!(head.single("B"), Single::One(b"2"));
        assert_eq!(head.single("c"), Single::Absent);
        assert_eq!(head.values("a").collect::<Vec<_>>(), [b"1", b"3"]);
    }

    #[test]
    fn fields_are_taken_by_their_names() {
        let head = head(&[("B", "1"), ("a", "2"), ("c", "3"), ("b", "4")]);
        let taken = head.of(["a", "x-none", "b"].into_iter());
        let fields: Vec<_> = taken.fields().collect();
        assert_eq!(fields, [("a", &b"2"[..]), ("b", b"1"), ("b", b"4")]);
        assert_eq!((taken.single("b"), taken.single("c")), (Single::Many, Single::Absent));
        assert_eq!(taken.changes().count(), 0);
    }

    #[test]
    fn only_differences_are_written_back() {
        let mut head = head(&[("a", "1"), ("b", "2"), ("a", "3")]);
        head.set("b", b"2");
        assert!(!head.remove("c"));
        assert_eq!(head.changes().count(), 0);
        assert!(head.remove("A"));
        head.set("b", b"4");
        head.set("b", b"5");
        let changes: Vec<_> = head.changes().collect();
        assert_eq!(changes, ["a", "b"].map(|name| Change { name, known: Known::Yes }));
        assert_eq!(head.values("a").count(), 0);
        assert_eq!(head.values("b").collect::<Vec<_>>(), [b"5"]);
    }

    #[test]
    fn what_is_set_in_an_unread_head_replaces_what_the_host_has() {
        let mut head = Head::unread();
        head.set("x-a", b"1");
        assert!(head.remove("x-b"));
        let changes: Vec<_> = head.changes().collect();
        assert_eq!(changes, ["x-a", "x-b"].map(|name| Change { name, known: Known::Yes }));
        assert_eq!(head.values("x-a").collect::<Vec<_>>(), [b"1"]);
    }

    #[test]
    fn what_was_read_of_a_part_is_known_and_the_rest_replaced() {
        let mut head = Head::part(":status", Some(b"200".to_vec()), true);
        assert_eq!(head.fields().collect::<Vec<_>>(), [(":status", &b"200"[..])]);
        assert_eq!((head.single(":status"), head.has("x-a"), head.ends()), (Single::One(b"200"), false, true));
        head.set("x-a", b"1");
        head.set(":status", b"200");
        assert_eq!(head.changes().collect::<Vec<_>>(), [Change { name: "x-a", known: Known::Yes }]);
        let mut none = Head::part(":status", None, false);
        assert!(!none.ends() && !none.has(":status"));
        assert!(none.remove("x-a"));
        assert_eq!(none.changes().collect::<Vec<_>>(), [Change { name: "x-a", known: Known::Yes }]);
    }

    #[test]
    fn what_the_host_has_is_never_added_to() {
        let mut head = head(&[("X-Known", "1"), ("x-twice", "1"), ("x-twice", "2"), ("x-gone", "1")]);
        for name in ["x-known", "X-Twice", "x-new"] {
            head.set(name, b"0");
        }
        // Taken out, and set again: the host still has what the client sent.
        head.remove("x-gone");
        head.set("x-gone", b"0");
        // Set, taken out, and set again: the host never had it.
        head.set("x-newer", b"1");
        head.remove("x-newer");
        head.set("x-newer", b"0");
        let changes: Vec<_> = head.changes().collect();
        let mut unread = Head::default();
        unread.set("x-any", b"0");
        assert_eq!(unread.changes().collect::<Vec<_>>(), [Change { name: "x-any", known: Known::Yes }]);
        let want = [
            ("x-known", Known::Yes),
            ("x-twice", Known::Yes),
            ("x-new", Known::No),
            ("x-gone", Known::Yes),
            ("x-newer", Known::No),
        ];
        assert_eq!(changes, want.map(|(name, known)| Change { name, known }));
        assert!(want.iter().all(|(name, _)| head.single(name) == Single::One(b"0")));
        head.remove("x-newer");
        head.remove("x-gone");
        let edits: Vec<_> = head.edits().collect();
        let want = [
            Edit::Replace(b"x-known", b"0"),
            Edit::Replace(b"x-twice", b"0"),
            Edit::Add(b"x-new", b"0"),
            Edit::Remove(b"x-gone"),
        ];
        assert_eq!(edits, want);
    }

    #[test]
    fn what_was_written_is_what_the_host_has() {
        let mut head = head(&[("x-gone", "1")]);
        head.set("x-new", b"1");
        head.remove("x-gone");
        let mut head = head.written();
        assert_eq!(head.changes().count(), 0);
        head.set("x-new", b"2");
        head.set("x-gone", b"2");
        let changes: Vec<_> = head.changes().collect();
        assert_eq!(changes, [Change { name: "x-new", known: Known::Yes }, Change { name: "x-gone", known: Known::No }]);
    }

    #[test]
    fn no_value_can_start_a_new_line() {
        let mut head = head(&[]);
        head.set("a", b"x\r\nset-cookie: y\0\x7f\tz\xff");
        assert_eq!(head.single("a"), Single::One(b"x??set-cookie: y??\tz\xff"));
    }

    #[test]
    fn names_of_one_mark_are_told_apart() {
        // The same length, and the same first, middle and last letter.
        let mut head = head(&[("x-aa-b", "1"), ("x-ba-b", "2"), ("X-AA-B", "3"), ("a", "4"), ("", "5")]);
        assert_eq!(head.values("x-aa-b").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!(head.single("x-Ba-b"), Single::One(b"2"));
        assert_eq!((head.single("A"), head.single("")), (Single::One(b"4"), Single::One(b"5")));
        // A byte that is a letter but for one bit is another one.
        assert_eq!(head.single("x\raa-b"), Single::Absent);
        assert!(head.remove("x-aa-b") && !head.remove("x-ca-b"));
        assert_eq!(head.names().collect::<Vec<_>>(), [&b"x-ba-b"[..], b"a", b""]);
    }

    #[test]
    fn eight_bytes_are_as_unfit_as_one() {
        assert_alike(unfit, is_unfit);
        assert_alike(Word::beyond_ascii, |byte| !byte.is_ascii());
    }

    #[test]
    fn a_host_hands_pairs_over() {
        let pairs = b"\x02\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0ab\0\xff\0c\0\0";
        let head = Head::from_pairs(pairs.to_vec(), true).unwrap();
        assert!(head.ends());
        assert_eq!(head.fields().collect::<Vec<_>>(), [("ab", &b"\xff"[..]), ("c", b"")]);
        for (name, none) in [("no bytes", &b""[..]), ("no pairs", b"\0\0\0\0")] {
            assert_eq!(Head::from_pairs(none.to_vec(), false).unwrap().fields().count(), 0, "{name}");
        }
        // Cut anywhere, or with more behind it, or with another byte for a NUL, or for a letter, it is none.
        let mut wrong: Vec<Vec<u8>> = (1..pairs.len()).map(|length| pairs[..length].to_vec()).collect();
        wrong.push([&pairs[..], b"x"].concat());
        for at in [22, 24, 26, 27] {
            let mut other = pairs.to_vec();
            other[at] = b'x';
            wrong.push(other);
        }
        let mut other = pairs.to_vec();
        other[20] = 0xe9;
        wrong.push(other);
        wrong.push(b"\xff\xff\xff\xff".to_vec());
        wrong.push([&b"\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"a\0b\0"].concat());
        for bytes in wrong {
            assert!(Head::from_pairs(bytes.clone(), true).is_none(), "{bytes:?}");
        }
    }
}

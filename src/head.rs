//! Header sections and trailers: fetched once, edited in memory, written back as differences.

/// The fields of a head or of trailers, in order, as the host gave them. Names compare without ASCII case.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// All names, one after another, those of changes too.
    names: String,
    /// All values, with whatever stood between them when they came.
    values: Vec<u8>,
    fields: Vec<Field>,
    /// Names in lower case, with whether the host has a field of that name.
    changed: Vec<(Span, Known)>,
    end: bool,
    /// Whether the host was asked which fields it has. [`Head::default`] is of a head that nobody has read: what is set there takes
    /// the place of whatever the host has.
    read: bool,
}

/// Where a field's texts are.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
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

impl Head {
    /// A head; `end` when no body and no trailers follow.
    #[must_use]
    pub fn new(fields: Vec<(String, Vec<u8>)>, end: bool) -> Self {
        let mut head = Self { end, read: true, ..Self::default() };
        for (name, value) in fields {
            let name = head.put_name(&name);
            let from = head.values.len();
            head.values.extend(value);
            let value = Span { from, to: head.values.len() };
            head.fields.push(Field { name, value });
        }
        head
    }

    /// A head as a proxy-wasm host hands it over: a count, the sizes of each name and value, then both with a NUL each, all
    /// numbers as four little-endian bytes. No bytes are no fields. Nothing is copied but names.
    ///
    /// `None` unless the bytes are exactly that, and the names ASCII.
    #[must_use]
    pub fn from_pairs(pairs: Vec<u8>, end: bool) -> Option<Self> {
        if pairs.is_empty() {
            return Some(Self { end, read: true, ..Self::default() });
        }
        let mut sizes = pairs.as_slice();
        let count = number(&mut sizes)?;
        let mut at = count.checked_mul(8)?.checked_add(4)?;
        // Before anything is set aside for so many.
        pairs.get(at..)?;
        let mut names = Vec::with_capacity(NAMES_BYTES);
        let mut fields = Vec::with_capacity(count);
        for _ in 0..count {
            let (name, value) = (number(&mut sizes)?, number(&mut sizes)?);
            let from = names.len();
            names.extend_from_slice(text(&pairs, &mut at, name)?);
            let name = Span { from, to: names.len() };
            let from = at;
            text(&pairs, &mut at, value)?;
            fields.push(Field { name, value: Span { from, to: from.checked_add(value)? } });
        }
        if at != pairs.len() || !names.is_ascii() {
            return None;
        }
        let names = String::from_utf8(names).ok()?;
        Some(Self { names, values: pairs, fields, changed: Vec::new(), end, read: true })
    }

    /// The fields whose names are wanted, as a head of their own, with their names in lower case.
    #[must_use]
    pub(crate) fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let mut head = Self { read: true, ..Self::default() };
        for (name, value) in self.fields().filter(|(name, _)| wanted(name)) {
            let name = head.put_name(name);
            if let Some(name) = head.names.get_mut(name.from..name.to) {
                name.make_ascii_lowercase();
            }
            let from = head.values.len();
            head.values.extend_from_slice(value);
            head.fields.push(Field { name, value: Span { from, to: head.values.len() } });
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
        self.fields.iter().map(|field| (field.name.of_str(&self.names), field.value.of(&self.values)))
    }

    /// The values of all fields of this name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| field.name.says(name, &self.names))
            .map(|field| field.value.of(&self.values))
    }

    /// The value of a field that may stand at most once.
    #[must_use]
    pub fn single(&self, name: &str) -> Single<'_> {
        let mut fields = self.fields.iter().filter(|field| field.name.says(name, &self.names));
        match (fields.next(), fields.next()) {
            (None, _) => Single::Absent,
            (Some(field), None) => Single::One(field.value.of(&self.values)),
            (Some(_), Some(_)) => Single::Many,
        }
    }

    /// Whether a field of this name is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.single(name) != Single::Absent
    }

    /// Removes every field of this name; whether there was one, as far as is known.
    pub fn remove(&mut self, name: &str) -> bool {
        let removed = self.take(name) == Known::Yes;
        if removed {
            self.note(name, Known::Yes);
        }
        removed
    }

    /// Replaces all fields of this name by one. Control bytes in the value become `?`: the host checks nothing, and a
    /// line feed would start a new field. Nothing happens when the field already is as asked.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        let from = self.values.len();
        // Without a way out, so that many are looked at in one step.
        if value.iter().fold(false, |unfit, &byte| unfit | is_unfit(byte)) {
            self.values.extend(value.iter().map(|&byte| if is_unfit(byte) { b'?' } else { byte }));
        } else {
            self.values.extend_from_slice(value);
        }
        let value = Span { from, to: self.values.len() };
        let mut there = self.fields.iter().filter(|field| field.name.says(name, &self.names));
        let known = match (there.next(), there.next()) {
            (None, _) if self.read => Known::No,
            (None, _) => Known::Yes,
            (Some(one), None) if one.value.of(&self.values) == value.of(&self.values) => {
                return self.values.truncate(from);
            }
            (Some(_), _) => self.take(name),
        };
        let field = Field { name: self.put_name(name), value };
        self.fields.push(field);
        self.note(name, known);
    }

    /// The same head when the host has been told what differs.
    #[must_use]
    pub fn written(self) -> Self {
        Self { changed: Vec::new(), ..self }
    }

    /// What differs from what the host gave.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.changed.iter().map(|(name, known)| Change { name: name.of_str(&self.names), known: *known })
    }

    /// Takes all fields of this name out; whether there were any.
    fn take(&mut self, name: &str) -> Known {
        let before = self.fields.len();
        let names = &self.names;
        self.fields.retain(|field| !field.name.says(name, names));
        if self.fields.len() == before && self.read { Known::No } else { Known::Yes }
    }

    /// Notes a change. What the host has was said by the first one.
    fn note(&mut self, name: &str, known: Known) {
        let names = &self.names;
        if !self.changed.iter().any(|(noted, _)| noted.says(name, names)) {
            let name = self.put_name(name);
            if let Some(name) = self.names.get_mut(name.from..name.to) {
                name.make_ascii_lowercase();
            }
            self.changed.push((name, known));
        }
    }

    fn put_name(&mut self, name: &str) -> Span {
        let from = self.names.len();
        self.names.push_str(name);
        Span { from, to: self.names.len() }
    }
}

/// Room for the names of most heads and their changes, in bytes.
const NAMES_BYTES: usize = 512;

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.from..self.to).unwrap_or_default()
    }

    fn of_str(self, text: &str) -> &str {
        text.get(self.from..self.to).unwrap_or_default()
    }

    /// Whether it is this name in `names`. Most differ in length.
    #[inline]
    fn says(self, name: &str, names: &str) -> bool {
        self.to - self.from == name.len() && self.of(names.as_bytes()).eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Whether a byte must not stand in a value.
#[inline]
fn is_unfit(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') | (byte == 0x7f)
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let (four, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    usize::try_from(u32::from_le_bytes(*four)).ok()
}

/// A text of so many bytes and its NUL.
fn text<'a>(bytes: &'a [u8], at: &mut usize, size: usize) -> Option<&'a [u8]> {
    let to = at.checked_add(size)?;
    let text = bytes.get(*at..to)?;
    *at = to.checked_add(1)?;
    (bytes.get(to) == Some(&0)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{Change, Head, Known, Single};

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

//! Header sections and trailers: fetched once, edited in memory, written back as differences.

/// The fields of a head or of trailers, in order, as the host gave them. Names compare without ASCII case.
#[derive(Clone, Debug, Default)]
pub struct Head {
    fields: Vec<(String, Vec<u8>)>,
    /// Names in lower case, with whether the host has a field of that name.
    changed: Vec<(String, Known)>,
    /// Whether the host has fields that are not here.
    others: Known,
    end: bool,
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

/// What the host is to do with one field name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The field's name, in lower case.
    pub name: &'a str,
    /// Whether the host has one of this name.
    pub known: Known,
    /// Its values from now on; none means it goes.
    pub values: Vec<&'a [u8]>,
}

impl Head {
    /// A head; `end` when no body and no trailers follow.
    #[must_use]
    pub fn new(fields: Vec<(String, Vec<u8>)>, end: bool) -> Self {
        Self { fields, changed: Vec::new(), others: Known::No, end }
    }

    /// A head that was not read: it has no fields, and what is set in it, or removed, is so whatever the host has.
    #[must_use]
    pub fn unread() -> Self {
        Self { others: Known::Yes, ..Self::default() }
    }

    /// Whether the message ends here: no body, no trailers.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.end
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The values of all fields of this name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of a field that may stand at most once.
    #[must_use]
    pub fn single(&self, name: &str) -> Single<'_> {
        let mut values = self.fields().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Single::Absent,
            (Some(value), None) => Single::One(value),
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
        let value: Vec<u8> =
            value.iter().map(|&byte| if byte.is_ascii_control() && byte != b'\t' { b'?' } else { byte }).collect();
        if self.single(name) == Single::One(&value) {
            return;
        }
        let known = self.take(name);
        self.fields.push((name.to_owned(), value));
        self.note(name, known);
    }

    /// The same head when the host has been told what differs.
    #[must_use]
    pub fn written(self) -> Self {
        Self { changed: Vec::new(), ..self }
    }

    /// What differs from what the host gave.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.changed.iter().map(|(name, known)| Change { name, known: *known, values: self.values(name).collect() })
    }

    /// Takes all fields of this name out; whether there were any.
    fn take(&mut self, name: &str) -> Known {
        let before = self.fields.len();
        self.fields.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        if self.fields.len() == before { self.others } else { Known::Yes }
    }

    /// Notes a change. What the host has was said by the first one.
    fn note(&mut self, name: &str, known: Known) {
        if !self.changed.iter().any(|(noted, _)| noted.eq_ignore_ascii_case(name)) {
            self.changed.push((name.to_ascii_lowercase(), known));
        }
    }
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
        let known = Known::Yes;
        assert_eq!(
            changes,
            [Change { name: "a", known, values: vec![] }, Change { name: "b", known, values: vec![b"5"] }]
        );
    }

    #[test]
    fn what_is_set_in_an_unread_head_replaces_what_the_host_has() {
        let mut head = Head::unread();
        head.set("x-a", b"1");
        assert!(head.remove("x-b"));
        let changes: Vec<_> = head.changes().collect();
        let known = Known::Yes;
        assert_eq!(
            changes,
            [Change { name: "x-a", known, values: vec![b"1"] }, Change { name: "x-b", known, values: vec![] }]
        );
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
        let want = [
            ("x-known", Known::Yes),
            ("x-twice", Known::Yes),
            ("x-new", Known::No),
            ("x-gone", Known::Yes),
            ("x-newer", Known::No),
        ];
        assert_eq!(changes, want.map(|(name, known)| Change { name, known, values: vec![b"0"] }));
    }

    #[test]
    fn no_value_can_start_a_new_line() {
        let mut head = head(&[]);
        head.set("a", b"x\r\nset-cookie: y\0\x7f\tz\xff");
        assert_eq!(head.single("a"), Single::One(b"x??set-cookie: y??\tz\xff"));
    }
}

//! Lines and fields.

/// Bytes looked at together.
const STRIDE: usize = 16;

/// The first line feed or carriage return from `at` on.
pub(super) fn find_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let is_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
    let mut skipped = 0;
    for group in rest.chunks_exact(STRIDE) {
        // Without a branch a byte: the compiler makes one comparison of it.
        if group.iter().fold(false, |any, byte| any | is_end(byte)) {
            break;
        }
        skipped += STRIDE;
    }
    let found = rest.get(skipped..)?.iter().position(is_end)?;
    Some(at + skipped + found)
}

/// A line without its end, as a client reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Blank,
    Comment,
    /// A line of the event's data, and where in the line it begins.
    Data {
        value: &'a [u8],
        begins: usize,
    },
    /// `event`, `id` or `retry`.
    Known,
    /// A field that clients ignore.
    Unknown,
}

impl<'a> Line<'a> {
    pub(super) fn read(line: &'a [u8]) -> Self {
        let colon = line.iter().position(|&byte| byte == b':');
        let name = line.get(..colon.unwrap_or(line.len())).unwrap_or_default();
        match (name, colon) {
            (b"", None) => Self::Blank,
            (b"", Some(_)) => Self::Comment,
            (b"data", None) => Self::Data { value: b"", begins: line.len() },
            (b"data", Some(colon)) => {
                let space = line.get(colon + 1) == Some(&b' ');
                let begins = colon + 1 + usize::from(space);
                Self::Data { value: line.get(begins..).unwrap_or_default(), begins }
            }
            (b"event" | b"id" | b"retry", _) => Self::Known,
            (_, _) => Self::Unknown,
        }
    }
}

/// A block's lines: each with its end, and how many bytes that end has.
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = find_end(rest, 0).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end)?;
        let length = match after {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            [_, ..] => 1,
        };
        let (ending, next) = after.split_at_checked(length)?;
        rest = next;
        Some((line, ending))
    })
}

#[cfg(test)]
mod tests {
    use super::{Line, find_end, lines};

    #[test]
    fn lines_are_read_as_clients_do() {
        let data = |value, begins| Line::Data { value, begins };
        for (line, want) in [
            (&b""[..], Line::Blank),
            (b":", Line::Comment),
            (b": data: 1", Line::Comment),
            (b"data", data(b"", 4)),
            (b"data:", data(b"", 5)),
            (b"data: ", data(b"", 6)),
            (b"data:x", data(b"x", 5)),
            (b"data: x", data(b"x", 6)),
            (b"data:  x", data(b" x", 6)),
            (b"data:\tx", data(b"\tx", 5)),
            (b"data:a:b", data(b"a:b", 5)),
            (b"event: x", Line::Known),
            (b"id", Line::Known),
            (b"retry:1", Line::Known),
            (b"Data: 1", Line::Unknown),
            (b" data: 1", Line::Unknown),
            (b"data : 1", Line::Unknown),
            (b"\xef\xbb\xbfdata: 1", Line::Unknown),
            (b"{\"unit_cost\":5}", Line::Unknown),
        ] {
            assert_eq!(Line::read(line), want, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn each_kind_of_line_end_ends_one_line() {
        let block = b"a\nb\rc\r\nd\n\re";
        let got: Vec<_> = lines(block).collect();
        let want: Vec<(&[u8], &[u8])> =
            vec![(b"a", b"\n"), (b"b", b"\r"), (b"c", b"\r\n"), (b"d", b"\n"), (b"", b"\r"), (b"e", b"")];
        assert_eq!(got, want);
    }

    #[test]
    fn an_end_is_found_at_every_place() {
        for place in 0..70 {
            for end in [b'\n', b'\r'] {
                let mut bytes = vec![b'a'; 70];
                bytes[place] = end;
                for at in 0..=70 {
                    assert_eq!(find_end(&bytes, at), (at <= place).then_some(place), "{place} from {at}");
                }
            }
        }
    }
}

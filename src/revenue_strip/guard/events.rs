//! Where the data of events stands.

/// Reads an event stream, a byte at a time.
#[derive(Debug, Default)]
pub(in crate::revenue_strip) struct DataLines {
    at: At,
    /// Whether the last byte was a carriage return that ended a line.
    after_return: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    LineStart,
    /// So many letters of `data`.
    Name(usize),
    /// Behind the colon: a space there is no data.
    Colon,
    Data,
    /// A line of something else.
    Other,
}

const NAME: &[u8] = b"data";

impl DataLines {
    /// Reads a byte. Tells `see` of each byte of data, also of the line feeds that join its lines, and of each event's
    /// end (`None`). Gives what `see` gave, or `true`.
    pub(super) fn read(&mut self, byte: u8, see: impl FnOnce(Option<u8>) -> bool) -> bool {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        let (next, seen) = match (self.at, byte) {
            (_, b'\n') if after_return => return true,
            (At::LineStart, b'\n' | b'\r') => return see(None),
            // A name without a colon has a line of data, too: an empty one.
            (At::Colon | At::Data, b'\n' | b'\r') => (At::LineStart, Some(b'\n')),
            (At::Name(_) | At::Other, b'\n' | b'\r') => (At::LineStart, None),
            // The order mark at the start of a stream; elsewhere such a line is not let through.
            (At::LineStart, 0xef | 0xbb | 0xbf) => (At::LineStart, None),
            (At::LineStart, _) if NAME.first() == Some(&byte) => (At::Name(1), None),
            (At::Name(come), b':') if come == NAME.len() => (At::Colon, None),
            (At::Name(come), _) if NAME.get(come) == Some(&byte) => (At::Name(come + 1), None),
            (At::LineStart | At::Name(_) | At::Other, _) => (At::Other, None),
            (At::Colon, b' ') => (At::Data, None),
            (At::Colon | At::Data, _) => (At::Data, Some(byte)),
        };
        self.at = next;
        match seen {
            None => true,
            Some(byte) => see(Some(byte)),
        }
    }
}

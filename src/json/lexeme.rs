//! Numbers and literal names, a byte at a time or in a run.

/// Where in a number the last byte left us (RFC 8259, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// The state after a number's first byte; `None` when no number starts with it.
    #[inline(always)]
    pub(super) fn start(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Minus),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Integer),
            _ => None,
        }
    }

    /// Whether the number may end here.
    #[inline(always)]
    pub(super) fn is_complete(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }

    /// The state after `byte`; `None` when `byte` does not belong to the number.
    #[inline(always)]
    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Some(Self::ExponentDigits),
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') => Some(Self::Integer),
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::ExponentSign),
            (_, _) => None,
        }
    }

    /// Reads on from `at` and gives the first place that is no part of the number.
    #[inline(always)]
    pub(super) fn run(mut self, bytes: &[u8], mut at: usize) -> (Self, usize) {
        while let Some(&byte) = bytes.get(at) {
            // Most bytes are digits after digits: no table walk for them.
            if byte.is_ascii_digit() && matches!(self, Self::Integer | Self::Fraction) {
                at += 1;
                continue;
            }
            let Some(next) = self.next(byte) else { break };
            self = next;
            at += 1;
        }
        (self, at)
    }
}

/// One of the three literal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    True,
    False,
    Null,
}

impl Name {
    /// The name that starts with `byte`.
    #[inline(always)]
    pub(super) fn start(byte: u8) -> Option<Self> {
        match byte {
            b't' => Some(Self::True),
            b'f' => Some(Self::False),
            b'n' => Some(Self::Null),
            _ => None,
        }
    }

    #[inline(always)]
    pub(super) fn text(self) -> &'static [u8] {
        match self {
            Self::True => b"true",
            Self::False => b"false",
            Self::Null => b"null",
        }
    }
}

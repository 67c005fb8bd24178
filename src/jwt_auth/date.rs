//! Dates in tokens (RFC 7519, `NumericDate`) against the clock, in whole milliseconds: nothing here can overflow.

use crate::claims::{Decimal, Value};

/// The last second of the year 9999. Beyond it, and as far before 1970, a number is no date; milliseconds where seconds
/// belong are beyond it, too.
pub(super) const MAX_DATE_S: i64 = 253_402_300_799;

/// A date in milliseconds, rounded both ways: each use takes the side that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) floor_ms: i64,
    pub(super) ceil_ms: i64,
}

impl Date {
    /// Reads a number, with fraction or exponent if it has one. `None` for any other type, and out of range.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let Value::Number(text) = value else { return None };
        let (floor_ms, ceil_ms) = Decimal::read(text)?.thousandths()?;
        let range_ms = MAX_DATE_S.saturating_mul(1000);
        let within = floor_ms >= range_ms.saturating_neg() && ceil_ms <= range_ms;
        within.then_some(Self { floor_ms, ceil_ms })
    }
}

/// When a token may be used: from the first to before the second, leeway included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// `nbf` less the leeway.
    pub(super) not_before_ms: i64,
    /// `iat` less the leeway.
    pub(super) issued_ms: i64,
    /// `exp` and the leeway.
    pub(super) expires_ms: i64,
}

/// Where a time lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Within,
    NotYet,
    IssuedAhead,
    Expired,
}

impl Span {
    pub(super) fn at(&self, now_ms: i64) -> When {
        if now_ms >= self.expires_ms {
            When::Expired
        } else if now_ms < self.not_before_ms {
            When::NotYet
        } else if now_ms < self.issued_ms {
            When::IssuedAhead
        } else {
            When::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Date, Span, Value, When};

    #[test]
    fn only_numbers_in_range_are_dates() {
        let number = |text: &str| Value::Number(text.to_owned());
        for (value, want) in [
            (number("0"), Some((0, 0))),
            (number("-1"), Some((-1000, -1000))),
            (number("1700000000.5"), Some((1_700_000_000_500, 1_700_000_000_500))),
            (number("1.7000000000001e9"), Some((1_700_000_000_000, 1_700_000_000_001))),
            (number("253402300799"), Some((253_402_300_799_000, 253_402_300_799_000))),
            (number("-253402300799"), Some((-253_402_300_799_000, -253_402_300_799_000))),
            (number("253402300799.0001"), None),
            (number("-253402300800"), None),
            (number("1700000000000"), None),
            (number("9223372036854775808"), None),
            (number("-9223372036854775808"), None),
            (number("18446744073709551615"), None),
            (number("1e30"), None),
            (number("1e400"), None),
            (number("1e99999999999999999999"), None),
            (Value::Text("1700000000".to_owned()), None),
            (Value::Null, None),
            (Value::Bool(true), None),
            (Value::List(vec![number("1")]), None),
        ] {
            let got = Date::read(&value).map(|date| (date.floor_ms, date.ceil_ms));
            assert_eq!(got, want, "{value:?}");
        }
    }

    #[test]
    fn the_last_moment_is_the_one_before() {
        let span = Span { not_before_ms: 10, issued_ms: 20, expires_ms: 30 };
        for (now, want) in [
            (9, When::NotYet),
            (10, When::IssuedAhead),
            (19, When::IssuedAhead),
            (20, When::Within),
            (29, When::Within),
            (30, When::Expired),
            (i64::MAX, When::Expired),
            (i64::MIN, When::NotYet),
        ] {
            assert_eq!(span.at(now), want, "{now}");
        }
    }
}

//! Numbers by value, from their texts: no floating point, nothing that could overflow.

/// A JSON number (RFC 8259, section 6) as 0.DIGITS × 10^exponent, the digits without zeros at either end. Equal when the
/// values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal<'a> {
    negative: bool,
    digits: Digits<'a>,
    exponent: i64,
}

/// Digits that may have a point between them.
#[derive(Clone, Copy, Debug)]
struct Digits<'a> {
    before: &'a [u8],
    after: &'a [u8],
}

/// Most digits of an exponent; the value of a number with more is unknown.
const MAX_EXPONENT_DIGITS: usize = 9;

impl<'a> Decimal<'a> {
    /// Reads a number as it stands in a [`Value`](super::Value). `None` for one with an exponent of more than nine digits.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (mut before, mut after) = (whole.as_bytes(), fraction.as_bytes());
        // Zeros in front, each after the point one place less.
        before = trim_start(before);
        let mut exponent = exponent.checked_add(i64::try_from(before.len()).ok()?)?;
        if before.is_empty() {
            let all = after.len();
            after = trim_start(after);
            exponent = exponent.checked_sub(i64::try_from(all.checked_sub(after.len())?).ok()?)?;
        }
        after = trim_end(after);
        if after.is_empty() {
            before = trim_end(before);
        }
        let digits = Digits { before, after };
        if digits.len() == 0 {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        Some(Self { negative, digits, exponent })
    }

    /// The value in thousandths, rounded down and rounded up. `None` beyond ±10^18.
    #[must_use]
    pub fn thousandths(&self) -> Option<(i64, i64)> {
        let places = self.exponent.checked_add(3)?;
        let places = match usize::try_from(places) {
            Ok(places) if places > 18 => return None,
            Ok(places) => places,
            // Less than a thousandth.
            Err(_) => 0,
        };
        let mut digits = self.digits.iter();
        let mut whole: i64 = 0;
        for _ in 0..places {
            let digit = digits.next().map_or(0, |digit| i64::from(digit.wrapping_sub(b'0')));
            whole = whole.checked_mul(10)?.checked_add(digit)?;
        }
        let more = i64::from(digits.next().is_some());
        match self.negative {
            false => Some((whole, whole.checked_add(more)?)),
            true => Some((whole.checked_neg()?.checked_sub(more)?, whole.checked_neg()?)),
        }
    }
}

impl Digits<'_> {
    fn len(&self) -> usize {
        self.before.len().saturating_add(self.after.len())
    }

    fn iter(&self) -> impl Iterator<Item = u8> {
        self.before.iter().chain(self.after).copied()
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Digits<'_> {}

fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let digits = digits.trim_start_matches('0');
    if digits.len() > MAX_EXPONENT_DIGITS {
        return None;
    }
    let value: i64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    Some(if negative { value.checked_neg()? } else { value })
}

fn trim_start(digits: &[u8]) -> &[u8] {
    digits.iter().position(|&digit| digit != b'0').and_then(|at| digits.get(at..)).unwrap_or_default()
}

fn trim_end(digits: &[u8]) -> &[u8] {
    digits.iter().rposition(|&digit| digit != b'0').and_then(|at| digits.get(..=at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn a_number_is_its_value() {
        for (one, two, same) in [
            ("42", "42.0", true),
            ("42", "4.2e1", true),
            ("42", "420E-1", true),
            ("0", "-0", true),
            ("0", "0.000e9", true),
            ("0.001", "1e-3", true),
            ("100", "1e+2", true),
            ("100.10", "1001e-1", true),
            ("1e0000000000002", "100", true),
            ("42", "43", false),
            ("42", "-42", false),
            ("42", "4.2", false),
            ("10", "1", false),
            ("12", "1.2", false),
            ("9007199254740993", "9007199254740992", false),
        ] {
            assert_eq!(Decimal::read(one) == Decimal::read(two), same, "{one} {two}");
            assert!(Decimal::read(one).is_some(), "{one}");
        }
        assert_eq!(Decimal::read("1e1000000000"), None);
        assert_eq!(Decimal::read("1e-1000000000"), None);
    }

    #[test]
    fn thousandths_are_rounded_to_both_sides() {
        for (text, want) in [
            ("0", Some((0, 0))),
            ("1", Some((1000, 1000))),
            ("-1", Some((-1000, -1000))),
            ("1.5", Some((1500, 1500))),
            ("1.2345", Some((1234, 1235))),
            ("-1.2345", Some((-1235, -1234))),
            ("0.0001", Some((0, 1))),
            ("-0.0001", Some((-1, 0))),
            ("1e-400", Some((0, 1))),
            ("1700000000", Some((1_700_000_000_000, 1_700_000_000_000))),
            ("1.7e9", Some((1_700_000_000_000, 1_700_000_000_000))),
            ("999999999999999", Some((999_999_999_999_999_000, 999_999_999_999_999_000))),
            ("1000000000000000", None),
            ("9223372036854775808", None),
            ("-9223372036854775808", None),
            ("18446744073709551615", None),
            ("1e30", None),
            ("1e400", None),
            ("1e999999999", None),
        ] {
            assert_eq!(Decimal::read(text).unwrap().thousandths(), want, "{text}");
        }
    }
}

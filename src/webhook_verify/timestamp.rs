//! Times as senders write them. The text is signed, so it is never printed anew; here it is only read.

use serde::Deserialize;

/// Longest text of a time, in bytes.
pub(super) const MAX_TIME_BYTES: usize = 40;
/// Milliseconds at the end of the year 9999: beyond it, a number is no time.
const MAX_TIME_MS: i64 = 253_402_300_799_999;

/// How a time is written. The unit is never guessed, but where a sender uses both and `unix-auto` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "TimeFormat"))]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    /// Seconds since 1970: digits alone.
    Unix,
    /// Milliseconds.
    UnixMs,
    /// Milliseconds from 13 digits on, else seconds.
    UnixAuto,
    /// RFC 3339, with its zone.
    Rfc3339,
}

impl Format {
    /// Unix milliseconds; `None` for anything but what the format says.
    pub(super) fn read(self, text: &[u8]) -> Option<i64> {
        if text.len() > MAX_TIME_BYTES {
            return None;
        }
        let ms = match self {
            // One spelling for each number: a zero in front could be the end of the value before it in the signed string.
            Self::Unix | Self::UnixMs | Self::UnixAuto if text.len() > 1 && text.starts_with(b"0") => return None,
            Self::Unix => digits(text)?.checked_mul(1000)?,
            Self::UnixMs => digits(text)?,
            Self::UnixAuto if text.len() >= 13 => digits(text)?,
            Self::UnixAuto => digits(text)?.checked_mul(1000)?,
            Self::Rfc3339 => rfc3339(text)?,
        };
        (0..=MAX_TIME_MS).contains(&ms).then_some(ms)
    }
}

/// So many digits are a number of 64 bits, whatever they are.
const MAX_DIGITS: usize = 18;

/// Digits alone, at most [`MAX_DIGITS`]: no sign, exponent or blank. Checked by their number and not one by one: a checked product of
/// 64 bits is a function of its own in Wasm.
fn digits(text: &[u8]) -> Option<i64> {
    if !(1..=MAX_DIGITS).contains(&text.len()) || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0')))
}

/// RFC 3339, section 5.6: `T` and `Z` in upper case, up to nine digits of a second. A leap second is the one after it.
fn rfc3339(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.split_at_checked(9)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let [b'T', h1, h2, b':', n1, n2, b':', s1, s2] = *clock else { return None };
    let (year, month, day) = (digits(&[y1, y2, y3, y4])?, digits(&[m1, m2])?, digits(&[d1, d2])?);
    let (hour, minute, second) = (digits(&[h1, h2])?, digits(&[n1, n2])?, digits(&[s1, s2])?);
    let (ms, zone) = match rest.split_first() {
        Some((b'.', fraction)) => {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (fraction, zone) = fraction.split_at_checked(length)?;
            if !(1..=9).contains(&length) {
                return None;
            }
            let thousandths = fraction.iter().chain(b"00").take(3);
            (thousandths.fold(0, |number, byte| number * 10 + i64::from(byte - b'0')), zone)
        }
        Some(_) | None => (0, rest),
    };
    let offset_minutes = match *zone {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let minutes = hours * 60 + minutes;
            if sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    if !(1..=days_in(year, month)?).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some((minutes * 60 + second) * 1000 + ms)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days from 1970-01-01 in the Gregorian calendar, of years 0 to 9999: whole 400-year spans from March on, so that the
/// leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// RFC 3339 with milliseconds, in UTC; of years up to 9999.
pub(super) fn print_rfc3339(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(MAX_TIME_MS).min(MAX_TIME_MS);
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // The same calendar backwards.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, thousandth) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandth:03}Z")
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn what_is_printed_is_read_again() {
        for ms in
            [0, 1, 86_399_999, 86_400_000, 951_782_400_000, 1_709_164_800_123, 4_107_542_400_000, 253_402_300_799_999]
        {
            let text = super::print_rfc3339(ms);
            assert_eq!(Format::Rfc3339.read(text.as_bytes()), i64::try_from(ms).ok(), "{text}");
        }
        assert_eq!(super::print_rfc3339(1_709_164_800_123), "2024-02-29T00:00:00.123Z");
    }

    #[test]
    fn only_what_the_format_says_is_a_time() {
        for (format, text, want) in [
            (Format::Unix, "0", Some(0)),
            (Format::Unix, "1614265330", Some(1_614_265_330_000)),
            (Format::Unix, "01614265330", None),
            (Format::Unix, "00", None),
            (Format::UnixMs, "01614265330123", None),
            (Format::UnixAuto, "0001614265330", None),
            (Format::Unix, "253402300799", Some(253_402_300_799_000)),
            (Format::Unix, "253402300800", None),
            (Format::Unix, "1614265330000", None),
            (Format::Unix, "99999999999999999999999999", None),
            (Format::Unix, "-1", None),
            (Format::Unix, "+1", None),
            (Format::Unix, " 1", None),
            (Format::Unix, "1 ", None),
            (Format::Unix, "1e9", None),
            (Format::Unix, "1.5", None),
            (Format::Unix, "0x10", None),
            (Format::Unix, "Infinity", None),
            (Format::Unix, "NaN", None),
            (Format::Unix, "", None),
            (Format::Unix, "١٢", None),
            (Format::UnixMs, "1614265330123", Some(1_614_265_330_123)),
            (Format::UnixMs, "1614265330", Some(1_614_265_330)),
            (Format::UnixAuto, "1614265330", Some(1_614_265_330_000)),
            (Format::UnixAuto, "1614265330123", Some(1_614_265_330_123)),
            (Format::Rfc3339, "1970-01-01T00:00:00Z", Some(0)),
            (Format::Rfc3339, "2026-01-02T03:04:05Z", Some(1_767_323_045_000)),
            (Format::Rfc3339, "2026-01-02T04:04:05+01:00", Some(1_767_323_045_000)),
            (Format::Rfc3339, "2026-01-01T20:04:05-07:00", Some(1_767_323_045_000)),
            (Format::Rfc3339, "2023-03-09T04:44:48.062323705Z", Some(1_678_337_088_062)),
            (Format::Rfc3339, "2026-01-02T03:04:05.5Z", Some(1_767_323_045_500)),
            (Format::Rfc3339, "2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            (Format::Rfc3339, "2000-02-29T00:00:00Z", Some(951_782_400_000)),
            (Format::Rfc3339, "2016-12-31T23:59:60Z", Some(1_483_228_800_000)),
            (Format::Rfc3339, "2026-02-29T00:00:00Z", None),
            (Format::Rfc3339, "2100-02-29T00:00:00Z", None),
            (Format::Rfc3339, "2026-13-01T00:00:00Z", None),
            (Format::Rfc3339, "2026-00-01T00:00:00Z", None),
            (Format::Rfc3339, "2026-01-00T00:00:00Z", None),
            (Format::Rfc3339, "2026-01-02T24:00:00Z", None),
            (Format::Rfc3339, "2026-01-02T03:60:00Z", None),
            (Format::Rfc3339, "2026-01-02T03:04:61Z", None),
            (Format::Rfc3339, "2026-01-02T03:04:05", None),
            (Format::Rfc3339, "2026-01-02T03:04:05.Z", None),
            (Format::Rfc3339, "2026-01-02T03:04:05.0123456789Z", None),
            (Format::Rfc3339, "2026-01-02T03:04:05+1:00", None),
            (Format::Rfc3339, "2026-01-02T03:04:05+24:00", None),
            (Format::Rfc3339, "2026-01-02T03:04:05Z ", None),
            (Format::Rfc3339, "2026-01-02 03:04:05Z", None),
            (Format::Rfc3339, "1969-12-31T23:59:59Z", None),
            (Format::Rfc3339, "1767323045", None),
        ] {
            assert_eq!(format.read(text.as_bytes()), want, "{format:?} {text}");
        }
    }
}

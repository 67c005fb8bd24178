//! Dates for people.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds by the wall clock; 0 when it stands before 1970.
#[expect(clippy::disallowed_methods, reason = "a command of its own: it has no host to ask for the time")]
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A date (RFC 7519, `NumericDate`) and how far it is from now. What is no date of this age of the world is said to be none.
pub(super) fn relative(date_s: f64, now_s: u64) -> String {
    if !(0.0..=MAX_DATE_S).contains(&date_s) {
        return "no date in seconds since 1970".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range just checked")]
    let seconds = date_s as u64;
    let distance = match seconds.checked_sub(now_s) {
        Some(0) => "now".to_owned(),
        Some(ahead) => format!("in {}", duration(ahead)),
        None => format!("{} ago", duration(now_s.saturating_sub(seconds))),
    };
    format!("{} ({distance})", utc(seconds))
}

/// `2026-11-30T08:16:50Z` (RFC 3339).
pub(super) fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / DAY_S, seconds % DAY_S);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day since 1970-01-01, in years that begin with March.
fn civil(days: u64) -> (u64, u64, u64) {
    let since = days + 719_468;
    let (era, day_of_era) = (since / 146_097, since % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_year - (153 * march + 2) / 5 + 1)
}

/// In the largest unit that it has two of.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / DAY_S),
    }
}

const DAY_S: u64 = 86_400;
/// The last second of the year 9999.
const MAX_DATE_S: f64 = 253_402_300_799.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_796_026_610, "2026-11-30T08:16:50Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds), want);
        }
    }

    #[test]
    fn distances_are_said_in_a_unit_for_people() {
        for (date, want) in [
            (1000.0, "(now)"),
            (1119.0, "(in 119 s)"),
            (1120.9, "(in 2 min)"),
            (999.0, "(1 s ago)"),
            (1000.0 + 7200.0, "(in 2 h)"),
            (1000.0 + 200_000.0, "(in 2 days)"),
            (-1.0, "no date"),
            (1e15, "no date"),
            (f64::NAN, "no date"),
        ] {
            let text = relative(date, 1000);
            assert!(text.contains(want), "{date}: {text}");
        }
    }
}

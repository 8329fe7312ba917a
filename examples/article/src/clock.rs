//! The time of day, as the server tells it.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns the time now, in UTC.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn time_text() -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    text_of(since_1970.as_secs())
}

/// Writes a time as C's `asctime` does, which counts from a Thursday.
fn text_of(seconds: u64) -> String {
    let (days, second) = (seconds / DAY_S, seconds % DAY_S);
    let weekday = WEEKDAYS.iter().cycle().nth((days % 7) as usize).unwrap_or(&"");
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {year}")
}

/// Counts years and months off the days since 1970.
fn date_of(mut days: u64) -> (u64, &'static str, u64) {
    let mut year = 1970;
    loop {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if is_leap { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in MONTHS.into_iter().zip(lengths) {
            if days < length {
                return (year, month, days + 1);
            }
            days -= length;
        }
        year += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_asctime_does() {
        assert_eq!(text_of(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(text_of(951_827_696), "Tue Feb 29 12:34:56 2000");
        assert_eq!(text_of(1_690_000_000), "Sat Jul 22 04:26:40 2023");
    }
}

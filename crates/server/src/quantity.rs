//! Sizes and ages as people write them: `512MiB`, `14d`.

/// How a byte count may be written.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];
/// Short forms of the binary units.
const SHORT_SIZE_UNITS: [(&str, u64); 4] =
    [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)];
/// How an age may be written, in seconds.
const AGE_UNITS: [(&str, u64); 5] =
    [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 7 * 86_400)];

const NS_PER_S: u64 = 1_000_000_000;

/// Reads a size: whole bytes, or a whole number of a unit.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = parse_number(text)?;
    let units = SIZE_UNITS.iter().chain(&SHORT_SIZE_UNITS);
    number.checked_mul(factor(units, unit)?)
}

/// Reads an age in nanoseconds: a whole number with its unit, over zero.
pub(crate) fn parse_age_ns(text: &str) -> Option<u64> {
    let (number, unit) = parse_number(text)?;
    let age_ns = number.checked_mul(factor(AGE_UNITS.iter(), unit)?)?.checked_mul(NS_PER_S)?;
    (age_ns > 0).then_some(age_ns)
}

fn parse_number(text: &str) -> Option<(u64, &str)> {
    let digits_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits_len);
    Some((digits.parse().ok()?, unit.trim_start()))
}

fn factor<'u>(mut units: impl Iterator<Item = &'u (&'u str, u64)>, unit: &str) -> Option<u64> {
    units.find_map(|(name, factor)| (*name == unit).then_some(*factor))
}

/// A byte count with three digits or more of its unit: `1536 MiB`.
pub(crate) fn size_text(bytes: u64) -> String {
    let (shift, unit) = match bytes {
        0..10_240 => (0, "B"),
        10_240..10_485_760 => (10, "KiB"),
        10_485_760..10_737_418_240 => (20, "MiB"),
        _ => (30, "GiB"),
    };
    format!("{} {unit}", bytes >> shift)
}

/// A time in whole seconds as `45s`, `3m20s` or `2h05m`.
pub(crate) fn seconds_text(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        for (text, bytes) in [
            ("1073741824", Some(1 << 30)),
            ("512MiB", Some(512 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("3T", Some(3 << 40)),
            ("1GB", Some(1_000_000_000)),
            ("0", Some(0)),
            ("1.5GiB", None),
            ("GiB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }

    #[test]
    fn ages_name_their_unit() {
        let seconds = |text| parse_age_ns(text).map(|age_ns| age_ns / NS_PER_S);
        assert_eq!(seconds("14d"), Some(14 * 86_400));
        assert_eq!(seconds("90 m"), Some(5_400));
        assert_eq!(seconds("2w"), Some(14 * 86_400));
        for text in ["14", "0d", "d", "-1d", "1y", "99999999999999d", ""] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_short() {
        assert_eq!(size_text(10_239), "10239 B");
        assert_eq!(size_text(1536 << 20), "1536 MiB");
        assert_eq!([0, 59, 61, 7_500].map(seconds_text), ["0s", "59s", "1m01s", "2h05m"]);
    }
}

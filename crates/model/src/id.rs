//! Trace ids and span ids: never zero, printed and parsed as hexadecimal.
//!
//! No format's own strictness lives here beyond what [`TraceId::parse`] and [`SpanId::parse`]
//! say; a codec that tolerates more, tolerates it on its own side.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// The id that all spans of one trace share: 128 bits, or 64 with a zero high half.
///
/// Printed as 16 lower-case hexadecimal digits when the high half is zero, else as 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// Returns `None` for zero, which every wire format reserves for "absent".
    #[must_use]
    pub const fn new(raw: u128) -> Option<Self> {
        match NonZeroU128::new(raw) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// Joins the two halves; `None` when both are zero.
    #[must_use]
    pub const fn from_halves(high: u64, low: u64) -> Option<Self> {
        Self::new(((high as u128) << 64) | low as u128)
    }

    /// Returns all 128 bits.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0.get()
    }

    /// Returns the low 64 bits: what filters, order and index key on, because a client of
    /// 64-bit ids and one of 128-bit ids share only these when they meet in one trace.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
    pub const fn low(self) -> u64 {
        self.get() as u64
    }

    /// Returns the high 64 bits, zero for a 64-bit id.
    #[must_use]
    pub const fn high(self) -> u64 {
        (self.get() >> 64) as u64
    }

    /// Parses 1 to 32 lower-case hexadecimal digits, left-padded with zeros.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with `text`: its length, a character that is no lower-case
    /// hexadecimal digit, or a value of zero.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let raw = parse_lower_hex(text, 32)?;
        Self::new(raw).ok_or(IdError::Zero)
    }
}

/// The id of one span within its trace. Zipkin's client and server halves may share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// Returns `None` for zero, which every wire format reserves for "absent".
    #[must_use]
    pub const fn new(raw: u64) -> Option<Self> {
        match NonZeroU64::new(raw) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// Returns the 64 bits.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Parses 1 to 16 lower-case hexadecimal digits, left-padded with zeros.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with `text`, as [`TraceId::parse`] does.
    #[expect(clippy::cast_possible_truncation, reason = "16 digits hold 64 bits")]
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let raw = parse_lower_hex(text, 16)?;
        Self::new(raw as u64).ok_or(IdError::Zero)
    }
}

fn parse_lower_hex(text: &str, len_max: usize) -> Result<u128, IdError> {
    if text.is_empty() || text.len() > len_max {
        return Err(IdError::Length { len: text.len(), len_max });
    }
    let mut raw = 0u128;
    for (offset, byte) in text.bytes().enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return Err(IdError::Digit { offset }),
        };
        raw = (raw << 4) | u128::from(digit);
    }
    Ok(raw)
}

/// Why a text is no id. The sender's fault, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty or longer than the id can be.
    Length {
        /// How many bytes the text has.
        len: usize,
        /// How many it may have.
        len_max: usize,
    },
    /// A byte is not a lower-case hexadecimal digit.
    Digit {
        /// Where it stands, from zero.
        offset: usize,
    },
    /// Every digit is zero, which stands for "no id".
    Zero,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len, len_max } => {
                write!(f, "an id has 1 to {len_max} hexadecimal digits, not {len}")
            }
            Self::Digit { offset } => {
                write!(f, "the character at {offset} is not a lower-case hexadecimal digit")
            }
            Self::Zero => f.write_str("an id of zero stands for no id"),
        }
    }
}

impl std::error::Error for IdError {}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.high() == 0 {
            write!(f, "{:016x}", self.low())
        } else {
            write!(f, "{:032x}", self.get())
        }
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.get())
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_they_parse_padded_to_their_width() {
        for (text, printed) in [
            ("1", "0000000000000001"),
            ("463ac35c9f6413ad", "463ac35c9f6413ad"),
            ("0000000000000000463ac35c9f6413ad", "463ac35c9f6413ad"),
            ("1463ac35c9f6413ad", "0000000000000001463ac35c9f6413ad"),
        ] {
            assert_eq!(TraceId::parse(text).unwrap().to_string(), printed);
        }
        assert_eq!(SpanId::parse("a").unwrap().to_string(), "000000000000000a");
    }

    #[test]
    fn a_text_that_is_no_id_is_refused_with_its_reason() {
        assert_eq!(TraceId::parse(""), Err(IdError::Length { len: 0, len_max: 32 }));
        assert_eq!(TraceId::parse(&"a".repeat(33)), Err(IdError::Length { len: 33, len_max: 32 }));
        assert_eq!(SpanId::parse(&"a".repeat(17)), Err(IdError::Length { len: 17, len_max: 16 }));
        assert_eq!(TraceId::parse("12A"), Err(IdError::Digit { offset: 2 }));
        assert_eq!(TraceId::parse("0x1"), Err(IdError::Digit { offset: 1 }));
        assert_eq!(SpanId::parse("0000"), Err(IdError::Zero));
    }

    #[test]
    fn the_halves_of_a_trace_id_come_apart_and_join() {
        let id = TraceId::from_halves(7, 9).unwrap();
        assert_eq!((id.high(), id.low()), (7, 9));
        assert_eq!(TraceId::from_halves(0, 0), None);
    }
}

//! Why bytes are no span list.

use std::fmt;

/// How many characters of a sender's text an error message repeats.
const ECHO_LEN_MAX: usize = 64;

/// Why a span list could not be decoded: the sender's fault, always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The index in the list of the span that could not be decoded, where it got that far.
    pub span_index: Option<usize>,
    /// How many bytes into the (decompressed) body the fault lies; zero when it is the body as
    /// a whole that is wrong.
    pub offset: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl DecodeError {
    /// Makes an error about the body as a whole.
    pub(crate) fn of_body(message: impl Into<String>) -> Self {
        Self { span_index: None, offset: 0, message: message.into() }
    }

    /// Makes an error about the byte at `offset`.
    pub(crate) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self { span_index: None, offset, message: message.into() }
    }

    /// Names the span that the error is about.
    pub(crate) fn in_span(self, index: usize) -> Self {
        Self { span_index: Some(index), ..self }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.span_index {
            write!(f, "span {index}: ")?;
        }
        f.write_str(&self.message)?;
        if self.offset > 0 {
            write!(f, " (at byte {})", self.offset)?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}

/// Where bytes stop being what their format says. Boxed, because it comes back from every call of
/// the hottest loops: an error of a register's size made them four times as fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(Box<DecodeError>);

impl Malformed {
    /// Makes an error about the byte at `offset`.
    #[cold]
    pub(crate) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self(Box::new(DecodeError::at(offset, message)))
    }
}

impl From<Malformed> for DecodeError {
    fn from(malformed: Malformed) -> Self {
        *malformed.0
    }
}

/// Returns as much of a sender's text as a message may repeat.
pub(crate) fn echo(text: &str) -> &str {
    match text.char_indices().nth(ECHO_LEN_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_repeats_only_so_much() {
        assert_eq!(echo(&"é".repeat(100)).chars().count(), ECHO_LEN_MAX);
        assert_eq!(echo("abc"), "abc");
    }
}

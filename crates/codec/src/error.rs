//! Why bytes are no span list.

use std::fmt;

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
        if self.span_index.is_some() || self.offset > 0 {
            write!(f, " (at byte {})", self.offset)?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}

//! Why bytes are no span list.

use std::fmt;

/// Why a span list could not be decoded: the sender's fault, always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The index in the list of the span that could not be decoded, where it got that far.
    pub span_index: Option<usize>,
    /// How many bytes into the (decompressed) body the fault lies.
    pub offset: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.span_index {
            write!(f, "span {index}: ")?;
        }
        write!(f, "{} (at byte {})", self.message, self.offset)
    }
}

impl std::error::Error for DecodeError {}

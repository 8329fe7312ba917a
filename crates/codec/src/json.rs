//! Reads what all JSON formats have in common: texts, and where in the body an error lies.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::DecodeError;

/// Says where in `text`, and why, reading stopped.
pub(crate) fn refusal(error: &serde_json::Error, text: &str) -> DecodeError {
    DecodeError::at(offset_of(error, text), message_of(error))
}

/// Where in the text the error lies: serde_json counts lines and columns from one.
fn offset_of(error: &serde_json::Error, text: &str) -> usize {
    let line_starts = text.match_indices('\n').map(|(offset, _)| offset + 1);
    let line_start = std::iter::once(0).chain(line_starts).nth(error.line().saturating_sub(1));
    (line_start.unwrap_or(0) + error.column().saturating_sub(1)).min(text.len())
}

/// The error's message without the place, which [`DecodeError`] gives in bytes.
fn message_of(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    if let Some(place) = message.rfind(" at line ") {
        message.truncate(place);
    }
    message
}

/// A member's name, or another text that is a string.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_str(KeyVisitor).map(Self)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

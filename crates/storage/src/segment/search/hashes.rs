//! What filters hold hashes of. They are a part of the format, and never change.
//!
//! Values are hashed as the text that they print as, so that one hash finds the text `404` and
//! the number, as old clients send codes as texts. Names are folded to lower case.

use crate::encoding::hash::{self, ValueKind};

/// A name that is not an attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameKind {
    /// Of the service that emitted a span.
    Service,
    /// Of the service at the other side.
    RemoteService,
    /// Of a span.
    Span,
    /// Of an event.
    Event,
}

impl NameKind {
    /// What names of this kind are hashed under: keys that no attribute has, whose values are
    /// hashed as texts.
    fn key(self) -> u64 {
        let name: &[u8] = match self {
            Self::Service => b"service",
            Self::RemoteService => b"remote service",
            Self::Span => b"span",
            Self::Event => b"event",
        };
        hash::key(name, ValueKind::Bytes)
    }
}

/// Hashes an attribute's key, to be found without a value.
pub(super) fn key(key: &str) -> u64 {
    hash::key(key.as_bytes(), ValueKind::Empty)
}

/// Hashes an attribute's key, for [`value`] to go on from.
pub(super) fn key_of_values(key: &str) -> u64 {
    hash::key(key.as_bytes(), ValueKind::String)
}

/// Hashes what a value prints as.
pub(super) fn value(key_of_values: u64, printed: &[u8]) -> u64 {
    hash::value(key_of_values, printed)
}

/// Hashes a name, whatever its case.
pub(super) fn name(kind: NameKind, name: &str) -> u64 {
    if name.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        return hash::value(kind.key(), name.to_lowercase().as_bytes());
    }
    hash::value(kind.key(), name.as_bytes())
}

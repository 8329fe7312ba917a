//! Whose spans they are. A tenant is part of every store call, of every log record, and of a path.

use std::fmt;
use std::sync::Arc;

/// The most bytes a tenant's name may have (Tempo's limit, so that its clients fit).
pub const TENANT_NAME_LEN_MAX: usize = 150;

/// A validated tenant name: safe as a path component and as a header value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// Validates a name: 1 to 150 ASCII letters, digits and `!-_.*'()`, but not `.` or `..`.
    ///
    /// # Errors
    ///
    /// Returns which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, TenantError> {
        if name.is_empty() || name.len() > TENANT_NAME_LEN_MAX {
            return Err(TenantError::Length { len: name.len() });
        }
        if name == "." || name == ".." {
            return Err(TenantError::Dots);
        }
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(byte);
        match name.bytes().position(|byte| !is_allowed(&byte)) {
            Some(offset) => Err(TenantError::Character { offset }),
            None => Ok(Self(name.into())),
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    /// The only tenant there is until there is authentication.
    fn default() -> Self {
        Self("default".into())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no tenant's name. The caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// Empty or too long.
    #[error("a tenant's name has 1 to {TENANT_NAME_LEN_MAX} bytes, not {len}")]
    Length {
        /// How many bytes it has.
        len: usize,
    },
    /// A name that means a folder relative to another.
    #[error("a tenant's name is not `.` or `..`")]
    Dots,
    /// A byte that is not allowed.
    #[error(
        "the byte at {offset} of the tenant's name is no ASCII letter, digit or one of !-_.*'()"
    )]
    Character {
        /// Where it stands, from zero.
        offset: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_folder_or_header_are_refused() {
        for name in ["", ".", "..", "a/b", "a\0b", "a|b", "ténant", &"t".repeat(151)] {
            assert!(Tenant::new(name).is_err(), "{name:?}");
        }
        assert_eq!(Tenant::new("team-a.(1)").unwrap().as_str(), "team-a.(1)");
    }
}

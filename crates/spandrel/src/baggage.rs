//! Baggage: text that rides with a trace to every span after it, in this process and beyond.
//!
//! What rides with every request must stay small, so baggage is bounded in entries and bytes.

/// How many entries a trace carries at most.
pub const BAGGAGE_LEN_MAX: usize = 64;

/// How many bytes of keys and values a trace carries at most.
pub const BAGGAGE_BYTES_MAX: usize = 8_192;

/// The baggage of a [`SpanContext`](crate::SpanContext): keys and values, in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baggage {
    entries: Vec<(String, String)>,
}

impl Baggage {
    pub(crate) const fn none() -> Self {
        Self { entries: Vec::new() }
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Returns all entries, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes keys and values take together.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// Sets an entry, over an older one of the same key. Returns false, and changes nothing,
    /// when the baggage would pass [`BAGGAGE_LEN_MAX`] or [`BAGGAGE_BYTES_MAX`], or when the
    /// key is empty.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        let old = self.entries.iter().position(|(name, _)| name == key);
        let old_len = self.get(key).map_or(0, |value| key.len() + value.len());
        let byte_len = self.byte_len() - old_len + key.len() + value.len();
        let len = self.len() + usize::from(old.is_none());
        if key.is_empty() || byte_len > BAGGAGE_BYTES_MAX || len > BAGGAGE_LEN_MAX {
            return false;
        }
        match old.and_then(|index| self.entries.get_mut(index)) {
            Some((_, old)) => value.clone_into(old),
            None => self.entries.push((key.to_owned(), value.to_owned())),
        }
        true
    }

    /// Adds the entries of `other` whose keys are not here yet, as far as they fit. Returns how
    /// many did not.
    pub(crate) fn merge(&mut self, other: &Self) -> usize {
        let mut left_out = 0;
        for (key, value) in other.iter() {
            let fits = self.get(key).is_some() || self.set(key, value);
            left_out += usize::from(!fits);
        }
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_hold_and_what_was_there_stays() {
        let mut baggage = Baggage::default();
        for index in 0..BAGGAGE_LEN_MAX {
            assert!(baggage.set(&format!("k{index}"), "v"));
        }
        assert!(!baggage.set("one-more", "v"));
        assert!(baggage.set("k0", "replaced"));
        assert!(!baggage.set("k0", &"x".repeat(BAGGAGE_BYTES_MAX)));
        assert_eq!((baggage.get("k0"), baggage.len()), (Some("replaced"), BAGGAGE_LEN_MAX));
    }

    #[test]
    fn a_byte_more_than_the_limit_is_refused_and_the_limit_is_not() {
        let mut baggage = Baggage::default();
        assert!(!baggage.set("k", &"v".repeat(BAGGAGE_BYTES_MAX)));
        assert!(baggage.set("k", &"v".repeat(BAGGAGE_BYTES_MAX - 1)));
        assert!(!baggage.set("", ""));
    }
}

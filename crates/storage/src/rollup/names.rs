//! The names in a rollup: each text once, and two names that are no text.

use std::collections::HashMap;
use std::sync::Arc;

/// The longest name that is kept; longer ones are [`Name::OTHER`].
pub const NAME_LEN_MAX: usize = 4_096;

/// A name within one rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

impl Name {
    /// There is no name.
    pub const ABSENT: Self = Self(0);
    /// Any of those for which there was no room.
    pub const OTHER: Self = Self(1);

    /// How many names are no text.
    pub(super) const TEXTS_AT: usize = 2;

    pub(super) fn of(place: u32) -> Self {
        Self(place)
    }

    fn of_place(place: usize) -> Option<Self> {
        u32::try_from(place).ok().map(Self)
    }

    /// Where the name stands, both that are no text first.
    pub(super) fn place(self) -> usize {
        // A place that does not fit an address is past the end of every list.
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameText<'r> {
    /// There is no name.
    Absent,
    /// Any of those for which there was no room.
    Other,
    /// A name as it was sent.
    Text(&'r str),
}

#[derive(Clone, Debug)]
pub(super) struct Names {
    texts: Vec<Arc<str>>,
    codes: HashMap<Arc<str>, Name>,
    len: usize,
    len_max: usize,
}

impl Names {
    pub(super) fn new(len_max: usize) -> Self {
        Self { texts: Vec::new(), codes: HashMap::new(), len: 0, len_max }
    }

    pub(super) fn name(&mut self, text: &str) -> Name {
        if let Some(&known) = self.codes.get(text) {
            return known;
        }
        // Every name counts for one byte more than its text, so that empty ones are bounded too.
        let len = self.len.saturating_add(text.len()).saturating_add(1);
        if text.len() > NAME_LEN_MAX || len > self.len_max {
            return Name::OTHER;
        }
        let Some(name) = Name::of_place(self.texts.len().saturating_add(Name::TEXTS_AT)) else {
            return Name::OTHER;
        };
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.codes.insert(text, name);
        self.len = len;
        name
    }

    /// Takes over all names of another rollup: for each place there, the name here.
    pub(super) fn take_over(&mut self, other: &Self) -> Vec<Name> {
        let mut names = vec![Name::ABSENT, Name::OTHER];
        names.extend(other.texts.iter().map(|text| self.name(text)));
        names
    }

    pub(super) fn text(&self, name: Name) -> NameText<'_> {
        match name {
            Name::ABSENT => NameText::Absent,
            Name::OTHER => NameText::Other,
            _ => {
                let place = name.place().checked_sub(Name::TEXTS_AT);
                let text = place.and_then(|place| self.texts.get(place));
                text.map_or(NameText::Other, |text| NameText::Text(text))
            }
        }
    }
}

//! The limits of the format: what a writer keeps within, and the most that a reader believes.

/// How many rows a group has at most, and about how many it has.
pub(crate) const GROUP_ROW_COUNT_MAX: usize = 8 << 10;

/// A group ends once its texts and events come to this: few rows may hold much.
pub(super) const GROUP_TEXT_LEN: usize = 64 << 20;

/// A group ends once its rows have this many values, events and links.
pub(super) const GROUP_VALUE_COUNT: usize = 4 << 20;

/// A trace that starts this much later than the one before it begins another group, so that the
/// years 1970 and 2554 don't widen the range of a group of today.
pub(super) const GROUP_START_GAP_NS: u64 = 24 * 60 * 60 * 1_000_000_000;

/// The most rows of a group that is read: writers of tests and of other versions may differ.
pub(super) const ROW_COUNT_MAX: usize = 1 << 20;

/// The most values, events or links of a group that is read: one span may bring the group above
/// [`GROUP_VALUE_COUNT`], by as much as a request can carry.
pub(super) const VALUE_COUNT_MAX: usize = 1 << 26;

/// The most bytes that the texts of a part come to when it is read.
pub(super) const TEXT_LEN_MAX: usize = 1 << 28;

/// The most entries of any dictionary, and the most traces of a segment.
pub(super) const CODE_COUNT_MAX: usize = 1 << 26;

/// How many distinct values the dictionary of a key has at most.
pub(super) const KEY_DICTIONARY_COUNT_MAX: usize = 64 << 10;

/// How many bytes these come to at most.
pub(super) const KEY_DICTIONARY_LEN_MAX: usize = 1 << 20;

/// From how many distinct values on the dictionary of a key has to pay.
pub(super) const DISTINCT_COUNT_MIN: usize = 1 << 10;

/// It pays while no more than a third of the values are distinct.
pub(super) const DISTINCT_RATIO_MAX: usize = 3;

/// How many entries a page of the trace index has.
pub(super) const PAGE_ENTRY_COUNT: usize = 1 << 10;

/// With how many spans of the same start and id a span is compared, to find a duplicate.
pub(super) const FOLD_CANDIDATES_MAX: usize = 16;

/// The most keys of a segment. A writer's caller ends a segment long before.
pub(super) const KEY_COUNT_MAX: usize = 1 << 22;

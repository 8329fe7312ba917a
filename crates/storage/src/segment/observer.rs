//! Who looks at the groups of a segment while it is written, and adds parts to it.

use super::group::GroupColumns;
use crate::columns::{ColumnKey, Shapes, TextHeap};

/// Names a section of the whole segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SectionId(pub(crate) u32);

impl SectionId {
    /// Ids from here on are observers'; the ones before are the format's own.
    pub(crate) const OBSERVED_MIN: u32 = 1 << 30;
}

/// Names a part that a group has in the scan region. All ids are observers'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScanPartId(pub(crate) u32);

/// What codes stand for, as far as the segment is written: groups to come add to it, and change
/// nothing that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentTexts<'w> {
    /// Keys by their codes.
    pub(crate) keys: &'w [ColumnKey],
    /// The dictionary of each key, by the key's code: of what groups hold in the form
    /// [`ValueForm::Codes`](super::ValueForm::Codes).
    pub(crate) values: &'w [TextHeap],
    /// Lists of keys' codes.
    pub(crate) shapes: &'w Shapes,
    /// Span names.
    pub(crate) names: &'w TextHeap,
    /// Event names.
    pub(crate) event_names: &'w TextHeap,
    /// Resources, encoded.
    pub(crate) resources: &'w TextHeap,
    /// The service of each resource, or [`NO_SERVICE`](crate::columns::NO_SERVICE).
    pub(crate) services_of_resources: &'w [u32],
    /// Services.
    pub(crate) services: &'w TextHeap,
    /// Scopes, encoded.
    pub(crate) scopes: &'w TextHeap,
    /// Addresses, encoded.
    pub(crate) addresses: &'w TextHeap,
}

/// Looks at each group before it is encoded, in order.
pub(crate) trait GroupObserver {
    /// Looks at a group whose columns are complete, and may add parts to the scan region, and
    /// tell the structural fingerprints of its traces.
    fn group(&mut self, group: &GroupColumns, texts: SegmentTexts<'_>, parts: &mut GroupParts);

    /// Ends the segment: appends sections that are about all of it. Ids are from
    /// [`SectionId::OBSERVED_MIN`] on, each used once.
    fn sections(&mut self, texts: SegmentTexts<'_>, sections: &mut Vec<(SectionId, Vec<u8>)>);
}

/// What observers have to say of one group.
#[derive(Debug, Default)]
pub(crate) struct GroupParts {
    /// Parts of the scan region; each id at most once a group.
    pub(crate) scan: Vec<(ScanPartId, Vec<u8>)>,
    /// The structural fingerprint of each trace; empty when nobody tells.
    pub(crate) fingerprints: Vec<u64>,
}

//! Tells where the bytes of a store's segments go.

use std::collections::BTreeMap;

use crate::embedded::EmbeddedStore;
use crate::store::ReadError;

/// What the parts of one name take, in all segments together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPart {
    /// What kind of part it is (`columns`, `values`, `dictionaries`).
    pub kind: &'static str,
    /// Whose bytes they are: a column or an attribute's key.
    pub name: String,
    /// The bytes.
    pub len: u64,
}

impl EmbeddedStore {
    /// Returns what each part of the segments takes, the largest first. Together that is
    /// [`segment_bytes`](crate::StoreStats::segment_bytes), less the segments that are damaged.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub fn segment_parts(&self) -> Result<Vec<SegmentPart>, ReadError> {
        let shared = self.shared();
        let (cache, visible) = (&shared.workshop.cache, shared.visible());
        let mut lens: BTreeMap<(&'static str, String), u64> = BTreeMap::new();
        for entry in visible.segments() {
            let open = cache.with_dictionaries(cache.open([entry])?)?;
            for (segment, dictionaries) in open {
                segment.segment.for_each_part(&dictionaries.keys, &mut |kind, name, len| {
                    *lens.entry((kind, name)).or_default() += len;
                });
            }
        }
        let part = |((kind, name), len)| SegmentPart { kind, name, len };
        let mut parts: Vec<_> = lens.into_iter().map(part).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len));
        Ok(parts)
    }
}

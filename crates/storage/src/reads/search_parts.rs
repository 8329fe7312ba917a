//! What a segment has to make searching it cheap, loaded once and kept with its footer.

use std::sync::Arc;

use super::cache::{OpenSegment, SegmentCache, Trouble, WithDictionaries, disk};
use crate::encoding::{Damaged, Decoder};
use crate::segment::Dictionaries;
use crate::segment::search::{
    FAULTS_SECTION, Faults, NAMES_SECTION, NameSets, SUMMARY_SECTION, SearchSummary,
};
use crate::segment_store::{RangeRead, read_ranges_blocking};
use crate::store::ReadError;

/// How much memory parsed sections take for each of their bytes on disk, about.
const PARSED_LEN_FACTOR: u64 = 2;

/// The sections that searches read first.
#[derive(Debug)]
pub(crate) struct SearchParts {
    pub(crate) summary: SearchSummary,
    pub(crate) faults: Faults,
    pub(crate) names: NameSets,
}

/// A segment with all that a search needs of it before it reads groups.
#[derive(Clone, Debug)]
pub(crate) struct Searchable {
    pub(crate) open: Arc<OpenSegment>,
    pub(crate) dictionaries: Arc<Dictionaries>,
    pub(crate) parts: Arc<SearchParts>,
}

impl SegmentCache {
    /// Loads what searches need of segments, with one batch of reads for those that have it not.
    /// A damaged segment is set apart and left out.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read.
    pub(crate) fn searchable(
        &self,
        segments: Vec<Arc<OpenSegment>>,
    ) -> Result<Vec<Searchable>, ReadError> {
        let loaded = self.with_dictionaries(segments)?;
        let missing: Vec<_> =
            loaded.iter().filter(|(open, _)| open.search_parts().is_none()).collect();
        let reads: Vec<RangeRead> =
            missing.iter().flat_map(|(open, _)| sections_of(open)).collect();
        let mut read = read_ranges_blocking(&**self.store(), reads).into_iter();
        for (open, dictionaries) in missing {
            let count = sections_of(open).count();
            let sections: Result<Vec<_>, _> = read.by_ref().take(count).collect();
            let parsed = sections.map_err(Trouble::of_read).and_then(|sections| {
                let len: usize = sections.iter().map(bytes::Bytes::len).sum();
                Ok((parse(open, dictionaries, &sections)?, len as u64 * PARSED_LEN_FACTOR))
            });
            match parsed {
                Ok((parts, len)) => self.keep_search_parts(open, parts, len),
                Err(Trouble::Damaged(reason)) => self.quarantine(open.entry.id, &reason),
                Err(Trouble::Disk(error)) => return Err(disk(&error)),
            }
        }
        let with = |(open, dictionaries): WithDictionaries| {
            let parts = Arc::clone(open.search_parts()?);
            Some(Searchable { open, dictionaries, parts })
        };
        Ok(loaded.into_iter().filter_map(with).collect())
    }
}

fn sections_of(open: &OpenSegment) -> impl Iterator<Item = RangeRead> + '_ {
    let ids = [SUMMARY_SECTION, FAULTS_SECTION, NAMES_SECTION];
    ids.into_iter().filter_map(|id| Some(open.read(open.segment.section_range(id)?)))
}

fn parse(
    open: &OpenSegment,
    dictionaries: &Dictionaries,
    sections: &[bytes::Bytes],
) -> Result<SearchParts, Trouble> {
    let [summary, faults, names] = sections else {
        let path = &open.path;
        return Err(Trouble::Damaged(format!("{path}: a section that searches need is missing")));
    };
    let segment = &open.segment;
    let mut decoder = Decoder::default();
    let group_count = segment.group_count();
    let summary = segment.check_section(SUMMARY_SECTION, summary)?;
    let faults = segment.check_section(FAULTS_SECTION, faults)?;
    let names = segment.check_section(NAMES_SECTION, names)?;
    let row_counts = (0..group_count as usize).map(|group| segment.group(group as u32).row_count);
    let texts = (&*dictionaries.services, &*dictionaries.names);
    let damaged = |damaged: Damaged| Trouble::Damaged(format!("{}: {damaged}", open.path));
    Ok(SearchParts {
        summary: SearchSummary::parse(summary, group_count as usize, &mut decoder)
            .map_err(damaged)?,
        faults: Faults::parse(faults, row_counts, &mut decoder).map_err(damaged)?,
        names: NameSets::parse(names, texts, &mut decoder).map_err(damaged)?,
    })
}

//! Makes all of it while a segment is written.

use super::faults::Faults;
use super::names::NameSets;
use super::summary::{GroupFilter, SearchSummary};
use super::{FAULTS_SECTION, FILTER_PART, NAMES_SECTION, SUMMARY_SECTION};
use super::{find_faults::FaultFinder, find_names::NameFinder, find_values::ValueFinder};
use crate::encoding::Encoder;
use crate::encoding::filter::FilterBuilder;
use crate::segment::{GroupColumns, GroupObserver, GroupParts, SectionId, SegmentTexts};

/// Looks at a segment's groups, and adds what searching needs.
#[derive(Debug, Default)]
pub(crate) struct SearchObserver {
    summary: SearchSummary,
    faults: Faults,
    names: NameSets,
    values: ValueFinder,
    fault_finder: FaultFinder,
    name_finder: NameFinder,
    filters: FilterBuilder,
    encoder: Encoder,
}

impl SearchObserver {
    /// Makes one for a segment.
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

impl GroupObserver for SearchObserver {
    fn group(&mut self, group: &GroupColumns, texts: SegmentTexts<'_>, parts: &mut GroupParts) {
        self.values.group(group, &texts, &mut self.summary);
        self.name_finder.group(group, &texts, self.values.hashes(), &mut self.names);
        self.fault_finder.group(group, &texts, &mut self.faults);
        let filter = GroupFilter::encode(self.values.hashes(), &mut self.filters);
        parts.scan.push((FILTER_PART, filter));
    }

    fn sections(&mut self, texts: SegmentTexts<'_>, sections: &mut Vec<(SectionId, Vec<u8>)>) {
        let mut hashes = self.values.finish(&texts, &mut self.summary);
        self.name_finder.finish(&mut hashes, &mut self.names);
        self.filters.encode(&hashes, &mut self.summary.texts);
        let encoder = &mut self.encoder;
        let mut section = |id, encode: &mut dyn FnMut(&mut Encoder, &mut Vec<u8>)| {
            let mut out = Vec::new();
            encode(encoder, &mut out);
            sections.push((id, out));
        };
        section(SUMMARY_SECTION, &mut |encoder, out| self.summary.encode(encoder, out));
        section(FAULTS_SECTION, &mut |encoder, out| self.faults.encode(encoder, out));
        section(NAMES_SECTION, &mut |encoder, out| self.names.encode(encoder, out));
    }
}

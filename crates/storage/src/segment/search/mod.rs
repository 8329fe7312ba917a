//! What a segment has to make searching it cheap: summaries of its groups, filters over the texts
//! that occur, the list of spans that failed, and the names of operations.
//!
//! A [`SearchObserver`] makes them of the groups while the segment is written. All of them err to
//! one side only: what they leave out is not there.
//!
//! Three sections are about the whole segment ([`SearchSummary`], [`Faults`], [`NameSets`]); each
//! group has a filter of its own in the scan region. Each begins with its version.

mod fault_plan;
mod faults;
mod find_faults;
mod find_names;
mod find_values;
mod hashes;
mod names;
mod observer;
mod probes;
mod ranges;
mod service_plan;
mod summary;
mod version;

#[cfg(test)]
mod tests;

pub(crate) use fault_plan::FaultPlan;
pub(crate) use faults::Faults;
pub(crate) use names::NameSets;
pub(crate) use observer::SearchObserver;
pub(crate) use probes::Probes;
pub(crate) use service_plan::ServicePlan;
pub(crate) use summary::{GroupFilter, SearchSummary};

use super::{ScanPartId, SectionId};

/// The section of a [`SearchSummary`].
pub(crate) const SUMMARY_SECTION: SectionId = SectionId(SectionId::OBSERVED_MIN);

/// The section of [`Faults`].
pub(crate) const FAULTS_SECTION: SectionId = SectionId(SectionId::OBSERVED_MIN + 1);

/// The section of [`NameSets`].
pub(crate) const NAMES_SECTION: SectionId = SectionId(SectionId::OBSERVED_MIN + 2);

/// The scan part of a [`GroupFilter`].
pub(crate) const FILTER_PART: ScanPartId = ScanPartId(1);

//! A filter's services and how long their spans have to be: what rules out groups in which a
//! service has none that long.

use super::summary::SearchSummary;
use crate::columns::TextHeap;
use crate::predicate::{Predicate, SpanFilter};

/// What a filter asks of services, in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePlan {
    duration_min_ns: u64,
    /// Codes of the services that pass, sorted.
    services: Vec<u32>,
}

impl ServicePlan {
    /// Makes it; `None` for a filter that any service meets.
    pub(crate) fn new(filter: &SpanFilter, services: &TextHeap) -> Option<Self> {
        let tests = || {
            filter.predicates.iter().filter_map(|predicate| match predicate {
                Predicate::ServiceName(test) => Some(test),
                _ => None,
            })
        };
        tests().next()?;
        let mins = filter.predicates.iter().filter_map(|predicate| match predicate {
            Predicate::DurationNs { min, .. } => Some(*min),
            _ => None,
        });
        let passes = |code: &u32| {
            let text = String::from_utf8_lossy(services.get(*code));
            tests().all(|test| test.holds(&text))
        };
        Some(Self {
            duration_min_ns: mins.max().unwrap_or(0),
            services: (0..services.len() as u32).filter(passes).collect(),
        })
    }

    /// Whether a group may have a span of such a service that takes that long.
    pub(crate) fn group_may_match(&self, summary: &SearchSummary, group: usize) -> bool {
        summary.may_have_service(group, self.duration_min_ns, |service| {
            service.is_some_and(|service| self.services.binary_search(&service).is_ok())
        })
    }
}

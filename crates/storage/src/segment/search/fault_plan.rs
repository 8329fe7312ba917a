//! A filter as tests on the list of faults, where that list tells of every span that may meet it.

use spandrel_model::{SpanKind, Value};

use super::faults::{Fault, FaultMarks, Faults, STATUS_KEYS, STATUS_MIN};
use crate::predicate::{AttributeScope, Ordered, Predicate, SpanFilter, ValueTest};
use crate::search::{CodeTest, Tables};

/// A filter that only faults can meet.
#[derive(Clone, Debug)]
pub(crate) struct FaultPlan {
    tests: Vec<FaultTest>,
    is_exact: bool,
}

/// One predicate as a test on faults.
#[derive(Clone, Debug)]
enum FaultTest {
    Never,
    Service(CodeTest),
    Name(CodeTest),
    Duration(u64, u64),
    Kind(SpanKind),
    IsError(bool),
    /// The status under one of the keys passes.
    Status(usize, ValueTest),
}

impl FaultPlan {
    /// Makes the plan; `None` when spans may meet the filter that are no faults.
    pub(crate) fn new(filter: &SpanFilter, tables: &impl Tables) -> Option<Self> {
        let mut plan = Self { tests: Vec::new(), is_exact: true };
        let mut has_anchor = false;
        for predicate in &filter.predicates {
            match predicate {
                Predicate::ServiceName(test) => {
                    plan.tests.push(FaultTest::Service(CodeTest::of_names(tables.services(), test)))
                }
                Predicate::SpanName(test) => {
                    plan.tests.push(FaultTest::Name(CodeTest::of_names(tables.names(), test)));
                }
                Predicate::DurationNs { min, max } if min > max => {
                    plan.tests.push(FaultTest::Never)
                }
                Predicate::DurationNs { min, max } => {
                    plan.tests.push(FaultTest::Duration(*min, *max));
                }
                Predicate::Kind(kind) => plan.tests.push(FaultTest::Kind(*kind)),
                Predicate::IsError(is_error) => {
                    has_anchor |= is_error;
                    plan.tests.push(FaultTest::IsError(*is_error));
                }
                Predicate::Attribute { scope, key, test } => {
                    match status_test(*scope, key, test, tables) {
                        Some(place) => {
                            has_anchor = true;
                            plan.tests.push(FaultTest::Status(place, test.clone()));
                        }
                        None => plan.is_exact = false,
                    }
                }
                Predicate::RemoteServiceName(_) | Predicate::EventName(_) => plan.is_exact = false,
            }
        }
        has_anchor.then_some(plan)
    }

    /// The faults of a group that may meet the filter, and of each whether it does for certain.
    /// Only of a group whose faults are listed these are all.
    pub(crate) fn select<'f>(
        &'f self,
        faults: &'f Faults,
        group: usize,
    ) -> impl Iterator<Item = (Fault, bool)> + 'f {
        faults.of_group(group).filter_map(move |place| {
            let mut is_certain = self.is_exact;
            for test in &self.tests {
                is_certain &= test.holds(faults, place)?;
            }
            Some((Fault { group: group as u32, row: faults.row[place] }, is_certain))
        })
    }
}

impl FaultTest {
    /// `None` when the fault does not pass, else whether that is certain.
    #[inline]
    fn holds(&self, faults: &Faults, place: usize) -> Option<bool> {
        let marks = FaultMarks(faults.marks[place]);
        let holds = match self {
            Self::Never => false,
            Self::Service(test) => {
                faults.service[place].checked_sub(1).is_some_and(|service| test.holds(service))
            }
            Self::Name(test) => test.holds(faults.name[place]),
            Self::Duration(min, max) => {
                marks.has(FaultMarks::HAS_DURATION)
                    && (*min..=*max).contains(&faults.duration_ns[place])
            }
            Self::Kind(kind) => marks.kind() == Some(*kind),
            Self::IsError(is_error) => marks.has(FaultMarks::ERROR) == *is_error,
            Self::Status(key, test) => {
                if !marks.has(FaultMarks::STATUS << key) {
                    return None;
                }
                if marks.has(FaultMarks::ODD) {
                    return Some(false);
                }
                test.holds(&Value::Int(faults.status[place].into()))
            }
        };
        holds.then_some(true)
    }
}

/// Which of the keys an attribute's test is about, if only a fault can pass it.
fn status_test(
    scope: AttributeScope,
    key: &str,
    test: &ValueTest,
    tables: &impl Tables,
) -> Option<usize> {
    let place = STATUS_KEYS.iter().position(|status| *status == key)?;
    let is_fault = match test {
        ValueTest::Number(Ordered::GreaterOrEqual | Ordered::Greater, number) => {
            *number >= STATUS_MIN
        }
        ValueTest::PrintsAs(text) => text.parse::<f64>().is_ok_and(|number| number >= STATUS_MIN),
        // The list does not tell numbers from texts, which `Equals` keeps apart.
        ValueTest::Number(..) | ValueTest::Exists | ValueTest::Equals(_) => false,
    };
    let is_on_span = || match scope {
        AttributeScope::Span => true,
        AttributeScope::Resource => false,
        AttributeScope::Any => CodeTest::of_resources(tables, key, test) == CodeTest::Never,
    };
    (is_fault && is_on_span()).then_some(place)
}

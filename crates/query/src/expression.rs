//! The expression tree: which spans of a trace, combined how.
//!
//! It holds the whole of what Zipkin's search can say. TraceQL's structure and aggregates are
//! further variants of the same tree.

use spandrel_storage::{Predicate, SpanFilter};

/// An expression over the spans of one trace; its value is the set of spans that it selects.
///
/// A trace answers the expression when the set is not empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Spanset {
    /// `{ condition }`: the spans that meet it.
    Filter(Condition),
    /// `a && b`: the spans of both, when neither is empty. One span need not meet both.
    And(Box<Self>, Box<Self>),
    /// `a || b`: the spans of both.
    Or(Box<Self>, Box<Self>),
}

/// A condition on one span.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A typed test, which the store understands too.
    Test(Predicate),
    /// All hold; an empty list always does.
    All(Vec<Self>),
    /// At least one holds; an empty list never does.
    Any(Vec<Self>),
    /// The inner one does not hold.
    Not(Box<Self>),
}

impl Spanset {
    /// `{ }`: every span.
    #[must_use]
    pub fn every_span() -> Self {
        Self::Filter(Condition::All(Vec::new()))
    }

    /// `self && other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    /// `self || other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    /// What a store may prune by: filters that each trace with a non-empty answer has a span
    /// for. Necessary, not sufficient: the evaluator decides.
    #[must_use]
    pub fn necessary_filters(&self) -> Vec<SpanFilter> {
        match self {
            Self::Filter(condition) => {
                let mut predicates = Vec::new();
                condition.collect_conjuncts(&mut predicates);
                if predicates.is_empty() { Vec::new() } else { vec![SpanFilter { predicates }] }
            }
            Self::And(left, right) => {
                let mut filters = left.necessary_filters();
                filters.append(&mut right.necessary_filters());
                filters
            }
            Self::Or(..) => Vec::new(),
        }
    }
}

impl Condition {
    fn collect_conjuncts(&self, predicates: &mut Vec<Predicate>) {
        match self {
            Self::Test(predicate) => predicates.push(predicate.clone()),
            Self::All(conditions) => {
                for condition in conditions {
                    condition.collect_conjuncts(predicates);
                }
            }
            Self::Any(_) | Self::Not(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_storage::TextTest;

    fn named(name: &str) -> Condition {
        Condition::Test(Predicate::SpanName(TextTest::Equals(name.to_owned())))
    }

    #[test]
    fn only_what_must_hold_is_handed_to_the_store() {
        let both = Spanset::Filter(Condition::All(vec![named("a"), named("b")]));
        assert_eq!(both.necessary_filters()[0].predicates.len(), 2);

        let either = Spanset::Filter(Condition::Any(vec![named("a"), named("b")]));
        assert!(either.necessary_filters().is_empty());
        assert!(
            Spanset::Filter(Condition::Not(Box::new(named("a")))).necessary_filters().is_empty()
        );
        assert!(both.clone().or(both.clone()).necessary_filters().is_empty());
        assert_eq!(both.clone().and(both).necessary_filters().len(), 2);
    }
}

//! The plain evaluator: an expression, the spans of one trace, the spans it selects.

use std::borrow::Borrow;

use spandrel_model::Span;

use crate::expression::{Condition, Spanset};

impl Spanset {
    /// Returns the indices of the spans that the expression selects, ascending.
    #[must_use]
    pub fn evaluate<S: Borrow<Span<'static>>>(&self, spans: &[S]) -> Vec<usize> {
        match self {
            Self::Filter(condition) => {
                let holds = |index: &usize| {
                    spans.get(*index).is_some_and(|span| condition.holds(span.borrow()))
                };
                (0..spans.len()).filter(holds).collect()
            }
            Self::And(left, right) => {
                let left = left.evaluate(spans);
                if left.is_empty() {
                    return left;
                }
                let right = right.evaluate(spans);
                if right.is_empty() { right } else { union(left, right) }
            }
            Self::Or(left, right) => union(left.evaluate(spans), right.evaluate(spans)),
        }
    }

    /// Whether the trace of these spans answers the expression.
    #[must_use]
    pub fn is_answered_by<S: Borrow<Span<'static>>>(&self, spans: &[S]) -> bool {
        match self {
            Self::Filter(condition) => spans.iter().any(|span| condition.holds(span.borrow())),
            Self::And(left, right) => left.is_answered_by(spans) && right.is_answered_by(spans),
            Self::Or(left, right) => left.is_answered_by(spans) || right.is_answered_by(spans),
        }
    }
}

impl Condition {
    /// Whether the span meets the condition.
    #[must_use]
    pub fn holds(&self, span: &Span<'_>) -> bool {
        match self {
            Self::Test(predicate) => predicate.matches(span),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(span)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(span)),
            Self::Not(condition) => !condition.holds(span),
        }
    }
}

fn union(mut left: Vec<usize>, mut right: Vec<usize>) -> Vec<usize> {
    left.append(&mut right);
    left.sort_unstable();
    left.dedup();
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_model::{SpanId, TraceId};
    use spandrel_storage::{Predicate, TextTest};

    fn named(name: &str) -> Condition {
        Condition::Test(Predicate::SpanName(TextTest::Equals(name.to_owned())))
    }

    fn spans(names: &[&'static str]) -> Vec<Span<'static>> {
        let trace_id = TraceId::new(1).unwrap();
        let ids = (1..).filter_map(SpanId::new);
        let make = |(id, name): (SpanId, &&'static str)| {
            let mut span = Span::new(trace_id, id);
            span.name = (*name).into();
            span
        };
        ids.zip(names).map(make).collect()
    }

    #[test]
    fn each_side_of_and_may_be_met_by_another_span() {
        let spans = spans(&["a", "b", "c"]);
        let filter = |name: &str| Spanset::Filter(named(name));
        let none: [usize; 0] = [];
        assert_eq!(filter("c").and(filter("a")).evaluate(&spans), [0, 2]);
        assert_eq!(filter("c").and(filter("d")).evaluate(&spans), none);
        assert_eq!(filter("c").or(filter("d")).evaluate(&spans), [2]);
        assert_eq!(Spanset::every_span().evaluate(&spans), [0, 1, 2]);
        let same_span = Spanset::Filter(Condition::All(vec![named("a"), named("b")]));
        assert_eq!(same_span.evaluate(&spans), none);
    }

    #[test]
    fn a_trace_answers_exactly_when_its_set_is_not_empty() {
        let spans = spans(&["a", "b"]);
        let filter = |name: &str| Spanset::Filter(named(name));
        let not_a = Spanset::Filter(Condition::Not(Box::new(named("a"))));
        for expression in [
            filter("a").and(filter("b")),
            filter("a").and(filter("x")),
            filter("x").or(filter("b")),
            filter("x").or(filter("y")),
            not_a,
            Spanset::Filter(Condition::Any(Vec::new())),
        ] {
            let is_answered = !expression.evaluate(&spans).is_empty();
            assert_eq!(expression.is_answered_by(&spans), is_answered, "{expression:?}");
        }
    }
}

//! What holds for any spans whatever, tried on random ones.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq, proptest};
use spandrel_model::trace::{Trace, merge};
use spandrel_model::{
    Address, Attribute, Endpoint, Event, Resource, Span, SpanId, SpanKind, TraceId,
};

/// Few ids, hosts and times, so that spans meet in every way they can.
fn any_span() -> impl Strategy<Value = Span<'static>> {
    let ids = (1..7u64, option::of(1..7u64), select(vec![7u128, (1 << 64) + 7]));
    let kind = option::of(select(vec![
        SpanKind::Internal,
        SpanKind::Client,
        SpanKind::Server,
        SpanKind::Producer,
        SpanKind::Consumer,
    ]));
    let emitter = (select(vec!["", "a", "A", "b"]), option::of(1..3u8), option::of(1..3u16));
    let times = (option::of(any_time()), option::of(any_time()));
    let attribute = option::of(select(vec!["false", "true", "x"]));
    let more =
        (any::<bool>(), attribute, option::of(select(vec!["a", "c"])), vec(any_time(), 0..3));
    (ids, kind, emitter, times, more).prop_map(|(ids, kind, emitter, times, more)| {
        let mut span = Span::new(TraceId::new(ids.2).unwrap(), SpanId::new(ids.0).unwrap());
        span.parent_id = ids.1.and_then(SpanId::new);
        span.kind = kind;
        span.resource = Resource::of_service(emitter.0);
        span.local = Address {
            ipv4: emitter.1.map(|host| [127, 0, 0, host].into()),
            ipv6: None,
            port: emitter.2.and_then(|port| port.try_into().ok()),
        };
        (span.start_ns, span.duration_ns) = times;
        span.is_shared = more.0;
        span.attributes = more.1.map(|text| Attribute::new("error", text)).into_iter().collect();
        span.remote = more.2.map(|service| Endpoint {
            service_name: Some(Cow::Borrowed(service)),
            address: Address::default(),
        });
        span.events = more.3.into_iter().map(|time| Event::new(time, "event")).collect();
        span
    })
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![0..5_000u64, Just(u64::MAX), Just(0), Just(i64::MAX as u64)]
}

pub(crate) fn any_trace() -> impl Strategy<Value = Vec<Span<'static>>> {
    vec(any_span(), 1..24)
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(
        (spans, shuffled) in any_trace().prop_flat_map(|spans| {
            (Just(spans.clone()), Just(spans).prop_shuffle())
        })
    ) {
        let mut one = Trace::assemble(spans).unwrap();
        let mut other = Trace::assemble(shuffled).unwrap();
        prop_assert_eq!(one.spans(), other.spans());
        prop_assert_eq!(one.rows(), other.rows());
        prop_assert_eq!(one.summary(), other.summary());
        prop_assert_eq!(one.dependency_links(), other.dependency_links());
        prop_assert_eq!(one.correct_skew(), other.correct_skew());
        prop_assert_eq!(one.spans(), other.spans());
    }

    #[test]
    fn what_is_merged_stays_as_it_is(spans in any_trace()) {
        let merged = merge(spans);
        prop_assert_eq!(merge(merged.clone()), merged);
    }

    #[test]
    fn spans_received_twice_count_once(spans in any_trace()) {
        let twice = Trace::assemble([spans.clone(), spans.clone()].concat()).unwrap();
        let once = Trace::assemble(spans).unwrap();
        prop_assert_eq!(once.rows(), twice.rows());
        prop_assert_eq!(once.dependency_links(), twice.dependency_links());
    }

    #[test]
    fn every_id_is_in_one_row_and_every_span_in_one_node(spans in any_trace()) {
        let mut received: Vec<SpanId> = spans.iter().map(|span| span.span_id).collect();
        received.sort();
        received.dedup();
        let trace = Trace::assemble(spans).unwrap();
        let rows = trace.rows();

        let mut drawn: Vec<SpanId> = rows.iter().map(|row| row.span_id).collect();
        drawn.sort();
        prop_assert_eq!(drawn, received);

        let all: Vec<usize> = (0..trace.spans().len()).collect();
        let mut halves: Vec<usize> = rows.iter().flat_map(|row| row.spans.clone()).collect();
        halves.sort_unstable();
        prop_assert_eq!(&halves, &all);
        let mut nodes: Vec<usize> = trace.tree().depth_first().collect();
        nodes.sort_unstable();
        prop_assert_eq!(&nodes, &all);
        let mut nodes: Vec<usize> = trace.tree().breadth_first().collect();
        nodes.sort_unstable();
        prop_assert_eq!(&nodes, &all);
    }

    #[test]
    fn rows_come_after_their_parent_and_one_deeper(spans in any_trace()) {
        let trace = Trace::assemble(spans).unwrap();
        let rows = trace.rows();
        for (place, row) in rows.iter().enumerate() {
            let depth = match row.parent {
                None => 0,
                Some(parent) => {
                    prop_assert!(parent < place);
                    rows[parent].depth + 1
                }
            };
            prop_assert_eq!(row.depth, depth);
            prop_assert!(row.spans.is_sorted());
            prop_assert!(row.spans.iter().all(|&half| trace.spans()[half].span_id == row.span_id));
        }
        let tops = rows.iter().filter(|row| row.parent.is_none()).count();
        prop_assert!(trace.tree().is_headless() || tops == 1);
    }

    #[test]
    fn a_parent_is_missing_only_if_it_was_not_received_or_hangs_below(spans in any_trace()) {
        let trace = Trace::assemble(spans).unwrap();
        let tree = trace.tree();
        for (node, span) in trace.spans().iter().enumerate() {
            if !tree.is_parent_missing(node) {
                continue;
            }
            prop_assert!(span.parent_id.is_some());
            let received = trace.spans().iter().enumerate();
            let mut parents =
                received.filter(|(_, other)| Some(other.span_id) == span.parent_id).peekable();
            let hangs_below = |(parent, _)| {
                std::iter::successors(Some(parent), |&above| tree.parent(above))
                    .any(|above| above == node)
            };
            prop_assert!(parents.peek().is_none() || parents.any(hangs_below), "node {}", node);
        }
    }
}

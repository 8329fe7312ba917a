//! How a span starts: its ids, its parent, its sampling, its times.

use std::sync::Arc;
use std::time::Duration;

use spandrel::reporter::InMemoryReporter;
use spandrel::{
    ConstSampler, ManualClock, ReferenceKind, Sampling, SeededIds, SpanContext, SpanId, SpanKind,
    TraceId, Tracer, tags,
};

fn remote(sampling: Sampling) -> SpanContext {
    let (trace_id, span_id) = (TraceId::new(1), SpanId::new(2));
    SpanContext::remote(trace_id.unwrap(), span_id.unwrap(), sampling)
        .with_parent_id(SpanId::new(3))
}

fn tracer(reporter: &InMemoryReporter) -> spandrel::TracerBuilder {
    Tracer::builder("starting").describe_process(false).reporter(reporter.clone())
}

#[test]
fn a_server_shares_the_clients_span_only_when_asked() {
    for is_shared in [false, true] {
        let reporter = InMemoryReporter::new();
        let tracer = tracer(&reporter).shared_rpc_span(is_shared).build();
        let client = remote(Sampling::Keep);
        tracer.span("get").child_of(&client).kind(SpanKind::Server).start().finish();
        let [span] = reporter.take().try_into().unwrap();
        assert_eq!(span.is_shared(), is_shared);
        assert_eq!(span.span_id() == client.span_id(), is_shared);
        let parent = if is_shared { client.parent_id() } else { Some(client.span_id()) };
        assert_eq!(span.parent_id(), parent);
    }
}

#[test]
fn only_a_server_that_is_child_of_a_remote_span_shares_it() {
    let reporter = InMemoryReporter::new();
    let tracer = tracer(&reporter).shared_rpc_span(true).build();
    let local = tracer.start_span("local");
    let client = remote(Sampling::Keep);
    for span in [
        tracer.span("s").child_of(&client).kind(SpanKind::Client).start(),
        tracer.span("s").follows_from(&client).kind(SpanKind::Server).start(),
        tracer.span("s").child_of(&local).kind(SpanKind::Server).start(),
    ] {
        assert_ne!(span.span_id(), client.span_id());
        assert_ne!(span.span_id(), local.span_id());
    }
}

#[test]
fn upstream_decides_about_sampling_and_the_sampler_where_it_did_not() {
    for local in [false, true] {
        let reporter = InMemoryReporter::new();
        let tracer = tracer(&reporter).sampler(ConstSampler::new(local)).build();
        for (upstream, expected) in [
            (Sampling::Keep, Sampling::Keep),
            (Sampling::Drop, Sampling::Drop),
            (Sampling::Debug, Sampling::Debug),
            (Sampling::Undecided, if local { Sampling::Keep } else { Sampling::Drop }),
        ] {
            let span = tracer.span("s").child_of(&remote(upstream)).start();
            assert_eq!(span.context().sampling(), expected, "{upstream:?} {local}");
        }
    }
}

#[test]
fn the_samplers_reason_is_on_the_span_for_which_it_was_asked() {
    let reporter = InMemoryReporter::new();
    let tracer = tracer(&reporter).build();
    let root = tracer.start_span("root");
    tracer.span("child").child_of(&root).start().finish();
    root.finish();
    let [child, root] = reporter.take().try_into().unwrap();
    assert_eq!(root.tag(tags::SAMPLER_TYPE).unwrap().as_str(), Some("const"));
    assert_eq!(root.tag(tags::SAMPLER_PARAM).unwrap().as_bool(), Some(true));
    assert_eq!(child.tag(tags::SAMPLER_TYPE), None);
    assert_eq!([child.is_first_in_process(), root.is_first_in_process()], [false, true]);
}

#[test]
fn spans_of_a_trace_that_is_dropped_are_not_reported_and_carry_baggage() {
    let reporter = InMemoryReporter::new();
    let tracer = tracer(&reporter).sampler(ConstSampler::new(false)).build();
    let root = tracer.span("root").tag("k", "v").start();
    root.set_tag("k", 1).log("x").set_baggage_item("user", "42");
    assert!(!root.is_recording());
    let child = tracer.span("child").child_of(&root).start();
    assert_eq!(child.baggage_item("user").as_deref(), Some("42"));
    drop((child, root));
    assert!(reporter.is_empty());
}

#[test]
fn the_first_child_of_is_the_parent_and_all_references_stay() {
    let reporter = InMemoryReporter::new();
    let tracer = tracer(&reporter).build();
    let spans: Vec<_> = (0..4).map(|_| tracer.span("s").ignore_active_span().start()).collect();
    let joined = tracer
        .span("join")
        .follows_from(&spans[0])
        .child_of(&spans[1])
        .child_of(&spans[2])
        .follows_from(&spans[3])
        .child_of(&None::<SpanContext>);
    joined.start().finish();
    let [span] = reporter.take().try_into().unwrap();
    assert_eq!(span.parent_id(), Some(spans[1].span_id()));
    assert_eq!(span.trace_id(), spans[1].trace_id());
    let kinds: Vec<_> = span
        .references()
        .iter()
        .map(|reference| {
            let at = spans.iter().position(|s| s.span_id() == reference.context.span_id());
            (reference.kind, at.unwrap())
        })
        .collect();
    let (child_of, follows_from) = (ReferenceKind::ChildOf, ReferenceKind::FollowsFrom);
    assert_eq!(kinds, [(child_of, 1), (follows_from, 0), (child_of, 2), (follows_from, 3)]);
}

#[test]
fn a_seed_and_a_clock_make_the_same_spans_again() {
    let run = || {
        let (reporter, clock) = (InMemoryReporter::new(), Arc::new(ManualClock::at(1_000)));
        let builder = tracer(&reporter).ids(SeededIds::new(7)).clock(Arc::clone(&clock));
        let tracer = builder.build();
        let root = tracer.start_span("root");
        clock.advance(Duration::from_nanos(5));
        root.log("midway");
        clock.advance(Duration::from_nanos(6));
        root.finish();
        reporter.take().pop().unwrap()
    };
    let (first, second) = (run(), run());
    assert_eq!(first.context(), second.context());
    assert_eq!((first.start_ns(), first.duration_ns()), (1_000, 11));
    assert_eq!(first.logs()[0].time_ns, 1_005);
}

#[test]
fn trace_ids_are_as_wide_as_asked() {
    let reporter = InMemoryReporter::new();
    let wide = tracer(&reporter).ids(SeededIds::new(1)).build().start_span("s").trace_id();
    let narrow = tracer(&reporter).trace_id_128_bit(false).build().start_span("s").trace_id();
    assert_ne!(wide.high(), 0);
    assert_eq!(narrow.high(), 0);
}

#[test]
fn a_span_that_refers_to_a_noop_one_starts_a_trace() {
    let reporter = InMemoryReporter::new();
    let tracer = tracer(&reporter).build();
    let noop = Tracer::noop().start_span("nothing");
    let span = tracer.span("s").child_of(&noop).start();
    assert_eq!(span.context().parent_id(), None);
    assert_ne!(span.trace_id(), noop.trace_id());
    assert!(noop.context().is_noop());
}

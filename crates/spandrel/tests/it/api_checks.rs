//! The checks of OpenTracing's harness, over a mock tracer, a real one and a noop one.
//!
//! Its checks of foreign contexts, wrong carriers and unknown formats have no counterpart: those
//! programs do not compile here.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use spandrel::mock::MockTracer;
use spandrel::reporter::InMemoryReporter;
use spandrel::{Log, Tracer, fields, tags};

/// All tracers that must pass: whether they make traces is the second half.
fn tracers() -> [(Tracer, bool); 3] {
    let real = Tracer::builder("check").reporter(InMemoryReporter::new()).build();
    [(MockTracer::new().tracer(), true), (real, true), (Tracer::noop(), false)]
}

#[test]
fn a_span_starts_and_finishes() {
    for (tracer, _) in tracers() {
        tracer.start_span("Fry").finish();
        drop(tracer.start_span("Leela"));
    }
}

#[test]
fn a_span_with_a_parent_is_in_its_trace() {
    for (tracer, makes_traces) in tracers() {
        let parent = tracer.start_span("Turanga Munda");
        for child in [
            tracer.span("Leela").child_of(&parent).start(),
            tracer.span("Leela").follows_from(&parent).start(),
            tracer.span("Leela").child_of(&parent.context()).start(),
        ] {
            assert_eq!(child.trace_id(), parent.trace_id());
            assert_eq!(child.context().parent_id(), makes_traces.then(|| parent.span_id()));
        }
    }
}

#[test]
fn the_operation_name_can_change() {
    for (tracer, _) in tracers() {
        tracer.start_span("").set_operation_name("Farnsworth").set_operation_name(String::new());
    }
    let tracer = MockTracer::new();
    let span = tracer.start_span("before");
    span.set_operation_name("after");
    span.finish();
    assert_eq!(tracer.finished_spans()[0].operation_name(), "after");
}

#[test]
fn a_tag_keeps_its_type_and_calls_chain() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("Farnsworth");
    span.set_tag("birthday", "9 April 2841").set_tag("loves", "different lengths of wires");
    span.set_tag("unicode_val", "non-ascii: \u{200}").set_tag("unicode_key_\u{200}", "value");
    span.set_tag("bool", true).set_tag("int", -7).set_tag("double", 0.5).set_tag("int", 8_u16);
    span.finish();
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert_eq!(span.tag("unicode_key_\u{200}").unwrap().as_str(), Some("value"));
    assert_eq!(span.tag("bool").unwrap().as_bool(), Some(true));
    assert_eq!(span.tag("int").unwrap().as_int(), Some(8));
    assert_eq!(span.tag("double").unwrap().as_double(), Some(0.5));
    assert_eq!(span.tags().len(), 7);
}

#[test]
fn logs_have_fields_and_times() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("Fry");
    let frozen = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
    span.log("thawed").log([("frozen.year", 1999), ("frozen.place", 64)]);
    span.log(Log::event("frozen").field("place", "Cryogenics Labs").at(frozen));
    span.finish();
    let [span] = tracer.finished_spans().try_into().unwrap();
    let [thawed, pairs, frozen] = span.logs() else { panic!("{:?}", span.logs()) };
    assert_eq!(thawed.event(), Some("thawed"));
    assert_eq!(pairs.field("frozen.place").unwrap().as_int(), Some(64));
    assert_eq!((frozen.time_ns, frozen.fields.len()), (946_684_800_000_000_000, 2));
    assert!(thawed.time_ns >= span.start_ns());
    assert!(thawed.time_ns <= span.start_ns() + span.duration_ns());
}

#[test]
fn baggage_is_on_the_span_its_context_and_its_children() {
    for (tracer, makes_traces) in tracers() {
        let span = tracer.start_span("Fry");
        let before = span.context();
        span.set_baggage_item("Kiff-loves", "Amy").set_baggage_item("Fry-is", "a Lobster");
        span.set_baggage_item("Fry-is", "not a Lobster");
        let child = tracer.span("child").child_of(&span).start();
        let expected = makes_traces.then_some("not a Lobster");
        assert_eq!(span.baggage_item("Fry-is").as_deref(), expected);
        assert_eq!(child.baggage_item("Fry-is").as_deref(), expected);
        assert_eq!(before.baggage_item("Fry-is"), None);
        assert_eq!(span.context().baggage().len(), if makes_traces { 2 } else { 0 });
    }
}

#[test]
fn iterating_baggage_can_stop_early() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("s");
    span.set_baggage_item("Bag1", "BaggageVal1").set_baggage_item("Bag2", "BaggageVal2");
    let context = span.context();
    let first: Vec<_> = context.baggage().iter().take(1).collect();
    assert_eq!(first, [("Bag1", "BaggageVal1")]);
}

#[test]
fn a_context_survives_every_carrier() {
    for (tracer, makes_traces) in tracers() {
        let span = tracer.start_span("Bender");
        span.set_baggage_item("fry", "leela");
        let mut text = HashMap::new();
        tracer.inject(&span, &mut text);
        let mut headers = http::HeaderMap::new();
        tracer.inject(&span.context(), &mut headers);
        let blob = tracer.inject_binary(&span);
        assert_eq!([text.is_empty(), headers.is_empty(), blob.is_empty()], [!makes_traces; 3]);
        let all = [tracer.extract(&text), tracer.extract(&headers), tracer.extract_binary(&blob)];
        for extracted in all {
            let Some(context) = extracted.span_context() else {
                assert!(!makes_traces);
                continue;
            };
            assert_eq!(context.trace_id(), span.trace_id());
            assert_eq!(context.span_id(), span.span_id());
            assert_eq!(context.baggage_item("fry"), Some("leela"));
            assert!(context.is_remote() && context.is_sampled());
        }
    }
}

#[test]
fn nothing_to_extract_is_a_new_trace_and_not_an_error() {
    for (tracer, makes_traces) in tracers() {
        let extracted = tracer.extract(&HashMap::<String, String>::new());
        assert!(extracted.is_empty() && extracted.error.is_none());
        assert!(tracer.extract_binary(&[]).is_empty());
        assert_eq!(tracer.extract_binary(b"\0\xff").error.is_some(), makes_traces);
        let span = tracer.span("root").child_of(&extracted).start();
        assert_eq!(span.context().parent_id(), None);
    }
}

#[test]
fn a_finished_span_only_has_its_context() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("Zoidberg");
    let handle = span.handle();
    span.finish();
    handle.set_tag("late", true).log("late").set_operation_name("late");
    assert_eq!(tracer.finished_spans()[0].tags().len(), 0);
    assert!(handle.is_finished());
    assert_eq!(handle.context().trace_id(), tracer.finished_spans()[0].trace_id());
    assert_eq!(tracer.counters().uses_after_finish, 3);
}

#[test]
fn a_finish_time_can_be_given() {
    let tracer = MockTracer::new();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
    let span = tracer.span("s").start_time(start).start();
    span.finish_at(start + Duration::from_millis(3));
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert_eq!((span.start_ns(), span.duration_ns()), (10_000_000_000, 3_000_000));
}

#[test]
fn an_end_before_the_start_is_a_duration_of_zero() {
    let tracer = MockTracer::new();
    tracer.start_span("s").finish_at(SystemTime::UNIX_EPOCH);
    assert_eq!(tracer.finished_spans()[0].duration_ns(), 0);
}

#[test]
fn an_error_is_logged_with_its_kind_message_and_sources() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no port")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let tracer = MockTracer::new();
    let error = Outer("x".parse::<u16>().unwrap_err());
    let span = tracer.start_span("s");
    span.set_error(&error);
    let boxed: Box<dyn std::error::Error> = Box::new(error);
    span.set_error(&*boxed);
    span.finish();
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert!(span.is_error());
    let [typed, erased] = span.logs() else { panic!("{:?}", span.logs()) };
    for (log, kind) in [(typed, "Outer"), (erased, "Outer")] {
        assert_eq!(log.event(), Some("error"));
        assert!(log.field(fields::ERROR_KIND).unwrap().as_str().unwrap().ends_with(kind));
        assert_eq!(log.field(fields::MESSAGE).unwrap().as_str(), Some("no port"));
        let stack = log.field(fields::STACK).unwrap().as_str();
        assert_eq!(stack, Some("caused by: invalid digit found in string"));
    }
}

#[test]
fn a_span_dropped_by_a_panic_has_failed() {
    let tracer = MockTracer::new();
    let worker = tracer.tracer();
    let panicked = std::thread::spawn(move || {
        let _span = worker.start_span("s");
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert!(span.is_error());
    assert_eq!(span.logs()[0].field(fields::ERROR_KIND).unwrap().as_str(), Some("panic"));
}

#[test]
fn what_is_over_a_limit_is_left_out_and_counted() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("s");
    for index in 0..1_000 {
        span.set_tag(format!("key{index}"), "x".repeat(20_000)).log("again");
        span.set_baggage_item(&format!("key{index}"), "v");
    }
    span.finish();
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert_eq!(span.tags().len(), spandrel::TAGS_LEN_MAX);
    assert_eq!(span.tags_dropped() as usize, 1_000 - spandrel::TAGS_LEN_MAX);
    assert_eq!(span.tag("key0").unwrap().as_str().unwrap().len(), spandrel::VALUE_BYTES_MAX);
    assert_eq!(span.logs().len(), spandrel::LOGS_LEN_MAX);
    assert_eq!(span.logs_dropped() as usize, 1_000 - spandrel::LOGS_LEN_MAX);
    assert_eq!(span.context().baggage().len(), spandrel::BAGGAGE_LEN_MAX);
    assert_eq!(tracer.counters().baggage_dropped as usize, 1_000 - spandrel::BAGGAGE_LEN_MAX);
}

#[test]
fn the_mock_tracer_counts_ids_from_43_and_forgets_on_reset() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("first");
    assert_eq!((span.trace_id().get(), span.span_id().get()), (43, 43));
    assert_eq!(tracer.unfinished_spans().len(), 1);
    let mut headers = HashMap::new();
    tracer.inject(&span, &mut headers);
    assert_eq!(headers["mockpfx-ids-traceid"], "43");
    assert_eq!(headers["mockpfx-ids-sampled"], "true");
    span.finish();
    assert_eq!((tracer.finished_spans().len(), tracer.unfinished_spans().len()), (1, 0));
    tracer.reset();
    assert_eq!(tracer.finished_spans().len(), 0);
}

#[test]
fn the_tag_sampling_priority_decides_and_is_not_kept() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("s");
    span.set_tag(tags::SAMPLING_PRIORITY, 0);
    assert!(!span.context().is_sampled());
    span.set_tag(tags::SAMPLING_PRIORITY, 1);
    assert!(span.context().is_sampled());
    assert!(!tracer.span("s").tag(tags::SAMPLING_PRIORITY, 0_u16).start().context().is_sampled());
    span.finish();
    assert_eq!(tracer.finished_spans().last().unwrap().tag(tags::SAMPLING_PRIORITY), None);
}

//! Active spans: OpenTracing's scope checks, over threads.

use std::thread;

use spandrel::mock::MockTracer;
use spandrel::{Context, active_span, global};

fn active_id() -> Option<spandrel::SpanId> {
    active_span().map(|span| span.span_id())
}

#[test]
fn nothing_is_active_at_first_on_any_thread() {
    assert_eq!(active_id(), None);
    assert_eq!(thread::spawn(active_id).join().unwrap(), None);
}

#[test]
fn a_scope_is_of_its_thread_alone_and_does_not_finish_the_span() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("s");
    {
        let _scope = span.activate();
        assert_eq!(active_id(), Some(span.span_id()));
        assert_eq!(thread::spawn(active_id).join().unwrap(), None);
    }
    assert_eq!(active_id(), None);
    assert_eq!(tracer.unfinished_spans().len(), 1);
}

#[test]
fn an_entered_span_finishes_when_it_is_left() {
    let tracer = MockTracer::new();
    {
        let outer = tracer.span("outer").enter();
        let inner = tracer.span("inner").enter();
        inner.set_tag("k", 1);
        assert_eq!(active_id(), Some(inner.span_id()));
        drop(inner);
        assert_eq!(active_id(), Some(outer.span_id()));
        let kept = outer.exit();
        assert_eq!(active_id(), None);
        assert!(!kept.is_finished());
    }
    let [inner, outer] = tracer.finished_spans().try_into().unwrap();
    assert_eq!(inner.parent_id(), Some(outer.span_id()));
}

#[test]
fn scopes_closed_in_the_wrong_order_take_away_only_themselves() {
    let tracer = MockTracer::new();
    let (parent, child) = (tracer.start_span("parent"), tracer.start_span("child"));
    let parent_scope = parent.activate();
    let child_scope = child.activate();
    drop(parent_scope);
    assert_eq!(active_id(), Some(child.span_id()));
    drop(child_scope);
    assert_eq!(active_id(), None);
}

#[test]
fn the_active_span_is_the_parent_unless_another_is_named_or_it_is_ignored() {
    let tracer = MockTracer::new();
    let (active, other) = (tracer.start_span("active"), tracer.start_span("other"));
    let _scope = active.activate();
    let parent_of = |span: spandrel::Span| span.context().parent_id();
    assert_eq!(parent_of(tracer.start_span("s")), Some(active.span_id()));
    assert_eq!(parent_of(tracer.span("s").child_of(&other).start()), Some(other.span_id()));
    assert_eq!(parent_of(tracer.span("s").ignore_active_span().start()), None);
    assert_eq!(parent_of(tracer.span("s").child_of(&Context::new()).start()), None);
    assert_eq!(parent_of(Context::current().start_span("s")), Some(active.span_id()));
    assert_eq!(parent_of(Context::new().start_span("s")), None);
}

#[test]
fn a_context_is_carried_explicitly() {
    let tracer = MockTracer::new();
    let (root, context) = tracer.start_span_from_context(&Context::new(), "root");
    let (child, context) = tracer.start_span_from_context(&context, "child");
    assert_eq!(child.context().parent_id(), Some(root.span_id()));
    assert_eq!(context.span().unwrap().span_id(), child.span_id());
    assert_eq!(active_id(), None);
    let other = context.with_span(&root);
    assert_eq!(other.span().unwrap().span_id(), root.span_id());
}

#[test]
fn the_programs_tracer_is_noop_until_it_is_set() {
    assert!(global::tracer().is_noop());
    let tracer = MockTracer::new();
    let before = global::set_tracer(tracer.tracer());
    global::tracer().start_span("s").finish();
    global::set_tracer(before);
    assert_eq!(tracer.finished_spans().len(), 1);
}

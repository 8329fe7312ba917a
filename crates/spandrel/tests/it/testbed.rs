//! OpenTracing's testbed over threads: how programs hand spans around.

use std::collections::HashMap;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier};
use std::thread;

use spandrel::mock::MockTracer;
use spandrel::{
    Context, FinishedSpan, ReferenceKind, Span, SpanKind, SpanRef, Tracer, active_span, fields,
    tags,
};

pub(crate) fn names(spans: &[FinishedSpan]) -> Vec<&str> {
    spans.iter().map(FinishedSpan::operation_name).collect()
}

pub(crate) fn named<'s>(spans: &'s [FinishedSpan], name: &str) -> &'s FinishedSpan {
    spans.iter().find(|span| span.operation_name() == name).unwrap()
}

pub(crate) fn assert_one_trace(spans: &[FinishedSpan]) {
    assert!(spans.iter().all(|span| span.trace_id() == spans[0].trace_id()));
}

pub(crate) fn reference_of(span: &FinishedSpan) -> ReferenceKind {
    span.references()[0].kind
}

#[test]
fn activate_deactivate_a_span_shared_by_tasks_finishes_once_after_the_last() {
    let tracer = MockTracer::new();
    let span = Arc::new(tracer.start_span("callback"));
    let tasks = ["t1", "t2"].map(|key| {
        let span = Arc::clone(&span);
        thread::spawn(move || {
            let _scope = span.activate();
            active_span().unwrap().set_tag(key, "1");
        })
    });
    drop(span);
    for task in tasks {
        task.join().unwrap();
    }
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert!(span.tag("t1").is_some() && span.tag("t2").is_some());
}

#[test]
fn active_span_replacement_a_task_starts_a_trace_of_its_own() {
    let tracer = MockTracer::new();
    let initial = tracer.start_span("initial");
    let context = Context::from(&initial);
    let worker = tracer.tracer();
    let task = context.wrap(move || {
        assert!(active_span().is_some());
        let task = worker.span("task").ignore_active_span().enter();
        worker.start_span("subtask").finish();
        drop(task);
    });
    thread::spawn(task).join().unwrap();
    initial.finish();
    let spans = tracer.finished_spans();
    assert_eq!(names(&spans), ["subtask", "task", "initial"]);
    let (subtask, task) = (&spans[0], &spans[1]);
    assert_eq!(subtask.parent_id(), Some(task.span_id()));
    assert_ne!(task.trace_id(), spans[2].trace_id());
    assert_eq!(task.parent_id(), None);
    assert!(active_span().is_none());
}

/// Sends two messages to an actor of another thread; its spans refer to the sender's.
fn actor(tracer: &MockTracer, is_ask: bool) {
    let (inbox, messages) = channel();
    let worker = tracer.tracer();
    let actor = thread::spawn(move || {
        for (index, context) in messages.iter().enumerate() {
            let context: spandrel::SpanContext = context;
            let span = worker.span("received").kind(SpanKind::Consumer);
            let span = if is_ask { span.child_of(&context) } else { span.follows_from(&context) };
            span.tag("reply", index as u64).start().finish();
        }
    });
    let parent = tracer.span("actor.send").kind(SpanKind::Producer).start();
    for _ in 0..2 {
        inbox.send(parent.context()).unwrap();
    }
    drop(inbox);
    actor.join().unwrap();
}

#[test]
fn actor_propagation_tell_follows_from_and_ask_is_child_of() {
    for (is_ask, expected) in [(false, ReferenceKind::FollowsFrom), (true, ReferenceKind::ChildOf)]
    {
        let tracer = MockTracer::new();
        actor(&tracer, is_ask);
        let spans = tracer.finished_spans();
        assert_eq!(names(&spans), ["received", "received", "actor.send"]);
        assert_one_trace(&spans);
        for received in &spans[..2] {
            assert_eq!(received.kind(), Some(SpanKind::Consumer));
            assert_eq!(reference_of(received), expected);
            assert_eq!(received.parent_id(), Some(spans[2].span_id()));
        }
    }
}

#[test]
fn client_server_a_trace_crosses_a_queue_as_text() {
    let tracer = MockTracer::new();
    let (queue, inbox) = sync_channel::<HashMap<String, String>>(1);
    let server = tracer.tracer();
    let server = thread::spawn(move || {
        for message in inbox {
            let inbound = server.extract(&message);
            server.span("receive").child_of(&inbound).kind(SpanKind::Server).start().finish();
        }
    });
    let client = tracer.span("send").kind(SpanKind::Client).start();
    let mut message = HashMap::new();
    tracer.inject(&client, &mut message);
    queue.send(message).unwrap();
    drop((queue, client));
    server.join().unwrap();
    let spans = tracer.finished_spans();
    assert_one_trace(&spans);
    let (client, server) = (named(&spans, "send"), named(&spans, "receive"));
    assert_eq!(server.parent_id(), Some(client.span_id()));
    assert_eq!((client.kind(), server.kind()), (Some(SpanKind::Client), Some(SpanKind::Server)));
}

/// A request handler that is shared by all requests, and so must hold none of their spans.
struct Handler {
    tracer: Tracer,
    parent: Option<Context>,
}

impl Handler {
    fn before(&self) -> Span {
        let span = self.tracer.span("send").kind(SpanKind::Client);
        match &self.parent {
            Some(parent) => span.child_of(parent).start(),
            None => span.ignore_active_span().start(),
        }
    }
}

#[test]
fn concurrent_common_request_handler_requests_are_unrelated_roots() {
    let tracer = MockTracer::new();
    let handler = Arc::new(Handler { tracer: tracer.tracer(), parent: None });
    let both = Arc::new(Barrier::new(2));
    let requests = [(); 2].map(|()| {
        let (handler, both) = (Arc::clone(&handler), Arc::clone(&both));
        thread::spawn(move || {
            let span = handler.before();
            both.wait();
            span.finish();
        })
    });
    for request in requests {
        request.join().unwrap();
    }
    let spans = tracer.finished_spans();
    assert_eq!(spans.len(), 2);
    assert_ne!(spans[0].trace_id(), spans[1].trace_id());
    assert!(spans.iter().all(|span| span.parent_id().is_none()));
}

#[test]
fn a_handler_that_picks_its_parent_when_built_joins_all_requests_to_it() {
    let tracer = MockTracer::new();
    let parent = tracer.start_span("parent");
    let handler = Handler { tracer: tracer.tracer(), parent: Some(Context::from(&parent)) };
    parent.finish();
    handler.before().finish();
    handler.before().finish();
    let spans = tracer.finished_spans();
    assert_one_trace(&spans);
    assert!(spans[1..].iter().all(|span| span.parent_id() == Some(spans[0].span_id())));
}

#[test]
fn stateless_common_request_handler_keeps_its_span_in_the_threads_scope() {
    let tracer = MockTracer::new();
    for _ in 0..3 {
        let worker = tracer.tracer();
        let request = thread::spawn(move || {
            let _request = worker.span("send").enter();
            active_span().unwrap().set_tag(tags::SPAN_KIND, "client");
        });
        request.join().unwrap();
    }
    let spans = tracer.finished_spans();
    assert_eq!(names(&spans), ["send"; 3]);
    assert!(spans.iter().all(|span| span.kind() == Some(SpanKind::Client)));
}

#[test]
fn error_reporting_an_error_is_recorded_where_the_span_is_active() {
    let tracer = MockTracer::new();
    {
        let span = tracer.span("one").enter();
        span.set_error(&std::fmt::Error);
    }
    let span = tracer.start_span("callback");
    let failing = Context::from(&span).wrap(|| {
        active_span().unwrap().set_error(&std::fmt::Error);
    });
    thread::spawn(failing).join().unwrap();
    span.finish();
    assert!(tracer.finished_spans().iter().all(FinishedSpan::is_error));
}

#[test]
fn error_reporting_each_failed_attempt_is_a_log_and_recovery_leaves_no_error_tag() {
    let tracer = MockTracer::new();
    let span = tracer.start_span("retry");
    for _ in 0..3 {
        span.log([(fields::EVENT, "error"), (fields::ERROR_OBJECT, "connection reset")]);
    }
    span.finish();
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert!(!span.is_error());
    assert_eq!(span.logs().iter().filter(|log| log.event() == Some("error")).count(), 3);
}

#[test]
fn late_span_finish_the_parent_outlives_tasks_that_it_does_not_know() {
    let tracer = MockTracer::new();
    let parent = tracer.start_span("parent");
    for name in ["task1", "task2"] {
        let worker = tracer.tracer();
        let task = Context::from(&parent).wrap(move || worker.start_span(name).finish());
        thread::spawn(task).join().unwrap();
    }
    parent.finish();
    let spans = tracer.finished_spans();
    assert_eq!(names(&spans), ["task1", "task2", "parent"]);
    assert_one_trace(&spans);
}

#[test]
fn listener_per_request_the_listener_finishes_its_span() {
    let tracer = MockTracer::new();
    let span = tracer.span("send").kind(SpanKind::Client).start();
    let listener = move |response: &'static str| {
        span.set_tag("response", response);
        span.finish();
    };
    thread::spawn(move || listener("hello")).join().unwrap();
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert_eq!(span.kind(), Some(SpanKind::Client));
}

#[test]
fn multiple_callbacks_children_finish_before_the_parent_that_all_share() {
    let tracer = MockTracer::new();
    let parent = Arc::new(tracer.start_span("parent"));
    let callbacks = [(); 3].map(|()| {
        let (parent, worker) = (Arc::clone(&parent), tracer.tracer());
        thread::spawn(move || worker.span("task").child_of(&*parent).start().finish())
    });
    for callback in callbacks {
        callback.join().unwrap();
    }
    drop(parent);
    let spans = tracer.finished_spans();
    let parent = named(&spans, "parent");
    let end = |span: &FinishedSpan| span.start_ns() + span.duration_ns();
    for task in spans.iter().filter(|span| span.operation_name() == "task") {
        assert_eq!(task.parent_id(), Some(parent.span_id()));
        assert!(end(parent) >= end(task));
    }
    assert_eq!(spans.len(), 4);
}

#[test]
fn nested_callbacks_one_span_goes_through_all_of_them() {
    fn nest(span: Span, depth: u32) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            span.set_tag(format!("key{depth}"), depth);
            match depth {
                3 => span.finish(),
                _ => nest(span, depth + 1).join().unwrap(),
            }
        })
    }
    let tracer = MockTracer::new();
    nest(tracer.start_span("one"), 1).join().unwrap();
    let [span] = tracer.finished_spans().try_into().unwrap();
    assert_eq!(span.tags().len(), 3);
}

#[test]
fn promise_propagation_every_callback_follows_from_the_promise() {
    let tracer = MockTracer::new();
    let (promise, outcome) = channel::<Result<u32, ()>>();
    let parent = tracer.start_span("promises");
    let context = parent.context();
    let worker = tracer.tracer();
    let callbacks = thread::spawn(move || {
        for (name, outcome) in ["success1", "success2", "error"].into_iter().zip(outcome) {
            let span = worker.span(name).follows_from(&context).start();
            if outcome.is_err() {
                span.set_tag(tags::ERROR, true);
            }
        }
    });
    for outcome in [Ok(1), Ok(2), Err(())] {
        promise.send(outcome).unwrap();
    }
    callbacks.join().unwrap();
    parent.finish();
    let spans = tracer.finished_spans();
    assert_eq!(names(&spans), ["success1", "success2", "error", "promises"]);
    assert!(named(&spans, "error").is_error());
    for callback in &spans[..3] {
        assert_eq!(callback.parent_id(), Some(spans[3].span_id()));
        assert_eq!(reference_of(callback), ReferenceKind::FollowsFrom);
    }
}

#[test]
fn suspend_resume_propagation_interleaved_jobs_never_mix() {
    let tracer = MockTracer::new();
    let jobs: Vec<Span> = (0..2).map(|_| tracer.span("job").ignore_active_span().start()).collect();
    for step in ["part1", "part2"] {
        for job in &jobs {
            let _scope = job.activate();
            assert_eq!(active_span().map(|span| span.span_id()), Some(job.span_id()));
            active_span().unwrap().log(step);
        }
    }
    let handles: Vec<SpanRef> = jobs.iter().map(Span::handle).collect();
    drop(jobs);
    assert!(handles.iter().all(SpanRef::is_finished));
    let spans = tracer.finished_spans();
    assert!(spans.iter().all(|span| span.parent_id().is_none() && span.logs().len() == 2));
}

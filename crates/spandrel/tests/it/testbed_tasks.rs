//! OpenTracing's testbed over tokio, on one thread and on several.

use std::collections::HashMap;
use std::sync::Arc;

use spandrel::mock::MockTracer;
use spandrel::{Context, InSpan, ReferenceKind, SpanKind, active_span, tags};
use tokio::runtime::Builder;
use tokio::sync::{Barrier, mpsc, oneshot};
use tokio::task::yield_now;

use crate::testbed::{assert_one_trace, named, names, reference_of};

/// Runs a scenario on both kinds of runtime, each with a tracer of its own.
fn on_both_runtimes(scenario: impl AsyncFn(MockTracer)) {
    let one = Builder::new_current_thread().build().unwrap();
    one.block_on(scenario(MockTracer::new()));
    let several = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    several.block_on(scenario(MockTracer::new()));
    assert!(active_span().is_none());
}

#[test]
fn activate_deactivate_a_span_shared_by_tasks_finishes_once_after_the_last() {
    on_both_runtimes(async |tracer| {
        let span = Arc::new(tracer.start_span("callback"));
        let tasks = ["t1", "t2"].map(|key| {
            let held = Arc::clone(&span);
            let context = Context::from(&*span);
            let task = async move {
                yield_now().await;
                active_span().unwrap().set_tag(key, "1");
                drop(held);
            };
            tokio::spawn(task.in_context(context))
        });
        drop(span);
        for task in tasks {
            task.await.unwrap();
        }
        let [span] = tracer.finished_spans().try_into().unwrap();
        assert_eq!(span.tags().len(), 2);
    });
}

#[test]
fn active_span_replacement_a_task_starts_a_trace_of_its_own() {
    on_both_runtimes(async |tracer| {
        let initial = tracer.start_span("initial");
        let worker = tracer.tracer();
        let task = async move {
            let task = worker.span("task").ignore_active_span().start();
            let subtask = async { worker.start_span("subtask").finish() };
            async {
                yield_now().await;
                subtask.await;
            }
            .in_span(task)
            .await;
        };
        tokio::spawn(task.in_context(Context::from(&initial))).await.unwrap();
        initial.finish();
        let spans = tracer.finished_spans();
        assert_eq!(names(&spans), ["subtask", "task", "initial"]);
        assert_eq!(spans[0].parent_id(), Some(spans[1].span_id()));
        assert_ne!(spans[1].trace_id(), spans[2].trace_id());
    });
}

#[test]
fn actor_propagation_replies_come_back_to_the_asker() {
    on_both_runtimes(async |tracer| {
        let (inbox, mut messages) = mpsc::channel::<(Context, oneshot::Sender<u32>)>(2);
        let worker = tracer.tracer();
        let actor = tokio::spawn(async move {
            while let Some((context, reply)) = messages.recv().await {
                let span = worker.span("received").child_of(&context).kind(SpanKind::Consumer);
                async { reply.send(7).unwrap() }.in_span(span.start()).await;
            }
        });
        let parent = tracer.span("ask").kind(SpanKind::Producer).start();
        for _ in 0..2 {
            let (reply, answer) = oneshot::channel();
            inbox.send((Context::from(&parent), reply)).await.unwrap();
            assert_eq!(answer.await.unwrap(), 7);
        }
        drop(inbox);
        actor.await.unwrap();
        parent.finish();
        let spans = tracer.finished_spans();
        assert_eq!(names(&spans), ["received", "received", "ask"]);
        assert_one_trace(&spans);
    });
}

#[test]
fn client_server_a_trace_crosses_a_queue_as_text() {
    on_both_runtimes(async |tracer| {
        let (queue, mut inbox) = mpsc::channel::<HashMap<String, String>>(1);
        let worker = tracer.tracer();
        let server = tokio::spawn(async move {
            let message = inbox.recv().await.unwrap();
            let inbound = worker.extract(&message);
            let span = worker.span("receive").child_of(&inbound).kind(SpanKind::Server).start();
            yield_now().in_span(span).await;
        });
        let client = tracer.span("send").kind(SpanKind::Client).start();
        let mut message = HashMap::new();
        tracer.inject(&client, &mut message);
        queue.send(message).await.unwrap();
        server.await.unwrap();
        client.finish();
        let spans = tracer.finished_spans();
        assert_eq!(spans[0].parent_id(), Some(spans[1].span_id()));
    });
}

#[test]
fn concurrent_common_request_handler_requests_are_unrelated_roots() {
    on_both_runtimes(async |tracer| {
        let both = Arc::new(Barrier::new(2));
        let requests = [(); 2].map(|()| {
            let (worker, both) = (tracer.tracer(), Arc::clone(&both));
            tokio::spawn(async move {
                let span = worker.start_span("send");
                both.wait().in_span(span).await;
            })
        });
        for request in requests {
            request.await.unwrap();
        }
        let spans = tracer.finished_spans();
        assert_ne!(spans[0].trace_id(), spans[1].trace_id());
    });
}

#[test]
fn error_reporting_a_dropped_future_finishes_its_span() {
    on_both_runtimes(async |tracer| {
        let span = tracer.start_span("cancelled");
        let (_never, gone) = oneshot::channel::<()>();
        let task = tokio::spawn(gone.in_span(span));
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(names(&tracer.finished_spans()), ["cancelled"]);
    });
}

#[test]
fn late_span_finish_the_parent_outlives_tasks_that_it_does_not_know() {
    on_both_runtimes(async |tracer| {
        let parent = tracer.start_span("parent");
        for name in ["task1", "task2"] {
            let worker = tracer.tracer();
            let task = async move { worker.start_span(name).finish() };
            tokio::spawn(task.in_context(Context::from(&parent))).await.unwrap();
        }
        parent.finish();
        let spans = tracer.finished_spans();
        assert_eq!(names(&spans), ["task1", "task2", "parent"]);
        assert_one_trace(&spans);
    });
}

#[test]
fn multiple_callbacks_children_share_a_parent_across_tasks() {
    on_both_runtimes(async |tracer| {
        let parent = tracer.start_span("parent");
        let tasks = [(); 3].map(|()| {
            let span = tracer.span("task").child_of(&parent).start();
            tokio::spawn(yield_now().in_span(span))
        });
        for task in tasks {
            task.await.unwrap();
        }
        let parent_id = parent.span_id();
        parent.finish();
        let spans = tracer.finished_spans();
        assert!(spans[..3].iter().all(|span| span.parent_id() == Some(parent_id)));
    });
}

#[test]
fn nested_callbacks_one_span_goes_through_all_of_them() {
    on_both_runtimes(async |tracer| {
        let span = tracer.start_span("one");
        let nested = async {
            active_span().unwrap().set_tag("key1", 1);
            async {
                yield_now().await;
                active_span().unwrap().set_tag("key2", 2);
            }
            .await;
            active_span().unwrap().set_tag("key3", 3);
        };
        nested.in_span(span).await;
        assert_eq!(tracer.finished_spans()[0].tags().len(), 3);
    });
}

#[test]
fn promise_propagation_every_callback_follows_from_the_promise() {
    on_both_runtimes(async |tracer| {
        let parent = tracer.start_span("promises");
        let (sender, receiver) = oneshot::channel::<Result<(), ()>>();
        let (worker, context) = (tracer.tracer(), parent.context());
        let callback = tokio::spawn(async move {
            let outcome = receiver.await.unwrap();
            let span = worker.span("callback").follows_from(&context).start();
            span.set_tag(tags::ERROR, outcome.is_err());
        });
        sender.send(Err(())).unwrap();
        callback.await.unwrap();
        parent.finish();
        let spans = tracer.finished_spans();
        assert_eq!(reference_of(named(&spans, "callback")), ReferenceKind::FollowsFrom);
        assert!(spans[0].is_error());
    });
}

#[test]
fn suspend_resume_propagation_interleaved_tasks_never_mix() {
    on_both_runtimes(async |tracer| {
        let tasks = [(); 8].map(|()| {
            let span = tracer.span("job").ignore_active_span().start();
            let id = span.span_id();
            let job = async move {
                for _ in 0..20 {
                    assert_eq!(active_span().map(|span| span.span_id()), Some(id));
                    yield_now().await;
                }
            };
            tokio::spawn(job.in_span(span))
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert!(active_span().is_none());
        assert_eq!(tracer.finished_spans().len(), 8);
    });
}

#[test]
fn subtask_span_propagation_a_task_inherits_what_was_active_where_it_was_made() {
    on_both_runtimes(async |tracer| {
        let worker = tracer.tracer();
        let parent = tracer.start_span("parent");
        let main = async move {
            let subtask = async move { worker.start_span("child").finish() };
            tokio::spawn(subtask.in_context(Context::current())).await.unwrap();
        };
        main.in_span(parent).await;
        let spans = tracer.finished_spans();
        assert_eq!(names(&spans), ["child", "parent"]);
        assert_eq!(spans[0].parent_id(), Some(spans[1].span_id()));
    });
}

//! Spans and contexts around futures.

use std::future::Future;
use std::pin::Pin;
use std::task;

use pin_project_lite::pin_project;

use crate::scope::Context;
use crate::span::Span;

/// Runs futures in a span or a context.
pub trait InSpan: Future + Sized {
    /// Makes the span active whenever the future runs; the span finishes when the future is done
    /// or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use spandrel::{InSpan, active_span, mock::MockTracer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let tracer = MockTracer::new();
    /// let span = tracer.start_span("load");
    /// async { active_span().unwrap().set_tag("rows", 3); }.in_span(span).await;
    /// assert_eq!(tracer.finished_spans()[0].tag("rows"), Some(&3.into()));
    /// # }
    /// ```
    fn in_span(self, span: Span) -> SpanFuture<Self> {
        let context = Context::from(&span);
        SpanFuture { inner: self, context, span: Some(span) }
    }

    /// Makes the context active whenever the future runs: what a spawned task needs to continue
    /// its spawner's trace.
    fn in_context(self, context: Context) -> SpanFuture<Self> {
        SpanFuture { inner: self, context, span: None }
    }
}

impl<F: Future> InSpan for F {}

pin_project! {
    /// A future that runs in a span or a context. Made with [`InSpan`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct SpanFuture<F> {
        #[pin]
        inner: F,
        context: Context,
        span: Option<Span>,
    }
}

impl<F: Future> Future for SpanFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<F::Output> {
        let this = self.project();
        let polled = {
            let _scope = this.context.clone().activate();
            this.inner.poll(cx)
        };
        if polled.is_ready() {
            drop(this.span.take());
        }
        polled
    }
}

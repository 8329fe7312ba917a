//! The service's work on one request, from the request to the response's head.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{self, Poll, ready};

use http::{Method, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use spandrel::{Context, Log, Span, SpanRef, fields, tags};

use super::body::{Delivery, ServerBody};

pin_project! {
    /// A response that is being made. Its span is active whenever it is polled.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct ServerFuture<F> {
        #[pin]
        inner: F,
        work: Option<Work>,
    }
}

impl<F> ServerFuture<F> {
    pub(super) const fn new(inner: F, work: Option<Work>) -> Self {
        Self { inner, work }
    }
}

impl<F, R, E> Future for ServerFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
    E: fmt::Display,
{
    type Output = Result<Response<ServerBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(work) = this.work else {
            let result = ready!(this.inner.poll(cx));
            return Poll::Ready(result.map(|response| response.map(ServerBody::untraced)));
        };
        let result = ready!(work.run(|| this.inner.poll(cx)));
        let work = this.work.take().expect("only this line takes it, and it was there above");
        Poll::Ready(match result {
            Ok(response) => Ok(work.deliver(response)),
            Err(error) => {
                work.fail(&error);
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for ServerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerFuture").field("is_traced", &self.work.is_some()).finish()
    }
}

/// A span whose request is being worked on. Dropped before there is a response, it says so.
pub(super) struct Work {
    span: Span,
    context: Context,
    method: Method,
    is_done: bool,
}

impl Work {
    pub(super) fn new(span: Span, method: Method) -> Self {
        let context = Context::from(&span);
        Self { span, context, method, is_done: false }
    }

    pub(super) fn span(&self) -> SpanRef {
        self.span.handle()
    }

    /// Does a part of the work with the span active. A panic is written on the span, which
    /// finishes, and goes on.
    pub(super) fn run<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let scope = self.context.clone().activate();
        let result = catch_unwind(AssertUnwindSafe(part));
        drop(scope);
        result.unwrap_or_else(|panic| {
            mark_error(&self.span, "panic", message_of(&*panic));
            self.end().finish();
            resume_unwind(panic)
        })
    }

    fn deliver<R: Body>(mut self, response: Response<R>) -> Response<ServerBody<R>> {
        let status = response.status();
        self.span.set_tag(tags::HTTP_STATUS_CODE, status.as_u16());
        if status.is_server_error() {
            self.span.set_tag(tags::ERROR, true);
        }
        // hyper drops such bodies unread.
        let is_bodiless = self.method == Method::HEAD
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let context = self.context.clone();
        let delivery = Delivery::new(self.end(), context, &response, is_bodiless);
        response.map(|body| ServerBody::traced(body, delivery))
    }

    fn fail(mut self, error: &impl fmt::Display) {
        mark_error(&self.span, "service", error.to_string());
        self.end().finish();
    }

    /// Takes the span out; what is left of the work says nothing more.
    fn end(&mut self) -> Span {
        self.is_done = true;
        std::mem::replace(&mut self.span, Span::noop())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // A span that is dropped in a panic is marked by its tracer.
        if !self.is_done && !std::thread::panicking() {
            let message = "the request was dropped before there was a response";
            mark_error(&self.span, "cancelled", message.to_owned());
        }
    }
}

/// Marks a span as failed, and logs why.
pub(super) fn mark_error(span: &SpanRef, kind: &'static str, message: String) {
    span.set_tag(tags::ERROR, true);
    let log = Log::event("error").field(fields::ERROR_KIND, kind);
    span.log(log.field(fields::MESSAGE, message));
}

/// Returns the text that a panic carries, as `panic!` makes it.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = literal.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "the panic carries no text".to_owned())
}

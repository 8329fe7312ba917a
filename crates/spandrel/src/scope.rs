//! Which span the running code belongs to: passed on as a [`Context`], or implied by a [`Scope`].

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use crate::builder::SpanBuilder;
use crate::context::SpanContext;
use crate::span::{Span, SpanRef};
use crate::tracer::Tracer;

thread_local! {
    static ACTIVE: RefCell<Vec<(u64, Context)>> = const { RefCell::new(Vec::new()) };
    static NEXT_SCOPE: Cell<u64> = const { Cell::new(0) };
}

/// What is handed down a call: the current span, or none. Cheap to clone, as in Go.
///
/// # Examples
///
/// ```
/// use spandrel::{Context, Tracer};
///
/// fn handle(tracer: &Tracer, context: &Context) {
///     let (span, context) = tracer.start_span_from_context(context, "load");
///     span.set_tag("rows", 3);
///     query(&context);
/// }
///
/// fn query(context: &Context) {
///     let _span = context.start_span("query");
/// }
/// # handle(&Tracer::noop(), &Context::new());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context {
    span: Option<SpanRef>,
}

impl Context {
    /// Makes a context without a span.
    #[must_use]
    pub const fn new() -> Self {
        Self { span: None }
    }

    pub(crate) const fn of(span: SpanRef) -> Self {
        Self { span: Some(span) }
    }

    /// Returns the context that is active on this thread.
    #[must_use]
    pub fn current() -> Self {
        let active = ACTIVE
            .try_with(|stack| stack.try_borrow().ok()?.last().map(|(_, context)| context.clone()));
        active.ok().flatten().unwrap_or_default()
    }

    /// Returns a context with this span as the current one. The span is not kept from finishing.
    #[must_use]
    pub fn with_span(&self, span: &SpanRef) -> Self {
        Self::of(span.clone())
    }

    /// Returns the current span.
    #[must_use]
    pub const fn span(&self) -> Option<&SpanRef> {
        self.span.as_ref()
    }

    /// Starts a child of the current span, with its tracer; a noop span where there is none.
    pub fn start_span(&self, operation_name: impl Into<std::borrow::Cow<'static, str>>) -> Span {
        match &self.span {
            Some(span) => span.tracer().span(operation_name).child_of(span).start(),
            None => Span::noop(),
        }
    }

    /// Makes this the active context of this thread until the guard is dropped.
    pub fn activate(self) -> Scope {
        let id = NEXT_SCOPE.try_with(|next| next.replace(next.get().wrapping_add(1))).unwrap_or(0);
        // A thread that is being torn down has no active context any more.
        let _ = ACTIVE.try_with(|stack| {
            if let Ok(mut stack) = stack.try_borrow_mut() {
                stack.push((id, self));
            }
        });
        Scope { id, not_send: PhantomData }
    }

    /// Wraps a closure so that it runs in this context, wherever that is.
    ///
    /// # Examples
    ///
    /// ```
    /// use spandrel::{Context, mock::MockTracer};
    ///
    /// let tracer = MockTracer::new();
    /// let span = tracer.start_span("parent");
    /// let context = Context::new().with_span(&span);
    /// let work = context.wrap({
    ///     let tracer = tracer.clone();
    ///     move || tracer.start_span("child").finish()
    /// });
    /// std::thread::spawn(work).join().unwrap();
    /// assert_eq!(tracer.finished_spans()[0].parent_id(), Some(span.span_id()));
    /// ```
    pub fn wrap<R>(self, work: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || {
            let _scope = self.activate();
            work()
        }
    }
}

impl From<&Span> for Context {
    fn from(span: &Span) -> Self {
        Self::of(span.handle())
    }
}

/// Returns the span that is active on this thread.
#[must_use]
pub fn active_span() -> Option<SpanRef> {
    Context::current().span
}

/// Returns the identity of the active span, without taking a handle to it.
pub(crate) fn active_context() -> Option<SpanContext> {
    let active = ACTIVE.try_with(|stack| {
        let stack = stack.try_borrow().ok()?;
        let (_, context) = stack.last()?;
        context.span.as_ref().map(SpanRef::context)
    });
    active.ok().flatten()
}

/// Keeps a context active on this thread while it lives. It cannot leave the thread.
///
/// Scopes are closed in any order: one that is closed early only takes away itself.
#[derive(Debug)]
#[must_use = "the context is active only while the guard is held"]
pub struct Scope {
    id: u64,
    not_send: PhantomData<*const ()>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        let removed = ACTIVE.try_with(|stack| {
            let mut stack = stack.try_borrow_mut().ok()?;
            let index = stack.iter().rposition(|(id, _)| *id == self.id)?;
            Some(stack.remove(index))
        });
        // What the context holds is dropped here, when the stack is no longer borrowed.
        drop(removed);
    }
}

impl Tracer {
    /// Starts a child of the context's span, or a new trace where it has none, and returns it
    /// with the context in which it is the current span.
    pub fn start_span_from_context(
        &self,
        context: &Context,
        operation_name: impl Into<std::borrow::Cow<'static, str>>,
    ) -> (Span, Context) {
        let span = SpanBuilder::new(self, operation_name.into()).child_of(context).start();
        let context = Context::from(&span);
        (span, context)
    }
}

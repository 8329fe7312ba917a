//! Bodies on their way: the request's, whose end is noted, and the response's, which ends spans.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use spandrel::{Span, tags};
use tokio::runtime::Handle;

use super::attempt::Attempt;
use super::hop::mark_failed;
use super::pool::Lease;
use crate::Error;
use crate::client_trace::{ClientTrace as _, NotReused};

pub(super) type Cause = Box<dyn StdError + Send + Sync>;
pub(super) type BoxedBody = Pin<Box<dyn Body<Data = Bytes, Error = Cause> + Send>>;

/// Boxes a body, unless there is nothing in it.
pub(super) fn boxed<B>(body: B) -> Option<BoxedBody>
where
    B: Body + Send + 'static,
    B::Error: Into<Cause>,
{
    (!body.is_end_stream()).then(|| Box::pin(AsBytes { body }) as BoxedBody)
}

pin_project! {
    /// Any body as one of [`Bytes`]; nothing is copied where it was one.
    struct AsBytes<B> {
        #[pin]
        body: B,
    }
}

impl<B: Body> Body for AsBytes<B>
where
    B::Error: Into<Cause>,
{
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        let frame = ready!(self.project().body.poll_frame(cx));
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body, as the connection reads it. It tells the attempt when it has ended.
pub(super) struct RequestBody {
    body: Option<BoxedBody>,
    attempt: Arc<Attempt>,
}

impl RequestBody {
    pub(super) fn new(body: Option<BoxedBody>, attempt: Arc<Attempt>) -> Self {
        Self { body, attempt }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        let frame = match &mut self.body {
            Some(body) => ready!(body.as_mut().poll_frame(cx)),
            None => None,
        };
        if frame.is_none() {
            self.attempt.body_has_ended();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let is_ended = self.body.as_ref().is_none_or(|body| body.is_end_stream());
        if is_ended {
            self.attempt.body_has_ended();
        }
        is_ended
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), |body| body.size_hint())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // A body is let go without being read to its end when the announced length is reached.
        self.attempt.body_has_ended();
    }
}

/// The body of a response. Its end, its failure or its drop finishes the spans of the request.
///
/// Read it to its end, so that the connection can serve the next request; a body that is dropped
/// before closes its connection.
pub struct ResponseBody {
    incoming: Incoming,
    is_read: bool,
    lease: Option<Lease>,
    attempt: Arc<Attempt>,
    spans: Option<Spans>,
}

/// The spans that end with a response.
struct Spans {
    hop: Span,
    /// The request's top span, which ends with the last hop's response.
    top: Option<Span>,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, lease: Lease, attempt: Arc<Attempt>, hop: Span) -> Self {
        let spans = Some(Spans { hop, top: None });
        Self { incoming, is_read: false, lease: Some(lease), attempt, spans }
    }

    /// Lets the request's top span end with this body.
    pub(super) fn ends(&mut self, top: Span) {
        if let Some(spans) = &mut self.spans {
            spans.top = Some(top);
        }
    }

    /// Frees the connection at once where the response has no body.
    pub(super) async fn settle_if_empty(&mut self) {
        if self.incoming.is_end_stream() {
            self.is_read = true;
            poll_fn(|cx| self.poll_settle(cx)).await;
        }
    }

    /// Reads on to the end, for at most `len_max` bytes.
    pub(super) async fn drain(mut self, mut len_max: usize) {
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            let len = frame.data_ref().map_or(0, Bytes::len);
            match len_max.checked_sub(len) {
                Some(left) => len_max = left,
                None => return,
            }
        }
    }

    /// Waits until the connection can serve another request, and gives it back.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut lease) = self.lease.take() else { return Poll::Ready(()) };
        if !self.attempt.is_request_written() {
            lease.close(NotReused::RequestUnfinished);
            return Poll::Ready(());
        }
        match lease.connection.poll_ready(cx) {
            Poll::Pending => {
                self.lease = Some(lease);
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => lease.put_idle(),
            Poll::Ready(Err(_)) => lease.close(NotReused::Closed),
        }
        Poll::Ready(())
    }

    /// Gives the connection back when nothing is left to read, and closes it otherwise.
    fn settle_without_waiting(&mut self) {
        if !self.is_read && !self.incoming.is_end_stream() {
            self.lease = None;
            return;
        }
        if self.poll_settle(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        if let (Some(mut lease), Ok(runtime)) = (self.lease.take(), Handle::try_current()) {
            runtime.spawn(async move {
                match poll_fn(|cx| lease.connection.poll_ready(cx)).await {
                    Ok(()) => lease.put_idle(),
                    Err(_) => lease.close(NotReused::Closed),
                }
            });
        }
    }

    /// Finishes the spans without a word on the body: what a request without one asks for.
    pub(super) fn finish_spans(&mut self) {
        drop(self.spans.take());
    }

    fn fail(&mut self, error: &Error) {
        self.is_read = true;
        self.lease = None;
        if let Some(spans) = self.spans.take() {
            mark_failed(&spans.hop, error);
            if let Some(top) = &spans.top {
                top.set_tag(tags::ERROR, true);
            }
            self.attempt.closed_body();
        }
    }

    fn close(&mut self) {
        if self.spans.is_some() {
            self.attempt.closed_body();
            self.finish_spans();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if !self.is_read {
            match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(error)) => {
                    let error = Error::of_exchange(error);
                    self.fail(&error);
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.is_read = true,
            }
        }
        ready!(self.poll_settle(cx));
        self.close();
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        // Whoever asks must come once more, when the connection is free and the spans can end.
        self.spans.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.settle_without_waiting();
        self.close();
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("is_read", &self.is_read).finish_non_exhaustive()
    }
}

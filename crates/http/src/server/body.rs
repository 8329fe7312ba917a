//! A response's body on its way to the caller: counted, and the end of the request's span.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use bytes::Buf;
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use spandrel::{Context, Span};

use super::RESPONSE_SIZE;
use super::future::mark_error;

pin_project! {
    /// The body of a traced response. Its end, its failure or its drop finishes the span.
    pub struct ServerBody<B> {
        #[pin]
        body: B,
        delivery: Option<Delivery>,
    }
}

impl<B> ServerBody<B> {
    pub(super) const fn traced(body: B, delivery: Delivery) -> Self {
        Self { body, delivery: Some(delivery) }
    }

    pub(super) const fn untraced(body: B) -> Self {
        Self { body, delivery: None }
    }
}

impl<B> Body for ServerBody<B>
where
    B: Body,
    B::Error: fmt::Display,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(delivery) = this.delivery else { return this.body.poll_frame(cx) };
        let frame = {
            let _scope = delivery.context.clone().activate();
            ready!(this.body.as_mut().poll_frame(cx))
        };
        match &frame {
            Some(Ok(frame)) => {
                let len = frame.data_ref().map_or(0, Buf::remaining);
                delivery.sent(len, this.body.is_end_stream());
            }
            Some(Err(error)) => {
                delivery.fail(error);
                *this.delivery = None;
            }
            None => {
                delivery.is_ended = true;
                *this.delivery = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> fmt::Debug for ServerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBody").field("is_traced", &self.delivery.is_some()).finish()
    }
}

/// A span whose response is being sent. Dropped before all is sent, it says so.
pub(super) struct Delivery {
    span: Span,
    context: Context,
    sent_len: u64,
    announced_len: Option<u64>,
    is_ended: bool,
}

impl Delivery {
    pub(super) fn new<B: Body>(
        span: Span,
        context: Context,
        response: &Response<B>,
        is_bodiless: bool,
    ) -> Self {
        let announced = response.headers().get(header::CONTENT_LENGTH);
        let announced_len = announced.and_then(|text| text.to_str().ok()?.parse().ok());
        let is_ended = is_bodiless || response.body().is_end_stream();
        Self { span, context, sent_len: 0, announced_len, is_ended }
    }

    fn sent(&mut self, len: usize, is_end: bool) {
        self.sent_len = self.sent_len.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        let is_announced = self.announced_len.is_some_and(|announced| self.sent_len >= announced);
        self.is_ended = is_end || is_announced;
    }

    fn fail(&mut self, error: &impl fmt::Display) {
        mark_error(&self.span, "body", error.to_string());
        self.is_ended = true;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.sent_len > 0 {
            self.span.set_tag(RESPONSE_SIZE, self.sent_len);
        }
        // A span that is dropped in a panic is marked by its tracer.
        if !self.is_ended && !std::thread::panicking() {
            let message = format!("the response was dropped after {} bytes", self.sent_len);
            mark_error(&self.span, "cancelled", message);
        }
    }
}

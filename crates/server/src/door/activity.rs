//! What happens on one connection, told by its socket and its requests, read by its watch.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts what a connection does.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun_requests: AtomicU64,
    open_requests: AtomicU32,
    is_http2: AtomicBool,
    read_bytes: AtomicU64,
    /// As many bytes as were read when the last request ended.
    settled_bytes: AtomicU64,
    written_bytes: AtomicU64,
    is_write_blocked: AtomicBool,
}

/// What a connection did up to some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) begun_requests: u64,
    pub(super) open_requests: u32,
    /// Whether the head of a request has begun and not ended.
    pub(super) is_in_head: bool,
    pub(super) written_bytes: u64,
    pub(super) is_write_blocked: bool,
}

impl Activity {
    pub(super) fn seen(&self) -> Seen {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        // In HTTP/2 a peer's pings are bytes, too, so only HTTP/1.1 tells heads this way.
        let is_in_head = !self.is_http2.load(Ordering::Relaxed)
            && read(&self.read_bytes) > read(&self.settled_bytes);
        Seen {
            begun_requests: read(&self.begun_requests),
            open_requests: self.open_requests.load(Ordering::Relaxed),
            is_in_head,
            written_bytes: read(&self.written_bytes),
            is_write_blocked: self.is_write_blocked.load(Ordering::Relaxed),
        }
    }

    /// Notes that a request begins; it ends when what is returned is dropped.
    pub(super) fn begin_request(self: &Arc<Self>, is_http2: bool) -> OpenRequest {
        self.is_http2.store(is_http2, Ordering::Relaxed);
        self.begun_requests.fetch_add(1, Ordering::Relaxed);
        self.open_requests.fetch_add(1, Ordering::Relaxed);
        OpenRequest(Arc::clone(self))
    }
}

/// A request that is not answered to its end yet.
#[derive(Debug)]
pub(super) struct OpenRequest(Arc<Activity>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.settled_bytes.store(self.0.read_bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        self.0.open_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// A body that keeps its request open until it is sent or let go of.
    pub(super) struct HeldBody<B> {
        #[pin]
        pub(super) body: B,
        pub(super) request: OpenRequest,
    }
}

impl<B: http_body::Body> http_body::Body for HeldBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// A socket that tells what goes through it.
    pub(super) struct Told<S> {
        #[pin]
        pub(super) socket: S,
        pub(super) activity: Arc<Activity>,
    }
}

impl<S: AsyncRead> AsyncRead for Told<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        let outcome = this.socket.poll_read(context, buffer);
        let read = (buffer.filled().len() - before) as u64;
        this.activity.read_bytes.fetch_add(read, Ordering::Relaxed);
        outcome
    }
}

impl Activity {
    fn note_write(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.is_write_blocked.store(outcome.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(written)) = &outcome {
            self.written_bytes.fetch_add(*written as u64, Ordering::Relaxed);
        }
        outcome
    }
}

impl<S: AsyncWrite> AsyncWrite for Told<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let outcome = this.socket.poll_write(context, bytes);
        this.activity.note_write(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let outcome = this.socket.poll_write_vectored(context, slices);
        this.activity.note_write(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_shutdown(context)
    }
}

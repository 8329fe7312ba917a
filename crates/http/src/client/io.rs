//! The bytes of a connection, watched: which attempt they belong to, and which step they are.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::attempt::Attempt;
use crate::Error;

/// The attempt that a connection serves now: none while it is idle.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Arc<Attempt>>>);

impl Slot {
    pub(super) fn bind(&self, attempt: Arc<Attempt>) {
        *self.lock() = Some(attempt);
    }

    pub(super) fn take(&self) -> Option<Arc<Attempt>> {
        self.lock().take()
    }

    fn current(&self) -> Option<Arc<Attempt>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Attempt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that tells the attempt in its slot what is written and read.
pub(super) struct WatchedIo<S> {
    stream: S,
    slot: Arc<Slot>,
    head_end: HeadEnd,
}

impl<S> WatchedIo<S> {
    pub(super) fn new(stream: S, slot: Arc<Slot>) -> Self {
        Self { stream, slot, head_end: HeadEnd::default() }
    }

    fn note_written<'a>(&mut self, bufs: impl Iterator<Item = &'a [u8]>, mut len: usize) {
        let Some(attempt) = self.slot.current().filter(|attempt| !attempt.is_head_written()) else {
            return;
        };
        for buf in bufs {
            let written = buf.get(..len).unwrap_or(buf);
            if self.head_end.is_in(written) {
                attempt.head_was_written();
                return;
            }
            len -= written.len();
        }
    }

    fn note_write_error(&self, error: &io::Error) {
        if let Some(attempt) = self.slot.current() {
            let source = io::Error::new(error.kind(), error.to_string());
            attempt.write_failed(&Error::Exchange { source: source.into() });
        }
    }
}

/// Looks for the empty line that ends a head, over any number of writes.
#[derive(Default)]
struct HeadEnd {
    matched: usize,
}

impl HeadEnd {
    const BYTES: [u8; 4] = *b"\r\n\r\n";

    fn is_in(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            self.matched = match Self::BYTES.get(self.matched) {
                Some(&expected) if expected == byte => self.matched + 1,
                _ => usize::from(byte == b'\r'),
            };
            if self.matched == Self::BYTES.len() {
                self.matched = 0;
                return true;
            }
        }
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len_before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > len_before
            && let Some(attempt) = self.slot.current()
        {
            attempt.bytes_were_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        match &written {
            Ok(len) => self.note_written(std::iter::once(buf), *len),
            Err(error) => self.note_write_error(error),
        }
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        match &written {
            Ok(len) => self.note_written(bufs.iter().map(|buf| &**buf), *len),
            Err(error) => self.note_write_error(error),
        }
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        match (&flushed, self.slot.current()) {
            (Ok(()), Some(attempt)) => attempt.was_flushed(),
            (Err(error), _) => self.note_write_error(error),
            (Ok(()), None) => {}
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n";
        for cut in 0..head.len() {
            let mut head_end = HeadEnd::default();
            let (first, second) = head.split_at(cut);
            assert!(!head_end.is_in(first), "{cut}");
            assert!(head_end.is_in(second), "{cut}");
            assert!(!head_end.is_in(b"\r\nbody\r\n"), "{cut}");
        }
    }
}

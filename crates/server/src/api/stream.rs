//! A long answer that a thread makes while it is sent.
//!
//! What is made and not sent yet is bounded: the thread waits for the reader, up to a limit. An
//! answer that was not finished breaks off, so that nobody takes a part for the whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// How many pieces wait for the reader.
const PIECES_MAX: usize = 4;
/// How long a reader may take none of them: a pager that nobody looks at ends an export.
const STALL_TIMEOUT: Duration = Duration::from_secs(600);

enum Piece {
    Data(Bytes),
    End,
}

/// Makes an answer's body and the end at which it is written.
pub(super) fn streamed() -> (Body, StreamWriter) {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let body = Streamed { receiver, is_finished: false };
    (Body::new(body), StreamWriter { sender, runtime: Handle::current() })
}

/// Where the pieces of an answer go, on a thread that may block.
pub(super) struct StreamWriter {
    sender: mpsc::Sender<Piece>,
    runtime: Handle,
}

impl StreamWriter {
    /// Sends a piece; fails when the reader is gone, or has not read for too long.
    pub(super) fn send(&self, data: impl Into<Bytes>) -> io::Result<()> {
        self.put(Piece::Data(data.into()))
    }

    /// Says that the answer is whole.
    pub(super) fn finish(self) {
        // A reader that is gone does not mind.
        let _ = self.put(Piece::End);
    }

    fn put(&self, piece: Piece) -> io::Result<()> {
        self.runtime.block_on(async {
            match tokio::time::timeout(STALL_TIMEOUT, self.sender.send(piece)).await {
                Ok(sent) => sent.map_err(|_gone| io::ErrorKind::BrokenPipe.into()),
                Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
            }
        })
    }
}

struct Streamed {
    receiver: mpsc::Receiver<Piece>,
    is_finished: bool,
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_finished {
            return Poll::Ready(None);
        }
        let piece = ready!(self.receiver.poll_recv(context));
        Poll::Ready(match piece {
            Some(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Piece::End) => {
                self.is_finished = true;
                None
            }
            None => {
                self.is_finished = true;
                Some(Err(io::Error::other("the answer was not finished")))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    /// What a reader gets of an answer that is written so.
    fn read(write: impl FnOnce(StreamWriter) + Send + 'static) -> Option<Bytes> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (body, writer) = streamed();
            tokio::task::spawn_blocking(|| write(writer));
            Some(body.collect().await.ok()?.to_bytes())
        })
    }

    #[test]
    fn an_answer_is_its_pieces_in_order() {
        let write = |writer: StreamWriter| {
            (0..10).for_each(|piece: u8| writer.send(vec![b'0' + piece]).unwrap());
            writer.finish();
        };
        assert_eq!(read(write).as_deref(), Some(&b"0123456789"[..]));
    }

    #[test]
    fn one_that_was_not_finished_breaks_off() {
        let write = |writer: StreamWriter| writer.send("a part").unwrap();
        assert_eq!(read(write), None);
    }

    #[test]
    fn a_reader_that_is_gone_ends_the_writing() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (body, writer) = streamed();
            drop(body);
            let sent = tokio::task::spawn_blocking(move || writer.send("a part")).await.unwrap();
            assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        });
    }
}

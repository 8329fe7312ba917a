//! Scribe's way in, the first that Zipkin had: calls of `Log` in frames over TCP, whose entries are
//! Zipkin's v1 spans in Base64.
//!
//! OK is answered when the spans are on disk, and TRY_LATER when there is no room. The log keeps
//! the call as it came.

mod call;
mod entries;
mod thrift;

use std::pin::pin;
use std::sync::Arc;

use spandrel_storage::Account;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::admission::{ReadBody, body_len_max, read_message};
use crate::app::App;
use crate::door::{Closing, Door, DoorLimits, Visit, closed};
use crate::receivers::format::WireFormat;
use crate::receivers::intake::take_in_message;
use crate::refusal::Refusal;
use call::Head;
pub(super) use entries::decode;

const LIMITS: DoorLimits = DoorLimits::USUAL;

/// Lets connections through until the server closes.
pub(crate) async fn serve(app: Arc<App>, door: Door, closing: Closing) {
    let metrics = Arc::clone(&app.metrics);
    let converse = |stream, visit, closing| converse(Arc::clone(&app), stream, visit, closing);
    door.serve_each(&metrics, &LIMITS, closing, converse).await;
}

/// Answers the calls of one connection, one after the other, until its end.
async fn converse(app: Arc<App>, mut stream: TcpStream, visit: Visit, closing: Closing) {
    // An answer is one small write; a socket that refuses this is just slower.
    let _ = stream.set_nodelay(true);
    let mut closed = pin!(closed(closing));
    loop {
        let mut head = [0; 4];
        let begun = tokio::select! {
            begun = timeout(LIMITS.idle_timeout, stream.read_exact(&mut head)) => begun,
            () = &mut closed => return,
        };
        match begun {
            Ok(Ok(_)) => {}
            Ok(Err(_ended)) => return,
            Err(_elapsed) => return app.metrics.count_closed_connection(visit.door, "idle"),
        }
        let Some(answer) = answer_call(&app, head, &mut stream, visit).await else { return };
        let written = timeout(LIMITS.stall_timeout, stream.write_all(&answer.frame)).await;
        if !matches!(written, Ok(Ok(()))) || answer.is_last {
            return;
        }
    }
}

/// What is sent back.
struct Answer {
    frame: Vec<u8>,
    /// Whether what follows on the connection can't be read.
    is_last: bool,
}

/// Reads a call and answers it; none when it is no call that could be answered.
async fn answer_call(
    app: &Arc<App>,
    len: [u8; 4],
    stream: &mut TcpStream,
    visit: Visit,
) -> Option<Answer> {
    let account = &app.budget.requests;
    let read = match frame_len(len, account) {
        Ok(len) => read_message(account, len, stream).await,
        Err(refusal) => Err(refusal),
    };
    let is_last = read.is_err();
    // The bytes are shared, not copied: they are the store's by the time of the answer.
    let bytes = read.as_ref().map(|ReadBody { bytes, .. }| bytes.clone()).unwrap_or_default();
    let taken = take_in_message(app, WireFormat::Scribe, read, visit).await;
    let head = Head::read(&mut thrift::Reader::new(&bytes)).ok()?;
    let frame = match taken {
        Ok(_decoded) => head.result(call::OK),
        Err(refusal) if refusal.is_retryable() => head.result(call::TRY_LATER),
        Err(refusal) => head.exception(&refusal.message),
    };
    Some(Answer { frame, is_last })
}

fn frame_len(len: [u8; 4], account: &Account) -> Result<u64, Refusal> {
    let len_max = body_len_max(account);
    match u64::try_from(i32::from_be_bytes(len)) {
        Ok(len) if len <= len_max => Ok(len),
        Ok(len) => {
            Err(Refusal::too_large(format!("a frame of {len} bytes is over the {len_max} allowed")))
        }
        Err(_negative) => Err(Refusal::bad_request("a frame's length is below zero")),
    }
}

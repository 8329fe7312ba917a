//! One HTTP/1.1 connection: hyper speaks the protocol, on a task of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;

use super::attempt::Attempt;
use super::body::RequestBody;
use super::connector::Connected;
use super::io::{Slot, WatchedIo};
use crate::Error;
use crate::client_trace::GotConnInfo;

pub(super) type SendFailure = TrySendError<Request<RequestBody>>;

/// One connection. Dropping it closes it.
pub(super) struct Connection {
    pub(super) slot: Arc<Slot>,
    sender: http1::SendRequest<RequestBody>,
    id: u64,
    local_address: SocketAddr,
    remote_address: SocketAddr,
}

impl Connection {
    /// Starts to speak HTTP over a stream.
    pub(super) async fn start(connected: Connected, id: u64) -> Result<Self, Error> {
        let Connected { stream, local_address, remote_address } = connected;
        let slot = Arc::new(Slot::default());
        let io = TokioIo::new(WatchedIo::new(stream, Arc::clone(&slot)));
        let handshake = http1::Builder::new().handshake(io).await;
        let (sender, task) = handshake.map_err(Error::of_exchange)?;
        // Its errors reach whoever waits for a response; while it is idle nobody has to know.
        tokio::spawn(async { drop(task.with_upgrades().await) });
        Ok(Self { slot, sender, id, local_address, remote_address })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn info(&self) -> GotConnInfo {
        GotConnInfo {
            connection_id: self.id,
            local_address: self.local_address,
            remote_address: self.remote_address,
            reused: false,
            was_idle: false,
            idle_time: None,
        }
    }

    /// Sends a request on behalf of an attempt. One that was not begun comes back with the error.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
        attempt: &Arc<Attempt>,
    ) -> Result<Response<Incoming>, SendFailure> {
        self.slot.bind(Arc::clone(attempt));
        self.sender.try_send_request(request).await
    }

    /// Waits until another request can be sent; ready with an error when none ever can.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(cx)
    }
}

//! The ways in over UDP: each datagram is one batch, and nobody is answered.
//!
//! A task reads the socket and does nothing else, so that the kernel's buffer stays empty; another
//! decodes and appends. Many datagrams are appended before the first is on disk, and the store's
//! log writes them together. What has no room is dropped and counted, never written about in the
//! log of the server: that would let anyone fill it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use spandrel_codec::jaeger::Format;
use tokio::sync::{Semaphore, mpsc};

use crate::admission::ReadBody;
use crate::app::App;
use crate::door::{Closing, DatagramDoor, Visit, closed};
use crate::metrics::IntakeLabels;
use crate::receivers::format::WireFormat;
use crate::receivers::intake::{Datagram, take_in_datagram};
use crate::receivers::tally::Tally;
use crate::refusal::Refusal;

/// The most bytes that a datagram has: UDP's own limit is a little below.
const DATAGRAM_LEN_MAX: usize = 64 << 10;
/// How many datagrams wait to be decoded.
const QUEUE_LEN_MAX: usize = 4_096;
/// How many bytes of datagrams a door holds, from the socket until they are on disk.
const HELD_BYTES_MAX: u64 = 8 << 20;
/// What each counts in that beside its own bytes: its spans in memory, at the least.
const HELD_BESIDE: u32 = 2 << 10;
/// How much of what all requests may have a door of datagrams may take: one over this.
const HELD_SHARE: u64 = 4;
/// How long reading pauses after it failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes datagrams until the server closes, and then what waits.
pub(crate) async fn serve(app: Arc<App>, door: DatagramDoor, format: Format, closing: Closing) {
    let DatagramDoor { socket, name, .. } = door;
    let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
    let format = WireFormat::Jaeger(format);
    let taking = tokio::spawn(take_all(Arc::clone(&app), format, waiting));
    let held_bytes_max = HELD_BYTES_MAX.min(app.budget.requests.limit() / HELD_SHARE);
    let room = Arc::new(Semaphore::new(usize::try_from(held_bytes_max).unwrap_or(usize::MAX)));
    let inlet =
        Inlet { app, queue, room, labels: IntakeLabels { door: name, format: format.name() } };
    let mut buffer = vec![0; DATAGRAM_LEN_MAX];
    let mut closed = pin!(closed(closing));
    loop {
        let read = tokio::select! {
            read = socket.recv_from(&mut buffer) => read,
            () = &mut closed => break,
        };
        match read {
            Ok((len, peer)) => inlet.take(&buffer[..len], peer),
            Err(error) => {
                tracing::warn!(door = name, %error, "a datagram could not be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(inlet);
    if let Err(panicked) = taking.await {
        tracing::error!(door = name, %panicked, "the door's decoding panicked");
    }
}

/// Where datagrams begin to wait.
struct Inlet {
    app: Arc<App>,
    queue: mpsc::Sender<Datagram>,
    room: Arc<Semaphore>,
    labels: IntakeLabels,
}

impl Inlet {
    fn take(&self, bytes: &[u8], peer: SocketAddr) {
        let tally = Tally::begin(Arc::clone(&self.app.metrics), self.labels);
        let len = u32::try_from(bytes.len()).expect("a datagram has under 64 KiB");
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(len + HELD_BESIDE) else {
            return tally.drop_for("queue_full");
        };
        let charge = match self.app.budget.requests.reserve(len.into()) {
            Ok(charge) => charge,
            Err(refused) => return tally.refuse(&Refusal::from(refused)),
        };
        let body = ReadBody { bytes: Bytes::copy_from_slice(bytes), charge };
        let datagram =
            Datagram { body, visit: Visit { door: self.labels.door, peer }, tally, room };
        if let Err(full) = self.queue.try_send(datagram) {
            full.into_inner().tally.drop_for("queue_full");
        }
    }
}

async fn take_all(app: Arc<App>, format: WireFormat, mut waiting: mpsc::Receiver<Datagram>) {
    while let Some(datagram) = waiting.recv().await {
        let visit = datagram.visit;
        if let Some((told, resource)) = take_in_datagram(&app, format, datagram) {
            app.jaeger_clients.hear(&app.metrics, visit, told, resource.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config::ServeConfig;
    use crate::metrics::LostLabels;

    #[test]
    fn what_has_no_room_and_no_place_in_the_queue_is_dropped_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let config = ServeConfig::temporary(folder.path());
        let app = App::open(config, Vec::new(), Arc::new(SystemClock)).unwrap();
        let labels = IntakeLabels { door: "jaeger-compact", format: "jaeger-agent-compact" };
        let dropped = LostLabels { door: labels.door, format: labels.format, reason: "queue_full" };
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        for (room, places) in [(HELD_BESIDE as usize + 5, 2), (1 << 20, 1)] {
            let (queue, waiting) = mpsc::channel(places);
            let room = Arc::new(Semaphore::new(room));
            let inlet = Inlet { app: Arc::clone(&app), queue, room, labels };
            inlet.take(b"first", peer);
            let before = app.metrics.refused_requests.get_or_create(&dropped).get();
            inlet.take(b"second", peer);
            assert_eq!(app.metrics.refused_requests.get_or_create(&dropped).get(), before + 1);
            assert_eq!(waiting.len(), 1);
            assert_eq!(app.budget.requests.used(), 5, "what is dropped charges nothing");
        }
        assert_eq!(app.budget.requests.used(), 0);
        assert_eq!(app.metrics.received_requests.get_or_create(&labels).get(), 4);
    }
}

//! The one way in that all receivers share: a body is read, inflated, decoded, and stored.
//!
//! Which format a request has, and how it is answered, is each receiver's to say.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::extract::Request;
use bytes::Bytes;
use http::HeaderMap;
use spandrel_model::Resource;
use spandrel_storage::{AppendError, Batch, Origin, Reservation, SpanBatch, SpanStore as _};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::admission::{
    Announced, ContentEncoding, ReadBody, body_len_max, inflate, inflated_len_told, read_body,
};
use crate::app::App;
use crate::door::Visit;
use crate::metrics::IntakeLabels;
use crate::receivers::decode::{ChargedSpans, INFLATED_LEN_LIMIT};
use crate::receivers::format::{Decoded, SenderReport, WireFormat};
use crate::receivers::span_limits::{Cuts, Limited, SPAN_LIMITS, SpanLimits};
use crate::receivers::tally::Tally;
use crate::refusal::Refusal;

/// Bodies up to this size, inflated, are decoded on the connection's own thread: handing them
/// over would cost more than the decoding, and none holds the thread long.
const IN_PLACE_LEN_MAX: u64 = 32 << 10;
/// How long such a body may be as it came when it is compressed: it may be larger than it says.
const IN_PLACE_COMPRESSED_LEN_MAX: usize = 4 << 10;
/// A body that says it is larger than this, or does not say, waits for a turn to be inflated.
const WITHOUT_TURN_LEN_MAX: u64 = 1 << 20;

/// How the bytes of a request hold its message.
pub(super) trait Framing {
    /// Reads from the head how the message may be compressed.
    fn encoding(headers: &HeaderMap) -> Result<ContentEncoding, Refusal>;
    /// Where the request says how long it is.
    fn announced(headers: &HeaderMap) -> Announced;
    /// Takes the message out of the body, and says how it is compressed in truth.
    fn message(body: Bytes, encoding: ContentEncoding)
    -> Result<(Bytes, ContentEncoding), Refusal>;
}

/// The body is the message, as HTTP has it.
pub(super) enum Whole {}

impl Framing for Whole {
    fn encoding(headers: &HeaderMap) -> Result<ContentEncoding, Refusal> {
        ContentEncoding::of(headers)
    }

    fn announced(headers: &HeaderMap) -> Announced {
        Announced::by(headers)
    }

    fn message(
        body: Bytes,
        encoding: ContentEncoding,
    ) -> Result<(Bytes, ContentEncoding), Refusal> {
        Ok((body, encoding))
    }
}

/// Reads, decodes and stores one request. Returns when all that was accepted is on disk; what
/// becomes of every span is counted.
pub(super) async fn take_in<F: Framing>(
    app: &Arc<App>,
    format: Result<WireFormat, Refusal>,
    request: Request,
) -> Result<Decoded, Refusal> {
    let visit = request.extensions().get::<Visit>().copied();
    let labels = IntakeLabels {
        door: visit.map_or("unknown", |visit| visit.door),
        format: format.as_ref().map_or("unknown", |format| format.name()),
    };
    let mut tally = Tally::begin(Arc::clone(&app.metrics), labels);
    let received = match format {
        Ok(format) => receive::<F>(app, format, request, &mut tally).await,
        Err(refusal) => Err(refusal),
    };
    let from = From { door: labels.door, peer: visit.map(|visit| visit.peer) };
    settle(app, from, received, tally).await
}

/// Decodes and stores a message that was read, or counts why it was not. Returns as [`take_in`]
/// does: for doors that don't speak HTTP.
pub(super) async fn take_in_message(
    app: &Arc<App>,
    format: WireFormat,
    read: Result<ReadBody, Refusal>,
    visit: Visit,
) -> Result<Decoded, Refusal> {
    let labels = IntakeLabels { door: visit.door, format: format.name() };
    let mut tally = Tally::begin(Arc::clone(&app.metrics), labels);
    let received = match app.check_ready().and(read) {
        Ok(body) => {
            tally.body_read(body.bytes.len());
            let encoded = Encoded::plain(app, format);
            let (found, outcome) = decode_where_it_fits(app, encoded, body).await;
            count(&mut tally, found);
            outcome
        }
        Err(refusal) => Err(refusal),
    };
    let from = From { door: visit.door, peer: Some(visit.peer) };
    settle(app, from, received, tally).await
}

/// A message whose sender waits for no answer.
pub(super) struct Datagram {
    pub(super) body: ReadBody,
    pub(super) visit: Visit,
    pub(super) tally: Tally,
    /// Its share of what its door may hold, given back when the store is done.
    pub(super) room: OwnedSemaphorePermit,
}

/// Decodes a datagram on the caller's thread, and appends it without waiting for the store.
///
/// Returns what the sender told of itself, and the resource of its first span.
pub(super) fn take_in_datagram(
    app: &App,
    format: WireFormat,
    datagram: Datagram,
) -> Option<(SenderReport, Option<Arc<Resource>>)> {
    let Datagram { body, visit, mut tally, room } = datagram;
    if let Err(refusal) = app.check_ready() {
        tally.refuse(&refusal);
        return None;
    }
    let len = body.bytes.len();
    tally.body_read(len);
    let encoded = Encoded::plain(app, format);
    let decoding = AssertUnwindSafe(|| decode(app, encoded, body));
    let (found, outcome) = catch_unwind(decoding).unwrap_or_else(|_panic| {
        tracing::error!(format = format.name(), "a datagram made the decoder panic");
        (Found::default(), Err(Refusal::bad_request("the datagram made the decoder panic")))
    });
    count(&mut tally, found);
    match outcome {
        Ok(mut received) => {
            let told = (received.decoded.told, received.resource.take());
            if received.spans.is_empty() {
                tally.store();
            } else {
                // Memory is charged in steps that are large for a datagram.
                received.charge.resize_regardless(len as u64 + received.spans.byte_len());
                let from = From { door: visit.door, peer: Some(visit.peer) };
                append(app, from, received, tally, move |_outcome| drop(room));
            }
            Some(told)
        }
        Err(refusal) => {
            tally.refuse(&refusal);
            None
        }
    }
}

/// Stores what was received, or counts why nothing was.
async fn settle(
    app: &App,
    from: From,
    received: Result<Received, Refusal>,
    tally: Tally,
) -> Result<Decoded, Refusal> {
    match received {
        Ok(received) if received.spans.is_empty() => {
            tally.store();
            Ok(received.decoded)
        }
        Ok(received) => store(app, from, received, tally).await,
        Err(refusal) => {
            tracing::debug!(reason = refusal.reason, message = refusal.message, "spans refused");
            tally.refuse(&refusal);
            Err(refusal)
        }
    }
}

fn count(tally: &mut Tally, found: Found) {
    tally.received(found.spans);
    tally.reject(found.rejected_spans, "invalid_span");
    tally.cut(found.cuts);
}

/// Reads and decodes one request.
async fn receive<F: Framing>(
    app: &Arc<App>,
    format: WireFormat,
    request: Request,
    tally: &mut Tally,
) -> Result<Received, Refusal> {
    app.check_ready()?;
    let (head, body) = request.into_parts();
    let encoding = F::encoding(&head.headers)?;
    let announced = F::announced(&head.headers);
    let ReadBody { bytes, charge } = read_body(&app.budget.requests, announced, body).await?;
    tally.body_read(bytes.len());
    let (bytes, encoding) = F::message(bytes, encoding)?;
    let len_max = body_len_max(&app.budget.requests);
    let encoded = Encoded { format, encoding, len_max };
    let (found, outcome) = decode_where_it_fits(app, encoded, ReadBody { bytes, charge }).await;
    count(tally, found);
    outcome
}

/// A request that was read and decoded, with what it charges.
struct Received {
    bytes: Bytes,
    encoded: Encoded,
    spans: SpanBatch,
    charge: Reservation,
    decoded: Decoded,
    /// Of the first span.
    resource: Option<Arc<Resource>>,
}

/// How the bytes of a request stand for spans.
#[derive(Clone, Copy)]
struct Encoded {
    format: WireFormat,
    encoding: ContentEncoding,
    /// How many bytes they may be when inflated.
    len_max: u64,
}

impl Encoded {
    /// A message as its format has it.
    fn plain(app: &App, format: WireFormat) -> Self {
        let len_max = body_len_max(&app.budget.requests);
        Self { format, encoding: ContentEncoding::Identity, len_max }
    }
}

/// What was found in a request, however far it could be read.
#[derive(Clone, Copy, Default)]
struct Found {
    spans: u64,
    /// How many of them are refused alone.
    rejected_spans: u64,
    cuts: Cuts,
}

async fn decode_where_it_fits(
    app: &Arc<App>,
    encoded: Encoded,
    body: ReadBody,
) -> (Found, Result<Received, Refusal>) {
    let told = inflated_len_told(encoded.encoding, &body.bytes);
    let is_in_place = told.is_some_and(|told| told <= IN_PLACE_LEN_MAX)
        && match encoded.encoding {
            ContentEncoding::Identity => true,
            ContentEncoding::Gzip => body.bytes.len() <= IN_PLACE_COMPRESSED_LEN_MAX,
            ContentEncoding::Deflate | ContentEncoding::Zstd => false,
        };
    if is_in_place {
        return decode(app, encoded, body);
    }
    let needs_turn = encoded.encoding != ContentEncoding::Identity
        && told.is_none_or(|told| told > WITHOUT_TURN_LEN_MAX);
    let turn = if needs_turn { app.inflaters.turn().await } else { None };
    let decoding = tokio::task::spawn_blocking({
        let app = Arc::clone(app);
        move || {
            let _turn = turn;
            decode(&app, encoded, body)
        }
    });
    decoding.await.unwrap_or_else(|panicked| {
        let format = encoded.format.name();
        tracing::error!(%panicked, format, "a request made the decoder panic");
        let message = "the body made the decoder panic; the server's log says where";
        (Found::default(), Err(Refusal::bad_request(message)))
    })
}

fn decode(app: &App, encoded: Encoded, body: ReadBody) -> (Found, Result<Received, Refusal>) {
    let ReadBody { bytes, charge } = body;
    let mut spans = ChargedSpans::new(charge);
    let mut cuts = Cuts::default();
    let decoded = inflate_and_decode(app, encoded, &bytes, &mut spans, &mut cuts);
    let rejected_spans = decoded.as_ref().map_or(0, |decoded| decoded.rejected as u64);
    let found = Found { spans: spans.seen_spans() + rejected_spans, rejected_spans, cuts };
    let received = decoded.and_then(|decoded| {
        let resource = spans.take_resource();
        let (spans, charge) = spans.finish()?;
        Ok(Received { bytes, encoded, spans, charge, decoded, resource })
    });
    (found, received)
}

fn inflate_and_decode(
    app: &App,
    encoded: Encoded,
    bytes: &[u8],
    spans: &mut ChargedSpans,
    cuts: &mut Cuts,
) -> Result<Decoded, Refusal> {
    let Encoded { format, encoding, len_max } = encoded;
    let mut decode = |bytes: &[u8], spans: &mut ChargedSpans| {
        let mut limited = Limited::new(SpanLimits::CURRENT, spans);
        let decoded = format.decode(bytes, &mut limited);
        *cuts = limited.cuts();
        Ok(decoded?)
    };
    // An empty body is no spans, whatever its headers say.
    if encoding == ContentEncoding::Identity || bytes.is_empty() {
        return decode(bytes, spans);
    }
    app.inflaters.with_room(|room| {
        let len = inflate(encoding, bytes, len_max, room, &mut |step| spans.charge(step))?;
        decode(&room[..len], spans)
    })
}

/// Who sent a request, and through which door.
struct From {
    door: &'static str,
    peer: Option<SocketAddr>,
}

/// Appends and waits for the outcome.
async fn store(
    app: &App,
    from: From,
    received: Received,
    tally: Tally,
) -> Result<Decoded, Refusal> {
    let (outcome_sender, outcome) = oneshot::channel::<Result<(), Refusal>>();
    let decoded = append(app, from, received, tally, move |outcome| {
        // Nobody listens any more when the client has hung up.
        let _ = outcome_sender.send(outcome);
    });
    match outcome.await {
        Ok(outcome) => outcome.map(|()| decoded),
        Err(_dropped) => Err(AppendError::Closing.into()),
    }
}

/// Appends. The charge is given back, and the spans are counted, when the store is done, even
/// when the asker is gone by then.
fn append(
    app: &App,
    from: From,
    received: Received,
    tally: Tally,
    then: impl FnOnce(Result<(), Refusal>) + Send + 'static,
) -> Decoded {
    let Received { bytes, encoded, spans, charge, decoded, resource: _ } = received;
    let origin = Origin {
        format: Cow::Borrowed(encoded.format.name()),
        content_encoding: Cow::Borrowed(encoded.encoding.name()),
        door: Cow::Borrowed(from.door),
        peer: from.peer,
        arrival_ns: app.clock.now_ns(),
        accepted: u32::try_from(spans.len()).unwrap_or(u32::MAX),
        rejected: u32::try_from(decoded.rejected).unwrap_or(u32::MAX),
        limits: vec![
            (Cow::Borrowed(INFLATED_LEN_LIMIT), encoded.len_max),
            (Cow::Borrowed(SPAN_LIMITS), SpanLimits::CURRENT_NUMBER),
        ],
    };
    let batch = Batch { tenant: app.tenant(), origin, body: bytes, spans };
    let done = Box::new(move |outcome: Result<(), AppendError>| {
        drop(charge);
        let outcome = outcome.map_err(Refusal::from);
        match &outcome {
            Ok(()) => tally.store(),
            Err(refusal) => tally.refuse(refusal),
        }
        then(outcome);
    });
    app.store.append(batch, done);
    decoded
}

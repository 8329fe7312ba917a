//! What every way in over HTTP shares: a body is read, decoded, and handed to the store.
//!
//! Which format a request has, and how it is answered, is each receiver's to say.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Request;
use spandrel_codec::otlp::Decoded;
use spandrel_storage::{AppendError, Batch, Origin, Reservation, SpanBatch, SpanStore as _};
use tokio::sync::oneshot;

use crate::admission::{ContentEncoding, ReadBody, body_len_max, inflate, read_body};
use crate::app::App;
use crate::door::Peer;
use crate::metrics::FormatLabels;
use crate::receivers::decode::{ChargedSpans, INFLATED_LEN_LIMIT};
use crate::receivers::format::WireFormat;
use crate::refusal::Refusal;

/// Bodies up to this size are decoded on the connection's own thread: handing them over would
/// cost more than the decoding, and none holds the thread long.
const DECODED_IN_PLACE_LEN_MAX: usize = 32 << 10;

/// Reads, decodes and stores one request. Returns when all that was accepted is on disk; what is
/// refused is counted.
pub(super) async fn take_in(
    app: &Arc<App>,
    format: Result<WireFormat, Refusal>,
    door: &'static str,
    request: Request,
) -> Result<Decoded, Refusal> {
    let mut span_count = 0;
    let taken = match format {
        Ok(format) => try_take_in(app, format, door, request, &mut span_count).await,
        Err(refusal) => Err(refusal),
    };
    taken.inspect_err(|refusal| {
        app.metrics.count_refusal(refusal, span_count);
        tracing::debug!(reason = refusal.reason, message = refusal.message, "spans refused");
    })
}

/// As [`take_in`]; `span_count` tells how far it got.
async fn try_take_in(
    app: &Arc<App>,
    format: WireFormat,
    door: &'static str,
    request: Request,
    span_count: &mut u64,
) -> Result<Decoded, Refusal> {
    app.check_ready()?;
    let (head, body) = request.into_parts();
    let encoding = ContentEncoding::of(&head.headers)?;
    let body = read_body(&app.budget.requests, &head.headers, body).await?;

    let labels = FormatLabels { format: format.name() };
    app.metrics.requests.get_or_create(&labels).inc();
    app.metrics.received_bytes.get_or_create(&labels).inc_by(body.bytes.len() as u64);

    let peer = head.extensions.get::<Peer>().map(|peer| peer.0);
    let len_max = body_len_max(&app.budget.requests);
    let encoded = Encoded { format, encoding, len_max };
    let received = decode_where_it_fits(app, encoded, body).await?;
    *span_count = received.spans.len() as u64;
    app.metrics.decoded_spans.get_or_create(&labels).inc_by(*span_count);
    if received.spans.is_empty() {
        return Ok(received.decoded);
    }
    let origin = Origin {
        format: Cow::Borrowed(format.name()),
        content_encoding: Cow::Borrowed(encoding.name()),
        door: Cow::Borrowed(door),
        peer,
        arrival_ns: app.clock.now_ns(),
        accepted: u32::try_from(received.spans.len()).unwrap_or(u32::MAX),
        rejected: u32::try_from(received.decoded.rejected).unwrap_or(u32::MAX),
        limits: vec![(Cow::Borrowed(INFLATED_LEN_LIMIT), len_max)],
    };
    let Received { bytes, spans, charge, decoded } = received;
    let batch = Batch { tenant: app.tenant(), origin, body: bytes, spans };
    append(|batch, done| app.store.append(batch, done), batch, charge).await?;
    app.metrics.stored_spans.get_or_create(&labels).inc_by(*span_count);
    Ok(decoded)
}

/// A request that was read and decoded, with what it charges.
struct Received {
    bytes: bytes::Bytes,
    spans: SpanBatch,
    charge: Reservation,
    decoded: Decoded,
}

/// How the bytes of a request stand for spans.
#[derive(Clone, Copy)]
struct Encoded {
    format: WireFormat,
    encoding: ContentEncoding,
    /// How many bytes they may be when inflated.
    len_max: u64,
}

async fn decode_where_it_fits(
    app: &Arc<App>,
    encoded: Encoded,
    body: ReadBody,
) -> Result<Received, Refusal> {
    let is_plain = encoded.encoding == ContentEncoding::Identity;
    let turn = if is_plain { None } else { app.inflaters.turn().await };
    if is_plain && body.bytes.len() <= DECODED_IN_PLACE_LEN_MAX {
        return decode(app, encoded, body);
    }
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
        Err(Refusal::bad_request("the body made the decoder panic; the server's log says where"))
    })
}

fn decode(app: &App, encoded: Encoded, body: ReadBody) -> Result<Received, Refusal> {
    let ReadBody { bytes, charge } = body;
    let mut spans = ChargedSpans::new(charge);
    let decoded = match encoded.encoding {
        // An empty body is no spans, whatever its headers say.
        ContentEncoding::Gzip if !bytes.is_empty() => app.inflaters.with_room(|room| {
            inflate(&bytes, encoded.len_max, room, &mut |step| spans.charge(step))?;
            Ok::<_, Refusal>(encoded.format.decode(room, &mut spans)?)
        })?,
        ContentEncoding::Identity | ContentEncoding::Gzip => {
            encoded.format.decode(&bytes, &mut spans)?
        }
    };
    let (spans, charge) = spans.finish()?;
    Ok(Received { bytes, spans, charge, decoded })
}

/// Appends and waits for the outcome. The charge is given back when the store is done, even
/// when the asker is gone by then.
async fn append(
    append: impl FnOnce(Batch, spandrel_storage::Completion),
    batch: Batch,
    charge: Reservation,
) -> Result<(), Refusal> {
    let (outcome_sender, outcome) = oneshot::channel::<Result<(), AppendError>>();
    let done = Box::new(move |outcome| {
        drop(charge);
        // Nobody listens any more when the client has hung up.
        let _ = outcome_sender.send(outcome);
    });
    append(batch, done);
    match outcome.await {
        Ok(outcome) => Ok(outcome?),
        Err(_dropped) => Err(AppendError::Closing.into()),
    }
}

//! Zipkin's way in over HTTP: POST /api/v1/spans and /api/v2/spans.
//!
//! Statuses and texts are those of zipkin-server's `ZipkinHttpCollector`, with one difference:
//! 202 is answered after the spans are on disk, not before.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use spandrel_codec::zipkin::{self, Format};
use spandrel_storage::{AppendError, Batch, Origin, Reservation, SpanBatch, SpanStore as _};
use tokio::sync::oneshot;

use crate::admission::{ContentEncoding, ReadBody, body_len_max, inflate, read_body};
use crate::app::App;
use crate::door::Peer;
use crate::guard::is_cross_site;
use crate::metrics::FormatLabels;
use crate::receivers::decode::{ChargedSpans, INFLATED_LEN_LIMIT};
use crate::refusal::Refusal;

/// Bodies up to this size are decoded on the connection's own thread: handing them over would
/// cost more than the decoding, and none holds the thread long.
const DECODED_IN_PLACE_LEN_MAX: usize = 32 << 10;

/// The routes of this receiver.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/spans", post(receive_v1)).route("/api/v2/spans", post(receive_v2))
}

async fn receive_v1(State(app): State<Arc<App>>, request: Request) -> Response {
    let format = format_of_v1(request.headers(), request.uri());
    receive(&app, format, request).await
}

async fn receive_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let format = format_of_v2(request.headers(), request.uri());
    receive(&app, format, request).await
}

fn format_of_v1(headers: &HeaderMap, uri: &Uri) -> Result<Format, Refusal> {
    match media_type(headers).as_str() {
        "application/x-thrift" => Ok(Format::V1Thrift),
        other => json_unless_cross_site(other, headers, uri).map(|()| Format::V1Json),
    }
}

fn format_of_v2(headers: &HeaderMap, uri: &Uri) -> Result<Format, Refusal> {
    match media_type(headers).as_str() {
        "application/x-protobuf" => Ok(Format::V2Proto),
        other => json_unless_cross_site(other, headers, uri).map(|()| Format::V2Json),
    }
}

/// The Content-Type in lower case without its parameters, empty when absent.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Zipkin reads every other type as JSON. A page of another site can send those types without
/// asking first, so from there only a true JSON type, for which a browser asks, is read.
fn json_unless_cross_site(media_type: &str, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if media_type != "application/json" && is_cross_site(headers, uri) {
        let message = "from another site's page the Content-Type must be application/json";
        return Err(Refusal::unsupported(message));
    }
    Ok(())
}

async fn receive(app: &Arc<App>, format: Result<Format, Refusal>, request: Request) -> Response {
    let mut span_count = 0;
    match try_receive(app, format, request, &mut span_count).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(refusal) => {
            app.metrics.count_refusal(&refusal, span_count);
            tracing::debug!(reason = refusal.reason, message = refusal.message, "spans refused");
            refusal.into_text()
        }
    }
}

/// Reads, decodes and stores one request; `span_count` tells how far it got.
async fn try_receive(
    app: &Arc<App>,
    format: Result<Format, Refusal>,
    request: Request,
    span_count: &mut u64,
) -> Result<(), Refusal> {
    let format = format?;
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
        return Ok(());
    }
    let origin = Origin {
        format: Cow::Borrowed(format.name()),
        content_encoding: Cow::Borrowed(encoding.name()),
        door: Cow::Borrowed("zipkin-http"),
        peer,
        arrival_ns: app.clock.now_ns(),
        accepted: u32::try_from(received.spans.len()).unwrap_or(u32::MAX),
        rejected: 0,
        limits: vec![(Cow::Borrowed(INFLATED_LEN_LIMIT), len_max)],
    };
    let Received { bytes, spans, charge } = received;
    let batch = Batch { tenant: app.tenant(), origin, body: bytes, spans };
    append(|batch, done| app.store.append(batch, done), batch, charge).await?;
    app.metrics.stored_spans.get_or_create(&labels).inc_by(*span_count);
    Ok(())
}

/// A request that was read and decoded, with what it charges.
struct Received {
    bytes: bytes::Bytes,
    spans: SpanBatch,
    charge: Reservation,
}

/// How the bytes of a request stand for spans.
#[derive(Clone, Copy)]
struct Encoded {
    format: Format,
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
    match encoded.encoding {
        // An empty body is no spans, whatever its headers say.
        ContentEncoding::Gzip if !bytes.is_empty() => app.inflaters.with_room(|room| {
            inflate(&bytes, encoded.len_max, room, &mut |step| spans.charge(step))?;
            Ok::<_, Refusal>(zipkin::decode(encoded.format, room, &mut spans)?)
        })?,
        ContentEncoding::Identity | ContentEncoding::Gzip => {
            zipkin::decode(encoded.format, &bytes, &mut spans)?
        }
    };
    let (spans, charge) = spans.finish()?;
    Ok(Received { bytes, spans, charge })
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

//! Streams the store's traces as lines of JSON.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use spandrel_storage::{EmbeddedStore, Tenant};

use crate::api::answer::mark_partial;
use crate::api::parameters::Parameters;
use crate::api::stream::{StreamWriter, streamed};
use crate::app::App;
use crate::export::{LineFormat, LinesExport, Selection};
use crate::refusal::{JsonRefusal, Refusal};

/// How many spans there are to export, about, where all are.
const SPANS: HeaderName = HeaderName::from_static("spandrel-spans");
/// From how many bytes on what was written is sent.
const PIECE_LEN: usize = 256 << 10;

/// `GET /export`: the newest trace first.
pub(super) async fn export(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, JsonRefusal> {
    let parameters = Parameters::parse(query.as_deref())?;
    let format = match parameters.text("format") {
        None | Some("otlp") => LineFormat::Otlp,
        Some("zipkin") => LineFormat::Zipkin,
        Some(_) => return Err(Refusal::bad_request("format is neither otlp nor zipkin").into()),
    };
    let selection = selection(&parameters)?;
    let place = app.begin_long_work()?;
    let stats = app.store.stats();
    let (body, writer) = streamed();
    let mut response = ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response();
    if selection.is_everything() {
        let spans = HeaderValue::from(stats.head_spans + stats.segment_spans);
        response.headers_mut().insert(SPANS, spans);
    }
    mark_partial(&mut response, app.store.missing().as_deref());
    let (store, tenant) = (Arc::clone(&app.store), app.tenant());
    tokio::task::spawn_blocking(move || {
        let _place = place;
        match write(&store, &tenant, &selection, format, &writer) {
            Ok(()) => writer.finish(),
            Err(error) => tracing::warn!(%error, "an export broke off"),
        }
    });
    Ok(response)
}

fn selection(parameters: &Parameters) -> Result<Selection, Refusal> {
    let time_ns = |name| -> Result<Option<u64>, Refusal> {
        let Some(time_ns) = parameters.number(name)? else { return Ok(None) };
        let time_ns = u64::try_from(time_ns);
        time_ns.map(Some).map_err(|_negative| Refusal::bad_request(format!("{name} < 0")))
    };
    let (start_min_ns, start_max_ns) = (time_ns("startMinNs")?, time_ns("startMaxNs")?);
    let service = parameters.text("serviceName").map(str::to_lowercase);
    Ok(Selection { service, start_min_ns, start_max_ns })
}

fn write(
    store: &EmbeddedStore,
    tenant: &Tenant,
    selection: &Selection,
    format: LineFormat,
    writer: &StreamWriter,
) -> io::Result<()> {
    let was_whole = store.missing().is_none();
    let mut export = LinesExport::new(format);
    let mut sent = Ok(());
    let read = selection.for_each_trace(store, tenant, &mut |spans| {
        export.write(spans);
        if export.len() >= PIECE_LEN {
            sent = writer.send(export.take());
        }
        if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    read.map_err(io::Error::other)?;
    sent?;
    // The header that says so is sent already: an answer that breaks off is the honest one.
    if let (true, Some(missing)) = (was_whole, store.missing()) {
        return Err(io::Error::other(missing));
    }
    writer.send(export.take())
}

//! What changes the store by a person's word: deleting and pinning traces, flushing.
//!
//! Pages of other sites are kept away from all of it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::{delete, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use spandrel_model::TraceId;
use spandrel_query::find_trace;
use spandrel_storage::SpanStore as _;

use super::{backup, not_found, parse_trace_id};
use crate::app::App;
use crate::guard::own_site_only;
use crate::refusal::{JsonRefusal, Refusal};

/// How long the asker waits for a flush. It goes on when that is over.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(60);

type Answer = Result<Json<Value>, JsonRefusal>;

/// The routes that change something.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/traces/{trace_id}", delete(delete_trace))
        .route("/traces/{trace_id}/pin", post(pin).delete(unpin))
        .route("/flush", post(flush))
        .route("/backup", post(backup::backup))
        .route_layer(middleware::from_fn(own_site_only))
}

async fn delete_trace(State(app): State<Arc<App>>, Path(trace_id): Path<String>) -> Answer {
    let trace_id = parse_trace_id(&trace_id)?;
    let deleted = app.change(move |store, tenant| {
        let spans = store.trace(tenant, trace_id.low())?;
        let is_found = spans.iter().any(|span| span.trace_id == trace_id);
        // Where a part of the store can't be read the trace may be in that.
        if !is_found && store.missing().is_none() {
            return Err(not_found(trace_id));
        }
        store.delete_trace(tenant, trace_id.low())?;
        Ok(spans.len())
    });
    let deleted = deleted.await?;
    tracing::info!(%trace_id, spans = deleted, "a trace was deleted");
    Ok(Json(json!({ "traceId": trace_id.to_string(), "deletedSpans": deleted })))
}

async fn pin(State(app): State<Arc<App>>, Path(trace_id): Path<String>) -> Answer {
    let trace_id = parse_trace_id(&trace_id)?;
    let pinned = app.change(move |store, tenant| {
        check_found(store, tenant, trace_id)?;
        Ok(store.pin_trace(tenant, trace_id.low())?)
    });
    let pinned = pinned.await?;
    Ok(Json(json!({ "traceId": trace_id.to_string(), "pinnedSpans": pinned })))
}

async fn unpin(State(app): State<Arc<App>>, Path(trace_id): Path<String>) -> Answer {
    let trace_id = parse_trace_id(&trace_id)?;
    let was_pinned =
        app.change(move |store, tenant| Ok(store.unpin_trace(tenant, trace_id.low())?)).await?;
    Ok(Json(json!({ "traceId": trace_id.to_string(), "wasPinned": was_pinned })))
}

fn check_found(
    store: &spandrel_storage::EmbeddedStore,
    tenant: &spandrel_storage::Tenant,
    trace_id: TraceId,
) -> Result<(), Refusal> {
    match find_trace(store, tenant, trace_id)? {
        Some(_) => Ok(()),
        None => Err(not_found(trace_id).with_partial(store.missing())),
    }
}

async fn flush(State(app): State<Arc<App>>) -> Answer {
    app.check_ready()?;
    let place = app.begin_long_work()?;
    let store = Arc::clone(&app.store);
    let flushing = tokio::task::spawn_blocking(move || {
        let _place = place;
        store.flush();
    });
    let stats = || app.store.stats();
    match tokio::time::timeout(FLUSH_WAIT_MAX, flushing).await {
        Ok(Ok(())) => {
            let stats = stats();
            Ok(Json(json!({ "segments": stats.segments, "spans": stats.segment_spans })))
        }
        Ok(Err(panicked)) => {
            tracing::error!(%panicked, "a flush panicked");
            Err(Refusal::unavailable("flush", "the flush panicked; the log says where").into())
        }
        Err(_elapsed) => {
            let trouble = stats().job_trouble.unwrap_or_else(|| "it takes its time".to_owned());
            let message = format!("the flush is not done yet: {trouble}");
            Err(Refusal::unavailable("flush", message).into())
        }
    }
}

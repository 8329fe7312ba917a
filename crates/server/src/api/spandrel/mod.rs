//! Spandrel's own API, under /api/spandrel: what its UI and its command line read.
//!
//! Trees, joined rows and corrected times are computed here once, so that a reader only draws.
//! docs/api.md describes every answer.

mod backup;
mod changes;
mod export;
mod fields;
mod span_view;
mod status;
mod trace_view;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use spandrel_model::trace::{Summary, Trace};
use spandrel_model::{SpanId, TraceId};
use spandrel_query::{dependencies, find_trace, search};
use spandrel_storage::NameRequest;

use crate::api::answer::WithPartial;
use crate::api::parameters::{Parameters, now_ms};
use crate::app::App;
use crate::refusal::{JsonRefusal, Refusal};
use span_view::SpanView;
use trace_view::TraceView;

type Answer<T> = Result<Json<WithPartial<T>>, JsonRefusal>;

/// The routes of this API.
pub(crate) fn routes() -> Router<Arc<App>> {
    let api = Router::new()
        .route("/services", get(services))
        .route("/operations", get(operations))
        .route("/traces", get(traces))
        .route("/traces/{trace_id}", get(trace))
        .route("/traces/{trace_id}/spans/{span_id}", get(span))
        .route("/dependencies", get(dependency_links))
        .route("/export", get(export::export))
        .route("/status", get(status::status))
        .merge(changes::routes())
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    Router::new().nest("/api/spandrel", api)
}

async fn no_such_path() -> JsonRefusal {
    Refusal::not_found("the API has no such path: docs/api.md lists all").into()
}

async fn no_such_method(method: Method) -> JsonRefusal {
    let message = format!("{method} does nothing here");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", message).into()
}

async fn services(State(app): State<Arc<App>>) -> Answer<Value> {
    let wanted = NameRequest::Services;
    let services = app.query(move |store, tenant| Ok(store.names(tenant, &wanted)?)).await?;
    Ok(services.map(|services| json!({ "services": services })).into_json())
}

async fn operations(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer<Value> {
    let parameters = Parameters::parse(query.as_deref())?;
    let service = parameters.required("serviceName")?.to_lowercase();
    let answer = app.query(move |store, tenant| {
        let wanted = NameRequest::SpanNames { service: service.clone() };
        let span_names = store.names(tenant, &wanted)?;
        let remote_services = store.names(tenant, &NameRequest::RemoteServices { service })?;
        Ok(json!({ "spanNames": span_names, "remoteServices": remote_services }))
    });
    Ok(answer.await?.into_json())
}

/// What a list of traces shows of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryView {
    trace_id: String,
    start_ns: Option<String>,
    duration_ns: Option<u64>,
    root_service: Option<String>,
    root_name: Option<String>,
    span_count: usize,
    error_count: usize,
    services: Vec<ServiceView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceView {
    name: String,
    span_count: usize,
}

impl From<Summary> for SummaryView {
    fn from(summary: Summary) -> Self {
        let service = |(name, span_count)| ServiceView { name, span_count };
        Self {
            trace_id: summary.trace_id.to_string(),
            start_ns: summary.start_ns.map(|start_ns| start_ns.to_string()),
            duration_ns: summary.duration_ns,
            root_service: summary.root_service,
            root_name: summary.root_name,
            span_count: summary.span_count,
            error_count: summary.error_count,
            services: summary.services.into_iter().map(service).collect(),
        }
    }
}

async fn traces(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer<Value> {
    let question = Parameters::parse(query.as_deref())?.search(&*app.clock)?;
    let wanted = question.compile()?;
    let answer = app.query(move |store, tenant| {
        let answer = search(store, tenant, &wanted)?;
        let assembled = answer.traces.iter().filter_map(spandrel_query::StoredTrace::assemble);
        let summaries: Vec<_> = assembled.map(|trace| SummaryView::from(summary(trace))).collect();
        Ok(json!({ "traces": summaries, "limit": wanted.limit, "isCut": answer.is_cut }))
    });
    Ok(answer.await?.into_json())
}

/// A summary counts time as the trace's page shows it: with the clocks corrected.
fn summary(mut trace: Trace) -> Summary {
    trace.correct_skew();
    trace.summary()
}

async fn trace(
    State(app): State<Arc<App>>,
    Path(trace_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer<TraceView> {
    let trace_id = parse_trace_id(&trace_id)?;
    let is_raw = Parameters::parse(query.as_deref())?.switch("raw")?;
    let view = app.query(move |store, tenant| {
        let found = find_trace(store, tenant, trace_id)?.ok_or_else(|| not_found(trace_id))?;
        let trace = found.assemble().ok_or_else(|| not_found(trace_id))?;
        Ok(TraceView::of(trace, found.spans.len(), is_raw))
    });
    Ok(view.await?.into_json())
}

async fn span(
    State(app): State<Arc<App>>,
    Path((trace_id, span_id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer<SpanView> {
    let trace_id = parse_trace_id(&trace_id)?;
    let span_id = SpanId::parse(&span_id.to_ascii_lowercase())
        .map_err(|reason| Refusal::bad_request(format!("no span id: {reason}")))?;
    let is_raw = Parameters::parse(query.as_deref())?.switch("raw")?;
    let view = app.query(move |store, tenant| {
        let found = find_trace(store, tenant, trace_id)?.ok_or_else(|| not_found(trace_id))?;
        let trace = found.assemble().ok_or_else(|| not_found(trace_id))?;
        let view = SpanView::of(trace, span_id, is_raw);
        view.ok_or_else(|| {
            Refusal::not_found(format!("the trace {trace_id} has no span {span_id}"))
        })
    });
    Ok(view.await?.into_json())
}

/// Reads an id as people paste it: upper case is welcome here.
fn parse_trace_id(text: &str) -> Result<TraceId, Refusal> {
    TraceId::parse(&text.trim().to_ascii_lowercase())
        .map_err(|reason| Refusal::bad_request(format!("no trace id: {reason}")))
}

fn not_found(trace_id: TraceId) -> Refusal {
    Refusal::not_found(format!("{trace_id} not found"))
}

async fn dependency_links(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer<Value> {
    let parameters = Parameters::parse(query.as_deref())?;
    let end_ts_ms = parameters.number("endTs")?.unwrap_or_else(|| now_ms(&*app.clock));
    let (start_min_ns, start_max_ns) = parameters.window_ns(end_ts_ms)?;
    let links = app
        .query(move |store, tenant| Ok(dependencies(store, tenant, start_min_ns, start_max_ns)?))
        .await?;
    let row = |link: spandrel_model::trace::DependencyLink| {
        json!({
            "parent": link.parent,
            "child": link.child,
            "callCount": link.call_count,
            "errorCount": link.error_count,
        })
    };
    let rows = links.map(|links| links.into_iter().map(row).collect::<Vec<_>>());
    Ok(rows.map(|rows| json!({ "links": rows })).into_json())
}

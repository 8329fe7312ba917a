//! Zipkin's read API, v2, as zipkin-server answers it: paths, defaults, statuses, texts.
//!
//! Spans come out as they were received, in Zipkin's own folds: lower-case names, text tags.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderValue;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use spandrel_codec::zipkin::{Format, encode};
use spandrel_model::TraceId;
use spandrel_query::{StoredTrace, dependencies, find_trace, search};
use spandrel_storage::NameRequest;

use crate::api::parameters::{LIMIT_DEFAULT, Parameters};
use crate::app::{Answered, App};
use crate::refusal::{Refusal, TextRefusal};

/// From how many services on names are worth caching in a browser (Zipkin's rule: with fewer,
/// somebody is setting things up and wants to see each new one at once).
const CACHED_ABOVE_SERVICES: usize = 3;
/// How many trace ids one `traceMany` may name.
const TRACE_MANY_MAX: usize = 1_000;

type Answer = Result<Response, TextRefusal>;

/// The routes of this API, at Zipkin's path and at the one that Zipkin's own UI uses.
pub(crate) fn routes() -> Router<Arc<App>> {
    let api = Router::new()
        .route("/services", get(services))
        .route("/spans", get(span_names))
        .route("/remoteServices", get(remote_services))
        .route("/traces", get(traces))
        .route("/trace/{trace_id}", get(trace))
        .route("/traceMany", get(trace_many))
        .route("/dependencies", get(dependency_links))
        .route("/autocompleteKeys", get(autocomplete_keys))
        .route("/autocompleteValues", get(autocomplete_values));
    Router::new()
        .nest("/api/v2", api.clone())
        .nest("/zipkin/api/v2", api)
        .route("/zipkin/config.json", get(ui_config))
}

async fn services(State(app): State<Arc<App>>) -> Answer {
    let names = folded_names(&app, NameRequest::Services).await?;
    app.has_many_services.store(names.value.len() > CACHED_ABOVE_SERVICES, Ordering::Relaxed);
    Ok(cached_names(&app, names))
}

async fn span_names(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let service = required_service(query.as_deref())?;
    let names = folded_names(&app, NameRequest::SpanNames { service }).await?;
    Ok(cached_names(&app, names))
}

async fn remote_services(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let service = required_service(query.as_deref())?;
    let names = folded_names(&app, NameRequest::RemoteServices { service }).await?;
    Ok(cached_names(&app, names))
}

fn required_service(query: Option<&str>) -> Result<String, Refusal> {
    Ok(Parameters::parse(query)?.required("serviceName")?.to_lowercase())
}

async fn folded_names(
    app: &App,
    wanted: NameRequest,
) -> Result<Answered<BTreeSet<String>>, Refusal> {
    let names = app.query(move |store, tenant| Ok(store.names(tenant, &wanted)?)).await?;
    Ok(names.map(|names| names.iter().map(|name| name.to_lowercase()).collect()))
}

fn cached_names(app: &App, names: Answered<BTreeSet<String>>) -> Response {
    // What is incomplete now may be whole the next moment.
    let is_cached = names.partial.is_none();
    let mut response = names.map(Json).into_response();
    if is_cached && app.has_many_services.load(Ordering::Relaxed) {
        let value = HeaderValue::from_static("max-age=300, must-revalidate");
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    response
}

async fn traces(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let wanted = Parameters::parse(query.as_deref())?.search(&*app.clock)?.compile()?;
    let body = app
        .query(move |store, tenant| Ok(json_lists(&search(store, tenant, &wanted)?.traces)))
        .await?;
    Ok(body.map(json_response).into_response())
}

async fn trace(State(app): State<Arc<App>>, Path(text): Path<String>) -> Answer {
    let trace_id = parse_trace_id(&text)?;
    let body = app
        .query(move |store, tenant| {
            let found = find_trace(store, tenant, trace_id)?;
            let found = found.ok_or_else(|| Refusal::not_found(format!("{trace_id} not found")))?;
            let mut body = Vec::new();
            append_list(&found, &mut body);
            Ok(body)
        })
        .await?;
    Ok(body.map(json_response).into_response())
}

async fn trace_many(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let parameters = Parameters::parse(query.as_deref())?;
    let trace_ids = parse_trace_ids(parameters.text("traceIds").unwrap_or_default())?;
    let body = app
        .query(move |store, tenant| {
            let mut found = Vec::new();
            for trace_id in trace_ids {
                found.extend(find_trace(store, tenant, trace_id)?);
            }
            Ok(json_lists(&found))
        })
        .await?;
    Ok(body.map(json_response).into_response())
}

/// One row of `/dependencies`; the errors are left out when there are none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    parent: String,
    child: String,
    call_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    error_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

async fn dependency_links(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let parameters = Parameters::parse(query.as_deref())?;
    parameters.required("endTs")?;
    let end_ts_ms = parameters.number("endTs")?.unwrap_or_default();
    let (start_min_ns, start_max_ns) = parameters.window_ns(end_ts_ms)?;
    let links = app
        .query(move |store, tenant| Ok(dependencies(store, tenant, start_min_ns, start_max_ns)?))
        .await?;
    let row = |link: spandrel_model::trace::DependencyLink| Link {
        parent: link.parent,
        child: link.child,
        call_count: link.call_count,
        error_count: link.error_count,
    };
    let rows = links.map(|links| Json(links.into_iter().map(row).collect::<Vec<_>>()));
    Ok(rows.into_response())
}

/// Which tags are worth completing is an operator's list in Zipkin, empty by default. Here
/// there is no such list.
async fn autocomplete_keys() -> Response {
    Json(Vec::<String>::new()).into_response()
}

/// Of a key that is not on the list no values are known, as in Zipkin.
async fn autocomplete_values(RawQuery(query): RawQuery) -> Answer {
    Parameters::parse(query.as_deref())?.required("key")?;
    Ok(Json(Vec::<String>::new()).into_response())
}

/// What Zipkin's UI asks before it draws: zipkin-server's own defaults.
async fn ui_config() -> Response {
    let config = serde_json::json!({
        "environment": "",
        "queryLimit": LIMIT_DEFAULT,
        "defaultLookback": 900_000,
        "searchEnabled": true,
        "logsUrl": null,
        "supportUrl": null,
        "archivePostUrl": null,
        "archiveUrl": null,
        "dependency": { "enabled": true, "lowErrorRate": 0.5, "highErrorRate": 0.75 },
    });
    let cached = [(CACHE_CONTROL, HeaderValue::from_static("max-age=600"))];
    (cached, Json(config)).into_response()
}

fn parse_trace_id(text: &str) -> Result<TraceId, Refusal> {
    let text = text.trim();
    TraceId::parse(text).map_err(|_reason| {
        // Zipkin's text; what was sent is echoed only as far as it can be an id.
        let shown: String = text.chars().take(64).collect();
        Refusal::bad_request(format!("{shown} should be lower-hex encoded with no prefix"))
    })
}

fn parse_trace_ids(list: &str) -> Result<Vec<TraceId>, Refusal> {
    let mut trace_ids = Vec::new();
    for text in list.split(',').filter(|text| !text.trim().is_empty()) {
        let trace_id = parse_trace_id(text)?;
        if trace_ids.contains(&trace_id) {
            return Err(Refusal::bad_request(format!("redundant traceId: {trace_id}")));
        }
        if trace_ids.len() == TRACE_MANY_MAX {
            let message = format!("traceIds names more than {TRACE_MANY_MAX} traces");
            return Err(Refusal::bad_request(message));
        }
        trace_ids.push(trace_id);
    }
    match trace_ids.len() {
        0 => Err(Refusal::bad_request("traceIds parameter is empty")),
        1 => Err(Refusal::bad_request(
            "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace",
        )),
        _ => Ok(trace_ids),
    }
}

fn json_lists(traces: &[StoredTrace]) -> Vec<u8> {
    let mut body = vec![b'['];
    for (index, trace) in traces.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        append_list(trace, &mut body);
    }
    body.push(b']');
    body
}

fn append_list(trace: &StoredTrace, body: &mut Vec<u8>) {
    encode(Format::V2Json, trace.spans.iter().map(AsRef::as_ref), body);
}

fn json_response(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(list: &str) -> String {
        parse_trace_ids(list).unwrap_err().message
    }

    #[test]
    fn lists_of_trace_ids_are_refused_in_zipkins_words() {
        assert_eq!(refused(""), "traceIds parameter is empty");
        assert_eq!(refused("1,0000000000000001"), "redundant traceId: 0000000000000001");
        assert_eq!(refused("1"), "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace");
        assert_eq!(refused("1,xyz"), "xyz should be lower-hex encoded with no prefix");
        assert_eq!(parse_trace_ids("1, 2").unwrap().len(), 2);
    }
}

//! The server layer: names, tags, traces continued, and work that ends badly.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{self, Poll};

use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use spandrel::mock::MockTracer;
use spandrel::{FinishedSpan, SpanKind, SpanRef, active_span, fields, tags};
use spandrel_http::{ServerBody, ServerLayer};
use tower::{Layer, Service, ServiceExt};

use crate::support::*;

fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// Serves one request through the layer and reads the whole answer.
async fn served(layer: ServerLayer, request: Request<Body>) -> String {
    let app = Router::new()
        .route("/users/{id}", get(|| async { "a user" }))
        .route("/broken", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .layer(layer);
    let response = soon(app.oneshot(request)).await.unwrap();
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn finished(tracer: &MockTracer) -> FinishedSpan {
    let mut spans = tracer.finished_spans();
    assert_eq!(spans.len(), 1);
    assert_eq!(tracer.unfinished_spans().len(), 0);
    spans.remove(0)
}

/// The kind and message of the span's error.
fn error(span: &FinishedSpan) -> (String, String) {
    assert!(span.is_error());
    let log = span.logs().last().expect("an error is logged");
    assert_eq!(log.event(), Some("error"));
    let field = |key| log.field(key).unwrap().to_string();
    (field(fields::ERROR_KIND), field(fields::MESSAGE))
}

#[tokio::test]
async fn a_request_makes_a_span_with_the_tags_that_go_writes() {
    let tracer = MockTracer::new();
    let layer = ServerLayer::new(tracer.tracer());
    served(layer, request(Method::GET, "/users/7?sig=secret")).await;
    let span = finished(&tracer);
    assert_eq!(span.operation_name(), "HTTP GET");
    assert_eq!(span.kind(), Some(SpanKind::Server));
    assert_eq!(tag(&span, tags::HTTP_METHOD), Some("GET".into()));
    assert_eq!(tag(&span, tags::HTTP_URL), Some("/users/7?sig=REDACTED".into()));
    assert_eq!(tag(&span, tags::COMPONENT), Some("spandrel-http".into()));
    assert_eq!(tag(&span, tags::HTTP_STATUS_CODE), Some(200.into()));
    assert_eq!(tag(&span, "http.response_size"), Some(6.into()));
    assert!(!span.is_error() && span.logs().is_empty());
}

#[tokio::test]
async fn it_continues_the_trace_of_its_caller() {
    let tracer = MockTracer::new();
    let caller = tracer.start_span("caller");
    let mut request = request(Method::GET, "/users/7");
    tracer.inject(&caller, request.headers_mut());
    served(ServerLayer::new(tracer.tracer()), request).await;
    let span = only(&tracer, "HTTP GET");
    assert_eq!(span.parent_id(), Some(caller.span_id()));
    assert_eq!(span.trace_id(), caller.trace_id());
}

#[tokio::test]
async fn headers_that_cannot_be_read_start_a_trace() {
    let tracer = MockTracer::new();
    let mut request = request(Method::GET, "/users/7");
    request.headers_mut().insert("mockpfx-ids-traceid", "no number".parse().unwrap());
    served(ServerLayer::new(tracer.tracer()), request).await;
    assert_eq!(finished(&tracer).parent_id(), None);
}

#[tokio::test]
async fn a_shared_span_takes_over_the_callers_id() {
    let tracer = MockTracer::with(|builder| builder.shared_rpc_span(true));
    let caller = tracer.start_span("caller");
    let mut request = request(Method::GET, "/users/7");
    tracer.inject(&caller, request.headers_mut());
    served(ServerLayer::new(tracer.tracer()), request).await;
    assert_eq!(only(&tracer, "HTTP GET").span_id(), caller.span_id());
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn spans_are_named_after_routes_where_asked() {
    let tracer = MockTracer::new();
    let layer = ServerLayer::new(tracer.tracer()).with_route_names();
    served(layer.clone(), request(Method::GET, "/users/7")).await;
    served(layer, request(Method::GET, "/no-such-page")).await;
    let spans = tracer.finished_spans();
    assert_eq!(spans[0].operation_name(), "HTTP GET /users/{id}");
    assert_eq!(tag(&spans[0], "http.route"), Some("/users/{id}".into()));
    assert_eq!(spans[1].operation_name(), "HTTP GET");
    assert_eq!(tag(&spans[1], "http.route"), None);
}

#[tokio::test]
async fn names_are_the_programs_to_choose() {
    let tracer = MockTracer::new();
    let layer = ServerLayer::new(tracer.tracer()).name_by(|request| request.uri.path().to_owned());
    served(layer, request(Method::PUT, "/users/7")).await;
    assert_eq!(finished(&tracer).operation_name(), "/users/7");
}

#[tokio::test]
async fn what_the_filter_leaves_out_is_served_without_a_span() {
    let tracer = MockTracer::new();
    let layer = ServerLayer::new(tracer.tracer())
        .filter(|request| request.uri.path() != "/users/7")
        .observe(|span, request| {
            span.set_tag("path", request.uri.path());
        });
    assert_eq!(served(layer.clone(), request(Method::GET, "/users/7")).await, "a user");
    assert_eq!(tracer.finished_spans().len(), 0);
    served(layer, request(Method::GET, "/users/8")).await;
    assert_eq!(tag(&finished(&tracer), "path"), Some("/users/8".into()));
}

#[tokio::test]
async fn a_status_of_500_or_above_is_an_error_and_404_is_not() {
    let tracer = MockTracer::new();
    let layer = ServerLayer::new(tracer.tracer());
    served(layer.clone(), request(Method::GET, "/broken")).await;
    served(layer, request(Method::GET, "/no-such-page")).await;
    let spans = tracer.finished_spans();
    assert_eq!(tag(&spans[0], tags::HTTP_STATUS_CODE), Some(503.into()));
    assert!(spans[0].is_error());
    assert_eq!(tag(&spans[1], tags::HTTP_STATUS_CODE), Some(404.into()));
    assert!(!spans[1].is_error());
}

#[tokio::test]
async fn the_span_is_in_the_request_and_active_whenever_the_service_runs() {
    let tracer = MockTracer::new();
    let handler = |Extension(span): Extension<SpanRef>| async move {
        let before = active_span().map(|active| active.span_id());
        tokio::task::yield_now().await;
        let after = active_span().map(|active| active.span_id());
        assert_eq!(before, Some(span.span_id()));
        assert_eq!(after, Some(span.span_id()));
        "ok"
    };
    let app = Router::new().route("/", get(handler)).layer(ServerLayer::new(tracer.tracer()));
    let response = soon(app.oneshot(request(Method::GET, "/"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(active_span().is_none());
}

#[tokio::test]
async fn a_panic_is_written_on_the_span_and_goes_on() {
    let tracer = MockTracer::new();
    let service = tower::service_fn(|request: Request<Body>| async move {
        let path = request.uri().path();
        assert!(path != "/", "there is no {}", "coffee");
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let service = ServerLayer::new(tracer.tracer()).layer(service);
    let caught = tokio::spawn(service.oneshot(request(Method::GET, "/"))).await;
    assert!(caught.unwrap_err().is_panic());
    let span = finished(&tracer);
    assert_eq!(error(&span), ("panic".to_owned(), "there is no coffee".to_owned()));
    assert_eq!(span.logs().len(), 1);
    assert_eq!(tag(&span, tags::HTTP_STATUS_CODE), None);
}

#[tokio::test]
async fn a_request_that_is_dropped_before_its_response_is_marked() {
    let tracer = MockTracer::new();
    let service = tower::service_fn(|_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let mut service = ServerLayer::new(tracer.tracer()).layer(service);
    let mut response = service.call(request(Method::GET, "/"));
    let mut cx = task::Context::from_waker(task::Waker::noop());
    assert!(Pin::new(&mut response).poll(&mut cx).is_pending());
    assert_eq!(tracer.finished_spans().len(), 0);
    drop(response);
    assert_eq!(error(&finished(&tracer)).0, "cancelled");
}

#[tokio::test]
async fn an_error_in_place_of_a_response_is_marked() {
    let tracer = MockTracer::new();
    let service =
        tower::service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>("out of order") });
    let service = ServerLayer::new(tracer.tracer()).layer(service);
    assert_eq!(soon(service.oneshot(request(Method::GET, "/"))).await.unwrap_err(), "out of order");
    let span = finished(&tracer);
    assert_eq!(error(&span), ("service".to_owned(), "out of order".to_owned()));
}

/// A body of these frames, the last one first.
struct Frames(Vec<Result<&'static str, &'static str>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let frame = self.0.pop();
        Poll::Ready(frame.map(|frame| frame.map(|text| Frame::data(text.into()))))
    }
}

/// Answers with a body of these frames, the last one first, and traces it.
async fn streamed(
    tracer: &MockTracer,
    method: Method,
    frames: &[Result<&'static str, &'static str>],
) -> Response<ServerBody<Frames>> {
    let frames = frames.to_vec();
    let service = tower::service_fn(move |_: Request<Body>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Frames(frames.clone()))))
    });
    let service = ServerLayer::new(tracer.tracer()).layer(service);
    soon(service.oneshot(request(method, "/"))).await.unwrap()
}

#[tokio::test]
async fn the_span_lasts_as_long_as_the_body() {
    let tracer = MockTracer::new();
    let response = streamed(&tracer, Method::GET, &[Ok("three"), Ok("one")]).await;
    assert_eq!(tracer.finished_spans().len(), 0);
    soon(response.into_body().collect()).await.unwrap();
    let span = finished(&tracer);
    assert_eq!(tag(&span, "http.response_size"), Some(8.into()));
    assert!(!span.is_error());
}

#[tokio::test]
async fn a_response_that_is_dropped_before_its_end_is_marked() {
    let tracer = MockTracer::new();
    let mut response = streamed(&tracer, Method::GET, &[Ok("three"), Ok("one")]).await;
    soon(response.body_mut().frame()).await.unwrap().unwrap();
    drop(response);
    let span = finished(&tracer);
    let message = "the response was dropped after 3 bytes";
    assert_eq!(error(&span), ("cancelled".to_owned(), message.to_owned()));
    assert_eq!(tag(&span, tags::HTTP_STATUS_CODE), Some(200.into()));
}

#[tokio::test]
async fn a_response_that_breaks_off_is_marked() {
    let tracer = MockTracer::new();
    let frames = [Err("the disk is gone"), Ok("one")];
    let response = streamed(&tracer, Method::GET, &frames).await;
    assert!(soon(response.into_body().collect()).await.is_err());
    assert_eq!(error(&finished(&tracer)), ("body".to_owned(), "the disk is gone".to_owned()));
}

#[tokio::test]
async fn a_head_request_is_complete_without_its_body() {
    let tracer = MockTracer::new();
    drop(streamed(&tracer, Method::HEAD, &[Ok("one")]).await);
    assert!(!finished(&tracer).is_error());
}

#[tokio::test]
async fn over_a_real_connection_both_sides_agree() {
    let tracer = MockTracer::new();
    let port = serve(article().layer(ServerLayer::new(tracer.tracer()))).await;
    ask(&client(&tracer), &format!("http://shop:{port}/")).await;
    until(|| tracer.finished_spans().len() == 5).await;
    let hops = named(&tracer, "HTTP GET");
    let of_kind = |kind| hops.iter().filter(move |hop| hop.kind() == Some(kind));
    for server in of_kind(SpanKind::Server) {
        assert!(!server.is_error(), "{:?}", server.logs());
        let client = of_kind(SpanKind::Client)
            .find(|client| server.parent_id() == Some(client.span_id()))
            .expect("each server's span has its client's as parent");
        let status = tags::HTTP_STATUS_CODE;
        assert_eq!(tag(server, status), tag(client, status));
    }
    assert_eq!(of_kind(SpanKind::Server).count(), 2);
}

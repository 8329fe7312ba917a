//! What OpenTelemetry says and Zipkin cannot, a reader of Zipkin's formats still finds.

use std::sync::Arc;

use serde_json::json;
use spandrel_model::{
    Attribute, Event, Link, LinkKind, Resource, Scope, Span, SpanId, SpanKind, StatusCode, TraceId,
    Value,
};

use crate::testdata::as_v2;

fn span() -> Span<'static> {
    Span::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap())
}

#[test]
fn names_are_lower_case_and_kinds_are_zipkins() {
    let mut span = span();
    span.name = "GET /É".into();
    span.kind = Some(SpanKind::Internal);
    span.resource = Resource::of_service("Frontend");
    let expected = json!([{
        "traceId": "0000000000000001", "id": "0000000000000002", "name": "get /é",
        "localEndpoint": {"serviceName": "frontend"},
    }]);
    assert_eq!(as_v2(&[span]), expected);
}

#[test]
fn a_duration_below_a_microsecond_is_one_because_zero_means_absent() {
    let mut span = span();
    span.start_ns = Some(1_999);
    for (duration_ns, duration_us) in [(0, 1), (999, 1), (1_999, 1), (2_000, 2)] {
        span.duration_ns = Some(duration_ns);
        assert_eq!(as_v2(&[span.clone()])[0]["duration"], duration_us);
    }
}

#[test]
fn status_scope_resource_and_links_become_tags() {
    let mut span = span();
    span.resource = Arc::new(Resource {
        attributes: vec![Attribute::new("host.name", "a"), Attribute::new("mine", "resource")],
        ..Resource::default()
    });
    span.attributes = vec![Attribute::new("mine", "span"), Attribute::new("twice", 1)];
    span.attributes.push(Attribute::new("twice", 2));
    span.scope =
        Some(Arc::new(Scope { name: "lib".into(), version: "1".into(), ..Scope::default() }));
    span.status.code = StatusCode::Error;
    span.status.message = "timeout".into();
    span.dropped.events = 3;
    span.links.push(Link {
        kind: LinkKind::Related,
        trace_id: TraceId::new(3).unwrap(),
        span_id: SpanId::new(4).unwrap(),
        trace_state: "a=b".into(),
        trace_flags: 0,
        attributes: vec![Attribute::new("k", 5)],
        dropped_attributes: 6,
    });
    let expected = json!({
        "error": "timeout",
        "host.name": "a",
        "mine": "span",
        "otel.dropped_events_count": "3",
        "otel.scope.name": "lib",
        "otel.scope.version": "1",
        "otel.status_code": "ERROR",
        "otlp.link.0": "00000000000000000000000000000003|0000000000000004|a=b|{\"k\":5}|6",
        "twice": "2",
    });
    assert_eq!(as_v2(&[span])[0]["tags"], expected);
}

#[test]
fn a_failed_span_without_a_message_has_the_error_tag_true_unless_it_has_its_own() {
    let mut span = span();
    span.status.code = StatusCode::Error;
    assert_eq!(as_v2(&[span.clone()])[0]["tags"]["error"], "true");
    span.attributes.push(Attribute::new("error", "refused"));
    assert_eq!(as_v2(&[span])[0]["tags"]["error"], "refused");
}

#[test]
fn an_event_with_attributes_is_one_json_object_and_each_event_stands_once() {
    let mut span = span();
    let mut event = Event::new(7_000, "DNSStart");
    event.attributes.push(Attribute::new("host", "localhost"));
    event.attributes.push(Attribute::new("tries", Value::Int(2)));
    span.events = vec![event.clone(), Event::new(5_000, "b"), Event::new(5_000, "a"), event];
    let expected = json!([
        {"timestamp": 5, "value": "a"},
        {"timestamp": 5, "value": "b"},
        {"timestamp": 7, "value": "{\"event\":\"DNSStart\",\"host\":\"localhost\",\"tries\":2}"},
    ]);
    assert_eq!(as_v2(&[span])[0]["annotations"], expected);
}

#[test]
fn shared_is_not_written_for_a_client() {
    let mut span = span();
    span.is_shared = true;
    span.kind = Some(SpanKind::Client);
    assert_eq!(as_v2(&[span.clone()])[0].get("shared"), None);
    span.kind = Some(SpanKind::Server);
    assert_eq!(as_v2(&[span])[0]["shared"], true);
}

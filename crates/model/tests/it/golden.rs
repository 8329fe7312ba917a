//! The traces of Zipkin's own tests, against what Zipkin makes of them.

use std::fs;

use serde_json::{Value as Json, json};
use spandrel_codec::zipkin::{Format, decode, encode};
use spandrel_model::trace::{Trace, merge};
use spandrel_model::{Span, SpanKind};

pub(crate) const NAMES: [&str; 11] = [
    "ascend",
    "envoy",
    "lens-test-malformed",
    "lens-test-skew",
    "messaging",
    "messaging-kafka",
    "simple-db-p6",
    "skew",
    "smartthings-oauth-authorization",
    "zipkin2-chinese",
    "zipkin2-client",
];

fn read(name: &str, what: &str) -> Vec<u8> {
    let path = format!("{}/testdata/zipkin/{name}.{what}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn read_json(name: &str, what: &str) -> Vec<Json> {
    serde_json::from_slice(&read(name, what)).unwrap()
}

fn read_spans(name: &str, what: &str) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    decode(Format::V2Json, &read(name, what), &mut spans).unwrap();
    assert!(!spans.is_empty(), "{name}.{what}");
    spans
}

fn received(name: &str) -> Vec<Span<'static>> {
    read_spans(name, "v2.normalized")
}

fn assembled(name: &str) -> Trace {
    Trace::assemble(received(name)).unwrap()
}

/// Spans as Zipkin's JSON, which sorts tags and leaves out what its model does not have.
fn as_json<'s>(spans: impl IntoIterator<Item = &'s Span<'s>>) -> Vec<Json> {
    let mut body = Vec::new();
    encode(Format::V2Json, spans, &mut body);
    serde_json::from_slice(&body).unwrap()
}

/// Compares one by one, so that a failure shows the one span and not the whole trace.
#[track_caller]
fn assert_each_eq(computed: Vec<Json>, golden: Vec<Json>) {
    for (computed, golden) in computed.iter().zip(&golden) {
        assert_eq!(computed, golden);
    }
    assert_eq!(computed.len(), golden.len());
}

#[test]
fn spans_merge_as_in_zipkin() {
    for name in NAMES {
        let merged = merge(received(name));
        assert_each_eq(as_json(&merged), as_json(&read_spans(name, "merged.v2")));
    }
}

#[test]
fn spans_hang_as_in_zipkin() {
    for name in NAMES {
        let trace = assembled(name);
        let golden = read_json(name, "tree");
        // Zipkin gives a headless tree a root of its own, one level above ours.
        let is_headless = golden[0].get("synthetic").is_some();
        assert_eq!(trace.tree().is_headless(), is_headless, "{name}");
        let golden = &golden[usize::from(is_headless)..];
        assert_eq!(nodes(&trace, u64::from(is_headless)), golden, "{name}");
    }
}

fn nodes(trace: &Trace, depth_of_tops: u64) -> Vec<Json> {
    let mut depths = vec![depth_of_tops; trace.spans().len()];
    let mut nodes = Vec::new();
    for node in trace.tree().depth_first() {
        let span = &trace.spans()[node];
        let parent = trace.tree().parent(node);
        if let Some(parent) = parent {
            depths[node] = depths[parent] + 1;
        }
        let kind = span.kind.map(|kind| match kind {
            SpanKind::Client => "CLIENT",
            SpanKind::Server => "SERVER",
            SpanKind::Producer => "PRODUCER",
            SpanKind::Consumer => "CONSUMER",
            SpanKind::Internal => panic!("zipkin knows no internal spans"),
        });
        nodes.push(json!({
            "depth": depths[node],
            "id": span.span_id.to_string(),
            "kind": kind,
            "shared": span.is_shared,
            "parentNode": parent.map(|parent| {
                let parent = &trace.spans()[parent];
                format!("{}{}", parent.span_id, if parent.is_shared { "/shared" } else { "" })
            }),
            "service": span.service_name().map(str::to_lowercase),
        }));
    }
    nodes
}

#[test]
fn services_depend_on_each_other_as_in_zipkin() {
    for name in NAMES {
        let links: Vec<Json> = assembled(name)
            .dependency_links()
            .into_iter()
            .map(|link| {
                let mut json = json!({
                    "parent": link.parent, "child": link.child, "callCount": link.call_count,
                });
                if link.error_count > 0 {
                    json["errorCount"] = link.error_count.into();
                }
                json
            })
            .collect();
        assert_eq!(links, read_json(name, "dependencies"), "{name}");
    }
}

#[test]
fn clock_skew_is_corrected_as_in_lens() {
    let mut skewed = Vec::new();
    for name in NAMES {
        let mut trace = assembled(name);
        if !trace.correct_skew().is_empty() {
            skewed.push(name);
        }
        let corrected = as_json(trace.tree().breadth_first().map(|node| &trace.spans()[node]));
        let golden = as_json(&read_spans(name, "skew-corrected"));
        assert_each_eq(in_order_of_id(corrected), in_order_of_id(golden));
    }
    assert_eq!(skewed, ["lens-test-skew", "skew"]);
}

/// Lens has its own order among spans that began together.
fn in_order_of_id(mut spans: Vec<Json>) -> Vec<Json> {
    spans.sort_by_key(|span| {
        ["id", "shared", "kind", "localEndpoint"].map(|key| span[key].to_string())
    });
    spans
}

#[test]
fn rows_stand_as_in_lens() {
    for name in NAMES {
        let mut trace = assembled(name);
        trace.correct_skew();
        let rows = trace.rows();
        let drawn: Vec<Json> = rows
            .iter()
            .enumerate()
            .map(|(place, row)| {
                let children = rows.iter().filter(|child| child.parent == Some(place));
                let first = &trace.spans()[row.spans[0]];
                json!({
                    "spanId": row.span_id.to_string(),
                    "parentId": first.parent_id.map(|id| id.to_string()),
                    "depth": row.depth + 2,
                    "childIds": children.map(|child| child.span_id.to_string()).collect::<Vec<_>>(),
                })
            })
            .collect();
        assert_eq!(drawn, read_json(name, "rows"), "{name}");
    }
}

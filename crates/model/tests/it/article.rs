//! The article's own program, as it was captured.

use std::fs;

use spandrel_codec::zipkin::{Format, decode};
use spandrel_model::trace::{Row, Trace};
use spandrel_model::{Span, SpanKind};

pub(crate) fn spans(folder: &str) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for number in 1..=6 {
        let manifest = env!("CARGO_MANIFEST_DIR");
        let path = format!("{manifest}/testdata/article/{folder}/{number:02}.thrift");
        let body = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        decode(Format::V1Thrift, &body, &mut spans).unwrap();
    }
    assert_eq!(spans.len(), 6);
    spans
}

fn captured(folder: &str) -> Trace {
    let mut spans = spans(folder);
    let trace = Trace::assemble(spans.clone()).unwrap();
    spans.reverse();
    let reversed = Trace::assemble(spans).unwrap();
    assert_eq!(trace.rows(), reversed.rows(), "the order of arrival changes nothing");
    trace
}

/// Depth, name, and the kinds of the halves with their services.
fn told(trace: &Trace) -> Vec<String> {
    let half = |half: &usize| {
        let span = &trace.spans()[*half];
        let kind = match span.kind {
            None => "local",
            Some(SpanKind::Client) => "client",
            Some(SpanKind::Server) => "server",
            Some(kind) => panic!("the program makes no {kind:?} spans"),
        };
        format!("{kind} {}", span.service_name().unwrap())
    };
    let tell = |row: &Row| {
        let halves: Vec<String> = row.spans.iter().map(half).collect();
        let name = &trace.spans()[row.spans[0]].name;
        format!("{} {name}: {}", row.depth, halves.join(" + "))
    };
    trace.rows().iter().map(tell).collect()
}

#[test]
fn servers_with_ids_of_their_own_are_six_rows() {
    let trace = captured("own-ids");
    assert_eq!(
        told(&trace),
        [
            "0 client: local client",
            "1 HTTP Client: local client",
            "2 HTTP GET: client client",
            "3 HTTP GET: server server",
            "2 HTTP GET: client client",
            "3 HTTP GET: server server",
        ]
    );
}

#[test]
fn shared_ids_are_four_rows_of_which_two_have_two_halves() {
    let trace = captured("shared-ids");
    assert_eq!(
        told(&trace),
        [
            "0 client: local client",
            "1 HTTP Client: local client",
            "2 HTTP GET: client client + server server",
            "2 HTTP GET: client client + server server",
        ]
    );
    for row in trace.rows().iter().filter(|row| row.spans.len() == 2) {
        let server = &trace.spans()[row.spans[1]];
        assert!(server.is_shared, "the sender did not say so");
        assert_eq!(server.kind, Some(SpanKind::Server));
    }
}

#[test]
fn the_client_called_the_server_twice() {
    for folder in ["own-ids", "shared-ids"] {
        let links = captured(folder).dependency_links();
        let [link] = links.as_slice() else { panic!("{links:?}") };
        assert_eq!((&*link.parent, &*link.child), ("client", "server"));
        assert_eq!((link.call_count, link.error_count), (2, 0));
    }
}

#[test]
fn the_logs_of_both_hops_are_kept() {
    let trace = captured("shared-ids");
    let rows = trace.rows();
    let counts: Vec<usize> =
        rows.iter().map(|row| trace.spans()[row.spans[0]].events.len()).collect();
    assert_eq!(counts, [0, 0, 11, 7]);
}

#[test]
fn clocks_of_one_host_are_not_corrected() {
    for folder in ["own-ids", "shared-ids"] {
        assert_eq!(captured(folder).correct_skew(), []);
    }
}

//! Traces made to hurt: deep, wide, circular, or all of one id. What is quadratic here, or
//! recursive, does not end.

use std::net::Ipv4Addr;

use spandrel_model::trace::Trace;
use spandrel_model::{Resource, Span, SpanId, SpanKind, TraceId};

const COUNT: u64 = 100_000;

fn span(id: u64, parent: Option<u64>) -> Span<'static> {
    let mut span = Span::new(TraceId::new(7).unwrap(), SpanId::new(id).unwrap());
    span.parent_id = parent.and_then(SpanId::new);
    span
}

fn use_all(spans: Vec<Span<'static>>) -> Trace {
    let mut trace = Trace::assemble(spans).unwrap();
    trace.correct_skew();
    let links = trace.dependency_links();
    assert!(links.len() <= trace.spans().len());
    let rows = trace.rows();
    let count: usize = rows.iter().map(|row| row.spans.len()).sum();
    assert_eq!(count, trace.spans().len());
    assert_eq!(trace.summary().span_count, rows.len());
    trace
}

#[test]
fn a_chain_of_100_000_is_one_branch() {
    let spans = (1..=COUNT).rev().map(|id| {
        let mut span = span(id, Some(id - 1));
        // Neither side is said: every span is a call, and looks for the caller all the way up.
        span.resource = Resource::of_service("a");
        span.remote =
            Some(spandrel_model::Endpoint { service_name: Some("b".into()), ..Default::default() });
        span
    });
    let trace = use_all(spans.collect());
    assert_eq!(trace.rows().last().unwrap().depth, u32::try_from(COUNT - 1).unwrap());
    assert_eq!(trace.dependency_links()[0].call_count, COUNT);
}

#[test]
fn a_chain_of_100_000_joined_rows_is_one_branch() {
    let halves = (1..=COUNT).flat_map(|id| {
        let half = |kind, host: u64| {
            let mut half = span(id, Some(id - 1));
            half.kind = Some(kind);
            half.local.ipv4 = Some(Ipv4Addr::from_bits(u32::try_from(host).unwrap()));
            half.start_ns = Some(COUNT - id);
            half
        };
        [half(SpanKind::Client, id), half(SpanKind::Server, id + 1)]
    });
    let trace = use_all(halves.collect());
    assert_eq!(trace.rows().last().unwrap().depth, u32::try_from(COUNT - 1).unwrap());
}

#[test]
fn a_span_has_100_000_children() {
    let spans = (1..=COUNT).map(|id| span(id, (id > 1).then_some(1)));
    let trace = use_all(spans.collect());
    assert_eq!(trace.tree().children(0).len(), 99_999);
}

#[test]
fn an_orphanage_of_100_000_stands_at_the_top() {
    let trace = use_all((1..=COUNT).map(|id| span(id, Some(COUNT + id))).collect());
    assert_eq!(trace.tree().tops().len(), 100_000);
}

#[test]
fn a_cycle_of_100_000_is_cut_once() {
    let trace = use_all((1..=COUNT).map(|id| span(id, Some(id % COUNT + 1))).collect());
    assert_eq!(trace.tree().tops().len(), 1);
    assert!(trace.tree().is_headless());
}

#[test]
fn each_of_50_000_cycles_is_cut() {
    let trace = use_all((2..COUNT + 2).map(|id| span(id, Some(id ^ 1))).collect());
    assert_eq!(trace.tree().tops().len(), 50_000);
}

#[test]
fn a_span_received_100_000_times_is_one() {
    let trace = use_all(vec![span(1, None); 100_000]);
    assert_eq!(trace.spans().len(), 1);
}

#[test]
fn an_id_in_100_000_pieces_is_one_span() {
    let pieces = (1..=COUNT).map(|number| {
        let mut piece = span(1, None);
        let attribute = spandrel_model::Attribute::new(format!("key{number}"), true);
        piece.resource =
            Resource { attributes: vec![attribute.clone()], ..Default::default() }.into();
        piece.attributes.push(attribute);
        piece.events.push(spandrel_model::Event::new(COUNT - number, "event"));
        piece
    });
    let trace = use_all(pieces.collect());
    assert_eq!(trace.spans().len(), 1);
    assert_eq!(trace.spans()[0].attributes.len(), 100_000);
    assert_eq!(trace.spans()[0].resource.attributes.len(), 100_000);
}

#[test]
fn an_id_used_by_100_000_hosts_is_one_row() {
    let halves = (1..=COUNT).map(|host| {
        let mut half = span(1, None);
        half.kind = Some(if host == 1 { SpanKind::Client } else { SpanKind::Server });
        half.local.ipv4 = Some(Ipv4Addr::from_bits(u32::try_from(host).unwrap()));
        half
    });
    let trace = use_all(halves.collect());
    assert_eq!(trace.rows().len(), 1);
    assert_eq!(trace.spans().len(), 100_000);
}

#[test]
fn times_at_the_end_of_the_scale_do_not_overflow() {
    for (client_ns, server_ns) in [(u64::MAX, 1), (u64::MAX, u64::MAX), (u64::MAX, u64::MAX - 1)] {
        let half = |kind, host: u8, start_ns| {
            let mut half = span(1, None);
            half.kind = Some(kind);
            half.local.ipv4 = Some([127, 0, 0, host].into());
            half.start_ns = Some(start_ns);
            half.duration_ns = Some(u64::MAX);
            half.events.push(spandrel_model::Event::new(u64::MAX, "event"));
            half
        };
        let halves =
            vec![half(SpanKind::Client, 1, client_ns), half(SpanKind::Server, 2, server_ns)];
        let trace = use_all(halves);
        assert!(trace.spans()[1].start_ns >= Some(server_ns));
        assert!(trace.summary().duration_ns.is_some());
    }
}

//! Spans written as lines, and traces drawn as waterfalls.

use std::borrow::Cow;
use std::fmt::Write as _;

use spandrel_model::trace::{Row, Trace};
use spandrel_model::{
    Address, Attribute, Endpoint, Event, Resource, Span, SpanId, SpanKind, TraceId,
};

/// Reads one span a line: `2<1 get client web@9 >db 10..90 shared error`.
///
/// `2<1` is the id and its parent's, `web@9` the service on 127.0.0.9 (either half may be
/// missing), `>db` the service at the other side, `10..90` start and end in microseconds (`10..`
/// without an end), `!15` an event, `key=value` an attribute; any other word is the name.
pub(crate) fn spans(lines: &str) -> Vec<Span<'static>> {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(span).collect()
}

pub(crate) fn trace(lines: &str) -> Trace {
    Trace::assemble(spans(lines)).unwrap()
}

fn span(line: &str) -> Span<'static> {
    let mut words = line.split_whitespace();
    let ids = words.next().unwrap();
    let (id, parent) = ids.split_once('<').map_or((ids, None), |(id, parent)| (id, Some(parent)));
    let mut span = Span::new(TraceId::new(7).unwrap(), SpanId::parse(id).unwrap());
    span.parent_id = parent.map(|parent| SpanId::parse(parent).unwrap());
    for word in words {
        add_word(&mut span, word);
    }
    span
}

fn add_word(span: &mut Span<'static>, word: &str) {
    match word {
        "client" => span.kind = Some(SpanKind::Client),
        "server" => span.kind = Some(SpanKind::Server),
        "producer" => span.kind = Some(SpanKind::Producer),
        "consumer" => span.kind = Some(SpanKind::Consumer),
        "internal" => span.kind = Some(SpanKind::Internal),
        "shared" => span.is_shared = true,
        "error" => span.attributes.push(Attribute::new("error", true)),
        _ => {
            if let Some((service, host)) = word.split_once('@') {
                span.resource = Resource::of_service(service);
                span.local = address(host);
            } else if let Some(service) = word.strip_prefix('>') {
                let service_name = Some(Cow::Owned(service.to_owned()));
                span.remote = Some(Endpoint { service_name, address: Address::default() });
            } else if let Some((start, end)) = word.split_once("..") {
                let start_ns = micros(start);
                span.start_ns = Some(start_ns);
                span.duration_ns = (!end.is_empty()).then(|| micros(end) - start_ns);
            } else if let Some(time) = word.strip_prefix('!') {
                span.events.push(Event::new(micros(time), "event"));
            } else if let Some((key, value)) = word.split_once('=') {
                span.attributes.push(Attribute::new(key.to_owned(), value.to_owned()));
            } else {
                span.name = Cow::Owned(word.to_owned());
            }
        }
    }
}

fn address(host: &str) -> Address {
    let mut address = Address::default();
    if !host.is_empty() {
        assert!(address.set_ip(&format!("127.0.0.{host}")));
    }
    address
}

fn micros(text: &str) -> u64 {
    text.parse::<u64>().unwrap() * 1_000
}

/// Draws a trace, one line a row: indented by depth, halves side by side, `?` before a row whose
/// parent is missing.
pub(crate) fn waterfall(trace: &Trace) -> String {
    let mut drawn = String::new();
    for row in trace.rows() {
        let indent = "  ".repeat(row.depth as usize);
        let mark = if row.is_parent_missing { "?" } else { "" };
        let halves: Vec<String> = halves(trace, &row).map(half).collect();
        writeln!(drawn, "{indent}{mark}{:x} {}", row.span_id.get(), halves.join(" | ")).unwrap();
    }
    drawn
}

fn halves<'t>(trace: &'t Trace, row: &Row) -> impl Iterator<Item = &'t Span<'static>> {
    row.spans.iter().map(|&half| &trace.spans()[half])
}

fn half(span: &Span<'_>) -> String {
    let mut words = Vec::new();
    words.extend((!span.name.is_empty()).then(|| span.name.to_string()));
    words.extend(span.kind.map(|kind| format!("{kind:?}").to_lowercase()));
    words.extend(span.service_name().map(str::to_owned));
    let micros = |ns: u64| ns / 1_000;
    words.extend(span.start_ns.map(|start| {
        let end = span.end_ns().map(|end| micros(end).to_string());
        format!("{}..{}", micros(start), end.unwrap_or_default())
    }));
    words.join(" ")
}

/// Cuts the indentation that a drawing has in the source of a test.
pub(crate) fn unindent(drawing: &str) -> String {
    let lines = || drawing.lines().filter(|line| !line.trim().is_empty());
    let margin = lines().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines().map(|line| format!("{}\n", &line[margin..])).collect()
}

/// Asserts that the spans, however they arrive, are drawn so.
#[track_caller]
pub(crate) fn assert_drawn(lines: &str, drawing: &str) {
    let mut spans = spans(lines);
    let drawing = unindent(drawing);
    assert_eq!(waterfall(&Trace::assemble(spans.clone()).unwrap()), drawing);
    spans.reverse();
    assert_eq!(waterfall(&Trace::assemble(spans).unwrap()), drawing, "arriving in reverse");
}

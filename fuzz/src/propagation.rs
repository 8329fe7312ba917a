//! What the extractors of propagation headers must hold to, whatever comes.

use spandrel::propagation::{B3, Composite, Jaeger, Propagator, TraceContext, W3cBaggage};
use spandrel::{BAGGAGE_BYTES_MAX, BAGGAGE_LEN_MAX, SpanContext, Tracer};

/// Reads each line as `name: value`, and extracts from all of them in every format.
///
/// # Panics
///
/// Panics where what was extracted is over a limit, or does not read back as itself.
pub fn propagation_headers(lines: &[u8]) {
    let lines = String::from_utf8_lossy(lines);
    let headers: Vec<(String, String)> = lines
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let formats: [&dyn Propagator; 6] = [
        &TraceContext,
        &W3cBaggage,
        &B3::single(),
        &B3::multi(),
        &Jaeger,
        &Composite::default(),
    ];
    for format in formats {
        let extracted = format.extract(&headers);
        let baggage = extracted.span_context().map_or(&extracted.baggage, SpanContext::baggage);
        assert!(baggage.len() <= BAGGAGE_LEN_MAX && baggage.byte_len() <= BAGGAGE_BYTES_MAX);
        if let Some(context) = extracted.span_context() {
            reads_back(format, context);
        }
    }
}

fn reads_back(format: &dyn Propagator, context: &SpanContext) {
    let mut headers: Vec<(String, String)> = Vec::new();
    format.inject(context, &mut headers);
    let again = format.extract(&headers);
    let again = again.span_context().expect("what was injected is extracted");
    assert_eq!(again.trace_id(), context.trace_id());
    assert_eq!(again.span_id(), context.span_id());
    assert_eq!(again.trace_state(), context.trace_state());
}

/// Extracts from the blob; what is a context must read back as itself.
///
/// # Panics
///
/// Panics where it does not.
pub fn propagation_binary(blob: &[u8]) {
    let tracer = Tracer::builder("fuzz").describe_process(false).build();
    let extracted = tracer.extract_binary(blob);
    if let Some(context) = extracted.span_context() {
        let again = tracer.extract_binary(&tracer.inject_binary(context));
        assert_eq!(again.span_context(), Some(context));
    }
}

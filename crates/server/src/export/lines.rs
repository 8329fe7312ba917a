//! Spans as lines of JSON: Zipkin's, a span a line, or OTLP's, a request a line.
//!
//! OTLP's lines carry what OTLP cannot say, too, so that they lose nothing; Zipkin's lose what
//! Zipkin's model has no place for.

use spandrel_codec::{otlp, zipkin};
use spandrel_storage::StoredSpan;

/// The most spans of one line of OTLP: a line has to fit in memory of whoever reads it.
const LINE_SPANS_MAX: usize = 1_000;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LineFormat {
    /// A span in Zipkin's v2 JSON
    Zipkin,
    /// An `ExportTraceServiceRequest` in OTLP's JSON, which loses nothing
    Otlp,
}

/// Writes lines to a buffer.
#[derive(Debug)]
pub(crate) struct LinesExport {
    format: LineFormat,
    lines: Vec<u8>,
    /// Spans in those.
    span_count: u64,
}

impl LinesExport {
    pub(crate) fn new(format: LineFormat) -> Self {
        Self { format, lines: Vec::new(), span_count: 0 }
    }

    /// Appends the spans of one trace.
    pub(crate) fn write(&mut self, spans: &[StoredSpan]) {
        self.span_count += spans.len() as u64;
        match self.format {
            LineFormat::Zipkin => spans.iter().for_each(|span| self.write_zipkin(span)),
            LineFormat::Otlp => {
                for spans in spans.chunks(LINE_SPANS_MAX) {
                    let spans = spans.iter().map(AsRef::as_ref);
                    otlp::encode(otlp::Format::Json, spans, &mut self.lines);
                    self.lines.push(b'\n');
                }
            }
        }
    }

    fn write_zipkin(&mut self, span: &StoredSpan) {
        let start = self.lines.len();
        zipkin::encode(zipkin::Format::V2Json, [span.as_ref()], &mut self.lines);
        // A list of one: the brackets go.
        if self.lines.get(start) == Some(&b'[') {
            self.lines.remove(start);
            self.lines.pop();
        }
        self.lines.push(b'\n');
    }

    /// How many bytes wait to be taken.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Takes what was written since the last time, and how many spans that are.
    pub(crate) fn take(&mut self) -> (Vec<u8>, u64) {
        (std::mem::take(&mut self.lines), std::mem::take(&mut self.span_count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_model::{Span, SpanId, TraceId};
    use std::sync::Arc;

    fn spans(count: u64) -> Vec<StoredSpan> {
        let span = |id| Span::new(TraceId::new(7).unwrap(), SpanId::new(id).unwrap());
        (1..=count).map(|id| Arc::new(span(id))).collect()
    }

    fn written(format: LineFormat, spans: &[StoredSpan]) -> String {
        let mut export = LinesExport::new(format);
        export.write(spans);
        let (lines, span_count) = export.take();
        assert_eq!((span_count, export.len()), (spans.len() as u64, 0));
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn zipkin_has_a_span_a_line() {
        let lines = written(LineFormat::Zipkin, &spans(2));
        let ids: Vec<_> = lines.lines().map(|line| line.contains("\"id\":")).collect();
        assert_eq!(ids, [true, true]);
        assert!(lines.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{lines}");
    }

    #[test]
    fn a_line_of_otlp_has_a_limit_of_spans() {
        let lines = written(LineFormat::Otlp, &spans(1_001));
        assert_eq!(lines.lines().count(), 2);
    }
}

//! Spans as lines of JSON: Zipkin's, a span a line, or OTLP's, a request a line.
//!
//! OTLP's lines carry what OTLP cannot say, too, so that they lose nothing; Zipkin's lose what
//! Zipkin's model has no place for.

use spandrel_codec::{otlp, zipkin};
use spandrel_storage::StoredSpan;

/// The most spans of one line of OTLP.
const LINE_SPANS_MAX: usize = 1_000;
/// The most bytes of one, unless it is a single span: an import takes it in one request, and a
/// server of little memory takes no long ones.
const LINE_LEN_MAX: usize = 4 << 20;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFormat {
    /// A span in Zipkin's v2 JSON.
    Zipkin,
    /// An `ExportTraceServiceRequest` in OTLP's JSON.
    Otlp,
}

/// Writes lines to a buffer.
#[derive(Debug)]
pub(crate) struct LinesExport {
    format: LineFormat,
    lines: Vec<u8>,
}

impl LinesExport {
    pub(crate) fn new(format: LineFormat) -> Self {
        Self { format, lines: Vec::new() }
    }

    /// Appends the spans of one trace.
    pub(crate) fn write(&mut self, spans: &[StoredSpan]) {
        match self.format {
            LineFormat::Zipkin => spans.iter().for_each(|span| self.write_zipkin(span)),
            LineFormat::Otlp => {
                spans.chunks(LINE_SPANS_MAX).for_each(|spans| self.write_otlp(spans));
            }
        }
    }

    /// Writes a line, or two halves of it when it gets too long.
    fn write_otlp(&mut self, spans: &[StoredSpan]) {
        let start = self.lines.len();
        otlp::encode(otlp::Format::Json, spans.iter().map(AsRef::as_ref), &mut self.lines);
        if self.lines.len() - start > LINE_LEN_MAX && spans.len() > 1 {
            self.lines.truncate(start);
            let (first, second) = spans.split_at(spans.len() / 2);
            self.write_otlp(first);
            self.write_otlp(second);
        } else {
            self.lines.push(b'\n');
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

    /// Takes what was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.lines)
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
        String::from_utf8(export.take()).unwrap()
    }

    #[test]
    fn zipkin_has_a_span_a_line() {
        let lines = written(LineFormat::Zipkin, &spans(2));
        let ids: Vec<_> = lines.lines().map(|line| line.contains("\"id\":")).collect();
        assert_eq!(ids, [true, true]);
        assert!(lines.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{lines}");
    }

    #[test]
    fn a_line_of_otlp_has_limits_of_spans_and_of_bytes() {
        let lines = written(LineFormat::Otlp, &spans(1_001));
        assert_eq!(lines.lines().count(), 2);

        let mut long = spans(3);
        for span in &mut long {
            Arc::make_mut(span).name = "n".repeat(LINE_LEN_MAX / 3 * 2).into();
        }
        let lines = written(LineFormat::Otlp, &long);
        assert_eq!(lines.lines().count(), 3);
        assert!(lines.lines().all(|line| line.len() < LINE_LEN_MAX));
    }
}

//! Lines that go to the server in one request.

use bytes::Bytes;

use super::line::{Line, LineKind};

/// From how many bytes on a request is sent. One line may be longer.
const BATCH_LEN_MAX: usize = 1 << 20;

/// Lines of one format.
#[derive(Debug, Default)]
pub(super) struct Batch {
    kind: Option<LineKind>,
    body: Vec<u8>,
    /// Spans in it.
    pub(super) spans: u64,
    /// Lines in it.
    pub(super) lines: u64,
    /// The first and the last line, as they are numbered in the file.
    numbers: (u64, u64),
}

impl Batch {
    /// Whether a line may be pushed.
    pub(super) fn has_room_for(&self, line: &Line<'_>) -> bool {
        match self.kind {
            None => true,
            Some(kind) => kind == line.kind && self.body.len() + line.text.len() < BATCH_LEN_MAX,
        }
    }

    pub(super) fn push(&mut self, number: u64, line: &Line<'_>) {
        let is_first = self.kind.is_none();
        self.kind = Some(line.kind);
        self.body.extend_from_slice(match (line.kind, is_first) {
            (LineKind::Zipkin, true) => b"[",
            (LineKind::Zipkin, false) => b",",
            (LineKind::Otlp, true) => b"",
            (LineKind::Otlp, false) => b"\n",
        });
        self.body.extend_from_slice(line.text);
        self.spans += line.spans;
        self.lines += 1;
        self.numbers = (if is_first { number } else { self.numbers.0 }, number);
    }

    /// Where it is sent, and what; `None` for no lines.
    pub(super) fn request(&self) -> Option<(&'static str, Bytes)> {
        let body = Bytes::copy_from_slice(&self.body);
        match self.kind? {
            LineKind::Zipkin => Some(("/api/v2/spans", [&body[..], b"]"].concat().into())),
            LineKind::Otlp => Some(("/api/spandrel/import", body)),
        }
    }

    /// Which lines they are.
    pub(super) fn place(&self) -> String {
        format!("lines {} to {}", self.numbers.0, self.numbers.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line<'_> {
        Line::read(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn lines_of_zipkin_become_one_list() {
        let mut batch = Batch::default();
        batch.push(3, &line(r#"{"traceId":"1","id":"2"}"#));
        batch.push(7, &line(r#"[{"traceId":"1","id":"3"}, {"traceId":"1","id":"4"}]"#));
        let (path, body) = batch.request().unwrap();
        let list: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((path, list.as_array().map(Vec::len)), ("/api/v2/spans", Some(3)));
        assert_eq!((batch.spans, batch.place().as_str()), (3, "lines 3 to 7"));
    }

    #[test]
    fn a_batch_is_of_one_format() {
        let mut batch = Batch::default();
        let otlp = line(r#"{"resourceSpans":[]}"#);
        assert!(batch.request().is_none() && batch.has_room_for(&otlp));
        batch.push(1, &otlp);
        assert!(batch.has_room_for(&otlp));
        assert!(!batch.has_room_for(&line(r#"{"traceId":"1","id":"2"}"#)));
    }
}

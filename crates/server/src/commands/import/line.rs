//! A line of an import: which format it is, and whether it can be read.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use serde::de::IgnoredAny;
use spandrel_codec::zipkin::Format;
use spandrel_codec::{SpanSink, otlp};
use spandrel_model::Span;

/// The longest line that is read. A server takes no longer request, either.
const LINE_LEN_MAX: u64 = 64 << 20;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Spans of Zipkin's v2 JSON.
    Zipkin,
    /// A request of OTLP's JSON.
    Otlp,
}

/// A line that was read and found good.
#[derive(Debug)]
pub(super) struct Line<'t> {
    pub(super) kind: LineKind,
    /// The line; of a Zipkin list what is between its brackets.
    pub(super) text: &'t [u8],
    pub(super) spans: u64,
    /// Spans of it that are refused alone.
    pub(super) rejected: u64,
    pub(super) first_rejection: Option<String>,
}

/// Reads a line and returns how long it is, its end included; `None` at the end. Of one that is
/// too long only the first part is in `text`: it is one byte too long.
pub(super) fn read_line(lines: &mut dyn BufRead, text: &mut Vec<u8>) -> io::Result<Option<u64>> {
    text.clear();
    let read = (&mut *lines).take(LINE_LEN_MAX + 1).read_until(b'\n', text)? as u64;
    if read == 0 {
        return Ok(None);
    }
    let is_whole = text.ends_with(b"\n") || read <= LINE_LEN_MAX;
    let skipped = if is_whole { 0 } else { lines.skip_until(b'\n')? as u64 };
    Ok(Some(read + skipped))
}

impl<'t> Line<'t> {
    /// Reads a line; `None` when nothing is in it.
    pub(super) fn read(text: &'t [u8]) -> Result<Option<Self>, String> {
        if text.len() as u64 > LINE_LEN_MAX {
            return Err(format!("it is longer than {LINE_LEN_MAX} bytes"));
        }
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(None);
        }
        match kind_of(text)? {
            LineKind::Zipkin => read_zipkin(text),
            LineKind::Otlp => read_otlp(text).map(Some),
        }
    }
}

/// Tells the format by its outermost members.
fn kind_of(text: &[u8]) -> Result<LineKind, String> {
    #[derive(Deserialize)]
    struct Members {
        #[serde(rename = "resourceSpans", alias = "resource_spans")]
        resource_spans: Option<IgnoredAny>,
    }
    if text.starts_with(b"[") {
        return Ok(LineKind::Zipkin);
    }
    let members: Members =
        serde_json::from_slice(text).map_err(|error| format!("no line of JSON: {error}"))?;
    // An empty request of OTLP is `{}`.
    let is_otlp = members.resource_spans.is_some() || text == b"{}";
    Ok(if is_otlp { LineKind::Otlp } else { LineKind::Zipkin })
}

fn read_zipkin(text: &[u8]) -> Result<Option<Line<'_>>, String> {
    let list = text.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let text = list.map_or(text, <[u8]>::trim_ascii);
    if text.is_empty() {
        return Ok(None);
    }
    let list = [b"[", text, b"]"].concat();
    let spans = spandrel_codec::zipkin::decode(Format::V2Json, &list, &mut Ignored)
        .map_err(|error| error.to_string())?;
    Ok(Some(Line {
        kind: LineKind::Zipkin,
        text,
        spans: spans as u64,
        rejected: 0,
        first_rejection: None,
    }))
}

fn read_otlp(text: &[u8]) -> Result<Line<'_>, String> {
    let decoded = otlp::decode_archive(otlp::Format::Json, text, &mut Ignored)
        .map_err(|error| error.to_string())?;
    Ok(Line {
        kind: LineKind::Otlp,
        text,
        spans: decoded.accepted as u64,
        rejected: decoded.rejected as u64,
        first_rejection: decoded.first_reason.map(|reason| reason.to_string()),
    })
}

/// The server decodes again: here only whether it can is of interest.
struct Ignored;

impl SpanSink for Ignored {
    fn span(&mut self, _span: &Span<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: &str = r#"{"traceId":"1","id":"2","name":"resourceSpans"}"#;

    fn read(text: &str) -> Result<Option<(LineKind, u64)>, String> {
        Line::read(text.as_bytes()).map(|line| line.map(|line| (line.kind, line.spans)))
    }

    #[test]
    fn the_format_is_told_by_the_line() {
        assert_eq!(read(SPAN).unwrap(), Some((LineKind::Zipkin, 1)));
        let list = format!(" [{SPAN}, {SPAN}]\r\n");
        assert_eq!(read(&list).unwrap(), Some((LineKind::Zipkin, 2)));
        assert_eq!(read(r#"{"resourceSpans":[]}"#).unwrap(), Some((LineKind::Otlp, 0)));
        for empty in ["", " \n", "[]"] {
            assert_eq!(read(empty).unwrap(), None, "{empty:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_spans_says_why() {
        for (text, reason) in [
            ("{", "no line of JSON"),
            ("[{}]", "traceId"),
            (r#"{"resourceSpans":7}"#, ""),
            ("spans", "no line of JSON"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason) && !error.is_empty(), "{text}: {error}");
        }
    }

    #[test]
    fn lines_are_read_one_by_one_whatever_ends_them() {
        let mut lines = io::Cursor::new("one\n\ntwo");
        let mut text = Vec::new();
        let mut read = || {
            let len = read_line(&mut lines, &mut text).unwrap()?;
            Some((len, text.clone()))
        };
        assert_eq!(read(), Some((4, b"one\n".to_vec())));
        assert_eq!(read(), Some((1, b"\n".to_vec())));
        assert_eq!(read(), Some((3, b"two".to_vec())));
        assert_eq!(read(), None);
    }
}

//! The formats that bodies of spans come in, by the names that the log keeps.
//!
//! Decoding is the codecs'; here it is only chosen.

use spandrel_codec::{DecodeError, SpanSink, otlp, zipkin};

/// A format that a door takes and that the log may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFormat {
    Zipkin(zipkin::Format),
    Otlp(otlp::Format),
    /// Lines of OTLP's JSON, with what OTLP cannot say: what `spandrel export` writes.
    OtlpArchive,
}

impl WireFormat {
    /// Returns the name that stands for the format in logs, metrics and on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Zipkin(format) => format.name(),
            Self::Otlp(format) => format.name(),
            Self::OtlpArchive => "otlp-archive-json",
        }
    }

    /// Finds the format that [`WireFormat::name`] names.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name == Self::OtlpArchive.name() {
            return Some(Self::OtlpArchive);
        }
        let zipkin = zipkin::Format::from_name(name).map(Self::Zipkin);
        zipkin.or_else(|| otlp::Format::from_name(name).map(Self::Otlp))
    }

    /// Decodes a body and pushes its spans into the sink. One bad span refuses a Zipkin list, as
    /// Zipkin does; in the other formats it is rejected alone.
    pub(crate) fn decode(
        self,
        body: &[u8],
        sink: &mut dyn SpanSink,
    ) -> Result<otlp::Decoded, DecodeError> {
        match self {
            Self::Zipkin(format) => {
                let accepted = zipkin::decode(format, body, sink)?;
                Ok(otlp::Decoded { accepted, ..otlp::Decoded::default() })
            }
            Self::Otlp(format) => otlp::decode(format, body, sink),
            Self::OtlpArchive => decode_archive(body, sink),
        }
    }
}

/// Decodes lines, each a request of its own.
fn decode_archive(body: &[u8], sink: &mut dyn SpanSink) -> Result<otlp::Decoded, DecodeError> {
    let mut sum = otlp::Decoded::default();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let decoded = otlp::decode_archive(otlp::Format::Json, line, sink).map_err(|error| {
            let message = format!("line {}: {}", index + 1, error.message);
            DecodeError { message, ..error }
        })?;
        sum.accepted += decoded.accepted;
        sum.rejected += decoded.rejected;
        sum.first_reason = sum.first_reason.or(decoded.first_reason);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_model::{Span, SpanId, TraceId};

    #[test]
    fn every_format_is_found_by_its_name() {
        let zipkin = zipkin::Format::ALL.map(WireFormat::Zipkin);
        let otlp = otlp::Format::ALL.map(WireFormat::Otlp);
        for format in zipkin.into_iter().chain(otlp).chain([WireFormat::OtlpArchive]) {
            assert_eq!(WireFormat::from_name(format.name()), Some(format));
        }
        assert_eq!(WireFormat::from_name("otlp"), None);
    }

    #[test]
    fn an_archive_is_read_line_by_line_and_a_bad_line_is_named() {
        let span = |id| Span::new(TraceId::new(7).unwrap(), SpanId::new(id).unwrap());
        let mut body = Vec::new();
        for id in 1..=2 {
            otlp::encode(otlp::Format::Json, &[span(id)], &mut body);
            body.extend_from_slice(b"\n\n");
        }
        let mut spans: Vec<Span<'static>> = Vec::new();
        let decoded = WireFormat::OtlpArchive.decode(&body, &mut spans).unwrap();
        assert_eq!((decoded.accepted, spans), (2, vec![span(1), span(2)]));

        body.extend_from_slice(b"{");
        let error = WireFormat::OtlpArchive.decode(&body, &mut Vec::new()).unwrap_err();
        assert!(error.message.starts_with("line 5: "), "{error}");
    }
}

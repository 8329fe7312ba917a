//! The formats that bodies of spans come in, by the names that the log keeps.
//!
//! Decoding is the codecs'; here it is only chosen.

use spandrel_codec::{DecodeError, SpanSink, jaeger, otlp, zipkin};

use crate::receivers::scribe;

/// A format that a door takes and that the log may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFormat {
    Zipkin(zipkin::Format),
    Otlp(otlp::Format),
    Jaeger(jaeger::Format),
    /// A call of Scribe's `Log`, whose entries are Zipkin's spans.
    Scribe,
    /// Lines of OTLP's JSON, with what OTLP cannot say: what `spandrel export` writes.
    OtlpArchive,
}

impl WireFormat {
    /// Returns the name that stands for the format in logs, metrics and on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Zipkin(format) => format.name(),
            Self::Otlp(format) => format.name(),
            Self::Jaeger(format) => format.name(),
            Self::Scribe => "zipkin-scribe",
            Self::OtlpArchive => "otlp-archive-json",
        }
    }

    /// Finds the format that [`WireFormat::name`] names.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if let Some(format) =
            [Self::Scribe, Self::OtlpArchive].into_iter().find(|f| f.name() == name)
        {
            return Some(format);
        }
        let zipkin = zipkin::Format::from_name(name).map(Self::Zipkin);
        let otlp = || otlp::Format::from_name(name).map(Self::Otlp);
        zipkin.or_else(otlp).or_else(|| jaeger::Format::from_name(name).map(Self::Jaeger))
    }

    /// Decodes a body and pushes its spans into the sink. One bad span refuses a Zipkin list, as
    /// Zipkin does; in the other formats it is rejected alone.
    pub(crate) fn decode(
        self,
        body: &[u8],
        sink: &mut dyn SpanSink,
    ) -> Result<Decoded, DecodeError> {
        match self {
            Self::Zipkin(format) => {
                let accepted = zipkin::decode(format, body, sink)?;
                Ok(Decoded { accepted, ..Decoded::default() })
            }
            Self::Otlp(format) => otlp::decode(format, body, sink).map(Decoded::from),
            Self::Jaeger(format) => jaeger::decode(format, body, sink).map(Decoded::from),
            Self::Scribe => scribe::decode(body, sink),
            Self::OtlpArchive => decode_archive(body, sink),
        }
    }
}

/// What became of the spans of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// How many spans reached the sink.
    pub(crate) accepted: usize,
    /// How many could not be kept.
    pub(crate) rejected: usize,
    /// Why the first of them could not.
    pub(crate) first_reason: Option<DecodeError>,
    /// What the sender told of itself.
    pub(crate) told: SenderReport,
}

/// What a client of Jaeger's tells of itself beside its spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SenderReport {
    /// The number of the batch, each one more than the last.
    pub(crate) sequence_number: Option<i64>,
    /// What it lost since it started.
    pub(crate) stats: Option<jaeger::ClientStats>,
}

impl From<otlp::Decoded> for Decoded {
    fn from(decoded: otlp::Decoded) -> Self {
        let otlp::Decoded { accepted, rejected, first_reason } = decoded;
        Self { accepted, rejected, first_reason, told: SenderReport::default() }
    }
}

impl From<jaeger::Decoded> for Decoded {
    fn from(decoded: jaeger::Decoded) -> Self {
        let jaeger::Decoded { accepted, rejected, first_reason, sequence_number, client_stats } =
            decoded;
        let told = SenderReport { sequence_number, stats: client_stats };
        Self { accepted, rejected, first_reason, told }
    }
}

/// Decodes lines, each a request of its own.
fn decode_archive(body: &[u8], sink: &mut dyn SpanSink) -> Result<Decoded, DecodeError> {
    let mut sum = Decoded::default();
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
        let jaeger = jaeger::Format::ALL.map(WireFormat::Jaeger);
        let own = [WireFormat::OtlpArchive, WireFormat::Scribe];
        for format in zipkin.into_iter().chain(otlp).chain(jaeger).chain(own) {
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

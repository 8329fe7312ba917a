//! The table of protocols: one row for each way to send spans.
//!
//! A new protocol is a row; where it has a format or a transport that no other has, also a branch
//! in [`Format`] or in the channel.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use spandrel_codec::{otlp, zipkin};
use spandrel_corpus::Request;
use spandrel_model::Span;

use super::flags::Encoding;

/// The level at which senders' libraries compress unless told otherwise.
const GZIP_LEVEL: i32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// One way to send spans.
#[derive(Debug)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    /// The door that it is spoken at, as the status names it.
    pub(super) door: &'static str,
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) transport: Transport,
    pub(super) format: Format,
}

/// What carries a body, and brings the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// HTTP/1.1, one request at once on a connection that is kept.
    Http1,
    /// gRPC over HTTP/2 without TLS, one message in a call.
    Grpc,
}

/// How spans are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Otlp(otlp::Format),
    Zipkin(zipkin::Format),
}

/// All protocols.
pub(super) static PROTOCOLS: [Protocol; 8] = [
    Protocol {
        path: "/v1/traces",
        content_type: "application/x-protobuf",
        format: Format::Otlp(otlp::Format::Proto),
        ..http("otlp-http")
    },
    Protocol {
        path: "/v1/traces",
        content_type: "application/json",
        format: Format::Otlp(otlp::Format::Json),
        ..http("otlp-http-json")
    },
    Protocol {
        name: "otlp-grpc",
        door: "otlp-grpc",
        path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        content_type: "application/grpc",
        transport: Transport::Grpc,
        format: Format::Otlp(otlp::Format::Proto),
    },
    Protocol {
        path: "/api/v2/spans",
        content_type: "application/json",
        format: Format::Zipkin(zipkin::Format::V2Json),
        ..http("zipkin-v2-json")
    },
    Protocol {
        path: "/api/v2/spans",
        content_type: "application/x-protobuf",
        format: Format::Zipkin(zipkin::Format::V2Proto),
        ..http("zipkin-v2-proto")
    },
    Protocol {
        path: "/api/v1/spans",
        content_type: "application/json",
        format: Format::Zipkin(zipkin::Format::V1Json),
        ..http("zipkin-v1-json")
    },
    Protocol {
        path: "/api/v1/spans",
        content_type: "application/x-thrift",
        format: Format::Zipkin(zipkin::Format::V1Thrift),
        ..http("zipkin-v1-thrift")
    },
    Protocol {
        path: "/zipkin.proto3.SpanService/Report",
        content_type: "application/grpc",
        transport: Transport::Grpc,
        format: Format::Zipkin(zipkin::Format::V2Proto),
        ..http("zipkin-grpc")
    },
];

/// What protocols over HTTP/1.1 at the main door have in common.
const fn http(name: &'static str) -> Protocol {
    Protocol {
        name,
        door: "main",
        path: "",
        content_type: "",
        transport: Transport::Http1,
        format: Format::Otlp(otlp::Format::Proto),
    }
}

impl Protocol {
    /// Whether several requests may be under way on one connection.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.transport == Transport::Grpc
    }

    /// Makes a body as it goes over the wire.
    pub(super) fn body(&self, request: &Request, encoding: Encoding) -> anyhow::Result<Bytes> {
        let mut message = Vec::new();
        self.format.encode(request, &mut message);
        let message = compressed(message, encoding)?;
        if self.transport != Transport::Grpc {
            return Ok(message.into());
        }
        let len = u32::try_from(message.len()).context("a message is longer than 4 GiB")?;
        let flag = u8::from(encoding != Encoding::None);
        Ok([&[flag], &len.to_be_bytes()[..], &message].concat().into())
    }
}

impl Format {
    fn encode(self, request: &Request, out: &mut Vec<u8>) {
        match self {
            Self::Otlp(otlp::Format::Proto) => {
                spandrel_corpus::otlp::encode_request(request, out);
            }
            Self::Otlp(format) => otlp::encode(format, &request.spans, out),
            Self::Zipkin(format) => zipkin::encode(format, &request.spans, out),
        }
    }

    /// What a request says, once what the format cannot say is gone.
    pub(super) fn carried(self, request: &Request) -> anyhow::Result<Vec<Span<'static>>> {
        let (mut body, mut spans) = (Vec::new(), Vec::new());
        self.encode(request, &mut body);
        match self {
            Self::Otlp(format) => {
                otlp::decode(format, &body, &mut spans)?;
            }
            Self::Zipkin(format) => {
                zipkin::decode(format, &body, &mut spans)?;
            }
        }
        Ok(spans)
    }
}

fn compressed(message: Vec<u8>, encoding: Encoding) -> anyhow::Result<Vec<u8>> {
    match encoding {
        Encoding::None => Ok(message),
        Encoding::Zstd => Ok(zstd::bulk::compress(&message, ZSTD_LEVEL)?),
        Encoding::Gzip => {
            let Ok(level) = CompressionLvl::new(GZIP_LEVEL) else {
                bail!("gzip has no level {GZIP_LEVEL}");
            };
            let mut compressor = Compressor::new(level);
            let mut out = vec![0; compressor.gzip_compress_bound(message.len())];
            let len = compressor.gzip_compress(&message, &mut out)?;
            out.truncate(len);
            Ok(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_corpus::{Corpus, Profile};

    #[test]
    fn every_protocol_carries_every_span_of_a_request() {
        let request = Corpus::of(Profile::Shop, 7).requests(500, 100).next().unwrap();
        for protocol in &PROTOCOLS {
            let spans = protocol.format.carried(&request).unwrap();
            let ids = |spans: &[Span<'_>]| -> Vec<_> {
                spans.iter().map(|span| (span.trace_id, span.span_id)).collect()
            };
            let (mut sent, mut carried) = (ids(&request.spans), ids(&spans));
            sent.sort_unstable();
            carried.sort_unstable();
            assert_eq!(sent, carried, "{}", protocol.name);
        }
    }

    #[test]
    fn a_message_of_grpc_stands_in_a_frame_that_says_how_long_it_is() {
        let request = Corpus::of(Profile::Ten, 7).requests(10, 10).next().unwrap();
        let of = |name, encoding| {
            let protocol = PROTOCOLS.iter().find(|protocol| protocol.name == name).unwrap();
            protocol.body(&request, encoding).unwrap()
        };
        for (encoding, flag) in [(Encoding::None, 0), (Encoding::Gzip, 1), (Encoding::Zstd, 1)] {
            let (plain, framed) = (of("otlp-http", encoding), of("otlp-grpc", encoding));
            assert_eq!(framed[0], flag);
            assert_eq!(framed[1..5], (plain.len() as u32).to_be_bytes());
            assert_eq!(framed[5..], plain);
        }
    }
}

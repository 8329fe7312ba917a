//! What a server answered to a request: whether its spans are kept, and whether to try again.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use prost::Message;

/// gRPC's status of success.
const GRPC_OK: &str = "0";
/// How long a frame's head is.
const FRAME_PREFIX_LEN: usize = 5;
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
/// How much of a refusal's text is told.
const TEXT_SHOWN_LEN: usize = 300;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is kept, but for so many of its spans.
    Acked { rejected: u64 },
    /// It is not.
    Refused {
        /// By what the refusals are counted: `503`, `grpc 14`.
        status: String,
        text: String,
        /// After how long to try again; `None` when that is of no use.
        retry_after: Option<Duration>,
    },
}

/// A server that names no time.
const RETRY_USUALLY: Duration = Duration::from_secs(1);

/// Reads an answer over HTTP.
pub(super) fn of_http(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
    if status.is_success() {
        let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        let rejected = if is_json { rejected_json(body) } else { rejected_proto(body) };
        return Answer::Acked { rejected };
    }
    let may_retry = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let named = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = named.map_or(RETRY_USUALLY, Duration::from_secs);
    // OTLP's refusals are in the request's own encoding.
    let is_proto = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/x-protobuf");
    let text = match Status::decode(body) {
        Ok(status) if is_proto => status.message,
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let text = text.chars().take(TEXT_SHOWN_LEN).collect();
    let status = status.as_str().to_owned();
    Answer::Refused { status, text, retry_after: may_retry.then_some(retry_after) }
}

/// Reads an answer of gRPC; the headers are those at its head and its end.
pub(super) fn of_grpc(headers: &HeaderMap, body: &[u8]) -> Answer {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = text("grpc-status").unwrap_or("none");
    if code == GRPC_OK {
        let message = body.get(FRAME_PREFIX_LEN..).unwrap_or_default();
        return Answer::Acked { rejected: rejected_proto(message) };
    }
    let named = text("grpc-status-details-bin").and_then(retry_delay);
    // OTLP's rules: 4 and 14 may be tried again, 8 when the answer says when.
    let retry_after = match code {
        "4" | "14" => Some(named.unwrap_or(RETRY_USUALLY)),
        "8" => named,
        _ => None,
    };
    let text = text("grpc-message").unwrap_or_default().chars().take(TEXT_SHOWN_LEN).collect();
    Answer::Refused { status: format!("grpc {code}"), text, retry_after }
}

/// `ExportTraceServiceResponse`; Zipkin's answers are empty.
#[derive(Clone, PartialEq, Message)]
struct ExportAnswer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn rejected_proto(body: &[u8]) -> u64 {
    let answer = ExportAnswer::decode(body).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    u64::try_from(partial.rejected_spans).unwrap_or(0)
}

/// A number of 64 bits is text in protobuf's JSON.
fn rejected_json(body: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    rejected.as_str().and_then(|text| text.parse().ok()).or_else(|| rejected.as_u64()).unwrap_or(0)
}

fn retry_delay(details: &str) -> Option<Duration> {
    // gRPC leaves the padding to the writer.
    let bytes = BASE64_STANDARD_NO_PAD.decode(details.trim_end_matches('=')).ok()?;
    let status = Status::decode(&bytes[..]).ok()?;
    let detail = status.details.iter().find(|detail| detail.type_url == RETRY_INFO)?;
    let delay = RetryInfo::decode(&detail.value[..]).ok()?.retry_delay?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn rejected_spans_are_read_from_both_of_otlps_answers() {
        let partial = Some(PartialSuccess { rejected_spans: 3 });
        let proto = ExportAnswer { partial_success: partial }.encode_to_vec();
        let three = Answer::Acked { rejected: 3 };
        assert_eq!(of_http(StatusCode::OK, &headers(&[]), &proto), three);
        let json = headers(&[("content-type", "application/json")]);
        let body = br#"{"partialSuccess":{"rejectedSpans":"3"}}"#;
        assert_eq!(of_http(StatusCode::OK, &json, body), three);
        let framed = [&[0, 0, 0, 0, proto.len() as u8][..], &proto].concat();
        assert_eq!(of_grpc(&headers(&[("grpc-status", "0")]), &framed), three);
        assert_eq!(of_http(StatusCode::ACCEPTED, &json, b""), Answer::Acked { rejected: 0 });
    }

    #[test]
    fn only_what_may_be_tried_again_has_a_time_for_it() {
        let retry_after = |answer| match answer {
            Answer::Refused { retry_after, .. } => retry_after.map(|after| after.as_millis()),
            Answer::Acked { .. } => panic!("it is refused"),
        };
        let named = headers(&[("retry-after", "7")]);
        let http = |status, headers: &HeaderMap| retry_after(of_http(status, headers, b"x"));
        assert_eq!(http(StatusCode::SERVICE_UNAVAILABLE, &named), Some(7_000));
        assert_eq!(http(StatusCode::SERVICE_UNAVAILABLE, &headers(&[])), Some(1_000));
        assert_eq!(http(StatusCode::BAD_REQUEST, &named), None);

        let retry_delay = Some(Delay { seconds: 2, nanos: 500_000_000 });
        let value = RetryInfo { retry_delay }.encode_to_vec();
        let detail = Any { type_url: RETRY_INFO.to_owned(), value };
        let status = Status { message: "full".to_owned(), details: vec![detail] }.encode_to_vec();
        let details = BASE64_STANDARD.encode(&status);
        let grpc = |code, details: &str| {
            let headers = headers(&[("grpc-status", code), ("grpc-status-details-bin", details)]);
            retry_after(of_grpc(&headers, b""))
        };
        assert_eq!(grpc("14", &details), Some(2_500));
        assert_eq!(grpc("8", &details), Some(2_500));
        assert_eq!(grpc("14", "?"), Some(1_000));
        assert_eq!(grpc("8", ""), None);
        assert_eq!(grpc("3", &details), None);

        let proto = headers(&[("content-type", "application/x-protobuf")]);
        let refused = of_http(StatusCode::SERVICE_UNAVAILABLE, &proto, &status);
        assert!(matches!(refused, Answer::Refused { text, .. } if text == "full"));
    }
}

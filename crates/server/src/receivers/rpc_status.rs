//! How OTLP and gRPC say what went wrong, or partly: `google.rpc.Status` and OTLP's answer.
//!
//! The messages are small and made here; what is refused, and why, is decided elsewhere.

use http::StatusCode;
use prost::Message;
use serde_json::{Value, json};

use crate::receivers::format::Decoded;
use crate::refusal::Refusal;

/// The reason of a refusal that concerns gRPC's own framing.
pub(super) const BAD_FRAME: &str = "bad_frame";

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// A status of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

impl Code {
    /// The status that says what a refusal does. OTLP has a sender try again after
    /// `Unavailable` and `DeadlineExceeded`, and after `ResourceExhausted` when it is told when.
    pub(super) fn of(refusal: &Refusal) -> Self {
        match refusal.status {
            StatusCode::BAD_REQUEST if refusal.reason == BAD_FRAME => Self::Internal,
            StatusCode::BAD_REQUEST => Self::InvalidArgument,
            StatusCode::FORBIDDEN => Self::PermissionDenied,
            StatusCode::NOT_FOUND if refusal.reason == "not_found" => Self::NotFound,
            StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::Unimplemented,
            StatusCode::REQUEST_TIMEOUT => Self::DeadlineExceeded,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => {
                Self::ResourceExhausted
            }
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::INTERNAL_SERVER_ERROR => Self::Internal,
            _ => Self::Unknown,
        }
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
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
}

impl Status {
    /// Says what a refusal does; when to try again is a detail of it.
    pub(super) fn of(refusal: &Refusal) -> Self {
        let retry_info = |seconds: u16| {
            let retry_delay = Some(Delay { seconds: seconds.into() });
            let value = RetryInfo { retry_delay }.encode_to_vec();
            Any { type_url: RETRY_INFO.to_owned(), value }
        };
        Self {
            code: Code::of(refusal) as i32,
            message: refusal.message.clone(),
            details: refusal.retry_after_s().map(retry_info).into_iter().collect(),
        }
    }

    /// The same in protobuf's JSON.
    pub(super) fn json_of(refusal: &Refusal) -> Value {
        let mut status = json!({ "code": Code::of(refusal) as i32, "message": refusal.message });
        if let Some(seconds) = refusal.retry_after_s() {
            let retry_delay = format!("{seconds}s");
            status["details"] = json!([{ "@type": RETRY_INFO, "retryDelay": retry_delay }]);
        }
        status
    }
}

/// OTLP's answer to spans: `ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportAnswer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

impl ExportAnswer {
    /// Says how many spans were rejected, and why the first of them was. All kept is no word.
    pub(super) fn of(decoded: &Decoded) -> Self {
        let partial_success = (decoded.rejected > 0).then(|| PartialSuccess {
            rejected_spans: i64::try_from(decoded.rejected).unwrap_or(i64::MAX),
            error_message: decoded
                .first_reason
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        });
        Self { partial_success }
    }

    /// The same in protobuf's JSON, where a number of 64 bits is text.
    pub(super) fn to_json(&self) -> Value {
        match &self.partial_success {
            None => json!({}),
            Some(partial) => json!({ "partialSuccess": {
                "rejectedSpans": partial.rejected_spans.to_string(),
                "errorMessage": partial.error_message,
            } }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_tried_again_says_when() {
        let busy = Refusal::unavailable("memory", "full");
        let status = Status::of(&busy);
        assert_eq!((status.code, status.details.len()), (14, 1));
        assert_eq!(
            RetryInfo::decode(&status.details[0].value[..]).unwrap().retry_delay,
            Some(Delay { seconds: 5 })
        );
        assert_eq!(Status::json_of(&busy)["details"][0]["retryDelay"], "5s");
        for (refusal, code) in [
            (Refusal::bad_request("x"), 3),
            (Refusal::too_large("x"), 8),
            (Refusal::unsupported("x"), 12),
            (Refusal::new(StatusCode::BAD_REQUEST, BAD_FRAME, "x"), 13),
        ] {
            let status = Status::of(&refusal);
            assert_eq!((status.code, status.details.len()), (code, 0));
            assert!(Status::json_of(&refusal).get("details").is_none());
        }
    }
}

//! A gRPC call over HTTP/2: what makes a request one, and how it is answered.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prost::Message as _;

use crate::receivers::media_type::media_type;
use crate::receivers::rpc_status::Status;
use crate::refusal::Refusal;

use super::frame::framed;

const GRPC: &str = "application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// What gRPC's messages escape: all but the printable part of ASCII, and the escape itself.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// Whether a request says that it is a call.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    matches!(media_type(headers).as_str(), GRPC | "application/grpc+proto")
}

/// Refuses a request that can't be answered as a call is.
pub(super) fn check_call(request: &Request) -> Result<(), Refusal> {
    if !is_grpc(request.headers()) {
        return Err(Refusal::unsupported(format!("this is a gRPC method: say {GRPC}")));
    }
    if request.version() != Version::HTTP_2 {
        return Err(Refusal::bad_request("gRPC needs HTTP/2"));
    }
    Ok(())
}

/// Answers with a message, or with why there is none.
pub(super) fn answer(outcome: Result<Vec<u8>, Refusal>) -> Response {
    let (body, trailers) = match outcome {
        Ok(message) => (framed(&message), HeaderMap::from_iter([(STATUS, HeaderValue::from(0))])),
        // An answer without a message is its trailers, which then stand in the head.
        Err(refusal) => return mark(Response::new(Body::empty()), status_headers(&refusal)),
    };
    let body = Full::from(body).with_trailers(std::future::ready(Some(Ok(trailers))));
    mark(Response::new(Body::new(body)), HeaderMap::new())
}

fn mark(mut response: Response, headers: HeaderMap) -> Response {
    *response.status_mut() = StatusCode::OK;
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    let encodings = HeaderValue::from_static("identity,gzip,zstd,deflate");
    response.headers_mut().insert(ACCEPT_ENCODING, encodings);
    response
}

fn status_headers(refusal: &Refusal) -> HeaderMap {
    let status = Status::of(refusal);
    let mut headers = HeaderMap::from_iter([(STATUS, HeaderValue::from(status.code))]);
    let message = utf8_percent_encode(&status.message, ESCAPED).to_string();
    let details = STANDARD_NO_PAD.encode(status.encode_to_vec());
    for (name, text) in [(MESSAGE, message), (DETAILS, details)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_trailers_alone_and_its_text_is_escaped() {
        let response = answer(Err(Refusal::unavailable("memory", "100 % full: ü\r\n")));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[STATUS], "14");
        assert_eq!(response.headers()[MESSAGE], "100 %25 full: %C3%BC%0D%0A");
        let details = STANDARD_NO_PAD.decode(&response.headers()[DETAILS]).unwrap();
        assert_eq!(Status::decode(&details[..]).unwrap().message, "100 % full: ü\r\n");
    }
}

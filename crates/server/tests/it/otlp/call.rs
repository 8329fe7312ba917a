//! A gRPC client that sends exactly what a test says, frame and all.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub(crate) const REPORT: &str = "/zipkin.proto3.SpanService/Report";

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) http_status: u16,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) headers: HeaderMap,
    /// The answer's message, out of its frame.
    pub(crate) answer: Bytes,
}

/// Puts a message in a frame.
pub(crate) fn frame(is_compressed: bool, message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).expect("it fits");
    [&[u8::from(is_compressed)], &len.to_be_bytes()[..], message].concat()
}

/// Calls a method with a body as it is.
pub(crate) fn call(to: SocketAddr, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let calling = async {
        tokio::time::timeout(TIMEOUT, try_call(to, path, headers, body)).await.expect("in time")
    };
    runtime.expect("a runtime").block_on(calling).expect("an answer")
}

async fn try_call(
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Outcome, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(to).await?;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::post(format!("http://{to}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
    let (head, body) = response.into_parts();
    let collected = body.collect().await?;
    let mut all = head.headers;
    all.extend(collected.trailers().cloned().unwrap_or_default());
    let mut answer = collected.to_bytes();
    if !answer.is_empty() {
        assert_eq!(answer[..5], frame(false, &answer[5..])[..5], "one frame");
        answer = answer.slice(5..);
    }
    let text = |name: &str| all.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let message = percent_encoding::percent_decode_str(text("grpc-message")).decode_utf8()?;
    Ok(Outcome {
        http_status: head.status.as_u16(),
        code: text("grpc-status").parse().unwrap_or(-1),
        message: message.into_owned(),
        answer,
        headers: all,
    })
}

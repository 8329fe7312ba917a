//! Requests that fail: what the error, the tags and the events say.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{self, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use spandrel::mock::MockTracer;
use spandrel::{FinishedSpan, fields, tags};
use spandrel_http::{Client, Error};
use tokio::io::AsyncWriteExt;

use crate::support::*;

/// The message of the span's error log.
fn message(span: &FinishedSpan) -> String {
    let is_error = |log: &&spandrel::LogRecord| log.field(fields::ERROR_KIND).is_some();
    let log = span.logs().iter().find(is_error).expect("there is an error log");
    log.field(fields::MESSAGE).unwrap().to_string()
}

/// Both spans of a request that failed, the hop first.
fn failed(tracer: &MockTracer) -> (FinishedSpan, FinishedSpan) {
    let (hop, top) = (only(tracer, "HTTP GET"), only(tracer, "HTTP Client"));
    assert!(hop.is_error() && top.is_error());
    assert_eq!(tag(&hop, tags::HTTP_STATUS_CODE), None);
    assert_eq!(tracer.unfinished_spans().len(), 0);
    (hop, top)
}

#[tokio::test]
async fn a_name_that_is_unknown() {
    let tracer = MockTracer::new();
    let client = Client::builder(tracer.tracer()).resolver(nowhere).build();
    let error = soon(client.get("http://nowhere.invalid/")).await.unwrap_err();
    assert!(matches!(&error, Error::Resolve { host, .. } if host == "nowhere.invalid"), "{error}");
    let (hop, top) = failed(&tracer);
    assert_eq!(events(&hop), ["GetConn", "DNSStart", "DNSDone", "error Resolve"]);
    assert_eq!(hop.logs()[2].field(fields::ERROR_OBJECT), Some(&"no such host".into()));
    assert_eq!(message(&hop), "no address found for nowhere.invalid: no such host");
    assert_eq!(events(&top), [""; 0]);
}

#[tokio::test]
async fn a_name_without_addresses() {
    let tracer = MockTracer::new();
    let client = Client::builder(tracer.tracer()).resolver(at(&[])).build();
    let error = soon(client.get("http://empty.invalid/")).await.unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }), "{error}");
    assert_eq!(events(&failed(&tracer).0), ["GetConn", "DNSStart", "DNSDone", "error Resolve"]);
}

#[tokio::test]
async fn a_connection_that_is_refused() {
    let address = nobody().await;
    let tracer = MockTracer::new();
    let url = format!("http://{address}/");
    let error = soon(client(&tracer).get(&url)).await.unwrap_err();
    assert!(matches!(error, Error::Connect { address: at, .. } if at == address), "{error}");
    let (hop, _) = failed(&tracer);
    // An address is not looked up.
    assert_eq!(events(&hop), ["GetConn", "ConnectStart", "failed ConnectDone", "error Connect"]);
    let done = &hop.logs()[2];
    assert_eq!(done.field("addr"), Some(&address.to_string().into()));
    assert!(done.field(fields::ERROR_OBJECT).unwrap().to_string().contains("refused"));
}

#[tokio::test]
async fn an_address_that_refuses_is_followed_by_the_next() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    // The whole of 127.0.0.0/8 is this machine's, and only 127.0.0.1 listens.
    let addresses: [IpAddr; 2] = ["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    let client = builder(&tracer).resolver(at(&addresses)).build();
    ask(&client, &format!("http://shop:{port}/gettime")).await;
    let hop = only(&tracer, "HTTP GET");
    let connects: Vec<String> =
        events(&hop).into_iter().filter(|event| event.contains("Connect")).collect();
    let connects: Vec<&str> = connects.iter().map(String::as_str).collect();
    assert_eq!(connects, ["ConnectStart", "failed ConnectDone", "ConnectStart", "ConnectDone"]);
    assert!(!hop.is_error());
}

#[tokio::test]
async fn an_answer_that_is_not_http() {
    let port = scripted(|stream| answer_all(stream, b"220 mail.example ESMTP\r\n")).await;
    let tracer = MockTracer::new();
    let error = soon(client(&tracer).get(&format!("http://shop:{port}/"))).await.unwrap_err();
    assert!(matches!(error, Error::Exchange { .. }), "{error}");
    let (hop, _) = failed(&tracer);
    assert_eq!(events(&hop).last().map(String::as_str), Some("error Exchange"));
}

#[tokio::test]
async fn a_body_that_breaks_off() {
    let port = scripted(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin").await
    })
    .await;
    let tracer = MockTracer::new();
    let response = soon(client(&tracer).get(&format!("http://shop:{port}/"))).await.unwrap();
    let error = soon(response.into_body().collect()).await.unwrap_err();
    assert!(matches!(error, Error::Exchange { .. }), "{error}");
    let (hop, top) = (only(&tracer, "HTTP GET"), only(&tracer, "HTTP Client"));
    assert!(hop.is_error() && top.is_error());
    assert_eq!(tag(&hop, tags::HTTP_STATUS_CODE), Some(200.into()));
    let events = events(&hop);
    assert_eq!(events[events.len() - 2..], ["error Exchange", "ClosedBody"]);
}

#[tokio::test]
async fn a_status_of_500_is_an_error_of_the_hop_and_404_is_not() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = client(&tracer);
    assert_eq!(ask(&client, &format!("http://shop:{port}/broken")).await, "broken");
    ask(&client, &format!("http://shop:{port}/no-such-page")).await;
    let hops = named(&tracer, "HTTP GET");
    assert_eq!(tag(&hops[0], tags::HTTP_STATUS_CODE), Some(500.into()));
    assert!(hops[0].is_error());
    assert_eq!(tag(&hops[1], tags::HTTP_STATUS_CODE), Some(404.into()));
    assert!(!hops[1].is_error());
}

#[tokio::test]
async fn a_request_body_that_breaks_off() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let request = http::Request::post(format!("http://shop:{port}/echo"))
        .body(Broken { is_begun: false })
        .unwrap();
    let error = soon(client(&tracer).request(request)).await.unwrap_err();
    assert!(matches!(error, Error::RequestBody { .. }), "{error}");
    let hop = only(&tracer, "HTTP POST");
    assert!(events(&hop).contains(&"failed WroteRequest".to_owned()), "{:?}", events(&hop));
    assert!(message(&hop).contains("the disk is gone"), "{}", message(&hop));
}

/// A body that fails after its first frame.
struct Broken {
    is_begun: bool,
}

impl Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(if std::mem::replace(&mut self.is_begun, true) {
            Err(io::Error::other("the disk is gone"))
        } else {
            Ok(Frame::data(Bytes::from_static(b"begin")))
        }))
    }
}

#[tokio::test]
async fn urls_that_cannot_be_asked() {
    let tracer = MockTracer::new();
    let client = client(&tracer);
    for url in ["/path", "ftp://host/", "no url at all", ""] {
        let error = soon(client.get(url)).await.unwrap_err();
        assert!(matches!(error, Error::Url { .. }), "{url}: {error}");
    }
    assert!(tracer.finished_spans().iter().all(FinishedSpan::is_error));
}

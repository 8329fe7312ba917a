//! What the tests share: servers on loopback, resolvers, and spans as short texts.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use spandrel::mock::MockTracer;
use spandrel::{FinishedSpan, TagValue};
use spandrel_http::{Client, ClientBuilder, Resolving, ResponseBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must happen, and fails the test when it does not.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it must happen within the time")
}

/// Lets other tasks run until a condition holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A client that finds every name on this machine.
pub(crate) fn builder(tracer: &MockTracer) -> ClientBuilder {
    Client::builder(tracer.tracer()).resolver(at(&[IpAddr::from(Ipv4Addr::LOCALHOST)]))
}

pub(crate) fn client(tracer: &MockTracer) -> Client {
    builder(tracer).build()
}

/// Resolves every name to these addresses.
pub(crate) fn at(addresses: &[IpAddr]) -> impl Fn(&str) -> Resolving + Send + Sync + use<> {
    let addresses = addresses.to_vec();
    move |_| {
        let addresses = addresses.clone();
        Box::pin(async { Ok(addresses) })
    }
}

/// Knows no name.
pub(crate) fn nowhere(_: &str) -> Resolving {
    Box::pin(async { Err(io::Error::new(io::ErrorKind::NotFound, "no such host")) })
}

pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address of this machine where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    listener().await.1
}

/// Serves an application until the test's runtime ends, and returns its port.
pub(crate) async fn serve(app: Router) -> u16 {
    let (listener, address) = listener().await;
    tokio::spawn(async move { axum::serve(listener, app).await });
    address.port()
}

/// The server of the article, and some answers beyond it.
pub(crate) fn article() -> Router {
    Router::new()
        .route(
            "/",
            get(|| async { (StatusCode::MOVED_PERMANENTLY, [("location", "/gettime")], "moved") }),
        )
        .route("/gettime", get(|| async { "The time is now" }))
        .route("/see-other", get(|| async { Redirect::to("/gettime") }))
        .route("/loop", get(|| async { Redirect::to("/loop") }))
        .route("/broken", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "broken") }))
        .route("/empty", get(|| async { StatusCode::NO_CONTENT }))
        .route("/echo", axum::routing::post(|body: Bytes| async { body }))
}

/// Answers one connection after the other with what `answer` writes to it.
pub(crate) async fn scripted<F, A>(answer: F) -> u16
where
    F: Fn(TcpStream) -> A + Send + 'static,
    A: Future<Output = io::Result<()>> + Send + 'static,
{
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address.port()
}

/// Reads one request's head and returns it; `None` when the connection is closed instead.
pub(crate) async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Answers every request on a connection with the same bytes.
pub(crate) async fn answer_all(mut stream: TcpStream, answer: &'static [u8]) -> io::Result<()> {
    while read_head(&mut stream).await.is_some() {
        stream.write_all(answer).await?;
    }
    Ok(())
}

pub(crate) fn get_request(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

pub(crate) async fn text(response: Response<ResponseBody>) -> String {
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Asks and reads the answer.
pub(crate) async fn ask(client: &Client, url: &str) -> String {
    text(soon(client.get(url)).await.unwrap()).await
}

/// The names of a span's events; of one that failed, its message.
pub(crate) fn events(span: &FinishedSpan) -> Vec<String> {
    let name = |field| move |log: &spandrel::LogRecord| log.field(field).map(ToString::to_string);
    let of = |log| match name("event")(log) {
        Some(event) if event == "error" => {
            let told = name("error.kind")(log).map(|kind| format!("error {kind}"));
            told.or_else(|| Some(format!("failed {}", name("message")(log)?)))
        }
        event => event,
    };
    span.logs().iter().map(|log| of(log).unwrap_or_default()).collect()
}

/// The only finished span of this name.
pub(crate) fn only(tracer: &MockTracer, name: &str) -> FinishedSpan {
    let mut spans = named(tracer, name);
    assert_eq!(spans.len(), 1, "spans called {name}");
    spans.remove(0)
}

pub(crate) fn named(tracer: &MockTracer, name: &str) -> Vec<FinishedSpan> {
    let spans = tracer.finished_spans().into_iter();
    spans.filter(|span| span.operation_name() == name).collect()
}

pub(crate) fn tag(span: &FinishedSpan, key: &str) -> Option<TagValue> {
    span.tag(key).cloned()
}

/// A list that tasks fill.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

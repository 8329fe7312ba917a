//! Connections to the door under load: opened when needed, kept while they work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::answer::{Answer, of_grpc, of_http};
use super::flags::LoadgenFlags;
use super::protocol::Transport;
use super::subject::Subject;

/// How long a request may take, connecting included. The server's own limits are shorter.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of an answer.
const ANSWER_LEN_MAX: usize = 1 << 20;
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Where requests go, and what stands at the head of each.
#[derive(Debug)]
pub(super) struct Target {
    address: SocketAddr,
    transport: Transport,
    uri: Uri,
    headers: HeaderMap,
}

impl Target {
    pub(super) fn of(subject: &Subject, flags: &LoadgenFlags) -> anyhow::Result<Self> {
        let protocol = flags.protocol;
        let address = subject.door(protocol.door)?;
        let is_near = address.ip().is_loopback();
        ensure!(is_near || flags.allow_remote, "{address} is not this machine: say --allow-remote");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(protocol.content_type));
        let uri = match protocol.transport {
            Transport::Http1 => {
                headers.insert(HOST, HeaderValue::from_str(&address.to_string())?);
                Uri::from_static(protocol.path)
            }
            Transport::Grpc => {
                headers.insert(TE, HeaderValue::from_static("trailers"));
                format!("http://{address}{}", protocol.path).parse()?
            }
        };
        if let Some(name) = flags.encoding.name() {
            let header = match protocol.transport {
                Transport::Http1 => CONTENT_ENCODING,
                Transport::Grpc => GRPC_ENCODING,
            };
            headers.insert(header, HeaderValue::from_static(name));
        }
        Ok(Self { address, transport: protocol.transport, uri, headers })
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::post(self.uri.clone());
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
        }
        request.body(Full::new(body)).expect("the path and the headers were parsed before")
    }
}

/// One connection, which several senders share over HTTP/2.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    target: Arc<Target>,
    sender: Arc<Mutex<Option<Sender>>>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Channel {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, sender: Arc::default() }
    }

    /// Sends a body and reads the answer.
    ///
    /// # Errors
    ///
    /// Fails when there is no answer. The spans may be kept or not.
    pub(super) async fn send(&self, body: Bytes) -> anyhow::Result<Answer> {
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(body)).await;
        let sent = sent.with_context(|| format!("no answer in {} s", ANSWER_TIMEOUT.as_secs()));
        let outcome = sent.and_then(|outcome| outcome);
        if outcome.is_err() && self.target.transport == Transport::Http1 {
            *self.sender.lock().await = None;
        }
        outcome
    }

    /// Opens the connection before the clock starts.
    pub(super) async fn open(&self) -> anyhow::Result<()> {
        let opening = async { self.opened(&mut *self.sender.lock().await).await };
        tokio::time::timeout(ANSWER_TIMEOUT, opening).await.context("it takes too long")?
    }

    async fn exchange(&self, body: Bytes) -> anyhow::Result<Answer> {
        let mut sender = self.sender.lock().await;
        self.opened(&mut sender).await?;
        let request = self.target.request(body);
        let response = match sender.as_mut().context("the connection was opened")? {
            Sender::Http1(http1) => {
                http1.ready().await?;
                http1.send_request(request).await?
            }
            Sender::Http2(http2) => {
                let mut http2 = http2.clone();
                // The others on this connection send meanwhile.
                drop(sender);
                http2.ready().await?;
                let response = http2.send_request(request).await?;
                return self.read(response).await;
            }
        };
        self.read(response).await
    }

    async fn opened(&self, sender: &mut Option<Sender>) -> anyhow::Result<()> {
        let is_open = match sender.as_ref() {
            Some(Sender::Http1(http1)) => !http1.is_closed(),
            Some(Sender::Http2(http2)) => !http2.is_closed(),
            None => false,
        };
        if !is_open {
            *sender = Some(connect(&self.target).await?);
        }
        Ok(())
    }

    async fn read(&self, response: Response<Incoming>) -> anyhow::Result<Answer> {
        let (head, body) = response.into_parts();
        let read = Limited::new(body, ANSWER_LEN_MAX).collect().await;
        let read = read.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
        let mut headers = head.headers;
        headers.extend(read.trailers().cloned().unwrap_or_default());
        let body = read.to_bytes();
        Ok(match self.target.transport {
            Transport::Grpc if head.status.is_success() => of_grpc(&headers, &body),
            _ => of_http(head.status, &headers, &body),
        })
    }
}

async fn connect(target: &Target) -> anyhow::Result<Sender> {
    let stream = TcpStream::connect(target.address).await.context("no connection")?;
    // What is sent is whole: waiting for more to send with it would only make answers late.
    stream.set_nodelay(true)?;
    let stream = TokioIo::new(stream);
    Ok(match target.transport {
        Transport::Http1 => {
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        }
        Transport::Grpc => {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        }
    })
}

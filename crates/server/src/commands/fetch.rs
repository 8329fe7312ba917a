//! A small HTTP client for the server's own API: one connection, one question at a time, limits
//! on how long an answer may take and how large it may be.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// How long one question may take, connecting included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes an answer may have.
const ANSWER_LEN_MAX: usize = 1 << 30;
/// How long a long answer may pause: before its first byte the server may have to flush.
const STREAM_PAUSE_MAX: Duration = Duration::from_secs(600);
/// The most bytes of an error that are read.
const ERROR_LEN_MAX: usize = 64 << 10;

/// A server that can be asked.
#[derive(Debug)]
pub(super) struct Server {
    authority: String,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Question<'q> {
    pub(super) method: Method,
    pub(super) path: &'q str,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
}

impl<'q> Question<'q> {
    /// A question without a body.
    pub(super) fn new(method: Method, path: &'q str) -> Self {
        Self { method, path, content_type: "application/json", body: Bytes::new() }
    }
}

/// An answer that was read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long the server asks to wait before another try.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: String,
}

impl Answer {
    /// What the server says is wrong.
    pub(super) fn error(&self) -> String {
        format!("{}: {}", self.status, error_text(&self.body))
    }
}

impl Server {
    /// Reads the URL of a main door. Only http: there is no TLS yet.
    pub(super) fn at(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        let Some(authority) = uri.authority().filter(|_| uri.scheme_str() == Some("http")) else {
            bail!("`{url}` is not of the form http://HOST:PORT");
        };
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { authority: format!("{}:{port}", authority.host()) })
    }

    /// Asks for a path and returns the answer's text.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.talk()?.ask(&Question::new(Method::GET, path))?;
        if !answer.status.is_success() {
            bail!("{} answers {}", self.authority, answer.error());
        }
        Ok(answer.body)
    }

    /// Begins a conversation of several questions.
    pub(super) fn talk(&self) -> anyhow::Result<Conversation> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Conversation { authority: self.authority.clone(), runtime, connection: None })
    }
}

/// A connection that is kept from one question to the next.
#[derive(Debug)]
pub(super) struct Conversation {
    authority: String,
    runtime: Runtime,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Conversation {
    /// Asks, and reads the answer whole.
    pub(super) fn ask(&mut self, question: &Question<'_>) -> anyhow::Result<Answer> {
        let Self { authority, runtime, connection } = self;
        runtime.block_on(async {
            let asking = async {
                let response = send(authority, connection, question).await?;
                read_whole(authority, response, ANSWER_LEN_MAX).await
            };
            tokio::time::timeout(ANSWER_TIMEOUT, asking).await.with_context(|| {
                format!("{authority} did not answer within {} s", ANSWER_TIMEOUT.as_secs())
            })?
        })
    }

    /// Asks, and takes a long answer piece by piece. An error answer is an error.
    pub(super) fn stream(
        &mut self,
        question: &Question<'_>,
        begin: &mut dyn FnMut(&HeaderMap),
        take: &mut dyn FnMut(Bytes) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Self { authority, runtime, connection } = self;
        let too_slow = || format!("{authority} said nothing for {} s", STREAM_PAUSE_MAX.as_secs());
        runtime.block_on(async {
            let sending = send(authority, connection, question);
            let sent = tokio::time::timeout(STREAM_PAUSE_MAX, sending).await;
            let mut response = sent.with_context(too_slow)??;
            if !response.status().is_success() {
                let answer = read_whole(authority, response, ERROR_LEN_MAX).await?;
                bail!("{authority} answers {}", answer.error());
            }
            begin(response.headers());
            loop {
                let frame = response.body_mut().frame();
                let frame = tokio::time::timeout(STREAM_PAUSE_MAX, frame).await;
                let Some(frame) = frame.with_context(too_slow)? else { return Ok(()) };
                let frame =
                    frame.with_context(|| format!("the answer of {authority} broke off"))?;
                if let Ok(data) = frame.into_data() {
                    take(data)?;
                }
            }
        })
    }

    /// Waits.
    pub(super) fn pause(&self, duration: Duration) {
        self.runtime.block_on(tokio::time::sleep(duration));
    }
}

async fn send(
    authority: &str,
    connection: &mut Option<SendRequest<Full<Bytes>>>,
    question: &Question<'_>,
) -> anyhow::Result<Response<Incoming>> {
    let is_kept = match connection.as_mut() {
        Some(sender) => sender.ready().await.is_ok(),
        None => false,
    };
    if !is_kept {
        *connection = None;
    }
    let sender = match connection {
        Some(sender) => sender,
        None => connection.insert(connect(authority).await?),
    };
    let request = Request::builder()
        .method(&question.method)
        .uri(question.path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, question.content_type)
        .body(Full::new(question.body.clone()))?;
    let response = sender.send_request(request).await;
    response.with_context(|| format!("the connection to {authority} broke"))
}

async fn connect(authority: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(authority).await.with_context(|| {
        format!("no server at {authority}: start one with `spandrel serve`, or say --url")
    })?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn read_whole(
    authority: &str,
    response: Response<Incoming>,
    len_max: usize,
) -> anyhow::Result<Answer> {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let body = match Limited::new(response.into_body(), len_max).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => bail!("the answer of {authority} broke off: {error}"),
    };
    let body = String::from_utf8(body.into()).context("the answer is no text")?;
    Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
}

/// The message of a refusal, which is JSON from Spandrel's own API.
fn error_text(body: &str) -> String {
    #[derive(Deserialize)]
    struct Refused {
        error: String,
    }
    serde_json::from_str(body).map_or_else(|_not_ours| body.to_owned(), |r: Refused| r.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_needs_http_and_a_host() {
        assert_eq!(Server::at("http://localhost:9411/").unwrap().authority, "localhost:9411");
        assert_eq!(Server::at("http://localhost").unwrap().authority, "localhost:80");
        for url in ["https://localhost", "localhost:9411", "/x", ""] {
            assert!(Server::at(url).is_err(), "{url}");
        }
    }
}

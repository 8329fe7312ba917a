//! A small HTTP client for the server's own API: GET, one answer, a limit on its size.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

/// How long one question may take, connecting included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes an answer may have.
const ANSWER_LEN_MAX: usize = 1 << 30;

/// A server that can be asked.
#[derive(Debug)]
pub(super) struct Server {
    authority: String,
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer =
            runtime.block_on(async { tokio::time::timeout(ANSWER_TIMEOUT, self.ask(path)).await });
        let (status, body) = answer.with_context(|| {
            format!("{} did not answer within {} s", self.authority, ANSWER_TIMEOUT.as_secs())
        })??;
        if !status.is_success() {
            bail!("{} answers {status}: {}", self.authority, error_text(&body));
        }
        Ok(body)
    }

    async fn ask(&self, path: &str) -> anyhow::Result<(http::StatusCode, String)> {
        let authority = &self.authority;
        let stream = TcpStream::connect(authority).await.with_context(|| {
            format!("no server at {authority}: start one with `spandrel serve`, or say --url")
        })?;
        let io = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        let conversation = tokio::spawn(connection);
        let request = Request::get(path).header(HOST, authority).body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LEN_MAX).collect().await;
        let body = match body {
            Ok(body) => body.to_bytes(),
            Err(error) => bail!("the answer of {authority} broke off: {error}"),
        };
        conversation.abort();
        Ok((status, String::from_utf8(body.into()).context("the answer is no text")?))
    }
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

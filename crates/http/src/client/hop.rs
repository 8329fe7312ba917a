//! One hop of a request: one question, one answer, one span.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{Extensions, Method, Request, Response, Uri};
use hyper::body::Incoming;
use spandrel::{Log, Span, SpanKind, SpanRef, fields, tags};

use super::Inner;
use super::attempt::Attempt;
use super::body::{BoxedBody, RequestBody, ResponseBody};
use super::connection::Connection;
use super::pool::{Checkout, Lease};
use super::redirect::Ask;
use crate::Error;
use crate::client_trace::{ClientTrace, GotConnInfo};
use crate::url::{self, Target};

/// How many sources of an error are written into its log.
const SOURCES_LEN_MAX: usize = 8;

/// Marks a span as failed: the tag `error`, and a log of what went wrong.
pub(super) fn mark_failed(span: &SpanRef, error: &Error) {
    if !span.is_recording() {
        return;
    }
    let mut message = error.to_string();
    let mut source = error.source();
    for _ in 0..SOURCES_LEN_MAX {
        let Some(cause) = source else { break };
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    span.set_tag(tags::ERROR, true);
    let log = Log::event("error").field(fields::ERROR_KIND, error.kind());
    span.log(log.field(fields::MESSAGE, message));
}

/// Names the span of a request, without allocating for the usual methods.
pub(crate) fn operation_name(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::GET => "HTTP GET".into(),
        Method::POST => "HTTP POST".into(),
        Method::PUT => "HTTP PUT".into(),
        Method::DELETE => "HTTP DELETE".into(),
        Method::HEAD => "HTTP HEAD".into(),
        Method::PATCH => "HTTP PATCH".into(),
        Method::OPTIONS => "HTTP OPTIONS".into(),
        _ => format!("HTTP {method}").into(),
    }
}

/// One hop that is under way.
pub(super) struct Hop<'a> {
    client: &'a Inner,
    ask: &'a Ask,
    extensions: &'a Extensions,
    attempt: Arc<Attempt>,
    span: Span,
    is_answered: bool,
}

impl<'a> Hop<'a> {
    pub(super) fn start(
        client: &'a Inner,
        top: &Span,
        ask: &'a Ask,
        extensions: &'a Extensions,
        hooks: Option<&Arc<dyn ClientTrace>>,
    ) -> Self {
        let builder = client.tracer.span(operation_name(&ask.method)).child_of(top);
        let span = builder.kind(SpanKind::Client).start();
        if span.is_recording() {
            span.set_tag(tags::COMPONENT, client.component.clone())
                .set_tag(tags::HTTP_METHOD, ask.method.as_str())
                .set_tag(tags::HTTP_URL, (client.url_tag)(&ask.url))
                .set_tag(tags::PEER_ADDRESS, url::authority(&ask.url));
        }
        let traced = (client.logs_events && span.is_recording()).then(|| span.handle());
        let attempt = Attempt::new(traced, hooks.cloned(), Arc::clone(&client.counters));
        Self { client, ask, extensions, attempt: Arc::new(attempt), span, is_answered: false }
    }

    /// Asks, and returns the answer, whose body ends the span.
    pub(super) async fn run(
        mut self,
        body: Option<BoxedBody>,
    ) -> Result<Response<ResponseBody>, Error> {
        let exchanged = self.exchange(body).await;
        self.is_answered = true;
        let (response, lease) = match exchanged {
            Ok(answer) => answer,
            Err(error) => {
                mark_failed(&self.span, &error);
                return Err(error);
            }
        };
        let status = response.status();
        self.span.set_tag(tags::HTTP_STATUS_CODE, status.as_u16());
        if status.is_server_error() {
            self.span.set_tag(tags::ERROR, true);
        }
        let (head, incoming) = response.into_parts();
        let span = std::mem::replace(&mut self.span, Span::noop());
        let mut body = ResponseBody::new(incoming, lease, Arc::clone(&self.attempt), span);
        body.settle_if_empty().await;
        Ok(Response::from_parts(head, body))
    }

    async fn exchange(
        &self,
        body: Option<BoxedBody>,
    ) -> Result<(Response<Incoming>, Lease), Error> {
        let target = Target::of(&self.ask.url)?;
        let key = target.key();
        let mut request = self.request(body);
        loop {
            let (mut lease, is_reused) = self.lease(&target, &key).await?;
            let mut failure = match lease.connection.send(request, &self.attempt).await {
                Ok(response) => return Ok((response, lease)),
                Err(failure) => failure,
            };
            // Closed while it was idle: the server could not know that a request was coming.
            request = match failure.take_message() {
                Some(unsent) if is_reused => unsent,
                None if is_reused && self.may_ask_again() => self.request(None),
                _ => {
                    let error = Error::of_exchange(failure.into_error());
                    self.attempt.write_failed(&error);
                    return Err(error);
                }
            };
            self.attempt.start_over();
            self.client.counters.requests_resent.add();
        }
    }

    fn may_ask_again(&self) -> bool {
        self.ask.is_replayable() && !self.attempt.is_first_byte_read()
    }

    /// Gets a connection. Each one that turns out to be closed leaves the pool, and a new one is
    /// not tried twice; so the loop that calls this ends.
    async fn lease(&self, target: &Target, key: &str) -> Result<(Lease, bool), Error> {
        self.attempt.get_conn(&target.host_port);
        let (lease, info) = match self.client.pool.checkout(key, &target.host_port).await? {
            Checkout::Reused(lease, idle_time) => {
                let was_idle = idle_time.is_some();
                let info = lease.connection.info();
                (lease, GotConnInfo { reused: true, was_idle, idle_time, ..info })
            }
            Checkout::Vacant(vacancy) => {
                let connected = self.client.connector.connect(target, &self.attempt).await?;
                let id = self.client.next_connection_id();
                let connection = Connection::start(connected, id).await?;
                let info = connection.info();
                (vacancy.fill(connection), info)
            }
        };
        self.attempt.got_conn(&info);
        Ok((lease, info.reused))
    }

    fn request(&self, body: Option<BoxedBody>) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::new(body, Arc::clone(&self.attempt)));
        *request.method_mut() = self.ask.method.clone();
        *request.uri_mut() = origin_form(&self.ask.url);
        *request.headers_mut() = self.ask.headers.clone();
        *request.extensions_mut() = self.extensions.clone();
        if !request.headers().contains_key(header::HOST) {
            let host = HeaderValue::from_str(url::authority(&self.ask.url));
            let host = host.expect("what a URL allows in an authority a header allows too");
            request.headers_mut().insert(header::HOST, host);
        }
        if self.client.injects {
            self.client.tracer.inject(&self.span, request.headers_mut());
        }
        if self.attempt.has_hooks() || request.headers().contains_key(header::EXPECT) {
            let attempt = Arc::clone(&self.attempt);
            hyper::ext::on_informational(&mut request, move |interim| {
                attempt.got_1xx_response(interim.status());
            });
        }
        request
    }
}

impl Drop for Hop<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.span.log("Cancelled");
        }
    }
}

/// Returns what a request line has of a URL.
fn origin_form(url: &Uri) -> Uri {
    let path = url.path_and_query().cloned();
    Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
}

//! The traced client: one span for a request, one for each hop, and the steps of each as logs.
//!
//! It speaks HTTP/1.1 over connections of its own. It keeps no cookies, sends no user and
//! password out of a URL, and decompresses nothing.

mod attempt;
mod body;
mod builder;
mod connection;
mod connector;
mod counters;
mod happy_eyeballs;
pub(crate) mod hop;
mod io;
mod pool;
mod redirect;
mod resolver;
#[cfg(feature = "tls")]
mod tls;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll};

use http::{Extensions, Method, Request, Response, Uri};
use http_body::Body;
use spandrel::{Context, Span, Tracer, tags};

pub use body::ResponseBody;
pub use builder::ClientBuilder;
pub use counters::ClientCounters;
pub use resolver::{Resolve, Resolving, SystemResolver};

use crate::Error;
use crate::client_trace::{ClientTrace, RequestTrace};
use body::BoxedBody;
use connector::Connector;
use counters::Counters;
use hop::{Hop, mark_failed};
use pool::Pool;
use redirect::Ask;

/// How much of a redirect's body is read so that its connection can serve the next hop, as in
/// Go's client.
const REDIRECT_BODY_LEN_MAX: usize = 2_048;

/// Writes the tag `http.url` of a URL.
type UrlTag = Box<dyn Fn(&Uri) -> String + Send + Sync>;

/// A response that is on its way.
pub type Responding = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Error>> + Send>>;

/// A client that traces its requests. Cheap to clone; all clones share their connections.
///
/// It is a `tower` service, and has [`request`](Client::request) and [`get`](Client::get) for
/// those who need none. It runs on tokio.
///
/// A request makes a span `HTTP Client`, a child of the context that was given with
/// [`RequestExt::with_context`](crate::RequestExt::with_context), or else of the span that was
/// active when the request was made. Each hop, the first and every redirect, makes a span
/// such as `HTTP GET` under it, whose identity travels in the request's headers. The spans finish
/// when the response's body has been read or is dropped; those of a HEAD request at once.
///
/// # Examples
///
/// ```no_run
/// use http_body_util::BodyExt;
/// use spandrel::{Context, Tracer};
/// use spandrel_http::{Client, RequestExt};
///
/// # async fn ask(tracer: Tracer) -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(tracer.clone());
/// let span = tracer.start_span("ask");
/// let request = http::Request::get("http://localhost:8000/")
///     .body(http_body_util::Empty::<bytes::Bytes>::new())?
///     .with_context(Context::from(&span));
/// let answer = client.request(request).await?;
/// println!("{:?}", answer.into_body().collect().await?.to_bytes());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    tracer: Tracer,
    connector: Connector,
    pool: Arc<Pool>,
    counters: Arc<Counters>,
    next_connection_id: AtomicU64,
    operation_name: Cow<'static, str>,
    component: Cow<'static, str>,
    url_tag: UrlTag,
    logs_events: bool,
    injects: bool,
    redirects_max: usize,
}

impl Client {
    /// Makes a client as [`Client::builder`] does when nothing is said.
    #[must_use]
    pub fn new(tracer: Tracer) -> Self {
        Self::builder(tracer).build()
    }

    /// Starts to describe a client whose spans this tracer makes.
    pub fn builder(tracer: Tracer) -> ClientBuilder {
        ClientBuilder::new(tracer)
    }

    /// Sends a request and follows redirects.
    ///
    /// Nothing happens until the future is polled, but the parent of its spans is chosen now.
    /// Dropping it gives the request up. A request that meets a reused connection which the
    /// server has just closed is sent again where nothing of it was sent, or where it is
    /// idempotent and has no body.
    ///
    /// # Errors
    ///
    /// The future says why there is no response; see [`Error`].
    pub fn request<B>(&self, request: Request<B>) -> Responding
    where
        B: Body + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut head, body) = request.into_parts();
        let parent = head.extensions.remove::<Context>().unwrap_or_else(Context::current);
        let hooks = head.extensions.remove::<RequestTrace>().map(|RequestTrace(hooks)| hooks);
        let body = body::boxed(body);
        let ask = Ask {
            method: head.method,
            url: head.uri,
            headers: head.headers,
            has_body: body.is_some(),
        };
        let call = Call { client: Arc::clone(&self.inner), extensions: head.extensions, hooks };
        Box::pin(call.run(parent, ask, body))
    }

    /// Asks for a URL with GET.
    ///
    /// # Errors
    ///
    /// Says why there is no response; see [`Error`].
    pub async fn get(&self, url: &str) -> Result<Response<ResponseBody>, Error> {
        let Ok(url) = url.parse::<Uri>() else {
            // Not shown: what cannot be parsed cannot be freed of its secrets either.
            return Err(Error::Url { url: "what was given".into(), reason: "it is no URL" });
        };
        let mut request = Request::new(String::new());
        *request.uri_mut() = url;
        self.request(request).await
    }

    /// Returns what the client has done.
    #[must_use]
    pub fn counters(&self) -> ClientCounters {
        self.inner.counters.read()
    }
}

impl<B> tower_service::Service<Request<B>> for Client
where
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = Responding;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Responding {
        self.request(request)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

impl Inner {
    fn next_connection_id(&self) -> u64 {
        self.next_connection_id.fetch_add(1, Ordering::Relaxed)
    }
}

/// One request with all its hops.
struct Call {
    client: Arc<Inner>,
    extensions: Extensions,
    hooks: Option<Arc<dyn ClientTrace>>,
}

impl Call {
    async fn run(
        self,
        parent: Context,
        ask: Ask,
        body: Option<BoxedBody>,
    ) -> Result<Response<ResponseBody>, Error> {
        // A redirect never makes another method of HEAD, nor HEAD of another.
        let is_head = ask.method == Method::HEAD;
        let name = self.client.operation_name.clone();
        let top = self.client.tracer.span(name).child_of(&parent).start();
        match self.follow(&top, ask, body).await {
            Ok(mut response) => {
                response.body_mut().ends(top);
                if is_head {
                    response.body_mut().finish_spans();
                }
                Ok(response)
            }
            Err(error) => {
                top.set_tag(tags::ERROR, true);
                Err(error)
            }
        }
    }

    async fn follow(
        &self,
        top: &Span,
        mut ask: Ask,
        mut body: Option<BoxedBody>,
    ) -> Result<Response<ResponseBody>, Error> {
        let limit = self.client.redirects_max;
        for _ in 0..=limit {
            let hop = Hop::start(&self.client, top, &ask, &self.extensions, self.hooks.as_ref());
            let response = hop.run(body.take()).await?;
            match ask.redirected(&response) {
                Ok(None) => return Ok(response),
                Ok(Some(next)) => {
                    response.into_body().drain(REDIRECT_BODY_LEN_MAX).await;
                    ask = next;
                }
                Err(error) => return Err(given_up(top, error)),
            }
        }
        Err(given_up(top, Error::TooManyRedirects { limit }))
    }
}

/// Writes an error that belongs to no hop on the request's top span.
fn given_up(top: &Span, error: Error) -> Error {
    mark_failed(top, &error);
    error
}

//! The traced server: a `tower` layer that makes one span for each request it serves.
//!
//! It reads and writes no more of a request than its head; bodies pass through, counted.

mod body;
mod future;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{self, Poll};

use http::request::Parts;
use http::{Request, Response, Uri};
use http_body::Body;
use spandrel::{SpanKind, SpanRef, Tracer, tags};
use tower_layer::Layer;
use tower_service::Service;

pub use body::ServerBody;
pub use future::ServerFuture;
use future::Work;

use crate::client::hop;
use crate::url;

/// The tag of the size of a response's body, in bytes.
const RESPONSE_SIZE: &str = "http.response_size";

type Filter = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;
type Observer = Arc<dyn Fn(&SpanRef, &Parts) + Send + Sync>;
type Naming = Arc<dyn Fn(&Parts) -> Cow<'static, str> + Send + Sync>;
type UrlTag = Arc<dyn Fn(&Uri) -> String + Send + Sync>;

/// Makes services trace the requests they serve.
///
/// Each request gets a span named `HTTP GET` after its method, which continues the trace that
/// its headers name. The span is active whenever the service runs, and is in the request's
/// extensions as a [`SpanRef`]. It finishes when the response's body has been sent.
///
/// The tag `error` is set when the status is 500 or above, when the service panics (the panic
/// goes on), when its error is no response, and when the work is dropped before it is done,
/// as happens when the caller goes away.
///
/// # Examples
///
/// ```
/// use spandrel::Tracer;
/// use spandrel_http::ServerLayer;
/// use tower_layer::Layer;
///
/// let layer = ServerLayer::new(Tracer::noop())
///     .filter(|request| request.uri.path() != "/health")
///     .observe(|span, request| {
///         if let Some(agent) = request.headers.get("user-agent") {
///             span.set_tag("http.user_agent", String::from_utf8_lossy(agent.as_bytes()));
///         }
///     });
/// # let service = layer.layer(());
/// ```
///
/// # Names with routes
///
/// `HTTP GET` says little where all requests are GETs, and a path would make as many names as
/// there are users. With the feature `axum`, `with_route_names` names spans after axum's
/// routes: `HTTP GET /users/{id}`. For another router, or other names, there is
/// [`name_by`](Self::name_by).
#[derive(Clone)]
pub struct ServerLayer {
    tracer: Tracer,
    options: Arc<Options>,
}

#[derive(Clone)]
pub(super) struct Options {
    component: Cow<'static, str>,
    filter: Option<Filter>,
    observer: Option<Observer>,
    naming: Naming,
    url_tag: UrlTag,
    has_routes: bool,
}

impl ServerLayer {
    /// Makes a layer whose spans this tracer makes.
    #[must_use]
    pub fn new(tracer: Tracer) -> Self {
        let options = Options {
            component: "spandrel-http".into(),
            filter: None,
            observer: None,
            naming: Arc::new(|request| hop::operation_name(&request.method)),
            url_tag: Arc::new(url::redacted),
            has_routes: false,
        };
        Self { tracer, options: Arc::new(options) }
    }

    /// Traces only the requests for which `is_traced` says so. The others are served as if
    /// there were no layer.
    #[must_use]
    pub fn filter(self, is_traced: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.set(|options| options.filter = Some(Arc::new(is_traced)))
    }

    /// Calls `observe` with each span when it has started.
    #[must_use]
    pub fn observe(self, observe: impl Fn(&SpanRef, &Parts) + Send + Sync + 'static) -> Self {
        self.set(|options| options.observer = Some(Arc::new(observe)))
    }

    /// Names the spans.
    #[must_use]
    pub fn name_by<N>(self, name: impl Fn(&Parts) -> N + Send + Sync + 'static) -> Self
    where
        N: Into<Cow<'static, str>>,
    {
        self.set(|options| options.naming = Arc::new(move |request| name(request).into()))
    }

    /// Names the spans after axum's routes, and sets the tag `http.route`.
    ///
    /// axum knows the route where the layer is added with `Router::layer` or
    /// `Router::route_layer`. Elsewhere, and for the fallback, the name is the method's alone.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn with_route_names(self) -> Self {
        let layer = self.name_by(|request| {
            let name = hop::operation_name(&request.method);
            match request.extensions.get::<axum::extract::MatchedPath>() {
                Some(route) => Cow::Owned(format!("{name} {}", route.as_str())),
                None => name,
            }
        });
        layer.set(|options| options.has_routes = true)
    }

    /// Sets the tag `component`: `spandrel-http` unless set.
    #[must_use]
    pub fn component(self, component: impl Into<Cow<'static, str>>) -> Self {
        self.set(|options| options.component = component.into())
    }

    /// Sets how the tag `http.url` is written: as the client's is unless set, see
    /// [`ClientBuilder::url_tag`](crate::ClientBuilder::url_tag).
    #[must_use]
    pub fn url_tag(self, write: impl Fn(&Uri) -> String + Send + Sync + 'static) -> Self {
        self.set(|options| options.url_tag = Arc::new(write))
    }

    fn set(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> ServerService<S> {
        ServerService { inner, tracer: self.tracer.clone(), options: Arc::clone(&self.options) }
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLayer").field("tracer", &self.tracer).finish_non_exhaustive()
    }
}

/// A service that traces the requests it serves. Made with [`ServerLayer`].
#[derive(Clone)]
pub struct ServerService<S> {
    inner: S,
    tracer: Tracer,
    options: Arc<Options>,
}

impl<S> ServerService<S> {
    /// Starts the span of a request; `None` for one that is not traced.
    fn start(&self, request: &Parts) -> Option<Work> {
        let options = &*self.options;
        if options.filter.as_ref().is_some_and(|is_traced| !is_traced(request)) {
            return None;
        }
        let inbound = self.tracer.extract(&request.headers);
        let builder = self.tracer.span((options.naming)(request));
        let span = builder.child_of(&inbound).kind(SpanKind::Server).start();
        if span.is_recording() {
            span.set_tag(tags::HTTP_METHOD, request.method.as_str())
                .set_tag(tags::HTTP_URL, (options.url_tag)(&request.uri))
                .set_tag(tags::COMPONENT, options.component.clone());
            self.tag_route(request, &span);
        }
        if let Some(observe) = &options.observer {
            observe(&span, request);
        }
        Some(Work::new(span, request.method.clone()))
    }

    #[cfg(feature = "axum")]
    fn tag_route(&self, request: &Parts, span: &SpanRef) {
        let route = request.extensions.get::<axum::extract::MatchedPath>();
        if let Some(route) = route.filter(|_| self.options.has_routes) {
            span.set_tag("http.route", route.as_str());
        }
    }

    #[cfg(not(feature = "axum"))]
    fn tag_route(&self, _: &Parts, _: &SpanRef) {
        debug_assert!(!self.options.has_routes, "only axum's routes are known");
    }
}

impl<S, B, R> Service<Request<B>> for ServerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: fmt::Display,
    R: Body,
    R::Error: fmt::Display,
{
    type Response = Response<ServerBody<R>>;
    type Error = S::Error;
    type Future = ServerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let Some(mut work) = self.start(&head) else {
            let future = self.inner.call(Request::from_parts(head, body));
            return ServerFuture::new(future, None);
        };
        head.extensions.insert(work.span());
        let request = Request::from_parts(head, body);
        let future = work.run(|| self.inner.call(request));
        ServerFuture::new(future, Some(work))
    }
}

impl<S: fmt::Debug> fmt::Debug for ServerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

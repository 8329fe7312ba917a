//! The server's traces of its own requests, through the client library, into its own store.
//!
//! The spans go to the store directly and not through a door, so that storing them is no
//! request that would be traced in turn.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel::reporter::{Reporter, ZipkinFormat};
use spandrel::{FinishedSpan, RateLimitingSampler, Tracer};
use spandrel_codec::zipkin::{self, Format};
use spandrel_http::ServerLayer;
use spandrel_model::Span;
use spandrel_storage::{Batch, EmbeddedStore, Origin, SpanBatch, SpanStore as _, Tenant};

use crate::clock::Clock;
use crate::receivers::Lent;

/// The service that the server's own spans name.
const SERVICE: &str = "spandrel";
/// How many of its requests the server traces in a second: enough to look at, and no burden.
const TRACES_PER_SECOND_MAX: f64 = 10.0;

/// Makes the layer that traces the requests of all routes under it.
pub(crate) fn layer(store: Arc<EmbeddedStore>, clock: Arc<dyn Clock>) -> ServerLayer {
    let tracer = Tracer::builder(SERVICE)
        .sampler(RateLimitingSampler::new(TRACES_PER_SECOND_MAX))
        .reporter(IntoStore { store, clock })
        .build();
    ServerLayer::new(tracer).with_route_names()
}

/// Appends each finished span to the store.
struct IntoStore {
    store: Arc<EmbeddedStore>,
    clock: Arc<dyn Clock>,
}

impl Reporter for IntoStore {
    fn report(&self, span: FinishedSpan) {
        let body = ZipkinFormat::V1Thrift.encode(&[span]);
        let mut spans = SpanBatch::new();
        let mut sink = |span: &Span<'_>| spans.push(span);
        if let Err(error) = zipkin::decode(Format::V1Thrift, &body, &mut Lent(&mut sink)) {
            tracing::warn!(%error, "a span of the server's own could not be read back");
            return;
        }
        let origin = Origin {
            format: Cow::Borrowed(Format::V1Thrift.name()),
            content_encoding: Cow::Borrowed(""),
            door: Cow::Borrowed("self"),
            peer: None,
            arrival_ns: self.clock.now_ns(),
            accepted: u32::try_from(spans.len()).unwrap_or(u32::MAX),
            rejected: 0,
            limits: Vec::new(),
        };
        let batch = Batch { tenant: Tenant::default(), origin, body: body.into(), spans };
        let tell = |outcome| {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a span of the server's own was not kept");
            }
        };
        self.store.append(batch, Box::new(tell));
    }
}

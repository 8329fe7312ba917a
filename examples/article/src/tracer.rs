//! The tracer, set up as the article does: every span is kept, and sent as soon as it finishes.

use spandrel::propagation::Jaeger;
use spandrel::reporter::{ReporterError, ZipkinReporter};
use spandrel::{ConstSampler, StdLogger, Tracer};

/// Makes a tracer that reports to a server that takes Zipkin's formats.
///
/// Batches of one span make each span appear at once, at the price of a request for each; that
/// suits a demonstration. With `shares_span_ids`, client and server describe one span together,
/// as Zipkin's own clients do.
///
/// Identities travel in Jaeger's header, as those of the article's program do. It names the
/// parent too, which a half that shares its id has to know.
///
/// # Errors
///
/// Fails where `url` is no URL of plain HTTP.
pub fn init_tracer(
    service_name: &str,
    url: &str,
    shares_span_ids: bool,
) -> Result<Tracer, ReporterError> {
    let reporter = ZipkinReporter::builder(url).batch_len_max(1).logger(StdLogger).build()?;
    let tracer = Tracer::builder(service_name)
        .sampler(ConstSampler::new(true))
        .reporter(reporter)
        .propagator(Jaeger)
        .shared_rpc_span(shares_span_ids)
        .build();
    Ok(tracer)
}

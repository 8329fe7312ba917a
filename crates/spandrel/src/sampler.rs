//! Samplers: which traces are kept.
//!
//! A sampler is asked once a trace, where the trace starts or where nobody upstream has decided.

use std::sync::{Mutex, PoisonError};

use spandrel_model::TraceId;

use crate::value::TagValue;

/// What a sampler may look at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SamplingRequest<'a> {
    /// The new trace's id.
    pub trace_id: TraceId,
    /// The first span's operation name.
    pub operation_name: &'a str,
    /// The time, from the tracer's clock: nanoseconds of a clock that never goes back.
    pub monotonic_ns: u64,
}

impl<'a> SamplingRequest<'a> {
    /// Makes a request, for tests of samplers.
    #[must_use]
    pub const fn new(trace_id: TraceId, operation_name: &'a str, monotonic_ns: u64) -> Self {
        Self { trace_id, operation_name, monotonic_ns }
    }
}

/// What a sampler decided, and why: the first span of a trace that is kept carries the reason in
/// its tags `sampler.type` and `sampler.param`.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingDecision {
    pub(crate) is_sampled: bool,
    pub(crate) reason: Option<(&'static str, TagValue)>,
}

impl SamplingDecision {
    /// Keeps the trace, or does not, without a reason.
    #[must_use]
    pub const fn new(is_sampled: bool) -> Self {
        Self { is_sampled, reason: None }
    }

    /// Adds the reason: the kind of sampler, and its parameter.
    #[must_use]
    pub fn because(mut self, sampler_type: &'static str, param: impl Into<TagValue>) -> Self {
        self.reason = Some((sampler_type, param.into()));
        self
    }

    /// Whether the trace is kept.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.is_sampled
    }
}

/// Decides which traces are kept.
pub trait Sampler: Send + Sync + 'static {
    /// Decides about one trace. Called on the thread that starts it, so it must be quick.
    fn sample(&self, request: &SamplingRequest<'_>) -> SamplingDecision;
}

impl<S: Sampler + ?Sized> Sampler for std::sync::Arc<S> {
    fn sample(&self, request: &SamplingRequest<'_>) -> SamplingDecision {
        (**self).sample(request)
    }
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    fn sample(&self, request: &SamplingRequest<'_>) -> SamplingDecision {
        (**self).sample(request)
    }
}

/// Decides the same for every trace.
#[derive(Clone, Copy, Debug)]
pub struct ConstSampler {
    is_sampled: bool,
}

impl ConstSampler {
    /// Makes a sampler that keeps all traces, or none.
    #[must_use]
    pub const fn new(is_sampled: bool) -> Self {
        Self { is_sampled }
    }
}

impl Sampler for ConstSampler {
    fn sample(&self, _request: &SamplingRequest<'_>) -> SamplingDecision {
        SamplingDecision::new(self.is_sampled).because("const", self.is_sampled)
    }
}

/// Keeps a share of the traces, chosen by trace id: tracers of the same rate choose alike.
#[derive(Clone, Copy, Debug)]
pub struct ProbabilisticSampler {
    rate: f64,
    boundary: u64,
}

/// The 63 bits of a trace id's low half that decide, as in Jaeger's clients.
const RANDOM_BITS: u64 = u64::MAX >> 1;

impl ProbabilisticSampler {
    /// Makes a sampler that keeps the share `rate`, from 0 for none to 1 for all. A rate
    /// outside is taken as the nearer bound, and one that is no number as 0.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of 63 bits, between zero and all of them"
    )]
    pub fn new(rate: f64) -> Self {
        let rate = if rate.is_nan() { 0.0 } else { rate.clamp(0.0, 1.0) };
        Self { rate, boundary: (rate * RANDOM_BITS as f64) as u64 }
    }
}

impl Sampler for ProbabilisticSampler {
    fn sample(&self, request: &SamplingRequest<'_>) -> SamplingDecision {
        let bits = request.trace_id.low() & RANDOM_BITS;
        let is_sampled = self.rate > 0.0 && bits <= self.boundary;
        SamplingDecision::new(is_sampled).because("probabilistic", self.rate)
    }
}

/// Keeps at most so many traces a second, with a burst of as many, and always at least one.
#[derive(Debug)]
pub struct RateLimitingSampler {
    traces_per_second: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    balance: f64,
    filled_ns: Option<u64>,
}

impl RateLimitingSampler {
    /// Makes a sampler that keeps at most `traces_per_second`. A negative number, or none, is
    /// taken as 0, which keeps nothing after the first trace.
    #[must_use]
    pub fn new(traces_per_second: f64) -> Self {
        let rate = if traces_per_second.is_nan() { 0.0 } else { traces_per_second.max(0.0) };
        let bucket = Bucket { balance: rate.max(1.0), filled_ns: None };
        Self { traces_per_second: rate, bucket: Mutex::new(bucket) }
    }

    #[expect(clippy::cast_precision_loss, reason = "nanoseconds between two traces fit a double")]
    fn spend(&self, now_ns: u64) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed_ns = now_ns.saturating_sub(bucket.filled_ns.unwrap_or(now_ns));
        bucket.filled_ns = Some(now_ns);
        let earned = self.traces_per_second * (elapsed_ns as f64 / 1e9);
        bucket.balance = (bucket.balance + earned).min(self.traces_per_second.max(1.0));
        let is_sampled = bucket.balance >= 1.0;
        if is_sampled {
            bucket.balance -= 1.0;
        }
        is_sampled
    }
}

impl Sampler for RateLimitingSampler {
    fn sample(&self, request: &SamplingRequest<'_>) -> SamplingDecision {
        let is_sampled = self.spend(request.monotonic_ns);
        SamplingDecision::new(is_sampled).because("ratelimiting", self.traces_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sampled(sampler: &dyn Sampler, trace_id: u64, monotonic_ns: u64) -> bool {
        let trace_id = TraceId::new(trace_id.into()).unwrap();
        sampler.sample(&SamplingRequest::new(trace_id, "op", monotonic_ns)).is_sampled
    }

    #[test]
    fn a_probability_chooses_by_the_low_63_bits() {
        let half = ProbabilisticSampler::new(0.5);
        assert!(is_sampled(&half, 1, 0));
        assert!(is_sampled(&half, 1 | (1 << 63), 0));
        assert!(!is_sampled(&half, RANDOM_BITS, 0));
        for rate in [0.0, -1.0, f64::NAN] {
            assert!(!is_sampled(&ProbabilisticSampler::new(rate), 1, 0));
        }
        for rate in [1.0, 7.0] {
            assert!(is_sampled(&ProbabilisticSampler::new(rate), u64::MAX, 0));
        }
    }

    #[test]
    fn a_rate_lets_a_burst_through_and_then_its_share() {
        let sampler = RateLimitingSampler::new(2.0);
        let kept = |at_ns| is_sampled(&sampler, 1, at_ns);
        assert_eq!([kept(0), kept(0), kept(0)], [true, true, false]);
        assert_eq!([kept(500_000_000), kept(500_000_000)], [true, false]);
        assert_eq!(
            [kept(9_000_000_000), kept(9_000_000_000), kept(9_000_000_000)],
            [true, true, false]
        );
    }

    #[test]
    fn a_rate_below_one_still_keeps_its_traces() {
        let sampler = RateLimitingSampler::new(0.5);
        let kept = |at_ns| is_sampled(&sampler, 1, at_ns);
        assert_eq!([kept(0), kept(1_000_000_000), kept(2_000_000_000)], [true, false, true]);
    }
}

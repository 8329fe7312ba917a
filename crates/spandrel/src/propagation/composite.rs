//! Several formats as one.

use std::fmt;

use super::{
    B3, ExtractCarrier, Extracted, InjectCarrier, Jaeger, Propagator, TraceContext, W3cBaggage,
};
use crate::context::SpanContext;

/// Several propagators: those that write, and those that read.
///
/// When reading, the first in order that finds a span wins: its ids, sampling and trace state
/// count. Baggage is taken from all of them; where two know the same key, the earlier counts.
///
/// The default writes W3C Trace Context and Baggage, and reads these, then B3, then Jaeger's.
///
/// # Examples
///
/// ```
/// use spandrel::Tracer;
/// use spandrel::propagation::{B3, Composite, Jaeger};
///
/// let propagators = Composite::empty().with(Jaeger).reading(B3::multi());
/// let tracer = Tracer::builder("frontend").propagator(propagators).build();
/// ```
pub struct Composite {
    members: Vec<Member>,
}

struct Member {
    propagator: Box<dyn Propagator>,
    writes: bool,
}

impl Composite {
    /// Makes one that neither writes nor reads anything yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self { members: Vec::new() }
    }

    /// Adds a format that is written and read.
    #[must_use]
    pub fn with(self, propagator: impl Propagator) -> Self {
        self.push(Box::new(propagator), true)
    }

    /// Adds a format that is only read.
    #[must_use]
    pub fn reading(self, propagator: impl Propagator) -> Self {
        self.push(Box::new(propagator), false)
    }

    fn push(mut self, propagator: Box<dyn Propagator>, writes: bool) -> Self {
        self.members.push(Member { propagator, writes });
        self
    }
}

impl Default for Composite {
    fn default() -> Self {
        Self::empty().with(TraceContext).with(W3cBaggage).reading(B3::single()).reading(Jaeger)
    }
}

impl Propagator for Composite {
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier) {
        for member in self.members.iter().filter(|member| member.writes) {
            member.propagator.inject(context, carrier);
        }
    }

    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        let mut joined = Extracted::default();
        for member in &self.members {
            join(&mut joined, member.propagator.extract(carrier));
        }
        if let Some(context) = joined.context.take() {
            let baggage = std::mem::take(&mut joined.baggage);
            joined.context = Some(context.with_baggage(baggage));
            joined.error = None;
        }
        joined
    }
}

/// Adds what the next format found to what the earlier ones did.
fn join(joined: &mut Extracted, next: Extracted) {
    let baggage = next.context.as_ref().map_or(&next.baggage, SpanContext::baggage);
    joined.baggage.merge(baggage);
    joined.context = joined.context.take().or(next.context);
    if joined.sampling == crate::context::Sampling::Undecided {
        joined.sampling = next.sampling;
    }
    joined.debug_id = joined.debug_id.take().or(next.debug_id);
    joined.error = joined.error.or(next.error);
}

impl fmt::Debug for Composite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writing = self.members.iter().filter(|member| member.writes).count();
        f.debug_struct("Composite")
            .field("writing", &writing)
            .field("reading", &self.members.len())
            .finish()
    }
}

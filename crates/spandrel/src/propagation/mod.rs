//! Propagation: a span context as headers, and back.
//!
//! A [`Propagator`] knows one format; [`Composite`] joins several. What comes in is never
//! trusted: a header that cannot be read counts as absent, so that a request starts a new trace
//! and never fails.

mod b3;
mod baggage;
mod binary;
mod carrier;
mod composite;
mod hex;
mod jaeger;
mod percent;
mod trace_context;

use std::fmt;

pub use b3::B3;
pub use baggage::W3cBaggage;
pub(crate) use binary::{from_binary, to_binary};
pub use carrier::{ExtractCarrier, InjectCarrier};
pub use composite::Composite;
pub use jaeger::Jaeger;
pub use trace_context::TraceContext;

use crate::baggage::Baggage;
use crate::context::{Sampling, SpanContext};

/// Writes span contexts to carriers in one format, and reads them.
pub trait Propagator: Send + Sync + 'static {
    /// Writes a context.
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier);

    /// Reads what there is. Must take any input: what cannot be read is absent.
    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted;
}

impl<P: Propagator + ?Sized> Propagator for Box<P> {
    fn inject(&self, context: &SpanContext, carrier: &mut dyn InjectCarrier) {
        (**self).inject(context, carrier);
    }

    fn extract(&self, carrier: &dyn ExtractCarrier) -> Extracted {
        (**self).extract(carrier)
    }
}

/// What a carrier held: a span to continue, or only hints for a new trace, or nothing.
///
/// Give it to [`SpanBuilder::child_of`](crate::SpanBuilder::child_of) as it is: a span starts
/// from it in every case.
#[derive(Clone, Debug, Default)]
pub struct Extracted {
    /// The remote span, where the carrier named one.
    pub context: Option<SpanContext>,
    /// What the sender decided about sampling, where there is no [`Extracted::context`].
    pub sampling: Sampling,
    /// The baggage, where there is no [`Extracted::context`]; else it is in there.
    pub baggage: Baggage,
    /// A name under which somebody wants to find the trace (`jaeger-debug-id`); it makes the
    /// trace one for debugging.
    pub debug_id: Option<String>,
    /// Why a header that was there could not be read.
    pub error: Option<ExtractError>,
}

impl Extracted {
    /// Returns the remote span, where the carrier named one.
    #[must_use]
    pub const fn span_context(&self) -> Option<&SpanContext> {
        self.context.as_ref()
    }

    /// Whether the carrier held nothing of use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.context.is_none()
            && self.sampling == Sampling::Undecided
            && self.baggage.is_empty()
            && self.debug_id.is_none()
    }

    pub(crate) fn corrupted(header: &'static str, fault: &'static str) -> Self {
        Self { error: Some(ExtractError { header, fault }), ..Self::default() }
    }
}

impl From<SpanContext> for Extracted {
    fn from(context: SpanContext) -> Self {
        Self { context: Some(context), ..Self::default() }
    }
}

/// Why a header could not be read. The sender's fault, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtractError {
    /// The header's name.
    pub header: &'static str,
    /// What is wrong with its value.
    pub fault: &'static str,
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "header {}: {}", self.header, self.fault)
    }
}

impl std::error::Error for ExtractError {}

/// Reads a header that must stand once; where it stands twice, nobody knows which one holds.
fn single_value(
    carrier: &dyn ExtractCarrier,
    header: &'static str,
) -> Result<Option<String>, ExtractError> {
    /// Longer than any format's longest valid value.
    const VALUE_LEN_MAX: usize = 512;
    let mut found: Result<Option<String>, ExtractError> = Ok(None);
    carrier.values(header, &mut |value| {
        let value = value.trim_matches([' ', '\t']);
        found = match &found {
            Ok(None) if value.len() <= VALUE_LEN_MAX => Ok(Some(value.to_owned())),
            Ok(None) => Err(ExtractError { header, fault: "longer than any valid value" }),
            Ok(Some(_)) | Err(_) => Err(ExtractError { header, fault: "given more than once" }),
        };
    });
    found
}

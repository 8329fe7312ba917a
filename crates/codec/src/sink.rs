//! Where decoders put spans.

use spandrel_model::Span;

/// Takes the spans of one request as they are decoded.
///
/// The span is the decoder's scratch: a sink copies what it keeps. When decoding fails later
/// on, the sink has seen the spans before the bad one; whoever owns it throws them away.
pub trait SpanSink {
    /// Takes one span.
    fn span(&mut self, span: &Span<'_>);
}

impl SpanSink for Vec<Span<'static>> {
    fn span(&mut self, span: &Span<'_>) {
        self.push(span.clone().into_owned());
    }
}

//! Jaeger's own examples: what its collector makes of a batch, and what OTLP it makes of a span.

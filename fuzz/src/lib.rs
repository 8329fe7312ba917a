//! What the fuzz targets check; each target only names a decoder.

mod jaeger;
mod otlp;
mod propagation;
mod recovery;
mod round_trip;

pub use jaeger::jaeger;
pub use otlp::otlp;
pub use propagation::{propagation_binary, propagation_headers};
pub use recovery::recovery;
pub use round_trip::zipkin;

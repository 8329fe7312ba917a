//! What the fuzz targets check; each target only names a decoder.

mod propagation;
mod round_trip;

pub use propagation::{propagation_binary, propagation_headers};
pub use round_trip::zipkin;

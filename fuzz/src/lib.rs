//! What the fuzz targets check; each target only names a decoder.

mod round_trip;

pub use round_trip::zipkin;

//! Bodies that nobody should send are refused with a reason, and never crash a decoder.

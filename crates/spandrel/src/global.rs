//! One tracer for the whole program, for code that is handed none.

use std::sync::{PoisonError, RwLock};

use crate::tracer::Tracer;

static TRACER: RwLock<Tracer> = RwLock::new(Tracer::noop());

/// Makes `tracer` the program's, and returns the one before it.
pub fn set_tracer(tracer: Tracer) -> Tracer {
    let mut current = TRACER.write().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *current, tracer)
}

/// Returns the program's tracer: a noop one until [`set_tracer`] is called.
#[must_use]
pub fn tracer() -> Tracer {
    TRACER.read().unwrap_or_else(PoisonError::into_inner).clone()
}

//! The corpus on which the storage layout was measured, byte for byte.
//!
//! Fifty services with 147 instances answer HTTP requests, ask databases, and publish messages;
//! traces have a median of 11 spans and a tail of thousands. It is drawn with the floating-point
//! functions of the platform's mathematics library (`ln`, `exp`, `pow`, `cos`), which may differ
//! in the last bit from one library to another. The committed hashes are those of Linux on
//! x86-64 with the GNU C library; elsewhere a duration or a choice may differ now and then, and
//! with it all that the same trace draws after it. No other profile has this weakness.

mod draws;
mod grow;
mod world;

use std::sync::{Arc, Mutex, PoisonError};

use spandrel_model::{Resource, Scope};

use self::draws::Draws;
use self::grow::Grown;
use self::world::World;
use crate::draft::{Body, Draft};
use crate::random::SplitMix;

/// The start of the first trace is a little later than this.
const EPOCH_NS: u64 = 1_750_000_000_000_000_000;

/// After how many traces the clock is noted down.
const STRIDE: u64 = 1024;

/// The services, and the streams from which their traces are drawn.
#[derive(Debug)]
pub(crate) struct Lab {
    world: World,
    /// The n-th number is the seed of trace n.
    seeds: SplitMix,
    /// The clock before every [`STRIDE`]-th trace, as far as anyone asked: 8 bytes each.
    clock_ns: Mutex<Vec<u64>>,
}

impl Lab {
    pub(crate) fn new(seed: u64) -> Self {
        let mut draws = Draws::new(SplitMix::new(seed));
        let world = World::new(&mut draws);
        Self { world, seeds: draws.into_stream(), clock_ns: Mutex::new(vec![EPOCH_NS]) }
    }

    /// Returns the two scopes, in the order in which every request has them.
    pub(crate) fn scopes(&self) -> &[Arc<Scope>] {
        &self.world.scopes
    }

    /// Returns the resources of all emitters, in the order of their numbers.
    pub(crate) fn emitters(&self) -> Vec<Arc<Resource>> {
        let instances = self.world.services.iter().flat_map(|service| &service.instances);
        instances.map(|instance| Arc::clone(&instance.resource)).collect()
    }

    /// Makes trace `index`.
    ///
    /// A trace starts some time after the one before it, so its start is a sum over all traces
    /// before; what a trace adds is the first thing drawn from its own seed, which makes the sum
    /// cheap (about 20 ns a trace, once).
    pub(crate) fn trace(&self, index: u64, out: &mut Vec<Draft>) {
        let mut draws = self.draws_of(index);
        let now_ns = self.clock_before(index) + gap_ns(&mut draws);
        let mut grown = Grown::default();
        grow::trace(&self.world, draws, now_ns, &mut grown);
        out.extend(grown.spans.into_iter().zip(grown.emitters).map(|(span, emitter)| Draft {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            start_ns: span.start_ns,
            duration_ns: span.duration_ns,
            emitter,
            sent_ns: now_ns,
            body: Body::Span(Box::new(span)),
        }));
    }

    fn draws_of(&self, index: u64) -> Draws {
        Draws::new(SplitMix::new(self.seeds.nth(index)))
    }

    /// Returns when the trace before `index` started.
    fn clock_before(&self, index: u64) -> u64 {
        let mut notes = self.clock_ns.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (index / STRIDE) as usize;
        while notes.len() <= wanted {
            let noted = notes.len() as u64;
            let before = notes[notes.len() - 1];
            notes.push(self.clock_after(before, (noted - 1) * STRIDE..noted * STRIDE));
        }
        let noted = notes[wanted];
        drop(notes);
        self.clock_after(noted, index - index % STRIDE..index)
    }

    fn clock_after(&self, before_ns: u64, traces: std::ops::Range<u64>) -> u64 {
        traces.fold(before_ns, |clock_ns, index| clock_ns + gap_ns(&mut self.draws_of(index)))
    }
}

/// Draws how long after the trace before it a trace starts: 6 ms on average.
fn gap_ns(draws: &mut Draws) -> u64 {
    (-draws.unit().max(1e-12).ln() * 6_000_000.0) as u64
}

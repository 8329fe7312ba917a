//! Traces that flow through a world of services: planned, timed, and filled with what spans hold.
//!
//! Everything is drawn in whole numbers. A trace is a function of the seed, the profile and its
//! number, and so is its start: traces are spread evenly over time and then shaken, which makes
//! them arrive as if by chance without a sum over all that went before.

mod events;
mod fill;
mod plan;
mod times;
mod values;

use std::sync::Arc;

use spandrel_model::{Resource, Scope, Span, SpanId, TraceId};

use self::fill::Identity;
pub(crate) use self::fill::Seed;
use self::plan::Plan;
use crate::damage::Damage;
use crate::draft::Draft;
use crate::profile::Profile;
use crate::random::{SplitMix, mix};
use crate::world::{MESH, SHOP, World};

/// When the first trace starts at the earliest.
const EPOCH_NS: u64 = 1_750_000_000_000_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// Every five minutes there are ten seconds in which ten times as much happens.
const PERIOD_S: u64 = 300;
const BURST_S: u64 = 10;
const BURST: u64 = 10;

/// Over how many neighbours a trace's start is shaken.
const SHAKEN: u64 = 16;

/// Into how many steps the time between two traces is cut, when it is shaken.
const STEPS: u64 = 256;

/// Streams of one trace that have nothing in common.
const LOW_ID: u64 = 1;
const HIGH_ID: u64 = 2;
const ROOT_ID: u64 = 3;
const START: u64 = 4;
const SHAPE: u64 = 5;
const CONTENT: u64 = 6;

/// The traces of one profile and seed.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    profile: Profile,
    /// The seed, different for every profile.
    seed: u64,
    damage: Damage,
    world: &'static World,
}

impl Flow {
    pub(crate) fn new(profile: Profile, seed: u64, damage: Damage) -> Self {
        let world = if profile == Profile::Shop { &*SHOP } else { &*MESH };
        Self { profile, seed: mix(seed) ^ mix(profile.number()), damage, world }
    }

    /// Returns the resources of all emitters, in the order of their numbers.
    pub(crate) fn emitters(&self) -> Vec<Arc<Resource>> {
        self.world.instances.iter().map(|instance| Arc::clone(&instance.resource)).collect()
    }

    /// Returns the scopes that there are.
    pub(crate) fn scopes(&self) -> &[Arc<Scope>] {
        &self.world.scopes
    }

    /// Returns which of [`Self::scopes`] a span has.
    pub(crate) fn scope_of(&self, seed: &Seed) -> usize {
        fill::scope_of(self.world, seed)
    }

    /// Decides the spans of trace `index`.
    pub(crate) fn draft(&self, index: u64, out: &mut Vec<Draft>) {
        let mut plan = Plan::default();
        self.plan(index, &mut plan);
        let identity = Identity {
            trace_id: self.trace_id(self.damage.id_index(self.seed, index)),
            root_id: self.root_id(index),
            previous: (self.trace_id(index.wrapping_sub(1)), self.root_id(index.wrapping_sub(1))),
            start_ns: self.start_ns(index),
        };
        let stream = SplitMix::keyed(self.seed, CONTENT, index);
        fill::draft(self.world, &plan, &identity, stream, out);
    }

    /// Writes a span out, except what its draft says.
    pub(crate) fn write(&self, seed: &Seed, ids: (TraceId, SpanId)) -> Span<'static> {
        fill::write(self.world, seed, ids)
    }

    /// Returns before which instant no trace from `index` on starts.
    pub(crate) fn begins_ns(&self, index: u64) -> u64 {
        self.instant(index.saturating_mul(STEPS))
    }

    fn plan(&self, index: u64, plan: &mut Plan) {
        let mut stream = SplitMix::keyed(self.seed, SHAPE, index);
        match self.profile {
            Profile::Shop => plan::visit_shop(self.world, &mut stream, plan),
            Profile::Ten => plan::ask_mesh(self.world, &mut stream, Some(10), plan),
            Profile::Giant { spans } => {
                plan::ask_mesh(self.world, &mut stream, Some(spans.max(1)), plan);
            }
            Profile::Lab | Profile::Mesh => plan::ask_mesh(self.world, &mut stream, None, plan),
        }
    }

    /// Returns the id of trace `index`. The low halves of all traces differ.
    fn trace_id(&self, index: u64) -> TraceId {
        let low = SplitMix::keyed(self.seed, LOW_ID, index).id();
        let high = SplitMix::keyed(self.seed, HIGH_ID, index).next();
        TraceId::from_halves(high, low).expect("the low half is not zero")
    }

    fn root_id(&self, index: u64) -> SpanId {
        let id = SplitMix::keyed(self.seed, ROOT_ID, index).id();
        SpanId::new(id).expect("drawn so that it is not zero")
    }

    fn start_ns(&self, index: u64) -> u64 {
        let shake = SplitMix::keyed(self.seed, START, index).below(SHAKEN * STEPS);
        self.instant(index.saturating_mul(STEPS).saturating_add(shake))
    }

    /// Returns when the so-manieth step takes place: steps are equally long except in bursts.
    fn instant(&self, step: u64) -> u64 {
        let per_second = self.profile.traces_per_second() * STEPS;
        let calm = (PERIOD_S - BURST_S) * per_second;
        let period = calm + BURST_S * BURST * per_second;
        let within = step % period;
        let within_ns = if within < calm {
            within * SECOND_NS / per_second
        } else {
            (PERIOD_S - BURST_S) * SECOND_NS + (within - calm) * SECOND_NS / (per_second * BURST)
        };
        let before_ns = (step / period).saturating_mul(PERIOD_S * SECOND_NS);
        EPOCH_NS.saturating_add(before_ns).saturating_add(within_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_trace_starts_before_its_number_says_and_bursts_are_ten_times_as_dense() {
        let flow = Flow::new(Profile::Ten, 1, Damage::NONE);
        let starts_ns: Vec<u64> = (0..200_000).map(|index| flow.start_ns(index)).collect();
        for (index, start_ns) in starts_ns.iter().enumerate() {
            assert!(*start_ns >= flow.begins_ns(index as u64), "{index}");
        }
        let in_second = |second: u64| {
            let from = EPOCH_NS + second * SECOND_NS;
            starts_ns.iter().filter(|start_ns| (from..from + SECOND_NS).contains(start_ns)).count()
        };
        assert!((450..550).contains(&in_second(100)), "{}", in_second(100));
        assert!((4_700..5_300).contains(&in_second(295)), "{}", in_second(295));
    }
}

//! When the spans of a planned trace begin and end, and which of them fail.
//!
//! Times are worked out from the leaves up: a span takes its own time and that of its children,
//! one after another or side by side. The clocks of its processes are somebody else's concern.

use super::plan::{NONE, Plan};
use crate::fixed::log_normal;
use crate::random::SplitMix;
use crate::world::{Role, World};

/// How many spans of a million go on after their parents have ended.
const OUTLIVES_PPM: u32 = 30_000;

/// How long a message waits for its receiver: the median.
const WAIT_NS: u64 = 20_000_000;

/// The times of one span.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timing {
    pub(super) start_ns: u64,
    pub(super) duration_ns: u64,
    pub(super) is_error: bool,
    /// Its own time.
    self_ns: u64,
    /// The time of its children; going up, the longest of those that run side by side.
    children_ns: u64,
    longest_ns: u64,
    /// Going down, when those that run side by side began, and when the last of them ends.
    beside_from_ns: u64,
    beside_until_ns: u64,
}

/// Draws the times of all steps.
pub(super) fn timings(
    world: &World,
    plan: &Plan,
    start_ns: u64,
    stream: &mut SplitMix,
) -> Vec<Timing> {
    let mut timings: Vec<Timing> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let template = &world.templates[step.template as usize];
        timings.push(Timing {
            self_ns: log_normal(stream, template.self_time_ns, template.sigma).max(1),
            is_error: stream.chance(template.error_ppm),
            ..Timing::default()
        });
    }
    add_up(world, plan, &mut timings);
    place(world, plan, start_ns, stream, &mut timings);
    timings
}

/// Gives every span its duration, children before parents.
fn add_up(world: &World, plan: &Plan, timings: &mut [Timing]) {
    for (index, step) in plan.steps.iter().enumerate().rev() {
        let timing = &mut timings[index];
        timing.duration_ns = timing.self_ns + timing.children_ns + timing.longest_ns;
        let (duration_ns, is_error) = (timing.duration_ns, timing.is_error);
        let role = world.templates[step.template as usize].role;
        if step.parent == NONE || role == Role::Consumer {
            continue;
        }
        let parent = &mut timings[step.parent as usize];
        // A call fails when its answer does.
        parent.is_error |= is_error && role.is_arrival();
        parent.longest_ns = parent.longest_ns.max(duration_ns);
        if !step.is_parallel {
            parent.children_ns += std::mem::take(&mut parent.longest_ns);
        }
    }
}

/// Gives every span its start, parents before children.
fn place(world: &World, plan: &Plan, start_ns: u64, stream: &mut SplitMix, timings: &mut [Timing]) {
    for (index, step) in plan.steps.iter().enumerate() {
        let mut timing = timings[index];
        timing.start_ns = start_ns;
        if step.parent != NONE {
            let is_received = world.templates[step.template as usize].role == Role::Consumer;
            let parent = &mut timings[step.parent as usize];
            let parent_end_ns = parent.start_ns + parent.duration_ns;
            if is_received {
                timing.start_ns = parent_end_ns + log_normal(stream, WAIT_NS, 100);
            } else {
                if !step.is_parallel {
                    parent.beside_from_ns = parent.beside_until_ns;
                }
                timing.start_ns = parent.beside_from_ns;
                let end_ns = timing.start_ns + timing.duration_ns;
                parent.beside_until_ns = parent.beside_until_ns.max(end_ns);
            }
            if stream.chance(OUTLIVES_PPM) {
                let end_ns = timing.start_ns + timing.duration_ns;
                let over_ns = log_normal(stream, 1_000_000, 100);
                timing.duration_ns += parent_end_ns.saturating_sub(end_ns) + over_ns;
            }
        }
        timing.beside_from_ns = timing.start_ns + timing.self_ns / 2;
        timing.beside_until_ns = timing.beside_from_ns;
        timings[index] = timing;
    }
}

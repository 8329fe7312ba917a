//! The shape of a trace: which operation is whose child, before anything has an id or a time.
//!
//! Three traces in four that begin with one operation, and are of one size, have one shape.

use crate::fixed::Quantiles;
use crate::random::SplitMix;
use crate::world::{ENTRIES, ShopStep, World};

/// The parent of the first step.
pub(super) const NONE: u32 = u32::MAX;

/// How many spans a trace of the mesh has.
static SIZES: Quantiles<7> = Quantiles::new([
    (0, 1),
    (150_000, 1),
    (500_000, 12),
    (900_000, 90),
    (990_000, 1_000),
    (999_000, 10_000),
    (1_000_000, 100_000),
]);

/// How deep its services call each other.
static DEPTHS: Quantiles<5> =
    Quantiles::new([(0, 1), (500_000, 3), (900_000, 5), (990_000, 8), (1_000_000, 20)]);

/// Of a hundred traces of one beginning and size, how many have the common shape, and how many
/// that or the second.
const COMMON: u64 = 77;
const COMMON_OR_SECOND: u64 = 97;

/// How often a service does again what it did last, in millionths.
const AGAIN_PPM: u32 = 162_000;

/// The steps of a trace, parents before children.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

/// What one span will be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) parent: u32,
    /// The step by which the request reached the process that makes this span.
    pub(super) arrival: u32,
    pub(super) template: u32,
    /// Whether it begins together with the child before it.
    pub(super) is_parallel: bool,
}

impl Plan {
    fn add(&mut self, step: Step) -> u32 {
        self.steps.push(step);
        self.steps.len() as u32 - 1
    }

    /// Adds a step that begins the work of a process.
    fn add_arrival(&mut self, parent: u32, template: u32) -> u32 {
        let arrival = self.steps.len() as u32;
        self.add(Step { parent, arrival, template, is_parallel: false })
    }
}

/// How many spans a service makes at most that calls no other, besides the one that it answers
/// with, unless the whole trace is its own.
const LEAF_SPANS_MAX: u32 = 7;

/// Traces of more spans than this are never those of one service.
const ALONE_SPANS_MAX: u32 = 8;

/// What a service does to answer.
#[derive(Clone, Copy)]
enum Deed {
    Call(u32),
    Internal(u32),
    Statement(u32),
    Message(u32),
}

/// A process at work.
struct Work {
    step: u32,
    service: u32,
    /// How many spans it may make.
    budget: u32,
    depth: u64,
}

/// Plans a trace of the mesh, of a given size or a drawn one.
pub(super) fn ask_mesh(world: &World, stream: &mut SplitMix, size: Option<u32>, out: &mut Plan) {
    let entry = stream.below(u64::from(ENTRIES)).min(stream.below(u64::from(ENTRIES))) as usize;
    let answers = &world.services[entry].answers;
    let template = answers[low_index(stream, answers.len())];
    let size = size.unwrap_or_else(|| stepped(SIZES.draw(stream)));
    let variant = match stream.below(100) {
        0..COMMON => 0,
        COMMON..COMMON_OR_SECOND => 1,
        _ => 2 + stream.below(50),
    };
    // The shape is drawn from a stream that all traces of this beginning, size and variant share.
    let mut shape = SplitMix::keyed(u64::from(template), variant, u64::from(size));
    let depth_min = if size > ALONE_SPANS_MAX { 2 } else { 1 };
    let depth_max = DEPTHS.draw(&mut shape).max(depth_min);
    let step = out.add_arrival(NONE, template);
    let mut waiting = vec![Work { step, service: entry as u32, budget: size - 1, depth: 1 }];
    while let Some(work) = waiting.pop() {
        do_work(world, &mut shape, depth_max, &work, (&mut waiting, out));
    }
}

/// Rounds a size down to one of eight in every doubling, so that traces of one size meet.
fn stepped(size: u64) -> u32 {
    let size = size.clamp(1, 100_000) as u32;
    let kept = size.ilog2().saturating_sub(3);
    size >> kept << kept
}

fn do_work(
    world: &World,
    stream: &mut SplitMix,
    depth_max: u64,
    work: &Work,
    (waiting, out): (&mut Vec<Work>, &mut Plan),
) {
    let calls_on = |service: u32| {
        work.depth + 1 < depth_max && !world.services[service as usize].calls.is_empty()
    };
    let mut left = work.budget;
    let mut last = None;
    while left > 0 {
        let is_again = stream.chance(AGAIN_PPM);
        let can_call = left >= 2 && work.depth < depth_max;
        let deed = match last {
            Some(deed) if is_again && (can_call || !matches!(deed, Deed::Call(_))) => deed,
            _ => draw_deed(world, stream, work.service, can_call),
        };
        last = Some(deed);
        let is_parallel = stream.chance(500_000);
        let inner =
            |template| Step { parent: work.step, arrival: work.step, template, is_parallel };
        left -= 1;
        match deed {
            Deed::Internal(template) | Deed::Statement(template) => {
                out.add(inner(template));
            }
            Deed::Message(template) => {
                let sent = out.add(inner(template));
                let receiver = world.templates[template as usize].counterpart;
                if let Some(received) = receiver.filter(|_| left > 0) {
                    left -= 1;
                    let step = out.add_arrival(sent, received);
                    let service = world.templates[received as usize].service;
                    let share = share_of(stream, left, calls_on(service));
                    left -= share;
                    waiting.push(Work { step, service, budget: share, depth: work.depth + 1 });
                }
            }
            Deed::Call(answer) => {
                let template = &world.templates[answer as usize];
                let asked = template.counterpart.unwrap_or(answer);
                let asking = out.add(inner(asked));
                let step = out.add_arrival(asking, answer);
                left -= 1;
                let service = template.service;
                let share = share_of(stream, left, calls_on(service));
                left -= share;
                waiting.push(Work { step, service, budget: share, depth: work.depth + 1 });
            }
        }
    }
}

/// Draws how much of a budget goes to a service: as likely little as much. One that calls no
/// other gets little, so that large traces are wide by calls and not by statements.
fn share_of(stream: &mut SplitMix, budget: u32, can_call: bool) -> u32 {
    if budget == 0 {
        return 0;
    }
    let limit = if can_call { budget } else { budget.min(LEAF_SPANS_MAX) };
    (stream.doubling(limit.ilog2() + 1) as u32).min(limit)
}

fn draw_deed(world: &World, stream: &mut SplitMix, service: u32, can_call: bool) -> Deed {
    let service = &world.services[service as usize];
    let part = stream.below(100);
    if part < 45 && can_call && !service.calls.is_empty() {
        let called = service.calls[low_index(stream, service.calls.len())];
        let answers = &world.services[called as usize].answers;
        return Deed::Call(answers[low_index(stream, answers.len())]);
    }
    if part < 50 && !service.messages.is_empty() {
        return Deed::Message(service.messages[low_index(stream, service.messages.len())]);
    }
    if part < 75 {
        return Deed::Statement(service.statements[low_index(stream, service.statements.len())]);
    }
    Deed::Internal(service.internals[low_index(stream, service.internals.len())])
}

/// Draws an index of which low ones are likelier: the lower of two.
fn low_index(stream: &mut SplitMix, len: usize) -> usize {
    stream.index(len).min(stream.index(len))
}

/// Plans a visit to the shop.
pub(super) fn visit_shop(world: &World, stream: &mut SplitMix, out: &mut Plan) {
    let total = world.visits.iter().map(|visit| visit.weight).sum();
    let mut point = stream.below(total);
    for visit in &world.visits {
        if point < visit.weight {
            follow(world, stream, &visit.steps, (NONE, NONE), out);
            return;
        }
        point -= visit.weight;
    }
}

/// Adds steps, and what happens inside them.
fn follow(
    world: &World,
    stream: &mut SplitMix,
    steps: &[ShopStep],
    (parent, arrival): (u32, u32),
    out: &mut Plan,
) {
    let mut rest = steps;
    while let Some((first, behind)) = rest.split_first() {
        let inside = behind.iter().take_while(|step| step.depth > first.depth).count();
        let (inside, others) = behind.split_at(inside);
        for time in 0..=stream.below(u64::from(first.times_max)) {
            let template = &world.templates[first.template as usize];
            let is_parallel = time > 0;
            let (step, arrived) = if parent == NONE {
                let step = out.add_arrival(NONE, first.template);
                (step, step)
            } else if let Some(asked) = template.counterpart {
                let asking = out.add(Step { parent, arrival, template: asked, is_parallel });
                let step = out.add_arrival(asking, first.template);
                (step, step)
            } else if template.role.is_arrival() {
                let step = out.add_arrival(parent, first.template);
                (step, step)
            } else {
                let template = first.template;
                (out.add(Step { parent, arrival, template, is_parallel }), arrival)
            };
            follow(world, stream, inside, (step, arrived), out);
        }
        rest = others;
    }
}

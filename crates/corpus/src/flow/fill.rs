//! Makes spans of a planned trace, in two steps: first what they are to each other, which needs
//! the whole trace, then what each of them holds, which needs nothing but its seed.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{Link, LinkKind, Span, SpanId, StatusCode, TraceId};

use super::plan::{NONE, Plan};
use super::times::{Timing, timings};
use super::{SECOND_NS, events, values};
use crate::draft::{Body, Draft, FLAGS, FLAGS_REMOTE_PARENT};
use crate::random::SplitMix;
use crate::world::{Role, World};

/// How many traces of a million refer to the one before them, as a retry does.
const REFERS_PPM: u32 = 20_000;

/// How many traces of a million carry a trace state.
const STATE_PPM: u32 = 50_000;

/// Services send what they have twice a second, so a span waits any time up to that.
const SENT_EVERY_NS: u64 = SECOND_NS / 2;

/// How many failed spans of a hundred say why in their status.
const TOLD_PERCENT: u64 = 60;

/// Which trace it is.
pub(super) struct Identity {
    pub(super) trace_id: TraceId,
    pub(super) root_id: SpanId,
    /// The trace before it, and its root.
    pub(super) previous: (TraceId, SpanId),
    pub(super) start_ns: u64,
}

/// What the content of a span is drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    template: u32,
    instance: u32,
    /// Where the stream of its content starts.
    content: u64,
    /// When it takes place by a clock that is right.
    start_ns: u64,
    duration_ns: u64,
    is_error: bool,
    trace_state: &'static str,
    /// The span that it refers to.
    link: Option<Box<(TraceId, SpanId)>>,
}

/// Decides the spans of a trace.
pub(super) fn draft(
    world: &World,
    plan: &Plan,
    identity: &Identity,
    mut stream: SplitMix,
    out: &mut Vec<Draft>,
) {
    let timings = timings(world, plan, identity.start_ns, &mut stream);
    let trace_state = if stream.chance(STATE_PPM) { "ot=th:8" } else { "" };
    let refers = stream.chance(REFERS_PPM);
    out.reserve(plan.steps.len());
    for (index, (step, timing)) in plan.steps.iter().zip(&timings).enumerate() {
        let template = &world.templates[step.template as usize];
        let emitter = if step.arrival as usize == index {
            let service = &world.services[template.service as usize];
            service.instances.start + stream.index(service.instances.len()) as u32
        } else {
            out[step.arrival as usize].emitter
        };
        let span_id = if index == 0 { identity.root_id } else { drawn_id(&mut stream) };
        let parent_id = (step.parent != NONE).then(|| out[step.parent as usize].span_id);
        let link = match parent_id {
            None => refers.then_some(identity.previous),
            Some(sent) if template.role == Role::Consumer => Some((identity.trace_id, sent)),
            Some(_) => None,
        };
        let Timing { start_ns, duration_ns, is_error, .. } = *timing;
        let skew_ns = world.instances[emitter as usize].skew_ns;
        out.push(Draft {
            trace_id: identity.trace_id,
            span_id,
            parent_id,
            start_ns: Some(start_ns.saturating_add_signed(skew_ns)),
            duration_ns: Some(duration_ns),
            emitter,
            sent_ns: start_ns + duration_ns + stream.below(SENT_EVERY_NS),
            body: Body::Seed(Seed {
                template: step.template,
                instance: emitter,
                content: stream.next(),
                start_ns,
                duration_ns,
                is_error,
                trace_state,
                link: link.map(Box::new),
            }),
        });
    }
}

fn drawn_id(stream: &mut SplitMix) -> SpanId {
    SpanId::new(stream.id()).expect("drawn so that it is not zero")
}

/// Returns which of the world's scopes a span has.
pub(super) fn scope_of(world: &World, seed: &Seed) -> usize {
    world.templates[seed.template as usize].role.scope()
}

/// Writes a span out, except what its draft says.
pub(super) fn write(world: &'static World, seed: &Seed, ids: (TraceId, SpanId)) -> Span<'static> {
    let template = &world.templates[seed.template as usize];
    let instance = &world.instances[seed.instance as usize];
    let mut stream = SplitMix::new(seed.content);
    let mut span = Span::new(ids.0, ids.1);
    span.kind = Some(template.role.kind());
    span.name = Cow::Borrowed(&template.name);
    span.resource = Arc::clone(&instance.resource);
    span.scope = Some(Arc::clone(&world.scopes[template.role.scope()]));
    span.trace_flags = if template.role.is_arrival() { FLAGS_REMOTE_PARENT } else { FLAGS };
    span.trace_state = Cow::Borrowed(seed.trace_state);
    let specs = &world.attribute_sets[template.attributes as usize];
    values::write(world, specs, seed.is_error, &mut stream, &mut span.attributes);
    if seed.is_error {
        span.status.code = StatusCode::Error;
        if stream.below(100) < TOLD_PERCENT {
            span.status.message = Cow::Owned(values::prose(&mut stream, 40));
        }
    }
    let times = events::Times {
        start_ns: seed.start_ns.saturating_add_signed(instance.skew_ns),
        duration_ns: seed.duration_ns,
    };
    events::write(template.role, times, seed.is_error, &mut stream, &mut span.events);
    if let Some(other) = &seed.link {
        span.links.push(link(other.0, other.1));
    }
    span
}

fn link(trace_id: TraceId, span_id: SpanId) -> Link<'static> {
    Link {
        kind: LinkKind::Related,
        trace_id,
        span_id,
        trace_state: Cow::Borrowed(""),
        trace_flags: 0,
        attributes: Vec::new(),
        dropped_attributes: 0,
    }
}

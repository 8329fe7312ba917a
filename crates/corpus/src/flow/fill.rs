//! Makes spans of a planned trace: ids, names, clocks, attributes, events and links.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{Link, LinkKind, Span, SpanId, StatusCode, TraceId};

use super::plan::{NONE, Plan};
use super::times::{Timing, timings};
use super::{SECOND_NS, events, values};
use crate::random::SplitMix;
use crate::trace::{FLAGS, FLAGS_REMOTE_PARENT, Trace};
use crate::world::{Role, Template, World};

/// How many traces of a million refer to the one before them, as a retry does.
const REFERS_PPM: u32 = 20_000;

/// How many traces of a million carry a trace state.
const STATE_PPM: u32 = 50_000;

/// Services send what they have every two seconds, so a span waits any time up to that.
const SENT_EVERY_NS: u64 = 2 * SECOND_NS;

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

/// Makes the spans of a trace.
pub(super) fn fill(
    world: &'static World,
    plan: &Plan,
    identity: Identity,
    mut stream: SplitMix,
    out: &mut Trace,
) {
    let timings = timings(world, plan, identity.start_ns, &mut stream);
    let trace_state = if stream.chance(STATE_PPM) { "ot=th:8" } else { "" };
    let refers = stream.chance(REFERS_PPM);
    out.spans.reserve(plan.steps.len());
    // Which instance every arrival reached.
    let mut instances = vec![0; plan.steps.len()];
    for (index, (step, timing)) in plan.steps.iter().zip(&timings).enumerate() {
        let template = &world.templates[step.template as usize];
        if step.arrival as usize == index {
            let service = &world.services[template.service as usize];
            let at = stream.index(service.instances.len()) as u32;
            instances[index] = service.instances.start + at;
        }
        let emitter = instances[step.arrival as usize];
        let span_id = if index == 0 { identity.root_id } else { drawn_id(&mut stream) };
        let mut span = begin(world, template, (identity.trace_id, span_id), emitter);
        span.trace_state = Cow::Borrowed(trace_state);
        if step.parent != NONE {
            span.parent_id = Some(out.spans[step.parent as usize].span_id);
            if template.role == Role::Consumer {
                span.links.push(link(identity.trace_id, out.spans[step.parent as usize].span_id));
            }
        } else if refers {
            span.links.push(link(identity.previous.0, identity.previous.1));
        }
        finish(world, template, timing, &mut stream, &mut span);
        shift(&mut span, world.instances[emitter as usize].skew_ns);
        let ended_ns = timing.start_ns + timing.duration_ns;
        out.sent_ns.push(ended_ns + stream.below(SENT_EVERY_NS));
        out.push(span, emitter);
    }
}

fn drawn_id(stream: &mut SplitMix) -> SpanId {
    SpanId::new(stream.id()).expect("drawn so that it is not zero")
}

fn begin(
    world: &'static World,
    template: &'static Template,
    (trace_id, span_id): (TraceId, SpanId),
    emitter: u32,
) -> Span<'static> {
    let resource = Arc::clone(&world.instances[emitter as usize].resource);
    let mut span = Span::new(trace_id, span_id);
    span.kind = Some(template.role.kind());
    span.name = Cow::Borrowed(&template.name);
    span.resource = resource;
    span.scope = Some(Arc::clone(&world.scopes[template.role.scope()]));
    span.trace_flags = if template.role.is_arrival() { FLAGS_REMOTE_PARENT } else { FLAGS };
    span
}

fn finish(
    world: &'static World,
    template: &'static Template,
    timing: &Timing,
    stream: &mut SplitMix,
    span: &mut Span<'static>,
) {
    span.start_ns = Some(timing.start_ns);
    span.duration_ns = Some(timing.duration_ns);
    let specs = &world.attribute_sets[template.attributes as usize];
    values::write(world, specs, timing.is_error, stream, &mut span.attributes);
    if timing.is_error {
        span.status.code = StatusCode::Error;
        if stream.below(100) < TOLD_PERCENT {
            span.status.message = Cow::Owned(values::prose(stream, 40));
        }
    }
    events::write(template.role, timing, stream, &mut span.events);
}

/// Moves a span to what the clock of its process says.
fn shift(span: &mut Span<'static>, skew_ns: i64) {
    span.start_ns = span.start_ns.map(|start_ns| start_ns.saturating_add_signed(skew_ns));
    for event in &mut span.events {
        event.time_ns = event.time_ns.saturating_add_signed(skew_ns);
    }
}

fn link(trace_id: TraceId, span_id: SpanId) -> Link<'static> {
    Link {
        kind: LinkKind::Related,
        trace_id,
        span_id,
        trace_state: Cow::Borrowed(""),
        attributes: Vec::new(),
        dropped_attributes: 0,
    }
}

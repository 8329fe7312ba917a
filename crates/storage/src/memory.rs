//! Estimates the memory that a span takes in the head, before it is put there.
//!
//! Counts what was asked of the allocator, by capacity and not by length, and what the head's
//! own lists take for it. The allocator's rounding is not counted: it is below a tenth for
//! spans of the usual size.

use std::borrow::Cow;
use std::mem::size_of;
use std::sync::Arc;

use spandrel_model::{Attribute, Event, Link, Resource, Scope, Span, Value};

/// The two counters in front of what an [`Arc`] holds.
const ARC_COUNTERS_LEN: usize = 2 * size_of::<usize>();

/// A place in a trace's list, which grows by doubling: one and a half on average.
const PLACE_LEN: usize = size_of::<usize>() * 3 / 2;

/// Estimates what these spans take, in bytes.
///
/// A resource or scope that neighbouring spans share is counted once.
#[must_use]
pub fn estimate_len(spans: &[Span<'_>]) -> u64 {
    let mut len = 0;
    let mut previous: Option<&Span<'_>> = None;
    for span in spans {
        len += ARC_COUNTERS_LEN + size_of::<Span<'_>>() + PLACE_LEN + contents_len(span);
        if previous.is_none_or(|previous| !Arc::ptr_eq(&previous.resource, &span.resource)) {
            len += resource_len(&span.resource);
        }
        if let Some(scope) = &span.scope
            && previous.and_then(|span| span.scope.as_ref()).is_none_or(|s| !Arc::ptr_eq(s, scope))
        {
            len += scope_len(scope);
        }
        previous = Some(span);
    }
    len as u64
}

fn contents_len(span: &Span<'_>) -> usize {
    text_len(&span.name)
        + span.remote.as_ref().and_then(|r| r.service_name.as_ref()).map_or(0, text_len)
        + attributes_len(&span.attributes)
        + span.events.capacity() * size_of::<Event<'_>>()
        + span.events.iter().map(event_len).sum::<usize>()
        + span.links.capacity() * size_of::<Link<'_>>()
        + span.links.iter().map(link_len).sum::<usize>()
        + text_len(&span.status.message)
        + text_len(&span.trace_state)
}

fn event_len(event: &Event<'_>) -> usize {
    text_len(&event.name) + attributes_len(&event.attributes)
}

fn link_len(link: &Link<'_>) -> usize {
    text_len(&link.trace_state) + attributes_len(&link.attributes)
}

pub(crate) fn resource_len(resource: &Resource) -> usize {
    ARC_COUNTERS_LEN
        + size_of::<Resource>()
        + resource.service_name.as_ref().map_or(0, String::capacity)
        + attributes_len(&resource.attributes)
}

pub(crate) fn scope_len(scope: &Scope) -> usize {
    ARC_COUNTERS_LEN
        + size_of::<Scope>()
        + scope.name.capacity()
        + scope.version.capacity()
        + attributes_len(&scope.attributes)
}

fn attributes_len(attributes: &Vec<Attribute<'_>>) -> usize {
    let contents =
        |attribute: &Attribute<'_>| text_len(&attribute.key) + value_len(&attribute.value);
    attributes.capacity() * size_of::<Attribute<'_>>()
        + attributes.iter().map(contents).sum::<usize>()
}

pub(crate) fn value_len(value: &Value<'_>) -> usize {
    match value {
        Value::String(text) => text_len(text),
        Value::Bytes(Cow::Owned(bytes)) => bytes.capacity(),
        Value::Array(values) => {
            values.capacity() * size_of::<Value<'_>>() + values.iter().map(value_len).sum::<usize>()
        }
        Value::Map(entries) => attributes_len(entries),
        Value::Bytes(Cow::Borrowed(_))
        | Value::Empty
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Double(_) => 0,
    }
}

#[expect(clippy::ptr_arg, reason = "what is borrowed takes no memory of ours")]
fn text_len(text: &Cow<'_, str>) -> usize {
    match text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.capacity(),
    }
}

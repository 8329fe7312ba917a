//! Counts the memory that resources, scopes and values of their own take.
//!
//! Counts what was asked of the allocator, by capacity and not by length. The allocator's
//! rounding is not counted.

use std::borrow::Cow;
use std::mem::size_of;

use spandrel_model::{Attribute, Resource, Scope, Value};

/// The two counters in front of what an [`Arc`] holds.
const ARC_COUNTERS_LEN: usize = 2 * size_of::<usize>();

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

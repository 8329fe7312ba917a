//! The limits on the parts of one span: what is too long is cut or left out, and counted.
//!
//! The log keeps what came, whole. What is read back is cut the same way again, because a record
//! names the limits that held.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_codec::SpanSink;
use spandrel_model::{Attribute, Resource, Span, Value};

/// The name under which a record keeps which limits held.
pub(crate) const SPAN_LIMITS: &str = "span_limits";

/// How long the parts of a span may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanLimits {
    /// Names of services and operations: every one of them is listed to people. Cut.
    name_len_max: usize,
    /// Keys of attributes. The attribute is left out, as if its sender had dropped it.
    key_len_max: usize,
    /// Texts and bytes in values, events and messages. Cut; a list or a map is left out.
    value_len_max: usize,
}

impl SpanLimits {
    /// The number that a record has for [`SpanLimits::CURRENT`]. Other limits need another.
    pub(crate) const CURRENT_NUMBER: u64 = 1;

    pub(crate) const CURRENT: Self =
        Self { name_len_max: 4 << 10, key_len_max: 4 << 10, value_len_max: 1 << 20 };

    const NONE: Self =
        Self { name_len_max: usize::MAX, key_len_max: usize::MAX, value_len_max: usize::MAX };

    /// The limits of a number, none for a record without one.
    pub(crate) fn of_number(number: Option<u64>) -> Option<Self> {
        match number {
            None => Some(Self::NONE),
            Some(Self::CURRENT_NUMBER) => Some(Self::CURRENT),
            Some(_) => None,
        }
    }

    fn has_room_for(&self, attributes: &[Attribute<'_>]) -> bool {
        let fits = |attribute: &Attribute<'_>| {
            attribute.key.len() <= self.key_len_max && self.fits(&attribute.value)
        };
        attributes.iter().all(fits)
    }

    #[inline]
    fn fits(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) => true,
            Value::String(text) => text.len() <= self.value_len_max,
            Value::Bytes(bytes) => bytes.len() <= self.value_len_max,
            Value::Array(_) | Value::Map(_) => len_of(value) <= self.value_len_max,
        }
    }

    /// Whether all of a span but its resource is short enough.
    fn allows(&self, span: &Span<'_>) -> bool {
        let texts = [span.status.message.len(), span.trace_state.len()];
        span.name.len() <= self.name_len_max
            && texts.iter().all(|len| *len <= self.value_len_max)
            && self.has_room_for(&span.attributes)
            && span.events.iter().all(|event| {
                event.name.len() <= self.value_len_max && self.has_room_for(&event.attributes)
            })
            && span.links.iter().all(|link| {
                link.trace_state.len() <= self.value_len_max && self.has_room_for(&link.attributes)
            })
    }
}

/// How much a value of many says.
fn len_of(value: &Value<'_>) -> usize {
    match value {
        Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) => 8,
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(values) => values.iter().map(len_of).sum(),
        Value::Map(entries) => {
            entries.iter().map(|entry| entry.key.len() + len_of(&entry.value)).sum()
        }
    }
}

/// How many parts were cut or left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cuts {
    pub(crate) long_names: u64,
    pub(crate) long_keys: u64,
    pub(crate) long_values: u64,
}

/// Passes spans on, with what is too long cut.
pub(crate) struct Limited<'s> {
    limits: SpanLimits,
    sink: &'s mut dyn SpanSink,
    cuts: Cuts,
    /// A resource that came, and what is passed on for it: the spans of a request share few.
    resource: Option<(Arc<Resource>, Arc<Resource>)>,
}

impl<'s> Limited<'s> {
    pub(crate) fn new(limits: SpanLimits, sink: &'s mut dyn SpanSink) -> Self {
        Self { limits, sink, cuts: Cuts::default(), resource: None }
    }

    /// Returns how many parts were cut.
    pub(crate) fn cuts(&self) -> Cuts {
        self.cuts
    }

    /// Returns what is passed on for a resource, which is itself if it is short enough.
    fn resource_for(&mut self, resource: &Arc<Resource>) -> Arc<Resource> {
        if let Some((known, passed)) = &self.resource
            && Arc::ptr_eq(known, resource)
        {
            return Arc::clone(passed);
        }
        let has_long_name = resource
            .service_name
            .as_ref()
            .is_some_and(|name| name.len() > self.limits.name_len_max);
        let passed = if has_long_name || !self.limits.has_room_for(&resource.attributes) {
            let mut cut = Resource::clone(resource);
            if let Some(name) = &mut cut.service_name
                && has_long_name
            {
                name.truncate(name.floor_char_boundary(self.limits.name_len_max));
                self.cuts.long_names += 1;
            }
            self.cut_attributes(&mut cut.attributes, &mut cut.dropped_attributes);
            Arc::new(cut)
        } else {
            Arc::clone(resource)
        };
        self.resource = Some((Arc::clone(resource), Arc::clone(&passed)));
        passed
    }

    #[cold]
    fn cut(&mut self, span: &mut Span<'_>) {
        let limits = self.limits;
        cut_text(&mut span.name, limits.name_len_max, &mut self.cuts.long_names);
        for text in [&mut span.status.message, &mut span.trace_state] {
            cut_text(text, limits.value_len_max, &mut self.cuts.long_values);
        }
        self.cut_attributes(&mut span.attributes, &mut span.dropped.attributes);
        for event in &mut span.events {
            cut_text(&mut event.name, limits.value_len_max, &mut self.cuts.long_values);
            self.cut_attributes(&mut event.attributes, &mut event.dropped_attributes);
        }
        for link in &mut span.links {
            cut_text(&mut link.trace_state, limits.value_len_max, &mut self.cuts.long_values);
            self.cut_attributes(&mut link.attributes, &mut link.dropped_attributes);
        }
    }

    fn cut_attributes(&mut self, attributes: &mut Vec<Attribute<'_>>, dropped: &mut u32) {
        let (limits, cuts) = (self.limits, &mut self.cuts);
        attributes.retain_mut(|attribute| {
            let is_kept = if attribute.key.len() > limits.key_len_max {
                cuts.long_keys += 1;
                false
            } else {
                cut_value(&mut attribute.value, &limits, cuts)
            };
            *dropped = dropped.saturating_add(u32::from(!is_kept));
            is_kept
        });
    }
}

/// Cuts a value; false when it can't be cut and has to go.
fn cut_value(value: &mut Value<'_>, limits: &SpanLimits, cuts: &mut Cuts) -> bool {
    if limits.fits(value) {
        return true;
    }
    cuts.long_values += 1;
    match value {
        Value::String(text) => cut_text(text, limits.value_len_max, &mut 0),
        Value::Bytes(Cow::Borrowed(bytes)) => *bytes = &bytes[..limits.value_len_max],
        Value::Bytes(Cow::Owned(bytes)) => bytes.truncate(limits.value_len_max),
        _ => return false,
    }
    true
}

fn cut_text(text: &mut Cow<'_, str>, len_max: usize, cuts: &mut u64) {
    if text.len() <= len_max {
        return;
    }
    *cuts += 1;
    let end = text.floor_char_boundary(len_max);
    match text {
        Cow::Borrowed(text) => *text = &text[..end],
        Cow::Owned(text) => text.truncate(end),
    }
}

impl SpanSink for Limited<'_> {
    fn span(&mut self, span: &Span<'_>) {
        let resource = self.resource_for(&span.resource);
        if Arc::ptr_eq(&resource, &span.resource) && self.limits.allows(span) {
            return self.sink.span(span);
        }
        let mut cut = Span { resource, ..span.clone() };
        self.cut(&mut cut);
        self.sink.span(&cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_model::{Event, SpanId, TraceId};

    fn span() -> Span<'static> {
        Span::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap())
    }

    fn limited(span: &Span<'_>) -> (Span<'static>, Cuts) {
        let mut spans: Vec<Span<'static>> = Vec::new();
        let mut sink = Limited::new(SpanLimits::CURRENT, &mut spans);
        sink.span(span);
        let cuts = sink.cuts();
        (spans.pop().unwrap(), cuts)
    }

    #[test]
    fn what_just_fits_is_passed_on_as_it_is() {
        let mut span = span();
        span.name = "n".repeat(4 << 10).into();
        span.attributes.push(Attribute::new("k".repeat(4 << 10), "v".repeat(1 << 20)));
        span.resource = Resource::of_service(&"s".repeat(4 << 10));
        assert_eq!(limited(&span), (span, Cuts::default()));
    }

    #[test]
    fn names_and_values_are_cut_between_characters_and_what_cannot_be_cut_is_dropped() {
        let mut long = span();
        long.name = "é".repeat(3 << 10).into();
        long.resource = Resource::of_service(&"s".repeat(5_000));
        let list = Value::Array(vec!["v".repeat(1 << 20).into(), Value::Bool(true)]);
        long.attributes = vec![
            Attribute::new("text", "v".repeat((1 << 20) + 1)),
            Attribute { key: "bytes".into(), value: Value::Bytes(vec![7; 2 << 20].into()) },
            Attribute { key: "list".into(), value: list },
            Attribute::new("k".repeat(5_000), "v"),
        ];
        long.events.push(Event::new(1, "e".repeat(2 << 20)));
        let (cut, cuts) = limited(&long);
        assert_eq!(cuts, Cuts { long_names: 2, long_keys: 1, long_values: 4 });
        assert_eq!((cut.name.len(), cut.events[0].name.len()), (4 << 10, 1 << 20));
        assert_eq!(cut.resource.service_name.as_ref().map(String::len), Some(4 << 10));
        let keys: Vec<_> = cut.attributes.iter().map(|attribute| &*attribute.key).collect();
        assert_eq!((keys, cut.dropped.attributes), (vec!["text", "bytes"], 2));
        assert!(cut.attributes.iter().all(|attribute| len_of(&attribute.value) == 1 << 20));
        // Once cut, it fits.
        assert_eq!(limited(&cut), (cut, Cuts::default()));
    }

    #[test]
    fn a_record_without_limits_had_none_and_an_unknown_number_is_not_guessed() {
        assert_eq!(SpanLimits::of_number(None), Some(SpanLimits::NONE));
        assert_eq!(SpanLimits::of_number(Some(1)), Some(SpanLimits::CURRENT));
        assert_eq!(SpanLimits::of_number(Some(2)), None);
    }
}

//! The span: one timed piece of work of one service, and all that was recorded about it.
//!
//! A span holds what its sender said. It is never adjusted here: names keep their case, absent
//! times stay absent, halves of a shared span stay apart. What a protocol folds, its door folds.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use crate::endpoint::{Address, Endpoint};
use crate::id::{SpanId, TraceId};
use crate::resource::{Resource, Scope};
use crate::value::{Attribute, Value, find};

/// One span.
///
/// The lifetime is that of the bytes it was decoded from; `Span<'static>` owns all it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span<'a> {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its id within the trace.
    pub span_id: SpanId,
    /// The span that caused it; `None` for a root.
    pub parent_id: Option<SpanId>,
    /// Which side of a call it is; `None` when the sender did not say, which is not INTERNAL.
    pub kind: Option<SpanKind>,
    /// The operation, as it was sent; empty when it was absent.
    pub name: Cow<'a, str>,
    /// The start, in nanoseconds since 1970; absent is not zero.
    pub start_ns: Option<u64>,
    /// The duration in nanoseconds; absent is not zero.
    pub duration_ns: Option<u64>,
    /// What emitted it.
    pub resource: Arc<Resource>,
    /// The instrumentation that made it.
    pub scope: Option<Arc<Scope>>,
    /// The emitter's network address: Zipkin's local endpoint less its service name.
    pub local: Address,
    /// The other side of the call.
    pub remote: Option<Endpoint<'a>>,
    /// Attributes, in the order they came.
    pub attributes: Vec<Attribute<'a>>,
    /// Timed events, in the order they came.
    pub events: Vec<Event<'a>>,
    /// Other spans it refers to, in the order they came.
    pub links: Vec<Link<'a>>,
    /// How it ended.
    pub status: Status<'a>,
    /// W3C trace state, as it was sent; empty when it was absent.
    pub trace_state: Cow<'a, str>,
    /// W3C trace flags and OTLP's bits above them; zero when absent.
    pub trace_flags: u32,
    /// Whether it is the server half of a span whose id the client made (Zipkin's `shared`).
    pub is_shared: bool,
    /// Whether the sender asked to keep the trace whatever the sampling (Zipkin's `debug`).
    pub is_debug: bool,
    /// What the sender dropped.
    pub dropped: DroppedCounts,
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanKind {
    /// Work inside a service.
    Internal,
    /// The asking side of a call.
    Client,
    /// The answering side of a call.
    Server,
    /// Sends a message to a broker.
    Producer,
    /// Takes a message from a broker.
    Consumer,
}

/// Something that happened at one instant of a span: Zipkin's annotation, OpenTracing's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// What: the event's name, or the whole text where the protocol has only text.
    pub name: Cow<'a, str>,
    /// More about it.
    pub attributes: Vec<Attribute<'a>>,
    /// How many attributes the sender dropped.
    pub dropped_attributes: u32,
}

/// A reference to another span, of this trace or another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// What the reference means.
    pub kind: LinkKind,
    /// The trace of the other span.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// W3C trace state, as it was sent.
    pub trace_state: Cow<'a, str>,
    /// The other span's trace flags and OTLP's bits above them; zero when absent.
    pub trace_flags: u32,
    /// More about it.
    pub attributes: Vec<Attribute<'a>>,
    /// How many attributes the sender dropped.
    pub dropped_attributes: u32,
}

/// What a [`Link`] means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// OpenTelemetry's link: related, and no more is said.
    #[default]
    Related,
    /// OpenTracing's ChildOf: the other span depends on this one. X-Trace's further parents.
    ChildOf,
    /// OpenTracing's FollowsFrom: caused by the other span, which does not wait for it.
    FollowsFrom,
}

/// How a span ended, as far as its sender said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status<'a> {
    /// The outcome.
    pub code: StatusCode,
    /// A message, given with errors.
    pub message: Cow<'a, str>,
}

/// The outcome of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StatusCode {
    /// Nothing was said.
    #[default]
    Unset,
    /// The sender vouches for success.
    Ok,
    /// It failed.
    Error,
}

/// How much of a span its sender dropped to keep its own limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedCounts {
    /// Attributes.
    pub attributes: u32,
    /// Events.
    pub events: u32,
    /// Links.
    pub links: u32,
}

impl<'a> Span<'a> {
    /// Makes a span of which only the ids are known.
    #[must_use]
    pub fn new(trace_id: TraceId, span_id: SpanId) -> Self {
        static NO_RESOURCE: LazyLock<Arc<Resource>> = LazyLock::new(Arc::default);
        Self {
            trace_id,
            span_id,
            parent_id: None,
            kind: None,
            name: Cow::Borrowed(""),
            start_ns: None,
            duration_ns: None,
            resource: Arc::clone(&NO_RESOURCE),
            scope: None,
            local: Address::default(),
            remote: None,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            status: Status::default(),
            trace_state: Cow::Borrowed(""),
            trace_flags: 0,
            is_shared: false,
            is_debug: false,
            dropped: DroppedCounts::default(),
        }
    }

    /// Copies what is borrowed, so that the span outlives its input.
    #[must_use]
    pub fn into_owned(self) -> Span<'static> {
        Span {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            kind: self.kind,
            name: Cow::Owned(self.name.into_owned()),
            start_ns: self.start_ns,
            duration_ns: self.duration_ns,
            resource: self.resource,
            scope: self.scope,
            local: self.local,
            remote: self.remote.map(Endpoint::into_owned),
            attributes: self.attributes.into_iter().map(Attribute::into_owned).collect(),
            events: self.events.into_iter().map(Event::into_owned).collect(),
            links: self.links.into_iter().map(Link::into_owned).collect(),
            status: self.status.into_owned(),
            trace_state: Cow::Owned(self.trace_state.into_owned()),
            trace_flags: self.trace_flags,
            is_shared: self.is_shared,
            is_debug: self.is_debug,
            dropped: self.dropped,
        }
    }

    /// Returns the name of the service that emitted the span.
    #[must_use]
    pub fn service_name(&self) -> Option<&str> {
        self.resource.service_name.as_deref()
    }

    /// Returns the name of the service at the other side, where the span knows it.
    #[must_use]
    pub fn remote_service_name(&self) -> Option<&str> {
        self.remote.as_ref()?.service_name.as_deref()
    }

    /// Returns the end, in nanoseconds since 1970, when both start and duration are known.
    #[must_use]
    pub fn end_ns(&self) -> Option<u64> {
        Some(self.start_ns?.saturating_add(self.duration_ns?))
    }

    /// Returns the value of the last attribute with this key.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value<'a>> {
        find(&self.attributes, key)
    }

    /// Whether the span failed: its status says so, or it has an attribute `error` that does
    /// not say "false" (OpenTracing sends a boolean, Zipkin a message).
    #[must_use]
    pub fn is_error(&self) -> bool {
        if self.status.code == StatusCode::Error {
            return true;
        }
        match self.attribute("error") {
            None | Some(Value::Bool(false)) => false,
            Some(value) => value.as_str() != Some("false"),
        }
    }
}

impl Event<'_> {
    /// Copies what is borrowed, so that the event outlives its input.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        Event {
            time_ns: self.time_ns,
            name: Cow::Owned(self.name.into_owned()),
            attributes: self.attributes.into_iter().map(Attribute::into_owned).collect(),
            dropped_attributes: self.dropped_attributes,
        }
    }
}

impl<'a> Event<'a> {
    /// Makes an event that is only a name at a time.
    pub fn new(time_ns: u64, name: impl Into<Cow<'a, str>>) -> Self {
        Self { time_ns, name: name.into(), attributes: Vec::new(), dropped_attributes: 0 }
    }
}

impl Link<'_> {
    /// Copies what is borrowed, so that the link outlives its input.
    #[must_use]
    pub fn into_owned(self) -> Link<'static> {
        Link {
            kind: self.kind,
            trace_id: self.trace_id,
            span_id: self.span_id,
            trace_state: Cow::Owned(self.trace_state.into_owned()),
            trace_flags: self.trace_flags,
            attributes: self.attributes.into_iter().map(Attribute::into_owned).collect(),
            dropped_attributes: self.dropped_attributes,
        }
    }
}

impl Status<'_> {
    /// Copies what is borrowed, so that the status outlives its input.
    #[must_use]
    pub fn into_owned(self) -> Status<'static> {
        Status { code: self.code, message: Cow::Owned(self.message.into_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span<'static> {
        Span::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap())
    }

    #[test]
    fn an_error_attribute_fails_the_span_unless_it_says_false() {
        for (value, is_error) in [
            (Value::from(true), true),
            (Value::from("timeout"), true),
            (Value::from(""), true),
            (Value::from(false), false),
            (Value::from("false"), false),
        ] {
            let mut span = span();
            span.attributes.push(Attribute::new("error", value.clone()));
            assert_eq!(span.is_error(), is_error, "{value:?}");
        }
        assert!(!span().is_error());
    }

    #[test]
    fn the_end_is_known_when_start_and_duration_are() {
        let mut span = span();
        span.start_ns = Some(u64::MAX);
        assert_eq!(span.end_ns(), None);
        span.duration_ns = Some(5);
        assert_eq!(span.end_ns(), Some(u64::MAX));
    }
}

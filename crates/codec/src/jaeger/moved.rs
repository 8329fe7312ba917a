//! The tags that say what the model has a place for: there when a span is read, back when it is
//! written.
//!
//! Which tags these are is told in [`super`]. Nothing here knows the bytes of a format.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{Attribute, Event, Scope, Span, SpanKind, StatusCode, Value};

const KIND: &str = "span.kind";
const STATUS_CODE: &str = "otel.status_code";
const STATUS_MESSAGE: &str = "otel.status_description";
const TRACE_STATE: &str = "w3c.tracestate";
const SCOPE_NAME: &str = "otel.scope.name";
const SCOPE_VERSION: &str = "otel.scope.version";
const ERROR: &str = "error";

/// The field of a log that is its event's name.
pub(super) const EVENT: &str = "event";

/// The attribute that holds the warnings that protobuf has a field for.
pub(super) const WARNINGS: &str = "jaeger.internal.warnings";

/// How many tags are moved.
const PLACES: usize = 6;

/// Where in a span's list the tags stand that are to be moved.
#[derive(Debug, Default)]
pub(super) struct Marks {
    indices: [Option<usize>; PLACES],
    is_any: bool,
    /// How many tags were looked at.
    seen: usize,
}

impl Marks {
    /// Notes which of the tags that came since the last time are to be moved.
    #[inline]
    pub(super) fn note_further(&mut self, tags: &[Attribute<'_>]) {
        for (index, tag) in tags.iter().enumerate().skip(self.seen) {
            self.note(tag, index);
        }
        self.seen = tags.len();
    }

    #[inline]
    fn note(&mut self, tag: &Attribute<'_>, index: usize) {
        let Value::String(text) = &tag.value else { return };
        let place = match &*tag.key {
            KIND if kind_of(text).is_some() => 0,
            STATUS_CODE if status_of(text).is_some() => 1,
            STATUS_MESSAGE if !text.is_empty() => 2,
            TRACE_STATE if !text.is_empty() => 3,
            SCOPE_NAME if !text.is_empty() => 4,
            SCOPE_VERSION if !text.is_empty() => 5,
            _ => return,
        };
        self.indices[place] = Some(index);
        self.is_any = true;
    }

    /// Moves what was noted, and forgets it. The scope of the span before is shared where it is
    /// the same.
    #[inline]
    pub(super) fn move_noted(&mut self, span: &mut Span<'_>, last_scope: &mut Option<Arc<Scope>>) {
        if self.is_any {
            self.move_some(span, last_scope);
        }
    }

    fn move_some(&mut self, span: &mut Span<'_>, last_scope: &mut Option<Arc<Scope>>) {
        let Self { mut indices, .. } = std::mem::take(self);
        let (mut scope_name, mut scope_version) = (None, None);
        // From the back, so that no index changes before its turn.
        while let Some(index) = indices.iter().copied().flatten().max() {
            for slot in indices.iter_mut().filter(|slot| **slot == Some(index)) {
                *slot = None;
            }
            let Attribute { key, value: Value::String(text) } = span.attributes.remove(index)
            else {
                continue;
            };
            match &*key {
                KIND => span.kind = kind_of(&text),
                STATUS_CODE => span.status.code = status_of(&text).unwrap_or_default(),
                STATUS_MESSAGE => span.status.message = text,
                TRACE_STATE => span.trace_state = text,
                SCOPE_NAME => scope_name = Some(text),
                _ => scope_version = Some(text),
            }
        }
        if scope_name.is_some() || scope_version.is_some() {
            let name = scope_name.unwrap_or_default();
            span.scope = Some(shared_scope(&name, &scope_version.unwrap_or_default(), last_scope));
        }
    }
}

fn shared_scope(name: &str, version: &str, last_scope: &mut Option<Arc<Scope>>) -> Arc<Scope> {
    let last = last_scope.take().filter(|last| last.name == name && last.version == version);
    let scope = last.unwrap_or_else(|| {
        let (name, version) = (name.to_owned(), version.to_owned());
        Arc::new(Scope { name, version, ..Scope::default() })
    });
    *last_scope = Some(Arc::clone(&scope));
    scope
}

/// Moves the first field `event` that is a text, and says something, to the event's name.
pub(super) fn name_event(event: &mut Event<'_>) {
    let is_name = |field: &Attribute<'_>| {
        field.key == EVENT && field.value.as_str().is_some_and(|text| !text.is_empty())
    };
    if let Some(index) = event.attributes.iter().position(is_name)
        && let Value::String(name) = event.attributes.remove(index).value
    {
        event.name = name;
    }
}

/// Returns the tags that say what the span has in places of their own.
pub(super) fn moved_back<'s>(span: &'s Span<'_>) -> Vec<Attribute<'s>> {
    let mut tags = Vec::new();
    let mut push = |key: &'static str, text: &'s str| {
        if !text.is_empty() {
            tags.push(Attribute::new(key, text));
        }
    };
    if let Some(scope) = &span.scope {
        push(SCOPE_NAME, &scope.name);
        push(SCOPE_VERSION, &scope.version);
    }
    push(TRACE_STATE, &span.trace_state);
    push(KIND, span.kind.map_or("", word_of_kind));
    push(STATUS_CODE, word_of_status(span.status.code));
    push(STATUS_MESSAGE, &span.status.message);
    // Readers of Jaeger's know a failed span by this one.
    if span.status.code == StatusCode::Error && span.attribute(ERROR).is_none() {
        tags.push(Attribute::new(ERROR, true));
    }
    tags
}

fn kind_of(word: &str) -> Option<SpanKind> {
    match word {
        "client" => Some(SpanKind::Client),
        "server" => Some(SpanKind::Server),
        "producer" => Some(SpanKind::Producer),
        "consumer" => Some(SpanKind::Consumer),
        "internal" => Some(SpanKind::Internal),
        _ => None,
    }
}

const fn word_of_kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}

fn status_of(word: &str) -> Option<StatusCode> {
    match word {
        "OK" => Some(StatusCode::Ok),
        "ERROR" => Some(StatusCode::Error),
        _ => None,
    }
}

const fn word_of_status(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Unset => "",
        StatusCode::Ok => "OK",
        StatusCode::Error => "ERROR",
    }
}

/// Makes the attribute that holds warnings.
pub(super) fn of_warnings(warnings: Vec<Value<'_>>) -> Attribute<'_> {
    Attribute { key: Cow::Borrowed(WARNINGS), value: Value::Array(warnings) }
}

/// Returns the warnings of an attribute that holds some and nothing else.
pub(super) fn warnings_of<'s>(attribute: &'s Attribute<'_>) -> Option<Vec<&'s str>> {
    match &attribute.value {
        Value::Array(values) if attribute.key == WARNINGS && !values.is_empty() => {
            values.iter().map(Value::as_str).collect()
        }
        _ => None,
    }
}

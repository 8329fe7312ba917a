//! What a program logs on a span: fields at one instant.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::fields;
use crate::value::{Field, TagValue};

/// Something that happened at one instant of a span.
///
/// A text alone is a log with the single field `event`; a list of pairs is a log with these
/// fields.
///
/// # Examples
///
/// ```
/// use spandrel::{Log, mock::MockTracer};
///
/// let tracer = MockTracer::new();
/// let span = tracer.start_span("get");
/// span.log("cache miss");
/// span.log([("event", "retry"), ("reason", "connection reset")]);
/// span.log(Log::event("waited").field("waited.millis", 1500));
/// span.finish();
/// assert_eq!(tracer.finished_spans()[0].logs().len(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    time: Option<SystemTime>,
    fields: Vec<Field>,
}

impl Log {
    /// Makes a log without fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { time: None, fields: Vec::new() }
    }

    /// Makes a log whose field `event` names what happened.
    pub fn event(name: impl Into<TagValue>) -> Self {
        Self::new().field(fields::EVENT, name)
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<TagValue>) -> Self {
        self.fields.push(Field::new(key, value));
        self
    }

    /// Says when it happened, where that is not now.
    #[must_use]
    pub const fn at(mut self, time: SystemTime) -> Self {
        self.time = Some(time);
        self
    }

    pub(crate) fn into_parts(self) -> (Option<SystemTime>, Vec<Field>) {
        (self.time, self.fields)
    }
}

impl From<&'static str> for Log {
    fn from(event: &'static str) -> Self {
        Self::event(TagValue::from_static(event))
    }
}

impl From<String> for Log {
    fn from(event: String) -> Self {
        Self::event(event)
    }
}

impl<K, V, const N: usize> From<[(K, V); N]> for Log
where
    K: Into<Cow<'static, str>>,
    V: Into<TagValue>,
{
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K, V> FromIterator<(K, V)> for Log
where
    K: Into<Cow<'static, str>>,
    V: Into<TagValue>,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let fields = pairs.into_iter().map(|(key, value)| Field::new(key, value)).collect();
        Self { time: None, fields }
    }
}

impl From<Vec<Field>> for Log {
    fn from(fields: Vec<Field>) -> Self {
        Self { time: None, fields }
    }
}

/// A log as a finished span carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// What, in the order it was given.
    pub fields: Vec<Field>,
}

impl LogRecord {
    /// Returns the value of the last field with this key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&TagValue> {
        self.fields.iter().rev().find(|field| field.key == key).map(|field| &field.value)
    }

    /// Returns the text of the field `event`.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.field(fields::EVENT)?.as_str()
    }
}

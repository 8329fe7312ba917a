//! Typed tests on one span, the only questions that storage understands.
//!
//! A predicate is a leaf: how leaves combine is the query engine's business, except that a
//! [`crate::ScanRequest`] wants all of a [`SpanFilter`]'s predicates met by one span.

use spandrel_model::{Span, SpanKind, Value, find};

/// A test on one span.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// The emitting service's name.
    ServiceName(TextTest),
    /// The name of the service at the other side.
    RemoteServiceName(TextTest),
    /// The span's name.
    SpanName(TextTest),
    /// The name of at least one event.
    EventName(TextTest),
    /// An attribute.
    Attribute {
        /// Where to look.
        scope: AttributeScope,
        /// Its key.
        key: String,
        /// What its value must be.
        test: ValueTest,
    },
    /// The duration, both bounds included. A span without one never matches.
    DurationNs {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
    },
    /// The kind.
    Kind(SpanKind),
    /// Whether the span failed, by [`Span::is_error`].
    IsError(bool),
}

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeScope {
    /// On the span itself.
    Span,
    /// On its resource.
    Resource,
    /// On the span, then on its resource.
    Any,
}

/// A test on a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// Byte for byte.
    Equals(String),
    /// After folding to lower case; the expected text is folded already.
    EqualsFolded(String),
}

/// A test on an attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueTest {
    /// The key is there, whatever its value.
    Exists,
    /// The value prints as this text ([`Value::to_text`]): equality for protocols that know
    /// only text.
    PrintsAs(String),
    /// Type and content are equal.
    Equals(Value<'static>),
    /// A number, or a text that is wholly one, stands in this order to the expected number.
    Number(Ordered, f64),
}

/// An ordered comparison: the value's side is the left one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Predicates that one span must meet together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanFilter {
    /// All must hold; none means any span.
    pub predicates: Vec<Predicate>,
}

impl SpanFilter {
    /// Whether one span meets all the predicates.
    #[must_use]
    pub fn matches(&self, span: &Span<'_>) -> bool {
        self.predicates.iter().all(|predicate| predicate.matches(span))
    }
}

impl Predicate {
    /// Whether the span meets the predicate.
    #[must_use]
    pub fn matches(&self, span: &Span<'_>) -> bool {
        match self {
            Self::ServiceName(test) => span.service_name().is_some_and(|name| test.holds(name)),
            Self::RemoteServiceName(test) => {
                span.remote_service_name().is_some_and(|name| test.holds(name))
            }
            Self::SpanName(test) => test.holds(&span.name),
            Self::EventName(test) => span.events.iter().any(|event| test.holds(&event.name)),
            Self::Attribute { scope, key, test } => {
                find_in_scope(span, *scope, key).is_some_and(|value| test.holds(value))
            }
            Self::DurationNs { min, max } => {
                span.duration_ns.is_some_and(|duration_ns| (*min..=*max).contains(&duration_ns))
            }
            Self::Kind(kind) => span.kind == Some(*kind),
            Self::IsError(is_error) => span.is_error() == *is_error,
        }
    }
}

fn find_in_scope<'s>(
    span: &'s Span<'_>,
    scope: AttributeScope,
    key: &str,
) -> Option<&'s Value<'s>> {
    let on_span = || narrow(find(&span.attributes, key));
    let on_resource = || narrow(find(&span.resource.attributes, key));
    match scope {
        AttributeScope::Span => on_span(),
        AttributeScope::Resource => on_resource(),
        AttributeScope::Any => on_span().or_else(on_resource),
    }
}

/// Shortens the lifetime of what a value borrows to that of the borrow itself.
fn narrow<'s>(value: Option<&'s Value<'_>>) -> Option<&'s Value<'s>> {
    value
}

impl TextTest {
    /// Whether the text meets the test.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::Equals(expected) => text == expected,
            Self::EqualsFolded(expected) => is_folded_to(text, expected),
        }
    }
}

/// Whether `text` in lower case is `folded`, without allocating.
fn is_folded_to(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        return text.len() == folded.len()
            && text.bytes().zip(folded.bytes()).all(|(a, b)| a.to_ascii_lowercase() == b);
    }
    // `str::to_lowercase` knows the final sigma, which a char alone does not.
    text.to_lowercase() == folded
}

impl ValueTest {
    /// Whether the value meets the test.
    #[must_use]
    pub fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::PrintsAs(text) => value.to_text() == text.as_str(),
            Self::Equals(expected) => value == expected,
            Self::Number(ordered, expected) => {
                number(value).is_some_and(|actual| ordered.holds(actual, *expected))
            }
        }
    }
}

/// The number that a value is, or that its text wholly parses as (design decision D2: old
/// clients send status codes as text).
#[expect(clippy::cast_precision_loss, reason = "ordering against a double is a double's business")]
fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

impl Ordered {
    /// Whether two numbers stand so to each other.
    #[inline]
    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// Makes the predicate "the span's attribute `key` prints as `text`".
#[must_use]
pub fn attribute_prints_as(key: &str, text: &str) -> Predicate {
    Predicate::Attribute {
        scope: AttributeScope::Span,
        key: key.to_owned(),
        test: ValueTest::PrintsAs(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_model::{Attribute, Resource, SpanId, TraceId};

    fn span(attributes: Vec<Attribute<'static>>) -> Span<'static> {
        let mut span = Span::new(TraceId::new(1).unwrap(), SpanId::new(1).unwrap());
        span.attributes = attributes;
        span
    }

    #[test]
    fn a_status_code_is_found_by_its_text_whatever_its_type() {
        let wanted = attribute_prints_as("http.status_code", "301");
        assert!(wanted.matches(&span(vec![Attribute::new("http.status_code", "301")])));
        assert!(wanted.matches(&span(vec![Attribute::new("http.status_code", 301)])));
        assert!(!wanted.matches(&span(vec![Attribute::new("http.status_code", 200)])));
        assert!(!wanted.matches(&span(vec![])));
    }

    #[test]
    fn an_ordered_test_takes_text_that_is_wholly_a_number() {
        let test = ValueTest::Number(Ordered::GreaterOrEqual, 500.0);
        assert!(test.holds(&Value::from("503")));
        assert!(test.holds(&Value::from(503)));
        assert!(!test.holds(&Value::from("503 Service Unavailable")));
        assert!(!test.holds(&Value::from(true)));
    }

    #[test]
    fn names_fold_to_lower_case_in_every_script() {
        assert!(TextTest::EqualsFolded("http get".into()).holds("HTTP GET"));
        assert!(TextTest::EqualsFolded("служба".into()).holds("Служба"));
        assert!(!TextTest::EqualsFolded("http get".into()).holds("http gets"));
        assert!(!TextTest::Equals("http get".into()).holds("HTTP GET"));
    }

    #[test]
    fn a_resource_attribute_is_found_behind_the_spans_own() {
        let mut span = span(vec![Attribute::new("zone", "span")]);
        let attributes = vec![Attribute::new("zone", "resource"), Attribute::new("pod", "p1")];
        span.resource = Resource { attributes, ..Resource::default() }.into();
        let wanted = |scope, key: &str, text: &str| Predicate::Attribute {
            scope,
            key: key.to_owned(),
            test: ValueTest::PrintsAs(text.to_owned()),
        };
        assert!(wanted(AttributeScope::Any, "zone", "span").matches(&span));
        assert!(wanted(AttributeScope::Any, "pod", "p1").matches(&span));
        assert!(wanted(AttributeScope::Resource, "zone", "resource").matches(&span));
        assert!(!wanted(AttributeScope::Span, "pod", "p1").matches(&span));
    }
}

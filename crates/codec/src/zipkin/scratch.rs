//! What one decode call reuses from span to span, and the rules that all four formats share.
//!
//! Nothing here knows the bytes of a format.

use std::mem;
use std::num::NonZeroU16;
use std::sync::Arc;

pub(super) use crate::error::echo;
use spandrel_model::{Endpoint, IdError, Resource, Span, SpanId, TraceId};

/// How many resources one decode call remembers by service name. A list normally comes from one
/// service; past this many, spans of further services each get a resource of their own.
const RESOURCES_MAX: usize = 32;

/// Nanoseconds in a microsecond, Zipkin's unit of time.
pub(super) const NS_PER_US: u64 = 1_000;

/// Shares one resource among the spans of a list that name the same service.
#[derive(Debug, Default)]
pub(super) struct Resources {
    known: Vec<Arc<Resource>>,
}

impl Resources {
    /// Returns the resource of the service that the endpoint names.
    pub(super) fn of_endpoint(&mut self, endpoint: &Endpoint<'_>) -> Arc<Resource> {
        match &endpoint.service_name {
            Some(name) => self.of_service(name),
            None => empty_span().resource,
        }
    }

    /// Returns the resource that is known by this service name.
    fn of_service(&mut self, name: &str) -> Arc<Resource> {
        let is_named = |known: &&Arc<Resource>| known.service_name.as_deref() == Some(name);
        if let Some(known) = self.known.iter().find(is_named) {
            return Arc::clone(known);
        }
        let resource = Resource::of_service(name);
        if self.known.len() < RESOURCES_MAX {
            self.known.push(Arc::clone(&resource));
        }
        resource
    }
}

/// Makes the span that a decoder fills again and again. Its ids stand for none.
pub(super) fn empty_span<'a>() -> Span<'a> {
    const NO_TRACE: TraceId = TraceId::new(u128::MAX).expect("the largest id is not zero");
    const NO_SPAN: SpanId = SpanId::new(u64::MAX).expect("the largest id is not zero");
    Span::new(NO_TRACE, NO_SPAN)
}

/// Forgets what the span holds and keeps the room that its lists have.
pub(super) fn clear(span: &mut Span<'_>) {
    let mut attributes = mem::take(&mut span.attributes);
    let mut events = mem::take(&mut span.events);
    attributes.clear();
    events.clear();
    *span = Span { attributes, events, ..empty_span() };
}

/// Turns a wire timestamp into nanoseconds; zero and below stand for "absent".
pub(super) fn start_ns(timestamp_us: i64) -> Result<Option<u64>, String> {
    let ns = positive_ns(timestamp_us);
    ns.ok_or_else(|| {
        format!("timestamp {timestamp_us} us lies after the year 2554; is it in nanoseconds?")
    })
}

/// Turns a wire duration into nanoseconds; zero and below stand for "absent".
pub(super) fn duration_ns(duration_us: i64) -> Result<Option<u64>, String> {
    let ns = positive_ns(duration_us);
    ns.ok_or_else(|| {
        format!("duration {duration_us} us is more than 584 years; is it in nanoseconds?")
    })
}

/// Turns a time span in microseconds into nanoseconds: `Some(None)` where it is absent, `None`
/// where it does not fit.
fn positive_ns(us: i64) -> Option<Option<u64>> {
    match u64::try_from(us) {
        Err(_) | Ok(0) => Some(None),
        Ok(us) => us.checked_mul(NS_PER_US).map(Some),
    }
}

/// Turns a wire port into the model's: zero and below stand for "absent".
pub(super) fn port(number: i64) -> Result<Option<NonZeroU16>, String> {
    match u16::try_from(number) {
        Ok(port) => Ok(NonZeroU16::new(port)),
        Err(_) if number < 0 => Ok(None),
        Err(_) => Err(format!("invalid port {number}; the largest is 65535")),
    }
}

/// Says in Zipkin's words why the `field`'s text is no id.
pub(super) fn id_message(field: &str, text: &str, error: IdError) -> String {
    match error {
        IdError::Digit { .. } => {
            format!("{} should be lower-hex encoded with no prefix", echo(text))
        }
        other => format!("{field}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_shared_by_name_until_the_limit() {
        let mut resources = Resources::default();
        let first = resources.of_service("service 0");
        for number in 1..=RESOURCES_MAX {
            resources.of_service(&format!("service {number}"));
        }
        assert!(Arc::ptr_eq(&first, &resources.of_service("service 0")));
        assert_eq!(resources.known.len(), RESOURCES_MAX);
        assert_eq!(resources.of_endpoint(&Endpoint::default()).service_name, None);
    }

    #[test]
    fn times_are_absent_at_zero_and_refused_past_2554() {
        assert_eq!(start_ns(0), Ok(None));
        assert_eq!(start_ns(i64::MIN), Ok(None));
        assert_eq!(start_ns(1), Ok(Some(1_000)));
        assert_eq!(start_ns(18_446_744_073_709_551), Ok(Some(18_446_744_073_709_551_000)));
        let refused = start_ns(18_446_744_073_709_552).unwrap_err();
        assert!(refused.ends_with("lies after the year 2554; is it in nanoseconds?"), "{refused}");
        assert!(duration_ns(i64::MAX).is_err());
    }
}

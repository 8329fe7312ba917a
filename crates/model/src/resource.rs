//! What emitted a span: the service, its attributes, and the instrumentation inside it.

use std::sync::Arc;

use crate::value::Attribute;

/// The entity that emits spans, shared by all the spans it emits.
///
/// The service name stands in a field of its own and only there; a codec whose format carries
/// it as an attribute (`service.name`) moves it here and back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The name of the service, as it was sent; `None` when it was absent or empty.
    pub service_name: Option<String>,
    /// All other attributes, in the order they came.
    pub attributes: Vec<Attribute<'static>>,
    /// How many attributes the sender dropped.
    pub dropped_attributes: u32,
}

impl Resource {
    /// Makes a resource that is known by its service name alone. An empty name is none.
    #[must_use]
    pub fn of_service(name: &str) -> Arc<Self> {
        let service_name = (!name.is_empty()).then(|| name.to_owned());
        Arc::new(Self { service_name, ..Self::default() })
    }
}

/// The instrumentation library that made a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its attributes, in the order they came.
    pub attributes: Vec<Attribute<'static>>,
    /// How many attributes the sender dropped.
    pub dropped_attributes: u32,
}

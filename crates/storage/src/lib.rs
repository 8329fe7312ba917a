//! Keeps spans: the [`SpanStore`] trait, and the embedded engine behind it.
//!
//! Storage understands typed predicates on one span and requests for whole traces; it knows no
//! query language, no wire format and no HTTP.

mod budget;
mod predicate;
mod store;
mod tenant;

pub use budget::{Account, OverBudget, Reservation};
pub use predicate::{
    AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest, attribute_prints_as,
};
pub use store::{
    AppendError, Batch, Completion, FoundTrace, NameRequest, Origin, ReadError, ScanRequest,
    SpanStore, StoredSpan,
};
pub use tenant::{TENANT_NAME_LEN_MAX, Tenant, TenantError};

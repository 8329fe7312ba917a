//! Keeps spans: the [`SpanStore`] trait, and the embedded engine behind it.
//!
//! Storage understands typed predicates on one span and requests for whole traces; it knows no
//! query language, no wire format and no HTTP.

mod budget;
mod clock;
mod counters;
mod disk;
mod embedded;
pub mod encoding;
mod engine;
mod head;
mod memory;
mod options;
mod predicate;
mod store;
mod tenant;
mod wal;

pub use budget::{Account, OverBudget, Reservation};
pub use disk::{Disk, DiskFile, DiskLock, ListedFile, LockError, RealDisk};
pub use embedded::EmbeddedStore;
pub use engine::{Charged, Engine};
pub use memory::estimate_len;
pub use options::{
    Durability, FILE_LEN_MAX, OpenError, Options, Progress, RecordDecoder, ReplayReport, StoreStats,
};
pub use predicate::{
    AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest, attribute_prints_as,
};
pub use store::{
    AppendError, Batch, Completion, FoundTrace, NameRequest, Origin, ReadError, ScanRequest,
    SpanStore, StoredSpan,
};
pub use tenant::{TENANT_NAME_LEN_MAX, Tenant, TenantError};

//! Keeps spans: the [`SpanStore`] trait, and the embedded engine behind it.
//!
//! Storage understands typed predicates on one span and requests for whole traces; it knows no
//! query language, no wire format and no HTTP.

mod batch;
mod budget;
mod clock;
mod columns;
mod counters;
mod disk;
mod embedded;
pub mod encoding;
mod engine;
mod head;
mod maintenance;
mod manifest;
mod memory;
mod options;
mod predicate;
mod reads;
mod rollup;
mod search;
mod segment;
mod segment_store;
mod store;
mod tenant;
mod tools;
mod wal;

pub use batch::SpanBatch;
pub use budget::{Account, OverBudget, Reservation};
pub use disk::{Capacity, Disk, DiskFile, DiskLock, ListedFile, LockError, ReadFile, RealDisk};
pub use embedded::{EmbeddedStore, TellProgress};
pub use engine::{Charged, Engine, Opening, Recovery};
#[doc(hidden)]
pub use maintenance::read_hostile_rollup;
pub use maintenance::{CompactionPolicy, Job, JobDone, Retention, StoreLen};
#[doc(hidden)]
pub use manifest::read_hostile_manifest;
pub use manifest::{
    Catalog, CatalogError, ChangeError, DecodedManifest, LogPosition, Manifest, ManifestChange,
    ManifestError, Opened, SegmentClass, SegmentEntry, Tombstone,
};
pub use options::{
    Durability, FILE_LEN_MAX, OpenError, Options, Progress, RecordDecoder, ReplayReport, StoreStats,
};
pub use predicate::{
    AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest, attribute_prints_as,
};
pub use reads::{Selected, TraceRow};
pub use rollup::{
    CallKey, CallRow, Class, Histogram, Limits, NAME_LEN_MAX, NO_MINUTE, Name, NameText, Rollup,
    RollupError, SpanKey, SpanRow, minute_of,
};
#[doc(hidden)]
pub use segment::read_hostile_segment;
pub use segment_store::{
    HandleCounts, ListedObject, LocalSegmentStore, ManifestVersion, RangeRead, RangesRead,
    SegmentStore, SegmentUpload, SwapError, read_ranges_blocking,
};
pub use store::{
    AppendError, Batch, ChangeFailed, Completion, FoundTrace, NameRequest, Origin, ReadError,
    ScanRequest, SpanStore, StoredSpan,
};
pub use tenant::{TENANT_NAME_LEN_MAX, Tenant, TenantError};
pub use tools::{
    BackupError, BackupReport, SegmentPart, TellWork, VerifyReport, WorkDone, backup_manifest_path,
    verify,
};
#[doc(hidden)]
pub use wal::with_log_checksums;

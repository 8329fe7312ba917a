//! The store under test: opened with the shares of the memory budget that it has in the server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use spandrel_codec::{SpanSink, otlp};
use spandrel_model::Span;
use spandrel_storage::{Account, EmbeddedStore, Options, Origin, RealDisk, RecordDecoder};

use super::flags::RunFlags;
use crate::app::Budget;

/// How often it is looked whether the store is at rest.
const REST_CHECK: Duration = Duration::from_millis(10);

/// A store, and the accounts that pay for its memory.
#[derive(Debug)]
pub(super) struct OpenStore {
    pub(super) store: EmbeddedStore,
    pub(super) head: Arc<Account>,
}

impl OpenStore {
    /// Opens the store in a folder. `fan_in` is how many segments are merged into one.
    pub(super) fn open(
        folder: &Path,
        flags: &RunFlags,
        fan_in: Option<usize>,
    ) -> anyhow::Result<Self> {
        let Budget { head, queue, segments, .. } = Budget::of(flags.memory.0);
        let mut options = Options::new(Arc::clone(&head), queue, segments);
        options.compaction.fan_in = fan_in.unwrap_or(options.compaction.fan_in);
        let in_folder = || format!("the store in {}", folder.display());
        let disk = RealDisk::new(folder).with_context(in_folder)?;
        let store = EmbeddedStore::open(options, Arc::new(disk), Arc::new(OtlpRecords));
        Ok(Self { store: store.with_context(in_folder)?, head })
    }

    /// Waits until no flush and no merge is under way or wanted.
    pub(super) fn wait_at_rest(&self) -> anyhow::Result<()> {
        loop {
            let stats = self.store.stats();
            if let Some(trouble) = stats.job_trouble.or(stats.trouble) {
                bail!("the store has trouble: {trouble}");
            }
            if let Some(missing) = self.store.missing() {
                bail!("the store has lost something: {missing}");
            }
            if !stats.is_maintaining {
                return Ok(());
            }
            std::thread::park_timeout(REST_CHECK);
        }
    }
}

/// Decodes what the log kept of a bench that was interrupted.
struct OtlpRecords;

impl RecordDecoder for OtlpRecords {
    fn decode(
        &self,
        origin: &Origin,
        body: &[u8],
        sink: &mut dyn FnMut(&Span<'_>),
    ) -> Result<(), String> {
        let format =
            otlp::Format::from_name(&origin.format).ok_or("the bench wrote no such format")?;
        let decoded = otlp::decode(format, body, &mut Lent(sink));
        decoded.map(drop).map_err(|error| error.to_string())
    }
}

struct Lent<'s>(&'s mut dyn FnMut(&Span<'_>));

impl SpanSink for Lent<'_> {
    fn span(&mut self, span: &Span<'_>) {
        (self.0)(span);
    }
}

//! A segment store that lies, to see whether a simulation notices.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spandrel_storage::{
    Capacity, ListedObject, ManifestVersion, RangeRead, RangesRead, SegmentStore, SegmentUpload,
    SwapError,
};

/// After how many objects one is lost.
const LOST_ONE_IN: u64 = 3;

/// Makes a store that says of each third object that it is whole, and has none.
pub(super) fn losing(inner: Arc<dyn SegmentStore>) -> Arc<dyn SegmentStore> {
    Arc::new(Losing { inner, uploads: AtomicU64::new(0) })
}

struct Losing {
    inner: Arc<dyn SegmentStore>,
    uploads: AtomicU64,
}

/// An upload that is never finished.
struct Lost(Box<dyn SegmentUpload>);

impl SegmentUpload for Lost {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write(bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

impl SegmentStore for Losing {
    fn create(&self, path: &str) -> io::Result<Box<dyn SegmentUpload>> {
        let upload = self.inner.create(path)?;
        let is_lost = self.uploads.fetch_add(1, Ordering::Relaxed) % LOST_ONE_IN == 1;
        Ok(if is_lost { Box::new(Lost(upload)) } else { upload })
    }

    fn list(&self) -> io::Result<Vec<ListedObject>> {
        self.inner.list()
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn capacity(&self) -> io::Result<Capacity> {
        self.inner.capacity()
    }

    fn read_ranges(&self, wanted: Vec<RangeRead>, done: RangesRead) {
        self.inner.read_ranges(wanted, done);
    }

    fn manifest(&self) -> io::Result<Option<(ManifestVersion, Vec<u8>)>> {
        self.inner.manifest()
    }

    fn swap_manifest(
        &self,
        expected: Option<&ManifestVersion>,
        manifest: &[u8],
    ) -> Result<ManifestVersion, SwapError> {
        self.inner.swap_manifest(expected, manifest)
    }
}

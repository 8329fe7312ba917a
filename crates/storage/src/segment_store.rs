//! Where segments live: immutable objects, and one manifest that says which of them count.
//!
//! A local directory now, object storage later; so objects are written once and whole, reads come
//! in batches, and the manifest is swapped, never changed in place. What is in an object, or in
//! the manifest, is not known here.

mod handles;
mod local;
mod read_plan;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use bytes::Bytes;

use crate::disk::Capacity;

pub use handles::HandleCounts;
pub use local::LocalSegmentStore;
pub(crate) use local::SEGMENTS_DIR;

/// Keeps segments and the manifest.
///
/// One process at a time may change a store; the swap of the manifest catches a second one, and
/// the lock on the data folder keeps it away from a local store.
pub trait SegmentStore: Send + Sync {
    /// Begins an object. It is there once the upload is finished, and not before.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses.
    fn create(&self, path: &str) -> io::Result<Box<dyn SegmentUpload>>;

    /// Lists the objects, sorted by path, and what is left of uploads that were not finished.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses.
    fn list(&self) -> io::Result<Vec<ListedObject>>;

    /// Removes what [`Self::list`] names; what is not there is removed already. Reads that are
    /// under way may still succeed. After a loss of power the object may be there again.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses; the object may then be gone.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Tells how much room there is.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses.
    fn capacity(&self) -> io::Result<Capacity>;

    /// Reads all of `wanted`, side by side where that helps, and gives `done` an answer for each,
    /// in the same order. `done` may be called on any thread, before this returns too. A range
    /// that does not lie wholly inside its object is answered by an error.
    ///
    /// Answers of one call may share memory: whoever keeps one for long, and accounts for it,
    /// keeps a copy.
    fn read_ranges(&self, wanted: Vec<RangeRead>, done: RangesRead);

    /// Returns the manifest and its version, or `None` before there was one.
    ///
    /// What this returns is durable: no loss of power brings an older one back. It also ends the
    /// doubt that a [`SwapError::Disk`] left.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses.
    fn manifest(&self) -> io::Result<Option<(ManifestVersion, Vec<u8>)>>;

    /// Replaces the manifest that has the version `expected` (`None`: there is none), durably and
    /// as a whole: whatever happens during the call, the manifest is the old or the new one.
    ///
    /// # Errors
    ///
    /// [`SwapError::Conflict`] says that nothing was changed. After [`SwapError::Disk`] it is not
    /// known which manifest the next reader will see, nor that it stays: call
    /// [`Self::manifest`] before going on.
    fn swap_manifest(
        &self,
        expected: Option<&ManifestVersion>,
        manifest: &[u8],
    ) -> Result<ManifestVersion, SwapError>;
}

/// An object on its way into a [`SegmentStore`]. Dropped unfinished, it leaves nothing that counts.
pub trait SegmentUpload: Send {
    /// Appends to the object.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses; the upload can then only be dropped.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the object whole and durable.
    ///
    /// # Errors
    ///
    /// Fails when the store refuses. The object may then be there or not, now or after a loss of
    /// power: it must not be counted on, and its path not be used again.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// One object of [`SegmentStore::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its path.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Whether its upload was finished. What is not whole can be removed, once no upload is
    /// under way, and not be read.
    pub is_whole: bool,
}

/// A stretch of an object to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RangeRead {
    /// The object's path.
    pub path: Arc<str>,
    /// Where the stretch starts.
    pub offset: u64,
    /// Its length in bytes.
    pub len: usize,
}

impl RangeRead {
    /// Where the stretch ends; `None` when no object is that long.
    fn end(&self) -> Option<u64> {
        self.offset.checked_add(u64::try_from(self.len).ok()?)
    }
}

/// What is called with the answers of [`SegmentStore::read_ranges`].
pub type RangesRead = Box<dyn FnOnce(Vec<io::Result<Bytes>>) + Send>;

/// Which manifest it is: another one has another version. What is in it is the store's business.
#[derive(Clone, PartialEq, Eq)]
pub struct ManifestVersion(Arc<str>);

impl ManifestVersion {
    /// Makes a version from what a store tells its manifests apart by.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns what the version was made from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ManifestVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestVersion({})", self.0)
    }
}

/// Why the manifest was not swapped.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// The manifest is not the expected one: somebody else writes this store.
    #[error("the manifest is not the one that was to be replaced")]
    Conflict,
    /// The store refused, at a point that is not known.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Reads all of `wanted` and waits for the answers, which come in the same order.
pub fn read_ranges_blocking(
    store: &dyn SegmentStore,
    wanted: Vec<RangeRead>,
) -> Vec<io::Result<Bytes>> {
    if wanted.is_empty() {
        // Nobody waits for nothing, and a store that is far away would make them.
        return Vec::new();
    }
    let count = wanted.len();
    let (sender, receiver) = sync_channel(1);
    // Whoever waits below is there for as long as the sender is.
    store.read_ranges(wanted, Box::new(move |answers| _ = sender.send(answers)));
    receiver.recv().unwrap_or_else(|_| {
        let unanswered = || Err(io::Error::other("the store was closed before it answered"));
        std::iter::repeat_with(unanswered).take(count).collect()
    })
}

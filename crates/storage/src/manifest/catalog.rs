//! The one place where the manifest is replaced, and where segment ids come from.
//!
//! A change is told to be in, to be not in, or to be unknown, and never guessed. The catalog
//! writes no object and removes none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::entry::id_of_path;
use super::{ChangeError, Manifest, ManifestChange, ManifestError};
use crate::segment_store::{ListedObject, ManifestVersion, SegmentStore, SwapError};

/// How many segment ids are set aside at once. What is left of them at a crash is never used.
const IDS_SET_ASIDE: u64 = 64;

/// The current manifest of a store.
pub struct Catalog {
    store: Arc<dyn SegmentStore>,
    current: RwLock<Arc<Manifest>>,
    writer: Mutex<Writer>,
}

/// What only the writer of manifests needs, one at a time.
struct Writer {
    version: Option<ManifestVersion>,
    /// The id that is given out next, if it is set aside.
    next_id: u64,
    /// The manifest that may be the current one, after a swap with an unknown outcome.
    doubt: Option<Manifest>,
}

/// A catalog, and what was found at its opening.
#[derive(Debug)]
pub struct Opened {
    /// The catalog.
    pub catalog: Catalog,
    /// Paths of objects that no manifest names: what a crash left. They are to be removed, once
    /// it is sure that this process alone has the store.
    pub orphans: Vec<String>,
    /// Segments whose object is missing or is of another length.
    pub missing: Vec<u64>,
    /// What is wrong with one copy of the manifest, while the other is whole.
    pub damage: Option<ManifestError>,
}

/// Why a catalog could not be opened or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The change makes no sense; the caller's fault. It is not in.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The store refused, and the change is not in: what it was to add can be removed.
    #[error("the manifest: {source}")]
    Disk {
        /// What the store said.
        source: io::Error,
    },
    /// The store refused, and whether the change is in is not known: nothing that it was to add
    /// may be removed, nor anything that it was to remove. [`Catalog::settle`] finds out.
    #[error("whether the manifest was replaced is not known: {source}")]
    Unknown {
        /// What the store said last.
        source: io::Error,
    },
    /// Somebody else replaced the manifest; this catalog can't go on. Whether the change was in
    /// for a while is not known.
    #[error("the manifest was replaced by another process")]
    Overtaken,
    /// The manifest is of a newer version of this program, or damaged in both its copies.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There are segments and no manifest that tells which of them count. One is written before
    /// any segment is, so it was lost, and nothing must be removed.
    #[error("there is no manifest, and {count} objects such as {example}")]
    NoManifest {
        /// How many objects there are.
        count: usize,
        /// One of them.
        example: String,
    },
    /// There are no more segment ids.
    #[error("all segment ids are used")]
    NoMoreIds,
}

impl Catalog {
    /// Reads the manifest of a store, and lists what is in the store besides.
    ///
    /// # Errors
    ///
    /// Says why the store can't be used. Nothing is changed either way.
    pub fn open(store: Arc<dyn SegmentStore>) -> Result<Opened, CatalogError> {
        let disk = |source| CatalogError::Disk { source };
        let found = store.manifest().map_err(disk)?;
        let mut listed = store.list().map_err(disk)?;
        listed.retain(|object| id_of_path(&object.path).is_some());
        let (version, decoded) = match found {
            Some((version, bytes)) => (Some(version), Some(Manifest::decode(&bytes)?)),
            None => (None, None),
        };
        if let (None, Some(object)) = (&decoded, listed.first()) {
            let example = object.path.clone();
            return Err(CatalogError::NoManifest { count: listed.len(), example });
        }
        let damage = decoded.as_ref().and_then(|decoded| decoded.damage);
        let manifest = decoded.map_or_else(Manifest::empty, |decoded| decoded.manifest);
        let next_id = next_id(&manifest, &listed);
        let (orphans, missing) = compare(&manifest, listed);
        let writer = Mutex::new(Writer { version, next_id, doubt: None });
        let current = RwLock::new(Arc::new(manifest));
        Ok(Opened { catalog: Self { store, current, writer }, orphans, missing, damage })
    }

    /// Returns the current manifest.
    ///
    /// While the outcome of a change is unknown this is the manifest without it. A segment of an
    /// older manifest may be gone: a reader that misses one asks again.
    #[must_use]
    pub fn current(&self) -> Arc<Manifest> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the manifest by one that is changed, durably.
    ///
    /// Blocks for a write and two syncs, and for the changes that others make.
    ///
    /// # Errors
    ///
    /// Tells whether the change is in, see [`CatalogError`].
    pub fn apply(&self, change: &ManifestChange) -> Result<Arc<Manifest>, CatalogError> {
        let mut writer = self.writer();
        self.end_doubt(&mut writer)?;
        let current = self.current();
        let changed = current.changed(change)?;
        if changed == *current {
            return Ok(current);
        }
        // Ids for the segments to come are set aside in passing.
        let is_enough = writer.next_id.saturating_add(IDS_SET_ASIDE / 2) <= current.next_segment_id;
        let with_ids =
            (!is_enough).then(|| changed.with_ids_from(writer.next_id, IDS_SET_ASIDE)).flatten();
        self.swap(&mut writer, with_ids.unwrap_or(changed))
    }

    /// Returns an id that was never returned before, by this process or by one before it.
    ///
    /// # Errors
    ///
    /// Fails when ids have to be set aside in the manifest, and that fails.
    pub fn allocate_segment_id(&self) -> Result<u64, CatalogError> {
        let mut writer = self.writer();
        self.end_doubt(&mut writer)?;
        let current = self.current();
        if writer.next_id >= current.next_segment_id {
            let next = current.with_ids_from(writer.next_id, IDS_SET_ASIDE);
            self.swap(&mut writer, next.ok_or(CatalogError::NoMoreIds)?)?;
        }
        let id = writer.next_id;
        writer.next_id += 1;
        Ok(id)
    }

    /// Finds out what became of a change whose outcome was unknown, and returns the manifest that
    /// holds from now on: the change is in it or not, for good.
    ///
    /// # Errors
    ///
    /// Fails when the outcome is still unknown, or somebody else replaced the manifest.
    pub fn settle(&self) -> Result<Arc<Manifest>, CatalogError> {
        self.end_doubt(&mut self.writer())?;
        Ok(self.current())
    }

    fn swap(&self, writer: &mut Writer, next: Manifest) -> Result<Arc<Manifest>, CatalogError> {
        match self.store.swap_manifest(writer.version.as_ref(), &next.encode()) {
            Ok(version) => Ok(self.go_on(writer, version, next)),
            Err(SwapError::Conflict) => Err(CatalogError::Overtaken),
            Err(SwapError::Disk(source)) => {
                let before = self.current();
                writer.doubt = Some(next);
                self.end_doubt(writer)?;
                let current = self.current();
                if Arc::ptr_eq(&before, &current) {
                    return Err(CatalogError::Disk { source });
                }
                Ok(current)
            }
        }
    }

    /// Reads the manifest again if the last swap's outcome is unknown.
    fn end_doubt(&self, writer: &mut Writer) -> Result<(), CatalogError> {
        let Some(next) = writer.doubt.take() else { return Ok(()) };
        let found = match self.store.manifest() {
            Ok(found) => found,
            Err(source) => {
                writer.doubt = Some(next);
                return Err(CatalogError::Unknown { source });
            }
        };
        match found {
            Some((version, bytes)) if bytes == next.encode() => {
                self.go_on(writer, version, next);
                Ok(())
            }
            found if found.as_ref().map(|(version, _)| version) == writer.version.as_ref() => {
                Ok(())
            }
            _ => {
                writer.doubt = Some(next);
                Err(CatalogError::Overtaken)
            }
        }
    }

    fn go_on(
        &self,
        writer: &mut Writer,
        version: ManifestVersion,
        next: Manifest,
    ) -> Arc<Manifest> {
        let next = Arc::new(next);
        writer.version = Some(version);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&next);
        next
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic between a swap and its noting leaves a version that the next swap refuses.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("current", &self.current()).finish_non_exhaustive()
    }
}

/// The first id that neither the manifest nor any object has; objects may be newer than a
/// manifest that was put back from a copy.
fn next_id(manifest: &Manifest, listed: &[ListedObject]) -> u64 {
    let newest = listed.iter().filter_map(|object| id_of_path(&object.path)).max();
    manifest.next_segment_id.max(newest.map_or(0, |newest| newest.saturating_add(1)))
}

/// Returns the objects that the manifest does not name, and the segments that it names in vain.
fn compare(manifest: &Manifest, listed: Vec<ListedObject>) -> (Vec<String>, Vec<u64>) {
    let named: BTreeMap<_, _> =
        manifest.segments.iter().map(|entry| (entry.path(), entry)).collect();
    let mut found = BTreeSet::new();
    let mut orphans = Vec::new();
    for object in listed {
        match named.get(&object.path) {
            Some(entry) if object.is_whole && object.len == entry.len => {
                found.insert(entry.id);
            }
            Some(_) => {}
            None => orphans.push(object.path),
        }
    }
    let ids = manifest.segments.iter().map(|entry| entry.id);
    (orphans, ids.filter(|id| !found.contains(id)).collect())
}

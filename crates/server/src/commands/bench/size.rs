//! How many bytes a span takes in the store, and where they go.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use spandrel_storage::EmbeddedStore;

use crate::commands::measure::figures::{Section, per};

/// How many parts are told by name.
const PARTS_TOLD: usize = 60;

/// The store's size, and that of its parts.
pub(super) fn sections(
    store: &EmbeddedStore,
    folder: &Path,
    body_bytes: u64,
) -> anyhow::Result<[Section; 3]> {
    let stats = store.stats();
    let spans = stats.segment_spans;
    let manifest = folder.join("manifest");
    let manifest_len = fs::metadata(&manifest).map_or(0, |found| found.len());
    let mut total = Section::new("size");
    total.add("stored, with every index", per(stats.segment_bytes + manifest_len, spans), "B/span");
    total.add("received", per(body_bytes, spans), "B/span");
    total.add("smaller than received", per(body_bytes, stats.segment_bytes + manifest_len), "x");
    total.add("spans", spans as f64, "");
    total.add("segments", stats.segments as f64, "");
    total.add("segment bytes", stats.segment_bytes as f64, "");
    total.add("manifest bytes", manifest_len as f64, "");

    let parts = store.segment_parts().context("the segments can't be read")?;
    let mut by_kind: BTreeMap<&str, u64> = BTreeMap::new();
    let mut named = Section::new("size: the largest parts");
    for part in &parts {
        *by_kind.entry(part.kind).or_default() += part.len;
    }
    for part in parts.iter().take(PARTS_TOLD) {
        named.add(format!("{}: {}", part.kind, part.name), per(part.len, spans), "B/span");
    }
    let rest = parts.iter().skip(PARTS_TOLD).map(|part| part.len).sum();
    named.add("all others", per(rest, spans), "B/span");
    let mut kinds = Section::new("size: kinds of parts");
    for (kind, len) in by_kind {
        kinds.add(kind, per(len, spans), "B/span");
    }
    Ok([total, kinds, named])
}

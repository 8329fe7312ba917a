//! What older segments hold of traces that are being written: late spans are settled together
//! with those that came before them.
//!
//! Which groups hold such a trace is found once, for all traces. Their rows are read as the
//! groups to write come: traces that stand side by side there mostly do so in older segments too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use spandrel_model::Span;
use spandrel_model::trace::facts::Node;

use super::names::Names;
use super::nodes::{CodeMap, NodeTexts, PhaseTable};
use crate::manifest::{Manifest, SegmentClass, SegmentEntry};
use crate::reads::{OpenSegment, SegmentCache, Trouble, disk};
use crate::segment::{GroupColumns, GroupRead};
use crate::segment_store::read_ranges_blocking;
use crate::store::ReadError;
use crate::tenant::Tenant;

/// Finds what other segments hold of traces.
#[derive(Debug)]
pub(super) struct Older<'w> {
    cache: &'w SegmentCache,
    view: Arc<Manifest>,
    tenant: Tenant,
    /// Segments that are being replaced by the one that is written.
    replaced: BTreeSet<u64>,
    segments: BTreeMap<u64, OlderSegment>,
    /// The groups that may hold each trace: segment and group.
    places: HashMap<u64, Vec<(u64, u32)>>,
    /// The rows of the traces of the group at hand.
    nodes: HashMap<u64, Vec<Node>>,
    columns: GroupColumns,
    group_nodes: Vec<Node>,
}

#[derive(Debug)]
struct OlderSegment {
    open: Arc<OpenSegment>,
    codes: CodeMap,
}

impl<'w> Older<'w> {
    /// Finds the groups that hold any of these traces, in the segments of a tenant that `view`
    /// names and that are not replaced. Copies that are pinned do not count, nor does what is
    /// deleted. Whoever holds the view keeps the segments from being removed.
    pub(super) fn find(
        cache: &'w SegmentCache,
        view: Arc<Manifest>,
        tenant: &Tenant,
        replaced: BTreeSet<u64>,
        lows: &[u64],
    ) -> Result<Self, ReadError> {
        let mut older = Self {
            cache,
            view: Arc::clone(&view),
            tenant: tenant.clone(),
            replaced,
            segments: BTreeMap::new(),
            places: HashMap::new(),
            nodes: HashMap::new(),
            columns: GroupColumns::default(),
            group_nodes: Vec::new(),
        };
        if lows.is_empty() {
            return Ok(older);
        }
        let counts = |entry: &&SegmentEntry| older.counts(entry);
        let entries: Vec<&SegmentEntry> = view.segments().iter().filter(counts).collect();
        for place in cache.find_places(&entries, lows)? {
            let id = place.segment.entry.id;
            if view.is_deleted(&place.segment.entry, place.trace_id_low) {
                continue;
            }
            older.places.entry(place.trace_id_low).or_default().push((id, place.group));
            let open = place.segment;
            let new = || OlderSegment { open, codes: CodeMap::default() };
            older.segments.entry(id).or_insert_with(new);
        }
        Ok(older)
    }

    fn counts(&self, entry: &SegmentEntry) -> bool {
        entry.tenant == self.tenant
            && entry.class == SegmentClass::Ordinary
            && !self.replaced.contains(&entry.id)
    }

    /// Reads the rows of some traces, and forgets those of the traces before.
    pub(super) fn load(
        &mut self,
        lows: impl Iterator<Item = u64>,
        names: &mut Names,
        phases: &mut PhaseTable,
    ) -> Result<(), ReadError> {
        self.nodes.clear();
        let mut groups: BTreeMap<(u64, u32), Vec<u64>> = BTreeMap::new();
        for low in lows {
            for place in self.places.get(&low).into_iter().flatten() {
                groups.entry(*place).or_default().push(low);
            }
        }
        for ((id, group), lows) in groups {
            match self.load_group((id, group), &lows, names, phases) {
                Ok(()) => {}
                Err(Trouble::Damaged(reason)) => self.cache.quarantine(id, &reason),
                Err(Trouble::Disk(error)) => return Err(disk(&error)),
            }
        }
        Ok(())
    }

    fn load_group(
        &mut self,
        (id, group): (u64, u32),
        lows: &[u64],
        names: &mut Names,
        phases: &mut PhaseTable,
    ) -> Result<(), Trouble> {
        let Some(OlderSegment { open, codes }) = self.segments.get_mut(&id) else { return Ok(()) };
        let with = self.cache.with_dictionaries(vec![Arc::clone(open)]);
        let with = with.map_err(|error| Trouble::Disk(std::io::Error::other(error)))?;
        // Without dictionaries it was set apart just now.
        let Some((open, dictionaries)) = with.into_iter().next() else { return Ok(()) };
        let wanted = CodeMap::projection(&dictionaries);
        let ranges = open.segment.part_ranges(group, &wanted);
        let reads = ranges.into_iter().map(|range| open.read(range)).collect();
        let read = read_ranges_blocking(&**self.cache.store(), reads);
        let read: Vec<_> = read.into_iter().collect::<Result<_, _>>().map_err(Trouble::of_read)?;
        let columns = &mut self.columns;
        self.cache.with_decoder(|decoder| {
            let segment = &open.segment;
            let read = GroupRead { group, wanted: &wanted, stretches: &read };
            segment.decode_columns(read, &dictionaries, decoder, columns)
        })?;
        self.group_nodes.clear();
        let texts = NodeTexts::read(&dictionaries);
        codes.make(columns, &texts, (names, phases), &mut self.group_nodes);
        for trace in 0..columns.traces.len() {
            let low = columns.traces.low[trace];
            // The index tells of more traces than it was asked for.
            if lows.contains(&low) {
                let nodes = self.nodes.entry(low).or_default();
                nodes.extend_from_slice(&self.group_nodes[columns.rows_of(trace)]);
            }
        }
        Ok(())
    }

    /// The rows of a trace that was loaded.
    pub(super) fn nodes_of(&self, low: u64) -> &[Node] {
        self.nodes.get(&low).map_or(&[], Vec::as_slice)
    }

    /// The spans of a trace, whole.
    pub(super) fn spans_of(&self, low: u64) -> Result<Vec<Span<'static>>, ReadError> {
        let entries = self.view.segments().iter().filter(|entry| self.counts(entry));
        let entries = entries.filter(|entry| !self.view.is_deleted(entry, low));
        let found = self.cache.find_trace(entries, low)?;
        Ok(found.iter().filter_map(|rows| rows.spans()).flatten().collect())
    }
}

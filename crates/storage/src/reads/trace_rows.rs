//! What is known of settled traces, without their spans: two dependent batches of small reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use spandrel_model::trace::facts::PHASE_COUNT;

use super::cache::{OpenSegment, SegmentCache, Trouble, disk};
use crate::columns::TextHeap;
use crate::encoding::{Damaged, Decoder};
use crate::maintenance::settle::{Bases, FACTS_PART, FactRows, WHOLES_SECTION, Wholes};
use crate::manifest::SegmentEntry;
use crate::segment::{Dictionaries, TraceTable};
use crate::segment_store::read_ranges_blocking;
use crate::store::ReadError;

/// A settled trace, as far as it is known without its spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceRow {
    /// The low half of its id.
    pub trace_id_low: u64,
    /// The earliest start of a span. Times and services are those of the spans as they were
    /// received; what follows tells of the trace once halves and pieces of spans are joined.
    pub start_ns: Option<u64>,
    /// The latest start of a span.
    pub latest_start_ns: Option<u64>,
    /// The latest end of a span, no less than the latest start.
    pub end_ns: Option<u64>,
    /// How many spans it has; the halves of one span are one.
    pub span_count: u32,
    /// How many of them failed.
    pub error_count: u32,
    /// The service of the span that began it.
    pub root_service: Option<String>,
    /// That span's name.
    pub root_operation: Option<String>,
    /// That span's duration, where it is known.
    pub root_duration_ns: Option<u64>,
    /// The services of the spans as they were received, sorted.
    pub services: Vec<String>,
    /// Equal in traces that took the same paths.
    pub fingerprint: u64,
    /// The services with the most self time on the critical path, and what part of the root's
    /// duration each has, of 255 in all. The path of a long trace goes through more of them.
    pub critical_path: Vec<(Option<String>, u8)>,
    /// The network phases of all spans added up, in nanoseconds, in the order of
    /// [`Phase::ALL`](spandrel_model::trace::facts::Phase::ALL).
    pub phases_ns: [u64; PHASE_COUNT],
}

/// Traces by the group that may hold them.
type LowsByGroup = BTreeMap<u32, Vec<u64>>;

/// How many groups are checked with one batch of reads.
const GROUPS_PER_CHECK: usize = 64;

/// Rows by trace, each with how new it is.
type Rows = HashMap<u64, (Age, TraceRow)>;

/// A row of a higher generation is newer. A row without others to supersede has none; beside it
/// there may be that of a pinned copy, which was made when there were fewer spans or as many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    generation: u64,
    received_count: u32,
}

impl SegmentCache {
    /// Finds what is known of some traces in these segments. `is_deleted` tells of a segment and a
    /// trace. A trace that could not be settled has no row.
    ///
    /// # Errors
    ///
    /// Fails when the store can't be read. What is damaged is set apart and left out.
    pub(crate) fn trace_rows(
        &self,
        entries: &[&SegmentEntry],
        lows: &[u64],
        is_deleted: impl Fn(&SegmentEntry, u64) -> bool,
    ) -> Result<Vec<TraceRow>, ReadError> {
        let mut segments: BTreeMap<u64, (Arc<OpenSegment>, LowsByGroup)> = BTreeMap::new();
        for place in self.find_places(entries, lows)? {
            let (open, low) = (place.segment, place.trace_id_low);
            if !is_deleted(&open.entry, low) {
                let groups = segments.entry(open.entry.id).or_insert((open, LowsByGroup::new()));
                groups.1.entry(place.group).or_default().push(low);
            }
        }
        let mut rows = Rows::new();
        for (open, groups) in segments.into_values() {
            for (open, dictionaries) in self.with_dictionaries(vec![open])? {
                match self.rows_in(&open, &dictionaries, &groups, &mut rows) {
                    Ok(()) => {}
                    Err(Trouble::Damaged(reason)) => self.quarantine(open.entry.id, &reason),
                    Err(Trouble::Disk(error)) => return Err(disk(&error)),
                }
            }
        }
        Ok(lows.iter().filter_map(|low| Some(rows.remove(low)?.1)).collect())
    }

    /// Reads what a segment tells of its traces, all of it.
    ///
    /// # Errors
    ///
    /// Fails when that can't be read.
    pub(crate) fn check_trace_rows(
        &self,
        open: &OpenSegment,
        dictionaries: &Dictionaries,
    ) -> Result<(), Trouble> {
        let groups: Vec<u32> = (0..open.segment.group_count()).collect();
        for groups in groups.chunks(GROUPS_PER_CHECK) {
            let groups = groups.iter().map(|group| (*group, Vec::new())).collect();
            self.rows_in(open, dictionaries, &groups, &mut Rows::new())?;
        }
        Ok(())
    }

    /// The generations of the traces of which a segment tells what other segments have too.
    ///
    /// # Errors
    ///
    /// Fails when that can't be read.
    pub(crate) fn generations_in(&self, open: &OpenSegment) -> Result<Vec<(u64, u64)>, Trouble> {
        let Some(range) = open.segment.section_range(WHOLES_SECTION) else { return Ok(Vec::new()) };
        let read = read_ranges_blocking(&**self.store(), vec![open.read(range)]);
        let mut generations = Vec::new();
        for bytes in read {
            let wholes = wholes_in(open, &bytes.map_err(Trouble::of_read)?, &mut Decoder::new())?;
            let rows = wholes.low.into_iter().zip(wholes.generation);
            generations.extend(rows.filter(|(_, generation)| *generation > 0));
        }
        Ok(generations)
    }

    fn rows_in(
        &self,
        open: &OpenSegment,
        dictionaries: &Dictionaries,
        groups: &LowsByGroup,
        rows: &mut Rows,
    ) -> Result<(), Trouble> {
        let segment = &open.segment;
        let scan_part = |group: &u32| segment.scan_part_range(*group, FACTS_PART);
        let groups: Vec<_> = groups
            .iter()
            .filter_map(|(group, lows)| Some((*group, lows, scan_part(group)?)))
            .collect();
        let tables = groups.iter().map(|(group, ..)| open.read(segment.trace_table_range(*group)));
        let facts = groups.iter().map(|(.., range)| open.read(*range));
        let wholes = segment.section_range(WHOLES_SECTION).map(|range| open.read(range));
        let reads = tables.chain(facts).chain(wholes).collect();
        let mut tables = read_ranges_blocking(&**self.store(), reads);
        let mut facts = tables.split_off(groups.len());
        let wholes = facts.split_off(groups.len());
        let mut decoder = Decoder::new();
        for ((group, lows, _), (table, facts)) in groups.iter().zip(tables.into_iter().zip(facts)) {
            let table = self.trace_table(open, *group, &table.map_err(Trouble::of_read)?)?;
            let facts = facts.map_err(Trouble::of_read)?;
            let facts = segment.check_scan_part(*group, FACTS_PART, &facts)?;
            let ends = (dictionaries.services.len() + 1, dictionaries.names.len() + 1);
            let bases = Bases::of_table(&table);
            let facts = FactRows::decode_part(facts, table.len(), &bases, ends, &mut decoder);
            let facts = facts.map_err(|error| damaged(open, "facts", &error))?;
            add_group(&table, &facts, dictionaries, lows, rows);
        }
        if let Some(wholes) = wholes.into_iter().next() {
            let wholes = wholes_in(open, &wholes.map_err(Trouble::of_read)?, &mut decoder)?;
            let wanted = groups.iter().flat_map(|(_, lows, _)| *lows).copied().collect::<Vec<_>>();
            add_wholes(&wholes, &wanted, rows);
        }
        Ok(())
    }
}

fn wholes_in(open: &OpenSegment, bytes: &[u8], decoder: &mut Decoder) -> Result<Wholes, Trouble> {
    let section = open.segment.check_section(WHOLES_SECTION, bytes)?;
    Wholes::decode(section, decoder).map_err(|error| damaged(open, "whole traces", &error))
}

fn damaged(open: &OpenSegment, what: &str, damaged: &Damaged) -> Trouble {
    Trouble::Damaged(format!("{}: {what}: {damaged}", open.path))
}

/// Adds a row unless a newer one is there.
fn add(rows: &mut Rows, age: Age, row: TraceRow) {
    let known = rows.entry(row.trace_id_low).or_default();
    if known.0 < age {
        *known = (age, row);
    }
}

fn add_group(
    table: &TraceTable,
    facts: &FactRows,
    dictionaries: &Dictionaries,
    lows: &[u64],
    rows: &mut Rows,
) {
    let text = |heap: &TextHeap, code: u32| String::from_utf8_lossy(heap.get(code)).into_owned();
    let service = |name: u32| name.checked_sub(1).map(|code| text(&dictionaries.services, code));
    for trace in (0..table.len()).filter(|trace| lows.contains(&table.low[*trace])) {
        // What is told elsewhere, or not known, has no spans here.
        if facts.span_count[trace] == 0 {
            continue;
        }
        let known = |code: &&u32| (**code as usize) < dictionaries.services.len();
        let codes = table.services_of(trace).iter().filter(known);
        let mut services: Vec<_> = codes.map(|code| text(&dictionaries.services, *code)).collect();
        services.sort_unstable();
        let operation = facts.root_operation[trace].checked_sub(1);
        let row = TraceRow {
            trace_id_low: table.low[trace],
            start_ns: table.start_of(trace),
            latest_start_ns: table.latest_start_of(trace),
            end_ns: table.start_of(trace).map(|_| table.end_ns[trace]),
            root_operation: operation.map(|code| text(&dictionaries.names, code)),
            services,
            fingerprint: table.fingerprint[trace],
            ..row_of(facts, trace, service)
        };
        let received_count = table.rows_of(trace).len() as u32;
        add(rows, Age { generation: 0, received_count }, row);
    }
}

fn add_wholes(wholes: &Wholes, lows: &[u64], rows: &mut Rows) {
    let name = |name: u32| {
        let text = wholes.names.get(name.checked_sub(1)? as usize)?;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let mut services_start = 0;
    for (trace, low) in wholes.low.iter().enumerate() {
        let services_end = wholes.services_end[trace] as usize;
        let services = &wholes.services[services_start..services_end];
        services_start = services_end;
        if !lows.contains(low) {
            continue;
        }
        let start_ns = Some(wholes.start_ns[trace]).filter(|ns| *ns != u64::MAX);
        let mut services: Vec<String> = services.iter().filter_map(|code| name(*code)).collect();
        services.sort_unstable();
        let row = TraceRow {
            trace_id_low: *low,
            start_ns,
            latest_start_ns: start_ns.map(|_| wholes.latest_start_ns[trace]),
            end_ns: start_ns.map(|_| wholes.end_ns[trace]),
            root_operation: name(wholes.facts.root_operation[trace]),
            services,
            fingerprint: wholes.fingerprint[trace],
            ..row_of(&wholes.facts, trace, name)
        };
        let (generation, received_count) = (wholes.generation[trace], wholes.received_count[trace]);
        add(rows, Age { generation, received_count }, row);
    }
}

/// What facts alone tell of a trace.
fn row_of(facts: &FactRows, trace: usize, name: impl Fn(u32) -> Option<String>) -> TraceRow {
    let path_start = trace.checked_sub(1).map_or(0, |before| facts.path_end[before] as usize);
    let path = path_start..facts.path_end[trace] as usize;
    let shares = facts.path_service[path.clone()].iter().zip(&facts.path_share[path]);
    let phases = facts.phase_trace.binary_search(&(trace as u32)).ok();
    let phases = phases.and_then(|place| facts.phase_ns.as_chunks::<PHASE_COUNT>().0.get(place));
    TraceRow {
        span_count: facts.span_count[trace],
        error_count: facts.error_count[trace],
        root_service: name(facts.root_service[trace]),
        root_duration_ns: Some(facts.root_ns[trace]).filter(|ns| *ns > 0),
        critical_path: shares.map(|(service, share)| (name(*service), *share)).collect(),
        phases_ns: phases.copied().unwrap_or_default(),
        ..TraceRow::default()
    }
}

//! What lists and comparisons ask of a trace and its row in the trace table does not tell: how
//! many spans it has once halves are joined, its root, and where its time went.

use spandrel_model::trace::facts::{PHASE_COUNT, Phase, Phases};

use super::trace_settler::Settled;
use crate::encoding::input::{Input, nested};
use crate::encoding::ints::{self, Kind};
use crate::encoding::{Damaged, Decoder, Encoder, Fault, Word};
use crate::segment::{ScanPartId, TraceTable};

/// The part of a group that has a row for each of its traces.
pub(crate) const FACTS_PART: ScanPartId = ScanPartId(128);

const VERSION: u8 = 1;

/// How many services of a critical path are told: those with the largest parts of it.
const PATH_SERVICES_MAX: usize = 4;

/// What all of a critical path comes to, in shares.
pub(crate) const SHARE_ALL: u8 = u8::MAX;

/// The most traces that one part tells of.
const TRACE_COUNT_MAX: usize = 1 << 26;

/// Rows of traces. Names are one more than their codes, 0 for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactRows {
    /// How many spans a waterfall shows: halves of one span are one.
    pub(crate) span_count: Vec<u32>,
    /// How many of those failed.
    pub(crate) error_count: Vec<u32>,
    /// The service of the span that began the trace.
    pub(crate) root_service: Vec<u32>,
    /// That span's name.
    pub(crate) root_operation: Vec<u32>,
    /// That span's duration, which is the length of the critical path; 0 when it is not known.
    pub(crate) root_ns: Vec<u64>,
    /// Where the trace's entries in the two lists below end.
    pub(crate) path_end: Vec<u32>,
    /// Services with much self time on the critical path, the largest part first.
    pub(crate) path_service: Vec<u32>,
    /// What part of the path each has, in parts of [`SHARE_ALL`].
    pub(crate) path_share: Vec<u8>,
    /// The traces that have network phases, by place.
    pub(crate) phase_trace: Vec<u32>,
    /// Their phases, in nanoseconds, [`PHASE_COUNT`] for each.
    pub(crate) phase_ns: Vec<u64>,
}

/// What rows are told from: numbers that they mostly repeat. Shorter lists go on with zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bases {
    span_count: Vec<u32>,
    error_count: Vec<u32>,
    root_ns: Vec<u64>,
}

impl Bases {
    /// Those of a group.
    pub(crate) fn of_table(table: &TraceTable) -> Self {
        let times = table.end_ns.iter().zip(&table.start_ns);
        Self {
            span_count: (0..table.len()).map(|trace| table.rows_of(trace).len() as u32).collect(),
            error_count: table.error_count.clone(),
            root_ns: times.map(|(end_ns, start_ns)| end_ns.wrapping_sub(*start_ns)).collect(),
        }
    }
}

impl FactRows {
    /// How many traces there are.
    pub(crate) fn len(&self) -> usize {
        self.span_count.len()
    }

    /// Makes it empty, and keeps its memory.
    pub(super) fn clear(&mut self) {
        for list in [
            &mut self.span_count,
            &mut self.error_count,
            &mut self.root_service,
            &mut self.root_operation,
            &mut self.path_end,
            &mut self.path_service,
            &mut self.phase_trace,
        ] {
            list.clear();
        }
        self.root_ns.clear();
        self.path_share.clear();
        self.phase_ns.clear();
    }

    /// Appends a row that says nothing.
    pub(super) fn push_nothing(&mut self) {
        for list in [
            &mut self.span_count,
            &mut self.error_count,
            &mut self.root_service,
            &mut self.root_operation,
        ] {
            list.push(0);
        }
        self.root_ns.push(0);
        self.path_end.push(self.path_service.len() as u32);
    }

    /// Appends a trace. `service` and `operation` tell one more than the code of a name.
    pub(super) fn push(
        &mut self,
        settled: &Settled<'_>,
        buffer: &mut Vec<(u32, u64)>,
        mut service: impl FnMut(u32) -> u32,
        operation: impl FnOnce(u32) -> u32,
    ) {
        let facts = settled.facts;
        let root = facts.root.and_then(|root| settled.node(root));
        self.span_count.push(facts.span_count);
        self.error_count.push(facts.error_count);
        self.root_service.push(root.map_or(0, |root| service(root.service)));
        self.root_operation.push(root.map_or(0, |root| operation(root.operation)));
        buffer.clear();
        for (node, ns) in facts.critical_path.iter().filter(|(_, ns)| *ns > 0) {
            let Some(node) = settled.node(*node) else { continue };
            match buffer.iter_mut().find(|(known, _)| *known == node.service) {
                Some((_, sum_ns)) => *sum_ns += ns,
                None => buffer.push((node.service, *ns)),
            }
        }
        let root_ns = buffer.iter().map(|(_, ns)| *ns).sum::<u64>();
        self.root_ns.push(root_ns);
        buffer.sort_unstable_by_key(|(service, ns)| (std::cmp::Reverse(*ns), *service));
        for (code, ns) in buffer.iter().take(PATH_SERVICES_MAX) {
            let all = u128::from(root_ns);
            let share = (u128::from(*ns) * u128::from(SHARE_ALL) + all / 2) / all;
            self.path_service.push(service(*code));
            self.path_share.push(share as u8);
        }
        self.path_end.push(self.path_service.len() as u32);
        if facts.phases != Phases::default() {
            self.phase_trace.push(self.len() as u32 - 1);
            self.phase_ns.extend(Phase::ALL.map(|phase| facts.phases.get(phase)));
        }
    }

    /// Appends the rows as bytes.
    pub(super) fn encode(&self, bases: &Bases, encoder: &mut Encoder, out: &mut Vec<u8>) {
        out.push(VERSION);
        put(&less(&self.span_count, &bases.span_count), Kind::Code, encoder, out);
        put(&less(&self.error_count, &bases.error_count), Kind::Code, encoder, out);
        put(&self.root_service, Kind::Code, encoder, out);
        put(&self.root_operation, Kind::Code, encoder, out);
        let root_ns = self.root_ns.iter().zip(bases_of(&bases.root_ns));
        let root_ns: Vec<u64> = root_ns.map(|(ns, base)| base.wrapping_sub(*ns)).collect();
        put(&root_ns, Kind::Number, encoder, out);
        put(&lens(&self.path_end), Kind::Code, encoder, out);
        put(&self.path_service, Kind::Code, encoder, out);
        put(&self.path_share, Kind::Code, encoder, out);
        out.extend_from_slice(&(self.phase_trace.len() as u32).to_le_bytes());
        put(&self.phase_trace, Kind::Number, encoder, out);
        put(&self.phase_ns, Kind::Number, encoder, out);
    }

    /// Reads what [`Self::encode`] wrote, as all of a part: see [`Self::decode`].
    ///
    /// # Errors
    ///
    /// Fails when the part is damaged or of a newer version.
    pub(crate) fn decode_part(
        part: &[u8],
        count: usize,
        bases: &Bases,
        ends: (usize, usize),
        decoder: &mut Decoder,
    ) -> Result<Self, Damaged> {
        Self::decode(Input::new(part), count, bases, ends, decoder)
    }

    /// Reads what [`Self::encode`] wrote of so many traces, as all that is left of a part. Names
    /// are below `service_end` and `operation_end`, which are one more than there are.
    ///
    /// # Errors
    ///
    /// Fails when the part is damaged or of a newer version.
    pub(super) fn decode(
        mut input: Input<'_>,
        count: usize,
        bases: &Bases,
        (service_end, operation_end): (usize, usize),
        decoder: &mut Decoder,
    ) -> Result<Self, Damaged> {
        let start = input;
        match input.byte()? {
            VERSION => {}
            method => {
                return Err(start.damaged(Fault::UnknownMethod { what: "facts", method }));
            }
        }
        check(start, "count of traces", count, TRACE_COUNT_MAX)?;
        let mut rows = Self::default();
        take(&mut input, count, decoder, &mut rows.span_count)?;
        take(&mut input, count, decoder, &mut rows.error_count)?;
        take(&mut input, count, decoder, &mut rows.root_service)?;
        take(&mut input, count, decoder, &mut rows.root_operation)?;
        take(&mut input, count, decoder, &mut rows.root_ns)?;
        take(&mut input, count, decoder, &mut rows.path_end)?;
        let mut path_count = 0;
        for end in &mut rows.path_end {
            check(start, "count of services on a path", *end as usize, PATH_SERVICES_MAX)?;
            path_count += *end;
            *end = path_count;
        }
        take(&mut input, path_count as usize, decoder, &mut rows.path_service)?;
        take(&mut input, path_count as usize, decoder, &mut rows.path_share)?;
        let phase_count = u32::from_le_bytes(input.array()?) as usize;
        check(start, "count of traces with phases", phase_count, count)?;
        take(&mut input, phase_count, decoder, &mut rows.phase_trace)?;
        take(&mut input, phase_count * PHASE_COUNT, decoder, &mut rows.phase_ns)?;
        input.finish()?;

        let services = rows.root_service.iter().chain(&rows.path_service);
        let service = services.map(|service| *service as usize).max().unwrap_or(0);
        check(start, "a service", service, service_end.saturating_sub(1))?;
        let operations = rows.root_operation.iter().map(|name| *name as usize);
        check(
            start,
            "an operation",
            operations.max().unwrap_or(0),
            operation_end.saturating_sub(1),
        )?;
        let is_sorted = rows.phase_trace.is_sorted_by(|before, trace| before < trace);
        let last = rows.phase_trace.last().map_or(0, |trace| *trace as usize + 1);
        check(start, "a trace", if is_sorted { last } else { usize::MAX }, count)?;
        rows.span_count = less(&rows.span_count, &bases.span_count);
        rows.error_count = less(&rows.error_count, &bases.error_count);
        let root_ns = rows.root_ns.iter().zip(bases_of(&bases.root_ns));
        rows.root_ns = root_ns.map(|(less_ns, base)| base.wrapping_sub(*less_ns)).collect();
        Ok(rows)
    }
}

fn bases_of<W: Copy + Default>(bases: &[W]) -> impl Iterator<Item = W> {
    bases.iter().copied().chain(std::iter::repeat(W::default()))
}

/// How much less each is than its base; the way back is the same.
fn less(values: &[u32], bases: &[u32]) -> Vec<u32> {
    values.iter().zip(bases_of(bases)).map(|(value, base)| base.wrapping_sub(*value)).collect()
}

fn lens(ends: &[u32]) -> Vec<u32> {
    let mut start = 0;
    ends.iter().map(|end| end - std::mem::replace(&mut start, *end)).collect()
}

fn check(at: Input<'_>, what: &'static str, found: usize, max: usize) -> Result<(), Damaged> {
    if found <= max {
        return Ok(());
    }
    Err(at.damaged(Fault::TooLong { what, len: found as u64, len_max: max as u64 }))
}

/// Appends a list with its length before it.
pub(super) fn put<W: Word>(list: &[W], kind: Kind, encoder: &mut Encoder, out: &mut Vec<u8>) {
    nested(out, |out| ints::encode(list, kind, encoder, out));
}

/// Reads a list of so many that [`put`] wrote.
pub(super) fn take<W: Word>(
    input: &mut Input<'_>,
    count: usize,
    decoder: &mut Decoder,
    list: &mut Vec<W>,
) -> Result<(), Damaged> {
    ints::decode_input(input.nested()?, count, decoder, list)
}

//! What goes wrong between a program and a store: lost, doubled, late and impossible spans.
//!
//! Damage draws from a stream of its own, so that the spans it leaves alone are the same with
//! and without it.

use spandrel_model::{SpanId, TraceId};

use crate::draft::Draft;
use crate::random::SplitMix;

/// A nanosecond count at which the year 2100 has begun.
const YEAR_2100_NS: u64 = 4_102_444_800_000_000_000;

const DAY_NS: u64 = 86_400_000_000_000;

/// How late a late span is at least; at most it is ten times that.
const LATE_NS: u64 = 60_000_000_000;

/// How long a sender waits for an answer before it sends a span again.
const REPEAT_AFTER_NS: u64 = 3_000_000_000;

/// How often what goes wrong, in millionths. Every rate can be zero.
///
/// Rates of spans: of one span, at most one thing of these goes wrong. Rates of traces are drawn
/// one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Spans that are sent twice. The second one stands at the end of the trace.
    pub duplicates_ppm: u32,
    /// Spans that never arrive; their children stay without a parent.
    pub lost_ppm: u32,
    /// Spans whose parent is a span that never was.
    pub orphans_ppm: u32,
    /// Spans whose service did not say its name.
    pub nameless_ppm: u32,
    /// Spans of no length.
    pub zero_durations_ppm: u32,
    /// Spans that have a start and no end. It stands for negative durations too, which senders
    /// make and the model can't say.
    pub no_durations_ppm: u32,
    /// Spans from another time: a day ahead, the year 2100, the last nanosecond that 64 bits can
    /// say (2554), 1970, or none at all.
    pub outlier_times_ppm: u32,
    /// Spans that are their own parent.
    pub self_parents_ppm: u32,
    /// Spans whose parent is their own child.
    pub cycles_ppm: u32,
    /// Spans with the id of another span of the same trace.
    pub reused_span_ids_ppm: u32,
    /// Spans that are sent one to ten minutes late.
    pub late_ppm: u32,
    /// Traces that have the id of the trace before them.
    pub reused_trace_ids_ppm: u32,
    /// Traces with ids of 64 bits.
    pub short_ids_ppm: u32,
    /// Traces in which every third emitter cuts the id to 64 bits.
    pub mixed_ids_ppm: u32,
}

impl Damage {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        duplicates_ppm: 0,
        lost_ppm: 0,
        orphans_ppm: 0,
        nameless_ppm: 0,
        zero_durations_ppm: 0,
        no_durations_ppm: 0,
        outlier_times_ppm: 0,
        self_parents_ppm: 0,
        cycles_ppm: 0,
        reused_span_ids_ppm: 0,
        late_ppm: 0,
        reused_trace_ids_ppm: 0,
        short_ids_ppm: 0,
        mixed_ids_ppm: 0,
    };
}

/// A little of everything: as much as a large installation sees.
impl Default for Damage {
    fn default() -> Self {
        Self {
            duplicates_ppm: 1_000,
            lost_ppm: 1_000,
            orphans_ppm: 500,
            nameless_ppm: 200,
            zero_durations_ppm: 500,
            no_durations_ppm: 200,
            outlier_times_ppm: 100,
            self_parents_ppm: 50,
            cycles_ppm: 50,
            reused_span_ids_ppm: 50,
            late_ppm: 5_000,
            reused_trace_ids_ppm: 20,
            short_ids_ppm: 20_000,
            mixed_ids_ppm: 2_000,
        }
    }
}

/// What happens to one span.
#[derive(Clone, Copy)]
enum Mishap {
    Duplicate,
    Lost,
    Orphan,
    Nameless,
    ZeroDuration,
    NoDuration,
    OutlierTime,
    SelfParent,
    Cycle,
    ReusedSpanId,
    Late,
}

impl Damage {
    /// Which trace's id trace `index` has: nearly always its own.
    pub(crate) fn id_index(&self, seed: u64, index: u64) -> u64 {
        const PURPOSE: u64 = 0xda_01;
        let is_reused = SplitMix::keyed(seed, PURPOSE, index).chance(self.reused_trace_ids_ppm);
        if is_reused { index.saturating_sub(1) } else { index }
    }

    /// Damages trace `index`. The resources without names are numbered behind the
    /// `emitter_count` with names.
    pub(crate) fn apply(
        &self,
        (seed, index): (u64, u64),
        emitter_count: u32,
        trace: &mut Vec<Draft>,
    ) {
        const PURPOSE: u64 = 0xda_02;
        if *self == Self::NONE {
            return;
        }
        let mut stream = SplitMix::keyed(seed, PURPOSE, index);
        let (is_short, is_mixed) =
            (stream.chance(self.short_ids_ppm), stream.chance(self.mixed_ids_ppm));
        for draft in trace.iter_mut() {
            if is_short || (is_mixed && draft.emitter % 3 == 0) {
                draft.trace_id = shortened(draft.trace_id);
            }
        }
        let mut lost = Vec::new();
        for at in 0..trace.len() {
            match self.draw(&mut stream) {
                None => {}
                Some(Mishap::Lost) => lost.push(at),
                Some(Mishap::Nameless) => trace[at].emitter += emitter_count,
                Some(mishap) => strike(mishap, at, &mut stream, trace),
            }
        }
        if !lost.is_empty() {
            let mut at = 0..;
            trace.retain(|_| at.next().is_none_or(|at| lost.binary_search(&at).is_err()));
        }
    }

    fn draw(&self, stream: &mut SplitMix) -> Option<Mishap> {
        let mut point = stream.below(1_000_000) as u32;
        for (rate, mishap) in [
            (self.late_ppm, Mishap::Late),
            (self.duplicates_ppm, Mishap::Duplicate),
            (self.lost_ppm, Mishap::Lost),
            (self.orphans_ppm, Mishap::Orphan),
            (self.nameless_ppm, Mishap::Nameless),
            (self.zero_durations_ppm, Mishap::ZeroDuration),
            (self.no_durations_ppm, Mishap::NoDuration),
            (self.outlier_times_ppm, Mishap::OutlierTime),
            (self.self_parents_ppm, Mishap::SelfParent),
            (self.cycles_ppm, Mishap::Cycle),
            (self.reused_span_ids_ppm, Mishap::ReusedSpanId),
        ] {
            if point < rate {
                return Some(mishap);
            }
            point -= rate;
        }
        None
    }
}

fn strike(mishap: Mishap, at: usize, stream: &mut SplitMix, trace: &mut Vec<Draft>) {
    let other_id = trace[stream.index(trace.len())].span_id;
    let span_id = trace[at].span_id;
    let child = || trace.iter().find(|draft| draft.parent_id == Some(span_id));
    match mishap {
        Mishap::Duplicate => {
            let mut again = trace[at].clone();
            again.sent_ns += REPEAT_AFTER_NS;
            trace.push(again);
        }
        Mishap::Orphan => trace[at].parent_id = SpanId::new(stream.id()),
        Mishap::ZeroDuration => trace[at].duration_ns = Some(0),
        Mishap::NoDuration => trace[at].duration_ns = None,
        Mishap::OutlierTime => move_in_time(&mut trace[at], stream),
        Mishap::SelfParent => trace[at].parent_id = Some(span_id),
        Mishap::Cycle => {
            // Without a child it is its own parent, the shortest cycle of all.
            trace[at].parent_id = Some(child().map_or(span_id, |child| child.span_id));
        }
        Mishap::ReusedSpanId => trace[at].span_id = other_id,
        Mishap::Late => trace[at].sent_ns += LATE_NS + stream.below(9 * LATE_NS),
        // What these need is not here; `apply` does them.
        Mishap::Lost | Mishap::Nameless => {}
    }
}

fn move_in_time(draft: &mut Draft, stream: &mut SplitMix) {
    let duration_ns = draft.duration_ns.unwrap_or(0);
    let start_ns = match stream.below(5) {
        0 => draft.start_ns.map(|start_ns| start_ns + DAY_NS),
        1 => Some(YEAR_2100_NS + stream.below(DAY_NS)),
        2 => Some(u64::MAX - duration_ns),
        3 => Some(1 + stream.below(1_000_000_000)),
        _ => None,
    };
    draft.duration_ns = start_ns.and(draft.duration_ns);
    draft.start_ns = start_ns;
}

fn shortened(id: TraceId) -> TraceId {
    // A low half of zero would be no id.
    TraceId::from_halves(0, id.low()).unwrap_or(id)
}

//! What the store counts of settled traces is what is true of the traces as they are, whatever
//! came late or twice, and was flushed, merged, deleted or replayed in between.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use spandrel_model::trace::Trace;
use spandrel_model::{Endpoint, Resource, Span, SpanId, SpanKind, TraceId};
use spandrel_storage::{
    Account, Batch, Class, CompactionPolicy, Engine, Job, JobDone, Options, Origin, RecordDecoder,
    Retention, Rollup, StoreLen, Tenant, TraceRow, minute_of,
};
use testkit::SimDisk;

use crate::calls::{counted_calls, expected_calls, text};

/// How many traces the spans share.
const TRACE_COUNT: u64 = 4;

const MINUTE_NS: u64 = 60_000_000_000;

/// Spans as numbers: each is one, which says all of it.
struct Coded;

impl RecordDecoder for Coded {
    fn decode(
        &self,
        _: &Origin,
        body: &[u8],
        sink: &mut dyn FnMut(&Span<'_>),
    ) -> Result<(), String> {
        let (codes, _) = body.as_chunks::<8>();
        codes.iter().for_each(|code| sink(&span_of(u64::from_le_bytes(*code))));
        Ok(())
    }
}

/// A small world: few ids, so that spans meet as parents, halves, pieces and repetitions.
fn span_of(code: u64) -> Span<'static> {
    let mut rest = code;
    let mut take = |count: u64| {
        let taken = rest % count;
        rest /= count;
        taken
    };
    let low = 1 + take(TRACE_COUNT);
    let mut span =
        Span::new(TraceId::from_halves(0, low).unwrap(), SpanId::new(1 + take(6)).unwrap());
    span.parent_id = SpanId::new(take(8));
    let kinds = [
        None,
        Some(SpanKind::Client),
        Some(SpanKind::Server),
        Some(SpanKind::Producer),
        Some(SpanKind::Consumer),
        Some(SpanKind::Internal),
    ];
    span.kind = kinds[take(6) as usize];
    span.start_ns =
        [None, Some(1), Some(5), Some(MINUTE_NS), Some(9 * MINUTE_NS)][take(5) as usize];
    span.duration_ns = [None, Some(3), Some(70)][take(3) as usize];
    span.resource = Resource::of_service(["", "a", "B", "b"][take(4) as usize]);
    let remote = ["", "a", "c"][take(3) as usize];
    span.remote = (!remote.is_empty())
        .then(|| Endpoint { service_name: Some(Cow::Borrowed(remote)), ..Endpoint::default() });
    span.name = Cow::Borrowed(["", "get"][take(2) as usize]);
    span.is_shared = take(4) == 0;
    if take(4) == 0 {
        span.status.code = spandrel_model::StatusCode::Error;
    }
    span
}

/// How long segments are kept in the test in which they expire.
const AGE_MAX_NS: u64 = 1_000_000_000_000;

fn options(fan_in: usize, age_max_ns: Option<u64>) -> Options {
    let account = |name| Account::new(name, 64 << 20);
    Options {
        file_len_max: 4_500,
        group_len_max: 400,
        compaction: CompactionPolicy { fan_in, ..CompactionPolicy::default() },
        retention: Retention {
            age_max_ns,
            len_max: StoreLen::Bytes(1 << 30),
            ..Retention::default()
        },
        group_row_count_max: 7,
        ..Options::new(account("head"), account("queue"), account("segments"))
    }
}

struct World {
    disk: SimDisk,
    fan_in: usize,
    engine: Engine<()>,
    now_ns: u64,
    merges: u64,
}

impl World {
    fn new(fan_in: usize, age_max_ns: Option<u64>) -> Self {
        let disk = SimDisk::new(1);
        let engine = open(&disk, options(fan_in, age_max_ns));
        Self { disk, fan_in, engine, now_ns: 1, merges: 0 }
    }

    fn append(&mut self, codes: &[u64]) {
        let spans = codes.iter().map(|code| span_of(*code)).collect();
        let body: Vec<u8> = codes.iter().flat_map(|code| code.to_le_bytes()).collect();
        let template = testkit::seeded_batch(&Tenant::default(), &[]);
        let request = Batch { body: body.into(), spans, ..template };
        let request = self.engine.charge(request).unwrap();
        self.engine.append(request, ());
        self.engine.commit(self.now_ns, &mut |(), outcome| outcome.unwrap());
    }

    fn delete(&mut self, low: u64) {
        self.engine.delete_trace(&Tenant::default(), low).unwrap();
    }

    /// Does all that is to be done. A flush and a merge that are under way at once are run and
    /// finished in either order. A trace may be deleted while the first of them are under way.
    fn work(&mut self, order: u8, mut deleted_meanwhile: Option<u64>) {
        self.engine.want_flush();
        loop {
            self.now_ns += 10_000_000_000;
            let mut jobs: Vec<Job> = Vec::new();
            while let Some(job) = self.engine.next_job(self.now_ns) {
                jobs.push(job);
            }
            if let Some(low) = deleted_meanwhile.take() {
                self.delete(low);
                // What the deletion makes worth doing may begin before the others end.
                jobs.extend(self.engine.next_job(self.now_ns));
            }
            if jobs.is_empty() {
                break;
            }
            if order & 1 != 0 {
                jobs.reverse();
            }
            let mut done: Vec<JobDone> = jobs.into_iter().map(Job::run).collect();
            if order & 2 != 0 {
                done.reverse();
            }
            done.into_iter().for_each(|done| self.engine.finish_job(done, self.now_ns));
        }
        self.merges = self.merges.max(self.engine.stats().compactions);
    }

    fn restart(self) -> Self {
        let Self { disk, fan_in, engine, now_ns, merges } = self;
        engine.close(now_ns, &mut |(), _| {}).unwrap();
        let engine = open(&disk, options(fan_in, None));
        Self { disk, fan_in, engine, now_ns, merges }
    }
}

fn open(disk: &SimDisk, options: Options) -> Engine<()> {
    Engine::open(options, 7, Arc::new(disk.clone()), &Coded, &mut |_| {}).unwrap()
}

/// The stored spans of all traces, by trace.
fn stored(store: &Engine<()>) -> Vec<Vec<Span<'static>>> {
    let trace = |low| store.trace(&Tenant::default(), low).unwrap();
    let spans = (1..=TRACE_COUNT).map(trace);
    spans.map(|spans| spans.iter().map(|span| (**span).clone()).collect()).collect()
}

type Spans = BTreeMap<(String, String, Class, u32), (i64, i64)>;

fn counted_spans(rollup: &Rollup) -> Spans {
    let key = |row: &spandrel_storage::SpanRow<'_>| {
        (text(row.service), text(row.operation), row.class, row.minute)
    };
    rollup.spans().map(|row| (key(&row), (row.count, row.durations.count()))).collect()
}

fn expected_spans(traces: &[Vec<Span<'static>>]) -> Spans {
    let mut counts = Spans::new();
    for span in traces.iter().flatten() {
        let class = Class::new(span.kind, span.status.code, span.is_error());
        let service = span.service_name().unwrap_or_default().to_owned();
        let key = (service, span.name.to_string(), class, minute_of(span.start_ns));
        let counts = counts.entry(key).or_default();
        counts.0 += 1;
        counts.1 += i64::from(span.duration_ns.is_some());
    }
    counts
}

fn check(store: &Engine<()>) {
    let traces = stored(store);
    let rollup = store.rollup(&Tenant::default(), ..).unwrap();
    assert_eq!(counted_spans(&rollup), expected_spans(&traces));
    assert_eq!(counted_calls(&rollup), expected_calls(&traces));
    let least = rollup.calls().map(|row| row.count).min();
    assert!(least >= Some(0) || least.is_none(), "a minute counts less than nothing: {least:?}");
    // The minutes apart are the whole.
    let mut minutes = store.rollup(&Tenant::default(), ..MINUTE_NS).unwrap();
    for minute in 1..10 {
        let window = minute * MINUTE_NS..(minute + 1) * MINUTE_NS;
        minutes.merge(&store.rollup(&Tenant::default(), window).unwrap());
    }
    assert_eq!(counted_spans(&minutes), counted_spans(&rollup));
    assert_eq!(counted_calls(&minutes), counted_calls(&rollup));
    check_rows(store, &traces);
    let stats = store.stats();
    assert_eq!((stats.job_trouble, stats.quarantined_segments.len()), (None, 0));
}

/// What is told of each trace is what its spans tell.
fn check_rows(store: &Engine<()>, traces: &[Vec<Span<'static>>]) {
    let lows: Vec<u64> = (1..=TRACE_COUNT).collect();
    let found = store.trace_rows(&Tenant::default(), &lows).unwrap();
    let due = traces.iter().filter_map(|spans| Some((spans, Trace::assemble(spans.clone())?)));
    let due: Vec<_> = due.collect();
    assert_eq!(found.len(), due.len());
    for (row, (received, trace)) in found.iter().zip(&due) {
        assert_eq!(row.trace_id_low, trace.trace_id().low());
        check_extent(row, received);
        let spans = trace.spans();
        let ids: BTreeSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
        assert_eq!(row.span_count as usize, ids.len());
        let failed = spans.iter().filter(|span| span.is_error()).map(|span| span.span_id);
        assert_eq!(row.error_count as usize, failed.collect::<BTreeSet<_>>().len());
        let shares: u32 = row.critical_path.iter().map(|(_, share)| u32::from(*share)).sum();
        assert!(shares <= 258, "{row:?}");
        assert_eq!(row.root_duration_ns.is_some(), shares > 0, "{row:?}");
    }
}

/// The times and services of a trace are those of its spans as they were received.
fn check_extent(row: &TraceRow, received: &[Span<'static>]) {
    let starts = || received.iter().filter_map(|span| span.start_ns);
    let end = |span: &Span<'_>| Some(span.start_ns? + span.duration_ns.unwrap_or(0));
    assert_eq!(row.start_ns, starts().min());
    assert_eq!(row.latest_start_ns, starts().max());
    assert_eq!(row.end_ns, received.iter().filter_map(end).max());
    let services: BTreeSet<&str> = received.iter().filter_map(Span::service_name).collect();
    assert!(row.services.iter().map(String::as_str).eq(services), "{row:?}");
}

/// What happens to a store, and in which order its jobs run.
#[derive(Clone, Debug)]
enum Step {
    /// Spans come.
    Spans(Vec<u64>),
    /// Spans come that came before.
    Again(usize),
    Restart,
    Delete(u64),
    /// Spans come, and while they are flushed a trace is deleted.
    DeleteMeanwhile(Vec<u64>, u64),
}

fn steps() -> impl Strategy<Value = Vec<(Step, u8)>> {
    let spans = || proptest::collection::vec(any::<u64>(), 1..12);
    let step = prop_oneof![
        8 => spans().prop_map(Step::Spans),
        2 => any::<usize>().prop_map(Step::Again),
        1 => Just(Step::Restart),
        1 => (1..=TRACE_COUNT).prop_map(Step::Delete),
        1 => (spans(), 1..=TRACE_COUNT).prop_map(|(codes, low)| Step::DeleteMeanwhile(codes, low)),
    ];
    proptest::collection::vec((step, 0..4_u8), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn counts_are_those_of_the_traces_as_they_are(steps in steps(), fan_in in 2..4_usize) {
        let mut world = World::new(fan_in, None);
        let mut sent: Vec<Vec<u64>> = Vec::new();
        for (step, order) in steps {
            let mut deleted_meanwhile = None;
            match step {
                Step::Spans(codes) => {
                    world.append(&codes);
                    sent.push(codes);
                }
                Step::Again(place) if !sent.is_empty() => {
                    world.append(&sent[place % sent.len()]);
                }
                Step::Again(_) => {}
                Step::Restart => world = world.restart(),
                Step::Delete(low) => world.delete(low),
                Step::DeleteMeanwhile(codes, low) => {
                    world.append(&codes);
                    sent.push(codes);
                    deleted_meanwhile = Some(low);
                }
            }
            world.work(order, deleted_meanwhile);
            // What is deleted counts until its space is given back.
            if world.engine.stats().tombstones == 0 {
                check(&world.engine);
            }
        }
    }
}

/// How many spans of each trace are kept.
fn kept_counts(store: &Engine<()>) -> Vec<usize> {
    stored(store).iter().map(Vec::len).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_expires_takes_its_counts_with_it(
        batches in proptest::collection::vec(
            (proptest::collection::vec(any::<u64>(), 1..12), 0..4_u8, 0..AGE_MAX_NS / 2),
            1..12,
        ),
        fan_in in 2..4_usize,
    ) {
        let mut world = World::new(fan_in, Some(AGE_MAX_NS));
        let mut due = vec![0; TRACE_COUNT as usize];
        for (codes, order, pause_ns) in batches {
            world.append(&codes);
            for code in &codes {
                due[span_of(*code).trace_id.low() as usize - 1] += 1;
            }
            world.work(order, None);
            world.now_ns += pause_ns;
            world.work(order, None);
            let (traces, kept) = (stored(&world.engine), kept_counts(&world.engine));
            let rollup = world.engine.rollup(&Tenant::default(), ..).unwrap();
            prop_assert_eq!(counted_spans(&rollup), expected_spans(&traces));
            // A trace that is gone may come again. One that lost a part is counted as that
            // part's loss left it.
            due.iter_mut().zip(&kept).filter(|(_, kept)| **kept == 0).for_each(|(due, _)| *due = 0);
            if due == kept {
                prop_assert_eq!(counted_calls(&rollup), expected_calls(&traces));
            }
        }
        world.now_ns += 2 * AGE_MAX_NS;
        world.work(0, None);
        prop_assert!(world.engine.rollup(&Tenant::default(), ..).unwrap().is_empty());
    }
}

#[test]
fn merges_deletions_and_late_spans_do_happen_in_these_tests() {
    let mut world = World::new(2, None);
    for round in 0..30_u64 {
        let codes: Vec<u64> =
            (0..9).map(|at| (round * 9 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        world.append(&codes);
        if round == 3 {
            world.delete(2);
        }
        world.work((round % 4) as u8, None);
    }
    let stats = world.engine.stats();
    assert!(stats.compactions > 10 && stats.folded_spans == 0, "{stats:?}");
    assert_eq!(stats.tombstones, 0, "{stats:?}");
    assert_eq!(stats.unsettled_traces, 0, "{stats:?}");
    check(&world.engine);
}

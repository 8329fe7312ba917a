//! The head against a plain list, and under readers while rows leave it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use spandrel_model::{Span, SpanId, TraceId};

use super::*;
use crate::columns::SpanReader;
use crate::store::NameRequest;

const SECOND_NS: u64 = 1_000_000_000;

fn empty(seed: u64) -> Head {
    Head::new(Account::new("head", 1 << 30), seed)
}

/// A span of one of a few traces that nothing else is like.
fn span(seed: u64, trace_count: u64) -> Span<'static> {
    let mut span = testkit::seeded_span(seed);
    span.trace_id = TraceId::from_halves(seed % 2, 1 + seed % trace_count).unwrap();
    span.span_id = SpanId::new(seed + 1).unwrap();
    span
}

fn insert(head: &Head, spans: &[Span<'static>], request: Request) {
    let batch: SpanBatch = spans.iter().cloned().collect();
    let charge = head.account.reserve(batch.byte_len()).unwrap();
    head.insert(&Tenant::default(), &batch, request, charge);
}

fn request(number: u64, arrival_ns: u64) -> Request {
    Request { arrival_ns, log_file_id: 1 + number / 10, log_offset: number % 10 }
}

/// The spans of a plan, in its order; checks that order on the way.
fn planned(plan: &FlushPlan) -> Vec<Span<'static>> {
    let readers: Vec<_> = plan.chunks().map(|chunk| SpanReader::new(chunk)).collect();
    let mut spans = Vec::new();
    let mut last = None;
    for trace in plan.traces() {
        let from = spans.len();
        for (chunk, rows) in trace.parts() {
            let span = |row: &u32| readers[chunk].span(*row as usize).unwrap().into_owned();
            spans.extend(rows.iter().map(span));
        }
        assert!(spans[from..].iter().all(|span| span.trace_id.low() == trace.trace_id_low()));
        let start_ns = spans[from..].iter().filter_map(|span| span.start_ns).min();
        let place = (start_ns, trace.trace_id_low());
        assert!(last.is_none_or(|last| last < place), "{last:?} before {place:?}");
        last = Some(place);
    }
    assert_eq!(spans.len(), plan.span_count());
    spans
}

#[derive(Clone, Debug)]
enum Step {
    Insert { span_count: u64, wait_ns: u64 },
    Plan { is_forced: bool },
    Finish,
    Abandon,
    Remove { trace: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..40_u64, 0..8 * SECOND_NS)
            .prop_map(|(span_count, wait_ns)| Step::Insert { span_count, wait_ns }),
        2 => any::<bool>().prop_map(|is_forced| Step::Plan { is_forced }),
        2 => Just(Step::Finish),
        1 => Just(Step::Abandon),
        1 => (1..=TRACE_COUNT).prop_map(|trace| Step::Remove { trace }),
    ];
    proptest::collection::vec(step, 1..60)
}

const TRACE_COUNT: u64 = 12;

/// What the head must hold: each trace's spans in the order of arrival, each with its request.
#[derive(Default)]
struct Oracle {
    held: BTreeMap<u64, Vec<(Span<'static>, Request)>>,
    /// The spans of the plan that is open, and the traces that were removed since.
    leaving: Vec<Span<'static>>,
    flushed: BTreeMap<SpanId, Span<'static>>,
    now_ns: u64,
    request_count: u64,
    span_count: u64,
}

impl Oracle {
    fn insert(&mut self, head: &Head, span_count: u64) {
        self.request_count += 1;
        let request = request(self.request_count, self.now_ns);
        let spans: Vec<_> =
            (0..span_count).map(|at| span(self.span_count + at, TRACE_COUNT)).collect();
        self.span_count += span_count;
        insert(head, &spans, request);
        for span in spans {
            self.held.entry(span.trace_id.low()).or_default().push((span, request));
        }
    }

    /// The traces that may go, by their spans alone.
    fn settled(&self, policy: FlushPolicy) -> BTreeSet<SpanId> {
        let may_go = |spans: &&Vec<(Span<'static>, Request)>| {
            let since = |arrival_ns: u64| self.now_ns - arrival_ns;
            let first = spans.iter().map(|(_, request)| request.arrival_ns).min().unwrap();
            let last = spans.iter().map(|(_, request)| request.arrival_ns).max().unwrap();
            policy.is_forced
                || since(last) >= policy.settle_ns
                || since(first) >= policy.straggler_ns
        };
        let going = self.held.values().filter(may_go).flatten();
        going.map(|(span, _)| span.span_id).collect()
    }

    fn finish(&mut self) {
        let leaving: BTreeSet<SpanId> = self.leaving.iter().map(|span| span.span_id).collect();
        self.held.values_mut().for_each(|spans| {
            spans.retain(|(span, _)| !leaving.contains(&span.span_id));
        });
        self.held.retain(|_, spans| !spans.is_empty());
        for span in self.leaving.drain(..) {
            let twice = self.flushed.insert(span.span_id, span);
            assert!(twice.is_none(), "{twice:?} left twice");
        }
    }

    fn check(&self, head: &Head) {
        let tenant = Tenant::default();
        for low in 0..=TRACE_COUNT {
            let rows = head.view(&tenant, |head| head.map(|head| head.trace_rows(low)));
            let found = rows.map_or_else(Vec::new, TraceRows::into_spans);
            let held = self.held.get(&low).map_or(&[][..], Vec::as_slice);
            assert!(found.iter().map(|span| &**span).eq(held.iter().map(|(span, _)| span)));
            let latest = held.iter().filter_map(|(span, _)| span.start_ns).max();
            let told = head.view(&tenant, |head| head.and_then(|head| head.latest_start_ns(low)));
            assert_eq!(told, latest);
        }
        let held = || self.held.values().flatten();
        assert_eq!(head.span_count(), held().count() as u64);
        assert_eq!(head.trace_count(), self.held.len() as u64);
        let oldest = held().map(|(_, request)| (request.log_file_id, request.log_offset)).min();
        let told = head.oldest_log_position().map(|place| (place.file_id, place.offset));
        assert!(oldest.is_none_or(|oldest| told.is_some_and(|told| told <= oldest)));
        self.check_names(head);
    }

    /// The names of what is held are listed, and none that no span had.
    fn check_names(&self, head: &Head) {
        let listed = head.view(&Tenant::default(), |head| {
            head.map_or_else(Vec::new, |head| head.names(&NameRequest::Services))
        });
        let of = |span: &Span<'_>| span.service_name().map(str::to_owned);
        let held: BTreeSet<String> =
            self.held.values().flatten().filter_map(|(span, _)| of(span)).collect();
        assert!(held.iter().all(|name| listed.contains(name)), "{held:?} {listed:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..Default::default() })]

    #[test]
    fn a_span_is_in_the_head_or_in_a_flush_that_was_finished(steps in steps()) {
        let (head, mut oracle, tenant) = (empty(7), Oracle::default(), Tenant::default());
        oracle.now_ns = 1_000 * SECOND_NS;
        let mut open: Option<FlushPlan> = None;
        for step in steps {
            match step {
                Step::Insert { span_count, wait_ns } => {
                    oracle.now_ns += wait_ns;
                    oracle.insert(&head, span_count);
                }
                Step::Plan { is_forced } => {
                    let policy = FlushPolicy { is_forced, straggler_ns: 20 * SECOND_NS, ..Default::default() };
                    let plan = head.plan_flush(&tenant, oracle.now_ns, policy);
                    if open.is_some() {
                        assert!(plan.is_none(), "one flush at a time");
                        continue;
                    }
                    let settled = oracle.settled(policy);
                    assert_eq!(plan.is_some(), !settled.is_empty());
                    oracle.leaving = plan.as_ref().map_or_else(Vec::new, planned);
                    assert!(oracle.leaving.iter().map(|span| span.span_id).collect::<BTreeSet<_>>() == settled);
                    open = plan;
                }
                Step::Finish => if let Some(plan) = open.take() {
                    head.finish_flush(plan, || {});
                    oracle.finish();
                },
                Step::Abandon => if let Some(plan) = open.take() {
                    head.abandon_flush(plan);
                    oracle.leaving.clear();
                },
                Step::Remove { trace } => {
                    let removed = head.remove_trace(&tenant, trace);
                    let held = oracle.held.remove(&trace).map_or(0, |spans| spans.len() as u64);
                    assert_eq!(removed, held);
                }
            }
            oracle.check(&head);
        }
    }
}

#[test]
fn rows_in_many_chunks_leave_and_stay_whole() {
    let (head, mut oracle, tenant) = (empty(7), Oracle::default(), Tenant::default());
    oracle.now_ns = 1_000 * SECOND_NS;
    // Three traces in four settle; the others go on, over more than one chunk.
    for round in 0..50 {
        oracle.insert(&head, 1_000);
        oracle.now_ns += if round == 40 { 10 * SECOND_NS } else { 0 };
    }
    let settle_ns = 5 * SECOND_NS;
    let quiet = (0..500).map(|seed| span(1_000_000 + seed, 400));
    let quiet: Vec<_> = quiet.filter(|span| span.trace_id.low() > TRACE_COUNT).collect();
    insert(&head, &quiet, request(1, oracle.now_ns - settle_ns));
    let policy = FlushPolicy { settle_ns, ..Default::default() };
    let plan = head.plan_flush(&tenant, oracle.now_ns, policy).unwrap();
    assert_eq!(planned(&plan).len(), quiet.len());
    oracle.insert(&head, 1_000);
    head.finish_flush(plan, || {});
    oracle.check(&head);
    let chunk_count = head.view(&tenant, |head| head.unwrap().sealed().len());
    assert!(chunk_count >= 3, "{chunk_count}");
}

#[test]
fn a_head_that_everything_left_takes_no_memory_for_rows_and_needs_no_log() {
    let (head, tenant) = (empty(7), Tenant::default());
    let spans: Vec<_> = (0..20_000).map(|seed| span(seed, 5_000)).collect();
    insert(&head, &spans, request(1, 5));
    let full = head.account.used();
    assert_eq!(head.oldest_log_position(), Some(LogPosition { file_id: 1, offset: 1 }));
    let policy = FlushPolicy { is_forced: true, ..Default::default() };
    let plan = head.plan_flush(&tenant, 6, policy).unwrap();
    assert_eq!(plan.newest_log_position(), head.oldest_log_position());
    assert_eq!(plan.arrival_ns(), Some((5, 5)));
    head.finish_flush(plan, || {});
    assert!(head.account.used() * 10 < full, "{} of {full} bytes", head.account.used());
    assert_eq!((head.span_count(), head.trace_count()), (0, 0));
    assert_eq!(head.oldest_log_position(), None);
    assert_eq!(
        head.view(&tenant, |head| head
            .map_or_else(Vec::new, |head| head.names(&NameRequest::Services))),
        Vec::<String>::new()
    );
    assert!(head.plan_flush(&tenant, 7, policy).is_none());
}

#[test]
fn the_last_trace_to_be_removed_frees_the_rows() {
    let (head, tenant) = (empty(7), Tenant::default());
    insert(&head, &[span(1, 2), span(2, 2)], request(1, 5));
    assert_eq!(head.remove_trace(&tenant, 1), 1);
    assert!(head.oldest_log_position().is_some());
    assert_eq!(head.remove_trace(&tenant, 2), 1);
    assert_eq!((head.remove_trace(&tenant, 2), head.oldest_log_position()), (0, None));
}

#[test]
fn the_seed_changes_neither_chunks_nor_plans() {
    let made = |seed| {
        let (head, tenant) = (empty(seed), Tenant::default());
        let spans: Vec<_> = (0..20_000).map(|seed| span(seed, 900)).collect();
        for (number, spans) in spans.chunks(64).enumerate() {
            insert(&head, spans, request(number as u64, number as u64 * SECOND_NS));
        }
        let policy = FlushPolicy { straggler_ns: u64::MAX, ..Default::default() };
        let plan = head.plan_flush(&tenant, 313 * SECOND_NS, policy).unwrap();
        let spans = planned(&plan);
        assert!(spans.len() > 1_000 && spans.len() < 19_000, "{}", spans.len());
        head.finish_flush(plan, || {});
        let chunks = head.view(&tenant, |head| {
            let chunks = head.unwrap().sealed().iter().map(|sealed| &sealed.chunk);
            chunks.map(|chunk| format!("{chunk:?}")).collect::<Vec<_>>()
        });
        (spans, chunks, head.account.used())
    };
    assert_eq!(made(1), made(2));
}

#[test]
fn no_reader_sees_a_span_twice_or_not_at_all_while_rows_leave() {
    const READ_TRACE_COUNT: u64 = 64;
    let (head, tenant) = (empty(7), Tenant::default());
    let flushed: Mutex<Arc<Vec<Span<'static>>>> = Mutex::default();
    // How many spans each trace has at least, for readers that begin now.
    let least = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let read_once = |low: u64| {
        let least = least.load(Ordering::Acquire);
        let (rows, segments) = head.view(&tenant, |head| {
            let rows = head.map(|head| head.trace_rows(low)).unwrap_or_default();
            (rows, Arc::clone(&flushed.lock().unwrap()))
        });
        let place = |span: &Span<'_>| (span.span_id.get() - low) / READ_TRACE_COUNT;
        let mut places: Vec<u64> = rows.into_spans().iter().map(|span| place(span)).collect();
        assert!(places.is_sorted(), "{low}: {places:?} in the order of arrival");
        places.extend(segments.iter().filter(|span| span.trace_id.low() == low).map(place));
        places.sort_unstable();
        let is_each_once = places.iter().copied().eq(0..places.len() as u64);
        assert!(is_each_once && places.len() as u64 >= least, "{low}: {places:?} of {least}");
    };
    let mut counts = [0; READ_TRACE_COUNT as usize];
    let mut insert_one_each = |traces: &mut dyn Iterator<Item = u64>, arrival_ns: u64| {
        let spans = traces.map(|low| {
            let place = &mut counts[low as usize - 1];
            *place += 1;
            span((*place - 1) * READ_TRACE_COUNT + low - 1, READ_TRACE_COUNT)
        });
        insert(&head, &spans.collect::<Vec<_>>(), request(1, arrival_ns));
    };
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (read_once, is_over) = (&read_once, &is_over);
            scope.spawn(move || {
                let lows = (1..=READ_TRACE_COUNT).cycle().skip(reader * 32);
                lows.take_while(|_| !is_over.load(Ordering::Relaxed)).for_each(read_once);
            });
        }
        let policy = FlushPolicy { settle_ns: SECOND_NS, ..Default::default() };
        for round in 1..60 {
            let now_ns = round * SECOND_NS;
            // Half of the traces goes on and stays; the other half has been quiet and leaves.
            insert_one_each(&mut (1..=READ_TRACE_COUNT).filter(|low| low % 2 == round % 2), now_ns);
            let plan = head.plan_flush(&tenant, now_ns, policy);
            insert_one_each(&mut (1..=READ_TRACE_COUNT), now_ns);
            least.store(round, Ordering::Release);
            let Some(plan) = plan else { continue };
            let spans = planned(&plan);
            head.finish_flush(plan, || {
                let mut flushed = flushed.lock().unwrap();
                *flushed = Arc::new(flushed.iter().cloned().chain(spans).collect());
            });
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(flushed.lock().unwrap().len() > 4_000);
}

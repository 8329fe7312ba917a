//! What every span store must do, against an oracle that keeps a plain list.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;

use proptest::prelude::*;
use spandrel_model::{Span, SpanKind};
use spandrel_storage::{
    Batch, EmbeddedStore, NameRequest, Predicate, ScanRequest, SpanFilter, SpanStore, Tenant,
    TextTest, attribute_prints_as,
};
use testkit::{SeedDecoder, SimDisk, seeded_batch, seeded_span};

use crate::ledger::{TRACE_ID_MAX, small_options};

/// The spans of each tenant, in the order they came.
#[derive(Default)]
struct Oracle(BTreeMap<Tenant, Vec<Span<'static>>>);

/// A trace as the oracle knows it: place in the order, id, spans.
type Trace = (Option<u64>, u64, Vec<Span<'static>>);

impl Oracle {
    fn spans(&self, tenant: &Tenant) -> &[Span<'static>] {
        self.0.get(tenant).map_or(&[], Vec::as_slice)
    }

    fn trace(&self, tenant: &Tenant, low: u64) -> Vec<Span<'static>> {
        self.spans(tenant).iter().filter(|span| span.trace_id.low() == low).cloned().collect()
    }

    fn scan(&self, tenant: &Tenant, request: &ScanRequest) -> Vec<Trace> {
        let is_inside = |span: &Span<'_>| match span.start_ns {
            None => request.start_min_ns.is_none(),
            Some(start) => {
                start >= request.start_min_ns.unwrap_or(0)
                    && start <= request.start_max_ns.unwrap_or(u64::MAX)
            }
        };
        let mut traces: Vec<Trace> = (1..=TRACE_ID_MAX)
            .map(|low| (low, self.trace(tenant, low)))
            .filter(|(_, spans)| spans.iter().any(is_inside))
            .filter(|(_, spans)| {
                request.filters.iter().all(|filter| spans.iter().any(|span| filter.matches(span)))
            })
            .map(|(low, spans)| (spans.iter().filter_map(|span| span.start_ns).max(), low, spans))
            .collect();
        traces.sort_by_key(|trace| Reverse((trace.0, trace.1)));
        traces
    }

    fn names(&self, tenant: &Tenant, wanted: &NameRequest) -> Vec<String> {
        let of = |span: &Span<'_>, service: &str| {
            span.service_name().is_some_and(|name| name.to_lowercase() == service)
        };
        let names: BTreeSet<String> = self
            .spans(tenant)
            .iter()
            .filter_map(|span| match wanted {
                NameRequest::Services => span.service_name().map(str::to_owned),
                NameRequest::SpanNames { service } => {
                    of(span, service).then(|| span.name.to_string())
                }
                NameRequest::RemoteServices { service } => {
                    span.remote_service_name().filter(|_| of(span, service)).map(str::to_owned)
                }
            })
            .collect();
        names.into_iter().filter(|name| !name.is_empty()).collect()
    }
}

fn append(store: &dyn SpanStore, batch: Batch) {
    let (told, outcome) = channel();
    store.append(batch, Box::new(move |result| told.send(result).unwrap()));
    outcome.recv().unwrap().unwrap();
}

fn scan(store: &dyn SpanStore, tenant: &Tenant, request: &ScanRequest) -> Vec<Trace> {
    let mut found = Vec::new();
    let visit = &mut |trace: spandrel_storage::FoundTrace| {
        let spans: Vec<Span<'static>> = trace.spans.iter().map(|span| (**span).clone()).collect();
        let start = spans.iter().filter_map(|span| span.start_ns).max();
        found.push((start, trace.trace_id_low, spans));
        ControlFlow::Continue(())
    };
    store.scan(tenant, request, visit).unwrap();
    found
}

fn check(store: &dyn SpanStore, oracle: &Oracle, tenant: &Tenant, requests: &[ScanRequest]) {
    for low in 0..=TRACE_ID_MAX {
        let found = store.trace(tenant, low).unwrap();
        let found: Vec<Span<'static>> = found.iter().map(|span| (**span).clone()).collect();
        assert_eq!(found, oracle.trace(tenant, low));
    }
    for request in requests {
        assert_eq!(scan(store, tenant, request), oracle.scan(tenant, request), "{request:?}");
    }
    let service = |name: &str| name.to_owned();
    for wanted in [
        NameRequest::Services,
        NameRequest::SpanNames { service: service("backend") },
        NameRequest::SpanNames { service: service("Backend") },
        NameRequest::RemoteServices { service: service("frontend") },
    ] {
        assert_eq!(store.names(tenant, &wanted).unwrap(), oracle.names(tenant, &wanted));
    }
}

fn predicates() -> impl Strategy<Value = Predicate> {
    prop_oneof![
        Just(Predicate::ServiceName(TextTest::EqualsFolded("backend".into()))),
        Just(Predicate::SpanName(TextTest::Equals("operation-1".into()))),
        Just(Predicate::EventName(TextTest::Equals("event-2".into()))),
        Just(Predicate::DurationNs { min: 100, max: 300 }),
        Just(Predicate::Kind(SpanKind::Server)),
        Just(attribute_prints_as("key-1", "value-2")),
    ]
}

fn requests() -> impl Strategy<Value = ScanRequest> {
    let time = || proptest::option::of(900_u64..2_100);
    let filter = proptest::collection::vec(predicates(), 0..3)
        .prop_map(|predicates| SpanFilter { predicates });
    (time(), time(), proptest::collection::vec(filter, 0..3)).prop_map(
        |(start_min_ns, start_max_ns, filters)| ScanRequest { start_min_ns, start_max_ns, filters },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..Default::default() })]

    #[test]
    fn the_embedded_store_answers_as_a_plain_list_before_and_after_a_start(
        batches in proptest::collection::vec((0..2_usize, 0..6_u64), 1..40),
        requests in proptest::collection::vec(requests(), 1..6),
        restart_at in 0..40_usize,
    ) {
        let tenants = [Tenant::default(), Tenant::new("other").unwrap()];
        let disk = Arc::new(SimDisk::new(1));
        let open = || {
            let options = small_options(16 << 10);
            EmbeddedStore::open(options, disk.clone(), SeedDecoder::shared()).unwrap()
        };
        let (mut store, mut oracle) = (open(), Oracle::default());
        for (index, (tenant, len)) in batches.iter().enumerate() {
            let seeds: Vec<u64> = (0..*len).map(|at| index as u64 * 8 + at).collect();
            let tenant = &tenants[*tenant];
            append(&store, seeded_batch(tenant, &seeds));
            let spans = seeds.iter().map(|seed| seeded_span(*seed));
            oracle.0.entry(tenant.clone()).or_default().extend(spans);
            if index == restart_at {
                drop(store);
                store = open();
            }
        }
        for tenant in &tenants {
            check(&store, &oracle, tenant, &requests);
        }
    }
}

#[test]
fn a_scan_stops_where_its_visitor_breaks() {
    let store = EmbeddedStore::open(
        small_options(16 << 10),
        Arc::new(SimDisk::new(1)),
        SeedDecoder::shared(),
    )
    .unwrap();
    append(&store, seeded_batch(&Tenant::default(), &(0..100).collect::<Vec<u64>>()));
    let mut visited = 0;
    let visit = &mut |_| {
        visited += 1;
        if visited == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.scan(&Tenant::default(), &ScanRequest::default(), visit).unwrap();
    assert_eq!(visited, 3);
}

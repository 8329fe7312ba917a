//! What it costs to find the facts of a trace, a span.
//!
//! Traces of 30 spans in the shape of a mesh: client and server spans in turn, some internal,
//! ids at random; with ids of their own, with ids that client and server share, and as 5 spans
//! and 1,000.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spandrel_model::trace::facts::{NO_CODE, Node, Settler, Tables};
use spandrel_model::{Address, SpanId, SpanKind};

const TRACES: u64 = 100;
const SERVICES: u32 = 50;
const OPERATIONS: u32 = 1_314;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn code(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap()
    }
}

/// A trace whose spans each hang under one that came before; a client calls one server.
fn trace(random: &mut Random, count: usize, is_shared: bool) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(count);
    // The nodes that more may hang under.
    let mut open: Vec<Node> = Vec::with_capacity(count);
    for _ in 0..count {
        let place = usize::try_from(random.below(open.len().max(1) as u64)).unwrap();
        let above = open.get(place).copied();
        let is_called = above.is_some_and(|above| above.kind == Some(SpanKind::Client));
        let start_ns = above.map_or(1 << 60, |above| above.start_ns.unwrap() + 1 + random.below(9));
        let duration_ns = above.map_or(1 << 30, |above| {
            let room = above.duration_ns.unwrap().saturating_sub(20).max(2);
            1 + random.below(room)
        });
        let has_clients_id = is_called && is_shared;
        let kind = match random.below(5) {
            _ if is_called || above.is_none() => SpanKind::Server,
            0 => SpanKind::Internal,
            _ => SpanKind::Client,
        };
        let fresh = SpanId::new(random.next() | 1).unwrap();
        let own = above.map_or(0, |above| above.service);
        let node = Node {
            span_id: above.filter(|_| has_clients_id).map_or(fresh, |above| above.span_id),
            parent_id: above.and_then(|above| {
                if has_clients_id { above.parent_id } else { Some(above.span_id) }
            }),
            start_ns: Some(start_ns),
            duration_ns: Some(duration_ns),
            local: Address::default(),
            service: if is_called { random.code(SERVICES) } else { own },
            remote_service: NO_CODE,
            operation: random.code(OPERATIONS),
            phases: NO_CODE,
            kind: Some(kind),
            is_error: random.below(200) == 0,
            is_shared: has_clients_id,
        };
        if is_called {
            open.swap_remove(place);
        }
        open.push(node);
        nodes.push(node);
    }
    // As they arrive: by emitter rather than by cause.
    nodes.sort_by_key(|node| (node.service, node.start_ns));
    nodes
}

fn settling(criterion: &mut Criterion) {
    let mut random = Random(7);
    let service_hashes: Vec<u64> = (0..SERVICES).map(|_| random.next()).collect();
    let operation_hashes: Vec<u64> = (0..OPERATIONS).map(|_| random.next()).collect();
    let tables = Tables {
        service_hashes: &service_hashes,
        operation_hashes: &operation_hashes,
        ..Tables::default()
    };
    let mut group = criterion.benchmark_group("settle");
    for (name, count, is_shared) in [
        ("30-spans", 30, false),
        ("30-spans-shared-ids", 30, true),
        ("5-spans", 5, false),
        ("1000-spans", 1_000, false),
    ] {
        let traces: Vec<Vec<Node>> =
            (0..TRACES).map(|_| trace(&mut random, count, is_shared)).collect();
        let mut settler = Settler::new();
        let settled = traces.iter().filter(|nodes| settler.settle(nodes, &tables).is_some());
        assert_eq!(settled.count(), traces.len());
        group.throughput(Throughput::Elements(TRACES * u64::try_from(count).unwrap()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for nodes in &traces {
                    black_box(settler.settle(black_box(nodes), &tables));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, settling);
criterion_main!(benches);

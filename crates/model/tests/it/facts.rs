//! The facts of a settled trace, against what the trace itself says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::{prop_assert_eq, proptest};
use spandrel_codec::zipkin::{Format, decode};
use spandrel_model::trace::facts::{Codes, NO_CODE, Node, Phases, Settler, Tables, TraceFacts};
use spandrel_model::trace::{DependencyLink, Trace, merge};
use spandrel_model::{Event, Span, SpanId, SpanKind};

use crate::draw;
use crate::properties::any_trace;

/// The dictionaries of a caller.
#[derive(Default)]
pub(crate) struct Names {
    services: Vec<String>,
    operations: Vec<String>,
    service_hashes: Vec<u64>,
    operation_hashes: Vec<u64>,
    folded: Vec<u32>,
    phases: Vec<Phases>,
}

impl Names {
    fn code(names: &mut Vec<String>, hashes: &mut Vec<u64>, name: &str) -> u32 {
        let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            hashes.push(fnv1a(name));
            names.len() - 1
        });
        u32::try_from(place).unwrap()
    }

    fn service(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return NO_CODE };
        let code = Self::code(&mut self.services, &mut self.service_hashes, name);
        let folded = Self::code(&mut self.services, &mut self.service_hashes, &name.to_lowercase());
        self.folded.resize(self.services.len(), folded);
        self.folded[code as usize] = folded;
        code
    }

    pub(crate) fn node(&mut self, span: &Span<'_>) -> Node {
        let events = span.events.iter().map(|event| (&*event.name, event.time_ns));
        let phases = match Phases::of_events(events, &mut Vec::new()) {
            None => NO_CODE,
            Some(phases) => {
                let known = self.phases.iter().position(|known| *known == phases);
                let place = known.unwrap_or_else(|| {
                    self.phases.push(phases);
                    self.phases.len() - 1
                });
                u32::try_from(place).unwrap()
            }
        };
        let operation = match &*span.name {
            "" => NO_CODE,
            name => Self::code(&mut self.operations, &mut self.operation_hashes, name),
        };
        let codes = Codes {
            service: self.service(span.service_name()),
            remote_service: self.service(span.remote_service_name()),
            operation,
            phases,
        };
        Node::of(span, codes)
    }

    pub(crate) fn nodes(&mut self, spans: &[Span<'_>]) -> Vec<Node> {
        spans.iter().map(|span| self.node(span)).collect()
    }

    pub(crate) fn tables(&self) -> Tables<'_> {
        Tables {
            service_hashes: &self.service_hashes,
            operation_hashes: &self.operation_hashes,
            folded_services: &self.folded,
            phases: &self.phases,
        }
    }

    fn links(&self, facts: &TraceFacts) -> Vec<DependencyLink> {
        let name = |code: u32| self.services[code as usize].clone();
        let mut links: Vec<DependencyLink> = facts
            .links
            .iter()
            .map(|link| DependencyLink {
                parent: name(link.parent),
                child: name(link.child),
                call_count: link.calls.into(),
                error_count: link.errors.into(),
            })
            .collect();
        links.sort();
        links
    }
}

fn fnv1a(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The facts from merged spans, which are always found.
fn merged_facts(spans: &[Span<'static>]) -> (TraceFacts, Vec<Span<'static>>, Names) {
    let merged = merge(spans.to_vec());
    let mut names = Names::default();
    let nodes = names.nodes(&merged);
    let facts = Settler::new().settle_merged(&nodes, &names.tables()).clone();
    (facts, merged, names)
}

/// The facts from spans as they were received.
fn received_facts(spans: &[Span<'static>]) -> Option<(TraceFacts, Names)> {
    let mut names = Names::default();
    let nodes = names.nodes(spans);
    let facts = Settler::new().settle(&nodes, &names.tables())?.clone();
    Some((facts, names))
}

/// All that the trace itself says of these.
#[track_caller]
fn assert_agrees(facts: &TraceFacts, names: &Names, trace: &Trace) {
    let summary = trace.summary();
    assert_eq!(facts.span_count as usize, summary.span_count);
    assert_eq!(facts.error_count as usize, summary.error_count);
    let mut services: Vec<(String, usize)> = facts
        .services
        .iter()
        .map(|&(code, count)| (names.services[code as usize].clone(), count as usize))
        .collect();
    services.sort();
    assert_eq!(services, summary.services);
    assert_eq!(facts.start_ns, summary.start_ns);
    assert_eq!(facts.duration_ns(), summary.duration_ns);
    let latest = trace.spans().iter().filter_map(|span| span.start_ns).max();
    assert_eq!(facts.latest_start_ns, latest);
    assert_eq!(names.links(facts), trace.dependency_links());
    let calls: u32 = facts.links.iter().map(|link| link.calls).sum();
    assert_eq!(facts.calls.len(), calls as usize);
}

/// The paths that nodes took, as text, found from each node up: the slow way.
fn paths(trace: &Trace) -> BTreeSet<String> {
    let tree = trace.tree();
    let said = |node: usize| {
        let span = &trace.spans()[node];
        format!("/{:?} {} {:?}", span.service_name(), span.name, span.kind)
    };
    (0..trace.spans().len())
        .map(|node| {
            let mut path: Vec<String> =
                std::iter::successors(Some(node), |&at| tree.parent(at)).map(said).collect();
            path.reverse();
            path.concat()
        })
        .collect()
}

fn root_of(trace: &Trace) -> Option<usize> {
    let parentless = || trace.spans().iter().position(|span| span.parent_id.is_none());
    trace.tree().root().or_else(parentless)
}

fn window(span: &Span<'_>) -> Option<(u64, u64)> {
    Some((span.start_ns?, span.end_ns()?))
}

/// The children of a node, those of a child whose time is not known in its place.
fn timed_children(trace: &Trace, node: usize) -> Vec<(usize, u64, u64)> {
    let mut found = Vec::new();
    let mut ahead = trace.tree().children(node).to_vec();
    while let Some(child) = ahead.pop() {
        match window(&trace.spans()[child]) {
            Some((start, end)) => found.push((child, start, end)),
            None => ahead.extend(trace.tree().children(child)),
        }
    }
    found
}

/// Who had each instant of the root's time, one nanosecond after the other, from the end: a child
/// whose part in the node's time ends here takes over, until its part begins.
fn own_times(trace: &Trace) -> BTreeMap<usize, u64> {
    let mut own: BTreeMap<usize, u64> = BTreeMap::new();
    let Some(root) = root_of(trace) else { return own };
    let Some((start, end)) = window(&trace.spans()[root]) else { return own };
    own.insert(root, 0);
    let mut inside = vec![(root, start, end)];
    let mut instant = end;
    while let Some(&(node, part_start, part_end)) = inside.last() {
        let next = timed_children(trace, node)
            .into_iter()
            .map(|(child, from, to)| (from.max(part_start), child, to.min(part_end)))
            .filter(|&(from, _, to)| from < to && to == instant)
            .min();
        if let Some((from, child, to)) = next {
            own.insert(child, 0);
            inside.push((child, from, to));
        } else if instant == part_start {
            inside.pop();
        } else {
            *own.get_mut(&node).unwrap() += 1;
            instant -= 1;
        }
    }
    own
}

/// Traces whose times are a few nanoseconds, so that each can be looked at.
fn any_short_trace() -> impl Strategy<Value = Vec<Span<'static>>> {
    (any_trace(), vec((0..60u64, 0..60u64), 24)).prop_map(|(mut spans, times)| {
        for (span, (start, duration)) in spans.iter_mut().zip(times) {
            span.start_ns = span.start_ns.map(|_| start);
            span.duration_ns = span.duration_ns.map(|_| duration);
        }
        spans
    })
}

proptest! {
    #[test]
    fn the_facts_are_what_the_trace_says(spans in any_trace()) {
        let (facts, merged, names) = merged_facts(&spans);
        let trace = Trace::assemble(spans).unwrap();
        prop_assert_eq!(trace.spans(), merged);
        assert_agrees(&facts, &names, &trace);
        prop_assert_eq!(facts.root.map(|root| root as usize), root_of(&trace));
    }

    #[test]
    fn received_spans_settle_as_merged_ones_do(spans in any_trace()) {
        let Some((facts, names)) = received_facts(&spans) else { return Ok(()) };
        let (merged_facts, merged, merged_names) = merged_facts(&spans);
        assert_agrees(&facts, &names, &Trace::assemble(spans.clone()).unwrap());
        prop_assert_eq!(facts.fingerprint, merged_facts.fingerprint);
        prop_assert_eq!(facts.phases, merged_facts.phases);
        let id = |place: u32| spans[place as usize].span_id;
        let merged_id = |place: u32| merged[place as usize].span_id;
        prop_assert_eq!(facts.root.map(id), merged_facts.root.map(merged_id));
        let path: Vec<_> = facts.critical_path.iter().map(|&(node, ns)| (id(node), ns)).collect();
        let merged_path: Vec<_> =
            merged_facts.critical_path.iter().map(|&(node, ns)| (merged_id(node), ns)).collect();
        prop_assert_eq!(path, merged_path);
        let told = |facts: &TraceFacts, names: &Names, id: &dyn Fn(u32) -> SpanId| {
            let service = |code: u32| names.services[code as usize].clone();
            let mut calls: Vec<_> = facts.calls.iter().map(|call| {
                (service(call.parent), service(call.child), id(call.node), call.duration_ns,
                    call.is_error)
            }).collect();
            calls.sort();
            calls
        };
        prop_assert_eq!(
            told(&facts, &names, &id),
            told(&merged_facts, &merged_names, &merged_id)
        );
    }

    #[test]
    fn the_critical_path_has_each_instant_of_the_root_once(spans in any_short_trace()) {
        let (facts, _, _) = merged_facts(&spans);
        let trace = Trace::assemble(spans).unwrap();
        let found: BTreeMap<usize, u64> =
            facts.critical_path.iter().map(|&(node, ns)| (node as usize, ns)).collect();
        prop_assert_eq!(found.len(), facts.critical_path.len());
        prop_assert_eq!(&found, &own_times(&trace));
        if let Some((start, end)) = root_of(&trace).and_then(|root| window(&trace.spans()[root])) {
            prop_assert_eq!(found.values().sum::<u64>(), end - start);
        }
    }

    #[test]
    fn two_traces_share_a_fingerprint_when_they_share_their_paths(
        one in any_trace(), other in any_trace(),
    ) {
        let fingerprint = |spans: &[Span<'static>]| merged_facts(spans).0.fingerprint;
        let of = |spans: &[Span<'static>]| paths(&Trace::assemble(spans.to_vec()).unwrap());
        prop_assert_eq!(fingerprint(&one) == fingerprint(&other), of(&one) == of(&other));
    }

    #[test]
    fn a_settler_that_was_used_finds_the_same(
        one in any_trace(), other in any_trace(),
    ) {
        let mut names = Names::default();
        let nodes = [one, other].map(|spans| names.nodes(&merge(spans)));
        let mut settler = Settler::new();
        for nodes in &nodes {
            let used = settler.settle_merged(nodes, &names.tables()).clone();
            let mut fresh = Settler::new();
            prop_assert_eq!(fresh.settle_merged(nodes, &names.tables()), &used);
        }
    }
}

#[test]
fn two_halves_copies_and_pieces_that_agree_need_no_text() {
    for lines in [
        "1 client web@1\n1 server app@2 shared\n2<1 app@2",
        "1 client web@1\n1 server app@2\n1 server app@2",
        "1 web@1 0..5\n1 web@1 0..5\n2<1 client web@1\n2<1 client web@1",
        "1 client web@1 0..\n1 get web@1",
    ] {
        let spans = draw::spans(lines);
        let (facts, names) = received_facts(&spans).unwrap_or_else(|| panic!("{lines}"));
        assert_agrees(&facts, &names, &Trace::assemble(spans).unwrap());
    }
}

#[test]
fn pieces_that_contradict_each_other_are_left_to_their_texts() {
    for lines in [
        "1 web@1 0..5\n1 web@1 0..6",
        "1 web@1 error\n1 web@1",
        "1 web@1\n1 app@2",
        "1 client web@1\n1 server web@1",
        "1 client web@1\n1 server a@2\n1 server b@3",
    ] {
        assert!(received_facts(&draw::spans(lines)).is_none(), "{lines}");
    }
}

#[test]
fn nothing_is_known_of_no_spans() {
    let mut settler = Settler::new();
    let facts = settler.settle(&[], &Tables::default()).unwrap();
    assert_eq!(facts.fingerprint, merged_facts(&[]).0.fingerprint);
    assert_eq!(facts, &TraceFacts { fingerprint: facts.fingerprint, ..TraceFacts::default() });
}

/// `id own-time`, in microseconds.
fn critical_path(lines: &str) -> String {
    let (facts, merged, _) = merged_facts(&draw::spans(lines));
    let told = facts
        .critical_path
        .iter()
        .map(|&(node, ns)| format!("{:x} {}", merged[node as usize].span_id.get(), ns / 1_000));
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_critical_path_goes_by_the_child_that_ended_last() {
    let two = "1 web@1 0..100\n2<1 web@1 10..60\n3<1 web@1 20..80";
    assert_eq!(critical_path(two), "1 40, 3 60");
    let in_turn = "1 web@1 0..100\n2<1 web@1 10..40\n3<1 web@1 50..80\n4<3 web@1 55..80";
    assert_eq!(critical_path(in_turn), "1 40, 3 5, 4 25, 2 30");
}

#[test]
fn what_a_child_did_after_its_parent_ended_was_not_waited_for() {
    assert_eq!(critical_path("1 web@1 0..100\n2<1 web@1 90..300"), "1 90, 2 10");
    assert_eq!(critical_path("1 web@1 0..100\n2<1 web@1 100..300"), "1 100");
    assert_eq!(critical_path("1 web@1 50..100\n2<1 web@1 0..70"), "1 30, 2 20");
}

#[test]
fn work_goes_on_under_the_server_half_on_its_own_emitter() {
    let halves = "1 client web@1 0..100\n1 server web@1 10..90 shared\n2<1 web@1 20..30";
    assert_eq!(critical_path(halves), "1 20, 1 70, 2 10");
    let elsewhere = "1 client web@1 0..100\n1 server web@1 10..90 shared\n2<1 web@2 20..30";
    assert_eq!(critical_path(elsewhere), "1 20, 1 80");
}

#[test]
fn a_span_whose_time_is_unknown_is_passed_over() {
    assert_eq!(critical_path("1 web@1 0..100\n2<1 web@1\n3<2 web@1 10..60"), "1 50, 3 50");
    assert_eq!(critical_path("1 web@1 5..\n2<1 web@1 10..60"), "");
}

#[test]
fn fingerprints_never_change() {
    let fingerprint = |lines: &str| merged_facts(&draw::spans(lines)).0.fingerprint;
    assert_eq!(format!("{:016x}", merged_facts(&[]).0.fingerprint), "0000000000000000");
    for (lines, expected) in [
        ("1 get web@1", "912fe20ab3dab4e9"),
        ("1 get server web@1\n2<1 find client web@1 >db", "e4699d7ba49bc2f3"),
        ("1 get client web@1\n1 get server app@2 shared", "ea3c2f77901a0e01"),
        ("1 producer\n2<1 consumer\n3<2 internal", "758d8a27728a8b6b"),
    ] {
        assert_eq!(format!("{:016x}", fingerprint(lines)), expected, "{lines}");
    }
}

#[test]
fn repeats_ids_and_times_are_no_matter_of_the_fingerprint() {
    let fingerprint = |lines: &str| merged_facts(&draw::spans(lines)).0.fingerprint;
    let one = fingerprint("1 get web@1 0..9\n2<1 find web@1 1..2");
    assert_eq!(one, fingerprint("8 get web@4 5..7\n3<8 find web@2\n4<8 find web@1"));
    assert_ne!(one, fingerprint("1 get web@1 0..9\n2<1 find app@1 1..2"));
    assert_ne!(one, fingerprint("1 get web@1 0..9\n2<1 find client web@1 1..2"));
    assert_ne!(one, fingerprint("1 get web@1\n2<1 find web@1\n3<2 find web@1"));
}

#[test]
fn recorded_traces_settle_as_they_are_read() {
    let mut needing_text = Vec::new();
    for name in crate::golden::NAMES {
        let path =
            format!("{}/testdata/zipkin/{name}.v2.normalized.json", env!("CARGO_MANIFEST_DIR"));
        let mut spans: Vec<Span<'static>> = Vec::new();
        decode(Format::V2Json, &std::fs::read(path).unwrap(), &mut spans).unwrap();
        let trace = Trace::assemble(spans.clone()).unwrap();
        let (facts, _, names) = merged_facts(&spans);
        assert_agrees(&facts, &names, &trace);
        match received_facts(&spans) {
            Some((facts, names)) => assert_agrees(&facts, &names, &trace),
            None => needing_text.push(name),
        }
    }
    // A message with five receivers of its sender's id.
    assert_eq!(needing_text, ["smartthings-oauth-authorization"]);
}

#[test]
fn the_article_tells_where_the_network_time_went() {
    for folder in ["own-ids", "shared-ids"] {
        let spans = crate::article::spans(folder);
        let (facts, names) = received_facts(&spans).unwrap();
        assert_agrees(&facts, &names, &Trace::assemble(spans).unwrap());
        assert_eq!(names.phases.len(), 2, "{folder}: both hops have their events");
        let total: u64 = names.phases.iter().map(Phases::total_ns).sum();
        assert_eq!(facts.phases.total_ns(), total);
        assert!(total > 0);
    }
}

/// A shape that hurts must end, and be what the trace says.
fn settle_all(spans: &[Span<'static>]) -> TraceFacts {
    let (facts, _, names) = merged_facts(spans);
    assert_agrees(&facts, &names, &Trace::assemble(spans.to_vec()).unwrap());
    facts
}

const COUNT: u64 = 100_000;

fn timed(id: u64, parent: Option<u64>, start: u64, end: u64) -> Span<'static> {
    let mut span = draw::spans("1 web@1").remove(0);
    span.span_id = SpanId::new(id).unwrap();
    span.parent_id = parent.and_then(SpanId::new);
    (span.start_ns, span.duration_ns) = (Some(start), Some(end - start));
    span
}

#[test]
fn a_chain_of_100_000_is_one_critical_path() {
    let spans: Vec<_> = (1..=COUNT).map(|id| timed(id, Some(id - 1), id, 2 * COUNT - id)).collect();
    let facts = settle_all(&spans);
    assert_eq!(facts.critical_path.len() as u64, COUNT - 1, "the last one has no time");
    assert_eq!(facts.critical_path.iter().map(|(_, ns)| ns).sum::<u64>(), 2 * COUNT - 2);
}

#[test]
fn of_100_000_children_those_in_turn_are_the_critical_path() {
    let mut spans = vec![timed(1, None, 0, COUNT)];
    spans.extend((2..=COUNT).map(|id| timed(id, Some(1), id - 1, id)));
    let facts = settle_all(&spans);
    assert_eq!(facts.critical_path.len() as u64, COUNT);
    assert_eq!(facts.critical_path.first(), Some(&(0, 1)));
}

#[test]
fn circles_and_orphans_by_the_100_000_settle() {
    let one_circle: Vec<_> = (1..=COUNT).map(|id| timed(id, Some(id % COUNT + 1), 0, 1)).collect();
    assert_eq!(settle_all(&one_circle).root, None);
    let circles: Vec<_> = (2..COUNT + 2).map(|id| timed(id, Some(id ^ 1), 0, 1)).collect();
    assert_eq!(settle_all(&circles).root, None);
    let orphans: Vec<_> = (1..=COUNT).map(|id| timed(id, Some(COUNT + id), 0, 1)).collect();
    assert_eq!(settle_all(&orphans).span_count as u64, COUNT);
}

#[test]
fn an_id_used_by_25_000_hosts_whose_children_all_ask_for_it_is_one_row() {
    let spans: Vec<_> = (0..COUNT / 4)
        .flat_map(|host| {
            let ip = u32::try_from(host + 1).unwrap().into();
            let mut half = timed(1, None, 0, 9);
            half.kind = Some(if host == 0 { SpanKind::Client } else { SpanKind::Server });
            half.local.ipv4 = Some(ip);
            let mut child = timed(host + 2, Some(1), 1, 2);
            child.local.ipv4 = Some(ip);
            [half, child]
        })
        .collect();
    assert!(received_facts(&spans).is_none());
    assert_eq!(settle_all(&spans).span_count as u64, COUNT / 4 + 1);
}

#[test]
fn a_span_received_100_000_times_is_one_and_needs_no_text() {
    let mut span = timed(1, None, 0, 5);
    span.events.extend([Event::new(1, "DNSStart"), Event::new(3, "DNSDone")]);
    let (facts, _) = received_facts(&vec![span; 100_000]).unwrap();
    assert_eq!((facts.span_count, facts.phases.total_ns()), (1, 2));
}

#[test]
fn times_at_the_end_of_the_scale_do_not_overflow() {
    let mut spans = vec![timed(1, None, u64::MAX, u64::MAX), timed(2, Some(1), 0, u64::MAX)];
    spans[0].duration_ns = Some(u64::MAX);
    let facts = settle_all(&spans);
    assert_eq!(facts.critical_path, [(0, 0)]);
}

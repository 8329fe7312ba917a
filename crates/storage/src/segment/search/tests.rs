//! Summaries, filters and faults, against spans asked one by one.

use proptest::prelude::*;
use spandrel_model::{Span, StatusCode};

use super::{
    FAULTS_SECTION, FaultPlan, Faults, GroupFilter, NAMES_SECTION, NameSets, Probes,
    SUMMARY_SECTION, SearchObserver, SearchSummary, ServicePlan,
};
use crate::columns::TextHeap;
use crate::encoding::Decoder;
use crate::predicate::{AttributeScope, Ordered, Predicate, SpanFilter, TextTest, ValueTest};
use crate::search::tests::{chunk, filter, group, rows_that_match, spans};
use crate::segment::{
    Dictionaries, GroupColumns, GroupObserver, GroupParts, SectionId, SegmentTexts, WriterOptions,
};

/// What an observer made of one group.
struct Written {
    dictionaries: Dictionaries,
    row_count: u32,
    sections: Vec<(SectionId, Vec<u8>)>,
    filter: Vec<u8>,
}

impl Written {
    fn of(spans: &[Span<'_>], is_plain: impl Fn(u32) -> bool) -> Self {
        let (group, dictionaries) = group(&chunk(spans), is_plain);
        Self::of_group(&group, dictionaries)
    }

    fn of_group(group: &GroupColumns, dictionaries: Dictionaries) -> Self {
        let heap = |texts: &Option<std::sync::Arc<TextHeap>>| {
            texts.as_deref().cloned().unwrap_or_default()
        };
        let values: Vec<TextHeap> = dictionaries.values.iter().map(heap).collect();
        let texts = SegmentTexts {
            keys: &dictionaries.keys,
            values: &values,
            shapes: &dictionaries.shapes,
            names: &dictionaries.names,
            event_names: &dictionaries.event_names,
            resources: &dictionaries.resources,
            services_of_resources: &dictionaries.services_of_resources,
            services: &dictionaries.services,
            scopes: &dictionaries.scopes,
            addresses: &dictionaries.addresses,
        };
        let (mut observer, mut parts) = (SearchObserver::new(), GroupParts::default());
        observer.group(group, texts, &mut parts);
        let mut sections = Vec::new();
        observer.sections(texts, &mut sections);
        let (_, filter) = parts.scan.remove(0);
        Self { dictionaries, row_count: group.row_count as u32, sections, filter }
    }

    fn section(&self, id: SectionId) -> &[u8] {
        &self.sections.iter().find(|(found, _)| *found == id).expect("each is written").1
    }

    fn summary(&self) -> SearchSummary {
        SearchSummary::parse(self.section(SUMMARY_SECTION), 1, &mut Decoder::new()).unwrap()
    }

    fn faults(&self) -> Faults {
        let row_counts = [self.row_count].into_iter();
        Faults::parse(self.section(FAULTS_SECTION), row_counts, &mut Decoder::new()).unwrap()
    }

    fn names(&self) -> NameSets {
        let codes = (&*self.dictionaries.services, &*self.dictionaries.names);
        NameSets::parse(self.section(NAMES_SECTION), codes, &mut Decoder::new()).unwrap()
    }
}

/// Spans of which few fail, as most do.
fn mostly_well(first: u64, count: u64) -> Vec<Span<'static>> {
    let mut spans = spans(first, count);
    for (span, place) in spans.iter_mut().zip(first..) {
        if place % 40 != 0 {
            span.status.code = StatusCode::Unset;
            span.attributes.retain(|attribute| attribute.key != "error");
        }
        if place % 30 != 0 {
            span.attributes.retain(|attribute| attribute.key != "http.status_code");
        }
    }
    spans
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A filter that the list of faults may answer.
fn fault_filter() -> impl Strategy<Value = SpanFilter> {
    let status = |test: ValueTest| Predicate::Attribute {
        scope: AttributeScope::Any,
        key: "http.status_code".to_owned(),
        test,
    };
    let anchors = vec![
        Predicate::IsError(true),
        status(ValueTest::Number(Ordered::GreaterOrEqual, 500.0)),
        status(ValueTest::Number(Ordered::Greater, 500.0)),
        status(ValueTest::PrintsAs("500".to_owned())),
        status(ValueTest::PrintsAs("500.0".to_owned())),
    ];
    (filter(), proptest::sample::select(anchors)).prop_map(|(mut filter, anchor)| {
        filter.predicates.push(anchor);
        filter
    })
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn what_has_a_matching_span_is_never_passed_over(
        filter in filter(),
        first in 0_u64..1 << 32,
        plain in any::<u64>(),
    ) {
        let spans = spans(first, 40);
        let written = Written::of(&spans, |key| plain >> (key % 64) & 1 != 0);
        let (summary, probes) = (written.summary(), Probes::new(&filter));
        if !rows_that_match(&filter, &spans).is_empty() {
            prop_assert!(summary.may_match(&probes));
            prop_assert!(summary.group_may_match(0, &probes));
            let of_group = GroupFilter::parse(&written.filter).unwrap();
            prop_assert!(summary.filter_may_match(0, of_group, &probes));
        }
    }

    #[test]
    fn the_list_of_faults_answers_like_the_spans(
        filter in fault_filter(),
        first in 0_u64..1 << 32,
    ) {
        let spans = mostly_well(first, 300);
        let written = Written::of(&spans, |key| key % 3 == 0);
        let faults = written.faults();
        prop_assume!(faults.is_listed(0));
        let Some(plan) = FaultPlan::new(&filter, &written.dictionaries) else { return Ok(()) };
        let expected = rows_that_match(&filter, &spans);
        let found: Vec<_> = plan.select(&faults, 0).collect();
        for row in expected.rows() {
            prop_assert!(found.iter().any(|(fault, _)| fault.row as usize == row));
        }
        for (fault, is_certain) in found {
            prop_assert!(!is_certain || expected.contains(fault.row as usize));
        }
    }
}

fn attribute(key: &str, test: ValueTest) -> SpanFilter {
    let (scope, key) = (AttributeScope::Span, key.to_owned());
    SpanFilter { predicates: vec![Predicate::Attribute { scope, key, test }] }
}

#[test]
fn a_slow_server_error_of_a_service_is_answered_for_certain() {
    let mut spans = mostly_well(0, 300);
    let wanted = SpanFilter {
        predicates: vec![
            Predicate::ServiceName(TextTest::Equals("frontend".to_owned())),
            Predicate::DurationNs { min: 100, max: u64::MAX },
            attribute("http.status_code", ValueTest::Number(Ordered::GreaterOrEqual, 500.0))
                .predicates
                .remove(0),
        ],
    };
    for span in spans.iter_mut().step_by(30) {
        span.attributes.push(spandrel_model::Attribute::new("http.status_code", 503));
        span.resource = spandrel_model::Resource::of_service("frontend");
        span.duration_ns = Some(100);
    }
    let written = Written::of(&spans, |_| false);
    let plan = FaultPlan::new(&wanted, &written.dictionaries).expect("only faults can meet it");
    let faults = written.faults();
    let found = plan.select(&faults, 0).map(|(fault, is_certain)| {
        assert!(is_certain);
        fault.row as usize
    });
    let expected = rows_that_match(&wanted, &spans);
    assert_eq!(found.collect::<Vec<_>>(), expected.rows().collect::<Vec<_>>());
    assert!(expected.count() >= 10);
}

#[test]
fn a_filter_that_others_than_faults_can_meet_is_no_plan() {
    let written = Written::of(&spans(0, 30), |_| false);
    for filter in [
        SpanFilter::default(),
        SpanFilter { predicates: vec![Predicate::IsError(false)] },
        attribute("http.status_code", ValueTest::Number(Ordered::GreaterOrEqual, 499.0)),
        attribute("http.status_code", ValueTest::Number(Ordered::Less, 600.0)),
        attribute("http.status_code", ValueTest::PrintsAs("404".to_owned())),
        attribute("key-0", ValueTest::Number(Ordered::GreaterOrEqual, 500.0)),
    ] {
        assert!(FaultPlan::new(&filter, &written.dictionaries).is_none(), "{filter:?}");
    }
}

#[test]
fn what_is_not_there_is_mostly_passed_over() {
    let spans = spans(5, 300);
    let written = Written::of(&spans, |key| key % 2 == 0);
    let (summary, of_group) = (written.summary(), GroupFilter::parse(&written.filter).unwrap());
    let passed = |filter: &SpanFilter| {
        let probes = Probes::new(filter);
        summary.may_match(&probes)
            && summary.group_may_match(0, &probes)
            && summary.filter_may_match(0, of_group, &probes)
    };
    let texts = (0..500).map(|number| attribute("user", ValueTest::PrintsAs(format!("x{number}"))));
    let keys = (0..500).map(|number| attribute(&format!("key of {number}"), ValueTest::Exists));
    let names = (0..500).map(|number| SpanFilter {
        predicates: vec![Predicate::SpanName(TextTest::Equals(format!("x{number}")))],
    });
    let wrong = texts.chain(keys).chain(names).filter(passed).count();
    assert!(wrong < 30, "{wrong} of 1500");
    let too_large = attribute("http.status_code", ValueTest::Number(Ordered::Greater, 1e9));
    assert!(!passed(&too_large));
    let too_long = SpanFilter { predicates: vec![Predicate::DurationNs { min: 500, max: 900 }] };
    assert!(!passed(&too_long));
}

#[test]
fn a_number_that_is_nowhere_is_missed_by_the_segment_alone() {
    let mut spans = spans(5, 300);
    for (span, code) in spans.iter_mut().zip((200..204).cycle()) {
        span.attributes.push(spandrel_model::Attribute::new("rpc.code", code));
    }
    let passes = |code: &str, spans: &[Span<'_>]| {
        let wanted = attribute("rpc.code", ValueTest::PrintsAs(code.to_owned()));
        Written::of(spans, |_| false).summary().may_match(&Probes::new(&wanted))
    };
    assert!(passes("203", &spans) && !passes("418", &spans));
    for (span, code) in spans.iter_mut().zip(1_000..) {
        span.attributes.push(spandrel_model::Attribute::new("rpc.code", code));
    }
    assert!(passes("1203", &spans) && passes("418", &spans), "of many only the range is told");
}

#[test]
fn names_are_those_of_the_spans() {
    let spans = spans(9, 300);
    let written = Written::of(&spans, |key| key % 2 == 0);
    let (names, dictionaries) = (written.names(), &written.dictionaries);
    let service = |code: u32| match code {
        0 => None,
        code => Some(String::from_utf8(dictionaries.services.get(code - 1).to_vec()).unwrap()),
    };
    let name = |code| String::from_utf8(dictionaries.names.get(code).to_vec()).unwrap();
    let found = names.service.iter().zip(&names.name).zip(&names.kind);
    let found: std::collections::BTreeSet<_> = found
        .map(|((of, code), kind)| {
            (service(*of), name(*code), crate::columns::Marks(u16::from(*kind)).kind())
        })
        .collect();
    let owned = |span: &Span<'_>| span.service_name().map(str::to_owned);
    let expected = spans.iter().map(|span| (owned(span), span.name.to_string(), span.kind));
    assert_eq!(found, expected.collect());
    let remote =
        |place: u32| String::from_utf8(names.remotes.get(place as usize).unwrap().to_vec());
    let found = names.caller.iter().zip(&names.remote);
    let found: std::collections::BTreeSet<_> =
        found.map(|(caller, place)| (service(*caller), remote(*place).unwrap())).collect();
    let expected =
        spans.iter().filter_map(|span| Some((owned(span), span.remote_service_name()?.to_owned())));
    assert_eq!(found, expected.collect());
    assert!(!names.is_cut);
}

#[test]
fn a_groups_services_are_told_with_their_longest_spans() {
    let mut spans = spans(3, 100);
    spans.iter_mut().for_each(|span| {
        if span.service_name() == Some("frontend") {
            span.duration_ns = Some(1_000_000);
        }
    });
    let written = Written::of(&spans, |_| false);
    let (summary, services) = (written.summary(), &written.dictionaries.services);
    let has = |name: &str, min| {
        let service = Predicate::ServiceName(TextTest::Equals(name.to_owned()));
        let duration = Predicate::DurationNs { min, max: u64::MAX };
        let filter = SpanFilter { predicates: vec![service, duration] };
        ServicePlan::new(&filter, services).unwrap().group_may_match(&summary, 0)
    };
    assert!(has("frontend", 0) && has("frontend", 1_000_000) && !has("frontend", 2_000_000));
    assert!(has("Backend", 0) && !has("Backend", 1_000_000) && !has("none", 0));
}

#[test]
fn every_truncation_and_every_changed_byte_is_read_without_panic() {
    let written = Written::of(&mostly_well(0, 120), |key| key % 2 == 0);
    let codes = (&*written.dictionaries.services, &*written.dictionaries.names);
    let mut decoder = Decoder::new();
    let mut read = |id: SectionId, bytes: &[u8]| match id {
        SUMMARY_SECTION => SearchSummary::parse(bytes, 1, &mut decoder).is_ok(),
        FAULTS_SECTION => Faults::parse(bytes, [120].into_iter(), &mut decoder).is_ok(),
        _ => NameSets::parse(bytes, codes, &mut decoder).is_ok(),
    };
    for (id, section) in &written.sections {
        assert!(read(*id, section));
        for len in 0..section.len() {
            assert!(!read(*id, &section[..len]), "section {id:?} cut at {len}");
        }
        let mut changed = section.clone();
        for at in 0..section.len() {
            for bits in [0x01, 0x80, 0xff] {
                changed[at] ^= bits;
                read(*id, &changed);
                changed[at] ^= bits;
            }
        }
        changed[0] = 2;
        assert!(!read(*id, &changed), "a newer version is refused");
    }
    assert!(
        (0..written.filter.len()).all(|len| GroupFilter::parse(&written.filter[..len]).is_err())
    );
}

#[test]
fn a_written_segment_has_all_of_it() {
    use crate::segment::tests::{Plan, chunks_of};
    let spans = mostly_well(0, 2_000);
    let mut observer = SearchObserver::new();
    let options = WriterOptions { group_row_count_max: 200, ..WriterOptions::default() };
    let written = Plan::new(chunks_of(&spans, 500)).write(options, vec![&mut observer]).unwrap();
    let mut opened = written.open().unwrap();
    let group_count = opened.segment.group_count();
    assert!(group_count > 5);
    let mut decoder = Decoder::new();
    let section = |id| {
        let range = opened.segment.section_range(id).unwrap();
        opened.segment.check_section(id, opened.bytes_at(range)).unwrap()
    };
    let summary =
        SearchSummary::parse(section(SUMMARY_SECTION), group_count as usize, &mut decoder).unwrap();
    let row_counts = (0..group_count).map(|group| opened.segment.group(group).row_count);
    let row_counts = row_counts.collect::<Vec<_>>().into_iter();
    let faults = Faults::parse(section(FAULTS_SECTION), row_counts, &mut decoder).unwrap();
    let codes = (&*opened.dictionaries.services, &*opened.dictionaries.names);
    assert!(!NameSets::parse(section(NAMES_SECTION), codes, &mut decoder).unwrap().is_cut);

    let filter = SpanFilter { predicates: vec![Predicate::IsError(true)] };
    let plan = FaultPlan::new(&filter, &opened.dictionaries).unwrap();
    let probes = Probes::new(&filter);
    for group in 0..group_count {
        let of_group = opened.group(group).unwrap();
        let expected = rows_that_match(&filter, &of_group);
        if faults.is_listed(group as usize) {
            let found: Vec<_> = plan.select(&faults, group as usize).collect();
            let rows: Vec<_> = found.iter().map(|(fault, _)| fault.row as usize).collect();
            assert_eq!(rows, expected.rows().collect::<Vec<_>>());
        }
        assert!(expected.is_empty() || summary.group_may_match(group as usize, &probes));
    }
}

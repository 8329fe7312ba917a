//! What is written comes back, and in the order that the format promises.

use proptest::prelude::*;
use spandrel_model::{Attribute, Span, SpanId, TraceId, Value};

use super::*;
use crate::segment::group::NO_ROW;
use crate::segment::{CONTINUES, GroupColumns, Projection, ValueForm};

fn seeded(count: u64) -> Vec<Span<'static>> {
    (0..count).map(testkit::seeded_span).collect()
}

fn small_groups(group_row_count_max: usize) -> WriterOptions {
    WriterOptions { group_row_count_max, ..WriterOptions::default() }
}

/// A span of a trace that starts at a time.
fn span(low: u64, id: u64, parent: u64, start_ns: Option<u64>) -> Span<'static> {
    let trace_id = TraceId::from_halves(0, low).unwrap();
    let mut span = Span::new(trace_id, SpanId::new(id).unwrap());
    (span.parent_id, span.start_ns) = (SpanId::new(parent), start_ns);
    span.duration_ns = Some(10);
    span
}

#[test]
fn every_field_of_every_span_comes_back() {
    let spans = seeded(3_000);
    for options in [WriterOptions::default(), small_groups(64), small_groups(1)] {
        let written = write(&spans, options);
        assert_eq!(written.summary.len, written.bytes.len() as u64);
        assert_eq!(written.summary.span_count, 3_000);
        let read = written.open().unwrap().spans().unwrap();
        assert_eq!(sorted(read), sorted(spans.clone()));
    }
}

#[test]
fn a_trace_is_found_by_its_id_and_no_other_is() {
    let spans = seeded(2_000);
    let written = write(&spans, small_groups(200));
    let mut opened = written.open().unwrap();
    for low in 0..40 {
        let expected: Vec<_> =
            spans.iter().filter(|span| span.trace_id.low() == low).cloned().collect();
        assert_eq!(sorted(opened.trace(low).unwrap()), sorted(expected), "trace {low}");
    }
}

#[test]
fn rows_are_in_the_order_of_starts_and_parents_stand_before_children() {
    let spans = [
        span(1, 5, 4, Some(100)),
        span(1, 4, 9, Some(100)),
        span(1, 9, 0, Some(100)),
        span(1, 7, 9, None),
        span(1, 6, 9, Some(99)),
        span(2, 1, 0, None),
    ];
    let written = write(&spans, WriterOptions::default());
    let read = written.open().unwrap().spans().unwrap();
    let ids: Vec<u64> = read.iter().map(|span| span.span_id.get()).collect();
    assert_eq!(ids, [1, 7, 6, 9, 4, 5]);
}

#[test]
fn cycles_and_spans_that_are_their_own_parents_come_back() {
    let spans = vec![
        span(1, 1, 2, Some(5)),
        span(1, 2, 3, Some(5)),
        span(1, 3, 1, Some(5)),
        span(1, 4, 4, Some(5)),
        span(1, 6, 7, Some(4)),
        span(1, 7, 6, Some(9)),
        span(1, 8, 77, Some(9)),
    ];
    let written = write(&spans, WriterOptions::default());
    assert_eq!(sorted(written.open().unwrap().spans().unwrap()), sorted(spans));
}

#[test]
fn a_trace_larger_than_a_group_is_spread_over_several_and_found_whole() {
    let mut spans: Vec<_> = (1..=95).map(|id| span(7, id, id / 2, Some(1_000 + id % 50))).collect();
    spans.extend((1..=5).map(|id| span(8, id, 0, Some(1_010))));
    let written = write(&spans, small_groups(10));
    let mut opened = written.open().unwrap();
    assert_eq!(opened.segment.group_count(), 11);
    assert_eq!(opened.segment.trace_count(), 2);
    let continues = (0..11).filter(|group| opened.segment.group(*group).continues).count();
    assert_eq!(continues, 9);
    assert_eq!(opened.trace(7).unwrap().len(), 95);
    assert_eq!(sorted(opened.spans().unwrap()), sorted(spans));
}

#[test]
fn traces_of_other_years_have_groups_of_their_own() {
    let day = 24 * 60 * 60 * 1_000_000_000;
    let starts = [None, Some(0), Some(5), Some(600 * day), Some(600 * day + 5), Some(u64::MAX - 5)];
    let spans: Vec<_> = (1..).zip(starts).map(|(low, start)| span(low, 1, 0, start)).collect();
    let written = write(&spans, WriterOptions::default());
    let opened = written.open().unwrap();
    let groups = 0..opened.segment.group_count();
    let ranges: Vec<_> = groups.map(|group| opened.segment.group(group).start_ns).collect();
    let expected =
        [None, Some((0, 5)), Some((600 * day, 600 * day + 5)), Some((u64::MAX - 5, u64::MAX - 5))];
    assert_eq!(ranges, expected);
    assert_eq!(written.summary.start_min_ns, Some(0));
    assert_eq!(written.summary.start_max_ns, Some(u64::MAX - 5));
}

#[test]
fn a_trace_out_of_order_is_refused() {
    let chunks = chunks_of(&[span(1, 1, 0, Some(9)), span(2, 1, 0, Some(8))], 10);
    let options = WriterOptions::default();
    let mut writer = SegmentWriter::new(Box::new(Memory::default()), options, Vec::new()).unwrap();
    let mut source = Source::new(Arc::clone(&chunks[0]));
    writer.push_trace(&mut [(&mut source, &[0])]).unwrap();
    for row in [0, 1] {
        let refused = writer.push_trace(&mut [(&mut source, &[row])]);
        assert!(matches!(refused, Err(WriteError::OutOfOrder { .. })));
    }
}

#[test]
fn equal_spans_are_folded_when_asked_for_and_counted() {
    let mut spans = seeded(300);
    spans.extend(seeded(100));
    let mut other = spans[7].clone();
    other.attributes.push(Attribute::new("only here", 1));
    spans.push(other);
    let folded = write(&spans, WriterOptions::default());
    assert_eq!((folded.summary.span_count, folded.summary.folded_count), (301, 100));
    let kept = write(&spans, WriterOptions { folds_duplicates: false, ..folded_options() });
    assert_eq!((kept.summary.span_count, kept.summary.folded_count), (401, 0));
    assert_eq!(sorted(kept.open().unwrap().spans().unwrap()), sorted(spans));
}

fn folded_options() -> WriterOptions {
    WriterOptions::default()
}

#[test]
fn the_seed_of_the_tables_changes_no_byte() {
    let spans = seeded(1_000);
    let bytes = |seed| write(&spans, WriterOptions { seed, ..small_groups(100) }).bytes;
    assert_eq!(bytes(1), bytes(2));
}

/// Spans with a value that is distinct on each, and one of which there are few.
fn cardinality(count: u64) -> Vec<Span<'static>> {
    let mut spans: Vec<_> = (1..=count).map(|id| span(id / 20 + 1, id, 0, Some(id))).collect();
    for (span, number) in spans.iter_mut().zip(0_u64..) {
        let distinct = format!("value number {:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        span.attributes.push(Attribute::new("distinct", distinct));
        span.attributes.push(Attribute::new("few", format!("value {}", number % 7)));
    }
    spans
}

#[test]
fn a_key_of_many_distinct_values_has_no_dictionary_in_the_end() {
    let spans = cardinality(6_000);
    let written = write(&spans, small_groups(400));
    let mut opened = written.open().unwrap();
    let mut forms = Vec::new();
    for group in 0..opened.segment.group_count() {
        let bytes = opened.bytes_at(opened.segment.group_range(group));
        let Opened { segment, dictionaries, decoder, .. } = &mut opened;
        let mut columns = GroupColumns::default();
        let all = Projection::all();
        segment
            .decode_columns(
                GroupRead { group, wanted: &all, stretches: &[bytes] },
                dictionaries,
                decoder,
                &mut columns,
            )
            .unwrap();
        forms.push([columns.values[0].form, columns.values[1].form]);
    }
    assert_eq!(forms[0], [ValueForm::Codes; 2]);
    assert_eq!(forms.last(), Some(&[ValueForm::Texts, ValueForm::Codes]));
    assert_eq!(sorted(opened.spans().unwrap()), sorted(spans));
}

#[test]
fn some_columns_can_be_read_without_the_others() {
    let spans = seeded(2_000);
    let written = write(&spans, small_groups(300));
    let mut opened = written.open().unwrap();
    let (mut all, mut some) = (GroupColumns::default(), GroupColumns::default());
    for group in 0..opened.segment.group_count() {
        let whole = opened.bytes_at(opened.segment.group_range(group));
        let wanted = Projection {
            columns: Projection::START | Projection::NAME | Projection::EVENT_NAME,
            keys: vec![1, 3],
            has_all_keys: false,
        };
        let ranges = opened.segment.part_ranges(group, &wanted);
        let read: Vec<_> = ranges.iter().map(|range| opened.bytes_at(*range)).collect();
        let len: usize = read.iter().map(|bytes| bytes.len()).sum();
        assert!(len < whole.len() / 2, "{len} of {} bytes", whole.len());
        let Opened { segment, dictionaries, decoder, .. } = &mut opened;
        let everything = Projection::all();
        segment
            .decode_columns(
                GroupRead { group, wanted: &everything, stretches: &[whole] },
                dictionaries,
                decoder,
                &mut all,
            )
            .unwrap();
        segment
            .decode_columns(
                GroupRead { group, wanted: &wanted, stretches: &read },
                dictionaries,
                decoder,
                &mut some,
            )
            .unwrap();
        assert_eq!(some.start_ns, all.start_ns);
        assert_eq!(some.name, all.name);
        assert_eq!(some.events.name, all.events.name);
        assert_eq!(some.traces, all.traces);
        assert!(some.span_id.is_empty() && some.duration_ns.is_empty());
        for key in [1, 3] {
            assert_eq!(some.values[key].numbers, all.values[key].numbers);
            assert_eq!(some.values[key].codes, all.values[key].codes);
        }
        assert_eq!(some.values[0].form, ValueForm::Absent);
    }
}

#[test]
fn the_trace_table_tells_what_its_rows_say() {
    let spans = seeded(2_000);
    let written = write(&spans, small_groups(150));
    let mut opened = written.open().unwrap();
    for group in 0..opened.segment.group_count() {
        let range = opened.segment.trace_table_range(group);
        let bytes = opened.bytes_at(range);
        let mut table = super::super::TraceTable::default();
        let Opened { segment, decoder, dictionaries, .. } = &mut opened;
        segment.decode_trace_table(group, bytes, decoder, &mut table).unwrap();
        let services = dictionaries.services.clone();
        let rows = opened.group(group).unwrap();
        assert_eq!(table.len(), opened.segment.group(group).trace_count as usize);
        for trace in 0..table.len() {
            let spans = &rows[table.rows_of(trace)];
            assert!(spans.iter().all(|span| span.trace_id.low() == table.low[trace]));
            assert_eq!(table.start_of(trace), spans.iter().filter_map(|span| span.start_ns).min());
            let latest = spans.iter().filter_map(|span| span.start_ns).max();
            assert_eq!(table.latest_start_of(trace), latest);
            let errors = spans.iter().filter(|span| span.is_error()).count();
            assert_eq!(table.error_count[trace] as usize, errors);
            let root = spans.iter().position(|span| span.parent_id.is_none());
            assert_eq!(table.root[trace], root.map_or(NO_ROW, |row| row as u32));
            let mut names: Vec<&str> =
                spans.iter().filter_map(|span| span.service_name()).collect();
            names.sort_unstable();
            names.dedup();
            let mut told: Vec<_> = table
                .services_of(trace)
                .iter()
                .map(|code| std::str::from_utf8(services.get(*code)).unwrap())
                .collect();
            told.sort_unstable();
            assert_eq!(told, names);
            assert_eq!(
                table.has(trace, CONTINUES),
                trace == 0 && opened.segment.group(group).continues
            );
        }
    }
}

#[test]
fn groups_of_a_segment_can_be_written_into_another() {
    let spans = cardinality(3_000);
    let first = write(&spans, small_groups(500));
    let mut opened = first.open().unwrap();
    let memory = Memory::default();
    let options = small_groups(700);
    let mut writer = SegmentWriter::new(Box::new(memory.clone()), options, Vec::new()).unwrap();
    let mut source: Option<Source> = None;
    for group in 0..opened.segment.group_count() {
        let bytes = opened.bytes_at(opened.segment.group_range(group));
        let Opened { segment, dictionaries, decoder, .. } = &mut opened;
        let chunk = segment.decode_group(group, bytes, dictionaries, decoder).unwrap();
        let chunk = Arc::new(chunk);
        match &mut source {
            None => source = Some(Source::new(Arc::clone(&chunk))),
            Some(source) => _ = source.advance(Arc::clone(&chunk)),
        }
        let rows: Vec<u32> = (0..chunk.len() as u32).collect();
        for rows in rows
            .chunk_by(|a, b| chunk.rows.trace_low[*a as usize] == chunk.rows.trace_low[*b as usize])
        {
            writer.push_trace(&mut [(source.as_mut().unwrap(), rows)]).unwrap();
        }
    }
    let summary = writer.finish().unwrap();
    let bytes = memory.0.lock().unwrap().clone();
    let second = Written { bytes, summary };
    assert_eq!(second.open().unwrap().spans().unwrap(), opened.spans().unwrap());
    assert_eq!(second.bytes, write(&spans, options).bytes, "codes are those of a first writing");
}

#[test]
fn an_empty_segment_is_one() {
    let written = write(&[], WriterOptions::default());
    let mut opened = written.open().unwrap();
    assert_eq!((opened.segment.group_count(), opened.spans().unwrap().len()), (0, 0));
    assert_eq!(opened.trace(5).unwrap().len(), 0);
}

#[derive(Debug, Default)]
struct Counting(Vec<(usize, usize)>);

impl GroupObserver for Counting {
    fn group(
        &mut self,
        group: &GroupColumns,
        texts: super::super::SegmentTexts<'_>,
        parts: &mut super::super::GroupParts,
    ) {
        self.0.push((group.row_count, texts.names.len()));
        parts.scan.push((super::super::ScanPartId(4), vec![9; group.row_count]));
        parts.fingerprints = group.traces.low.iter().map(|low| low * 3).collect();
    }

    fn sections(
        &mut self,
        _: super::super::SegmentTexts<'_>,
        sections: &mut Vec<(super::super::SectionId, Vec<u8>)>,
    ) {
        sections.push((
            super::super::SectionId(super::super::SectionId::OBSERVED_MIN + 1),
            b"all".to_vec(),
        ));
    }
}

#[test]
fn what_observers_add_is_found_again() {
    let spans = seeded(500);
    let mut counting = Counting::default();
    let plan = Plan::new(chunks_of(&spans, 100));
    let written = plan.write(small_groups(60), vec![&mut counting]).unwrap();
    let mut opened = written.open().unwrap();
    assert_eq!(counting.0.iter().map(|(rows, _)| rows).sum::<usize>(), 500);
    for (group, (row_count, _)) in (0..).zip(&counting.0) {
        let id = super::super::ScanPartId(4);
        let range = opened.segment.scan_part_range(group, id).unwrap();
        let part = opened.segment.check_scan_part(group, id, opened.bytes_at(range)).unwrap();
        assert_eq!(part, vec![9; *row_count]);
        assert_eq!(opened.segment.scan_part_range(group, super::super::ScanPartId(3)), None);
    }
    let id = super::super::SectionId(super::super::SectionId::OBSERVED_MIN + 1);
    let range = opened.segment.section_range(id).unwrap();
    assert_eq!(opened.segment.check_section(id, opened.bytes_at(range)).unwrap(), b"all");
    let mut table = super::super::TraceTable::default();
    let bytes = opened.bytes_at(opened.segment.trace_table_range(0));
    opened.segment.decode_trace_table(0, bytes, &mut opened.decoder, &mut table).unwrap();
    assert!(table.fingerprint.iter().zip(&table.low).all(|(print, low)| *print == low * 3));
    assert_eq!(sorted(opened.spans().unwrap()), sorted(spans));
}

fn attribute() -> impl Strategy<Value = Attribute<'static>> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        any::<bool>().prop_map(Value::Bool),
        ".{0,12}".prop_map(|text| Value::String(text.into())),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Value::Bytes(bytes.into())),
        Just(Value::Empty),
    ];
    ("[a-c]", value).prop_map(|(key, value)| Attribute { key: key.into(), value })
}

prop_compose! {
    fn any_span()(
        low in 1..6_u64,
        high in 0..2_u64,
        id in 1..12_u64,
        parent in 0..14_u64,
        start in proptest::option::of(prop_oneof![0..5_u64, any::<u64>()]),
        duration in proptest::option::of(any::<u64>()),
        attributes in proptest::collection::vec(attribute(), 0..5),
        seed in any::<u64>(),
    ) -> Span<'static> {
        let mut span = testkit::seeded_span(seed);
        span.trace_id = TraceId::from_halves(high, low).unwrap();
        span.span_id = SpanId::new(id).unwrap();
        span.parent_id = SpanId::new(parent);
        (span.start_ns, span.duration_ns) = (start, duration);
        span.attributes = attributes;
        span
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_spans_in_any_chunks_come_back(
        spans in proptest::collection::vec(any_span(), 0..120),
        chunk_row_count in 1..50_usize,
        group_row_count_max in 1..50_usize,
    ) {
        let plan = Plan::new(chunks_of(&spans, chunk_row_count));
        let options =
            WriterOptions { folds_duplicates: false, ..small_groups(group_row_count_max) };
        let written = plan.write(options, Vec::new()).unwrap();
        let mut opened = written.open().unwrap();
        prop_assert_eq!(sorted(opened.spans().unwrap()), sorted(spans.clone()));
        for low in 1..6 {
            let of_trace = spans.iter().filter(|span| span.trace_id.low() == low).cloned();
            let expected = sorted(of_trace.collect());
            prop_assert_eq!(sorted(opened.trace(low).unwrap()), expected);
        }
    }
}

//! Spans are written and read back with the parquet crate; what is expected is made from the
//! model alone. `.ci/run parquet` compares the same with what DuckDB reads.

mod expected;
mod read;

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::parquet_to_arrow_schema;
use ::parquet::file::metadata::ParquetMetaData;
use arrow_schema::{DataType, Field};
use serde_json::{Value as Json, json};
use spandrel_model::{
    Attribute, Endpoint, Event, Resource, Scope, Span, SpanId, SpanKind, TraceId, Value,
};
use testkit::seeded_span;

use super::{Limits, ParquetExport};
use expected::row_of;
use read::{metadata_of, rows_of, trace_filter_says};

/// The folder that the file for DuckDB is written to.
const FOLDER_VARIABLE: &str = "SPANDREL_PARQUET_FOLDER";

fn exported(spans: &[Span<'_>], limits: Limits) -> Vec<u8> {
    let mut export = ParquetExport::with_limits(Vec::new(), limits).unwrap();
    for span in spans {
        export.write(span).unwrap();
    }
    export.finish().unwrap()
}

fn span() -> Span<'static> {
    Span::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap())
}

fn assert_comes_back(spans: &[Span<'_>], limits: Limits) {
    let rows = rows_of(exported(spans, limits));
    assert_eq!(rows.len(), spans.len());
    for (row, span) in rows.iter().zip(spans) {
        assert_eq!(*row, row_of(span), "{span:?}");
    }
}

/// Spans with the values that senders do not send every day.
fn odd_spans() -> Vec<Span<'static>> {
    let odd_text = "\0 \u{1f9e8} \"\\\n é";
    let mut latest = span();
    (latest.start_ns, latest.duration_ns) = (Some(u64::MAX), Some(u64::MAX));
    latest.trace_id = TraceId::new(u128::MAX).unwrap();
    latest.parent_id = SpanId::new(u64::MAX);
    latest.events = vec![Event::new(u64::MAX, odd_text), Event::new(0, "")];
    (latest.trace_flags, latest.dropped.links) = (u32::MAX, u32::MAX);
    let mut earliest = span();
    (earliest.start_ns, earliest.duration_ns) = (Some(0), Some(0));
    earliest.remote = Some(Endpoint::default());
    let mut named = span();
    named.name = odd_text.into();
    named.kind = Some(SpanKind::Consumer);
    named.resource = Arc::new(Resource {
        service_name: Some(odd_text.to_owned()),
        attributes: vec![Attribute::new("", odd_text)],
        dropped_attributes: 1,
    });
    named.scope = Some(Arc::new(Scope::default()));
    let mut valued = span();
    // The page's queries ask for this trace and this attribute.
    valued.trace_id = TraceId::parse("463ac35c9f6413ad").unwrap();
    valued.kind = Some(SpanKind::Producer);
    valued.attributes = vec![
        Attribute::new("repeated", "first"),
        Attribute { key: Cow::Borrowed(""), value: Value::Empty },
        Attribute::new("http.status_code", 503),
        Attribute::new("nan", f64::NAN),
        Attribute::new("least", i64::MIN),
        Attribute::new("bytes", Value::Bytes(Cow::Borrowed(&[0xff, 0x00]))),
        Attribute::new("array", Value::Array(vec![1.into(), odd_text.into()])),
        Attribute::new("map", Value::Map(vec![Attribute::new("k", true)])),
        Attribute::new("repeated", "last"),
    ];
    valued.status.message = "x".repeat(1 << 20).into();
    vec![span(), latest, earliest, named, valued]
}

/// Odd ones first, then many with something of everything.
fn many_spans(count: u64) -> Vec<Span<'static>> {
    odd_spans().into_iter().chain((0..count).map(seeded_span)).collect()
}

#[test]
fn every_field_of_a_seeded_span_comes_back() {
    assert_comes_back(&(0..2000).map(seeded_span).collect::<Vec<_>>(), Limits::default());
}

#[test]
fn odd_values_and_absent_ones_come_back() {
    assert_comes_back(&odd_spans(), Limits::default());
}

#[test]
fn of_a_repeated_key_the_last_value_is_kept_and_keys_are_in_order() {
    let mut span = span();
    for (key, value) in [("b", "1"), ("a", "2"), ("b", "3"), ("b", "4")] {
        span.attributes.push(Attribute::new(key, value));
    }
    let rows = rows_of(exported(&[span], Limits::default()));
    assert_eq!(rows[0]["attributes"], json!([["a", "2"], ["b", "4"]]));
}

#[test]
fn a_start_past_the_year_2262_is_a_time_and_exact() {
    let mut span = span();
    span.start_ns = Some(u64::MAX);
    let rows = rows_of(exported(&[span], Limits::default()));
    assert_eq!(rows[0]["start"], 18_446_744_073_709_551_u64);
    assert_eq!(rows[0]["start_ns"], u64::MAX);
}

#[test]
fn an_export_of_nothing_is_a_file_of_no_rows() {
    let file = exported(&[], Limits::default());
    let metadata = metadata_of(&file);
    assert_eq!(metadata.file_metadata().num_rows(), 0);
    assert_eq!(metadata.file_metadata().schema_descr().root_schema().get_fields().len(), 35);
    assert_eq!(rows_of(file), Vec::<Json>::new());
}

fn rows_per_group(metadata: &ParquetMetaData) -> Vec<i64> {
    metadata.row_groups().iter().map(|group| group.num_rows()).collect()
}

#[test]
fn a_row_group_ends_at_its_limit_of_spans_whatever_the_batches() {
    let spans: Vec<_> = (0..250).map(seeded_span).collect();
    for batch_spans_max in [1, 7, 100, 1000] {
        let limits = Limits { batch_spans_max, row_group_spans_max: 100, ..Limits::default() };
        assert_eq!(rows_per_group(&metadata_of(&exported(&spans, limits))), [100, 100, 50]);
        assert_comes_back(&spans, limits);
    }
}

#[test]
fn long_values_end_a_batch_and_a_row_group_early() {
    let mut spans: Vec<_> = (0..16).map(seeded_span).collect();
    for (at, span) in spans.iter_mut().enumerate() {
        // Of each another text: a dictionary would hold equal ones once.
        span.status.message = format!("{at} {}", "x".repeat(10_000)).into();
    }
    let limits =
        Limits { batch_bytes_max: 15_000, row_group_bytes_max: 30_000, ..Limits::default() };
    let groups = rows_per_group(&metadata_of(&exported(&spans, limits)));
    assert!(groups.len() >= 4, "{groups:?}");
    assert_comes_back(&spans, limits);
}

#[test]
fn a_row_group_tells_which_traces_and_times_it_may_hold() {
    let mut spans: Vec<_> = (0..200).map(seeded_span).collect();
    for (start_ns, span) in (1_000_000..).zip(&mut spans) {
        span.start_ns = Some(start_ns);
    }
    let file = exported(&spans, Limits { row_group_spans_max: 100, ..Limits::default() });
    for span in &spans[..100] {
        assert!(trace_filter_says(&file, 0, &span.trace_id.to_string()));
    }
    let strangers =
        (0..1000).filter(|at| trace_filter_says(&file, 0, &format!("{:016x}", 1000 + at)));
    assert!(strangers.count() < 100);
    let bounds = read::number_bounds(&metadata_of(&file), "start_ns");
    assert_eq!(bounds, [(1_000_000, 1_000_099), (1_000_100, 1_000_199)]);
}

#[test]
fn the_file_says_who_wrote_it_and_the_version_of_its_columns() {
    let metadata = metadata_of(&exported(&[span()], Limits::default()));
    let file = metadata.file_metadata();
    assert!(file.created_by().unwrap().starts_with("spandrel "));
    let pairs = file.key_value_metadata().unwrap();
    let version = pairs.iter().find(|pair| pair.key == "spandrel.schema_version").unwrap();
    assert_eq!(version.value.as_deref(), Some("1"));
}

#[test]
fn a_full_disk_is_told() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = ParquetExport::new(Full).and_then(|mut export| {
        export.write(&span())?;
        export.finish().map(drop)
    });
    let message = error.unwrap_err().to_string();
    assert!(message.contains("could not be written") && message.contains("no space"), "{message}");
}

/// A type as the page spells it.
fn type_name(field: &Field) -> String {
    let name = match field.data_type() {
        DataType::Utf8 => "text".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::UInt16 => "unsigned 16".to_owned(),
        DataType::UInt32 => "unsigned 32".to_owned(),
        DataType::UInt64 => "unsigned 64".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Map(..) => "map".to_owned(),
        DataType::List(_) => "list".to_owned(),
        other => other.to_string(),
    };
    if field.is_nullable() { name + ", null" } else { name }
}

#[test]
fn the_page_lists_the_columns_as_they_are() {
    let metadata = metadata_of(&exported(&[], Limits::default()));
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), None).unwrap();
    let mut columns = Vec::new();
    for field in schema.fields() {
        columns.push((field.name().clone(), type_name(field)));
        if let DataType::List(element) = field.data_type()
            && let DataType::Struct(parts) = element.data_type()
        {
            let parts = parts.iter();
            columns.extend(
                parts.map(|part| (format!("{}.{}", field.name(), part.name()), type_name(part))),
            );
        }
    }
    let page = include_str!("../../../../../docs/parquet.md");
    let listed: Vec<_> = page.lines().filter_map(column_of).collect();
    assert_eq!(listed, columns);
}

/// The name and the type in a row of a page's table of columns.
fn column_of(line: &str) -> Option<(String, String)> {
    let mut cells = line.strip_prefix("| `")?.split(" | ");
    let name = cells.next()?.strip_suffix('`')?;
    Some((name.to_owned(), cells.next()?.to_owned()))
}

/// Writes what `.ci/run parquet` compares: the file, and its rows as lines of JSON.
#[test]
#[ignore = "writes files for another program; .ci/run parquet names the folder and runs it"]
fn a_file_is_written_for_another_reader() {
    let folder = std::env::var(FOLDER_VARIABLE).expect(FOLDER_VARIABLE);
    let spans = many_spans(20_000);
    let limits = Limits { row_group_spans_max: 6000, ..Limits::default() };
    let mut export = {
        let file = File::create(Path::new(&folder).join("spans.parquet")).unwrap();
        ParquetExport::with_limits(file, limits).unwrap()
    };
    for span in &spans {
        export.write(span).unwrap();
    }
    export.finish().unwrap();
    let rows: String = spans.iter().map(|span| format!("{}\n", row_of(span))).collect();
    fs::write(Path::new(&folder).join("rows.jsonl"), rows).unwrap();
}

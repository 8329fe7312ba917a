//! Spans as a Parquet file, one row a span, for DuckDB, ClickHouse, Spark and their like.
//!
//! What the columns mean is in `docs/parquet.md`. This module opens no file, and it never reads
//! one: Parquet is a way out. Values become text here, so what must come back with every type
//! is exported as OTLP instead.

mod columns;
mod nested;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Write;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use ::parquet::schema::types::ColumnPath;
use spandrel_model::Span;

use columns::SpanColumns;

/// The version of the columns, in the file's metadata under [`SCHEMA_VERSION_KEY`]. It rises
/// when a column changes its meaning or goes; a new column leaves it as it is.
const SCHEMA_VERSION: &str = "1";
const SCHEMA_VERSION_KEY: &str = "spandrel.schema_version";

/// Columns whose values hardly ever repeat: a dictionary of them only costs.
const IDS: [&str; 3] = ["trace_id", "span_id", "parent_span_id"];

/// Columns of numbers that are close to their neighbours' in a file that is ordered by trace.
const NUMBERS: [&str; 3] = ["start", "start_ns", "duration_ns"];

/// How often the filter of a row group may say yes to a trace that is not in it.
const TRACE_FILTER_FALSE_POSITIVES: f64 = 0.01;

/// Writes spans to a Parquet file as they come, in bounded memory.
///
/// The file is readable only after [`finish`](Self::finish): dropping the export leaves a file
/// without its footer, which every reader refuses. After an error the file is lost.
pub(crate) struct ParquetExport<W: Write + Send> {
    writer: ArrowWriter<W>,
    columns: SpanColumns,
    limits: Limits,
}

/// What an export holds in memory before it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Spans that wait to be encoded.
    pub batch_spans_max: usize,
    /// Bytes of the spans that wait, past which the next one does not. The last span may be as
    /// long as it is.
    pub batch_bytes_max: usize,
    /// Spans of one row group.
    pub row_group_spans_max: usize,
    /// Encoded bytes of one row group, as the encoder estimates them. A row group is held in
    /// memory until it is whole.
    pub row_group_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_spans_max: 4096,
            batch_bytes_max: 8 << 20,
            row_group_spans_max: 100_000,
            row_group_bytes_max: 64 << 20,
        }
    }
}

/// Why a Parquet file could not be written: the output refused the bytes, or is full.
#[derive(Debug, thiserror::Error)]
#[error("the Parquet file could not be written: {0}")]
pub(crate) struct ParquetExportError(#[from] ParquetError);

impl<W: Write + Send> ParquetExport<W> {
    /// Starts a file at the beginning of `output`. It writes in large pieces, so `output` needs
    /// no buffer of its own.
    pub(crate) fn new(output: W) -> Result<Self, ParquetExportError> {
        Self::with_limits(output, Limits::default())
    }

    /// Starts a file with limits other than the default ones.
    pub(crate) fn with_limits(output: W, limits: Limits) -> Result<Self, ParquetExportError> {
        let mut columns = SpanColumns::default();
        // The Arrow schema would be a second, redundant one beside Parquet's own.
        let options = ArrowWriterOptions::new()
            .with_properties(properties(&limits))
            .with_skip_arrow_metadata(true);
        let schema = columns.finish().schema();
        let writer = ArrowWriter::try_new_with_options(output, schema, options)?;
        Ok(Self { writer, columns, limits })
    }

    /// Adds a row. Spans of one trace belong next to each other: the file gets smaller, and
    /// a reader that looks for the trace skips more of it.
    pub(crate) fn write(&mut self, span: &Span<'_>) -> Result<(), ParquetExportError> {
        self.columns.append(span);
        let is_full = self.columns.len() >= self.limits.batch_spans_max
            || self.columns.bytes_len() >= self.limits.batch_bytes_max;
        if is_full { self.encode_batch() } else { Ok(()) }
    }

    /// Writes what is left and the footer, and gives the output back. Whether the bytes are on
    /// stable storage is the output's affair.
    pub(crate) fn finish(mut self) -> Result<W, ParquetExportError> {
        self.encode_batch()?;
        Ok(self.writer.into_inner()?)
    }

    fn encode_batch(&mut self) -> Result<(), ParquetExportError> {
        Ok(self.writer.write(&self.columns.finish())?)
    }
}

impl<W: Write + Send> fmt::Debug for ParquetExport<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetExport")
            .field("spans_waiting", &self.columns.len())
            .field("bytes_written", &self.writer.bytes_written())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn properties(limits: &Limits) -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    let version = KeyValue::new(SCHEMA_VERSION_KEY.to_owned(), SCHEMA_VERSION.to_owned());
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("spandrel ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![version]))
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(limits.row_group_spans_max))
        .set_max_row_group_bytes(Some(limits.row_group_bytes_max));
    for name in IDS {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for name in NUMBERS {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    filter_by_trace(builder, limits.row_group_spans_max).build()
}

fn filter_by_trace(builder: WriterPropertiesBuilder, traces_max: usize) -> WriterPropertiesBuilder {
    let trace_id = || ColumnPath::from("trace_id");
    builder
        .set_column_bloom_filter_enabled(trace_id(), true)
        .set_column_bloom_filter_fpp(trace_id(), TRACE_FILTER_FALSE_POSITIVES)
        .set_column_bloom_filter_max_ndv(trace_id(), traces_max as u64)
}

//! Reads a Parquet file with the parquet crate, as JSON of the shape that `expected` makes.

use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::properties::ReaderProperties;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::file::serialized_reader::ReadOptionsBuilder;
use ::parquet::file::statistics::Statistics;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, StructArray};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

pub(super) fn rows_of(file: Vec<u8>) -> Vec<Json> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap();
    let batches = reader.build().unwrap().map(Result::unwrap);
    batches.flat_map(|batch| struct_rows(&StructArray::from(batch))).collect()
}

fn struct_rows(rows: &StructArray) -> Vec<Json> {
    (0..rows.len()).map(|at| struct_at(rows, at)).collect()
}

fn struct_at(rows: &StructArray, at: usize) -> Json {
    let columns = rows.column_names().into_iter().zip(rows.columns());
    let cells = columns.map(|(name, column)| (name.to_owned(), cell(column, at)));
    Json::Object(cells.collect::<Map<_, _>>())
}

fn cell(column: &dyn Array, at: usize) -> Json {
    if column.is_null(at) {
        return Json::Null;
    }
    match column.data_type() {
        DataType::Utf8 => json!(column.as_string::<i32>().value(at)),
        DataType::Boolean => json!(column.as_boolean().value(at)),
        DataType::UInt16 => json!(column.as_primitive::<UInt16Type>().value(at)),
        DataType::UInt32 => json!(column.as_primitive::<UInt32Type>().value(at)),
        DataType::UInt64 => json!(column.as_primitive::<UInt64Type>().value(at)),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => {
            json!(column.as_primitive::<TimestampMicrosecondType>().value(at))
        }
        DataType::List(_) => json!(struct_rows(column.as_list::<i32>().value(at).as_struct())),
        DataType::Map(..) => {
            let entries = column.as_map().value(at);
            let pair = |at| json!([cell(entries.column(0), at), cell(entries.column(1), at)]);
            (0..entries.len()).map(pair).collect()
        }
        other => panic!("no column is of the type {other}"),
    }
}

pub(super) fn metadata_of(file: &[u8]) -> Arc<ParquetMetaData> {
    let file = Bytes::copy_from_slice(file);
    Arc::clone(ParquetRecordBatchReaderBuilder::try_new(file).unwrap().metadata())
}

/// What the filter of a row group says of a trace.
pub(super) fn trace_filter_says(file: &[u8], row_group: usize, trace_id: &str) -> bool {
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
    let file = Bytes::copy_from_slice(file);
    let reader = SerializedFileReader::new_with_options(file, options).unwrap();
    let group = reader.get_row_group(row_group).unwrap();
    group.get_column_bloom_filter(0).expect("trace_id has a filter").check(&trace_id)
}

/// The least and the greatest value of a column, row group by row group.
pub(super) fn number_bounds(metadata: &ParquetMetaData, name: &str) -> Vec<(i64, i64)> {
    let groups = metadata.row_groups().iter();
    let columns = groups.flat_map(|group| group.columns());
    let columns = columns.filter(|column| column.column_path().string() == name);
    let statistics = columns.map(|column| match column.statistics() {
        Some(Statistics::Int64(numbers)) => {
            (*numbers.min_opt().unwrap(), *numbers.max_opt().unwrap())
        }
        other => panic!("{name} has {other:?}"),
    });
    statistics.collect()
}

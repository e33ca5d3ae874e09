//! What lies on disk, as another program would read it: the open layout is a promise.

use std::fs::File;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int8Type, Int64Type, UInt64Type};
use cepmon_model::SeriesId;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;

use super::*;

fn read(path: &Path) -> (ParquetRecordBatchReaderBuilder<File>, RecordBatch) {
    let open = || ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let batch = open().build().unwrap().next().unwrap().unwrap();
    (open(), batch)
}

#[test]
fn a_block_has_the_columns_the_order_and_the_footer_of_the_open_layout() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let stale = cepmon_model::stale_nan();
    append(&storage, &[(1, 1000, 0.5), (1, 2000, 12.25), (0, 1000, 7.0), (0, 2000, stale), (2, 1000, 0.1 + 0.2), (2, 2000, -0.0)]);
    storage.flush().unwrap();
    let block = dir.path().join("default/metrics/00000001");
    let (file, samples) = read(&block.join("samples.parquet"));
    let names: Vec<&str> = samples.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["series_id", "ts", "v_int", "scale", "v_f64"]);
    let notes = file.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(notes.iter().any(|note| note.key == "cepmon.format" && note.value.as_deref() == Some("1")));
    let chunk = file.metadata().row_group(0).column(0);
    assert!(matches!(chunk.compression(), Compression::ZSTD(_)));
    assert!(chunk.statistics().is_some() && chunk.offset_index_offset().is_some());
    let id = |number| SeriesId::of("default", &labels(number), 0).0;
    let ids = samples.column(0).as_primitive::<UInt64Type>();
    assert_eq!(ids.values().as_ref(), [id(0), id(0), id(1), id(1), id(2), id(2)]);
    let whole: Vec<Option<i64>> = samples.column(2).as_primitive::<Int64Type>().iter().collect();
    let scale: Vec<Option<i8>> = samples.column(3).as_primitive::<Int8Type>().iter().collect();
    let float: Vec<Option<u64>> = samples.column(4).as_primitive::<Float64Type>().iter().map(|value| value.map(f64::to_bits)).collect();
    assert_eq!(whole, [Some(7), None, Some(50), Some(1225), None, None]);
    assert_eq!(scale, [Some(0), None, Some(2), Some(2), None, None]);
    assert_eq!(float, [None, None, None, None, Some((0.1f64 + 0.2).to_bits()), Some((-0.0f64).to_bits())]);

    let (_, series) = read(&block.join("series.parquet"));
    let names: Vec<&str> = series.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["series_id", "metric", "labels", "type", "unit", "help", "first_row", "rows", "min_ts", "max_ts"]);
    let metrics: Vec<&str> = series.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(metrics, ["m0", "m1", "m2"]);
    let first_rows = series.column(6).as_primitive::<Int64Type>().values();
    assert_eq!(first_rows.as_ref(), [0, 2, 4]);
}

#[test]
fn the_manifest_can_be_read_by_people() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1000, 1.0)]);
    storage.flush().unwrap();
    let text = std::fs::read_to_string(dir.path().join("MANIFEST")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["format"], 1);
    assert_eq!(manifest["blocks"][0]["kind"], "metrics");
    assert_eq!((manifest["blocks"][0]["rows"].as_u64(), manifest["blocks"][0]["min_ts"].as_i64()), (Some(1), Some(1000)));
}

#[test]
fn leftovers_of_an_unfinished_flush_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let metrics = dir.path().join("default/metrics");
    std::fs::create_dir_all(metrics.join("00000009.tmp")).unwrap();
    std::fs::create_dir_all(metrics.join("00000008")).unwrap();
    std::fs::write(dir.path().join("MANIFEST.tmp"), "{").unwrap();
    let (_storage, report) = Storage::open(options(dir.path())).unwrap();
    assert_eq!(report.removed_files, 3);
    assert_eq!(std::fs::read_dir(metrics).unwrap().count(), 0);
}

//! Every format on the same answers.
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, MapBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{Int32Type, Schema};
use expect_test::expect;

use crate::QueryResult;
use crate::format::{arrow, csv, json, parquet, table};

fn result(columns: Vec<(&str, ArrayRef)>) -> QueryResult {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap();
    QueryResult { schema: batch.schema(), batches: vec![batch], truncated: false, warnings: Vec::new() }
}

fn every_kind() -> QueryResult {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    maps.keys().append_value("job");
    maps.values().append_value("a \"b\"");
    maps.append(true).unwrap();
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    result(vec![
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![Some(1_767_225_600_001), None, Some(i64::MAX)]))),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![Some(1_767_225_600_000_000_001), Some(-1), None]).with_timezone("+00:00"))),
        ("float", Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(f64::NEG_INFINITY), Some(0.1)]))),
        ("whole", Arc::new(Float64Array::from(vec![Some(8e9), Some(1e300), Some(-0.0)]))),
        ("int", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(0), None]))),
        ("id", Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("text", Arc::new(StringArray::from(vec![Some("a,\"b\"\n"), Some(""), Some("\u{1b}[31mé")]))),
        ("map", Arc::new(maps.finish())),
        ("word", Arc::new(vec![Some("x"), None, Some("x")].into_iter().collect::<DictionaryArray<Int32Type>>())),
    ])
}

#[test]
fn json_writes_every_kind_of_cell() {
    let text = json(&every_kind());
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    expect![[r#"
        {"columns":[{"name":"ts","type":"timestamp"},{"name":"at","type":"timestamp"},{"name":"float","type":"float64"},{"name":"whole","type":"float64"},{"name":"int","type":"int64"},{"name":"id","type":"uint64"},{"name":"flag","type":"bool"},{"name":"text","type":"string"},{"name":"map","type":"map"},{"name":"word","type":"string"}],"rows":[["2026-01-01T00:00:00.001Z","2026-01-01T00:00:00.000000001Z","NaN",8000000000,-9223372036854775808,18446744073709551615,true,"a,\"b\"\n",{"job":"a \"b\""},"x"],
        [null,"1969-12-31T23:59:59.999999999Z","-Inf",1e300,0,1,false,"",{},null],
        ["9223372036854775807",null,0.1,-0,null,2,null,"\u001b[31mé",null,"x"]]}"#]].assert_eq(&text.replace("],[", "],\n["));
}

#[test]
fn csv_quotes_what_rfc_4180_wants_quoted() {
    expect![[r#"
        ts,at,float,whole,int,id,flag,text,map,word|
        2026-01-01T00:00:00.001Z,2026-01-01T00:00:00.000000001Z,NaN,8000000000,-9223372036854775808,18446744073709551615,true,"a,""b""
        ","{""job"":""a \""b\""""}",x|
        ,1969-12-31T23:59:59.999999999Z,-Inf,1e300,0,1,false,"",{},|
        9223372036854775807,,0.1,-0,,2,,[31mé,,x|
    "#]]
    .assert_eq(&csv(&every_kind()).replace("\r\n", "|\n"));
}

#[test]
fn the_text_table_is_aligned_and_harmless() {
    expect![[r#"
        ts                        at                              float       whole                   int                    id  flag   text         map                word
        ------------------------  ------------------------------  -----  ----------  --------------------  --------------------  -----  -----------  -----------------  ----
        2026-01-01T00:00:00.001Z  2026-01-01T00:00:00.000000001Z    NaN  8000000000  -9223372036854775808  18446744073709551615  true   a,"b"\n      {"job":"a \"b\""}  x
                                  1969-12-31T23:59:59.999999999Z   -Inf       1e300                     0                     1  false               {}
        9223372036854775807                                         0.1          -0                                           2         \u{1b}[31mé                     x
        (3 rows)
    "#]].assert_eq(&table(&every_kind()));
}

#[test]
fn an_answer_without_rows_keeps_its_columns() {
    let empty = result(vec![("x", Arc::new(Int64Array::from(Vec::<i64>::new())))]);
    assert_eq!(json(&empty), r#"{"columns":[{"name":"x","type":"int64"}],"rows":[]}"#);
    assert_eq!(csv(&empty), "x\r\n");
    assert_eq!(table(&empty), "x\n-\n(0 rows)\n");
}

#[test]
fn what_is_missing_and_what_to_know_stand_beside_the_rows() {
    let mut result = result(vec![("x", Arc::new(Int64Array::from(vec![1])))]);
    result.truncated = true;
    result.warnings.push("say \"so\"".to_owned());
    assert_eq!(json(&result), r#"{"columns":[{"name":"x","type":"int64"}],"rows":[[1]],"truncated":true,"warnings":["say \"so\""]}"#);
}

#[test]
fn parquet_and_arrow_read_back() {
    let result = every_kind();
    let bytes = parquet(&result).unwrap();
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes::Bytes::from(bytes), 1024).unwrap();
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 3);
    let bytes = arrow(&result).unwrap();
    let batches: Vec<RecordBatch> =
        ::arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches[0].column_by_name("id").unwrap(), result.batches[0].column_by_name("id").unwrap());
    assert_eq!(*batches[0].schema(), Schema::clone(&result.schema));
}

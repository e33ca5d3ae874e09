//! Bodies in, columns out as text; and the conformance inputs where their folder is at hand.

use super::*;
use cepmon_sdk::testing::exposition;

fn text(body: &str) -> String {
    exposition(&parse(body.as_bytes().to_vec(), Format::Text, Options::default()).unwrap())
}

fn refuse(body: &str, format: Format, want: &str) {
    let error = parse(body.as_bytes().to_vec(), format, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot parse the body: {want}"), "{body:?}");
}

/// The body, and what comes of it beside it.
macro_rules! fixture {
    ($name:literal, $format:expr) => {{
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/");
        let body = std::fs::read(format!("{folder}{}", $name)).unwrap();
        let columns = parse(body, $format, Options::default()).unwrap();
        let expected = expect_test::expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/", $name, ".expected")];
        expected.assert_eq(&exposition(&columns));
    }};
}

#[test]
fn a_text_body_keeps_the_bytes_of_its_series() {
    fixture!("shop.txt", Format::Text);
}

#[test]
fn an_openmetrics_body_has_units_and_times() {
    fixture!("shop.openmetrics", Format::OpenMetrics);
}

/// The shape of earlier lines must not change what a line means.
#[test]
fn every_line_is_parsed_as_if_it_stood_alone() {
    let lines = [
        "m{a=\"1\",b=\"x\"} 1",
        "m{a=\"2\",b=\"\"} 2.5",
        "m{a=\"a longer value\",b=\"q\\\"\\\\\"} 3 1700000000000",
        "m{a=\"\\\\\",b=\"two\nlines\"} 4",
        "m{a=\"1\"} 5",
        "m{a=\"1\",b=\"x\",c=\"y\"} 6",
        "m{a=\"1\",b=\"x\",} 7",
        "m{b=\"1\",a=\"x\"} 8",
        "mm{a=\"1\",b=\"x\"} 9",
        "m {a=\"1\",b=\"x\"} 10",
        "m 11",
        "m{} 12",
        "{\"m\",a=\"1\"} 13",
        "m{\"a.b\"=\"1\"} 14",
        "# TYPE m gauge",
        "m{a=\"1\",b=\"x\"}15",
    ];
    for first in lines {
        for second in lines {
            // Each twice in a row, so that its shape is learned before the other one comes.
            let body = [first, first, second, second, first].map(|line| format!("{line}\n")).concat();
            let together = samples(&body);
            let alone: Vec<_> = [first, first, second, second, first].iter().flat_map(|line| samples(&format!("{line}\n"))).collect();
            assert_eq!(together, alone, "{body}");
        }
    }
}

fn samples(body: &str) -> Vec<(String, f64)> {
    let columns = parse(body.into(), Format::Text, Options::default()).unwrap();
    let text = |span: &[u32]| String::from_utf8(columns.text[span[0] as usize..][..span[1] as usize].to_vec()).unwrap();
    columns.series.chunks(2).map(text).zip(columns.values.iter().copied()).collect()
}

#[test]
fn histogram_samples_belong_to_their_family() {
    let body = "# TYPE d histogram\nd_bucket{le=\"1\"} 2\nd_bucket{le=\"+Inf\"} 3\nd_sum 4.5\nd_count 3\nd_other 1\nd 7\n";
    let columns = parse(body.into(), Format::Text, Options::default()).unwrap();
    let runs: Vec<(&str, u32)> = columns.families.iter().map(|family| (family.kind.as_str(), family.samples)).collect();
    assert_eq!(runs, [("histogram", 4), ("unknown", 1), ("unknown", 1)]);
}

#[test]
fn help_is_unescaped_and_quoted_names_are_taken() {
    expect_test::expect![[r#"
        # HELP temp.outside in \ of
        the "house"
        # TYPE temp.outside gauge
        {"temp.outside","räum"="flur"} NaN
    "#]]
    .assert_eq(&text(
        "# HELP \"temp.outside\" in \\\\ of\\nthe \\\"house\\\"\n# TYPE \"temp.outside\" gauge\n{\"temp.outside\",\"räum\"=\"flur\"} NaN",
    ));
}

#[test]
fn openmetrics_has_units_exemplars_and_seconds() {
    let body = "# TYPE job_seconds counter\n# UNIT job_seconds seconds\n# HELP job_seconds Time in jobs.\n\
                job_seconds_total{q=\"a\"} 17.0 1700000001.125 # {trace_id=\"4bf92f35\"} 0.75 1700000001.5\njob_seconds_total{q=\"b\"} 2\n# EOF\n";
    let columns = parse(body.into(), Format::OpenMetrics, Options::default()).unwrap();
    assert_eq!(columns.timestamps_ms, [1_700_000_001_125, i64::MIN]);
    assert_eq!(columns.exemplars.len(), 1);
    let exemplar = &columns.exemplars[0];
    let labels = &columns.text[exemplar.labels.start as usize..][..exemplar.labels.len as usize];
    assert_eq!(labels, b"{trace_id=\"4bf92f35\"}");
    assert_eq!((exemplar.sample, exemplar.value, exemplar.timestamp_ms), (0, 0.75, Some(1_700_000_001_500)));
    assert_eq!(columns.families[0].samples, 2);
    let without = parse(body.into(), Format::OpenMetrics, Options { honor_timestamps: false }).unwrap();
    assert!(without.timestamps_ms.is_empty());
}

#[test]
fn the_first_error_fails_the_body_and_names_its_line() {
    refuse("a 1\nb{c=\"d\" 2\n", Format::Text, "line 2: expected label name while parsing: \"b{c=\\\"d\\\" 2\"");
    refuse("a 1\n\nb x\n", Format::Text, "line 3: invalid syntax of a number while parsing: \"b x\"");
    refuse("a\n", Format::Text, "line 1: expected value after metric while parsing: \"a\\n\"");
    refuse("<html>\n", Format::Text, "line 1: expected a valid start token while parsing: \"<\"");
    refuse("# TYPE a thing\n", Format::Text, "line 1: invalid metric type \"thing\" while parsing: \"# TYPE a t\"");
    refuse("a 1\n", Format::OpenMetrics, "line 2: data does not end with # EOF while parsing: \"\"");
    refuse("a 1\n# EOF\nb 1\n", Format::OpenMetrics, "line 3: unexpected data after # EOF while parsing: \"b\"");
}

#[test]
fn hostile_bodies_are_refused_without_a_panic() {
    for body in [
        "{",
        "{\"",
        "a{",
        "a{b",
        "a{b=",
        "a{b=\"",
        "a{b=\"\\",
        "a{b=\"c\\\"",
        "a{b=\"c\"",
        "# TYPE \"",
        "# TYPE \"a\\",
        "a{b=\"c\"}",
        "{}",
        "-",
        "a 1 2 3",
    ] {
        for format in [Format::Text, Format::OpenMetrics] {
            assert!(parse(body.into(), format, Options::default()).is_err(), "{body:?} as {format:?}");
        }
    }
}

#[test]
fn the_content_type_names_the_format() {
    let f = |value: &str, want| assert_eq!(Format::of_content_type(value.as_bytes()), want, "{value}");
    f("application/openmetrics-text; version=1.0.0; charset=utf-8", Some(Format::OpenMetrics));
    f("Application/OpenMetrics-Text", Some(Format::OpenMetrics));
    f("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", Some(Format::Protobuf));
    f("text/plain; version=0.0.4", Some(Format::Text));
    f("text/html", None);
    f("", None);
}

/// A field that holds bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn double(field: u8, value: f64) -> Vec<u8> {
    [&[field << 3 | 1], &value.to_le_bytes()[..]].concat()
}

fn message(fields: &[Vec<u8>]) -> Vec<u8> {
    fields.concat()
}

/// A family behind its length.
fn proto_family(name: &str, kind: u8, metric: &[u8]) -> Vec<u8> {
    let family = message(&[bytes(1, name.as_bytes()), bytes(2, b"Help."), number(3, kind), bytes(4, metric)]);
    [&[family.len() as u8], &family[..]].concat()
}

#[test]
fn protobuf_becomes_the_series_of_the_text_format() {
    let pair = |name: &str, value: &str| bytes(1, &message(&[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())]));
    let bucket = |count: u8, bound: f64| bytes(3, &message(&[number(1, count), double(2, bound)]));
    let trace = message(&[pair("trace_id", "t"), double(2, 0.5), bytes(3, &number(1, 7))]);
    let counter = message(&[double(1, 3.0), bytes(2, &trace), bytes(3, &number(1, 5))]);
    let body = message(&[
        proto_family("hits_total", 0, &message(&[pair("path", "a\"b"), bytes(3, &counter)])),
        proto_family("queue", 1, &message(&[bytes(2, &double(1, -1.5)), number(6, 9)])),
        proto_family("lat", 4, &bytes(7, &message(&[number(1, 4), double(2, 2.5), bucket(1, 0.5), bucket(3, 1.0)]))),
        proto_family("rtt", 2, &bytes(4, &message(&[number(1, 2), double(2, 1.0), bytes(3, &message(&[double(1, 0.9), double(2, 7.0)]))]))),
        proto_family("native", 4, &bytes(7, &message(&[number(1, 4), double(2, 2.5), number(5, 3)]))),
        proto_family("a.b", 3, &bytes(5, &double(1, 1.0))),
    ]);
    let columns = parse(body, Format::Protobuf, Options::default()).unwrap();
    let text = |start: u32, len: u32| std::str::from_utf8(&columns.text[start as usize..(start + len) as usize]).unwrap();
    let lines: Vec<String> =
        columns.series.chunks(2).zip(&columns.values).map(|(span, value)| format!("{} {value}", text(span[0], span[1]))).collect();
    assert_eq!(
        lines,
        [
            r#"hits_total{path="a\"b"} 3"#,
            "queue -1.5",
            "lat_count 4",
            "lat_sum 2.5",
            r#"lat_bucket{le="0.5"} 1"#,
            r#"lat_bucket{le="1.0"} 3"#,
            r#"lat_bucket{le="+Inf"} 4"#,
            "rtt_count 2",
            "rtt_sum 1",
            r#"rtt{quantile="0.9"} 7"#,
            "native_count 4",
            "native_sum 2.5",
            r#"native_bucket{le="+Inf"} 4"#,
            r#"{"a.b"} 1"#,
        ]
    );
    assert_eq!((columns.timestamps_ms[0], columns.timestamps_ms[1], columns.start_times_ms[0]), (i64::MIN, 9, 5_000));
    let exemplar = &columns.exemplars[0];
    assert_eq!((text(exemplar.labels.start, exemplar.labels.len), exemplar.timestamp_ms), (r#"{trace_id="t"}"#, Some(7_000)));
    assert_eq!(columns.warnings, ["1 native histograms are left out but for count and sum"]);
    assert_eq!(columns.families.iter().map(|family| family.samples).sum::<u32>(), 14);
}

#[test]
fn broken_protobuf_is_refused_whole() {
    let body = proto_family("queue", 1, &bytes(2, &double(1, 1.0)));
    for end in 1..body.len() {
        let error = parse(body[..end].to_vec(), Format::Protobuf, Options::default()).unwrap_err().to_string();
        assert!(error.starts_with("cannot parse the body: it ends in the middle"), "{error}");
    }
    assert!(parse(vec![0xff; 20], Format::Protobuf, Options::default()).is_err());
}

/// Runs where `CEPMON_CONFORMANCE` names the folder of the conformance inputs, which are not part of this repository.
#[test]
fn conformance_inputs_are_taken_and_refused_as_prometheus_does() {
    let Ok(folder) = std::env::var("CEPMON_CONFORMANCE") else {
        return;
    };
    let cases = std::fs::read_to_string(format!("{folder}/prometheus/exposition.jsonl")).unwrap();
    let mut differing = Vec::new();
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let body = match &case["input"] {
            serde_json::Value::String(body) => body.clone().into_bytes(),
            hex => from_hex(hex["bytes_hex"].as_str().unwrap()),
        };
        let format = if case["format"] == "openmetrics" { Format::OpenMetrics } else { Format::Text };
        let source = case["src"].as_str().unwrap();
        let is_valid = case["valid"].as_bool().unwrap();
        // The parser of client libraries (`expfmt`) refuses more than a scrape does; a bare end mark is the end of its test and no refusal.
        let is_stricter_than_a_scrape = !is_valid && source.contains("expfmt");
        let is_end_mark = case["message"] == "EOF";
        // Two inputs disagree about a unit that the metric's name does not end in; the scraper's own is followed.
        let is_foreign_unit =
            source.contains("openmetrics_create") && case["input"].as_str().is_some_and(|body| body.contains("# UNIT some_measure "));
        let result = parse(body, format, Options::default());
        if is_stricter_than_a_scrape || is_end_mark || is_foreign_unit {
            continue;
        }
        if result.is_ok() != is_valid {
            differing.push(format!("{}: {} wanted {}: {:?}", case["src"], case["input"], case["message"], result.map(|_| ())));
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap()).collect()
}

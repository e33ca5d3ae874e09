//! The reader over tiny data directories: both index versions, selection, damage, the head, archives.

use std::fs;
use std::path::Path;

use cepmon_model::{LabelSet, Matcher, Sample, stale_nan};

use super::testing::*;
use crate::{Findings, Selection, Tsdb};

const FIRST: &str = "01HF000000000000000000000A";
const SECOND: &str = "01HF000000000000000000000B";

fn labels(name: &str, job: &str) -> LabelSet {
    LabelSet::from_pairs([("__name__", name), ("job", job)])
}

fn meta(min: i64, max: i64, compaction: &str) -> String {
    format!(
        r#"{{"ulid":"x","minTime":{min},"maxTime":{max},"stats":{{"numSamples":9,"numSeries":2}},"compaction":{{"level":1{compaction}}},"version":1}}"#
    )
}

/// Values and times that need every form of the encoding.
fn odd_samples() -> Vec<Sample> {
    let times = [-5, 15_000, 30_000, 45_001, 60_000, 140_000, 400_000, 10_400_000, 10_400_001, 8_000_000_000_000];
    let values = [0.0, 1.5, 1.5, -1.0, f64::INFINITY, stale_nan(), 1e-300, 12.25, 12.75, f64::MAX];
    times.into_iter().zip(values).map(|(timestamp, value)| sample(timestamp, value)).collect()
}

fn text(labels: &LabelSet, samples: &[Sample]) -> String {
    let samples: Vec<String> = samples.iter().map(|sample| format!("{}@{:x}", sample.timestamp, sample.value.to_bits())).collect();
    format!("{labels} {}", samples.join(" "))
}

/// Everything that is read: blocks, then the head.
fn read(root: &Path, selection: &Selection) -> (Vec<String>, Findings) {
    let tsdb = Tsdb::open(root, root.parent().unwrap()).unwrap();
    let mut found = Vec::new();
    let mut sink = |labels: &LabelSet, samples: &[Sample]| {
        found.push(text(labels, samples));
        Ok(())
    };
    let mut findings = tsdb.findings().clone();
    for block in tsdb.blocks() {
        findings.add(tsdb.read_block(block, selection, &mut sink).unwrap());
    }
    findings.add(tsdb.read_head(selection, &mut sink).unwrap());
    (found, findings)
}

#[test]
fn blocks_of_both_index_versions_are_read() {
    for index_version in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let series = [(labels("a", "x"), odd_samples()), (labels("b", "ünï"), vec![sample(1, 2.0)])];
        write_block(
            dir.path(),
            &Block { ulid: FIRST, index_version, meta: &meta(-5, 8_000_000_000_001, ""), series: &series, deleted: &[] },
        );
        let (found, findings) = read(dir.path(), &Selection::default());
        let want: Vec<String> = series.iter().map(|(labels, samples)| text(labels, samples)).collect();
        assert_eq!((found, findings.problems), (want, Vec::new()), "version {index_version}");
        assert_eq!((findings.samples, findings.series), (11, 2));
    }
}

#[test]
fn only_what_is_selected_and_not_deleted_is_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let samples = |times: &[i64]| times.iter().map(|time| sample(*time, *time as f64)).collect::<Vec<_>>();
    let series = [(labels("a", "x"), samples(&[1, 2, 3, 4, 5])), (labels("b", "x"), samples(&[3]))];
    let deleted = [(0, 2, 2), (0, 4, 9)];
    write_block(dir.path(), &Block { ulid: FIRST, index_version: 2, meta: &meta(1, 6, ""), series: &series, deleted: &deleted });
    let selection = Selection { selectors: vec![vec![Matcher::equal("__name__", "a")]], start: 2, ..Selection::default() };
    assert_eq!(read(dir.path(), &selection).0, [text(&series[0].0, &samples(&[3]))]);
    assert_eq!(read(dir.path(), &Selection { start: 100, ..Selection::default() }).0, [""; 0]);
}

#[test]
fn what_went_into_a_larger_block_is_not_read_twice() {
    let dir = tempfile::tempdir().unwrap();
    let series = [(labels("a", "x"), vec![sample(1, 1.0)])];
    let of = |ulid, meta: String| write_block(dir.path(), &Block { ulid, index_version: 2, meta: &meta, series: &series, deleted: &[] });
    of(FIRST, meta(1, 2, ""));
    of(SECOND, meta(1, 2, &format!(r#","parents":[{{"ulid":"{FIRST}"}}]"#)));
    let tsdb = Tsdb::open(dir.path(), dir.path()).unwrap();
    assert_eq!(tsdb.blocks().iter().map(|block| block.ulid.as_str()).collect::<Vec<_>>(), [SECOND]);
}

#[test]
fn damage_is_named_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let series = [(labels("a", "x"), vec![sample(1, 1.0)]), (labels("b", "x"), vec![sample(1, 2.0)])];
    let write = |ulid| write_block(dir.path(), &Block { ulid, index_version: 2, meta: &meta(1, 2, ""), series: &series, deleted: &[] });
    write(FIRST);
    let flip = |file: &str, at: usize| {
        let path = dir.path().join(FIRST).join(file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let check = |file: &str, at: usize, want: &[&str], problem: &str| {
        write(FIRST);
        flip(file, at);
        let (found, findings) = read(dir.path(), &Selection::default());
        let found: Vec<&str> = found.iter().map(|line| &line[..1]).collect();
        assert_eq!(found, want, "{file} {at}");
        assert!(findings.problems.len() == 1 && findings.problems[0].contains(problem), "{:?}", findings.problems);
        assert!(findings.problems[0].contains(FIRST), "{:?}", findings.problems);
    };
    check("chunks/000001", 12, &["b"], "chunk of a{job=\"x\"} (segment 000001, byte 8): its checksum is wrong");
    check("chunks/000001", 0, &[], "cannot read its segment 000001");
    check("index", 8, &[], "cannot read its index: its checksum is wrong");
    check("tombstones", 8, &[], "cannot read its tombstones");
    check("meta.json", 0, &[], "cannot understand meta.json");
    let index_len = fs::read(dir.path().join(FIRST).join("index")).unwrap().len();
    check("index", index_len - 52 - 5, &["a"], "cannot read a series of its index");
    write(FIRST);
    fs::remove_file(dir.path().join(FIRST).join("chunks/000001")).unwrap();
    assert_eq!(read(dir.path(), &Selection::default()).1.problems.len(), 1);
}

/// A head with a checkpoint, every compression, a full chunk that the log has too, late samples, a deletion.
fn write_head(root: &Path) -> [LabelSet; 2] {
    let series = [labels("a", "x"), labels("b", "x")];
    write_segment(&root.join("wal/checkpoint.00000003/00000000"), &[(Packed::Snappy, series_record(&[(1, &series[0])]))]);
    // What a checkpoint replaces may still lie there.
    write_segment(&root.join("wal/00000003"), &[(Packed::Plain, samples_record(&[(1, sample(1, 99.0))]))]);
    let mut deleted = Out(vec![3]);
    deleted.be64(1).varint(30).varint(30);
    let other = Out(vec![6]).0;
    write_segment(
        &root.join("wal/00000004"),
        &[
            (Packed::Zstd, series_record(&[(2, &series[1])])),
            (Packed::Snappy, samples_record(&[(1, sample(10, 1.0)), (2, sample(10, 2.0))])),
            (Packed::Plain, samples_record(&[(1, sample(20, 3.0)), (2, sample(21, 4.0))])),
            (Packed::Plain, deleted.0),
            (Packed::Plain, other),
        ],
    );
    write_segment(&root.join("wal/00000005"), &[(Packed::Zstd, samples_record(&[(1, sample(30, 5.0)), (1, sample(40, 6.0))]))]);
    write_head_chunks(&root.join("chunks_head/000001"), &[(1, 1, vec![sample(10, 1.0), sample(20, 3.0)]), (2, 0x81, vec![sample(5, 9.0)])]);
    write_segment(&root.join("wbl/00000000"), &[(Packed::Snappy, samples_record(&[(2, sample(7, 8.0))]))]);
    series
}

#[test]
fn the_head_is_read_from_checkpoint_log_chunks_and_late_log() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = write_head(dir.path());
    let (found, findings) = read(dir.path(), &Selection::default());
    let want = [
        text(&a, &[sample(10, 1.0), sample(20, 3.0), sample(40, 6.0)]),
        text(&b, &[sample(5, 9.0), sample(7, 8.0), sample(10, 2.0), sample(21, 4.0)]),
    ];
    assert_eq!((found.as_slice(), findings.problems), (want.as_slice(), Vec::new()));
}

#[test]
fn the_head_leaves_out_what_blocks_have_but_not_what_came_late() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = write_head(dir.path());
    let series = [(labels("c", "x"), vec![sample(1, 1.0)])];
    write_block(dir.path(), &Block { ulid: FIRST, index_version: 2, meta: &meta(0, 20, ""), series: &series, deleted: &[] });
    let late = meta(0, 1000, r#","hints":["from-out-of-order"]"#);
    write_block(dir.path(), &Block { ulid: SECOND, index_version: 2, meta: &late, series: &series, deleted: &[] });
    let (found, _) = read(dir.path(), &Selection::default());
    let want = [text(&a, &[sample(20, 3.0), sample(40, 6.0)]), text(&b, &[sample(5, 9.0), sample(7, 8.0), sample(21, 4.0)])];
    assert_eq!(found[2..], want);
}

#[test]
fn records_longer_than_a_page_are_joined_and_a_damaged_page_costs_no_more_than_itself() {
    let dir = tempfile::tempdir().unwrap();
    let series = labels("a", "x");
    let samples = |times: std::ops::Range<i64>| times.map(|time| (1, sample(time, 0.5))).collect::<Vec<_>>();
    let path = dir.path().join("wal/00000000");
    write_segment(
        &path,
        &[
            (Packed::Plain, series_record(&[(1, &series)])),
            (Packed::Plain, samples_record(&samples(0..6000))),
            (Packed::Plain, samples_record(&samples(6000..12_000))),
            (Packed::Plain, samples_record(&samples(12_000..12_001))),
        ],
    );
    let count = || {
        let (_, findings) = read(dir.path(), &Selection::default());
        (findings.samples, findings.problems.len())
    };
    assert_eq!(count(), (12_001, 0));
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[40_000] ^= 1;
    fs::write(&path, &damaged).unwrap();
    // The first long record reaches into the damaged page; the second one begins behind it.
    assert_eq!(count(), (6001, 1));
    // A torn end is what a killed Prometheus leaves.
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(count(), (12_000, 0));
}

#[test]
fn a_data_directory_is_found_in_folders_and_archives() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("volume/_data");
    let series = [(labels("a", "x"), vec![sample(1, 1.0)])];
    write_block(&root, &Block { ulid: FIRST, index_version: 2, meta: &meta(1, 2, ""), series: &series, deleted: &[] });
    // A snapshot below has nothing of its own.
    write_block(
        &root.join("snapshots/now"),
        &Block { ulid: FIRST, index_version: 2, meta: &meta(1, 2, ""), series: &series, deleted: &[] },
    );
    let archive = dir.path().join("prometheus.tar");
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all("prometheus", &root).unwrap();
    let bytes = tar.into_inner().unwrap();
    fs::write(&archive, &bytes).unwrap();
    let compressed = dir.path().join("prometheus.tar.gz");
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&compressed).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &bytes).unwrap();
    encoder.finish().unwrap();
    for place in [root.clone(), dir.path().join("volume"), archive, compressed] {
        assert_eq!(read(&place, &Selection::default()).0, [text(&series[0].0, &series[0].1)], "{}", place.display());
    }
    fs::rename(&root, dir.path().join("one")).unwrap();
    fs::create_dir_all(dir.path().join("two/wal")).unwrap();
    fs::write(dir.path().join("two/wal/00000000"), "").unwrap();
    let error = Tsdb::open(dir.path(), dir.path()).unwrap_err().to_string();
    assert!(error.contains("one, two; name one of them"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(Tsdb::open(empty.path(), empty.path()).unwrap_err().to_string().contains("cannot find Prometheus data"));
}

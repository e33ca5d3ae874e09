//! Reading the head: first the log for who the series are and what was deleted, then full chunks, then the log again for the samples
//! that no chunk has, then the log of late samples. Memory: the series' labels and a million samples.

use std::collections::HashMap;

use cepmon_model::{LabelSet, Sample};

use super::block::make_ascending;
use super::chunk_file::Encoding;
use super::head_chunk::read_head_chunks;
use super::log::{read_records, segments};
use super::log_record::{Entry, read_entries};
use super::tombstone::Tombstones;
use super::xor::read_xor;
use crate::files::Files;
use crate::{Error, Findings, Selection, Sink};

/// Samples that are collected before they are handed out, so that those of a series come together.
const COLLECTED: usize = 1 << 20;

/// See [`Tsdb::read_head`](crate::Tsdb::read_head).
pub(super) fn read_head(files: &Files, oldest: i64, selection: &Selection, sink: &mut Sink<'_>) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let log = log_segments(files);
    let (series, tombstones) = read_series(files, &log, selection, &mut findings)?;
    let mut head = Head { series, tombstones, selection, oldest, chunks: HashMap::new(), collected: HashMap::new(), count: 0, unknown: 0 };
    head.read_chunks(files, &mut findings, sink)?;
    let mut stopped = Ok(());
    // What the first reading said of damage would be said again.
    let mut said = Findings::default();
    read_records(files, &log, &mut said, |record| {
        read_entries(record, |entry| {
            if let Entry::Sample { number, timestamp, value } = entry {
                head.collect_in_order(number, Sample { timestamp, value });
            }
        })?;
        if head.count >= COLLECTED && stopped.is_ok() {
            stopped = head.hand_out(&mut findings, sink);
        }
        Ok(())
    })?;
    std::mem::replace(&mut stopped, Ok(()))?;
    read_records(files, &segments(files, "wbl", 0), &mut said, |record| {
        read_entries(record, |entry| {
            if let Entry::Sample { number, timestamp, value } = entry {
                head.collect(number, Sample { timestamp, value });
            }
        })?;
        if head.count >= COLLECTED && stopped.is_ok() {
            stopped = head.hand_out(&mut findings, sink);
        }
        Ok(())
    })?;
    stopped?;
    head.hand_out(&mut findings, sink)?;
    if head.unknown > 0 {
        findings.problem(format!("wal: {} samples belong to series whose labels are lost; they are left out", head.unknown));
    }
    Ok(findings)
}

/// The segments of the log in order: the last checkpoint, and what came after it.
fn log_segments(files: &Files) -> Vec<String> {
    let number = |name: &str| name.strip_prefix("checkpoint.")?.parse::<u64>().ok();
    let checkpoint = files.folders("wal").into_iter().filter_map(|name| Some((number(name)?, name))).max();
    match checkpoint {
        None => segments(files, "wal", 0),
        Some((number, name)) => {
            let mut all = segments(files, &format!("wal/{name}"), 0);
            all.extend(segments(files, "wal", number + 1));
            all
        }
    }
}

/// The labels of the series by number, `None` for those that are not selected; and what was deleted.
fn read_series(
    files: &Files,
    log: &[String],
    selection: &Selection,
    findings: &mut Findings,
) -> Result<(HashMap<u64, Option<LabelSet>>, Tombstones), Error> {
    let mut series = HashMap::new();
    let mut tombstones = Tombstones::default();
    let mut histograms = 0;
    read_records(files, log, findings, |record| {
        read_entries(record, |entry| match entry {
            Entry::Series { number, labels } => {
                series.entry(number).or_insert_with(|| selection.takes(labels).then(|| labels.clone()));
            }
            Entry::Deleted { number, first, last } => tombstones.add(number, first, last),
            Entry::Histograms => histograms += 1,
            Entry::Sample { .. } => {}
        })
    })?;
    findings.histograms += histograms;
    Ok((series, tombstones))
}

struct Head<'a> {
    series: HashMap<u64, Option<LabelSet>>,
    tombstones: Tombstones,
    selection: &'a Selection,
    /// Samples that came in order and are older are in blocks.
    oldest: i64,
    /// The time that chunks cover, by series: the log has these samples too.
    chunks: HashMap<u64, Vec<(i64, i64)>>,
    collected: HashMap<u64, Vec<Sample>>,
    count: usize,
    unknown: u64,
}

impl Head<'_> {
    fn read_chunks(&mut self, files: &Files, findings: &mut Findings, sink: &mut Sink<'_>) -> Result<(), Error> {
        for name in files.in_folder("chunks_head") {
            let blob = files.blob(&format!("chunks_head/{name}"))?;
            let mut samples = Vec::new();
            let read = read_head_chunks(&blob.read_all()?, |chunk| {
                samples.clear();
                match chunk.encoding {
                    Encoding::Xor => {}
                    // The log has them too, and they are counted there.
                    Encoding::Histogram | Encoding::Other(_) => return Ok(()),
                }
                if read_xor(chunk.data, &mut samples).is_err() {
                    // Its checksum is right, so the log's samples do.
                    return Ok(());
                }
                if !chunk.is_out_of_order {
                    self.chunks.entry(chunk.number).or_default().push((chunk.min_time, chunk.max_time));
                }
                for &sample in &samples {
                    if chunk.is_out_of_order || sample.timestamp >= self.oldest {
                        self.collect(chunk.number, sample);
                    }
                }
                if self.count >= COLLECTED { self.hand_out(findings, sink) } else { Ok(()) }
            })?;
            if let Err(problem) = read {
                let path = blob.path().display();
                findings.problem(format!("{path}: cannot read a chunk: {problem}; what follows in this file is taken from the log"));
            }
        }
        Ok(())
    }

    fn collect_in_order(&mut self, number: u64, sample: Sample) {
        let is_in_chunk = |spans: &Vec<(i64, i64)>| spans.iter().any(|(first, last)| (*first..=*last).contains(&sample.timestamp));
        if sample.timestamp >= self.oldest && !self.chunks.get(&number).is_some_and(is_in_chunk) {
            self.collect(number, sample);
        }
    }

    fn collect(&mut self, number: u64, sample: Sample) {
        match self.series.get(&number) {
            Some(Some(_)) if self.selection.has(&sample) && !self.tombstones.has(number, sample.timestamp) => {
                self.collected.entry(number).or_default().push(sample);
                self.count += 1;
            }
            Some(_) => {}
            None => self.unknown += 1,
        }
    }

    fn hand_out(&mut self, findings: &mut Findings, sink: &mut Sink<'_>) -> Result<(), Error> {
        let mut collected: Vec<(u64, Vec<Sample>)> = self.collected.drain().collect();
        collected.sort_unstable_by_key(|(number, _)| *number);
        self.count = 0;
        for (number, mut samples) in collected {
            let Some(Some(labels)) = self.series.get(&number) else { continue };
            make_ascending(&mut samples);
            findings.series += 1;
            findings.samples += samples.len() as u64;
            sink(labels, &samples).map_err(Error::Sink)?;
        }
        Ok(())
    }
}

//! Reading a block: its series in order, their chunks decoded, what was deleted taken out.

use std::collections::HashMap;

use cepmon_model::Sample;

use super::chunk_file::{ChunkFile, Encoding};
use super::index::{Index, IndexedSeries};
use super::tombstone::Tombstones;
use super::xor::read_xor;
use crate::bytes::Malformed;
use crate::files::Files;
use crate::{BlockInfo, Error, Findings, Selection, Sink};

/// See [`Tsdb::read_block`](crate::Tsdb::read_block).
pub(super) fn read_block(files: &Files, block: &BlockInfo, selection: &Selection, sink: &mut Sink<'_>) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    if !selection.overlaps(block.min_time, block.max_time) {
        return Ok(findings);
    }
    let name = &block.ulid;
    if !files.has(&format!("{name}/index")) {
        findings.problem(format!("block {name}: it has no index; the block is left out"));
        return Ok(findings);
    }
    let index = match Index::parse(files.blob(&format!("{name}/index"))?.read_all()?) {
        Ok(index) => index,
        Err(problem) => {
            findings.problem(format!("block {name}: cannot read its index: {problem}; the block is left out"));
            return Ok(findings);
        }
    };
    let tombstones = match read_tombstones(files, name)? {
        Ok(tombstones) => tombstones,
        Err(problem) => {
            // Without it, what was deleted would come back.
            findings.problem(format!("block {name}: cannot read its tombstones: {problem}; the block is left out"));
            return Ok(findings);
        }
    };
    let mut reader = BlockReader { files, name, selection, tombstones, segments: HashMap::new(), findings, samples: Vec::new() };
    index.for_each(|series| match series {
        Ok(series) => reader.read_series(&series, sink),
        Err(problem) => {
            reader.findings.problem(format!("block {name}: cannot read a series of its index: {problem}; the series is left out"));
            Ok(())
        }
    })?;
    Ok(reader.findings)
}

fn read_tombstones(files: &Files, name: &str) -> Result<Result<Tombstones, Malformed>, Error> {
    let file = format!("{name}/tombstones");
    // Blocks of Prometheus 2.0 and of other writers have none where nothing was deleted.
    if files.has(&file) { Ok(Tombstones::parse(&files.blob(&file)?.read_all()?)) } else { Ok(Ok(Tombstones::default())) }
}

struct BlockReader<'a> {
    files: &'a Files,
    name: &'a str,
    selection: &'a Selection,
    tombstones: Tombstones,
    /// Open segments; `None` = one that cannot be read, which was said.
    segments: HashMap<u32, Option<ChunkFile>>,
    findings: Findings,
    samples: Vec<Sample>,
}

impl BlockReader<'_> {
    fn read_series(&mut self, series: &IndexedSeries, sink: &mut Sink<'_>) -> Result<(), Error> {
        if !self.selection.takes(&series.labels) {
            return Ok(());
        }
        self.samples.clear();
        for place in series.chunks.iter().filter(|place| self.selection.overlaps(place.min_time, place.max_time)) {
            self.open_segment(place.segment)?;
            let Some(Some(segment)) = self.segments.get_mut(&place.segment) else { continue };
            let before = self.samples.len();
            let decoded = match segment.chunk(u64::from(place.offset))? {
                Ok((Encoding::Xor, data)) => read_xor(data, &mut self.samples).map_err(|problem| problem.to_string()),
                Ok((Encoding::Histogram, data)) => {
                    self.findings.histograms += data.first_chunk::<2>().map_or(0, |count| u64::from(u16::from_be_bytes(*count)));
                    Ok(())
                }
                Ok((Encoding::Other(encoding), _)) => Err(format!("its encoding {encoding} is not known")),
                Err(problem) => Err(problem.to_string()),
            };
            if let Err(problem) = decoded {
                self.samples.truncate(before);
                let (name, labels, segment, offset) = (self.name, &series.labels, place.segment + 1, place.offset);
                self.findings.problem(format!(
                    "block {name}: cannot read a chunk of {labels} (segment {segment:06}, byte {offset}): {problem}; the chunk is left out"
                ));
            }
        }
        self.samples.retain(|sample| self.selection.has(sample));
        self.tombstones.apply(series.number, &mut self.samples);
        make_ascending(&mut self.samples);
        if self.samples.is_empty() {
            return Ok(());
        }
        self.findings.series += 1;
        self.findings.samples += self.samples.len() as u64;
        sink(&series.labels, &self.samples).map_err(Error::Sink)
    }

    fn open_segment(&mut self, segment: u32) -> Result<(), Error> {
        if self.segments.contains_key(&segment) {
            return Ok(());
        }
        let file = format!("{}/chunks/{:06}", self.name, u64::from(segment) + 1);
        let opened = if self.files.has(&file) {
            ChunkFile::open(self.files.blob(&file)?)?.map_err(|problem| problem.to_string())
        } else {
            Err("it is not there".to_owned())
        };
        if let Err(problem) = &opened {
            self.findings.problem(format!(
                "block {}: cannot read its segment {:06}: {problem}; its chunks are left out",
                self.name,
                u64::from(segment) + 1
            ));
        }
        self.segments.insert(segment, opened.ok());
        Ok(())
    }
}

/// Sorts samples by time unless they are sorted, and keeps the first of equal times: chunks of late samples may overlap.
pub(super) fn make_ascending(samples: &mut Vec<Sample>) {
    if !samples.is_sorted_by(|left, right| left.timestamp < right.timestamp) {
        samples.sort_by_key(|sample| sample.timestamp);
        samples.dedup_by_key(|sample| sample.timestamp);
    }
}

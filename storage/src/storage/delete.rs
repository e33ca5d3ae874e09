//! Deleting samples and log entries: what is in memory is flushed, the blocks that hold some of it are written again without it, and one
//! change of the manifest makes it so.

use std::sync::Arc;

use arrow::array::RecordBatch;
use cepmon_model::{LabelSet, Matcher, TimestampMs};
use hashbrown::HashSet;

use super::{Shared, Storage};
use crate::block::Block;
use crate::compact::deletion::is_meant;
use crate::compact::{Outputs, Rewrite};
use crate::dir::manifest::BlockKind;
use crate::{AUDIT, Cell, Deletion, DeletionReport, EXEMPLARS, Error, HISTOGRAMS, LogScan, SampleScan};

impl Storage {
    /// Counts what [`delete_series`](Self::delete_series) would remove.
    pub fn count_series(&self, deletion: &Deletion) -> Result<DeletionReport, Error> {
        let mut report = DeletionReport::default();
        for (number, matchers) in deletion.selectors.iter().enumerate() {
            let scan = SampleScan { matchers: matchers.clone(), start: deletion.start, end: deletion.end };
            for series in self.snapshot().scan_samples(&scan)? {
                let series = series?;
                // A series that two selectors mean counts once.
                if !is_meant(&deletion.selectors[..number], &series.labels) {
                    report.series += 1;
                    report.rows += (series.timestamps.len() + series.histograms.len()) as u64;
                }
            }
        }
        Ok(report)
    }

    /// Counts what [`delete_logs`](Self::delete_logs) would remove.
    pub fn count_logs(&self, deletion: &Deletion) -> Result<DeletionReport, Error> {
        let mut report = DeletionReport::default();
        let mut streams: HashSet<LabelSet> = HashSet::new();
        for (number, matchers) in deletion.selectors.iter().enumerate() {
            let scan = LogScan {
                matchers: matchers.clone(),
                start_ns: deletion.start,
                end_ns: deletion.end,
                columns: Some(vec!["stream".to_owned()]),
            };
            for batch in self.snapshot().scan_logs(&scan)? {
                report.rows += count_rows(&batch?, &deletion.selectors[..number], &mut streams);
            }
        }
        report.series = streams.len() as u64;
        Ok(report)
    }

    /// Deletes samples and the exemplars of their series. When it returns `Ok`, no scan that begins later, no block and no log holds any of those that were stored when it
    /// was called; old files go with the last scan that still reads them. The table `audit` then has a row with `actor` and what was
    /// removed. On an error before the commit everything is as it was.
    ///
    /// # Errors
    /// As for a flush, and [`Error::Interrupted`] when the process is about to end.
    pub fn delete_series(&self, deletion: &Deletion, actor: &str, now: TimestampMs) -> Result<DeletionReport, Error> {
        self.delete(&BlockKind::Metrics, deletion, actor, now)
    }

    /// Deletes log entries, as [`delete_series`](Self::delete_series) deletes samples.
    pub fn delete_logs(&self, deletion: &Deletion, actor: &str, now: TimestampMs) -> Result<DeletionReport, Error> {
        self.delete(&BlockKind::Logs, deletion, actor, now)
    }

    fn delete(&self, kind: &BlockKind, deletion: &Deletion, actor: &str, now: TimestampMs) -> Result<DeletionReport, Error> {
        let shared = &self.shared;
        // No merge may carry over what is to be deleted.
        let _no_compaction = shared.compaction.interrupt();
        self.flush()?;
        let counted = if *kind == BlockKind::Logs { self.count_logs(deletion)? } else { self.count_series(deletion)? };
        let mut report = shared.rewrite_without(kind, deletion)?;
        report.series = counted.series;
        if *kind == BlockKind::Metrics {
            let mut state = shared.write();
            state.head.forget(deletion);
            state.youngest_histograms.forget(|series, at| deletion.matches(series) && (deletion.start..=deletion.end).contains(&at));
        }
        let action = if *kind == BlockKind::Logs { "delete_logs" } else { "delete_series" };
        self.append_rows(&AUDIT, &[audit_row(action, deletion, &report, actor, now)])?;
        Ok(report)
    }
}

impl Shared {
    /// Blocks of that kind, and with samples the histograms and exemplars of their series; of exemplars only the blocks are counted.
    fn rewrite_without(&self, kind: &BlockKind, deletion: &Deletion) -> Result<DeletionReport, Error> {
        let [exemplars, histograms] = [&EXEMPLARS, &HISTOGRAMS].map(|table| BlockKind::Table(table.name.to_owned()));
        let is_wanted = |found: &BlockKind| found == kind || (*kind == BlockKind::Metrics && (*found == exemplars || *found == histograms));
        let blocks = self.read().blocks.clone();
        let mut report = DeletionReport::default();
        let mut rewrites: Vec<(Vec<Arc<Block>>, Outputs)> = Vec::new();
        let mut failed = None;
        for block in blocks.into_iter().filter(|block| is_wanted(&block.entry.kind) && block.overlaps((deletion.start, deletion.end))) {
            match self.rewrite_one(&block, deletion) {
                Ok(Some((removed, outputs))) => {
                    if block.entry.kind == *kind || block.entry.kind == histograms {
                        report.rows += removed;
                    }
                    rewrites.push((vec![block], outputs));
                }
                Ok(None) => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = failed {
            rewrites.iter().for_each(|(_, outputs)| outputs.discard());
            return Err(error);
        }
        report.blocks = rewrites.len() as u64;
        let rewrites: Vec<(&[Arc<Block>], Outputs)> =
            rewrites.iter_mut().map(|(inputs, outputs)| (inputs.as_slice(), std::mem::take(outputs))).collect();
        self.swap_blocks(&rewrites)?;
        Ok(report)
    }

    /// Writes a block again without what is to go; gives the number of removed rows. Nothing if it holds none.
    fn rewrite_one(&self, block: &Arc<Block>, deletion: &Deletion) -> Result<Option<(u64, Outputs)>, Error> {
        if !self.may_hold(block, deletion)? {
            return Ok(None);
        }
        let mut run = Rewrite {
            shared: self,
            level: block.entry.level,
            whole: None,
            width: None,
            deletion: Some(deletion),
            must_stop: &|| self.compaction.is_stopped(),
            outputs: Outputs::default(),
            removed: 0,
        };
        let written = self.rewrite_blocks(&mut run, std::slice::from_ref(block));
        let (removed, outputs) = (run.removed, run.outputs);
        written.inspect_err(|_| outputs.discard())?;
        if removed == 0 {
            outputs.discard();
            return Ok(None);
        }
        Ok(Some((removed, outputs)))
    }

    /// Whether a block has a series or stream that is meant.
    fn may_hold(&self, block: &Block, deletion: &Deletion) -> Result<bool, Error> {
        match block.entry.kind {
            BlockKind::Logs => {
                let footer = self.cache.footer(block)?;
                Ok(footer.logs.iter().flat_map(|summary| &summary.streams).any(|(labels, _)| deletion.matches(labels)))
            }
            BlockKind::Metrics => {
                let index = self.cache.index(block)?;
                Ok(deletion.selectors.iter().any(|matchers| !index.select(matchers, (deletion.start, deletion.end)).is_empty()))
            }
            BlockKind::Table(_) => Ok(true),
        }
    }
}

/// Rows of a batch of streams that no earlier selector means.
fn count_rows(batch: &RecordBatch, earlier: &[Vec<Matcher>], streams: &mut HashSet<LabelSet>) -> u64 {
    use arrow::array::AsArray;
    let Some(maps) = batch.columns().first().and_then(|column| column.as_map_opt()) else { return 0 };
    let mut rows = 0;
    let mut last: Option<(LabelSet, bool)> = None;
    for row in 0..batch.num_rows() {
        let labels = LabelSet::from_sorted(crate::block::map::map_entries(maps, row).collect::<Vec<_>>().into_iter());
        let is_known = last.as_ref().is_some_and(|(known, _)| *known == labels);
        if !is_known {
            let counts = !is_meant(earlier, &labels);
            if counts {
                streams.insert(labels.clone());
            }
            last = Some((labels, counts));
        }
        rows += u64::from(last.as_ref().is_some_and(|(_, counts)| *counts));
    }
    rows
}

fn audit_row(action: &str, deletion: &Deletion, report: &DeletionReport, actor: &str, now: TimestampMs) -> Vec<Cell> {
    let text = |text: String| Cell::Text(text);
    let selectors = deletion.selectors.iter().map(|matchers| {
        let matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        format!("{{{}}}", matchers.join(","))
    });
    let subject = selectors.collect::<Vec<_>>().join(" ");
    let detail = format!(
        "from {} to {}: {} of {} series or streams removed, {} blocks written again",
        deletion.start, deletion.end, report.rows, report.series, report.blocks
    );
    vec![Cell::Time(now), text(actor.to_owned()), text(action.to_owned()), text(subject), text(detail)]
}

//! Taking data in: decide, log, store.

use cepmon_model::{LabelSet, MetricMetadata, TimestampMs};

use super::{AppendOutcome, SeriesRef, Shared, State, Storage, count};
use crate::head::Limits;
use crate::{Error, FsyncPolicy};

/// How far the head may grow beyond `head_max_bytes` while flushing fails.
const HEAD_LIMIT_FACTOR: u64 = 4;

/// Bytes of one series' label names and values.
const MAX_LABEL_BYTES: usize = 64 << 10;

impl Storage {
    /// The reference of a series, made if it is new. Nothing of it is durable before its first sample is, and it may leave the head again
    /// at the next flush if none comes.
    ///
    /// # Errors
    /// [`Error::Refused`] for a series without labels or with more than 64 KiB or 65,535 of them.
    pub fn series_ref(&self, labels: &LabelSet, metadata: &MetricMetadata) -> Result<SeriesRef, Error> {
        let refuse = |problem: &str| Err(Error::Refused { target: labels.metric_name().to_owned(), problem: problem.to_owned() });
        if labels.is_empty() {
            return refuse("a series without labels");
        }
        if labels.heap_bytes() > MAX_LABEL_BYTES || labels.len() > usize::from(u16::MAX) {
            return refuse("a series with more than 64 KiB of labels; drop some by relabelling");
        }
        let (slot, generation) = self.shared.write().head.register(labels, metadata);
        Ok(SeriesRef(u64::from(generation) << 32 | u64::from(slot)))
    }

    /// Appends samples. When it returns `Ok`, they survive `kill -9` (with [`FsyncPolicy::Always`] also a power cut) and every scan sees
    /// them; on an error, none is stored. The same series and time with an equal value is dropped, with another value refused, both
    /// against memory now; against blocks the flush drops what is there already.
    ///
    /// # Errors
    /// [`Error::Io`] when the log cannot be written, [`Error::HeadFull`] when flushing has failed for too long.
    pub fn append(&self, batch: &[(SeriesRef, TimestampMs, f64)]) -> Result<AppendOutcome, Error> {
        let totals = &self.shared.totals;
        let outcome = self.shared.append_to_log(|state| state.append_samples(batch))?;
        count(&totals.appended, outcome.appended);
        count(&totals.duplicates, outcome.duplicates);
        count(&totals.conflicts, outcome.conflicts);
        count(&totals.too_old, outcome.too_old);
        Ok(outcome)
    }
}

impl Shared {
    /// Runs an append under the lock, when there is room, and makes it as durable as asked.
    pub(super) fn append_to_log<T>(&self, append: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        let mut state = self.write();
        let (bytes, limit) = (state.memory_bytes(), HEAD_LIMIT_FACTOR * self.head_max_bytes());
        if bytes > limit {
            count(&self.totals.append_failures, 1);
            return Err(Error::HeadFull { bytes, limit });
        }
        let appended = append(&mut state).inspect_err(|_| count(&self.totals.append_failures, 1))?;
        if self.options.fsync == FsyncPolicy::Always {
            drop(state);
            self.sync_log()?;
        }
        Ok(appended)
    }

    /// Forces the log to the disk without holding up other appends.
    pub(super) fn sync_log(&self) -> Result<(), Error> {
        let Some((file, path)) = self.write().wal.sync_handle()? else { return Ok(()) };
        file.sync_data().map_err(|source| {
            self.write().wal.mark_dirty();
            Error::io("sync", &path)(source)
        })
    }
}

impl State {
    fn append_samples(&mut self, batch: &[(SeriesRef, TimestampMs, f64)]) -> Result<AppendOutcome, Error> {
        let frozen = self.frozen.as_ref().map(|frozen| frozen.samples.as_ref());
        let limits = Limits { oldest: self.oldest_sample, frozen };
        let outcome = self.head.classify(batch, limits, &mut self.accepted);
        if !self.accepted.is_empty() {
            let segment = self.wal.begin_batch()?;
            self.records.clear();
            self.journal.encode(&mut self.head, segment, &self.accepted, &mut self.records);
            self.wal.write(&self.records)?;
            self.head.store(&self.accepted);
        }
        Ok(outcome)
    }
}

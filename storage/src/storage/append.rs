//! Taking data in: decide, log, store.

use cepmon_model::{HistogramSample, LabelSet, MetricMetadata, TimestampMs};
use hashbrown::HashMap;

use super::{AppendOutcome, SeriesRef, Shared, State, Storage, count};
use crate::head::Limits;
use crate::head::logs::has_repeated_field;
use crate::table::histogram::{Verdict, to_row};
use crate::wal::logs::put_logs;
use crate::wal::rows::{put_key_value, put_rows};
use crate::{Cell, EXEMPLARS, Error, FsyncPolicy, HISTOGRAMS, LogEntry, SeriesExemplar, TableDef};

/// How far the head may grow beyond `head_max_bytes` while flushing fails.
const HEAD_LIMIT_FACTOR: u64 = 4;

/// Bytes of one log entry.
const MAX_ENTRY_BYTES: usize = 16 << 20;

/// Table rows per record: far below the longest record whatever the cells are.
const ROWS_PER_RECORD: usize = 256;

/// What the buffers for records and for accepted samples keep between batches.
const RECORD_BUFFER_BYTES: usize = 1 << 20;
const ACCEPTED_BUFFER_SAMPLES: usize = 1 << 16;

/// Bytes of one series' label names and values.
const MAX_LABEL_BYTES: usize = 64 << 10;

impl Storage {
    /// The reference of a series, made if it is new. Nothing of it is durable before its first sample is, and it may leave the head again
    /// at the next flush if none comes.
    ///
    /// # Errors
    /// [`Error::Refused`] for a series without labels or with more than 64 KiB or 65,535 of them; [`Error::TooManySeries`] when memory
    /// holds [`max_series`](crate::StorageOptions::max_series) others.
    pub fn series_ref(&self, labels: &LabelSet, metadata: &MetricMetadata) -> Result<SeriesRef, Error> {
        let refuse = |problem: &str| Err(Error::Refused { target: labels.metric_name().to_owned(), problem: problem.to_owned() });
        if labels.is_empty() {
            return refuse("a series without labels");
        }
        if labels.heap_bytes() > MAX_LABEL_BYTES || labels.len() > usize::from(u16::MAX) {
            return refuse("a series with more than 64 KiB of labels; drop some by relabelling");
        }
        let limit = self.shared.options.max_series;
        let mut state = self.shared.write();
        let is_full = state.head.series_count() as u64 >= limit;
        if is_full && !state.head.contains(labels) {
            return Err(Error::TooManySeries { series: labels.to_string(), limit });
        }
        let (slot, generation) = state.head.register(labels, metadata);
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

    /// Appends log entries. When it returns `Ok`, they survive `kill -9` (with [`FsyncPolicy::Always`] also a power cut) and every scan
    /// sees them; on an error, none is stored. Equal entries are all kept.
    ///
    /// # Errors
    /// [`Error::Refused`] for an entry over 16 MiB or with a field twice, else as [`append`](Self::append).
    pub fn append_logs(&self, entries: &[LogEntry]) -> Result<(), Error> {
        self.append_logs_and_key(entries, None)
    }

    /// Appends log entries and notes how far their source was read (space, key, value), both in one write to the log: after
    /// `kill -9` there are both or neither. Only a write that the kernel itself cut between the two leaves the entries alone, so a
    /// source is at worst read again, never passed over. On an error, neither is stored.
    ///
    /// # Errors
    /// As [`append_logs`](Self::append_logs) and [`kv_put`](Self::kv_put).
    pub fn append_logs_from(&self, entries: &[LogEntry], space: &str, key: &str, value: &[u8]) -> Result<(), Error> {
        self.append_logs_and_key(entries, Some((space, key, value)))
    }

    fn append_logs_and_key(&self, entries: &[LogEntry], position: Option<(&str, &str, &[u8])>) -> Result<(), Error> {
        for entry in entries {
            check_entry(entry)?;
        }
        if entries.is_empty() && position.is_none() {
            return Ok(());
        }
        self.shared.append_to_log(|state| {
            if let Some((space, key, value)) = position {
                state.key_values.check(space, key, Some(value))?;
            }
            state.log_records(|records| {
                if !entries.is_empty() {
                    put_logs(records, entries);
                }
                if let Some((space, key, value)) = position {
                    put_key_value(records, space, key, Some(value));
                }
            })?;
            entries.iter().for_each(|entry| state.logs.push(entry));
            if let Some((space, key, value)) = position {
                state.key_values.put(space, key, Some(value));
            }
            Ok(())
        })?;
        count(&self.shared.totals.log_entries, entries.len());
        Ok(())
    }

    /// Appends rows to a typed table. When it returns `Ok`, they survive `kill -9` (with [`FsyncPolicy::Always`] also a power cut) and
    /// every scan sees them; on an error, none is stored.
    ///
    /// # Errors
    /// [`Error::Refused`] when a cell does not fit its column, else as [`append`](Self::append).
    pub fn append_rows(&self, table: &'static TableDef, rows: &[Vec<Cell>]) -> Result<(), Error> {
        for row in rows {
            table.check_row(row)?;
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.shared.append_to_log(|state| {
            let refused = || Error::Refused { target: table.name.to_owned(), problem: "no such table".to_owned() };
            let buffer = state.tables.iter().position(|buffer| buffer.table.name == table.name).ok_or_else(refused)?;
            state.log_records(|records| rows.chunks(ROWS_PER_RECORD).for_each(|rows| put_rows(records, table.name, rows)))?;
            state.tables[buffer].push(rows.iter().cloned())
        })?;
        count(&self.shared.totals.rows, rows.len());
        Ok(())
    }

    /// Appends exemplars, rows of the table `exemplars`, as [`append_rows`](Self::append_rows) does.
    ///
    /// # Errors
    /// As for [`append_rows`](Self::append_rows).
    pub fn append_exemplars(&self, exemplars: &[SeriesExemplar]) -> Result<(), Error> {
        self.append_rows(&EXEMPLARS, &exemplars.iter().map(SeriesExemplar::to_row).collect::<Vec<_>>())
    }

    /// Appends native histograms, rows of the table `histograms`. When it returns `Ok`, they survive `kill -9` (with
    /// [`FsyncPolicy::Always`] also a power cut) and every scan sees them; on an error, none is stored. Each is marked as following a reset
    /// or not. Of a series, the same time with equal data is dropped, with other data refused, both against the youngest sample only; what
    /// else is twice is left out by scans.
    ///
    /// # Errors
    /// As for [`append_rows`](Self::append_rows); the histograms must be valid ([`Histogram::check`](cepmon_model::Histogram::check)).
    pub fn append_histograms(&self, batch: &[(LabelSet, HistogramSample)]) -> Result<AppendOutcome, Error> {
        let mut outcome = AppendOutcome::default();
        if batch.is_empty() {
            return Ok(outcome);
        }
        self.shared.append_to_log(|state| {
            let refused = || Error::Refused { target: HISTOGRAMS.name.to_owned(), problem: "no such table".to_owned() };
            let buffer = state.tables.iter().position(|buffer| buffer.table.name == HISTOGRAMS.name).ok_or_else(refused)?;
            let (mut stored, mut rows) = (HashMap::new(), Vec::with_capacity(batch.len()));
            for (series, sample) in batch {
                if sample.timestamp < state.oldest_sample {
                    outcome.too_old += 1;
                    continue;
                }
                match state.youngest_histograms.judge(&stored, series, sample) {
                    Verdict::Duplicate => outcome.duplicates += 1,
                    Verdict::Conflict => outcome.conflicts += 1,
                    Verdict::Store(sample) => {
                        rows.push(to_row(&self.shared.options.tenant, series, &sample));
                        stored.insert(series.clone(), sample);
                    }
                }
            }
            if !rows.is_empty() {
                let name = HISTOGRAMS.name;
                state.log_records(|records| rows.chunks(ROWS_PER_RECORD).for_each(|rows| put_rows(records, name, rows)))?;
                outcome.appended = rows.len();
                state.tables[buffer].push(rows)?;
                state.youngest_histograms.learn(stored);
            }
            Ok(())
        })?;
        let totals = &self.shared.totals;
        count(&totals.appended, outcome.appended);
        count(&totals.duplicates, outcome.duplicates);
        count(&totals.conflicts, outcome.conflicts);
        count(&totals.too_old, outcome.too_old);
        Ok(outcome)
    }

    /// Sets or (with `None`) removes a key of a space. When it returns `Ok`, that survives `kill -9` (with [`FsyncPolicy::Always`] also a
    /// power cut).
    ///
    /// # Errors
    /// [`Error::Refused`] for a value over 1 MiB or when all values together have over 32 MiB, else as [`append`](Self::append).
    pub fn kv_put(&self, space: &str, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
        self.shared.append_to_log(|state| {
            state.key_values.check(space, key, value)?;
            state.log_records(|records| put_key_value(records, space, key, value))?;
            state.key_values.put(space, key, value);
            Ok(())
        })
    }

    /// All keys of a space with their values, sorted.
    pub fn kv_list(&self, space: &str) -> Vec<(String, Vec<u8>)> {
        self.shared.read().key_values.list(space)
    }
}

fn check_entry(entry: &LogEntry) -> Result<(), Error> {
    let refuse = |problem: &str| Err(Error::Refused { target: entry.stream.to_string(), problem: problem.to_owned() });
    let bytes = entry.line.len() + entry.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > MAX_ENTRY_BYTES {
        return refuse("an entry over 16 MiB; cut the line");
    }
    if has_repeated_field(entry) {
        return refuse("an entry with a field twice");
    }
    Ok(())
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
            self.has_log_records = true;
            self.wal.write(&self.records)?;
            self.head.store(&self.accepted);
        }
        // A rare large batch must not hold its memory for ever.
        self.records.shrink_to(RECORD_BUFFER_BYTES);
        self.accepted.shrink_to(ACCEPTED_BUFFER_SAMPLES);
        Ok(outcome)
    }

    /// Writes records that are complete in themselves.
    pub(super) fn log_records(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        self.wal.begin_batch()?;
        self.records.clear();
        put(&mut self.records);
        self.has_log_records = true;
        self.wal.write(&self.records)?;
        self.records.shrink_to(RECORD_BUFFER_BYTES);
        Ok(())
    }
}

//! Metrics of storage, from its own counters.

use cepmon_storage::StorageStats;

use super::exposition::{Exposition, Kind};

/// Writes `cepmon_storage_*`.
pub(crate) fn write_storage(page: &mut Exposition, stats: &StorageStats) {
    let gauges = [
        ("cepmon_storage_head_series", "Series in memory.", stats.head_series),
        ("cepmon_storage_head_samples", "Samples in memory.", stats.head_samples),
        ("cepmon_storage_head_log_entries", "Log entries in memory.", stats.head_log_entries),
        ("cepmon_storage_head_bytes", "Bytes of samples, log lines and rows in memory.", stats.head_bytes),
        ("cepmon_storage_index_bytes", "Bytes of the series index in memory.", stats.index_bytes),
        ("cepmon_storage_slot_bytes", "Bytes of what is remembered of each series for its next sample.", stats.slot_bytes),
        ("cepmon_storage_wal_bytes", "Bytes of the write-ahead log.", stats.wal_bytes),
        ("cepmon_storage_blocks", "Live Parquet blocks.", stats.blocks),
        ("cepmon_storage_damaged_blocks", "Live Parquet blocks that were found damaged since start.", stats.damaged_blocks),
        ("cepmon_storage_whole_blocks", "Live Parquet blocks that hold a whole day of their kind.", stats.whole_blocks),
        ("cepmon_storage_block_bytes", "Bytes of live Parquet blocks.", stats.block_bytes),
    ];
    for (name, help, value) in gauges {
        page.single(name, Kind::Gauge, help, value as f64);
    }
    let counters = [
        ("cepmon_storage_appended_samples_total", "Samples stored.", stats.appended_samples_total),
        ("cepmon_storage_duplicate_samples_total", "Samples dropped because they are there already.", stats.duplicate_samples_total),
        ("cepmon_storage_conflicting_samples_total", "Samples refused: another value is there.", stats.conflicting_samples_total),
        ("cepmon_storage_too_old_samples_total", "Samples refused because they are older than the retention.", stats.too_old_samples_total),
        ("cepmon_storage_appended_log_entries_total", "Log entries stored.", stats.appended_log_entries_total),
        ("cepmon_storage_appended_rows_total", "Rows of typed tables stored.", stats.appended_rows_total),
        ("cepmon_storage_flushes_total", "Flushes into Parquet that succeeded.", stats.flushes_total),
        ("cepmon_storage_flush_failures_total", "Flushes into Parquet that failed.", stats.flush_failures_total),
        ("cepmon_storage_compactions_total", "Merges of Parquet blocks that succeeded.", stats.compactions_total),
        ("cepmon_storage_compaction_failures_total", "Merges of Parquet blocks that failed.", stats.compaction_failures_total),
        ("cepmon_storage_compaction_read_bytes_total", "Bytes of the Parquet blocks that were merged.", stats.compacted_input_bytes_total),
        (
            "cepmon_storage_compaction_written_bytes_total",
            "Bytes of the Parquet blocks that they became.",
            stats.compacted_output_bytes_total,
        ),
        ("cepmon_storage_append_failures_total", "Appends that the write-ahead log refused.", stats.append_failures_total),
    ];
    for (name, help, value) in counters {
        page.single(name, Kind::Counter, help, value as f64);
    }
}

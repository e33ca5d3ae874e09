//! How a storage is set up. It does not read configuration files.

use std::path::PathBuf;

use crate::dir::fault::Faults;

/// Bytes of samples, log lines and rows in memory above which a flush is due. With 64 MiB, 100,000 series that are scraped each second took
/// 211 MiB of resident memory at the peak of a flush (30 minutes, 2026-11); a host should need 200.
pub const HEAD_MAX_BYTES: u64 = 48 << 20;

/// When the log is forced to the disk. Either way an acknowledged append survives `kill -9`; this is about a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FsyncPolicy {
    /// [`Storage::maintain`](crate::Storage::maintain), called every second, does it: a power cut loses up to a second.
    #[default]
    EverySecond,
    /// Every append waits for the disk (about 2.5 ms on an SSD).
    Always,
}

/// How much to keep, decided block by block: a block goes when all of it is too old, or the oldest when there is too much. Blocks are not
/// merged beyond a day, a tenth of the age or a tenth of the bytes. Samples and log entries that are too old are not shown from then on,
/// whatever block they lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Age in milliseconds above which data goes; also the age above which an append is refused as too old.
    pub max_age_ms: Option<i64>,
    /// Bytes on disk above which the oldest blocks go.
    pub max_bytes: Option<u64>,
}

/// How to open a storage.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    /// The data directory; it is made if it does not exist.
    pub data_dir: PathBuf,
    /// The tenant: a directory level, part of every series' identity.
    pub tenant: String,
    /// Bytes of samples, log lines and rows in memory above which a flush is due. At most 512 MiB counts.
    /// Appends are refused above four times as much.
    pub head_max_bytes: u64,
    /// Series in memory above which new ones are refused (1,000,000). A series costs about 250 bytes beside its samples and leaves at a
    /// flush when it has ended or was idle for an hour.
    pub max_series: u64,
    /// Time span of samples in memory above which a flush is due, in milliseconds (2 h).
    pub head_max_age_ms: i64,
    /// When the log is forced to the disk.
    pub fsync: FsyncPolicy,
    /// How much of metrics to keep. Typed tables follow its age.
    pub metrics_retention: Retention,
    /// How much of logs to keep.
    pub logs_retention: Retention,
    /// Fault points for crash tests; none in service.
    pub faults: Faults,
}

impl StorageOptions {
    /// The defaults for a data directory: tenant `default`, [`HEAD_MAX_BYTES`] or 2 h in memory, fsync every second, keep everything. Fault
    /// points come from the environment variable `CEPMON_FAULT`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            tenant: "default".to_owned(),
            head_max_bytes: HEAD_MAX_BYTES,
            max_series: 1_000_000,
            head_max_age_ms: 2 * 3_600_000,
            fsync: FsyncPolicy::EverySecond,
            metrics_retention: Retention::default(),
            logs_retention: Retention::default(),
            faults: Faults::from_environment(),
        }
    }
}

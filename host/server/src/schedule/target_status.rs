//! What the last scrape of a target said, for the page, the API and `/metrics`.

use std::time::Duration;

use cepmon_model::{LabelSet, TimestampMs};

/// Whether a target answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetHealth {
    /// Not asked yet.
    Unknown,
    /// The last scrape succeeded; of a probe, it found the target up.
    Up,
    /// The last scrape failed; or the probe found the target down.
    Down,
}

impl TargetHealth {
    /// The word of Prometheus's targets API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A target and its last scrape.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TargetStatus {
    /// The job in the configuration that it belongs to.
    pub scrape_pool: String,
    /// The label `job`.
    pub job: String,
    /// The label `instance`.
    pub instance: String,
    /// What the plugin is asked about; empty = the host itself.
    pub address: String,
    /// The plugin that is called.
    pub plugin: String,
    /// What is asked: an address of the classic scrape, else `plugin://<plugin>/<address>`.
    pub scrape_url: String,
    /// Labels of the target.
    pub labels: LabelSet,
    /// Labels before the job's rules.
    pub discovered_labels: LabelSet,
    /// Why it is not asked at all, which makes each scrape a failed one.
    pub refusal: Option<String>,
    /// Time between two scrapes.
    pub interval: Duration,
    /// Time a scrape may take.
    pub timeout: Duration,
    /// Whether it answers.
    pub health: TargetHealth,
    /// Why it does not.
    pub last_error: Option<String>,
    /// What the plugin warned of in the last scrape.
    pub warnings: Vec<String>,
    /// When the last scrape started.
    pub last_scrape: Option<TimestampMs>,
    /// How long it took.
    pub last_duration: Duration,
    /// Samples it gave.
    pub samples: usize,
    /// Samples of the last scrape that were dropped because its plugin is over its budget of series.
    pub dropped_samples: usize,
    /// Scrapes since the target is known.
    pub scrapes_total: u64,
    /// Scrapes that failed.
    pub failed_scrapes_total: u64,
    /// Scrapes that were left out because the one before took too long.
    pub missed_scrapes_total: u64,
}

/// A target that a rule dropped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DroppedTarget {
    /// The job in the configuration that it belongs to.
    pub scrape_pool: String,
    /// Labels before the job's rules.
    pub discovered_labels: LabelSet,
}

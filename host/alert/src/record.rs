//! What this crate leaves behind: samples of rules, state changes, attempts to notify, and the state that survives a restart.

use std::fmt::Debug;

use cepmon_model::{LabelSet, SampleValue, TimestampMs};

use crate::rule::AlertState;
use crate::{AlertStatus, BoxError};

/// One change of one alert's state.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertTransition {
    /// When it changed: the time of the evaluation.
    pub ts: TimestampMs,
    /// The rule's name.
    pub alertname: String,
    /// All labels of the alert, `alertname` included.
    pub labels: LabelSet,
    /// Its annotations, templates filled in.
    pub annotations: LabelSet,
    /// The state before.
    pub from: AlertState,
    /// The state after.
    pub to: AlertState,
    /// The expression's last value for this alert.
    pub value: f64,
    /// The rule group, as `file;name`.
    pub group: String,
}

/// How an attempt to notify ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptStatus {
    /// Delivered.
    Ok,
    /// It failed and will be tried again.
    Retry,
    /// It failed and this notification is given up.
    Failed,
}

impl AttemptStatus {
    /// The word in the table `notifications`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Retry => "retry",
            Self::Failed => "failed",
        }
    }
}

/// One attempt to deliver one notification.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationAttempt {
    /// When the attempt started.
    pub ts: TimestampMs,
    /// The receiver's name.
    pub receiver: String,
    /// The integration within the receiver, such as `email[0]`.
    pub integration: String,
    /// The key of the alert group, such as `{}/{team="a"}:{alertname="Down"}`.
    pub group_key: String,
    /// How it ended.
    pub status: AttemptStatus,
    /// 1 for the first attempt of a notification.
    pub attempt: u32,
    /// How many alerts the notification held.
    pub alerts: usize,
    /// What it told: firing if any of them fires.
    pub state: AlertStatus,
    /// How long the attempt took, by the clock.
    pub duration_seconds: f64,
    /// Why it failed, empty if it did not.
    pub error: String,
}

/// Where results and state go. The host implements it over its storage, tests in memory. Every method may block on disk.
pub trait Record: Debug + Send + Sync + 'static {
    /// Stores samples as one batch: a crash keeps all of them or none. A stale mark as value ends a series.
    fn append_samples(&self, samples: &[(LabelSet, TimestampMs, SampleValue)]) -> Result<(), BoxError>;

    /// Stores a change of state.
    fn alert_transition(&self, transition: &AlertTransition) -> Result<(), BoxError>;

    /// Stores an attempt to notify.
    fn notification_attempt(&self, attempt: &NotificationAttempt) -> Result<(), BoxError>;

    /// Keeps a value under a key over restarts, or forgets the key. Durable as samples are when it returns.
    fn state_put(&self, space: &str, key: &str, value: Option<&[u8]>) -> Result<(), BoxError>;

    /// All keys and values of a space.
    fn state_list(&self, space: &str) -> Result<Vec<(String, Vec<u8>)>, BoxError>;
}

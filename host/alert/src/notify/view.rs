//! What pages and APIs show of alerts and groups.

use cepmon_model::{LabelSet, TimestampMs};

use crate::{Alert, Fingerprint};

/// An alert at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// The alert.
    pub alert: Alert,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// The receivers that its routes lead to, in order.
    pub receivers: Vec<String>,
    /// Whether another alert keeps it quiet.
    pub is_inhibited: bool,
}

/// An alert group at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertGroupView {
    /// `route key:{labels}`.
    pub key: String,
    /// The labels that make the group.
    pub labels: LabelSet,
    /// Who is told.
    pub receiver: String,
    /// When it is looked at next.
    pub next_flush_at: TimestampMs,
    /// How many notifications are on their way.
    pub pending_deliveries: usize,
    /// Its alerts.
    pub alerts: Vec<Alert>,
}

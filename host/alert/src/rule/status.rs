//! What pages and the API `/api/v1/rules` show of groups and rules.

use std::time::Duration;

use cepmon_model::TimestampMs;

use crate::rule::{ActiveAlert, AlertState, RuleConfig};

/// How a rule's last evaluation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleHealth {
    /// It has not been evaluated yet.
    Unknown,
    /// It has a result, or rightly none.
    Ok,
    /// It failed.
    Err,
}

impl RuleHealth {
    /// The word of Prometheus's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}

/// A group at a moment.
#[derive(Debug, Clone)]
pub struct GroupStatus {
    /// Its file.
    pub file: String,
    /// Its name.
    pub name: String,
    /// How often it is evaluated.
    pub interval: Duration,
    /// How many results one rule may have.
    pub limit: Option<usize>,
    /// The time of its last evaluation.
    pub last_evaluation: Option<TimestampMs>,
    /// How long that took.
    pub last_duration_seconds: f64,
    /// Its rules, in order.
    pub rules: Vec<RuleStatus>,
}

/// A rule at a moment.
#[derive(Debug, Clone)]
pub struct RuleStatus {
    /// The rule itself.
    pub rule: RuleConfig,
    /// How its last evaluation went.
    pub health: RuleHealth,
    /// Why it failed, empty if it did not.
    pub last_error: String,
    /// The time of its last evaluation.
    pub last_evaluation: Option<TimestampMs>,
    /// How long that took.
    pub last_duration_seconds: f64,
    /// Pending and firing alerts; none for a recording rule.
    pub alerts: Vec<ActiveAlert>,
}

impl RuleStatus {
    /// The worst state of its alerts, as `/api/v1/rules` shows it.
    pub fn state(&self) -> AlertState {
        self.alerts.iter().map(|alert| alert.state).max().unwrap_or(AlertState::Inactive)
    }
}

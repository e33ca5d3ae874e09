//! Rules: files, groups and their evaluation. It makes alerts and samples and does not know who is told of them.

mod file;
mod check;
mod expand;
mod alerting;
mod recording;
mod memory;
mod group;
mod status;
mod scheduler;

#[cfg(test)]
mod tests;

pub(crate) use group::chain;

pub use alerting::{ActiveAlert, AlertState, AlertingRule};
pub use check::{CheckOptions, GroupConfig, RuleConfig, check_rule_file};
pub use file::{RuleEntry, RuleFile, RuleGroupEntry};
pub use group::{Context, RuleGroup};
pub use recording::RecordingRule;
pub use scheduler::{AlertSink, Scheduler};
pub use status::{GroupStatus, RuleHealth, RuleStatus};

//! What can go wrong while rules run. Mistakes in files are [`crate::Problem`]s, failed deliveries [`crate::receiver::SendError`]s.

use crate::BoxError;

/// Why an evaluation of a rule has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine refused or failed. Series and alerts stay as they were and the next evaluation tries again.
    #[error("cannot evaluate rule \"{rule}\"")]
    Evaluate {
        /// The rule's name.
        rule: String,
        /// What the engine said.
        #[source]
        source: BoxError,
    },
    /// The result cannot be stored. Alerts are still sent.
    #[error("cannot store the results of rule group \"{group}\"")]
    Record {
        /// The group, as `file;name`.
        group: String,
        /// What the storage said.
        #[source]
        source: BoxError,
    },
    /// More results than the group's `limit`.
    #[error("cannot keep {got} results of rule \"{rule}\": the limit of its group is {limit}; raise limit or narrow the expression")]
    Limit {
        /// The rule's name.
        rule: String,
        /// How many there were.
        got: usize,
        /// How many may be.
        limit: usize,
    },
    /// Two results have one label set once the rule's labels are applied.
    #[error("cannot tell two results of rule \"{rule}\" apart: both are {labels}; aggregate, or keep a label that differs")]
    Duplicate {
        /// The rule's name.
        rule: String,
        /// The labels that came twice.
        labels: String,
    },
}

//! Rules and notifications over this process's own storage and query engine: `cepmon-alert`'s traits, made real.

mod evaluate;
mod record;
mod load;

pub use evaluate::PromqlEvaluate;
pub use load::{AlertingConfig, load_alerting};
pub use record::StorageRecord;

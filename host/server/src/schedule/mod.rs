//! When each target is asked: one task per target, offsets spread over the interval so that targets do not all answer at once.
//! It decides when, calls the plugin, and hands the answer to `ingest`; what the answer means is decided there.

mod pool;
mod running_job;
mod scrape_loop;
mod target_status;

pub(crate) use pool::ScrapePool;
pub(crate) use target_status::{DroppedTarget, TargetHealth, TargetStatus};

//! Merging blocks into larger ones, and writing them again without what is to be deleted: what to merge and how, series by series, stream
//! by stream, batch by batch. It commits nothing: the manifest is the work of `storage/`.

pub(crate) mod plan;
pub(crate) mod window;
pub(crate) mod deletion;
pub(crate) mod output;
mod rewrite;
mod rows;
mod metrics;
mod logs;
mod tables;

pub use deletion::{Deletion, DeletionReport};
pub(crate) use output::Outputs;
pub(crate) use rewrite::{Rewrite, rewrite};

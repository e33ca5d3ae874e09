//! Blocks: immutable Parquet files in the open layout of the README, written by a flush and read by scans. They do not know of the
//! log or the head.

pub(crate) mod schema;

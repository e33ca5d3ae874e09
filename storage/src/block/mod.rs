//! Blocks: immutable Parquet files in the open layout of the README, written by a flush and read by scans. They do not know of the
//! log or the head.

pub(crate) mod schema;
pub(crate) mod map;
pub(crate) mod checksum;
pub(crate) mod block_file;
pub(crate) mod file;
pub(crate) mod samples;
mod value_columns;
pub(crate) mod sample_reader;
pub(crate) mod series;
pub(crate) mod series_reader;
pub(crate) mod logs;
pub(crate) mod table;
pub(crate) mod decode;
pub(crate) mod cache;
pub(crate) mod live;

pub(crate) use cache::BlockCache;
pub(crate) use live::Block;

//! Blocks: immutable Parquet files in the open layout of the README, written by a flush and read by scans. They do not know of the
//! log or the head.
//!
//! Files are touched in three places only, `file` (write), `block_file` (read) and `dir::atomic` (name, remove), and the manifest alone
//! says what exists, so another kind of store has one seam. The local one is not `object_store`: its local files are never forced to the
//! disk (0.13.2), and a read costs 3 to 20 times the CPU of a `pread` (22 against 2.5 µs for 16 KiB, 72 against 25 for 200 KiB; 2026-11).

pub(crate) mod schema;
pub(crate) mod map;
pub(crate) mod checksum;
pub(crate) mod block_file;
pub(crate) mod file;
pub(crate) mod samples;
pub(crate) mod pages;
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

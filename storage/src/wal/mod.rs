//! The write-ahead log: numbered segments of checksummed records. It knows how bytes get to the disk and back, not what they mean.
//!
//! A segment can be read without the ones before it: whoever writes defines in each segment what its records refer to.

pub(crate) mod cursor;
pub(crate) mod frame;
pub(crate) mod value;
pub(crate) mod logs;
pub(crate) mod rows;
pub(crate) mod writer;
pub(crate) mod replay;

//! Log collection: files by glob → lines → a log-parser plugin → storage. It follows files over rotation and truncation and
//! remembers how far each was read; a line is forgotten only once it is stored.

mod tail;
mod parse;
mod follow;

pub(crate) use follow::LogAgent;

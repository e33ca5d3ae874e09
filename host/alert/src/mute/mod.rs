//! What keeps a firing alert from being told of: other alerts (`inhibit`) and times (`interval`). Silences are not here yet.

mod inhibit;
mod interval;

pub use inhibit::{Inhibition, Sources};
pub use interval::TimeInterval;

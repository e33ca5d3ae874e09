//! From configuration to targets: places that are asked (`discovery`) → groups (`group`) → labels after rules, a URL, or the reason why
//! there is none (`resolve`). When a target is scraped is `schedule`'s matter.

mod group;
mod resolve;
pub(crate) mod discovery;
#[cfg(test)]
mod tests;

pub(crate) use group::{ADDRESS, TargetGroup};
pub(crate) use resolve::{Resolved, Target, discovered, relabelled, resolve};

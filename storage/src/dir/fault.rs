//! Named places where a test can make the process die or an operation fail. In service all of them are passed at the cost of a
//! comparison.

use crate::Error;

/// What happens at an armed fault point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// The process aborts at once, as with `kill -9`: no destructor runs, no buffer is written.
    Abort,
    /// The operation gives [`Error::Fault`], once per opened storage call that passes the point.
    Fail,
}

/// Which fault point is armed, if any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    armed: Option<(String, FaultAction)>,
}

/// The fault points in the order in which a flush passes them; one lies between each two of its steps.
pub const FAULT_POINTS: [&str; 9] = [
    "flush-frozen",
    "samples-written",
    "series-written",
    "logs-written",
    "tables-written",
    "manifest-aside",
    "manifest-renamed",
    "blocks-published",
    "log-cut",
];

/// The fault points in the order in which a compaction or a deletion passes them. A deletion passes those of a flush before.
pub const REWRITE_FAULT_POINTS: [&str; 7] = [
    "rewrite-began",
    "rewrite-rows-written",
    "rewrite-written",
    "rewrite-block-named",
    "rewrite-manifest-aside",
    "rewrite-manifest-renamed",
    "rewrite-published",
];

impl Faults {
    /// No fault point.
    pub fn none() -> Self {
        Self::default()
    }

    /// One fault point of [`FAULT_POINTS`] or [`REWRITE_FAULT_POINTS`].
    pub fn armed(point: impl Into<String>, action: FaultAction) -> Self {
        Self { armed: Some((point.into(), action)) }
    }

    /// From `CEPMON_FAULT=<point>[:abort|:fail]`; unset means none.
    pub fn from_environment() -> Self {
        let Ok(text) = std::env::var("CEPMON_FAULT") else { return Self::none() };
        match text.split_once(':') {
            Some((point, "fail")) => Self::armed(point, FaultAction::Fail),
            Some((point, _)) => Self::armed(point, FaultAction::Abort),
            None => Self::armed(text, FaultAction::Abort),
        }
    }

    /// Passes a point, or not.
    pub(crate) fn pass(&self, point: &'static str) -> Result<(), Error> {
        debug_assert!(FAULT_POINTS.contains(&point) || REWRITE_FAULT_POINTS.contains(&point), "unlisted fault point {point}");
        match &self.armed {
            Some((armed, action)) if armed == point => match action {
                FaultAction::Abort => std::process::abort(),
                FaultAction::Fail => Err(Error::Fault(point)),
            },
            _ => Ok(()),
        }
    }
}

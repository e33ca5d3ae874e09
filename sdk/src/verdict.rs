//! What a probe decides beside its samples.

/// Up or down, with one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the target counts as up.
    pub is_up: bool,
    /// Why it is down, or what answered.
    pub detail: String,
}

impl Verdict {
    /// The target answered as it should.
    pub fn up(detail: impl Into<String>) -> Self {
        Self { is_up: true, detail: detail.into() }
    }

    /// The target is down, and why. A probe that ran and found its target down returns this and not an error: an error means that the probe
    /// itself could not work.
    pub fn down(detail: impl Into<String>) -> Self {
        Self { is_up: false, detail: detail.into() }
    }
}

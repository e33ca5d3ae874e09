//! Why a plugin's call failed: a closed set, one metric label.

/// The kinds of failure of a plugin's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// The guest crashed: a panic, an unreachable instruction, a bad memory access, a stack overflow.
    Trap,
    /// Its CPU budget was spent.
    Cpu,
    /// The call's deadline passed.
    Deadline,
    /// It asked for more memory than its limit.
    Memory,
    /// It did something that the operator has not granted.
    Denied,
    /// It answered with an error of its own.
    Guest,
    /// Its answer was invalid or too large.
    Output,
    /// It could not be loaded or started.
    Load,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [Self::Trap, Self::Cpu, Self::Deadline, Self::Memory, Self::Denied, Self::Guest, Self::Output, Self::Load];

    /// The value of the metric label `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Cpu => "cpu",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Denied => "denied",
            Self::Guest => "guest",
            Self::Output => "output",
            Self::Load => "load",
        }
    }
}

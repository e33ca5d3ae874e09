//! What a reading came across: counts, and the damage by name.

/// Problems that are kept word for word; of more only the number.
const MAX_PROBLEMS: usize = 20;

/// What was read and what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Samples handed out.
    pub samples: u64,
    /// Times that a series was handed out with samples; over several blocks a series counts in each.
    pub series: u64,
    /// Native histograms, which are left out: cepmon does not store them yet.
    pub histograms: u64,
    /// Damage, each with file, place and what is lost.
    pub problems: Vec<String>,
    /// Further damage that is not named.
    pub more_problems: u64,
}

impl Findings {
    /// Counts what another reading found in.
    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.series += other.series;
        self.histograms += other.histograms;
        self.more_problems += other.more_problems;
        other.problems.into_iter().for_each(|problem| self.problem(problem));
    }

    pub(crate) fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}

//! Filters of a statement as storage takes them: one time range and a list of matchers.

use std::fmt;

use cepmon_model::Matcher;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};

use crate::condition::{Condition, Subject, conditions_of};

/// What storage is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Pushdown {
    /// First time, inclusive, Unix nanoseconds.
    start_ns: i128,
    /// Last time, inclusive, Unix nanoseconds.
    end_ns: i128,
    /// Conditions on labels, all of which hold.
    pub(crate) matchers: Vec<Matcher>,
}

impl Pushdown {
    /// All that the filters say in storage's terms.
    pub(crate) fn of(filters: &[Expr], subject_of: &dyn Fn(&str) -> Option<Subject>) -> Self {
        let mut pushdown = Self { start_ns: i128::MIN, end_ns: i128::MAX, matchers: Vec::new() };
        for condition in filters.iter().filter_map(|filter| conditions_of(filter, subject_of)).flat_map(|conditions| conditions.all) {
            match condition {
                Condition::From(start) => pushdown.start_ns = pushdown.start_ns.max(start),
                Condition::Until(end) => pushdown.end_ns = pushdown.end_ns.min(end),
                Condition::Label(matcher) => pushdown.matchers.push(matcher),
            }
        }
        pushdown
    }

    /// First and last millisecond within the range, both inclusive.
    pub(crate) fn milliseconds(&self) -> (i64, i64) {
        let start = self.start_ns.div_euclid(NS_PER_MS) + i128::from(self.start_ns.rem_euclid(NS_PER_MS) != 0);
        (clamp(start), clamp(self.end_ns.div_euclid(NS_PER_MS)))
    }

    /// First and last nanosecond within the range, both inclusive.
    pub(crate) fn nanoseconds(&self) -> (i64, i64) {
        (clamp(self.start_ns), clamp(self.end_ns))
    }
}

/// As EXPLAIN shows it; times in Unix milliseconds.
impl fmt::Display for Pushdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matchers: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        write!(f, "matchers=[{}]", matchers.join(", "))?;
        let (start, end) = self.milliseconds();
        if start > i64::MIN {
            write!(f, ", from={start}")?;
        }
        if end < i64::MAX {
            write!(f, ", until={end}")?;
        }
        Ok(())
    }
}

/// For each filter, whether storage checks it wholly, partly or not at all.
pub(crate) fn support(filters: &[&Expr], subject_of: &dyn Fn(&str) -> Option<Subject>) -> Vec<TableProviderFilterPushDown> {
    let support_one = |filter: &&Expr| match conditions_of(filter, subject_of) {
        Some(conditions) if conditions.is_exact => TableProviderFilterPushDown::Exact,
        Some(_) => TableProviderFilterPushDown::Inexact,
        None => TableProviderFilterPushDown::Unsupported,
    };
    filters.iter().map(support_one).collect()
}

const NS_PER_MS: i128 = 1_000_000;

fn clamp(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

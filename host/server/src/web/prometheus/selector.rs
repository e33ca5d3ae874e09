//! `match[]`, `start` and `end`: which series a request is about.

use cepmon_model::{Matcher, TimestampMs};
use cepmon_storage::LabelScan;

use super::ApiError;
use super::parameter::Parameters;
use crate::selector::parse_selector;

/// The series that `match[]` selects and that have samples from `start` to `end`; without limits, all of them.
pub(super) fn label_scan(parameters: &Parameters) -> Result<LabelScan, ApiError> {
    let start = parameters.time("start")?.unwrap_or(TimestampMs::MIN);
    let end = parameters.time("end")?.unwrap_or(TimestampMs::MAX);
    Ok(LabelScan { selectors: selectors(parameters)?, start, end })
}

/// All of `match[]`.
pub(super) fn selectors(parameters: &Parameters) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let read = |text: &str| parse_selector(text).map_err(|error| ApiError::parameter("match[]", error.to_string()));
    parameters.all("match[]").map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_counts_and_the_times_are_open() {
        let pairs = [("match[]", "up"), ("match[]", "{job=~\"a.+\"}"), ("end", "5")];
        let scan = label_scan(&Parameters::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())).unwrap();
        assert_eq!((scan.selectors.len(), scan.start, scan.end), (2, i64::MIN, 5_000));
    }
}

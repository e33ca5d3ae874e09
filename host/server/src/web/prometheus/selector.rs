//! `match[]`, `start` and `end`: which series a request is about.

use cepmon_model::{Matcher, TimestampMs};
use cepmon_query::ast::ExprKind;
use cepmon_storage::LabelScan;

use super::ApiError;
use super::parameter::Parameters;

/// The series that `match[]` selects and that have samples from `start` to `end`; without limits, all of them.
pub(super) fn label_scan(parameters: &Parameters) -> Result<LabelScan, ApiError> {
    let start = parameters.time("start")?.unwrap_or(TimestampMs::MIN);
    let end = parameters.time("end")?.unwrap_or(TimestampMs::MAX);
    Ok(LabelScan { selectors: selectors(parameters)?, start, end })
}

/// All of `match[]`.
pub(super) fn selectors(parameters: &Parameters) -> Result<Vec<Vec<Matcher>>, ApiError> {
    parameters.all("match[]").map(|text| selector(text).map_err(|problem| ApiError::parameter("match[]", problem))).collect()
}

/// A selector alone; one that everything matches is refused.
pub(super) fn selector(text: &str) -> Result<Vec<Matcher>, String> {
    let expr = cepmon_query::parse(text).map_err(|error| error.to_string())?;
    match expr.kind {
        ExprKind::Selector(selector) if selector.shift.offset.is_none() && selector.shift.at.is_none() => Ok(selector.matchers),
        _ => Err(format!("{text:?} is not a selector alone, such as up{{job=\"node\"}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_selectors_are_taken() {
        assert_eq!(selector("up{job=\"a\"}").unwrap().len(), 2);
        for wrong in ["{}", "{job=\"\"}", "rate(up[5m])", "up offset 5m", "up[5m]", "up @ 5", "1", ""] {
            assert!(selector(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_selector_counts_and_the_times_are_open() {
        let pairs = [("match[]", "up"), ("match[]", "{job=~\"a.+\"}"), ("end", "5")];
        let scan = label_scan(&Parameters::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())).unwrap();
        assert_eq!((scan.selectors.len(), scan.start, scan.end), (2, i64::MIN, 5_000));
    }
}

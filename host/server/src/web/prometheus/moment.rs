//! Moments as texts in answers: RFC 3339 in UTC, and what Go prints for "never".

use cepmon_model::TimestampMs;

/// Go's zero time.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A moment, or never.
pub(super) fn rfc3339(at: Option<TimestampMs>) -> String {
    let moment = at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    moment.map_or_else(|| NEVER.to_owned(), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_utc_with_the_digits_they_need() {
        assert_eq!(rfc3339(Some(1_700_000_000_120)), "2023-11-14T22:13:20.12Z");
        assert_eq!(rfc3339(Some(1_700_000_000_000)), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(None), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(Some(i64::MAX)), "0001-01-01T00:00:00Z");
    }
}

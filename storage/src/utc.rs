//! Times in messages, as people read them. Nothing is parsed here.

/// Milliseconds since 1970 as `2026-11-24T22:30:05Z`; a time beyond the calendar (year 9999) as their number.
pub fn utc(ms: i64) -> String {
    let second = jiff::Timestamp::from_second(ms.div_euclid(1000));
    second.map_or_else(|_| format!("{ms} ms"), |second| second.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_559_405_000), "2026-11-24T22:30:05Z");
        assert_eq!(utc(4_107_542_399_999), "2100-02-28T23:59:59Z");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01T00:00:00Z");
        assert_eq!(utc(i64::MAX), "9223372036854775807 ms");
    }
}

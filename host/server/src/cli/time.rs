//! Times on the command line.

use anyhow::anyhow;
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use cepmon_model::TimestampMs;

/// Unix seconds, with or without a fraction, or RFC 3339; in milliseconds.
pub(crate) fn parse_time(text: &str) -> anyhow::Result<TimestampMs> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let nanoseconds = string_to_timestamp_nanos(text)
        .map_err(|_| anyhow!("cannot read the time \"{text}\": want Unix seconds or a time such as 2026-11-24T12:00:00Z"))?;
    Ok(nanoseconds.div_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_are_read() {
        assert_eq!(parse_time("1700000000.5").unwrap(), 1_700_000_000_500);
        assert_eq!(parse_time("2023-11-14T22:13:20Z").unwrap(), 1_700_000_000_000);
        assert!(parse_time("yesterday").unwrap_err().to_string().contains("yesterday"));
        assert!(parse_time("NaN").is_err());
    }
}

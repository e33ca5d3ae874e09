//! Scalars with a notation of their own: durations and sizes.

use std::time::Duration;

use serde::Deserialize;

/// A duration in Prometheus's notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        cepmon_model::parse_duration(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A size such as `10GB`; units are powers of two, as in Prometheus. A number alone is a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Bytes(pub u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_size(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Reads a size as Prometheus does: units are powers of two, with or without an `i`. A number alone is a number of bytes.
///
/// # Errors
/// A text for people.
pub fn parse_size(text: &str) -> Result<u64, String> {
    text.parse().ok().or_else(|| size_with_unit(text)).ok_or_else(|| unreadable(text))
}

/// A size of Prometheus's own keys: the unit must be there, except with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct SizeWithUnit(pub u64);

impl<'de> Deserialize<'de> for SizeWithUnit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = if text == "0" { Some(0) } else { size_with_unit(&text) };
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom(unreadable(&text)))
    }
}

fn unreadable(text: &str) -> String {
    format!("cannot read the size \"{text}\": wanted a number with B, KB, MB, GB or TB")
}

/// Numbers with units, one after the other: `1GB`, `1.5MiB`, `1GB512MB`.
fn size_with_unit(text: &str) -> Option<u64> {
    const UNITS: [(&str, i32); 13] = [
        ("B", 0),
        ("KB", 10),
        ("MB", 20),
        ("GB", 30),
        ("TB", 40),
        ("PB", 50),
        ("EB", 60),
        ("KiB", 10),
        ("MiB", 20),
        ("GiB", 30),
        ("TiB", 40),
        ("PiB", 50),
        ("EiB", 60),
    ];
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len()));
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len()));
        let (_, shift) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += number.parse::<f64>().ok()? * 2f64.powi(*shift);
        rest = tail;
    }
    // Beyond 8 EiB Prometheus's own 63 bits are full.
    (!text.is_empty() && total < 2f64.powi(63)).then_some(total as u64)
}

#[cfg(test)]
mod tests {
    use super::size_with_unit;

    #[test]
    fn sizes_are_powers_of_two() {
        let f = |text: &str, want: Option<u64>| assert_eq!(size_with_unit(text), want, "{text}");
        f("10MB", Some(10 << 20));
        f("1.5KiB", Some(1536));
        f("1GB512MB", Some((1 << 30) + (512 << 20)));
        f("512B", Some(512));
        f("", None);
        f("100", None);
        f("-1GB", None);
        f("1.2.3MB", None);
        f("1XB", None);
        f("16EB", None);
    }
}

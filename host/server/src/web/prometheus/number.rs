//! Numbers and times as Prometheus's JSON prints them (`util/jsonutil`, 2.48). Written for speed: a range query prints millions.

use std::io::Write;

use cepmon_model::TimestampMs;

/// Whole numbers below this are exact, and print as integers do.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// Appends a value: the shortest digits that read back; with an exponent below 1e-6 and from 1e21 on.
pub(crate) fn push_value(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value == value.trunc() && magnitude < EXACT_INTEGERS && (value != 0.0 || value.is_sign_positive()) {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else if (1e-4..1e15).contains(&magnitude) {
        // In this span the crate writes digits and a point as Go does, three times as fast as `Display`.
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else if value != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        push_with_exponent(out, value);
    } else {
        write!(out, "{value}").expect("BUG: a Vec takes every byte");
    }
}

/// Appends a value as pages for scrapers hold it, Go's `'g'`: an exponent below 1e-4 and from a million on.
pub(super) fn push_general(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if value.is_finite() && value != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        push_with_exponent(out, value);
    } else {
        push_value(out, value);
    }
}

/// A number of JSON as Go writes it: whole ones without a fraction.
pub(super) fn plain<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT {
        serializer.serialize_i64(*value as i64)
    } else {
        serializer.serialize_f64(*value)
    }
}

/// Appends a finite value with an exponent, which Go writes with its sign and at least two digits.
pub(super) fn push_with_exponent(out: &mut Vec<u8>, value: f64) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("BUG: this format has an exponent");
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    write!(out, "{digits}e{sign}{exponent:0>2}").expect("BUG: a Vec takes every byte");
}

/// Appends a time as seconds: three decimals, or none where the milliseconds are zero.
pub(crate) fn push_time(out: &mut Vec<u8>, at: TimestampMs) {
    if at < 0 {
        out.push(b'-');
    }
    let milliseconds = at.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(milliseconds / 1000).as_bytes());
    let fraction = milliseconds % 1000;
    if fraction != 0 {
        let digit = |number: u64| b'0' + (number % 10) as u8;
        out.extend_from_slice(&[b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_in_prometheus() {
        let f = |value: f64, printed: &str| {
            let mut out = Vec::new();
            push_value(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), printed);
        };
        f(0.0, "0");
        f(-0.0, "-0");
        f(1.0, "1");
        f(-42.0, "-42");
        f(0.1, "0.1");
        f(-123.456, "-123.456");
        f(1.0 / 3.0, "0.3333333333333333");
        f(0.000_123, "0.000123");
        f(0.000_001_5, "0.0000015");
        f(1e-6, "0.000001");
        f(9.99e-7, "9.99e-07");
        f(5e-324, "5e-324");
        f(-1.25e-100, "-1.25e-100");
        f(9_007_199_254_740_991.0, "9007199254740991");
        f(9_007_199_254_740_992.0, "9007199254740992");
        f(-1e17, "-100000000000000000");
        f(123_456_789_012_345_680_000.0, "123456789012345680000");
        f(1e21, "1e+21");
        f(-1.5e300, "-1.5e+300");
        f(f64::MAX, "1.7976931348623157e+308");
        f(f64::INFINITY, "+Inf");
        f(f64::NEG_INFINITY, "-Inf");
        f(f64::NAN, "NaN");
    }

    #[test]
    fn pages_have_exponents_early() {
        let f = |value: f64, want: &str| {
            let mut out = Vec::new();
            push_general(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        };
        f(0.0, "0");
        f(0.0001, "0.0001");
        f(0.000_09, "9e-05");
        f(999_999.5, "999999.5");
        f(1_234_567.0, "1.234567e+06");
        f(f64::NAN, "NaN");
    }

    #[test]
    fn exponents_have_two_digits() {
        let f = |value: f64, want: &str| {
            let mut out = Vec::new();
            push_with_exponent(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        };
        f(0.0, "0e+00");
        f(1.0, "1e+00");
        f(-12.5, "-1.25e+01");
        f(0.001, "1e-03");
        f(1e300, "1e+300");
    }

    #[test]
    fn every_value_reads_back() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..100_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            // Half of them of everyday size, where the other way of printing is used.
            let raw = f64::from_bits(bits);
            let value = if bits.is_multiple_of(2) { raw } else { (bits >> 11) as f64 / 1e9 };
            if value.is_finite() {
                let mut out = Vec::new();
                push_value(&mut out, value);
                let text = String::from_utf8(out).unwrap();
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
                assert!(!text.ends_with(".0"), "{text}");
            }
        }
    }

    #[test]
    fn times_are_seconds() {
        let f = |at: TimestampMs, printed: &str| {
            let mut out = Vec::new();
            push_time(&mut out, at);
            assert_eq!(String::from_utf8(out).unwrap(), printed);
        };
        f(0, "0");
        f(4_000, "4");
        f(1_700_000_000_005, "1700000000.005");
        f(1_700_000_000_120, "1700000000.120");
        f(-1_500, "-1.500");
        f(-1, "-0.001");
    }
}

//! Sample values: Go's `ParseFloat` as the parsers of Prometheus call it, with the common spellings decided while the digits are read.
//!
//! The fast path is Clinger's: up to 15 digits and a power of ten up to 22 are exact in an `f64`, so one multiplication or division rounds
//! right. Counters, integers and ordinary decimals all take it; the rest goes to `str::parse`, which is exact as well.

use super::word::digits_at;

/// The bits of a NaN that is a value; other NaNs mean "stale" to Prometheus.
const NORMAL_NAN: u64 = 0x7ff8_0000_0000_0001;

const POWERS: [f64; 23] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];
/// More digits than this may not fit the 53 bits of a mantissa.
const MAX_EXACT_DIGITS: usize = 15;
const INTEGER_POWERS: [u64; 17] = {
    let mut powers = [1; 17];
    let mut index = 1;
    while index < 17 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// The number at `start` and where it ends, when it is of the fast kind and ends in a space, a tab or a newline.
#[inline(always)]
#[must_use]
pub fn parse_fast(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    let mut at = start;
    let is_negative = *bytes.get(at)? == b'-';
    at += usize::from(is_negative);
    let (mut mantissa, mut digits) = digits_at(bytes, at);
    at += digits;
    let mut exponent: i32 = 0;
    let mut byte = *bytes.get(at)?;
    if byte == b'.' {
        let (fraction, count) = digits_at(bytes, at + 1);
        at += 1 + count;
        digits += count;
        // Sixteen digits on both sides are too many anyway; the check below sees to it.
        mantissa = mantissa.wrapping_mul(INTEGER_POWERS[count]).wrapping_add(fraction);
        exponent = -(count as i32);
        byte = *bytes.get(at)?;
    }
    if digits == 0 || digits > MAX_EXACT_DIGITS {
        return None;
    }
    if byte == b'e' || byte == b'E' {
        let (written, end) = parse_exponent(bytes, at + 1)?;
        exponent += written;
        at = end;
        byte = *bytes.get(at)?;
    }
    if !matches!(byte, b' ' | b'\t' | b'\n') {
        return None;
    }
    let value = mantissa as f64;
    let value = match exponent {
        0 => value,
        1..=22 => value * POWERS[exponent as usize],
        -22..=-1 => value / POWERS[exponent.unsigned_abs() as usize],
        _ => return None,
    };
    Some((if is_negative { -value } else { value }, at))
}

/// At most three digits: more is never fast.
fn parse_exponent(bytes: &[u8], start: usize) -> Option<(i32, usize)> {
    let mut at = start;
    let sign = match *bytes.get(at)? {
        b'-' => -1,
        b'+' => 1,
        _ => 0,
    };
    at += usize::from(sign != 0);
    let first = at;
    let mut value = 0;
    while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        value = value * 10 + i32::from(byte - b'0');
        at += 1;
        if at - first > 3 {
            return None;
        }
    }
    (at > first).then_some((if sign < 0 { -value } else { value }, at))
}

/// A whole token as a number.
///
/// # Errors
/// What is wrong with it. As in Prometheus neither `_` nor hexadecimal numbers are allowed, and a number beyond the range of an
/// `f64` is refused rather than taken as infinity.
pub fn parse_slow(token: &[u8]) -> Result<f64, &'static str> {
    const INVALID: &str = "invalid syntax of a number";
    if token.iter().any(|byte| matches!(byte, b'p' | b'P' | b'_')) {
        return Err("unsupported character in float");
    }
    let text = std::str::from_utf8(token).map_err(|_| INVALID)?;
    let value: f64 = text.parse().map_err(|_| INVALID)?;
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_word = unsigned.starts_with(|first: char| first.is_ascii_alphabetic());
    if value.is_nan() {
        // Go takes no sign before NaN.
        return if unsigned.len() == text.len() { Ok(f64::from_bits(NORMAL_NAN)) } else { Err(INVALID) };
    }
    if value.is_infinite() && !is_word {
        return Err("value out of range");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_path_rounds_as_the_slow_one() {
        let spellings = [
            "0",
            "-0",
            "1",
            "-1",
            "42",
            "123456789012345",
            "0.1",
            "0.30000000000000",
            "1.795382291e+09",
            "2.5515429888e+11",
            "3.14e-5",
            "1e22",
            "1e-22",
            "5.",
            ".5",
            "-12.75",
            "999999999999999e22",
            "1E6",
            "00012",
            "123.456e+2",
        ];
        for text in spellings {
            let (value, end) = parse_fast(format!("{text}\n").as_bytes(), 0).unwrap_or_else(|| panic!("{text} is not fast"));
            assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            assert_eq!(end, text.len());
        }
    }

    #[test]
    fn what_is_not_surely_exact_is_left_to_the_slow_path() {
        for text in
            ["", "-", ".", "1e", "1e+", "1e1000", "1234567890123456", "1e23", "NaN", "+Inf", "+1", "1_0", "0x1", "1,5", "--1", "1.2.3"]
        {
            assert_eq!(parse_fast(format!("{text} 7\n").as_bytes(), 0), None, "{text}");
        }
        assert_eq!(parse_fast(b"12", 0), None);
    }

    #[test]
    fn the_slow_path_takes_what_go_takes() {
        for (text, want) in
            [("+Inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY), ("Infinity", f64::INFINITY), ("+1", 1.0), ("1e-400", 0.0)]
        {
            assert_eq!(parse_slow(text.as_bytes()), Ok(want), "{text}");
        }
        assert_eq!(parse_slow(b"nan").unwrap().to_bits(), NORMAL_NAN);
        for text in ["", "+NaN", "1_2", "0x1", "0x1p-3", "1e999", "true", "1\t2", "0o1", "blubb", "\u{ff11}"] {
            assert!(parse_slow(text.as_bytes()).is_err(), "{text}");
        }
    }
}

//! Floating-point numbers as Go's strconv and fmt print them.

/// Where Go's shortest form begins to write an exponent: 1000000 prints as 1e+06.
const SHORTEST_THRESHOLD: i32 = 6;

/// `%v`: the shortest digits that read back, with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn format_float(value: f64) -> String {
    match special(value) {
        Some(text) => text.to_owned(),
        None => general(value, None, SHORTEST_THRESHOLD),
    }
}

/// `%g` and `%.{precision}g`.
pub(crate) fn format_g(value: f64, precision: Option<usize>) -> String {
    match special(value) {
        Some(text) => text.to_owned(),
        None => {
            general(value, precision, precision.map_or(SHORTEST_THRESHOLD, |precision| precision.max(1).try_into().unwrap_or(i32::MAX)))
        }
    }
}

/// `%e` and `%.{precision}e`.
pub(crate) fn format_e(value: f64, precision: usize) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{digits}{}", exponent_text(exponent.parse().unwrap_or(0)))
}

/// `%.{precision}f`.
pub(crate) fn format_f(value: f64, precision: usize) -> String {
    special(value).map_or_else(|| format!("{value:.precision$}"), str::to_owned)
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// The general form: fixed for exponents in `-4..threshold`, else with an exponent; no zeros at the end.
fn general(value: f64, precision: Option<usize>, threshold: i32) -> String {
    let scientific = match precision {
        Some(precision) => format!("{value:.*e}", precision.max(1) - 1),
        None => format!("{value:e}"),
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    if !(-4..threshold).contains(&exponent) {
        return format!("{digits}{}", exponent_text(exponent));
    }
    let sign = if digits.starts_with('-') { "-" } else { "" };
    let plain: String = digits.chars().filter(char::is_ascii_digit).collect();
    let point = exponent + 1;
    let fixed = if point <= 0 {
        format!("0.{}{plain}", "0".repeat(point.unsigned_abs() as usize))
    } else {
        let point = point as usize;
        if plain.len() > point {
            format!("{}.{}", &plain[..point], &plain[point..])
        } else {
            format!("{plain}{}", "0".repeat(point - plain.len()))
        }
    };
    format!("{sign}{fixed}")
}

/// At least two digits, always a sign.
fn exponent_text(exponent: i32) -> String {
    format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_go() {
        let f = |value: f64, want: &str| assert_eq!(format_float(value), want);
        f(0.0, "0");
        f(1.0, "1");
        f(-0.5, "-0.5");
        f(123456789.0, "1.23456789e+08");
        f(999999.0, "999999");
        f(1e6, "1e+06");
        f(1e21, "1e+21");
        f(0.0001, "0.0001");
        f(0.00001, "1e-05");
        f(f64::INFINITY, "+Inf");
        f(f64::NAN, "NaN");
        assert_eq!(format_g(1234567.0, Some(4)), "1.235e+06");
        assert_eq!(format_g(123.46, Some(4)), "123.5");
        assert_eq!(format_e(12.5, 3), "1.250e+01");
        assert_eq!(format_f(2.5, 2), "2.50");
    }
}

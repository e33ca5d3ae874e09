//! Numbers as labels: `le` and `quantile` as Prometheus writes them when it reads protobuf (Go's `%g`, with `.0` behind whole numbers), so that
//! a target that changes its format keeps its series.

/// `1` is `1.0`, `0.00001` is `1e-05`, a million is `1e+06`.
pub(super) fn open_metrics(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

#[cfg(test)]
mod tests {
    use super::open_metrics;

    #[test]
    fn numbers_are_those_of_go() {
        let f = |value: f64, want: &str| assert_eq!(open_metrics(value), want);
        f(0.0, "0.0");
        f(1.0, "1.0");
        f(0.25, "0.25");
        f(0.0001, "0.0001");
        f(0.00001, "1e-05");
        f(123_456.0, "123456.0");
        f(1_000_000.0, "1e+06");
        f(12_345_678.0, "1.2345678e+07");
        f(-2.5, "-2.5");
        f(f64::INFINITY, "+Inf");
        f(f64::NEG_INFINITY, "-Inf");
    }
}

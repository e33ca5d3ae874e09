//! Native histograms in the notation: `{{schema:1 sum:3 count:2 buckets:[1 1]}}`, alone, repeated (`x3`) or with an increment (`+{{…}}x3`).

use cepmon_model::{Bucket, Histogram, ResetHint};

use crate::value::shortest;

/// One histogram, and what comes after it.
pub(super) fn read_histogram(text: &str) -> Result<(Histogram, &str), String> {
    let problem = || format!("cannot read the histogram {text:?}");
    let (body, rest) = text.strip_prefix("{{").and_then(|text| text.split_once("}}")).ok_or_else(problem)?;
    let mut histogram = Histogram::default();
    let (mut offset, mut negative_offset) = (0, 0);
    let mut words = body.trim();
    while !words.is_empty() {
        let (key, after) = words.split_once(':').ok_or_else(problem)?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or_else(problem)?,
            None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        let number = || value.parse::<f64>().map_err(|_| problem());
        let whole = || value.parse::<i32>().map_err(|_| problem());
        let list = || value.split_whitespace().map(|number| number.parse::<f64>().map_err(|_| problem())).collect::<Result<Vec<f64>, _>>();
        match key.trim() {
            "schema" => histogram.schema = whole()?,
            "sum" => histogram.sum = number()?,
            "count" => histogram.count = number()?,
            "z_bucket" => histogram.zero_count = number()?,
            "z_bucket_w" => histogram.zero_threshold = number()?,
            "offset" => offset = whole()?,
            "n_offset" => negative_offset = whole()?,
            "buckets" => histogram.positive = numbered(&list()?),
            "n_buckets" => histogram.negative = numbered(&list()?),
            "custom_values" => histogram.custom_values = list()?.into(),
            "counter_reset_hint" => histogram.hint = read_hint(value)?,
            other => return Err(format!("a histogram has no {other:?}: {text:?}")),
        }
        words = after.trim_start();
    }
    histogram.positive.iter_mut().for_each(|bucket| bucket.index += offset);
    histogram.negative.iter_mut().for_each(|bucket| bucket.index += negative_offset);
    Ok((histogram, rest))
}

/// A histogram with its repetitions, and what comes after them.
pub(super) fn read_histograms(text: &str) -> Result<(Vec<Histogram>, &str), String> {
    let (first, mut rest) = read_histogram(text)?;
    let sign = rest.chars().next().filter(|sign| matches!(sign, '+' | '-'));
    let mut increment = None;
    if let Some(sign) = sign {
        let (histogram, after) = read_histogram(&rest[1..])?;
        (increment, rest) = (Some((sign, histogram)), after);
    }
    let Some(after) = rest.strip_prefix('x') else { return Ok((vec![first], rest)) };
    let (count, rest) = after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
    let count: usize = count.parse().map_err(|_| format!("cannot read the count {count:?} after a histogram"))?;
    let mut histograms = vec![first];
    for _ in 0..count {
        let mut next = histograms[histograms.len() - 1].clone();
        let combined = match &increment {
            Some(('-', histogram)) => next.subtract(histogram),
            Some((_, histogram)) => next.add(histogram),
            None => Ok(cepmon_model::Combined::default()),
        };
        combined.map_err(|error| error.to_string())?;
        histograms.push(next);
    }
    Ok((histograms, rest))
}

fn numbered(counts: &[f64]) -> Vec<Bucket> {
    (0..).zip(counts).map(|(index, count)| Bucket { index, count: *count }).collect()
}

fn read_hint(text: &str) -> Result<ResetHint, String> {
    match text {
        "unknown" => Ok(ResetHint::Unknown),
        "reset" => Ok(ResetHint::Reset),
        "not_reset" => Ok(ResetHint::NotReset),
        "gauge" => Ok(ResetHint::Gauge),
        other => Err(format!("unknown counter_reset_hint {other:?}")),
    }
}

/// A histogram in the notation, as Prometheus prints it (`TestExpression`): what is zero is left out, buckets without a gap.
pub fn print_histogram(histogram: &Histogram) -> String {
    let mut parts = Vec::new();
    let mut push = |key: &str, number: f64| {
        if number != 0.0 {
            parts.push(format!("{key}:{}", shortest(number)));
        }
    };
    push("schema", f64::from(histogram.schema));
    push("count", histogram.count);
    push("sum", histogram.sum);
    push("z_bucket", histogram.zero_count);
    push("z_bucket_w", histogram.zero_threshold);
    if histogram.has_custom_buckets() {
        parts.push(format!("custom_values:{}", list(histogram.custom_values.iter().copied())));
    }
    match histogram.hint {
        ResetHint::Unknown => {}
        ResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
        ResetHint::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
        ResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
    }
    for (offset, key, buckets) in [("offset", "buckets", &histogram.positive), ("n_offset", "n_buckets", &histogram.negative)] {
        let mut filled = buckets.iter().filter(|bucket| bucket.count != 0.0);
        let (Some(first), last) = (filled.next(), filled.next_back()) else { continue };
        if first.index != 0 {
            parts.push(format!("{offset}:{}", first.index));
        }
        let count = |index: i32| buckets.iter().find(|bucket| bucket.index == index).map_or(0.0, |bucket| bucket.count);
        parts.push(format!("{key}:{}", list((first.index..=last.unwrap_or(first).index).map(count))));
    }
    format!("{{{{{}}}}}", parts.join(" "))
}

fn list(numbers: impl Iterator<Item = f64>) -> String {
    let numbers: Vec<String> = numbers.map(shortest).collect();
    format!("[{}]", numbers.join(" "))
}

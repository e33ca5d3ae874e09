//! Answers of guests as hostile input: every span, index, count and size is looked at before anybody trusts it, in one pass and
//! without allocation for good answers. Labels are not decoded here; that happens once per series, where they are remembered.

use cepmon_model::{LogBatch, LogField, STALE_NAN_BITS, SampleBatch, Span, stale_nan};

use crate::capability::log::clipped;
use crate::limits::CallLimits;

/// Warnings kept of one call, and bytes of each.
const MAX_WARNINGS: usize = 16;
const MAX_WARNING_BYTES: usize = 1024;
/// Bytes of one series text: about what a label set of 256 long labels takes.
const MAX_SERIES_BYTES: u32 = 64 << 10;
/// Bytes of a help text or unit that are kept; each new series brings its own once more.
const MAX_METADATA_BYTES: u32 = 4 << 10;
/// Names of fields of one log batch.
const MAX_KEYS: usize = 1024;

/// Checks a batch of samples and makes it canonical: stale marks carry the stale value, and nothing else does.
pub(crate) fn samples(batch: &mut SampleBatch, limits: &CallLimits) -> Result<(), String> {
    let count = batch.values.len();
    if count > limits.samples {
        return Err(format!("{count} samples, the limit is {}", limits.samples));
    }
    if batch.text.len() > limits.text_bytes {
        return Err(format!("{} bytes of text, the limit is {}", batch.text.len(), limits.text_bytes));
    }
    if batch.series.len() != 2 * count {
        return Err(format!("{} numbers of series spans for {count} samples, expected {}", batch.series.len(), 2 * count));
    }
    for (name, list) in [("timestamps", &batch.timestamps), ("start times", &batch.start_times)] {
        if !list.is_empty() && list.len() != count {
            return Err(format!("{} {name} for {count} samples", list.len()));
        }
    }
    let text_len = batch.text.len();
    let mut series_bytes = 0usize;
    for (sample, span) in batch.series.chunks_exact(2).enumerate() {
        let len = span[1] as usize;
        if len == 0 || span[0] as usize + len > text_len {
            return Err(format!("the series text of sample {sample} lies outside the text or is empty"));
        }
        if span[1] > MAX_SERIES_BYTES {
            return Err(format!("the series text of sample {sample} has {len} bytes, the limit is {MAX_SERIES_BYTES}"));
        }
        series_bytes += len;
    }
    if series_bytes > limits.series_bytes {
        return Err(format!("{series_bytes} bytes of series texts, the limit is {}", limits.series_bytes));
    }
    for value in batch.values.iter_mut().filter(|value| value.to_bits() == STALE_NAN_BITS) {
        *value = f64::NAN;
    }
    check_ascending("stale mark", batch.stale.iter().copied(), count, true)?;
    for &sample in &batch.stale {
        batch.values[sample as usize] = stale_nan();
    }
    check_families(batch, count)?;
    check_ascending("exemplar", batch.exemplars.iter().map(|exemplar| exemplar.sample), count, false)?;
    for exemplar in &batch.exemplars {
        check_span(exemplar.labels, text_len, "labels of an exemplar")?;
        if exemplar.labels.len > MAX_SERIES_BYTES {
            return Err(format!("the labels of an exemplar have {} bytes, the limit is {MAX_SERIES_BYTES}", exemplar.labels.len));
        }
    }
    clip_warnings(&mut batch.warnings);
    Ok(())
}

/// Checks a batch of log rows over the lines that went in.
pub(crate) fn rows(batch: &LogBatch, field_numbers: usize, lines: &[u8], line_count: usize, limits: &CallLimits) -> Result<(), String> {
    let rows = batch.rows.len();
    if batch.keys.len() > MAX_KEYS {
        return Err(format!("{} field names, the limit is {MAX_KEYS}", batch.keys.len()));
    }
    if batch.extra.len() > limits.text_bytes {
        return Err(format!("{} extra bytes, the limit is {}", batch.extra.len(), limits.text_bytes));
    }
    if field_numbers != 2 * rows * batch.keys.len() {
        return Err(format!("{field_numbers} numbers of field spans for {rows} rows of {} fields", batch.keys.len()));
    }
    for (name, len) in [("times", batch.times_ns.len()), ("severities", batch.severities.len())] {
        if len != 0 && len != rows {
            return Err(format!("{len} {name} for {rows} rows"));
        }
    }
    if let Some(key) = batch.keys.iter().find(|key| key.is_empty() || key.len() > 256) {
        return Err(format!("a field name of {} bytes", key.len()));
    }
    check_ascending("row", batch.rows.iter().copied(), line_count, true)?;
    // One pass over whole buffers is an order of magnitude faster than one call per field; only text that is not UTF-8 as a whole
    // has its fields looked at one by one.
    let (is_input_utf8, is_extra_utf8) = (std::str::from_utf8(lines).is_ok(), std::str::from_utf8(&batch.extra).is_ok());
    for field in &batch.fields {
        let (buffer, is_utf8, start, len) = match *field {
            LogField::Absent => continue,
            LogField::Input { start, len } => (lines, is_input_utf8, start as usize, len as usize),
            LogField::Extra { start, len } => (&*batch.extra, is_extra_utf8, start as usize, len as usize),
        };
        let Some(bytes) = buffer.get(start..start + len) else {
            return Err("a field lies outside the lines or the extra bytes".to_owned());
        };
        let on_boundary = |at: usize| buffer.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        let is_text = if is_utf8 { on_boundary(start) && on_boundary(start + len) } else { std::str::from_utf8(bytes).is_ok() };
        if !is_text {
            return Err("a field is not UTF-8".to_owned());
        }
    }
    if batch.severities.iter().any(|severity| severity.0 > 24) {
        return Err("a severity above 24".to_owned());
    }
    Ok(())
}

fn check_families(batch: &mut SampleBatch, count: usize) -> Result<(), String> {
    let mut samples = 0u64;
    for family in &mut batch.families {
        for (span, what) in [(family.name, "name of a family"), (family.unit, "unit of a family"), (family.help, "help of a family")] {
            check_span(span, batch.text.len(), what)?;
        }
        if family.name.len > MAX_SERIES_BYTES {
            return Err(format!("the name of a family has {} bytes, the limit is {MAX_SERIES_BYTES}", family.name.len));
        }
        family.help.len = family.help.len.min(MAX_METADATA_BYTES);
        family.unit.len = family.unit.len.min(MAX_METADATA_BYTES);
        samples += u64::from(family.samples);
    }
    // No families at all is fine: samples without metadata.
    if !batch.families.is_empty() && samples != count as u64 {
        return Err(format!("the families hold {samples} samples, the batch {count}"));
    }
    Ok(())
}

fn check_span(span: Span, text_len: usize, what: &str) -> Result<(), String> {
    if span.len != 0 && span.start as usize + span.len as usize > text_len {
        return Err(format!("the {what} lies outside the text"));
    }
    Ok(())
}

fn check_ascending(what: &str, indexes: impl Iterator<Item = u32>, count: usize, is_strict: bool) -> Result<(), String> {
    let mut last = None;
    for index in indexes {
        let is_ascending = last.is_none_or(|last| index > last || (!is_strict && index == last));
        if index as usize >= count || !is_ascending {
            return Err(format!("a {what} with index {index} of {count}, expected ascending indexes in range"));
        }
        last = Some(index);
    }
    Ok(())
}

fn clip_warnings(warnings: &mut Vec<String>) {
    let more = warnings.len().saturating_sub(MAX_WARNINGS);
    warnings.truncate(MAX_WARNINGS);
    for warning in warnings.iter_mut() {
        *warning = clipped(warning, MAX_WARNING_BYTES);
    }
    if more > 0 {
        warnings.push(format!("{more} more warnings"));
    }
}

#[cfg(test)]
mod tests;

//! OpenMetrics text whose samples have times, as `promtool tsdb create-blocks-from openmetrics` takes it. Types, help texts and exemplars
//! are passed over. A history may be larger than memory, so it is read line by line; the parser of scrapes, which fills the columns of a
//! guest's batch with a whole body, is no use here.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use cepmon_model::{LabelSet, Sample, split_series_text};

use crate::{Error, Findings, Selection, Sink};

/// Samples that are collected before they are handed out, so that those of a series come together.
const COLLECTED: usize = 1 << 20;
/// Bytes of one line.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Hands out the samples of a text, a series several times where there is much. `path` is for messages.
///
/// # Errors
/// [`Error::Text`] at the first line that cannot be read, and for a text without its last line `# EOF`; samples of the lines before may
/// have been handed out by then.
pub fn read_openmetrics(path: &Path, text: &mut dyn BufRead, selection: &Selection, sink: &mut Sink<'_>) -> Result<Findings, Error> {
    let mut collected = Collected { series: HashMap::new(), count: 0, findings: Findings::default() };
    let mut line = Vec::new();
    for number in 1.. {
        let problem = |problem: String| Error::Text { path: path.to_owned(), line: number, problem };
        line.clear();
        std::io::Read::take(&mut *text, MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
        if line.is_empty() {
            return Err(problem("data does not end with # EOF".to_owned()));
        }
        let content = line.strip_suffix(b"\n").ok_or_else(|| problem("a line that does not end, or one over 1 MiB".to_owned()))?;
        let content = std::str::from_utf8(content).map_err(|_| problem("it is not UTF-8".to_owned()))?;
        if content == "# EOF" {
            break;
        }
        if content.starts_with('#') {
            continue;
        }
        let (labels, sample) = parse_line(content).map_err(problem)?;
        if selection.has(&sample) {
            collected.push(labels, sample);
        }
        if collected.count >= COLLECTED {
            collected.hand_out(selection, sink)?;
        }
    }
    collected.hand_out(selection, sink)?;
    Ok(collected.findings)
}

struct Collected {
    series: HashMap<LabelSet, Vec<Sample>>,
    count: usize,
    findings: Findings,
}

impl Collected {
    fn push(&mut self, labels: LabelSet, sample: Sample) {
        self.series.entry(labels).or_default().push(sample);
        self.count += 1;
    }

    fn hand_out(&mut self, selection: &Selection, sink: &mut Sink<'_>) -> Result<(), Error> {
        let mut series: Vec<(LabelSet, Vec<Sample>)> = self.series.drain().collect();
        series.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        self.count = 0;
        for (labels, mut samples) in series.into_iter().filter(|(labels, _)| selection.takes(labels)) {
            samples.sort_by_key(|sample| sample.timestamp);
            samples.dedup_by_key(|sample| sample.timestamp);
            self.findings.series += 1;
            self.findings.samples += samples.len() as u64;
            sink(&labels, &samples).map_err(Error::Sink)?;
        }
        Ok(())
    }
}

/// `name{label="value"} value time`, perhaps with an exemplar after ` # `.
fn parse_line(line: &str) -> Result<(LabelSet, Sample), String> {
    let (labels, rest) = split_series_text(line).map_err(|error| error.to_string())?;
    let labels = labels.build();
    let mut words = rest.split_ascii_whitespace().take_while(|word| *word != "#");
    let value = words.next().ok_or_else(|| format!("expected value for series {labels}"))?;
    let value = parse_number(value).ok_or_else(|| format!("cannot read the value \"{value}\" of series {labels}"))?;
    let time = words.next().ok_or_else(|| format!("expected timestamp for series {labels}, got none"))?;
    let seconds = parse_number(time).filter(|seconds| seconds.is_finite()).ok_or_else(|| format!("cannot read the time \"{time}\""))?;
    match words.next() {
        Some(word) => Err(format!("unexpected \"{word}\" after the time")),
        // Rounded: 1.001 has no exact form, and a millisecond less would be another sample.
        None => Ok((labels, Sample { timestamp: (seconds * 1000.0).round() as i64, value })),
    }
}

fn parse_number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let mut sink = |labels: &LabelSet, samples: &[Sample]| {
            found.extend(samples.iter().map(|sample| format!("{labels} {} {}", sample.value, sample.timestamp)));
            Ok(())
        };
        read_openmetrics(Path::new("om.txt"), &mut text.as_bytes(), &Selection::default(), &mut sink).map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn samples_come_by_series_and_time() {
        let text = "# HELP b Words.\n# TYPE b counter\nb_total{x=\"} 1\"} 2 1.001\na 1 1700000000\nb_total{x=\"} 1\"} 1 1 # {t=\"x\"} 0.5\na NaN 5\n# EOF\n";
        let want = ["a NaN 5000", "a 1 1700000000000", "b_total{x=\"} 1\"} 1 1000", "b_total{x=\"} 1\"} 2 1001"];
        assert_eq!(read(text).unwrap(), want);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let f = |text: &str, want: &str| {
            let problem = read(text).unwrap_err();
            assert_eq!(problem, format!("cannot read \"om.txt\": line {want}"));
        };
        f("a 1 1\n", "2: data does not end with # EOF");
        f("a 1 1\nb 2\n# EOF\n", "2: expected timestamp for series b, got none");
        f("a one 1\n# EOF\n", "1: cannot read the value \"one\" of series a");
        f("a 1 NaN\n# EOF\n", "1: cannot read the time \"NaN\"");
        f("a 1 1 1\n# EOF\n", "1: unexpected \"1\" after the time");
        f("# EOF", "1: a line that does not end, or one over 1 MiB");
    }
}

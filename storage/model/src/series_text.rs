//! Series text to labels: `name{label="value",…}` as the exposition formats spell it, quoted UTF-8 names included. It does not
//! read values, timestamps or comments; that is a plugin's work.

use crate::{LabelSetBuilder, METRIC_NAME, is_label_name, is_metric_name};

/// Series text that cannot be read; `at` is a byte offset in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the series text at byte {at}: {problem}")]
pub struct SeriesTextError {
    at: usize,
    problem: &'static str,
}

/// Labels of a series text, the metric's name as `__name__`. Accepts what Prometheus's text and OpenMetrics parsers accept:
/// blanks around every part, a trailing or missing comma, `{"name", "label"="value"}`, the escapes `\\`, `\"` and `\n`.
pub fn parse_series_text(text: &[u8]) -> Result<LabelSetBuilder, SeriesTextError> {
    let mut reader = Reader { text: utf8(text)?, at: 0 };
    let labels = reader.series()?;
    reader.end(labels)
}

/// The same of a text that may lack the name, such as the labels of an exemplar: `{trace_id="a"}`.
pub fn parse_label_text(text: &[u8]) -> Result<LabelSetBuilder, SeriesTextError> {
    let mut reader = Reader { text: utf8(text)?, at: 0 };
    let labels = reader.name_and_labels()?;
    reader.end(labels)
}

/// The same of a line that begins with a series text, and the rest of the line: of `up{job="a"} 1` the ` 1`.
pub fn split_series_text(line: &str) -> Result<(LabelSetBuilder, &str), SeriesTextError> {
    let mut reader = Reader { text: line, at: 0 };
    let labels = reader.series()?;
    Ok((labels, &line[reader.at..]))
}

/// Labels of one series. Nobody has that many, and a text of megabytes of labels in the worst order would take minutes to sort.
const MAX_LABELS: usize = 256;

fn utf8(text: &[u8]) -> Result<&str, SeriesTextError> {
    std::str::from_utf8(text).map_err(|error| SeriesTextError { at: error.valid_up_to(), problem: "not UTF-8" })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn series(&mut self) -> Result<LabelSetBuilder, SeriesTextError> {
        let labels = self.name_and_labels()?;
        if labels.get(METRIC_NAME).is_none() {
            return Err(self.error("no metric name"));
        }
        Ok(labels)
    }

    fn name_and_labels(&mut self) -> Result<LabelSetBuilder, SeriesTextError> {
        let mut labels = LabelSetBuilder::default();
        self.skip_blanks();
        let name = self.bare_name();
        if !name.is_empty() {
            if !is_metric_name(&name) {
                return Err(self.error("invalid metric name"));
            }
            labels.set(METRIC_NAME, &name);
        }
        self.skip_blanks();
        if self.accept(b'{') {
            self.labels(&mut labels)?;
        }
        Ok(labels)
    }

    /// Makes sure that nothing follows.
    fn end(mut self, labels: LabelSetBuilder) -> Result<LabelSetBuilder, SeriesTextError> {
        self.skip_blanks();
        match self.peek() {
            Some(_) => Err(self.error("unexpected text after the labels")),
            None => Ok(labels),
        }
    }

    fn labels(&mut self, labels: &mut LabelSetBuilder) -> Result<(), SeriesTextError> {
        // Once more, for the closing brace.
        for _ in 0..=MAX_LABELS {
            self.skip_blanks();
            if self.accept(b'}') {
                return Ok(());
            }
            let is_quoted = self.peek() == Some(b'"');
            let name = if is_quoted { self.quoted()? } else { self.bare_name() };
            self.skip_blanks();
            if self.accept(b'=') {
                self.skip_blanks();
                if name.is_empty() || (!is_quoted && !is_label_name(&name)) {
                    return Err(self.error("invalid label name"));
                }
                let value = self.quoted()?;
                if labels.get(&name).is_some() {
                    return Err(self.error("the same label twice"));
                }
                labels.set(&name, &value);
            } else if is_quoted && labels.get(METRIC_NAME).is_none() && !name.is_empty() {
                labels.set(METRIC_NAME, &name);
            } else {
                return Err(self.error("expected \"=\" after a label name"));
            }
            self.skip_blanks();
            // Prometheus's lexer (2.48) does not insist on the comma.
            self.accept(b',');
        }
        Err(self.error("more than 256 labels"))
    }

    fn bare_name(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn quoted(&mut self) -> Result<String, SeriesTextError> {
        if !self.accept(b'"') {
            return Err(self.error("expected a quoted value"));
        }
        let mut value = String::new();
        let mut characters = self.text[self.at..].char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += offset + 1;
                    return Ok(value);
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                    // Prometheus's lexer takes any escaped character and its unquoting keeps unknown ones as they are.
                    Some((_, other)) => value.extend(['\\', other]),
                    None => break,
                },
                other => value.push(other),
            }
        }
        self.at = self.text.len();
        Err(self.error("a quoted value does not end"))
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, problem: &'static str) -> SeriesTextError {
        SeriesTextError { at: self.at, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exporters_write_is_read() {
        let f = |text: &str, want: &str| assert_eq!(parse_series_text(text.as_bytes()).unwrap().build().to_string(), want);
        f("up", "up");
        f("up{}", "up");
        f(r#"m{a="1",b="2"}"#, r#"m{a="1", b="2"}"#);
        f(r#"m{a="1" b="2"}"#, r#"m{a="1", b="2"}"#);
        f(r#"  m { b = "2" , a = "1" , } "#, r#"m{a="1", b="2"}"#);
        f(r#"m{path="C:\\\"\n\d"}"#, r#"m{path="C:\\\"\n\\d"}"#);
        f(r#"{"my.metric", "my label"="x"}"#, r#"my.metric{my label="x"}"#);
        f(r#"m{empty=""}"#, "m");
    }

    #[test]
    fn a_line_is_split_behind_its_labels() {
        let f = |line: &str, labels: &str, rest: &str| {
            let (found, found_rest) = split_series_text(line).unwrap();
            assert_eq!((found.build().to_string().as_str(), found_rest), (labels, rest));
        };
        f("up 1", "up", "1");
        f(r#"up{job="} 1"} 2 3 # {t="x"} 4"#, r#"up{job="} 1"}"#, r#" 2 3 # {t="x"} 4"#);
        f(r#"up {job="\"} "} 2"#, r#"up{job="\"} "}"#, " 2");
        f("up", "up", "");
    }

    #[test]
    fn labels_need_no_name() {
        assert_eq!(parse_label_text(br#"{trace_id="a"}"#).unwrap().build().to_string(), r#"{trace_id="a"}"#);
        assert_eq!(
            parse_label_text(b"{} x").unwrap_err().to_string(),
            "cannot read the series text at byte 3: unexpected text after the labels"
        );
    }

    #[test]
    fn what_is_broken_is_refused_with_its_place() {
        let f = |text: &str, want: &str| assert_eq!(parse_series_text(text.as_bytes()).unwrap_err().to_string(), want);
        f("", "cannot read the series text at byte 0: no metric name");
        f("9m", "cannot read the series text at byte 2: invalid metric name");
        f("m{a=\"1", "cannot read the series text at byte 6: a quoted value does not end");
        f("m{a=1}", "cannot read the series text at byte 4: expected a quoted value");
        f("m{a=\"1\",a=\"2\"}", "cannot read the series text at byte 13: the same label twice");
        f("m{a=\"1\"} 3", "cannot read the series text at byte 9: unexpected text after the labels");
        let labels = |count: usize| (0..count).map(|number| format!("l{number}=\"1\"")).collect::<Vec<_>>().join(",");
        assert_eq!(parse_series_text(format!("m{{{}}}", labels(256)).as_bytes()).unwrap().iter().count(), 257);
        let error = parse_series_text(format!("m{{{}}}", labels(100_000)).as_bytes()).unwrap_err().to_string();
        assert!(error.ends_with("more than 256 labels"), "{error}");
    }
}

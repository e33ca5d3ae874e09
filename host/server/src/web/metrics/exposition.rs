//! Writes the text format 0.0.4 that Prometheus scrapes. It holds no values and knows no metric.

use std::fmt::Write;

/// The value of `Content-Type`.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric's type, as far as cepmon has metrics of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

/// A page of metrics while it is being written.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family. Every family is begun once; its samples follow at once.
    pub(crate) fn family<'a>(&'a mut self, name: &'static str, kind: Kind, help: &str) -> Family<'a> {
        debug_assert_eq!(kind == Kind::Counter, name.ends_with("_total"), "{name}");
        debug_assert!(!self.text.contains(&format!("# TYPE {name} ")), "{name} is written twice");
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.text.push_str("# HELP ");
        self.text.push_str(name);
        self.text.push(' ');
        push_escaped(&mut self.text, help, false);
        self.text.push_str("\n# TYPE ");
        self.text.push_str(name);
        self.text.push(' ');
        self.text.push_str(kind);
        self.text.push('\n');
        Family { text: &mut self.text, name }
    }

    /// A family of one sample without labels.
    pub(crate) fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// The finished page.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// The samples of one family.
#[derive(Debug)]
pub(crate) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// One sample. Label names are ours, label values may hold anything.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(self.name);
        for (index, (name, label)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(self.text, label, true);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.text.push(' ');
        push_value(self.text, value);
        self.text.push('\n');
    }
}

fn push_escaped(text: &mut String, value: &str, is_label: bool) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if is_label => text.push_str("\\\""),
            _ => text.push(letter),
        }
    }
}

fn push_value(text: &mut String, value: f64) {
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        write!(text, "{value}").expect("BUG: writing to a String cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_escapes_what_the_format_needs() {
        let mut page = Exposition::default();
        page.single("cepmon_a_bytes", Kind::Gauge, "Line\nand \\ \"quote\".", 1.5);
        let mut family = page.family("cepmon_b_total", Kind::Counter, "Counts.");
        family.sample(&[("plugin", "a\"b\\c\nd"), ("kind", "trap")], 3.0);
        family.sample(&[("plugin", "x"), ("kind", "")], f64::INFINITY);
        let expected = "# HELP cepmon_a_bytes Line\\nand \\\\ \"quote\".\n# TYPE cepmon_a_bytes gauge\ncepmon_a_bytes 1.5\n\
            # HELP cepmon_b_total Counts.\n# TYPE cepmon_b_total counter\n\
            cepmon_b_total{plugin=\"a\\\"b\\\\c\\nd\",kind=\"trap\"} 3\ncepmon_b_total{plugin=\"x\",kind=\"\"} +Inf\n";
        assert_eq!(page.finish(), expected);
    }
}

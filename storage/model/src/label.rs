//! Label sets: sorted, without duplicates or empty values, cheap to compare. It does not intern and does not parse.

use std::cmp::Ordering;
use std::fmt;

use crate::METRIC_NAME;

/// The identity of a series or of a log stream: labels sorted by name, each name once, no empty value (in Prometheus's model
/// an empty value and a missing label are the same thing).
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct LabelSet {
    /// All names and values, one after the other.
    text: Box<str>,
    /// End offsets in `text`: of name 0, value 0, name 1, …
    ends: Box<[u32]>,
}

impl LabelSet {
    /// A label set from pairs in any order; the last of equal names wins, empty values are left out.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut builder = LabelSetBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// A label set from pairs that are mostly sorted by name, each name once and no value empty: two allocations then, whatever the number
    /// of labels. Others are accepted too and cost more.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Self {
        let is_sorted = pairs.clone().is_sorted_by(|left, right| left.0 < right.0);
        if !is_sorted || pairs.clone().any(|(_, value)| value.is_empty()) {
            return Self::from_pairs(pairs);
        }
        let (bytes, count) = pairs.clone().fold((0, 0), |(bytes, count), (name, value)| (bytes + name.len() + value.len(), count + 1));
        let mut text = String::with_capacity(bytes);
        let mut ends = Vec::with_capacity(2 * count);
        for (name, value) in pairs {
            for part in [name, value] {
                text.push_str(part);
                ends.push(u32::try_from(text.len()).expect("BUG: a label set over 4 GiB"));
            }
        }
        Self { text: text.into(), ends: ends.into() }
    }

    /// Labels in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        (0..self.len()).map(|index| self.label(index))
    }

    /// How many labels there are, the metric's name included.
    pub fn len(&self) -> usize {
        self.ends.len() / 2
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            let (found, value) = self.label(middle);
            match found.cmp(name) {
                Ordering::Equal => return Some(value),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The metric's name, empty if there is none.
    pub fn metric_name(&self) -> &str {
        if self.starts_with_name() { self.label(0).1 } else { self.get(METRIC_NAME).unwrap_or_default() }
    }

    /// The same labels, to be changed.
    pub fn to_builder(&self) -> LabelSetBuilder {
        LabelSetBuilder { pairs: self.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// Bytes of memory behind this value, for budgets.
    pub fn heap_bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<u32>()
    }

    /// Whether the metric's name is the first label: few labels come before it in the alphabet (`A`).
    fn starts_with_name(&self) -> bool {
        !self.is_empty() && self.label(0).0 == METRIC_NAME
    }

    fn label(&self, index: usize) -> (&str, &str) {
        let start = if index == 0 { 0 } else { self.ends[2 * index - 1] as usize };
        let (middle, end) = (self.ends[2 * index] as usize, self.ends[2 * index + 1] as usize);
        (&self.text[start..middle], &self.text[middle..end])
    }
}

/// Order of series in files and answers: by metric name, then by the other labels. One metric's series lie together.
impl Ord for LabelSet {
    fn cmp(&self, other: &Self) -> Ordering {
        self.metric_name().cmp(other.metric_name()).then_with(|| {
            if self.starts_with_name() && other.starts_with_name() {
                return self.iter().skip(1).cmp(other.iter().skip(1));
            }
            let without_name = |label: &(&str, &str)| label.0 != METRIC_NAME;
            self.iter().filter(without_name).cmp(other.iter().filter(without_name))
        })
    }
}

impl PartialOrd for LabelSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Series text, as PromQL and the exposition format write it: `up{job="node"}`.
impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric_name())?;
        let mut rest = self.iter().filter(|(name, _)| *name != METRIC_NAME).peekable();
        if rest.peek().is_none() && !self.metric_name().is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        let mut separator = "";
        for (name, value) in rest {
            write!(f, "{separator}{name}=\"")?;
            for character in value.chars() {
                match character {
                    '\\' => f.write_str("\\\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str("\\n")?,
                    other => fmt::Write::write_char(f, other)?,
                }
            }
            f.write_str("\"")?;
            separator = ", ";
        }
        f.write_str("}")
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Labels while they are still being decided.
#[derive(Debug, Clone, Default)]
pub struct LabelSetBuilder {
    /// Sorted by name.
    pairs: Vec<(String, String)>,
}

impl LabelSetBuilder {
    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match self.position(name) {
            Ok(index) if value.is_empty() => drop(self.pairs.remove(index)),
            Ok(index) => value.clone_into(&mut self.pairs[index].1),
            Err(_) if value.is_empty() => {}
            Err(index) => self.pairs.insert(index, (name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Removes a label and gives its value back.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.position(name).ok().map(|index| self.pairs.remove(index).1)
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).ok().map(|index| self.pairs[index].1.as_str())
    }

    /// Keeps only labels with such names.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&str) -> bool) {
        self.pairs.retain(|(name, _)| is_kept(name));
    }

    /// Labels in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The finished set.
    pub fn build(&self) -> LabelSet {
        let bytes = self.pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut text = String::with_capacity(bytes);
        let mut ends = Vec::with_capacity(2 * self.pairs.len());
        for (name, value) in &self.pairs {
            for part in [name, value] {
                text.push_str(part);
                ends.push(u32::try_from(text.len()).expect("BUG: a label set over 4 GiB"));
            }
        }
        LabelSet { text: text.into(), ends: ends.into() }
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(found, _)| found.as_str().cmp(name))
    }
}

/// Whether a text is a label name of the classic data model: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_label_name(text: &str) -> bool {
    is_name(text, |byte| byte == b'_')
}

/// Whether a text is a metric name of the classic data model: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_metric_name(text: &str) -> bool {
    is_name(text, |byte| byte == b'_' || byte == b':')
}

fn is_name(text: &str, is_extra: impl Fn(u8) -> bool) -> bool {
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || is_extra(byte));
    starts_well && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_extra(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_once_and_never_empty() {
        let set = LabelSet::from_pairs([("job", "node"), ("__name__", "up"), ("empty", ""), ("job", "web")]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [("__name__", "up"), ("job", "web")]);
        assert_eq!((set.get("job"), set.get("empty"), set.metric_name()), (Some("web"), None, "up"));
    }

    #[test]
    fn one_metric_lies_together_whatever_its_labels_are_called() {
        let mut sets = [
            LabelSet::from_pairs([("__name__", "b"), ("A", "1")]),
            LabelSet::from_pairs([("__name__", "a"), ("z", "1")]),
            LabelSet::from_pairs([("__name__", "b")]),
            LabelSet::from_pairs([("__name__", "a"), ("A", "2")]),
        ];
        sets.sort();
        assert_eq!(sets.map(|set| set.to_string()), ["a{A=\"2\"}", "a{z=\"1\"}", "b", "b{A=\"1\"}"]);
    }

    #[test]
    fn display_escapes_what_the_exposition_format_escapes() {
        let set = LabelSet::from_pairs([("__name__", "m"), ("path", "C:\\\"\n")]);
        assert_eq!(set.to_string(), r#"m{path="C:\\\"\n"}"#);
        assert_eq!(LabelSet::default().to_string(), "{}");
    }

    #[test]
    fn sorted_and_unsorted_pairs_make_the_same_set() {
        let sorted = [("__name__", "m"), ("a", "1"), ("b", "2")];
        let unsorted = [("b", "2"), ("c", ""), ("a", "1"), ("__name__", "m")];
        assert_eq!(LabelSet::from_sorted(sorted.into_iter()), LabelSet::from_pairs(unsorted));
        assert_eq!(LabelSet::from_sorted(unsorted.into_iter()), LabelSet::from_pairs(sorted));
        assert_eq!(LabelSet::from_sorted(std::iter::empty()), LabelSet::default());
    }

    #[test]
    fn names_follow_the_classic_data_model() {
        assert!(is_label_name("le") && is_label_name("_x9") && !is_label_name("9x") && !is_label_name("a:b") && !is_label_name(""));
        assert!(is_metric_name("job:up:sum") && !is_metric_name("a-b") && !is_metric_name(""));
    }
}

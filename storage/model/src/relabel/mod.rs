//! Relabelling, byte for byte as Prometheus does it (2.48 and 3): rules that rewrite, keep or drop a label set. `entry` is what a file
//! says, `template` expands `$1` and `${name}`. It knows neither targets nor series.

mod entry;
mod template;
#[cfg(test)]
mod tests;

use md5::{Digest as _, Md5};
use regex::Regex;

pub use entry::{NameScheme, RelabelEntry, RelabelError};

use crate::LabelSetBuilder;
use template::expand;

/// Applies rules in their order. No = the label set is to be dropped; it then stands as the dropping rule found it.
pub fn relabel(rules: &[RelabelRule], labels: &mut LabelSetBuilder) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

/// One rule, checked and compiled.
#[derive(Debug, Clone)]
pub struct RelabelRule {
    entry: RelabelEntry,
    source_labels: Vec<String>,
    separator: String,
    regex: Regex,
    /// Whether the regular expression is the default one.
    takes_all: bool,
    target_label: String,
    replacement: String,
    modulus: u64,
    action: Action,
    scheme: NameScheme,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl RelabelRule {
    /// No = the label set is to be dropped.
    fn apply(&self, labels: &mut LabelSetBuilder) -> bool {
        let values = self.source_labels.iter().map(|name| labels.get(name).unwrap_or_default());
        let value = values.collect::<Vec<_>>().join(&self.separator);
        match self.action {
            Action::Keep => return self.regex.is_match(&value),
            Action::Drop => return !self.regex.is_match(&value),
            Action::KeepEqual => return labels.get(&self.target_label).unwrap_or_default() == value,
            Action::DropEqual => return labels.get(&self.target_label).unwrap_or_default() != value,
            Action::Replace => self.replace(&value, labels),
            Action::HashMod => {
                // The last eight bytes, as ever since Prometheus 1.
                let digest: [u8; 16] = Md5::digest(value.as_bytes()).into();
                let hash = digest[8..].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte));
                labels.set(&self.target_label, &(hash % self.modulus).to_string());
            }
            Action::Lowercase => drop(labels.set(&self.target_label, &value.to_lowercase())),
            Action::Uppercase => drop(labels.set(&self.target_label, &value.to_uppercase())),
            Action::LabelMap => {
                let mapped = |(name, value): (&str, &str)| Some((self.expanded(&self.replacement, name)?, value.to_owned()));
                for (name, value) in labels.iter().filter_map(mapped).collect::<Vec<_>>() {
                    labels.set(&name, &value);
                }
            }
            Action::LabelDrop => labels.retain(|name| !self.regex.is_match(name)),
            Action::LabelKeep => labels.retain(|name| self.regex.is_match(name)),
        }
        true
    }

    fn replace(&self, value: &str, labels: &mut LabelSetBuilder) {
        if value.is_empty() && self.takes_all && !self.target_label.contains('$') && !self.replacement.contains('$') {
            labels.set(&self.target_label, &self.replacement);
            return;
        }
        let Some(captures) = self.regex.captures(value) else { return };
        let target = expand(&self.target_label, &captures);
        if self.scheme.is_label_name(&target) {
            labels.set(&target, &expand(&self.replacement, &captures));
        }
    }

    fn expanded(&self, template: &str, text: &str) -> Option<String> {
        Some(expand(template, &self.regex.captures(text)?))
    }
}

/// Two rules are equal when they were written alike.
impl PartialEq for RelabelRule {
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry && self.scheme == other.scheme
    }
}

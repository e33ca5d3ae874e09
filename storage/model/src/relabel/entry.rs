//! A relabelling rule as a file says it, and the checks that make it a rule (Prometheus 2.48 and 3, `relabel.Config.Validate`).

use serde::Deserialize;

use super::{Action, RelabelRule};
use crate::{anchored_regex, is_label_name};

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

/// One of `relabel_configs:` or `metric_relabel_configs:`
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelabelEntry {
    /// Labels whose values are joined.
    pub source_labels: Option<Vec<String>>,
    /// What stands between them; `;`.
    #[serde(deserialize_with = "text_or_null")]
    pub separator: Option<String>,
    /// What the joined values, or the labels' names, must match as a whole; `(.*)`.
    #[serde(deserialize_with = "text_or_null")]
    pub regex: Option<String>,
    /// Divisor of `hashmod`.
    pub modulus: Option<u64>,
    /// The label that is written or compared with.
    #[serde(deserialize_with = "text_or_null")]
    pub target_label: Option<String>,
    /// Its new value, with `$1` and `${name}` for groups; `$1`.
    #[serde(deserialize_with = "text_or_null")]
    pub replacement: Option<String>,
    /// What is done; `replace`.
    #[serde(deserialize_with = "text_or_null")]
    pub action: Option<String>,
}

/// A text that is there even when its value is null, which then is the empty text: as Go's YAML reader takes it.
fn text_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Which names labels may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum NameScheme {
    /// Any UTF-8 text (Prometheus 3).
    #[default]
    Utf8,
    /// `[a-zA-Z_][a-zA-Z0-9_]*` (Prometheus 2).
    Legacy,
}

/// A rule that cannot work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RelabelError {
    /// The action has no such name.
    #[error(
        "unknown relabel action \"{0}\"; wanted replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase or uppercase"
    )]
    UnknownAction(String),
    /// The regular expression does not compile.
    #[error("cannot compile the regular expression \"{pattern}\"")]
    Regex {
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// The action needs a key that is not there.
    #[error("the action {action} needs {needs}")]
    Missing {
        /// The action.
        action: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// The action has no use for a key that is there.
    #[error("the action {action} takes only {takes}; remove {extra}")]
    Extra {
        /// The action.
        action: &'static str,
        /// Keys that mean something.
        takes: &'static str,
        /// The first key that does not.
        extra: &'static str,
    },
    /// A label cannot have this name.
    #[error("\"{value}\" cannot be the {key} of the action {action}: no label has such a name")]
    LabelName {
        /// The action.
        action: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

impl RelabelError {
    /// The key at fault, if it is a single one that is there.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::UnknownAction(_) => Some("action"),
            Self::Regex { .. } => Some("regex"),
            Self::Missing { .. } => None,
            Self::Extra { extra, .. } => Some(extra),
            Self::LabelName { key, .. } => Some(key),
        }
    }
}

impl RelabelEntry {
    /// Checks and compiles the rule.
    pub fn check(&self, scheme: NameScheme) -> Result<RelabelRule, RelabelError> {
        let action = Action::parse(self.action.as_deref().unwrap_or("replace"))?;
        let rule = RelabelRule {
            source_labels: self.source_labels.clone().unwrap_or_default(),
            separator: self.separator.as_deref().unwrap_or(DEFAULT_SEPARATOR).to_owned(),
            regex: self.regex()?,
            takes_all: self.regex.is_none(),
            target_label: self.target_label.clone().unwrap_or_default(),
            replacement: self.replacement.as_deref().unwrap_or(DEFAULT_REPLACEMENT).to_owned(),
            modulus: self.modulus.unwrap_or(0),
            action,
            scheme,
            entry: self.clone(),
        };
        rule.check_target(scheme)?;
        self.check_keys(action)?;
        Ok(rule)
    }

    fn regex(&self) -> Result<regex::Regex, RelabelError> {
        let pattern = self.regex.as_deref().unwrap_or(DEFAULT_REGEX);
        anchored_regex(pattern).map_err(|source| RelabelError::Regex { pattern: pattern.to_owned(), source: Box::new(source) })
    }

    /// Keys that the action has no use for would be silently ignored.
    fn check_keys(&self, action: Action) -> Result<(), RelabelError> {
        let given = |value: &Option<String>, default: &str| value.as_ref().is_some_and(|value| value != default);
        let has_modulus = self.modulus.is_some_and(|modulus| modulus != 0);
        let (takes, extra) = match action {
            Action::KeepEqual | Action::DropEqual => (
                "source_labels and target_label",
                [
                    ("regex", self.regex.is_some()),
                    ("modulus", has_modulus),
                    ("separator", given(&self.separator, DEFAULT_SEPARATOR)),
                    ("replacement", given(&self.replacement, DEFAULT_REPLACEMENT)),
                ]
                .to_vec(),
            ),
            Action::Lowercase | Action::Uppercase => {
                ("source_labels, separator and target_label", [("replacement", given(&self.replacement, DEFAULT_REPLACEMENT))].to_vec())
            }
            Action::LabelDrop | Action::LabelKeep => (
                "regex",
                [
                    ("source_labels", self.source_labels.is_some()),
                    ("target_label", given(&self.target_label, "")),
                    ("modulus", has_modulus),
                    ("separator", given(&self.separator, DEFAULT_SEPARATOR)),
                    ("replacement", given(&self.replacement, DEFAULT_REPLACEMENT)),
                ]
                .to_vec(),
            ),
            _ => return Ok(()),
        };
        match extra.into_iter().find(|(_, is_given)| *is_given) {
            Some((extra, _)) => Err(RelabelError::Extra { action: action.as_str(), takes, extra }),
            None => Ok(()),
        }
    }
}

impl RelabelRule {
    /// The rule as it was written.
    pub fn entry(&self) -> &RelabelEntry {
        &self.entry
    }

    fn check_target(&self, scheme: NameScheme) -> Result<(), RelabelError> {
        let action = self.action.as_str();
        if self.action == Action::HashMod && self.modulus == 0 {
            return Err(RelabelError::Missing { action, needs: "a modulus above zero" });
        }
        let invalid = |key, value: &str| RelabelError::LabelName { action, key, value: value.to_owned() };
        match self.action {
            Action::Keep | Action::Drop | Action::LabelDrop | Action::LabelKeep => Ok(()),
            Action::LabelMap if !scheme.is_label_template(&self.replacement) => Err(invalid("replacement", &self.replacement)),
            Action::LabelMap => Ok(()),
            _ if self.target_label.is_empty() => Err(RelabelError::Missing { action, needs: "a target_label" }),
            Action::Replace if self.target_label.contains('$') && scheme.is_label_template(&self.target_label) => Ok(()),
            _ if !scheme.is_label_name(&self.target_label) => Err(invalid("target_label", &self.target_label)),
            _ => Ok(()),
        }
    }
}

impl NameScheme {
    /// Whether a label may be called that.
    pub fn is_label_name(self, text: &str) -> bool {
        match self {
            Self::Utf8 => !text.is_empty(),
            Self::Legacy => is_label_name(text),
        }
    }

    /// Whether groups in this text could make it a label's name.
    fn is_label_template(self, text: &str) -> bool {
        let name_with_groups = r"(?-u)(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+";
        match self {
            Self::Utf8 => !text.is_empty(),
            Self::Legacy => regex::Regex::new(&format!("^{name_with_groups}$")).is_ok_and(|regex| regex.is_match(text)),
        }
    }
}

impl Action {
    fn parse(text: &str) -> Result<Self, RelabelError> {
        let all = [
            Self::Replace,
            Self::Keep,
            Self::Drop,
            Self::KeepEqual,
            Self::DropEqual,
            Self::HashMod,
            Self::LabelMap,
            Self::LabelDrop,
            Self::LabelKeep,
            Self::Lowercase,
            Self::Uppercase,
        ];
        let wanted = text.to_lowercase();
        all.into_iter().find(|action| action.as_str() == wanted).ok_or_else(|| RelabelError::UnknownAction(text.to_owned()))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }
}

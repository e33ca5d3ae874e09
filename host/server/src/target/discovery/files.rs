//! Targets from JSON and YAML files. A file that is broken keeps the targets that it held when it was good; one that is gone has none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::DiscoveryError;
use crate::config::load_document;
use crate::glob::matching_files;
use crate::target::TargetGroup;
use crate::target::group::WrittenGroup;

/// Files of some patterns.
pub(super) struct Files {
    patterns: Vec<String>,
    known: BTreeMap<PathBuf, Known>,
}

/// What a look brought.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Whether targets are others than before.
    pub(super) has_changed: bool,
    /// Files that were not taken.
    pub(super) errors: Vec<DiscoveryError>,
}

struct Known {
    /// When and how large it was when it was read.
    state: Option<(SystemTime, u64)>,
    groups: Vec<TargetGroup>,
}

impl Files {
    pub(super) fn new(patterns: &[PathBuf]) -> Self {
        Self { patterns: patterns.iter().map(|pattern| pattern.to_string_lossy().into_owned()).collect(), known: BTreeMap::new() }
    }

    /// Reads files that have changed, or all of them.
    pub(super) fn look(&mut self, reads_all: bool) -> Look {
        let mut looked = Look::default();
        let found: Vec<PathBuf> = self.patterns.iter().flat_map(|pattern| matching_files(pattern)).collect();
        let before = self.known.len();
        self.known.retain(|path, _| found.contains(path));
        looked.has_changed = self.known.len() != before;
        for path in found {
            let state = state(&path);
            let known = self.known.get(&path);
            let is_same = known.is_some_and(|known| known.state.is_some() && known.state == state);
            if is_same && !reads_all {
                continue;
            }
            match read(&path) {
                Ok(groups) => {
                    looked.has_changed |= known.is_none_or(|known| known.groups != groups);
                    self.known.insert(path, Known { state, groups });
                }
                Err(error) => {
                    // Once per change of the file, not once per look.
                    if !is_same {
                        looked.errors.push(error);
                    }
                    self.known.entry(path).or_insert(Known { state: None, groups: Vec::new() }).state = state;
                }
            }
        }
        looked
    }

    /// All targets.
    pub(super) fn groups(&self) -> Vec<TargetGroup> {
        self.known.values().flat_map(|known| known.groups.iter().cloned()).collect()
    }
}

fn state(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<Vec<TargetGroup>, DiscoveryError> {
    let name = path.to_string_lossy();
    let written: Vec<Option<WrittenGroup>> = if name.to_ascii_lowercase().ends_with(".json") {
        let fail = |problem: String| DiscoveryError::File { path: path.to_owned(), problem: format!("{name}: {problem}") };
        let text = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| fail(format!("it holds no list of targets: {error}")))?
    } else {
        load_document(path)?.file
    };
    let mut groups = Vec::new();
    for (index, group) in written.into_iter().enumerate() {
        let Some(group) = group else {
            return Err(DiscoveryError::File { path: path.to_owned(), problem: format!("{name}: entry {} is empty", index + 1) });
        };
        groups.push(group.into_group(format!("{name}:{index}"), ("__meta_filepath", &name)));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_keeps_what_it_held_and_a_lost_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (json, yaml) = (dir.path().join("a.json"), dir.path().join("b.yml"));
        std::fs::write(&json, r#"[{"targets": ["a:1", "a:2"], "labels": {"zone": "x"}}]"#).unwrap();
        std::fs::write(&yaml, "- targets: ['b:1']\n").unwrap();
        let mut files = Files::new(&[dir.path().join("*.json"), dir.path().join("*.yml")]);
        let targets = |files: &Files| files.groups().iter().map(|group| group.targets.len()).sum::<usize>();
        assert!(files.look(false).has_changed);
        assert_eq!(targets(&files), 3);
        let first = &files.groups()[0];
        assert_eq!(first.labels.get("__meta_filepath"), json.to_str());
        assert_eq!((first.labels.get("zone"), first.targets[1].get("__address__")), (Some("x"), Some("a:2")));
        assert!(!files.look(false).has_changed && !files.look(true).has_changed);

        std::fs::write(&json, r#"[{"targets": "none"}]"#).unwrap();
        let looked = files.look(false);
        assert!(!looked.has_changed && looked.errors.len() == 1);
        assert!(looked.errors[0].to_string().contains("a.json: it holds no list of targets"), "{}", looked.errors[0]);
        assert!(files.look(false).errors.is_empty(), "a broken file is reported once");
        std::fs::write(&yaml, "- targest: []\n").unwrap();
        let message = files.look(false).errors[0].to_string();
        assert!(message.contains("b.yml:1:3: unknown key \"targest\"; did you mean \"targets\"?"), "{message}");
        assert_eq!(targets(&files), 3);

        std::fs::remove_file(&json).unwrap();
        assert!(files.look(false).has_changed);
        assert_eq!(targets(&files), 1);
    }
}

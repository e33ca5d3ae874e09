//! The sources as the tidy tests see them: files below the visible folders, without what builds leave behind.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that a build or a running cepmon makes.
const NOT_SOURCES: [&str; 3] = ["target", "data", "node_modules"];

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// All files below the root whose name ends so, as paths from the root, sorted. Hidden ones are not among them.
pub(crate) fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    let mut found: Vec<PathBuf> = found
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| path.strip_prefix(root()).unwrap().to_path_buf())
        .collect();
    found.sort();
    found
}

/// The text of a file, by its path from the root.
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Fails with one line per problem, so that all are seen at once.
pub(crate) fn assert_none(what: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{what}:\n  {}", problems.join("\n  "));
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') || NOT_SOURCES.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

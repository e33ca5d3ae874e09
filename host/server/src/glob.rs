//! Files that match a glob, without a watcher: a walk from the part of the pattern that holds no wildcard.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// A pattern that matches more is a mistake, and every file costs a handle.
const MAX_FILES: usize = 1_000;
/// Directories below the fixed part that are looked into.
const MAX_DEPTH: usize = 16;

/// Files (not directories) that match, sorted, at most a thousand. What cannot be read is left out.
pub(crate) fn matching_files(pattern: &str) -> Vec<PathBuf> {
    let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() else { return Vec::new() };
    let wildcard = pattern.find(['*', '?', '[', '{']);
    let Some(wildcard) = wildcard else {
        let path = PathBuf::from(pattern);
        return if path.is_file() { vec![path] } else { Vec::new() };
    };
    let fixed = pattern[..wildcard].rfind('/').map_or("", |end| &pattern[..=end]);
    let mut found = Vec::new();
    walk(Path::new(if fixed.is_empty() { "." } else { fixed }), fixed.is_empty(), &glob.compile_matcher(), 0, &mut found);
    found.sort();
    found
}

fn walk(directory: &Path, is_relative: bool, glob: &GlobMatcher, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if found.len() >= MAX_FILES {
            return;
        }
        let path = entry.path();
        let path = if is_relative { path.strip_prefix(".").unwrap_or(&path).to_owned() } else { path };
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth < MAX_DEPTH {
            walk(&path, false, glob, depth + 1, found);
        } else if glob.is_match(&path) && path.is_file() {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_directory_and_double_stars_do_not() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        for name in ["x.log", "x.txt", "a/y.log", "a/b/z.log"] {
            std::fs::write(root.path().join(name), "").unwrap();
        }
        let f = |pattern: &str, want: &[&str]| {
            let found = matching_files(&root.path().join(pattern).to_string_lossy());
            let want: Vec<_> = want.iter().map(|name| root.path().join(name)).collect();
            assert_eq!(found, want, "{pattern}");
        };
        f("*.log", &["x.log"]);
        f("**/*.log", &["a/b/z.log", "a/y.log", "x.log"]);
        f("a/y.log", &["a/y.log"]);
        f("none.log", &[]);
        f("{x,y}.txt", &["x.txt"]);
    }
}

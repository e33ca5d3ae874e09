//! What can be seen of the plugin folders without reading a file, so that a server notices changes by looking every second. Looking is
//! a dozen `stat` calls and works on every file system; a notifier would see half-written files sooner, which nobody wants. That a
//! change is complete, the caller knows when two looks in a row see the same.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::lock::{BUNDLED_LOCK, OPERATOR_LOCK, wasm_files};

/// Names, sizes, times and inodes of plugins and lock files. Staged files are not part of it: they count once the lock says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderState(Vec<(PathBuf, Option<Look>)>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    size: u64,
    modified: (i64, i64),
    inode: u64,
}

impl FolderState {
    pub(crate) fn of(folders: &[&Path]) -> Self {
        let locks = folders.iter().flat_map(|folder| [folder.join(OPERATOR_LOCK), folder.join(BUNDLED_LOCK)]);
        // A folder that cannot be read looks like an empty one; the reload that follows says why.
        let files = folders.iter().flat_map(|folder| wasm_files(folder).unwrap_or_default());
        Self(
            locks
                .chain(files)
                .map(|path| {
                    let look = look(&path);
                    (path, look)
                })
                .collect(),
        )
    }
}

fn look(path: &Path) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Look { size: metadata.size(), modified: (metadata.mtime(), metadata.mtime_nsec()), inode: metadata.ino() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_a_new_one_and_a_changed_lock_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        let state = || FolderState::of(&[&plugins]);
        let mut seen = vec![state()];
        std::fs::create_dir(&plugins).unwrap();
        assert_eq!(state(), seen[0], "an empty folder is like none");
        for (name, text) in [("a.wasm", "1"), ("a.wasm", "12"), ("plugins.lock", "x"), ("b.wasm", "")] {
            std::fs::write(plugins.join(name), text).unwrap();
            let now = state();
            assert!(!seen.contains(&now), "{name}");
            seen.push(now);
        }
        std::fs::write(plugins.join("README.md"), "x").unwrap();
        std::fs::create_dir(plugins.join(".staging")).unwrap();
        std::fs::write(plugins.join(".staging/c.wasm"), "x").unwrap();
        assert_eq!(state(), *seen.last().unwrap());
        // The same size at the same time is still another file.
        std::fs::write(plugins.join("new"), "12").unwrap();
        std::fs::rename(plugins.join("new"), plugins.join("a.wasm")).unwrap();
        assert_ne!(state(), *seen.last().unwrap());
    }
}
